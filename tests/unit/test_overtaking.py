"""Threads that were overtaken after their last result: found in the record, held back at the gate, let go where they are waited for."""

from __future__ import annotations

import os
import threading
import time

import pytest

from fr_replay.engine import runner as runner_module
from fr_replay.engine.gate import Gate
from fr_replay.engine.overtaking import overtaken
from fr_replay.engine.runner import Runner
from fr_replay.engine.tape import Delivery, Event, ProcessTape

LIMIT_S = 20.0


def call(lane: str, issue: int, end: int, at_us: int = 0, turns: int = 0, how: str = "eof") -> Event:
    """A call of a lane: where it was made, where and when it ended."""
    return Event(0, None, "http", lane, 0, issue, {}, [], [Delivery(end, at_us, 0, turns)], how, {}, {})


def process(
    calls: list[Event], ends: dict[str, int], marks: dict[str, int] | None = None, sleeps: dict[str, int] | None = None
) -> ProcessTape:
    """What a process did: its calls, the ends of its threads, looks at what has ended, and ends of sleeps."""
    reads: dict[str, dict[str, list[int]]] = {lane: {"e": [end]} for lane, end in ends.items()}
    for source, places in (("b", marks), ("s", sleeps)):
        for lane, order in (places or {}).items():
            reads.setdefault(lane, {})[source] = [order]
    return ProcessTape("p0", events=calls, reads=reads)


CASES = {
    "nobody is overtaken": (process([call("p0/a", 1, 3), call("p0/b", 2, 5)], {"p0/a": 4, "p0/b": 6}), {}),
    "one ends while the other waits": (process([call("p0/a", 1, 4), call("p0/b", 2, 3)], {"p0/a": 6, "p0/b": 5}), {}),
    "overtaken": (process([call("p0/a", 1, 3), call("p0/b", 2, 4)], {"p0/a": 6, "p0/b": 5}), {3: 5}),
    "overtaken on the way to another call": (
        process([call("p0/a", 1, 3), call("p0/b", 2, 4), call("p0/b", 5, 8)], {"p0/a": 6, "p0/b": 9}),
        {3: 5},
    ),
    "overtaken by the first thread": (process([call("p0/a", 1, 3), call("p0", 2, 4), call("p0", 5, 8)], {"p0/a": 6}), {3: 5}),
    "a call is no last one": (process([call("p0/a", 1, 3), call("p0/a", 6, 7), call("p0/b", 2, 4)], {"p0/a": 8, "p0/b": 5}), {}),
    "it looks at what has ended in between": (process([call("p0/a", 1, 3), call("p0/b", 2, 5)], {"p0/a": 8, "p0/b": 6}, {"p0/a": 4}), {}),
    "long before": (process([call("p0/a", 1, 3, 0), call("p0/b", 2, 4, 200_000)], {"p0/a": 6, "p0/b": 5}), {}),
    "by one that slept": (process([call("p0/a", 1, 3)], {"p0/a": 6, "p0/b": 5}, sleeps={"p0/b": 4}), {3: 5}),
    "by one that goes on for long": (
        process([call("p0/a", 1, 3), call("p0/b", 5, 8)], {"p0/a": 9, "p0/b": 10}, sleeps={"p0/b": 4}),
        {3: 5},
    ),
    "by one whose own thread had ended": (
        process([call("p0/a", 1, 3), call("p0/b/x", 2, 4)], {"p0/a": 7, "p0/b/x": 5, "p0/b": 6}),
        {3: 6},
    ),
    "by none that it started itself": (process([call("p0/a", 1, 4), call("p0/a/x", 2, 3)], {"p0/a": 6, "p0/a/x": 5}), {}),
    "by one that was overtaken itself": (
        process([call("p0/a", 1, 4), call("p0/b", 2, 5), call("p0/c", 3, 6)], {"p0/a": 8, "p0/b": 7, "p0/c": 9}),
        {4: 7, 6: 8},
    ),
    "when it had slept": (process([call("p0/b", 1, 4)], {"p0/a": 6, "p0/b": 5}, sleeps={"p0/a": 3}), {3: 5}),
    "by one that slept long after": (
        process([call("p0/a", 1, 3, 0), call("p0/c", 2, 4, 200_000)], {"p0/a": 8, "p0/b": 6}, sleeps={"p0/b": 5}),
        {},
    ),
    "of an event loop": (process([call("p0/a/t", 1, 3, turns=4), call("p0/b", 2, 4)], {"p0/a": 6, "p0/b": 5}), {}),
    "cancelled": (process([call("p0/a", 1, 3, how="cancelled"), call("p0/b", 2, 4)], {"p0/a": 6, "p0/b": 5}), {}),
    "by a thread of its own": (process([call("p0/a", 1, 2), call("p0/a/x", 3, 4)], {"p0/a": 6, "p0/a/x": 5}), {}),
    "it starts a thread before it ends": (
        process([call("p0/a", 1, 3), call("p0/b", 2, 4), call("p0/a/x", 5, 8)], {"p0/a": 7, "p0/b": 6, "p0/a/x": 9}),
        {},
    ),
    "its own lanes overtake nobody": (process([call("p0/a", 1, 2), call("p0/a/x", 3, 4)], {"p0/a": 6}), {}),
}


@pytest.mark.parametrize(("tape", "held"), CASES.values(), ids=list(CASES))
def test_who_was_overtaken(tape: ProcessTape, held: dict[int, int]) -> None:
    """Place of the last result to the place where the last overtaker was done with its own."""
    assert overtaken(tape) == held


def test_an_overtaken_thread_uses_its_result_after_the_other_one() -> None:
    """Its result comes in its turn, so that the other one can get its own."""
    gate = Gate([1, 2, 3, 4], lambda: 0, {1: 3})
    used: list[str] = []

    def work(name: str, result: int, end: int) -> None:
        gate.wait(result)
        gate.passed(result, 0, 0)
        used.append(name)
        gate.wait(end)
        gate.passed(end, goes_on=True)

    threads = [threading.Thread(target=work, args=args) for args in (("overtaken", 1, 4), ("other", 2, 3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert used == ["other", "overtaken"]
    assert gate.head() is None and not gate.release_held()


def test_a_thread_that_is_held_back_can_be_let_go() -> None:
    """The other one may wait for it, by a lock that the record does not know."""
    gate = Gate([1, 2, 3], lambda: 0, {1: 2})
    went_on = threading.Event()

    def work() -> None:
        gate.passed(1, 0, 0)
        went_on.set()

    threading.Thread(target=work, daemon=True).start()
    deadline = time.monotonic() + LIMIT_S
    while not gate.release_held():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert went_on.wait(LIMIT_S)
    assert gate.head() == 2


def test_a_place_that_has_passed_is_not_waited_for() -> None:
    """Not even while another thread runs on what it was given."""
    gate = Gate([1, 2, 3], lambda: 0)
    thread = threading.Thread(target=lambda: gate.passed(1, 0, 0))
    thread.start()
    gate.passed(2)
    done = threading.Thread(target=lambda: gate.wait(2), daemon=True)
    done.start()
    done.join(LIMIT_S)
    assert not done.is_alive()
    thread.join()


STATES = {
    "has ended": ([(0, True), None], 2),
    "sleeps": ([(0, True), *[(7, False)] * 6], 6),
    "is ready to run": ([*[(0, True)] * 30, None], 30),
    "has used its time": ([(0, True), (4_000_000, True), (5_000_000, True), (9_000_000, True)], 3),
    "sleeps now and then": ([(0, True), (1, False), (1, False), (2, False), (2, False), (2, False), (2, True), None], 8),
}
"""What a thread is seen to be up to (nanoseconds used, whether it wants to run), and after how many looks it has settled."""


@pytest.mark.parametrize(("states", "looks"), STATES.values(), ids=list(STATES))
def test_when_a_thread_has_had_its_time(monkeypatch: pytest.MonkeyPatch, states: list[tuple[int, bool] | None], looks: int) -> None:
    """When it has ended, waits for something, or has used a slice; not while it is ready to run and the machine has no time for it."""
    seen: list[object] = []

    def look(_: int) -> object:
        state = states[min(len(seen), len(states) - 1)]
        seen.append(state)
        return None if state is None else runner_module._State(*state)

    monkeypatch.setattr(runner_module, "_state_of", look)
    woken = threading.Event()
    runner = Runner(woken.set)
    thread = threading.Thread(target=runner.runs, args=(0,))
    thread.start()
    thread.join()
    assert not runner.settled(threading.get_ident(), 0)
    assert woken.wait(LIMIT_S)
    assert runner.settled(threading.get_ident(), 0)
    assert abs(len(seen) - looks) <= 1


def test_the_state_of_a_thread_of_ours() -> None:
    """This one runs; one that is no more has none."""
    state = runner_module._state_of(threading.get_native_id())
    assert state is not None and state.runs and state.used_ns > 0
    assert runner_module._state_of(os.getppid()) is None
