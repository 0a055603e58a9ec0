"""Replay inside of a process: lanes of the block, stops as exceptions, and what is given back."""

import asyncio
import random
import threading
import uuid

import pytest

from fr_recorder import lanes, randomness
from fr_recorder.crossings import RecordingBackend
from fr_recorder.trace_context import TraceContext
from fr_replay.engine.gate import Gate
from fr_replay.engine.inside import OUTSIDE, BlockLane, Divergence, RaisingVerdicts, TaskLanes
from fr_replay.engine.verdict import DIVERGED

RECORDED = frozenset(("p0/trace#0", "p0/trace#0/ask#1", "p0/trace#0/job:f#0/thread:g#0"))


@pytest.mark.parametrize(
    ("name", "path"), [("ask", "p0/trace#0/ask#0"), ("job:f", "p0/trace#0/job:f#0"), ("test_it", f"{OUTSIDE}/test_it#0")]
)
def test_lanes_that_the_record_has_are_below_the_block(name: str, path: str) -> None:
    """Threads and tasks of the test's own get lanes apart from the recorded ones."""
    assert BlockLane("p0/trace#0", TraceContext("0" * 32), RECORDED).child(name).path == path


def test_the_task_of_a_blocking_run_is_the_callers_lane() -> None:
    """Without a running loop an unknown coroutine goes on in its caller's lane; one that the record knows does not."""
    made = TaskLanes(RECORDED)
    block = BlockLane("p0/trace#0", TraceContext("0" * 32), RECORDED)

    async def inside() -> str:
        return made("handler").path

    token = lanes.enter_lane(block)
    try:
        assert made("handler") is block
        assert made("ask").path == "p0/trace#0/ask#0"
        assert asyncio.run(inside()) == f"{OUTSIDE}/handler#0"
    finally:
        lanes.leave_lane(token)


def test_a_stop_raises_in_all_that_wait() -> None:
    """The first stop is the one that is told, by whoever waits at the gate and by whoever comes later."""
    gate = Gate([1, 2], lambda: 0)
    verdicts = RaisingVerdicts(lambda outcome, facts: f"{outcome}: {facts['what']}")
    verdicts.let_all_go, gate.after_stop = gate.let_all_go, verdicts.raise_if_stopped
    caught: list[Divergence] = []

    def wait() -> None:
        try:
            gate.wait(2)
        except Divergence as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not gate.waiting:
        pass
    with pytest.raises(Divergence, match="diverged: first"):
        verdicts.stop(DIVERGED, {"what": "first"})
    thread.join(10)
    with pytest.raises(Divergence, match="diverged: first"):
        verdicts.stop(DIVERGED, {"what": "second"})
    with pytest.raises(Divergence, match="diverged: first"):
        gate.wait(1)
    assert [str(error) for error in caught] == ["diverged: first"]


def test_a_divergence_is_no_exception() -> None:
    """Frameworks catch Exception."""
    assert not issubclass(Divergence, Exception)


@pytest.mark.parametrize(
    ("in_run", "around", "new", "own"),
    [(False, False, False, True), (False, True, False, False), (False, True, True, True), (True, False, False, False),
     (True, False, True, True), (True, True, True, True), (True, True, False, False)],
)  # fmt: skip
def test_a_trace_of_its_own_has_a_lane_of_its_own(in_run: bool, around: bool, new: bool, own: bool) -> None:
    """A request of a server gets a lane; a part of a run or of another trace stays in its caller's. The trace's name is not in it."""
    backend = RecordingBackend(None, TraceContext("0" * 32), in_run=in_run)  # type: ignore[arg-type]
    lane = backend.trace_lane("ann@example.com", around=around, new=new)
    assert (lane is not None) == own
    if lane is not None:
        assert lane.path.rpartition("/")[2].partition("#")[0] == "trace"


def test_seeds_are_taken_back() -> None:
    """After a replay the generators draw as before, and what a seed would have changed is as it was."""
    state, uuid4, seed = random.getstate(), uuid.uuid4, random.Random.seed
    seeds = randomness.install(b"0" * 32)
    first = random.random()
    assert uuid.uuid4 is not uuid4
    seeds.take_back()
    assert (random.getstate(), uuid.uuid4, random.Random.seed) == (state, uuid4, seed)
    again = randomness.install(b"0" * 32)
    assert random.random() == first
    again.take_back()
