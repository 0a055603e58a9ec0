"""``fr_replay.replay(trace)``: replay a recorded trace around code that this process calls itself.

::

    with fr_replay.replay("01a20961", store="tests/traces") as run:
        answer = handle_request(**run.inputs)

HTTP and tools are answered from the record, in the recorded order; a difference raises :class:`fr_replay.Divergence`.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from types import BuiltinFunctionType, TracebackType
from typing import Any, NamedTuple

from fr_schema.errors import NotReplayable

from .capture import (
    boundary,
    clock,
    concurrency,
    context,
    crossings,
    keys_of_store,
    lanes,
    os_system,
    randomness,
    read_format,
    recorder,
    seams,
    temporary_folder,
)
from .cli.replay_report import report_lines
from .credentials import CREDENTIALS
from .engine import guards
from .engine.clock import LaneKeeper, ReplayClock
from .engine.guarded_files import remove_made
from .engine.inside import BlockLane, Divergence, FlowingClock, InsideSession, RaisingVerdicts, TaskLanes
from .engine.redacting import Redacting
from .engine.tape import ProcessTape, Tape, load_tape
from .engine.watch import watch
from .reading import open_trace, rows_of
from .replaying import ENDED_EARLY, ReplayOutcome, look_at_inputs, name_causes
from .selectors import resolve_trace, store_of_trace
from .store import Store, open_store
from .tape_writer import Permissions, write_tape
from .trace_record import TraceRecord, read_trace_record, recorded_inputs

__all__ = ["Divergence", "Replay", "Step", "replay"]

_LISTED_UNUSED = 20
_one_at_a_time = threading.Lock()


class Step(NamedTuple):
    """One recorded model call.

    Attributes:
        number: as in ``fr show TRACE K``.
        model: as asked for.
        status: ok, error, cancelled, abandoned or open.
        request: the request's JSON as recorded, or its text.
        answer: the answer's text, or None.
        tool_calls: what the model asked for: name and arguments (JSON text).
    """

    number: int
    model: str | None
    status: str | None
    request: Any
    answer: str | None
    tool_calls: list[tuple[str | None, str]]


class Replay:
    """A recorded trace; as a context manager it is what the code inside gets to see.

    Attributes:
        trace_id: 32 hex characters.
        inputs: what ``fr.trace(..., inputs=...)`` was given, redacted as recorded; empty when it was given none.
        limits: what this replay cannot restore, one sentence each.
        partial: leaving recorded calls unasked is no error.

    Args:
        permissions: when given, writes and programs beyond these are refused too, as in ``fr replay``.
    """

    def __init__(
        self, trace_id: str, store: Store, record: TraceRecord, *, partial: bool = False, permissions: Permissions | None = None
    ) -> None:
        self.trace_id = trace_id
        self.partial = partial
        self._permissions = permissions
        self._store = store
        self._record = record
        self.inputs: dict[str, Any] = recorded_inputs(store, record) or {}
        self.limits = _limits(record)
        self._session: InsideSession | None = None
        self._verdicts = RaisingVerdicts(self._report)
        self._undo = ExitStack()
        self._recorded = 0

    @property
    def entered(self) -> bool:
        """True once code has run under it."""
        return self._session is not None

    @property
    def served(self) -> int:
        """How many recorded calls have been handed out."""
        return self._session.served if self._session is not None else 0

    @property
    def tools(self) -> dict[str, str]:
        """The recorded tools, by name and what replay does with them."""
        return {row["tool_name"]: "served" for row in self._record.record.rows if row["kind"] == "tool_call"}

    @property
    def recorded_error(self) -> str | None:
        """Class name of the exception that the recorded trace ended in; None when it ended well, or has not ended."""
        root = self._record.root
        return root["error_type"] if root["status"] == "error" else None

    @property
    def steps(self) -> list[Step]:
        """The recorded model calls, in order."""
        near, contents = open_trace(self._store, self.trace_id)
        sql = "SELECT step, model_requested, status, request_parts, output_blob, output_tool_calls FROM calls ORDER BY step"
        return [_step(row, contents) for row in rows_of(near, sql)]

    # -- the with block

    def __enter__(self) -> Replay:
        if self._session is not None or not _one_at_a_time.acquire(blocking=False):
            raise NotReplayable("a replay is running in this process already; one at a time, each around its own code")
        self._undo.callback(_one_at_a_time.release)
        try:
            self._begin()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        session = self._session
        assert session is not None
        try:
            if error is None and self._verdicts.stopped is None and not self.partial:
                self._check_unused(session)
            session.gate.let_all_go()
        finally:
            self._undo.close()
        stopped = self._verdicts.stopped
        if stopped is not None and not isinstance(error, Divergence):
            # It was swallowed inside, or has become another exception on its way here.
            raise stopped from error

    async def __aenter__(self) -> Replay:
        return self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.__exit__(kind, error, trace)

    def _begin(self) -> None:
        behind = boundary.backend()
        if getattr(behind, "replays", False):
            raise NotReplayable("this process is being replayed itself, by fr replay")
        folder = self._undo.enter_context(temporary_folder())
        store_id = read_format(self._store.path).store_id
        write_tape(self._store, self._record.record, folder, store_id, self._permissions or Permissions())
        self._undo.callback(remove_made, folder)
        tape = load_tape(folder)
        process = tape.process(self._record.lane) or ProcessTape(self._record.lane)
        self._recorded = len(process.events)
        redacting = Redacting(keys_of_store(store_id, create=False), tape.meta["policy"], tape.meta["key_id"], tape.meta["policy_text"])
        session = InsideSession(tape, process, self._verdicts, redacting, crossings.loop_turns)
        session.begin(self._verdicts, self._record.name)
        self._session = session
        self._undo.callback(recorder.set_aside())
        paths = frozenset((*process.by_lane, *process.reads))
        self._enter_lane(paths)
        concurrency.set_task_lanes(TaskLanes(paths))
        self._undo.callback(concurrency.set_task_lanes, None)
        self._take_time_and_seeds(session, tape, process)
        self._stand_in_for_keys()
        seams.install_seams()
        if isinstance(os.system, BuiltinFunctionType):
            os_system.install()
        boundary.install(session)
        self._undo.callback(boundary.install, None)
        if self._permissions is None:
            # Only connections are guarded: what a test writes or starts is the test's own affair.
            tape.meta.pop("permissions", None)
        guards.install(session)
        watch(session)

    def _enter_lane(self, paths: frozenset[str]) -> None:
        """All code without a lane of its own is in the trace's, in this thread and in others."""
        within = context.TraceContext(self.trace_id)
        lane = BlockLane(self._record.lane, within, paths)
        self._undo.callback(lanes.replace_root_lane, lanes.replace_root_lane(lane))
        self._undo.callback(lanes.leave_lane, lanes.enter_lane(lane))
        if not self._record.command:
            self._undo.callback(context.reset_context, context.set_context(within))

    def _take_time_and_seeds(self, session: InsideSession, tape: Tape, process: ProcessTape) -> None:
        keeper = ReplayClock(session) if self._record.clock else FlowingClock(session, process.started_ns)
        before = clock.install(keeper)
        # The hooks stay, and show the real clock from then on.
        self._undo.callback(clock.install, before or clock.LiveClock())
        observed = concurrency.install(LaneKeeper(session, keeper))
        self._undo.callback(concurrency.install, observed)
        if tape.meta["seed"]:
            self._undo.callback(randomness.install(bytes.fromhex(tape.meta["seed"])).take_back)

    def _stand_in_for_keys(self) -> None:
        """Clients refuse to be made without a key, and need none here. A provider that has one keeps it: nothing is sent."""
        asked = store_of_trace(self._store, self.trace_id).rows(
            "SELECT DISTINCT provider FROM all_events WHERE provider IS NOT NULL ORDER BY 1"
        )
        for (provider,) in asked[1]:
            names = [name for row in CREDENTIALS if row.provider == provider for name in row.variables]
            if names and not any(name in os.environ for name in names):
                os.environ[names[0]] = "fr-replay-needs-no-key"
                self._undo.callback(os.environ.pop, names[0], None)

    # -- judging

    def _check_unused(self, session: InsideSession) -> None:
        used = set(session.used())
        unused = [event for event in session.process.events if event.number not in used and event.facts["required"]]
        if unused:
            listed = [{"step": e.step, "kind": e.kind, "lane": e.lane, "request": e.request} for e in unused[:_LISTED_UNUSED]]
            facts = {"what": "the code ended before its record did", "unused": listed, "unused_count": len(unused)}
            try:
                self._verdicts.stop(ENDED_EARLY, facts)
            except Divergence:
                # Raised by __exit__, once everything has been given back.
                return

    def outcome_of(self, outcome: str, facts: dict[str, Any]) -> ReplayOutcome:
        """An ending as ``fr replay`` has it: with counts, tools and suspects."""
        ended = ReplayOutcome(outcome, self.trace_id, served=self.served, recorded=self._recorded, tools=self.tools, facts=facts)
        store_id = read_format(self._store.path).store_id
        name_causes(ended, store_id, self._record.record, look_at_inputs(store_id, self._record.record))
        return ended

    def _report(self, outcome: str, facts: dict[str, Any]) -> str:
        """The text that ``fr replay`` would print."""
        return "\n".join(line.text for line in report_lines(self.outcome_of(outcome, facts)))


def replay(trace: str, store: str | os.PathLike[str] | None = None, *, partial: bool = False) -> Replay:
    """A recorded trace to be replayed in this process, around the code inside of ``with``.

    Args:
        trace: id, the beginning of one, or ``last``.
        store: path of the store; else ``FR_STORE``, else ``./.flightrecorder``.
        partial: the code inside may leave recorded calls unasked at the end.

    Raises:
        FlightError: the store or the trace is not there, or the trace cannot be replayed exactly inside a process; the reason is in
            the message. Inside the block and at its end: :class:`Divergence`.
    """
    opened = open_store(os.fspath(store) if store is not None else None)
    trace_id = resolve_trace(opened, trace)
    return Replay(trace_id, opened, read_trace_record(opened, trace_id), partial=partial)


def _limits(record: TraceRecord) -> list[str]:
    """What a replay of this record inside a process does not restore."""
    limits = ["the state of the process around the trace (globals, caches, databases, files) is that of now"]
    if not record.clock:
        limits.append("clock reads are not on record: time begins when the trace began and flows")
        limits.append("random numbers are not on record: fresh ones are drawn")
    if record.command:
        limits.append("clock reads and random numbers are those from the start of the command on, its imports included")
    return limits


def _step(row: dict[str, Any], contents: Any) -> Step:
    import json

    asked = json.loads(row["output_tool_calls"] or "[]")
    contents.fetch([*(row["request_parts"] or ()), row["output_blob"], *(call["arguments_blob"] for call in asked)])
    text = contents.joined(row["request_parts"])
    try:
        request = json.loads(text) if text else None
    except ValueError:
        request = text
    calls = [(call["name"], contents.text(call["arguments_blob"]) or "") for call in asked]
    return Step(row["step"], row["model_requested"], row["status"], request, contents.text(row["output_blob"]), calls)
