"""The tape: what one process of a run crossed, in a form that its replay can read quickly.

``fr replay`` writes it from the store (:mod:`fr_replay.tape_writer`), the replaying process reads it: a JSON index and one
file of content. It lives in a private temporary folder for the time of the replay.
"""

from __future__ import annotations

import json
import mmap
import os
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

from fr_schema.clock_sources import CUT

__all__ = ["ClockSlices", "Delivery", "Event", "ProcessTape", "Slice", "Tape", "load_tape", "places_of"]

INDEX_FILE = "tape.json"
CONTENT_FILE = "tape.content"

Slice = tuple[int, int]
"""Offset and length in the content file."""

ClockSlices = dict[str, dict[str, list[Slice]]]
"""``{lane: {source: slices}}`` of values of 64 bits, ns, in the byte order of this machine."""


class Delivery(NamedTuple):
    """One thing that reached the program: the headers, a chunk, a tool's item, or the end.

    Attributes:
        order: place in the process-wide order.
        at_us: microseconds after the process began.
        end: offset behind it in the body.
        turns: the count of event-loop turns then.
    """

    order: int
    at_us: int
    end: int
    turns: int


class Event:
    """One recorded crossing.

    No dataclass: what those import would cost every replayed interpreter 4 ms.

    Attributes:
        number: number in the whole tape.
        step: the K of ``fr show TRACE K`` for model calls, else None.
        kind: ``http``, ``tool_call`` or ``llm_call``.
        request: for HTTP method, url, headers; for tools name and side effect.
        body: slices of the redacted request body, or of a tool's packed arguments.
        deliveries: empty when the outcome is not on record.
        end: how it ended: eof, cut, closed, abandoned, cancelled, error; for tools ok, error or cancelled; None when open.
        answer: status, headers, http_version, content slices and where the error is; see the writer.
        facts: span, location, redaction; ``ordered`` is False for what takes no part in the process's order.
        used: taken by the replay.
    """

    __slots__ = ("answer", "body", "deliveries", "end", "facts", "issue", "kind", "lane", "lane_seq", "number", "request", "step", "used")

    def __init__(
        self,
        number: int,
        step: int | None,
        kind: str,
        lane: str,
        lane_seq: int,
        issue: int,
        request: dict[str, Any],
        body: list[Slice],
        deliveries: list[Delivery],
        end: str | None,
        answer: dict[str, Any],
        facts: dict[str, Any],
    ) -> None:
        self.number = number
        self.step = step
        self.kind = kind
        self.lane = lane
        self.lane_seq = lane_seq
        self.issue = issue
        self.request = request
        self.body = body
        self.deliveries = deliveries
        self.end = end
        self.answer = answer
        self.facts = facts
        self.used = False


class ProcessTape:
    """One process: its events by lane, the order of everything, its clock reads, its output.

    Attributes:
        orders: every place in the process-wide order that replay waits for, ascending.
        telemetry: events that are only reports about the program; they are in no lane's row.
        telemetry_lanes: lanes that did nothing but report: their sleeps, timers and ends are in nobody's way.
        reads: by lane and source, places in the order (``s b e``), and timers that fired (``t:<callback>``: number, place and loop
            turn of each).
        clocks: by lane and source, where the values of the clocks are (``w m p``).
        clock_cut: so many clock values were kept, and no more; None when all were.
        stdout, stdin: slices of what went through the standard streams; None when the record lacks it.
        closed: False when the process was killed.
        started_ns: wall clock at the start.
    """

    __slots__ = (
        "by_lane",
        "clock_cut",
        "clocks",
        "closed",
        "events",
        "lane",
        "orders",
        "reads",
        "started_ns",
        "stdout",
        "telemetry",
        "telemetry_lanes",
    )

    def __init__(
        self,
        lane: str,
        events: Sequence[Event] = (),
        *,
        by_lane: dict[str, list[Event]] | None = None,
        telemetry: Sequence[Event] = (),
        telemetry_lanes: frozenset[str] = frozenset(),
        orders: Sequence[int] = (),
        reads: dict[str, dict[str, list[int]]] | None = None,
        clocks: ClockSlices | None = None,
        clock_cut: int | None = None,
        stdout: list[Slice] | None = None,
        closed: bool = True,
        started_ns: int = 0,
    ) -> None:
        self.lane = lane
        self.events = list(events)
        self.by_lane = by_lane or {}
        self.telemetry = list(telemetry)
        self.telemetry_lanes = telemetry_lanes
        self.orders = list(orders)
        self.reads = reads or {}
        self.clocks = clocks or {}
        self.clock_cut = clock_cut
        self.stdout = stdout
        self.closed = closed
        self.started_ns = started_ns


class Tape:
    """The whole run."""

    def __init__(self, index: dict[str, Any], content: Any) -> None:
        self.meta: dict[str, Any] = index["meta"]
        self._processes: dict[str, dict[str, Any]] = index["processes"]
        self._jobs: dict[str, dict[str, Any]] = index["jobs"]
        self._traces: dict[str, list[str]] = index["traces"]
        self._content = content

    def traces_of(self, lane: str) -> list[str]:
        """Ids of the traces of their own that a lane began, in order."""
        return self._traces.get(lane, [])

    def content(self, slices: Sequence[Slice]) -> bytes:
        """The bytes of some slices, joined."""
        if len(slices) == 1:
            offset, length = slices[0]
            return bytes(self._content[offset : offset + length])
        return b"".join([bytes(self._content[offset : offset + length]) for offset, length in slices])

    def all_events(self) -> list[Event]:
        """Every event of the run."""
        return [_event(row) for part in (*self._processes.values(), *self._jobs.values()) for row in part["events"]]

    def job(self, lane: str) -> tuple[list[Event], dict[str, list[int]]]:
        """Events and order marks of a lane that went to whichever worker of a process pool was free."""
        found = self._jobs.get(lane)
        if found is None:
            return [], {}
        events = [event for row in found["events"] if not _is_telemetry(event := _event(row))]
        return sorted(events, key=lambda e: e.lane_seq), found["reads"]

    def clock_values(self, slices: Sequence[Slice]) -> array[int]:
        """The values of a clock."""
        values = array("q")
        for offset, length in slices:
            values.frombytes(self._content[offset : offset + length])
        return values

    def clocks_of_job(self, lane: str) -> dict[str, list[Slice]]:
        """Where the clock values of a job are that came from another process's pool."""
        job = self._jobs.get(lane)
        return {} if job is None else {source: [(a, b) for a, b in slices] for source, slices in job["clocks"].items()}

    def has_process(self, lane: str) -> bool:
        """True when a Python that was started in this lane has recorded itself."""
        return any(found == lane or found.startswith(lane + "~") for found in self.meta.get("process_lanes", ()))

    def process(self, lane: str) -> ProcessTape | None:
        """The part of the process whose root lane this is; None when the record has no such process."""
        found = self._processes.get(lane)
        return _process(lane, found) if found is not None else None


def load_tape(folder: str) -> Tape:
    """Read the tape in a folder. Raises OSError or ValueError."""
    with open(os.path.join(folder, INDEX_FILE), encoding="utf-8") as file:
        index = json.load(file)
    path = os.path.join(folder, CONTENT_FILE)
    if os.path.getsize(path) == 0:
        return Tape(index, b"")
    with open(path, "rb") as file:
        return Tape(index, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _process(lane: str, raw: dict[str, Any]) -> ProcessTape:
    events = [_event(row) for row in raw["events"]]
    by_lane: dict[str, list[Event]] = {}
    telemetry = [event for event in events if _is_telemetry(event)]
    for event in events:
        if not _is_telemetry(event):
            by_lane.setdefault(event.lane, []).append(event)
    for of_lane in by_lane.values():
        of_lane.sort(key=lambda e: e.lane_seq)
    orders = {order for event in events if event.facts.get("ordered", True) for order in places_of(event)}
    telemetry_lanes = frozenset(event.lane for event in telemetry) - frozenset(by_lane)
    for lane_path, sources in raw["reads"].items():
        if lane_path in telemetry_lanes:
            continue
        for source, values in sources.items():
            if source in ("s", "b", "e"):
                orders.update(values)
            elif source == "c" or source.startswith("t:"):
                orders.update(values[1::3])
    stdout = raw.get("stdout")
    return ProcessTape(
        lane,
        events,
        by_lane=by_lane,
        telemetry=telemetry,
        telemetry_lanes=telemetry_lanes,
        orders=sorted(orders),
        reads=raw["reads"],
        clocks=raw["clocks"],
        clock_cut=next((sources[CUT][0] for sources in raw["reads"].values() if CUT in sources), None),
        stdout=[(int(a), int(b)) for a, b in stdout] if stdout is not None else None,
        closed=bool(raw["closed"]),
        started_ns=int(raw["started_ns"]),
    )


def _is_telemetry(event: Event) -> bool:
    return not event.facts.get("required", True)


def places_of(event: Event) -> list[int]:
    """The places that the others wait for. When an answer left unread is given up is the garbage collector's affair."""
    deliveries = event.deliveries[:-1] if event.end == "abandoned" else event.deliveries
    return [event.issue, *(delivery.order for delivery in deliveries)]


def _event(row: dict[str, Any]) -> Event:
    return Event(
        number=row["number"],
        step=row.get("step"),
        kind=row["kind"],
        lane=row["lane"],
        lane_seq=row["lane_seq"],
        issue=row["issue"],
        request=row["request"],
        body=[(a, b) for a, b in row["body"]],
        deliveries=[Delivery(*d) for d in row["deliveries"]],
        end=row["end"],
        answer=row["answer"],
        facts=row["facts"],
    )
