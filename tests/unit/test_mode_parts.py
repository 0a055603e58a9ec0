"""Parts of the modes of replay that need no program: their words on the tape, the opened gate, bodies at the prompt, the worst outcome."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from fr_replay.engine.gate import Gate
from fr_replay.engine.modes import STRICT, Goal, Mode, goal_of, mode_of
from fr_replay.engine.prompt import parsed_body
from fr_replay.replay_many import worst_code
from fr_replay.replaying import DIVERGED, ENDED_EARLY, IDENTICAL, MOVED, UNSUPPORTED, ReplayOutcome


def test_a_mode_goes_through_the_tape() -> None:
    """What is asked for arrives in the replaying process; a tape without it is strict."""
    mode = Mode(3, "after", tolerant=True, realtime=False)
    assert mode_of({"mode": mode._asdict()}) == mode
    assert mode_of({}) == STRICT
    goal = {"step": 3, "steps": 7, "last": 12, "events": [11, 12], "before": [4], "answer": [[0, 5]]}
    assert goal_of({"goal": goal}) == Goal(3, 7, 12, [11, 12], [4], [(0, 5)])
    assert goal_of({"goal": None}) is None


def test_a_gate_knows_what_has_passed() -> None:
    """In order, ahead of the order, and not yet."""
    gate = Gate([1, 2, 5, 9], lambda: 0)
    gate.passed(1)
    gate.passed(5)
    assert [gate.has_passed(order) for order in (1, 2, 5, 9)] == [True, False, True, False]
    gate.passed(2)
    assert [gate.has_passed(order) for order in (1, 2, 5, 9)] == [True, True, True, False]


def test_an_opened_gate_holds_nobody() -> None:
    """Threads and tasks that wait go on, and those that come later do not wait."""
    gate = Gate([1, 2, 3, 4], lambda: 0)
    thread = threading.Thread(target=gate.wait, args=(3,), daemon=True)
    thread.start()

    async def tasks() -> None:
        waiting = asyncio.create_task(gate.wait_async(4, 10))
        while len(gate.waiting) < 2:
            await asyncio.sleep(0.001)
        gate.open()
        fired = asyncio.Event()
        loop: Any = asyncio.get_running_loop()
        gate.call_in_turn(loop, 2, 50, loop.call_later(1000, fired.set))
        await asyncio.wait_for(asyncio.gather(waiting, fired.wait(), gate.wait_async(2, 99)), 10)

    asyncio.run(tasks())
    thread.join(10)
    assert not thread.is_alive()
    assert gate.waiting == []
    gate.wait(2)


BODIES: tuple[tuple[bytes, Any], ...] = (
    (b'{"a": [1]}', {"a": [1]}),
    (b'data: {"a": 1}\n\ndata: {"a": 2}\n\ndata: [DONE]\n\n', [{"a": 1}, {"a": 2}]),
    (b"event: ping\ndata: not json\n\n", ["not json"]),
    (b"plain text", "plain text"),
    (b"", ""),
)


@pytest.mark.parametrize(("data", "value"), BODIES)
def test_a_body_is_parsed_for_the_prompt(data: bytes, value: Any) -> None:
    """JSON, a stream of events, or text."""
    assert parsed_body(data) == value


WORST: tuple[tuple[tuple[str, ...], int], ...] = (
    ((), 0),
    ((IDENTICAL, MOVED), 0),
    ((IDENTICAL, UNSUPPORTED), 87),
    ((UNSUPPORTED, ENDED_EARLY), 88),
    ((ENDED_EARLY, DIVERGED, UNSUPPORTED), 86),
)


@pytest.mark.parametrize(("outcomes", "code"), WORST)
def test_the_worst_outcome_decides(outcomes: tuple[str, ...], code: int) -> None:
    """A divergence says most, then an early end, then what could not be replayed."""
    assert worst_code([ReplayOutcome(outcome, "0" * 32) for outcome in outcomes]) == code
