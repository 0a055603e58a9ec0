"""The replay of one process: the tape, where each lane is on it, and every way to stop."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from typing import Any, NoReturn

from fr_schema.ids import new_trace_id

from ..capture import boundary, describe_location, installed_packages, lanes, real
from ..divergence import canonical_http, differences, same
from .crossings import ReplayHttp, ReplayTool
from .gate import Gate
from .redacting import Redacting
from .tape import Event, ProcessTape, Tape
from .verdict import DIVERGED, ENDED, UNSUPPORTED, Verdicts

__all__ = ["ReplaySession"]

_SHOWN_DIFFERENCES = 6
_LONGEST_SHOWN = 4_000


class ReplaySession:
    """Stands behind the boundary in replay.

    Attributes:
        gate: the order of everything.
        served: how many recorded crossings have been handed out.
        skew_ns: how far virtual time is ahead of the real monotonic clock.
    """

    replays = True

    def __init__(self, tape: Tape, process: ProcessTape, verdicts: Verdicts, redacting: Redacting, turns: Any) -> None:
        self.tape = tape
        self.process = process
        self.verdicts = verdicts
        self.redacting = redacting
        self.gate = Gate(process.orders, turns)
        self._free_gate = Gate([], turns)
        self._traces: dict[str, list[str]] = {}
        self._jobs: dict[str, tuple[list[Event], dict[str, list[int]]]] = {}
        self.served = 0
        self.skew_ns = 0
        self._started = real.monotonic_ns()
        self._lock = threading.Lock()

    # -- the boundary's backend

    def http(self, transport: str, method: str, url: str, headers: Any, body: bytes | None, location: Any) -> ReplayHttp | None:  # noqa: ARG002
        event = self._next(lanes.current_lane())
        return ReplayHttp(self, event, method, url, headers, body, location)

    def tool(self, call: boundary.ToolCall) -> ReplayTool:
        lane = lanes.current_lane()
        event = self.check_tool(self._next(lane), call)
        return ReplayTool(self, event, lane, call)

    def trace_id(self, *, new: bool) -> str:
        """The id that the trace had when it was recorded; one of our own where the record has none."""
        if not new:
            return str(self.tape.meta["trace"])
        path = lanes.current_lane().path
        with self._lock:
            left = self._traces.setdefault(path, list(reversed(self.tape.traces_of(path))))
            return left.pop() if left else new_trace_id()

    def _next(self, lane: lanes.Lane) -> Event | None:
        """What the record has at this place of this lane."""
        number = lane.next_sequence()
        if lane.replay is None:
            lane.replay = self.process.by_lane.get(lane.path) or self._job(lane.path)[0]
        return lane.replay[number] if number < len(lane.replay) else None

    def _job(self, path: str) -> tuple[list[Event], dict[str, list[int]]]:
        """What the tape has of a lane that came to this process from another one's pool."""
        found = self._jobs.get(path)
        if found is None:
            found = self._jobs[path] = self.tape.job(path)
        return found

    def reads_of(self, path: str) -> tuple[dict[str, list[int]], Gate]:
        """The clock reads and order marks of a lane, and the gate that its marks are places of."""
        own = self.process.reads.get(path)
        return (own, self.gate) if own is not None else (self._job(path)[1], self._free_gate)

    def gate_of(self, event: Event) -> Gate:
        """The gate that an event's places belong to: none holds back telemetry, and jobs from another process's pool."""
        return self.gate if event.facts["ordered"] else self._free_gate

    # -- checking

    def check_http(self, event: Event | None, method: str, url: str, headers: Any, body: bytes, location: Any) -> Event:
        """Compare a request with the record. Does not return when they differ."""
        clean_url, clean_headers, clean_body = self.redacting.request(method, url, headers, body)
        if event is None or event.kind != "http":
            self._not_in_record(event, f"{method} {clean_url}", location)
        recorded_body = self.tape.content(event.body)
        recorded = event.request
        if recorded_body != clean_body or recorded["url"] != clean_url or recorded["method"] != method:
            before = canonical_http(recorded["method"], recorded["url"], recorded["headers"], recorded_body)
            now = canonical_http(method, clean_url, clean_headers, clean_body)
            if not same(before, now):
                self._diverged(event, before, now, location)
        else:
            before = canonical_http(recorded["method"], recorded["url"], recorded["headers"], b"")
            now = canonical_http(method, clean_url, clean_headers, b"")
            if not same(before, now):
                self._diverged(event, before, now, location)
        return self._take(event, location)

    def check_tool(self, event: Event | None, call: boundary.ToolCall) -> Event:
        """Compare a tool call with the record. Does not return when they differ."""
        arguments = self.redacting.arguments(call.arguments)
        if event is None or event.kind != call.kind:
            self._not_in_record(event, f"{call.kind} {call.name}", call.location)
        before = {"tool": event.request["name"], "arguments": self.redacting.recorded_arguments(event, self.tape)}
        now = {"tool": call.name, "arguments": arguments}
        if not same(before, now):
            self._diverged(event, before, now, call.location)
        return self._take(event, call.location)

    def _take(self, event: Event, location: Any) -> Event:
        """The event is this crossing's: count it, and stop if the record ends here."""
        with self._lock:
            event.used = True
            self.served += 1
            self.verdicts.progress(self.served)
        self.time_is(event.facts.get("issued_us", 0))
        self.gate_of(event).passed(event.issue)
        if not event.deliveries or event.end is None:
            self._record_ends(event, location)
        missing = event.facts.get("missing")
        if missing:
            self.unsupported(event, f"the record lacks its {missing}")
        return event

    # -- handing out

    def pieces_of(self, event: Event) -> list[bytes]:
        """The recorded body in the pieces in which it arrived."""
        data = self.tape.content(event.answer["content"])
        ends = [delivery.end for delivery in event.deliveries[1:-1]]
        return [data[start:end] for start, end in itertools.pairwise((0, *ends))]

    def failure_of(self, event: Event) -> boundary.RecordedFailure:
        """The exception that the recorded crossing ended in."""
        error = event.answer["error"]
        state = self.tape.content(error["state"]).decode("utf-8", "surrogatepass") if error["state"] else '{"args":[],"attributes":{}}'
        return boundary.RecordedFailure(error["class"], error["message"], (error["form"] or "json", state))

    def read_on(self, event: Event) -> NoReturn:
        """The program wants more of a body than the record has, because it hung up there when it was recorded."""
        self.stop_diverged(event, {"what": "the program reads on where it hung up when it was recorded", "differences": []}, None)

    async def wait_for_cancel(self, event: Event) -> NoReturn:
        """The recorded crossing was cancelled: wait for that, then let the others go on."""
        end = event.deliveries[-1]
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.gate_of(event).passed(end.order, end.turns)
        raise AssertionError("a future without a result has one")

    def time_is(self, at_us: int) -> None:
        """Virtual time is at least this long after the process began."""
        ahead = at_us * 1000 - (real.monotonic_ns() - self._started)
        self.skew_ns = max(self.skew_ns, ahead)

    def advance(self, seconds: float) -> None:
        """Skip over a time in which the program slept."""
        with self._lock:
            self.skew_ns += int(seconds * 1e9)

    def advance_to(self, monotonic_s: float) -> None:
        """It is at least this late on the virtual monotonic clock, in seconds."""
        with self._lock:
            self.skew_ns = max(self.skew_ns, int(monotonic_s * 1e9) - real.monotonic_ns())

    # -- stopping

    def _facts(self, event: Event | None, location: Any) -> dict[str, Any]:
        lane = lanes.current_lane()
        return {
            "served": self.served,
            "lane_path": lane.path,
            "step": event.step if event else None,
            "event": event.number if event else None,
            "kind": event.kind if event else None,
            "request": event.request if event else None,
            "location": describe_location(location),
            "recorded_location": event.facts.get("location") if event else None,
            "redaction": self.redacting.describe(event),
            "packages": self._changed_packages(),
        }

    def _changed_packages(self) -> dict[str, list[str | None]]:
        """Installed packages that are not as they were: name to the version then and now."""
        before: dict[str, str] = self.tape.meta.get("packages") or {}
        now = installed_packages()
        return {name: [before.get(name), now.get(name)] for name in sorted({*before, *now}) if before.get(name) != now.get(name)}

    def _diverged(self, event: Event, before: Any, now: Any, location: Any) -> NoReturn:
        reason = self.redacting.why_incomparable(event)
        if reason is not None:
            self.unsupported(event, reason)
        found = list(itertools.islice(differences(before, now), _SHOWN_DIFFERENCES + 1))
        total = len(found) if len(found) <= _SHOWN_DIFFERENCES else sum(1 for _ in differences(before, now))
        rows = [{**d._asdict(), "recorded": _shown(d.recorded, d.character), "replayed": _shown(d.replayed, d.character)} for d in found]
        self.stop_diverged(event, {"what": "the request differs", "differences": rows[:_SHOWN_DIFFERENCES], "total": total}, location)

    def _not_in_record(self, event: Event | None, asked: str, location: Any) -> NoReturn:
        if event is None and not self.process.closed and self._lane_is_at_its_end():
            self._record_ends(None, location)
        if event is None:
            what = f"the program asks for something that the record does not hold: {asked}"
        else:
            recorded = event.request.get("url") or event.request.get("name")
            what = f"the program asks for {asked}, where the record has {event.kind} {recorded}"
        self.stop_diverged(event, {"what": what, "differences": []}, location)

    def _lane_is_at_its_end(self) -> bool:
        """In the record of a killed process: nothing is left that this lane could have asked for."""
        path = lanes.current_lane().path
        return all(e.used for e in self.process.by_lane.get(path, ()))

    def stop_diverged(self, event: Event | None, facts: dict[str, Any], location: Any) -> NoReturn:
        """Stop: the replay is not the recorded run any more."""
        self.gate.stopped = True
        self.verdicts.stop(DIVERGED, {**self._facts(event, location), **facts})

    def unsupported(self, event: Event | None, reason: str, location: Any = None) -> NoReturn:
        """Stop: the record or the engine cannot do this."""
        self.gate.stopped = True
        self.verdicts.stop(UNSUPPORTED, {**self._facts(event, location), "what": reason})

    def _record_ends(self, event: Event | None, location: Any) -> NoReturn:
        self.gate.stopped = True
        what = "the process was killed before the answer came" if event is not None else "the process was killed"
        self.verdicts.stop(ENDED, {**self._facts(event, location), "what": what, "decisions": self.served})

    def used(self) -> list[int]:
        """The numbers of the recorded crossings that this process has asked for."""
        events = [*self.process.events, *(event for of_lane, _ in self._jobs.values() for event in of_lane)]
        return [event.number for event in events if event.used]


def _shown(value: Any, character: int | None) -> Any:
    """A value as far as the report shows it: around the difference, or its beginning."""
    if not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False, default=str)
        return value if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    if len(value) <= _LONGEST_SHOWN:
        return value
    start = max(0, (character or 0) - _LONGEST_SHOWN // 2)
    return ("…" if start else "") + value[start : start + _LONGEST_SHOWN] + "…"
