"""The replay of one process: the tape, where each lane is on it, and every way to stop."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from fr_schema.ids import new_trace_id

from ..capture import boundary, calling_location, crossings, describe_location, installed_packages, lanes, real
from ..divergence import canonical_http, difference_row, differences, list_lengths, same
from .crossings import ReplayHttp, ReplayTool
from .gate import Gate
from .input_files import InputFiles
from .modes import goal_of, mode_of
from .moves import Moves
from .overtaking import overtaken
from .pacing import PacedGate, Pacing
from .redacting import Redacting
from .served_children import begin_child
from .stops import Stops
from .tape import Event, ProcessTape, Tape
from .telemetry import Telemetry
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
        stops: watches for the step that is to be stopped at.
        moves: matches calls that have moved, in a tolerant replay; else None.
        pacing: restores recorded delays, in a replay in real time; else None.
        paused: True while the person at a prompt has the word.
        notes: what is to be said beside the outcome.
        inputs: which files the program reads; None where that is not looked at.
    """

    replays = True

    def __init__(self, tape: Tape, process: ProcessTape, verdicts: Verdicts, redacting: Redacting, turns: Any) -> None:
        self.tape = tape
        self.process = process
        self.verdicts = verdicts
        self.redacting = redacting
        self.gate = Gate(process.orders, turns, overtaken(process))
        self._free_gate = Gate([], turns)
        self._telemetry = Telemetry(process)
        self._traces: dict[str, list[str]] = {}
        self._jobs: dict[str, tuple[list[Event], dict[str, list[int]]]] = {}
        self._left: dict[str, dict[int, tuple[int, int]]] = {}
        self.served = 0
        self.notes: list[str] = []
        self.inputs: InputFiles | None = None
        self.skew_ns = 0
        self._started = real.monotonic_ns()
        self._lock = threading.Lock()
        mode = mode_of(tape.meta)
        self.stops = Stops(self, mode, goal_of(tape.meta))
        self.moves = Moves(self) if mode.tolerant else None
        self.pacing = Pacing() if mode.realtime else None
        self.paused = False

    # -- the boundary's backend

    def http(self, transport: str, method: str, url: str, headers: Any, body: bytes | None, location: Any) -> ReplayHttp | None:  # noqa: ARG002
        lane = lanes.current_lane()
        event = self._telemetry.answer(lane.path, method, url) or self._next(lane)
        return ReplayHttp(self, event, method, url, headers, body, location)

    def tool(self, call: boundary.ToolCall) -> ReplayTool | None:
        lane = lanes.current_lane()
        if call.tool_kind == "subprocess":
            return begin_child(self, self._next(lane), call)
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

    def trace_lane(self, name: str, *, around: bool, new: bool) -> lanes.Lane | None:  # noqa: ARG002 - the interface has it
        """As while recording, so that lanes below have the same paths."""
        return lanes.current_lane().child(crossings.TRACE_LANE) if new else None

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
        """The order marks of a lane, and the gate that its marks are places of."""
        own = self.process.reads.get(path)
        if own is not None:
            return own, self._free_gate if path in self.process.telemetry_lanes else self.gate
        return self._job(path)[1], self._free_gate

    def clock_values(self, path: str, source: str) -> Sequence[int]:
        """What a lane read from a clock, ns."""
        of_job = self.process.reads.get(path) is None
        found = self.tape.clocks_of_job(path) if of_job else self.process.clocks.get(path, {})
        return self.tape.clock_values(found.get(source, ()))

    def clock_ends(self, path: str) -> None:
        """A lane reads the clock more often than the record has it. Does not return where the recorder had stopped keeping the values."""
        kept = self.process.clock_cut if self._is_ours(path) else self.tape.meta.get("clock_cut")
        if kept is not None:
            what = f"the recorder kept the first {kept:,} clock reads of a process (FR_CLOCK_READS), and here the program goes on reading"
            self.unsupported(None, what, calling_location(1))

    def _is_ours(self, path: str) -> bool:
        """True for this process's lanes, and not for a job that came from another one's pool."""
        return path == self.process.lane or path.startswith(self.process.lane + "/")

    def has_timers_of(self, path: str) -> bool:
        """True for lanes of which the record holds the timers that fired."""
        return self._is_ours(path) and path not in self.process.telemetry_lanes

    def left_at(self, event: Event) -> tuple[int, int] | None:
        """Place and turn at which the event loop had put away an exchange's connection; None when that is not on record."""
        if self._left.get(event.lane) is None:
            noted = self.reads_of(event.lane)[0].get("c", [])
            self._left[event.lane] = {n: (order, turn) for n, order, turn in zip(noted[::3], noted[1::3], noted[2::3], strict=False)}
        return self._left[event.lane].get(event.lane_seq)

    def gate_of(self, event: Event) -> Gate | PacedGate:
        """The gate that an event's places belong to: none holds back telemetry, and jobs from another process's pool."""
        gate = self.gate if event.facts["ordered"] else self._free_gate
        return gate if self.pacing is None else PacedGate(gate, event, self.pacing)

    def place_has_passed(self, event: Event, order: int) -> bool:
        """True when what an event has at this place has happened."""
        return (self.gate if event.facts["ordered"] else self._free_gate).has_passed(order)

    @property
    def rests(self) -> bool:
        """True while nothing moves for a good reason."""
        return self.paused or (self.pacing is not None and self.pacing.rests)

    def passes_over(self) -> bool:
        """Everything waits for a place that may be left out: go on without it. Not where the whole process is on record."""
        return False

    # -- checking

    def check_http(self, event: Event | None, method: str, url: str, headers: Any, body: bytes, location: Any) -> Event:
        """Compare a request with the record. Does not return when they differ."""
        if event is not None and not event.facts["required"]:
            return self._take(event, location)
        self.stops.before_request(event)
        with self._blaming_itself(event):
            if self._is_recorded(event, body):
                clean = *self.redacting.request(method, url, headers, b"")[:2], body
            else:
                clean = self.redacting.request(method, url, headers, body)
        if self.moves is not None:
            event = self.moves.choose(
                event, lambda candidate: candidate.kind == "http" and self._compare(candidate, method, clean)[2], location
            )
        if event is None or event.kind != "http":
            self._not_in_record(event, f"{method} {clean[0]}", location)
        with self._blaming_itself(event):
            before, now, equal, exact = self._compare(event, method, clean)
        if not equal:
            self._diverged(event, before, now, location)
        return self._take(event, location, body, exact=exact)

    @contextmanager
    def _blaming_itself(self, event: Event | None) -> Iterator[None]:
        """An exception of the replay's own is not one of the program's, which may catch it and go on: does not return after one."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the program
            self.unsupported(event, f"the replay itself failed here: {type(error).__name__}: {error}", calling_location(1))

    def _is_recorded(self, event: Event | None, body: bytes) -> bool:
        """True when a live body is the recorded one, in which nothing had been replaced: then it need not be looked through again."""
        if event is None or event.kind != "http" or event.facts["redacted"] or self.moves is not None:
            return False
        return sum(length for _, length in event.body) == len(body) and self.tape.content(event.body) == body

    def _compare(self, event: Event, method: str, clean: tuple[str, list[tuple[str, str]], bytes]) -> tuple[Any, Any, bool, bool]:
        """The recorded request and a redacted live one in canonical form, whether they are the same, and whether byte for byte."""
        url, headers, body = clean
        recorded = event.request
        recorded_body = self.tape.content(event.body)
        exact = recorded_body == body and recorded["url"] == url and recorded["method"] == method
        # Equal bytes need not be parsed.
        before = canonical_http(recorded["method"], recorded["url"], recorded["headers"], b"" if exact else recorded_body)
        now = canonical_http(method, url, headers, b"" if exact else body)
        return before, now, same(before, now), exact

    def check_tool(self, event: Event | None, call: boundary.ToolCall) -> Event:
        """Compare a tool call with the record, and take it. Does not return when they differ."""
        return self._take(self.compare_tool(event, call), call.location)

    def compare_tool(self, event: Event | None, call: boundary.ToolCall) -> Event:
        """Compare a tool call with the record. Does not return when they differ."""
        self.stops.before_request(event)
        with self._blaming_itself(event):
            now = {"tool": call.name, "arguments": self.redacting.arguments(call.arguments, command=call.tool_kind == "subprocess")}
        if self.moves is not None:
            event = self.moves.choose(
                event, lambda candidate: candidate.kind == call.kind and same(self._recorded_call(candidate), now), call.location
            )
        if event is None or event.kind != call.kind:
            self._not_in_record(event, f"{call.kind} {call.name}", call.location)
        before = self._recorded_call(event)
        if not same(before, now):
            self._diverged(event, before, now, call.location)
        return event

    def _recorded_call(self, event: Event) -> dict[str, Any]:
        return {"tool": event.request["name"], "arguments": self.redacting.recorded_arguments(event, self.tape)}

    def take(self, event: Event, location: Any) -> Event:
        """:meth:`_take`, for crossings that have been compared."""
        return self._take(event, location)

    def differs(self, event: Event, before: Any, now: Any, location: Any) -> NoReturn:
        """Stop: what the program sends is not what it sent when it was recorded."""
        self._diverged(event, before, now, location)

    def _take(self, event: Event, location: Any, body: bytes | None = None, *, exact: bool = True) -> Event:
        """The event is this crossing's: count it, and stop if the record ends here."""
        self.stops.checked(event, body, exact=exact, location=location)
        if self.pacing is not None:
            self.pacing.asked(event)
        with self._lock:
            event.used = True
            self.served += 1
            self.verdicts.progress(self.served)
        self.time_is(event.facts.get("issued_us", 0))
        self.gate_of(event).passed(event.issue)
        if event.facts.get("runs_again"):
            return event
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
        import asyncio

        end, gate = event.deliveries[-1], self.gate_of(event)
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            # The live call took a few turns of the loop to close its connection before the cancellation went on.
            await gate.wait_async(end.order, end.turns, end.at_us)
            raise
        finally:
            gate.passed(end.order, end.turns)
        raise AssertionError("a future without a result has one")

    def time_is(self, at_us: int) -> None:
        """Virtual time is at least this long after the process began. Real time is what it is."""
        if self.pacing is not None:
            return
        ahead = at_us * 1000 - (real.monotonic_ns() - self._started)
        self.skew_ns = max(self.skew_ns, ahead)

    def advance(self, seconds: float) -> None:
        """Skip over a time in which the program slept; in real time, sleep it."""
        if self.pacing is not None:
            self.pacing.rest(seconds)
            return
        with self._lock:
            self.skew_ns += int(seconds * 1e9)

    def advance_to(self, monotonic_s: float) -> None:
        """It is at least this late on the virtual monotonic clock, in seconds."""
        if self.pacing is not None:
            return
        with self._lock:
            self.skew_ns = max(self.skew_ns, int(monotonic_s * 1e9) - real.monotonic_ns())

    def stood_still(self, real_ns: int) -> None:
        """No time has passed for the program while a person was at the prompt."""
        with self._lock:
            self.skew_ns -= real_ns
            self._started += real_ns

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
            "files": self.inputs.changed() if self.inputs is not None else {},
            "moved": self.moves.rows if self.moves is not None else [],
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
        rows = [difference_row(difference, _LONGEST_SHOWN) for difference in found[:_SHOWN_DIFFERENCES]]
        facts = {"what": "the request differs", "differences": rows, "total": total, "lengths": list_lengths(before, now)}
        self.stop_diverged(event, facts, location)

    def _not_in_record(self, event: Event | None, asked: str, location: Any) -> NoReturn:
        if event is None and not self.process.closed and self._lane_is_at_its_end():
            self._record_ends(None, location)
        if event is None:
            what = f"the program asks for something that the record does not hold: {asked}"
        else:
            recorded = event.request.get("url") or event.request.get("name")
            what = f"the program asks for {asked}, where the record has {event.kind} {recorded}"
        self.stop_diverged(event, {"what": what, "differences": []}, location)

    def waits_for_end(self, event: Event | None) -> bool:
        """True when the record of a killed process holds no answer to what this lane asks, and may still hold some for other lanes."""
        if self.process.closed or self.moves is not None:
            return False
        if event is None:
            return self._lane_is_at_its_end()
        if event.deliveries and event.end is not None:
            return False
        self.gate_of(event).passed(event.issue)
        return True

    def _lane_is_at_its_end(self) -> bool:
        """In the record of a killed process: nothing is left that this lane could have asked for."""
        if self.moves is not None:
            return all(e.used for e in self.process.events)
        path = lanes.current_lane().path
        return all(e.used for e in self.process.by_lane.get(path, ()))

    def stop_diverged(self, event: Event | None, facts: dict[str, Any], location: Any) -> NoReturn:
        """Stop: the replay is not the recorded run any more."""
        self.stop(DIVERGED, event, facts, location)

    def stop(self, outcome: str, event: Event | None, facts: dict[str, Any], location: Any) -> NoReturn:
        """Stop with an outcome of :mod:`fr_replay.engine.verdict`."""
        self.gate.stopped = True
        self.verdicts.stop(outcome, {**self._facts(event, location), **facts})

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
