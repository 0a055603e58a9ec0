"""Sealing: a journal that will not grow any more becomes Parquet files and a manifest.

Order of steps, so that a crash between any two of them loses nothing and shows nothing twice: Parquet files under
temporary names, synced; renamed; the manifest, which commits the segment; only then is the journal removed. Until the manifest
is there, readers take the journal and leave Parquet files of the same name aside. Sealing twice gives the same names.

The only module of this room that imports pyarrow, inside its functions: it runs in the launcher and in ``fr`` commands,
never in the agent's start path.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fr_schema.ids import day_of_trace
from fr_schema.layout import BLOBS, EVENTS, JOURNAL, MANIFESTS, QUARANTINE, journal_path, manifest_path, segment_path
from fr_schema.version import FORMAT_VERSION, PACKAGE_VERSION

from .journal import sync_folder

if TYPE_CHECKING:
    from fr_schema.fold import Blob, FoldedJournal
    from fr_schema.frames import Damage

__all__ = [
    "EarlierBlobs",
    "Manifest",
    "Origin",
    "Sealed",
    "SealedBlobs",
    "journal_files",
    "manifests_of",
    "read_manifest",
    "seal_dead_journals",
    "seal_journal",
    "trace_of_journal",
    "write_segment",
]

_ROW_GROUP = {EVENTS: 65_536, BLOBS: 8_192}
_BLOOM_COLUMNS = {EVENTS: ("record_id", "ext_trace_id"), BLOBS: ("blob_id",)}
_NO_DICTIONARY = frozenset(("data", "record_id", "blob_id", "span_id"))


class Sealed(NamedTuple):
    """What became of one journal file.

    Attributes:
        journal: its path.
        rows: events sealed.
        files: Parquet files written, relative to the store.
        damage: what could not be read of it, in words; the damaged original then lies in ``kept``.
        kept: path in quarantine, or None.
    """

    journal: str
    rows: int
    files: list[str]
    damage: list[str]
    kept: str | None


def journal_files(store: str) -> Iterator[tuple[str, int, str]]:
    """Writer, sequence number and path of every journal file, oldest writer first."""
    root = os.path.join(store, JOURNAL)
    try:
        writers = sorted(os.listdir(root))
    except FileNotFoundError:
        return
    for writer in writers:
        folder = os.path.join(root, writer)
        if not os.path.isdir(folder):
            continue
        for name in sorted(os.listdir(folder)):
            stem, extension = os.path.splitext(name)
            if extension == ".frj" and stem.isdigit():
                yield writer, int(stem), os.path.join(folder, name)


def seal_dead_journals(store: str, *, trace: str | None = None) -> list[Sealed]:
    """Seal every journal file whose process is gone (of one run, when ``trace`` is given). Raises OSError."""
    sealed = []
    for writer, seq, path in list(journal_files(store)):
        try:
            if trace is not None and trace_of_journal(path) != trace:
                continue
            done = seal_journal(store, writer, seq, path)
        except FileNotFoundError:
            continue
        if done is not None:
            sealed.append(done)
    return sealed


def seal_journal(store: str, writer: str, seq: int, path: str) -> Sealed | None:
    """Seal one journal file; None when its process lives, or another sealer has it. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        if os.fstat(descriptor).st_nlink == 0:
            return None
        if os.path.exists(manifest_path(store, writer, seq)):
            _remove_journal(path)
            return None
        with os.fdopen(os.dup(descriptor), "rb") as file:
            data = file.read()
        return _seal(store, writer, seq, path, data)
    finally:
        os.close(descriptor)


def _seal(store: str, writer: str, seq: int, path: str, data: bytes) -> Sealed:
    from fr_schema.fold import fold_journal
    from fr_schema.rows import RowBuilder

    folded = fold_journal(data)
    builder = RowBuilder(folded, EarlierBlobs(store, writer, path), writer=writer, continued=_is_continued(store, writer, seq, folded))
    events = builder.event_rows()
    blobs = builder.blob_rows()
    kept = _quarantine(store, writer, seq, path) if builder.damage else None
    origin = Origin(folded.header.get("run"), folded.closed is not None, builder.damage, kept)
    files = write_segment(store, writer, seq, events, blobs, origin)
    _remove_journal(path)
    damage = [f"{d.reason} ({d.length} bytes at {d.offset})" if d.offset >= 0 else d.reason for d in builder.damage]
    return Sealed(path, len(events), files, damage, kept)


class Origin(NamedTuple):
    """Where the rows of a segment come from.

    Attributes:
        run: the run that they are of, or None.
        closed: the process ended in order.
        damage: what could not be read.
        kept: path in quarantine of what was damaged, or None.
    """

    run: str | None
    closed: bool
    damage: Sequence[Damage] = ()
    kept: str | None = None


def write_segment(
    store: str, writer: str, seq: int, events: list[dict[str, Any]], blobs: list[dict[str, Any]], origin: Origin
) -> list[str]:
    """Write the files of a segment and, at last, the manifest that commits it; returns the files, relative to the store. Raises OSError."""
    files = [
        *_write_table(store, EVENTS, writer, seq, events, "trace_id"),
        *_write_table(store, BLOBS, writer, seq, blobs, "first_trace_id"),
    ]
    _write_manifest(store, writer, seq, origin, files, len(events), len(blobs))
    return [name for name, _ in files]


def _is_continued(store: str, writer: str, seq: int, folded: FoldedJournal) -> bool:
    """True when the next file of the writer repeats what this one leaves open. A kill may come between the two."""
    if folded.closed is None or folded.closed.get("next") is None:
        return False
    try:
        return os.path.exists(manifest_path(store, writer, seq + 1)) or trace_of_journal(journal_path(store, writer, seq + 1)) is not None
    except FileNotFoundError:
        return False


class SealedBlobs:
    """Finds blobs in the sealed files of one writer. Files are read when a blob is asked for, newest first, and no further than to it."""

    def __init__(self, store: str, writer: str) -> None:
        self._store = store
        self._found: dict[bytes, Blob] = {}
        self._unread = iter(_sealed_blob_files(store, writer))

    def __call__(self, blob_id: bytes) -> Blob | None:
        while blob_id not in self._found:
            path = next(self._unread, None)
            if path is None:
                return None
            self._found.update(_blobs_in(path))
        return self._found[blob_id]


class EarlierBlobs:
    """Finds blobs that a writer stored in another file than its own ``own``: still a journal, or sealed already."""

    def __init__(self, store: str, writer: str, own: str) -> None:
        self._store = store
        self._writer = writer
        self._own = own
        self._unsealed: dict[bytes, Blob] | None = None
        self._sealed = SealedBlobs(store, writer)

    def __call__(self, blob_id: bytes) -> Blob | None:
        if self._unsealed is None:
            self._unsealed = dict(self._load())
        return self._unsealed.get(blob_id) or self._sealed(blob_id)

    def _load(self) -> Iterator[tuple[bytes, Blob]]:
        """Blobs of the writer's other journal files."""
        from fr_schema.fold import fold_journal

        for writer, _, path in journal_files(self._store):
            if writer != self._writer or path == self._own:
                continue
            try:
                with open(path, "rb") as file:
                    data = file.read()
            except FileNotFoundError:
                # Sealed by another command in this moment.
                continue
            yield from fold_journal(data).blobs.items()


def _sealed_blob_files(store: str, writer: str) -> Iterator[str]:
    """Paths of a writer's sealed blob files, newest first."""
    for manifest in reversed(manifests_of(store, writer)):
        for path in read_manifest(manifest).files:
            if path.startswith(BLOBS + "/"):
                yield os.path.join(store, path)


def manifests_of(store: str, writer: str) -> list[str]:
    """Paths of a writer's manifests, oldest first."""
    folder = os.path.join(store, MANIFESTS, writer)
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".json")] if os.path.isdir(folder) else []


def _blobs_in(path: str) -> dict[bytes, Blob]:
    """The blobs of a sealed file; none when it is damaged, or set aside for it: what needs them says so itself."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from fr_schema.fold import Blob

    try:
        table = pq.read_table(path, columns=["blob_id", "kind", "data", "first_trace_id"], partitioning=None)
    except (OSError, pa.ArrowException):
        return {}
    return {row["blob_id"]: Blob(row["kind"], row["data"], row["first_trace_id"], 0) for row in table.to_pylist()}


class Manifest(NamedTuple):
    """What a manifest says: the run that the segment is of (None outside of ``fr record``), and its files, relative to the store."""

    run: str | None
    files: list[str]


def read_manifest(path: str) -> Manifest:
    """Read a manifest; one that cannot be read names nothing."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        return Manifest(found.get("run"), [str(entry["path"]) for entry in found["files"]])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Manifest(None, [])


def trace_of_journal(path: str) -> str | None:
    """The trace in a journal's header, which stands in its first frame; None when that cannot be read. Raises OSError."""
    from fr_schema.frames import HEADER, MAX_PAYLOAD_BYTES, EventRecord, Frame, read_frames, read_records

    with open(path, "rb") as file:
        head = file.read(HEADER.size)
        length = HEADER.unpack(head)[1] if len(head) == HEADER.size else 0
        head += file.read(min(length, MAX_PAYLOAD_BYTES))
    frame = next(iter(read_frames(head)), None)
    record = next(iter(read_records(frame)), None) if isinstance(frame, Frame) else None
    if not isinstance(record, EventRecord) or record.event.get("t") != "header":
        return None
    return str(record.event.get("trace"))


def _write_table(store: str, table: str, writer: str, seq: int, rows: list[dict[str, Any]], trace_column: str) -> list[tuple[str, int]]:
    """Write one table's rows, a file per day; returns relative paths and row counts."""
    by_day: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_day.setdefault(day_of_trace(row[trace_column].hex()), []).append(row)
    written = []
    for day, of_day in sorted(by_day.items()):
        path = segment_path(store, table, day, writer, seq)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_parquet(path, table, sorted(of_day, key=_order_of(table)))
        written.append((os.path.relpath(path, store), len(of_day)))
    return written


def _order_of(table: str) -> Any:
    if table == BLOBS:
        return lambda row: (row["first_trace_id"], row["blob_id"])
    return lambda row: (row["trace_id"], row["seq"], row["kind"])


def write_parquet(path: str, table: str, rows: list[dict[str, Any]]) -> None:
    """Write rows to a Parquet file that appears whole or not at all, synced. Raises OSError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from fr_schema.arrow_types import BLOBS_SCHEMA, EVENTS_SCHEMA

    schema = EVENTS_SCHEMA if table == EVENTS else BLOBS_SCHEMA
    batch = pa.Table.from_pylist(rows, schema=schema)
    temporary = f"{path}.{os.getpid()}.tmp"
    dictionary = [
        f.name for f in schema if f.name not in _NO_DICTIONARY and not pa.types.is_map(f.type) and not pa.types.is_floating(f.type)
    ]
    blooms = {name: {"ndv": max(len(rows), 1), "fpp": 0.01} for name in _BLOOM_COLUMNS[table]} if len(rows) >= 64 else None
    try:
        with pq.ParquetWriter(
            temporary,
            schema,
            compression="zstd",
            compression_level=3,
            use_dictionary=_leaf_names(schema, dictionary),
            write_page_index=True,
            write_statistics=[name for name in batch.schema.names if name != "data"],
            store_schema=False,
            bloom_filter_options=blooms,
        ) as writer:
            writer.write_table(batch, row_group_size=_ROW_GROUP[table])
            writer.add_key_value_metadata({key.decode(): value.decode() for key, value in schema.metadata.items()})
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path))


def _leaf_names(schema: Any, names: Iterable[str]) -> list[str]:
    """Parquet's own names of the columns: those of lists carry the path to their elements."""
    import pyarrow as pa

    leaves = []
    for name in names:
        kind = schema.field(name).type
        if pa.types.is_list(kind):
            inner = kind.value_type
            leaves += [f"{name}.list.element.{f.name}" for f in inner] if pa.types.is_struct(inner) else [f"{name}.list.element"]
        else:
            leaves.append(name)
    return leaves


def _write_manifest(
    store: str,
    writer: str,
    seq: int,
    origin: Origin,
    files: list[tuple[str, int]],
    events: int,
    blobs: int,
) -> None:
    """The commit point of a segment: what was written, with digests, and what came before."""
    path = manifest_path(store, writer, seq)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    before = manifest_path(store, writer, seq - 1)
    manifest = {
        "format": FORMAT_VERSION,
        "made_by": f"fr {PACKAGE_VERSION}",
        "writer": writer,
        "seq": seq,
        "sealed_at": int(time.time() * 1e6),
        "events": events,
        "blobs": blobs,
        "run": origin.run,
        "closed_in_order": origin.closed,
        "files": [
            {
                "path": name,
                "rows": rows,
                "sha256": digest_of(os.path.join(store, name)),
                "bytes": os.path.getsize(os.path.join(store, name)),
            }
            for name, rows in files
        ],
        "damage": [{"offset": d.offset, "length": d.length, "reason": d.reason} for d in origin.damage],
        "quarantine": os.path.relpath(origin.kept, store) if origin.kept else None,
        "previous": digest_of(before) if os.path.exists(before) else None,
    }
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)
    sync_folder(os.path.dirname(path))


def digest_of(path: str) -> str:
    """SHA-256 of a file's bytes, hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _quarantine(store: str, writer: str, seq: int, path: str) -> str:
    """Keep a damaged journal whole, where no tool deletes it."""
    folder = os.path.join(store, QUARANTINE)
    os.makedirs(folder, exist_ok=True)
    kept = os.path.join(folder, f"{writer}-{seq:06d}.frj")
    if not os.path.exists(kept):
        os.link(path, kept)
    return kept


def _remove_journal(path: str) -> None:
    os.unlink(path)
    try:
        os.rmdir(os.path.dirname(path))
    except OSError:
        # The writer has further files here.
        return
