"""What is on record of a trace's HTTP exchanges, in the form that is served: each with its places in the order of the whole.

Any trace with recorded exchanges will do, whether a proxy saw them or a seam. The tape is the one of ``fr replay``.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from fr_schema.errors import NotReplayable

from ..capture import keys_of_store, read_format, temporary_folder
from ..divergence import CanonicalRequest, canonical_http
from ..engine.redacting import Redacting
from ..engine.tape import Event, Tape, load_tape
from ..reading import Row, rows_of
from ..store import Store
from ..tape_writer import RunRecord, refuse_locked, write_tape

__all__ = ["Exchange", "ServedTrace", "read_served_trace", "why_not_served"]

_EXCHANGES = ("llm_attempt", "http_call")


@dataclass(slots=True)
class Exchange:
    """One recorded exchange.

    Attributes:
        asked_at: its place in the order of everything that happened in the trace.
        given_at: the places of the head, each chunk and the end of its answer; empty when it has none on record.
        asked: the replaying program has sent this request.
        is_over: its answer has been given, or given up.
        is_given_whole: all recorded bytes of its body have been given.
    """

    event: Event
    asked_at: int
    given_at: list[int]
    asked: bool = False
    is_over: bool = False
    is_given_whole: bool = False
    _canonical: CanonicalRequest | None = field(default=None, repr=False)

    def canonical(self, tape: Tape) -> CanonicalRequest:
        """The request in the form that is compared."""
        if self._canonical is None:
            request = self.event.request
            self._canonical = canonical_http(request["method"], request["url"], request["headers"], tape.content(self.event.body))
        return self._canonical

    def pieces(self, tape: Tape) -> list[bytes]:
        """The recorded body in the pieces in which it arrived."""
        data = tape.content(self.event.answer["content"])
        if not self.event.deliveries:
            return [data] if data else []
        ends = [delivery.end for delivery in self.event.deliveries[1:-1]]
        return [data[start:end] for start, end in itertools.pairwise((0, *ends))]


@dataclass(frozen=True, slots=True)
class ServedTrace:
    """A trace to be served.

    Attributes:
        exchanges: in the order in which they were asked for.
        gaps_s: by place, how long after the one before it; 0.0 unless both brought something of two different answers.
    """

    trace_id: str
    tape: Tape
    redacting: Redacting
    exchanges: list[Exchange]
    gaps_s: list[float]


def read_served_trace(store: Store, trace_id: str, folder: str) -> ServedTrace:
    """Write a trace's tape into a folder, and read it. Raises NotReplayable where there is nothing to serve, or no order in it."""
    key = bytes.fromhex(trace_id)
    rows = rows_of(
        store,
        "SELECT * FROM all_events WHERE (trace_id = ? OR run_id = ?) AND kind IN ('llm_attempt', 'http_call', 'llm_call')"
        " AND coalesce(operation, '') <> 'telemetry' ORDER BY writer_id, seq",
        [key, key],
    )
    refuse_locked(store, rows)
    exchanges = [row for row in rows if row["kind"] in _EXCHANGES]
    if not exchanges:
        raise NotReplayable(f"trace {trace_id} holds no HTTP exchange that could be served", hint=f"fr show {trace_id}")
    store_id = read_format(store.path).store_id
    write_tape(store, _as_run(key, rows, exchanges), folder, store_id)
    tape = load_tape(folder)
    redacting = Redacting(keys_of_store(store_id, create=False), tape.meta["policy"], tape.meta["key_id"], tape.meta["policy_text"])
    found = _in_order(trace_id, tape, rows)
    return ServedTrace(trace_id, tape, redacting, found, _gaps(found))


def _gaps(exchanges: list[Exchange]) -> list[float]:
    """How long after the place before it each place came, where both were given to the program, of two answers."""
    given = {
        place: (delivery.at_us, exchange.asked_at)
        for exchange in exchanges
        for place, delivery in zip(exchange.given_at, exchange.event.deliveries, strict=False)
    }
    gaps = [0.0] * sum(1 + len(exchange.given_at) for exchange in exchanges)
    for place, (at_us, of) in given.items():
        before_us, before_of = given.get(place - 1, (at_us, of))
        gaps[place] = max(0, at_us - before_us) / 1e6 if before_of != of else 0.0
    return gaps


def why_not_served(store: Store, trace_id: str) -> str | None:
    """Why a trace cannot be served; None when it can."""
    try:
        with temporary_folder() as folder:
            read_served_trace(store, trace_id, folder)
    except NotReplayable as refused:
        return str(refused)
    return None


def _as_run(key: bytes, rows: list[Row], exchanges: list[Row]) -> RunRecord:
    """The rows in the form of a run's: every process that wrote some is one of its."""
    first = min(exchanges, key=lambda row: row["started_at"])
    run = {**first, "trace_id": key, "seeds": None, "cwd": None, "exit_code": None}
    writers = {row["writer_id"]: row for row in reversed(rows)}
    processes = [{**row, "lane": writer, "phase": "end", "packages": None} for writer, row in writers.items()]
    return RunRecord(run, processes, rows, {})


def _in_order(trace_id: str, tape: Tape, rows: list[Row]) -> list[Exchange]:
    """The exchanges with their places, which count through the processes that wrote them. Raises NotReplayable."""
    events = tape.all_events()
    exact = all(event.issue and event.deliveries for event in events if event.end is not None)
    by_writer: dict[str, list[Event]] = {}
    for event in events:
        by_writer.setdefault(rows[event.number]["writer_id"], []).append(event)
    spans = sorted(((*_span(rows, found), writer) for writer, found in by_writer.items()), key=lambda span: span[0])
    if any(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans)):
        raise NotReplayable(
            f"trace {trace_id} was recorded in {len(spans)} processes at once, which have no order in common",
            hint=f"fr replay {trace_id} says what else its record allows",
        )
    marks: list[tuple[Any, int, Exchange]] = []
    for rank, (_, _, writer) in enumerate(spans):
        for event in by_writer[writer]:
            marks += _marks(event, rows[event.number], rank, exact=exact)
    marks.sort(key=lambda mark: (mark[0], mark[1]))
    for place, (_, number, exchange) in enumerate(marks):
        if number < 0:
            exchange.asked_at = place
        else:
            exchange.given_at.append(place)
    return sorted({id(mark[2]): mark[2] for mark in marks}.values(), key=lambda exchange: exchange.asked_at)


def _span(rows: list[Row], events: list[Event]) -> tuple[float, float]:
    """When the first of these began and the last ended, in seconds since 1970."""
    of_writer = [rows[event.number] for event in events]
    began = min(row["started_at"].timestamp() for row in of_writer)
    return began, max(row["started_at"].timestamp() + (row["duration_ms"] or 0.0) / 1000 for row in of_writer)


def _marks(event: Event, row: Row, rank: int, *, exact: bool) -> list[tuple[Any, int, Exchange]]:
    """What is sorted to give an exchange its places: -1 is asking, then each delivery.

    Without exact places, as in imported traces, times stand in for them; what happened at the same time is taken as it stands in the file.
    """
    exchange = Exchange(event, 0, [])
    if exact:
        orders = [delivery.order for delivery in event.deliveries] if event.end is not None else []
        return [((rank, event.issue), -1, exchange), *(((rank, order), n, exchange) for n, order in enumerate(orders))]
    began = row["started_at"].timestamp()
    ended = began + (row["duration_ms"] or 0.0) / 1000
    answered = event.end is not None or row["http_status"] is not None
    count = (len(event.deliveries) or len(_undivided(event)) + 2) if answered else 0
    return [((rank, began, event.number), -1, exchange), *(((rank, ended, event.number), n, exchange) for n in range(count))]


def _undivided(event: Event) -> list[int]:
    """One piece where a body without recorded chunks has any bytes."""
    return [1] if any(length for _, length in event.answer["content"]) else []
