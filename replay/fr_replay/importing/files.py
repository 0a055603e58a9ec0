"""Importing a file: parsed, redacted and written as segments of a store; a file that was imported before is noticed."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

from fr_schema.errors import BadInput
from fr_schema.ids import day_of_trace, new_writer_id
from fr_schema.version import FORMAT_VERSION

from ..capture import ContentStore, Encoder, Keys, Opener, Origin, keys_of_store, open_store, redactor_in_force, write_segment
from ..store import open_store as open_for_reading
from .events import encode_trace
from .rows import imported_rows
from .source import Parser, SourceError, SourceTrace

__all__ = ["FORMATS", "Format", "Imported", "Importer", "format_named"]

MOST_BYTES = 1 << 30
"""A larger file is refused: it is read whole."""

UNFORESEEN = "is laid out in a way that its reader did not foresee"

_SEGMENT_BYTES = 64 << 20
_ROW_BYTES = 2_000
_PART_BYTES = 400
"""About what a row takes in memory, and a row's mention of a part."""


class Format(NamedTuple):
    """One row: a format.

    Attributes:
        name: as typed.
        module: in this package; has ``parse``.
        doc: what it is.
    """

    name: str
    module: str
    doc: str


FORMATS = (
    Format("vcr", "vcr", "vcrpy cassettes (YAML or JSON): a trace per cassette, with the exchanges' bytes"),
    Format("openai-messages", "openai_messages", "lists of messages as OpenAI's chat API has them; tau-bench runs; JSON or JSON lines"),
    Format("claude-code", "claude_code", "session files of Claude Code (JSON lines): a trace per session"),
    Format("inspect", "inspect_logs", "Inspect AI logs (.eval or .json): a trace per sample"),
    Format("openai-agents", "openai_agents", "traces and spans as the OpenAI Agents SDK exports them; JSON or JSON lines"),
    Format("otlp", "otlp", "OpenTelemetry's traces and logs as JSON or JSON lines, as the Collector's file exporter writes them"),
)


def format_named(name: str) -> Format:
    """A format. Raises BadInput."""
    found = next((row for row in FORMATS if row.name == name), None)
    if found is None:
        raise BadInput(f"there is no format {name!r} to import", hint=f"it is one of {', '.join(row.name for row in FORMATS)}")
    return found


class Imported(NamedTuple):
    """One trace of a file.

    Attributes:
        trace_id: 32 hex characters; of a trace that was there before, its id then.
        name: as in ``fr ls``.
        skipped: it was imported before, and was left as it is.
    """

    trace_id: str
    name: str
    skipped: bool


class Importer:
    """Imports files into one store, which is made if it is not there. Raises NotAStore, FormatTooNew or OSError.

    Attributes:
        lasting: False when no key file could be kept, so that redaction tokens match no others'.
    """

    def __init__(self, store: str) -> None:
        self._store = open_store(os.path.abspath(store))
        keys = keys_of_store(self._store.store_id)
        assert keys is not None
        self._keys: Keys = keys
        self.lasting = keys.lasting
        self._redactor = redactor_in_force(keys, self._store.path)
        self._writer = new_writer_id(os.uname().nodename, os.getpid())
        self._segments = 0
        self._events = 0
        self._known = self._imported_before()

    def import_files(self, format_name: str, paths: Iterable[str], *, again: bool = False) -> Iterator[tuple[str, Imported | BadInput]]:
        """Import files; each trace is handed out with its file once it is in the store, and so is what is wrong with a file.

        The traces of a file before what is wrong with it are imported. Many small files share a segment.

        Args:
            again: import what is there already as well.

        Raises BadInput for a format that is not there; OSError when the store cannot be written.
        """
        parse: Parser = import_module(f"{__package__}.{format_named(format_name).module}").parse
        batch = _Batch()
        for path in paths:
            try:
                for trace, digest in _traces_of(parse, path, format_name, self._keys.content):
                    before = self._known.get((digest, trace.part))
                    if before is not None and not again:
                        yield path, Imported(before, trace.name, skipped=True)
                        continue
                    yield from self._add(batch, trace, format_name, path, digest)
            except BadInput as error:
                yield path, error
            except (TypeError, ValueError, LookupError, AttributeError, AssertionError, ArithmeticError, RecursionError) as error:
                # The files of strangers: one that a parser cannot cope with must not keep the others out.
                batch.drop_unfinished()
                yield (
                    path,
                    BadInput(f"{path} {UNFORESEEN}: {type(error).__name__}: {error}", hint="please report it with the file's layout"),
                )
        yield from self._write(batch)

    def _add(self, batch: _Batch, trace: SourceTrace, format_name: str, path: str, digest: str) -> Iterator[tuple[str, Imported]]:
        now_us = time.time_ns() // 1000
        content = ContentStore(self._redactor, self._keys.content)
        encoder = Encoder(self._redactor, content, self._keys.redaction, 0)
        tags = {
            "import-format": format_name,
            "import-file": self._file_name(path),
            "import-source": digest,
            "import-part": trace.part,
        }
        encoded = encode_trace(encoder, self._redactor, trace, tags, now_us)
        header = {
            "format": FORMAT_VERSION,
            "writer": self._writer,
            "at": now_us,
            "policy": self._redactor.policy_id,
            "key": self._keys.key_id,
            "file": self._segments,
        }
        first_seq = self._events
        self._events += len(encoded.events)
        for events, blobs in imported_rows(encoded, content.records, header, _columns_of(trace), first_seq):
            batch.add(events, blobs)
            if batch.size > _SEGMENT_BYTES:
                yield from self._write(batch)
        batch.done.append((path, Imported(encoded.trace_id, trace.name, skipped=False)))
        self._known[digest, trace.part] = encoded.trace_id

    def _file_name(self, path: str) -> str:
        """The name redacted, apart from its ending: ``ann@example.com.yaml`` is an address to nobody."""
        stem, ending = os.path.splitext(os.path.basename(path))
        return str(self._redactor.text(stem, "import-file")[0]) + ending

    def _write(self, batch: _Batch) -> Iterator[tuple[str, Imported]]:
        if batch.events:
            Opener(self._store.path).protect(self._writer, batch.events, batch.blobs)
            write_segment(self._store.path, self._writer, self._segments, batch.events, batch.blobs, Origin(None, True))
            self._segments += 1
        done = batch.done
        batch.clear()
        yield from done

    def _imported_before(self) -> dict[tuple[str, str], str]:
        """Trace ids by digest and part of what the store has from files."""
        opened = open_for_reading(self._store.path)
        try:
            rows = opened.rows(
                "SELECT tags['import-source'], tags['import-part'], lower(hex(trace_id)) FROM all_events"
                " WHERE kind = 'span' AND capture_source = 'import' AND tags['import-source'] IS NOT NULL"
            )[1]
        finally:
            opened.close()
        return {(str(digest), str(part)): str(trace_id) for digest, part, trace_id in rows}


class _Batch:
    """Rows of traces on their way into one segment."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.events: list[dict[str, Any]] = []
        self.blobs: list[dict[str, Any]] = []
        self.known: set[tuple[bytes, str]] = set()
        self.size = 0
        self.done: list[tuple[str, Imported]] = []

    def drop_unfinished(self) -> None:
        """Leave out the rows of a trace that could not be finished."""
        whole = {imported.trace_id for _, imported in self.done}
        self.events = [row for row in self.events if row["trace_id"].hex() in whole]

    def add(self, events: list[dict[str, Any]], blobs: list[dict[str, Any]]) -> None:
        """Take rows; content that is there already is left out."""
        self.events += events
        self.size += sum(_ROW_BYTES + _PART_BYTES * len(row["request_parts"] or ()) for row in events)
        for blob in blobs:
            place = blob["blob_id"], day_of_trace(blob["first_trace_id"].hex())
            if place not in self.known:
                self.known.add(place)
                self.blobs.append(blob)
                self.size += blob["size"]


def _columns_of(trace: SourceTrace) -> dict[str, Any]:
    """Columns of the root, as far as the file tells them: a trace lasts from its first known time to its last."""
    started = [time for time in (trace.started_us, *(item.started_us for item in trace.items)) if time is not None]
    ended = [time for time in (trace.ended_us, *(item.ended_us for item in trace.items)) if time is not None]
    columns: dict[str, Any] = {"status": trace.status, "started_at": None, "ended_at": None, "duration_ms": None}
    if started:
        columns["started_at"] = min(started)
    if started and ended and max(ended) >= min(started):
        columns |= {"ended_at": max(ended), "duration_ms": (max(ended) - min(started)) / 1000}
    if trace.ext_trace_id is not None:
        columns["ext_trace_id"] = bytes.fromhex(trace.ext_trace_id)
    return columns


def _traces_of(parse: Parser, path: str, format_name: str, key: bytes) -> Iterator[tuple[SourceTrace, str]]:
    """The traces of a file, with the keyed digest of it. Raises BadInput."""
    data = _read(path)
    digest = hmac.digest(key, b"import\0" + format_name.encode() + b"\0" + hashlib.sha256(data).digest(), "sha256").hex()[:32]
    try:
        for trace in parse(data, os.path.basename(path)):
            yield trace, digest
    except SourceError as error:
        raise BadInput(f"{path} {error}", hint=error.hint) from None


def _read(path: str) -> bytes:
    try:
        if os.path.isdir(path):
            raise BadInput(f"{path} is a folder", hint="name its files, such as DIR/*.yaml")
        size = os.path.getsize(path)
        if size > MOST_BYTES:
            raise BadInput(f"{path} has {size:,} bytes, and a file is read whole up to {MOST_BYTES:,}")
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
