"""Which files of a store to read: sealed segments, live journals, and what is damaged and set aside."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from fr_schema.ids import day_of_trace, trace_time_us
from fr_schema.layout import BLOBS, EVENTS, MANIFESTS, QUARANTINE, TABLES, manifest_path, parse_segment_file

from .capture import journal_files, manifests_of, read_manifest, rewrites, seal_dead_journals, trace_of_journal
from .current_files import current_files

__all__ = ["LARGE_BYTES", "Segments", "find_segments", "lost_files", "missing_files", "segments_of_run", "set_aside"]

_DAY = "day="
_MAGIC = b"PAR1"
_SMALLEST_PARQUET_BYTES = 12
LARGE_BYTES = 128 << 20
"""Files from this size on are large enough: no compaction takes them up."""

_CLOCKS_APART_S = 10.0
"""How far the clock of a file system may be behind the one that makes trace ids."""


@dataclass(slots=True)
class Segments:
    """The readable files of a store.

    Attributes:
        files: by table and day (``YYYY-MM-DD``), paths of sealed Parquet files.
        journals: journal files that are not sealed: of living processes, or of dead ones when the store cannot be written.
        notes: one line per file that was set aside or read in part; the answer of a command that has notes is incomplete.
        replaced: how many files are there still, but are not read any more, since a compaction or expiry has put others in their place.
        only_days: the days that were asked for; None for all.
        only_tables: the tables for which that counts.
    """

    files: dict[str, dict[str, list[str]]] = field(default_factory=lambda: {table: {} for table in TABLES})
    journals: list[tuple[str, int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    replaced: int = 0
    only_days: frozenset[str] | None = None
    only_tables: tuple[str, ...] = TABLES

    def paths(self, table: str, days: frozenset[str] | None = None) -> list[str]:
        """All files of a table, or those of some days, oldest day first."""
        return [path for day, paths in sorted(self.files[table].items()) if days is None or day in days for path in paths]

    def of_days(self, days: frozenset[str], tables: tuple[str, ...] = TABLES) -> Segments:
        """The same store with only these days' sealed files, of some tables, and all of the others; journals and notes are shared."""
        files = {
            table: {day: paths for day, paths in by_day.items() if table not in tables or day in days}
            for table, by_day in self.files.items()
        }
        return Segments(files, self.journals, self.notes, self.replaced, days, tables)

    def list_again(self, store: str) -> bool:
        """List the store anew when files of this listing are not there any more. True when it was; raises OSError."""
        if all(os.path.exists(path) for table in TABLES for path in self.paths(table)):
            return False
        fresh = find_segments(store)
        narrow = fresh if self.only_days is None else fresh.of_days(self.only_days, self.only_tables)
        self.files, self.journals, self.replaced = narrow.files, narrow.journals, narrow.replaced
        self.notes += [note for note in narrow.notes if note not in self.notes]
        return True

    def add_sealed(self, store: str, writer: str, seq: int) -> None:
        """Add the files of a segment that was sealed since the store was listed, of the days that are read here."""
        for name in read_manifest(manifest_path(store, writer, seq)).files:
            table, folder, _ = name.split("/")
            of_day = self.files[table].setdefault(folder.removeprefix(_DAY), [])
            path = os.path.join(store, name)
            if path not in of_day:
                of_day.append(path)

    @property
    def days(self) -> list[str]:
        """The days that have sealed events, oldest first."""
        return sorted(self.files[EVENTS])

    @property
    def count(self) -> int:
        """How many sealed files there are."""
        return sum(len(paths) for by_day in self.files.values() for paths in by_day.values())

    @property
    def joinable(self) -> int:
        """How many files fewer there would be if each day had one of each table."""
        return self.count - sum(len(by_day) for by_day in self.files.values())

    def small_files(self) -> int:
        """How many files a compaction would take up. Asks for the size of each."""
        paths = [path for table in TABLES for path in self.paths(table)]
        return sum(1 for path in paths if os.path.exists(path) and os.path.getsize(path) < LARGE_BYTES)


def find_segments(store: str) -> Segments:
    """Seal what dead processes left, then list what can be read. Raises OSError when the store cannot be read at all."""
    segments = Segments()
    _seal_what_is_dead(store, segments)
    segments.journals = [
        (writer, seq, path) for writer, seq, path in journal_files(store) if not os.path.exists(manifest_path(store, writer, seq))
    ]
    unsealed = {(writer, seq) for writer, seq, _ in segments.journals}
    for table in TABLES:
        root = os.path.join(store, table)
        for folder in sorted(os.listdir(root)) if os.path.isdir(root) else ():
            if folder.startswith(_DAY):
                _add_files(store, table, folder, unsealed, segments)
    return segments


def _add_files(
    store: str, table: str, folder: str, unsealed: set[tuple[str, int]], segments: Segments, *, since: float | None = None
) -> None:
    """List one day's readable files of a table, all or those written since a time; damaged ones are set aside."""
    listed = current_files(store, table, folder)
    segments.notes += [note for note in listed.notes if note not in segments.notes]
    segments.replaced += len(listed.replaced)
    for name in listed.names:
        path = os.path.join(store, table, folder, name)
        if parse_segment_file(name) in unsealed or (since is not None and os.path.getmtime(path) < since):
            continue
        fault = fault_of_parquet(path)
        if fault is None:
            segments.files[table].setdefault(folder.removeprefix(_DAY), []).append(path)
        elif os.path.exists(path):
            segments.notes.append(set_aside(store, path, fault))


def segments_of_run(store: str, trace: str) -> Segments:
    """The files that can hold rows of a run that has just ended: its journals, and what was sealed on its day since it began.

    By whomever: another command may have sealed the journal of a child that ended while the run went on.
    """
    segments = Segments(journals=[found for found in journal_files(store) if _is_of(found[2], trace)])
    unsealed = {(writer, seq) for writer, seq, _ in segments.journals}
    begun = trace_time_us(trace) / 1e6 - _CLOCKS_APART_S
    for table in TABLES:
        _add_files(store, table, f"{_DAY}{day_of_trace(trace)}", unsealed, segments, since=begun)
    return segments


def lost_files(store: str, run: str, writers: Collection[str]) -> list[str]:
    """Sealed files of a run that manifests name and that are not there any more, relative to the store.

    Args:
        writers: those of which something is there. Of the others only manifests are read that lack a file of either table.
    """
    replaced = rewrites.replaced_files(store)
    known = {table: [*_paths_below(store, table), *(path for path in replaced if path.startswith(table))] for table in TABLES}
    there = {table: {parse_segment_file(os.path.basename(path)) for path in paths} for table, paths in known.items()}
    root = os.path.join(store, MANIFESTS)
    lost = []
    for writer in sorted(os.listdir(root)) if os.path.isdir(root) else ():
        for path in manifests_of(store, writer):
            segment = (writer, int(os.path.splitext(os.path.basename(path))[0]))
            if writer in writers or any(segment not in found for found in there.values()):
                manifest = read_manifest(path)
                if manifest.run == run:
                    lost += missing_files(store, manifest.files, replaced)
    return list(dict.fromkeys(lost))


def missing_files(store: str, names: Iterable[str], replaced: dict[str, rewrites.Rewrite] | None = None) -> list[str]:
    """Those of some sealed files, relative to the store, that are not there, and neither is what a compaction put in their place."""
    gone = [name for name in names if not os.path.exists(os.path.join(store, name))]
    if gone and replaced is None:
        replaced = rewrites.replaced_files(store)
    current = dict.fromkeys(found for name in gone for found in rewrites.standing_in(name, replaced or {}))
    return [name for name in current if not os.path.exists(os.path.join(store, name))]


def _paths_below(store: str, table: str) -> Iterator[str]:
    for folder, _, names in os.walk(os.path.join(store, table)):
        yield from (os.path.join(folder, name) for name in names)


def _is_of(journal: str, trace: str) -> bool:
    try:
        return trace_of_journal(journal) == trace
    except FileNotFoundError:
        # Sealed by another command in this moment.
        return False


def _seal_what_is_dead(store: str, segments: Segments) -> None:
    try:
        for sealed in seal_dead_journals(store):
            if sealed.damage:
                kept = os.path.relpath(sealed.kept, store) if sealed.kept else "nowhere"
                segments.notes.append(
                    f"{os.path.relpath(sealed.journal, store)} is damaged: {'; '.join(sealed.damage[:3])};"
                    f" what could be read of it is in the store, and the damaged file itself in {kept}"
                )
    except OSError as error:
        # A store on a read-only disk is read as it is; its dead journals are read in place.
        if not os.access(store, os.W_OK):
            return
        segments.notes.append(f"journals of ended processes could not be sealed: {error}")


def fault_of_parquet(path: str) -> str | None:
    """Why a file cannot be a whole Parquet file; None when its ends look right. Reads its first and last bytes only."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _SMALLEST_PARQUET_BYTES:
                return f"it has only {size} bytes"
            head = file.read(4)
            file.seek(-8, os.SEEK_END)
            footer = file.read(8)
    except OSError as error:
        return str(error)
    if head != _MAGIC:
        return "it does not begin as a Parquet file"
    if footer[4:] != _MAGIC:
        return "its end is missing"
    if int.from_bytes(footer[:4], "little") > size - _SMALLEST_PARQUET_BYTES:
        return "its footer is damaged"
    return None


def set_aside(store: str, path: str, fault: str) -> str:
    """Move a damaged Parquet file to quarantine, whole; returns what to tell. Where it cannot be moved it is left out."""
    relative = os.path.relpath(path, store)
    folder = os.path.join(store, QUARANTINE)
    try:
        os.makedirs(folder, exist_ok=True)
        kept = _free_name(os.path.join(folder, relative.replace(os.sep, "-")))
        os.rename(path, kept)
    except OSError as error:
        return f"{relative} cannot be read ({fault}) and was left out; it could not be set aside: {error}"
    what = "content is" if relative.startswith(BLOBS) else "events are"
    return f"{relative} cannot be read ({fault}) and was set aside as {os.path.relpath(kept, store)}; its {what} missing from this answer"


def _free_name(path: str) -> str:
    """A path at which nothing is yet: what lies in quarantine is never written over."""
    return next(name for name in (path, *(f"{path}.{number}" for number in range(2, 1_000_000))) if not os.path.exists(name))
