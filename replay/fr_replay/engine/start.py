"""Starting a replay in a Python process: named in ``FR_BACKEND``, called by the boot code before the program's first line."""

from __future__ import annotations

import atexit
import os

from ..capture import boundary, children, clock, concurrency, crossings, keys_of_store, lanes, randomness, seams, standard_streams
from . import guards
from .clock import LaneKeeper, ReplayClock
from .finish import Finish
from .protocol import check_tape
from .redacting import Redacting
from .session import ReplaySession
from .tape import ProcessTape, Tape, load_tape
from .verdict import Verdicts
from .watch import watch

__all__ = ["start"]

_really_exit = os._exit
_finish: Finish | None = None


def start(lane: str, kind: type[ReplaySession] = ReplaySession) -> None:
    """Stand behind the boundary of this process with its part of the tape, as a session of this kind."""
    tape = load_tape(os.environ["FR_TAPE"])
    check_tape(tape.meta)
    output: list[bytes] = []
    _begin(tape, lane, output, kind)
    if tape.meta["seed"]:
        randomness.install(bytes.fromhex(tape.meta["seed"]))
    standard_streams.install(lambda source, data: output.append(data) if source == "stdout" else None)
    atexit.register(_say_how_it_went)
    children.install(lambda child: _begin_in_fork(tape, child, output, kind), _say_how_it_went)
    seams.install_seams()


def _begin(tape: Tape, lane: str, output: list[bytes], kind: type[ReplaySession]) -> None:
    """A session for this process, in the place of whatever stood there before."""
    global _finish
    meta = tape.meta
    # A Python that made no calls has nothing on the tape; if it makes one now, that is a difference.
    process = tape.process(lane) or ProcessTape(lane, started_ns=meta["started_ns"])
    redacting = Redacting(keys_of_store(meta["store_id"], create=False), meta["policy"], meta["key_id"], meta["policy_text"])
    verdicts = Verdicts(os.environ["FR_TAPE"], lane, _really_exit)
    session = kind(tape, process, verdicts, redacting, crossings.loop_turns)
    keeper = ReplayClock(session)
    lanes.set_root_lane(lane)
    clock.install(keeper, from_start=True)
    concurrency.install(LaneKeeper(session, keeper, knows_timers=True))
    boundary.install(session)
    guards.install(session, until_exit=True)
    watch(session)
    _finish = Finish(session, keeper, output)
    session.stops.output = _finish.so_far


def _begin_in_fork(tape: Tape, lane: str, output: list[bytes], kind: type[ReplaySession]) -> None:
    """In the child of a fork: its own part of the tape; what the parent had written is not the child's."""
    os.environ["FR_LANE"] = lane
    output.clear()
    _begin(tape, lane, output, kind)


def _say_how_it_went() -> None:
    if _finish is not None:
        _finish()
