"""Waiting threads go on one after another, and none is forgotten because the one before it went away."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from fr_recorder.waiting import Waiter


def test_released_waiter_does_not_wait() -> None:
    """Before or after it has begun to."""
    waiter = Waiter()
    waiter.release_after(None)
    started = time.monotonic()
    waiter.wait(5)
    assert time.monotonic() - started < 1


def test_each_goes_on_after_the_one_before() -> None:
    """Though all are released at once: when one goes on, all before it have."""
    for _ in range(20):
        waiters = [Waiter() for _ in range(8)]
        held_back: list[bool] = []

        def wait(number: int, waiters: list[Waiter] = waiters, held_back: list[bool] = held_back) -> None:
            waiters[number].wait(5)
            held_back.append(all(waiter._left for waiter in waiters[:number]))

        threads = [threading.Thread(target=wait, args=(n,)) for n in (3, 1, 7, 0, 2, 6, 5, 4)]
        for thread in threads:
            thread.start()
        before: Waiter | None = None
        for waiter in waiters:
            waiter.release_after(before)
            before = waiter
        for thread in threads:
            thread.join(5)
        assert held_back == [True] * 8


def test_next_one_waits_for_the_one_before_to_wake() -> None:
    """It is held back until then, and let go by it."""
    first, second = Waiter(), Waiter()
    first.release_after(None)
    second.release_after(first)
    started = time.monotonic()
    second.wait(0.1)
    assert time.monotonic() - started >= 0.1
    third = Waiter()
    third.release_after(first)
    first.wait(1)
    started = time.monotonic()
    third.wait(5)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("timeout", [0.0, 0.05])
def test_one_that_gave_up_holds_nobody_back(timeout: float) -> None:
    """Whoever went on for lack of patience, or never waited, is done."""
    first, second = Waiter(), Waiter()
    first.wait(timeout)
    second.release_after(first)
    started = time.monotonic()
    second.wait(5)
    assert time.monotonic() - started < 1


def test_one_that_was_interrupted_holds_nobody_back() -> None:
    """Ctrl-C while a call waits for the writer."""
    first, second = Waiter(), Waiter()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            first.wait(5)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    first.release_after(None)
    second.release_after(first)
    started = time.monotonic()
    second.wait(5)
    assert time.monotonic() - started < 1
