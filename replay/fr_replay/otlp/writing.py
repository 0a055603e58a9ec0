"""Signals to rows of a store: each trace under one id of ours, each span once however often it is sent."""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from fr_schema.ids import day_of_trace, new_writer_id, trace_time_us, uuid7_at
from fr_schema.version import FORMAT_VERSION

from ..capture import ContentStore, Encoder, Keys, Opener, OpenStore, Origin, redactor_in_force, write_segment
from ..importing.events import encode_trace
from ..importing.rows import imported_rows
from ..importing.source import Item, Place, SourceTrace, Stretch
from ..store import open_store
from .signals import Signal, digest_of_log, signal_to_json
from .traces import items_of, kind_of

__all__ = ["TraceWriter", "Written"]

Row = dict[str, Any]

_REMEMBERED = 20_000
_AT_ONCE = 500
_EARLIEST_US = 946_684_800_000_000
_AHEAD_US = 86_400_000_000
_DAY_MS = 86_400_000
_SKEW_US = 600_000_000
"""By how much the clocks of senders may be ahead of ours."""


class _Known(NamedTuple):
    """A trace that has rows: its id, kind and span of each, the spans around models' spans, and digests of log records that are in them.

    The digests are those of this process only: a log record that is sent again after a restart gets a row of its own.
    """

    trace_id: str
    rows: set[tuple[str, str]]
    around_calls: set[str]
    logs: set[str]


class Written(NamedTuple):
    """What became of some traces' signals: rows, and one line for each trace of which something could not be mapped."""

    rows: int
    problems: list[str]


class TraceWriter:
    """Writes segments of one writer into a store."""

    def __init__(self, store: OpenStore, keys: Keys) -> None:
        self._store = store
        self._keys = keys
        self._redactor = redactor_in_force(keys, store.path)
        self._writer = new_writer_id(os.uname().nodename, os.getpid())
        self._segments = 0
        self._events = 0
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._sure_after_us = time.time_ns() // 1000 + _SKEW_US

    def write(self, traces: Mapping[str, Sequence[Signal]]) -> Written:
        """Make the rows of some traces' signals and write them as one segment; nothing is remembered when that fails.

        Raises OSError, FlightError.
        """
        self._look_up(traces)
        events: list[Row] = []
        blobs: dict[tuple[bytes, str], Row] = {}
        problems: list[str] = []
        new: dict[str, _Known] = {}
        for ext_trace_id, signals in traces.items():
            known = self._known.get(ext_trace_id) or _Known(_own_id(ext_trace_id, signals), set(), set(), set())
            rows, parts, problem = self._rows_of(ext_trace_id, signals, known)
            problems += [problem] if problem else []
            kept = [row for row in rows if (row["kind"], row["span_id"].hex()) not in known.rows]
            events += kept
            for blob in parts:
                blobs.setdefault((blob["blob_id"], day_of_trace(blob["first_trace_id"].hex())), blob)
            around = {s.parent_span_id for s in signals if s.parent_span_id is not None and kind_of(s.attributes) == "model"}
            made = {(row["kind"], row["span_id"].hex()) for row in kept}
            logs = {digest_of_log(signal) for signal in signals if signal.is_log}
            new[ext_trace_id] = _Known(known.trace_id, known.rows | made, known.around_calls | around, known.logs | logs)
        if events:
            self._write(events, list(blobs.values()))
        for ext_trace_id, known in new.items():
            self._known[ext_trace_id] = known
            self._known.move_to_end(ext_trace_id)
        while len(self._known) > _REMEMBERED:
            _, forgotten = self._known.popitem(last=False)
            self._sure_after_us = max(self._sure_after_us, trace_time_us(forgotten.trace_id) + _SKEW_US)
        return Written(len(events), problems)

    def _write(self, events: list[Row], blobs: list[Row]) -> None:
        Opener(self._store.path).protect(self._writer, events, blobs)
        write_segment(self._store.path, self._writer, self._segments, events, blobs, Origin(None, True))
        self._segments += 1

    # -- one trace

    def _rows_of(self, ext_trace_id: str, signals: Sequence[Signal], known: _Known) -> tuple[list[Row], list[Row], str | None]:
        fresh = [s for s in signals if (digest_of_log(s) not in known.logs if s.is_log else not self._has(known, s.span_id))]
        try:
            return (*self._encoded(ext_trace_id, items_of(fresh, known.around_calls), known), None)
        except (TypeError, ValueError, LookupError, AttributeError, AssertionError, ArithmeticError, RecursionError) as error:
            # The spans of strangers: one that the mapping cannot cope with is kept as it came, and must not keep the others out.
            problem = f"trace {ext_trace_id} could not be mapped, and is kept as plain spans: {type(error).__name__}: {error}"
            plain: list[Item] = [_plain(signal) for signal in fresh if not signal.is_log]
            return (*self._encoded(ext_trace_id, plain, known), problem)

    @staticmethod
    def _has(known: _Known, span_id: str) -> bool:
        return any((kind, span_id) in known.rows for kind in ("llm_call", "tool_call", "span"))

    def _encoded(self, ext_trace_id: str, items: Sequence[Item], known: _Known) -> tuple[list[Row], list[Row]]:
        now_us = time.time_ns() // 1000
        content = ContentStore(self._redactor, self._keys.content)
        encoder = Encoder(self._redactor, content, self._keys.redaction, 0)
        trace = SourceTrace("", ext_trace_id, items, ext_trace_id=ext_trace_id, trace_id=known.trace_id)
        encoded = encode_trace(encoder, self._redactor, trace, {}, now_us)
        header = {
            "format": FORMAT_VERSION,
            "writer": self._writer,
            "at": now_us,
            "policy": self._redactor.policy_id,
            "key": self._keys.key_id,
            "file": self._segments,
        }
        first_seq, columns = self._events, {"ext_trace_id": bytes.fromhex(ext_trace_id)}
        self._events += len(encoded.events)
        rows: list[Row] = []
        blobs: list[Row] = []
        for some_rows, some_blobs in imported_rows(encoded, content.records, header, columns, first_seq):
            rows += some_rows
            blobs += some_blobs
        return rows, blobs

    # -- what is there already

    def _look_up(self, traces: Mapping[str, Sequence[Signal]]) -> None:
        """Learn from the store which of these traces it has rows of: from before this process, or from longer ago than is remembered.

        A trace that began later than either cannot be there: nobody else collects into this store.
        """
        times = {ext: trace_time_us(_own_id(ext, signals)) for ext, signals in traces.items() if ext not in self._known}
        unknown = [ext for ext, began in times.items() if began <= self._sure_after_us]
        if not unknown:
            return
        starts = [times[ext] // 1000 for ext in unknown]
        days = frozenset(day_of_trace(uuid7_at(ms, bytes(10))) for ms in range(min(starts) - _DAY_MS, max(starts) + 2 * _DAY_MS, _DAY_MS))
        opened = open_store(self._store.path)
        try:
            near = opened.narrowed(days=days)
            for at in range(0, len(unknown), _AT_ONCE):
                self._learn(near, unknown[at : at + _AT_ONCE])
        finally:
            opened.close()

    def _learn(self, near: Any, ext_trace_ids: Iterable[str]) -> None:
        ids = [bytes.fromhex(ext_trace_id) for ext_trace_id in ext_trace_ids]
        sql = (
            "SELECT ext_trace_id, trace_id, kind, span_id, parent_span_id FROM stored_events"
            f" WHERE ext_trace_id IN ({', '.join('?' * len(ids))}) AND capture_source IN ('otel', 'openinference') ORDER BY recorded_at"
        )
        for ext, trace_id, kind, span_id, parent in near.rows(sql, ids)[1]:
            known = self._known.setdefault(bytes(ext).hex(), _Known(bytes(trace_id).hex(), set(), set(), set()))
            known.rows.add((kind, bytes(span_id).hex()))
            if kind == "llm_call" and parent is not None:
                known.around_calls.add(bytes(parent).hex())


def _own_id(ext_trace_id: str, signals: Sequence[Signal]) -> str:
    """Our id of a foreign trace: of the time of its first signal, where that is a time; the same signals give the same id."""
    now_us = time.time_ns() // 1000
    times = [signal.started_us for signal in signals if signal.started_us is not None]
    began = min((at for at in times if _EARLIEST_US <= at <= now_us + _AHEAD_US), default=now_us)
    return uuid7_at(began // 1000, hashlib.sha256(f"fr:otlp:v1\0{ext_trace_id}".encode()).digest())


def _plain(span: Signal) -> Stretch:
    """A span as it came."""
    detail = {name: value for name, value in signal_to_json(span).items() if value and name not in ("user", "user_is_pseudonym")}
    place = Place(span.span_id, span.parent_span_id, {}, {"capture_source": "otel", "detail": detail})
    return Stretch(span.name or "span", place, {}, span.message if span.error else None, span.started_us, span.ended_us)
