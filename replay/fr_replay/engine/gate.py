"""The gate: lets things happen in the order in which they happened.

While recording, every start of a call, every delivery of a result or chunk, every timer that fired, wake-up from sleep and end
of a thread or pool job took a place in one process-wide order. In replay each of them waits here until all that came
before it have happened. Nothing waits for a place that can only be reached through the waiter itself: what came before
in the record did not need it there either.

Order alone is not enough. Between two deliveries to tasks of an event loop, the loop made a number of turns in which
other tasks ran: the gate lets as many turns pass, or fewer when the loop has nothing left to do. And a thread that has
just been given its result gets to use it before another thread is given the next; see :mod:`fr_replay.engine.runner`.
"""

from __future__ import annotations

import asyncio
import heapq
import threading
from collections.abc import Callable, Sequence
from typing import Any

from .runner import Runner

__all__ = ["Gate"]


class _TimerWaiter:
    """A timer that waits for its place, in no one's way."""

    __slots__ = ("at_us", "handle", "loop", "turns")

    def __init__(self, loop: Any, turns: int, handle: Any) -> None:
        self.loop = loop
        self.turns: int | None = turns
        self.at_us: int | None = None
        self.handle = handle

    @property
    def done(self) -> bool:
        return bool(self.handle._cancelled)

    def release(self) -> None:
        """In the loop's own thread: fire in the turn that is about to begin, or in the next."""
        if not self.handle._cancelled:
            self.handle._scheduled = False
            self.loop._scheduled = [handle for handle in self.loop._scheduled if handle is not self.handle]
            heapq.heapify(self.loop._scheduled)
            self.loop._ready.append(self.handle)


class _TaskWaiter:
    """A task that waits for its place."""

    __slots__ = ("at_us", "future", "loop", "turns")

    def __init__(self, loop: asyncio.AbstractEventLoop, turns: int | None, at_us: int | None) -> None:
        self.loop: Any = loop
        self.future: asyncio.Future[None] = loop.create_future()
        self.turns = turns
        self.at_us = at_us

    @property
    def done(self) -> bool:
        return self.future.done()

    def release(self) -> None:
        """In the loop's own thread: let the task go on in the loop's next turn."""
        if not self.future.done():
            self.future.set_result(None)


class _ThreadWaiter:
    """A thread that waits for its place."""

    __slots__ = ("at_us", "event", "ident")

    def __init__(self, at_us: int | None) -> None:
        self.event = threading.Event()
        self.ident = threading.get_ident()
        self.at_us = at_us


class Gate:
    """Hands out the places of an order, first to last.

    Args:
        orders: all places, ascending.
        turns: the count of event-loop turns so far.

    Attributes:
        moves: how often the head has moved.
        stopped: True once the replay is over; nothing is guarded any more.
    """

    def __init__(self, orders: Sequence[int], turns: Callable[[], int]) -> None:
        self._orders = orders
        self._head = 0
        self._passed: set[int] = set()
        self._turns = turns
        self._lock = threading.Lock()
        self._threads: dict[int, _ThreadWaiter] = {}
        self._tasks: dict[int, _TaskWaiter | _TimerWaiter] = {}
        self._last_turn: tuple[int, int] | None = None
        self._runner = Runner(self._wake_head)
        self.moves = 0
        self.stopped = False

    @property
    def waiting(self) -> list[int]:
        """The places that threads and tasks wait for."""
        return sorted([*self._threads, *(order for order, waiter in list(self._tasks.items()) if isinstance(waiter, _TaskWaiter))])

    @property
    def threads_waiting(self) -> int:
        """How many threads wait here."""
        return len(self._threads)

    def head(self) -> int | None:
        """The place that everything waits for; None at the end of the order."""
        return self._orders[self._head] if self._head < len(self._orders) else None

    def is_turn(self, order: int) -> bool:
        """True when all earlier places have been passed."""
        head = self.head()
        return head is None or order <= head

    def passed(self, order: int, recorded_turns: int | None = None, at_us: int | None = None) -> None:
        """The thing at this place has happened.

        Args:
            recorded_turns: the loop's count of turns then, in the record.
            at_us: when it happened in the record; given for what lets the calling thread go on.
        """
        with self._lock:
            self._passed.add(order)
            if recorded_turns is not None:
                self._last_turn = recorded_turns, self._turns()
            if at_us is not None:
                self._runner.runs(at_us)
            before = self._head
            while self._head < len(self._orders) and self._orders[self._head] in self._passed:
                self._passed.discard(self._orders[self._head])
                self._head += 1
            if self._head == before:
                return
            self.moves += 1
        self._wake_head()

    # -- threads

    def wait(self, order: int, at_us: int | None = None) -> None:
        """Block the calling thread until it is this place's turn."""
        if self.is_turn(order) and self._runner.settled(threading.get_ident(), at_us):
            return
        waiter = _ThreadWaiter(at_us)
        with self._lock:
            self._threads[order] = waiter
        self._runner.parked()
        self._wake_head()
        try:
            waiter.event.wait()
        finally:
            self._threads.pop(order, None)

    # -- tasks

    async def wait_async(self, order: int, recorded_turns: int | None = None, at_us: int | None = None) -> None:
        """Suspend the calling task until it is this place's turn, and the loop has made the turns that it made then."""
        loop = asyncio.get_running_loop()
        if self.is_turn(order) and self._due(recorded_turns) and self._runner.settled(threading.get_ident(), at_us):
            return
        waiter = _TaskWaiter(loop, recorded_turns, at_us)
        self._tasks[order] = waiter
        self._wake_head()
        try:
            await waiter.future
        finally:
            self._tasks.pop(order, None)

    def call_in_turn(self, loop: Any, order: int, recorded_turns: int, handle: Any) -> None:
        """Put a timer's handle into the loop's queue when it is this place's turn, unless it is cancelled before."""
        self._tasks[order] = _TimerWaiter(loop, recorded_turns, handle)

    def before_turn(self, loop: Any) -> bool:
        """Called before each turn of a loop: let the head go if its number of turns has come, or if the loop is idle.

        Returns True when the head was released, or will be as soon as another thread has settled.
        """
        head = self.head()
        waiter = self._tasks.get(head) if head is not None else None
        if head is None or waiter is None or waiter.loop is not loop:
            return False
        if waiter.done:
            if isinstance(waiter, _TimerWaiter):
                # Cancelled before its turn, which the record does not have: it will not come any more.
                del self._tasks[head]
                self.passed(head)
            return False
        if loop._ready and not self._due(waiter.turns):
            return False
        if not self._runner.settled(threading.get_ident(), waiter.at_us):
            return True
        if isinstance(waiter, _TimerWaiter):
            del self._tasks[head]
        waiter.release()
        return True

    def _due(self, recorded_turns: int | None) -> bool:
        """True when as many turns have been made since the last delivery as in the record."""
        if recorded_turns is None or self._last_turn is None:
            return True
        recorded, here = self._last_turn
        return self._turns() - here >= recorded_turns - recorded

    def _wake_head(self) -> None:
        head = self.head()
        if head is None:
            for thread in list(self._threads.values()):
                thread.event.set()
            for waiter in list(self._tasks.values()):
                self._release_soon(waiter)
            return
        thread_waiter = self._threads.get(head)
        if thread_waiter is not None:
            if self._runner.settled(thread_waiter.ident, thread_waiter.at_us):
                thread_waiter.event.set()
            return
        task_waiter = self._tasks.get(head)
        if task_waiter is not None:
            self._release_soon(task_waiter)

    def _release_soon(self, waiter: _TaskWaiter | _TimerWaiter) -> None:
        """Release a task from whichever thread this is; where turns are not over, :meth:`before_turn` does it later."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is waiter.loop:
            ready = isinstance(waiter, _TaskWaiter) and self._due(waiter.turns)
            if ready and self._runner.settled(threading.get_ident(), waiter.at_us):
                waiter.release()
        elif not waiter.loop.is_closed():
            waiter.loop.call_soon_threadsafe(_nothing)


def _nothing() -> None:
    """Makes a sleeping loop turn; :meth:`Gate.before_turn` then does the rest."""
