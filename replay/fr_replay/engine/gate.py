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

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..capture import real
from .runner import Runner
from .waiters import HeldThread, TaskWaiter, ThreadWaiter, TimerWaiter

__all__ = ["Gate"]


_NOTHING_HELD: Mapping[int, int] = MappingProxyType({})

_BEYOND_ALL = 1 << 60
"""Behind the last place of any order."""

_SETTLING_S = 0.0005
_SETTLING_TURNS = 50


class Gate:
    """Hands out the places of an order, first to last.

    Args:
        orders: all places, ascending.
        turns: the count of event-loop turns so far, in the calling thread.
        held: place of a result to the place that is passed before the thread which gets it goes on with it.

    Attributes:
        moves: how often the head has moved.
        stopped: True once the replay is over; nothing is guarded any more.
        opened: True once the recorded order has been given up, in a tolerant replay.
        at_end: called when there is no order to keep any more; in any thread, and perhaps again and again.
        after_stop: called in every thread and task that is here after that. Where a replay stops without ending the process, it raises.
    """

    def __init__(self, orders: Sequence[int], turns: Callable[[], int], held: Mapping[int, int] = _NOTHING_HELD) -> None:
        self._orders = orders
        self._held = dict(held)
        self._holding: list[HeldThread] = []
        self._head = 0
        self._passed: set[int] = set()
        self._turns = turns
        self._lock = threading.Lock()
        self._threads: dict[int, ThreadWaiter] = {}
        self._tasks: dict[int, TaskWaiter | TimerWaiter] = {}
        self._last_turn: dict[int, tuple[int, int]] = {}
        self._loops: dict[int, int] = {}
        self._runner = Runner(self._wake_head)
        self._beyond = itertools.count(_BEYOND_ALL)
        self.moves = 0
        self.stopped = False
        self.opened = False
        self.at_end: Callable[[], None] = _nothing
        self.after_stop: Callable[[], None] = _nothing

    @property
    def waiting(self) -> list[int]:
        """The places that threads and tasks wait for."""
        tasks = [order for order, waiter in list(self._tasks.items()) if isinstance(waiter, TaskWaiter)]
        return sorted([*self._threads, *tasks, *(held.until for held in list(self._holding))])

    @property
    def threads_waiting(self) -> int:
        """How many threads wait here."""
        return len(self._threads) + len(self._holding)

    def head(self) -> int | None:
        """The place that everything waits for; None at the end of the order."""
        return self._orders[self._head] if self._head < len(self._orders) else None

    @property
    def is_over(self) -> bool:
        """True when nothing has to wait for a place any more."""
        return self.opened or self.stopped or self.head() is None

    def is_turn(self, order: int) -> bool:
        """True when all earlier places have been passed."""
        head = self.head()
        return head is None or order <= head

    def passed(self, order: int, recorded_turns: int | None = None, at_us: int | None = None, *, goes_on: bool = False) -> None:
        """The thing at this place has happened.

        Args:
            recorded_turns: the loop's count of turns then, in the record.
            at_us: when it happened in the record; given for what lets the calling thread go on.
            goes_on: the calling thread goes on, and the record does not say when that was.
        """
        with self._lock:
            self._passed.add(order)
            if recorded_turns is not None:
                self._last_turn[threading.get_ident()] = recorded_turns, self._turns()
            if at_us is not None:
                self._runner.runs(at_us)
            elif goes_on:
                self._runner.runs(None)
            if isinstance(self._tasks.get(order), TimerWaiter):
                del self._tasks[order]
            before = self._head
            while self._head < len(self._orders) and self._orders[self._head] in self._passed:
                self._passed.discard(self._orders[self._head])
                self._head += 1
            moved = self._head != before
            self.moves += moved
        if moved:
            self._wake_head()
        # Once: what is left of an answer that was read is passed again when it is closed, perhaps long after.
        until = self._held.pop(order, None)
        if until is not None:
            self._hold(until)

    def _hold(self, until: int) -> None:
        """Keep the calling thread from going on before that place has been passed; see :mod:`fr_replay.engine.overtaking`."""
        held = HeldThread(until, ThreadWaiter(None))
        with self._lock:
            self._holding.append(held)
        self._runner.parked()
        self._wake_head()
        if not self.is_over:
            held.waiter.event.wait()
        self._runner.runs(None)
        with self._lock:
            self._holding.remove(held)
        self._wake_head()
        if self.stopped:
            self.after_stop()

    def release_held(self) -> bool:
        """Let go on the threads that are kept from it. True when there are any."""
        kept = [held.waiter for held in list(self._holding) if not held.waiter.event.is_set()]
        for waiter in kept:
            waiter.event.set()
        return bool(kept)

    def _next_held(self) -> ThreadWaiter | None:
        """A thread that is held back no longer, and goes on before anyone else does."""
        return next((held.waiter for held in list(self._holding) if held.waiter.event.is_set() or self.has_passed(held.until)), None)

    def _may_go(self, order: int, at_us: int | None) -> bool:
        """True when it is this place's turn, and nobody has still to use what it was given before."""
        return self.is_turn(order) and self._next_held() is None and self._runner.settled(threading.get_ident(), at_us)

    def let_all_go(self) -> None:
        """The replay is over, and the process goes on: whoever waits here waits no longer."""
        self.stopped = True
        self._release_all()

    def open(self) -> None:
        """Give up the recorded order: everything goes on as it comes, from here on."""
        self.opened = True
        self._release_all()

    def has_passed(self, order: int) -> bool:
        """True when the thing at this place has happened."""
        return order in self._passed or (self._head > 0 and order <= self._orders[self._head - 1])

    def _release_all(self) -> None:
        self.release_held()
        for thread in list(self._threads.values()):
            thread.event.set()
        for waiter in list(self._tasks.values()):
            if not waiter.loop.is_closed():
                waiter.loop.call_soon_threadsafe(waiter.release)
        self.at_end()

    # -- threads

    def wait(self, order: int, at_us: int | None = None) -> None:
        """Block the calling thread until it is this place's turn."""
        if self.stopped:
            self.after_stop()
        if self.opened or self.has_passed(order) or self._may_go(order, at_us):
            return
        waiter = ThreadWaiter(at_us)
        with self._lock:
            self._threads[order] = waiter
        self._runner.parked()
        self._wake_head()
        try:
            waiter.event.wait()
        finally:
            self._threads.pop(order, None)
        if self.stopped:
            self.after_stop()

    def wait_for_end(self) -> None:
        """Block the calling thread until all places have been passed, and who was let go last has used what it was given."""
        self.wait(next(self._beyond))
        while not self.stopped and not self._runner.settled(threading.get_ident(), None):
            real.sleep(_SETTLING_S)

    # -- tasks

    async def wait_for_end_async(self) -> None:
        """:meth:`wait_for_end`, for an event loop: its other tasks get some turns to use what they were given."""
        import asyncio

        await self.wait_async(next(self._beyond))
        for _ in range(_SETTLING_TURNS):
            await asyncio.sleep(0)
        while not self.stopped and not self._runner.settled(threading.get_ident(), None):
            real.sleep(_SETTLING_S)

    async def wait_async(self, order: int, recorded_turns: int | None = None, at_us: int | None = None) -> None:
        """Suspend the calling task until it is this place's turn, and the loop has made the turns that it made then."""
        if self.stopped:
            self.after_stop()
        if self.opened:
            return
        from asyncio import get_running_loop

        loop = get_running_loop()
        if self._due(recorded_turns) and self._may_go(order, at_us):
            return
        while True:
            waiter = TaskWaiter(loop, recorded_turns, at_us)
            self._tasks[order] = waiter
            self._wake_head()
            try:
                await waiter.future
            finally:
                self._tasks.pop(order, None)
            if self.stopped:
                self.after_stop()
            if self.opened or self.stopped or self._may_go(order, at_us):
                return

    def call_in_turn(self, loop: Any, order: int, recorded_turns: int, handle: Any) -> None:
        """Put a timer's handle into the loop's queue when it is this place's turn, unless it is cancelled before."""
        waiter = TimerWaiter(loop, recorded_turns, handle)
        if self.opened:
            loop.call_soon(waiter.release)
            return
        self._tasks[order] = waiter

    def before_turn(self, loop: Any) -> bool:
        """Called before each turn of a loop: let the head go if its number of turns has come, or if the loop is idle.

        Returns True when the head was released, or will be as soon as another thread has settled.
        """
        ident = threading.get_ident()
        if self._loops.get(ident) != id(loop) or self._turns() <= 1:
            self._loops[ident] = id(loop)
            self._last_turn[ident] = (0, 0)
        waiter = self._waiting_first()
        if waiter is None or waiter.loop is not loop or waiter.done:
            waiter = None
        if waiter is not None and loop._ready and not self._due(waiter.turns):
            waiter = None
        if waiter is not None and (self._next_held() is not None or not self._runner.settled(ident, waiter.at_us)):
            return True
        of_this_turn = self._of_turn(loop, waiter) if waiter is not None else []
        for task in of_this_turn:
            if isinstance(task, TaskWaiter):
                task.release()
        if of_this_turn:
            self._sort_wakings(loop)
        self._wake_for_next_turn(loop)
        for timer in of_this_turn or self._timers_of_this_turn(loop):
            if isinstance(timer, TimerWaiter):
                timer.release()
        return waiter is not None

    def _sort_wakings(self, loop: Any) -> None:
        """Tasks that go on in the turn that is about to begin do so in the order of their places, whenever they were released."""
        orders = {waiter.future: order for order, waiter in self._tasks.items() if isinstance(waiter, TaskWaiter) and waiter.loop is loop}
        ready = loop._ready
        wakings = [(n, orders[h._args[0]], h) for n, h in enumerate(ready) if h._args and _is_future(h._args[0]) and h._args[0] in orders]
        for (place, _, _), (_, _, handle) in zip(wakings, sorted(wakings, key=lambda waking: waking[1]), strict=True):
            ready[place] = handle

    def _timers_of_this_turn(self, loop: Any) -> list[TimerWaiter]:
        """Timers that fired in the turn that is about to begin, in the record: behind what the loop's queue holds, which may be what the
        head waits for. One whose turn it is not when it fires will wait again."""
        recorded, here = self._last_turn[threading.get_ident()]
        now = recorded + self._turns() - here
        timers = [(order, w) for order, w in self._tasks.items() if isinstance(w, TimerWaiter) and w.loop is loop and w.turns == now]
        return [timer for _, timer in sorted(timers, key=lambda pair: pair[0]) if loop._ready and not timer.done]

    def _waiting_first(self) -> TaskWaiter | TimerWaiter | None:
        """The task or timer that waits for the head, once timers that will not come are out of the way."""
        while (head := self.head()) is not None:
            waiter = self._tasks.get(head)
            if waiter is None or not self._gone(head, waiter):
                return waiter
        return None

    def _of_turn(self, loop: Any, head: TaskWaiter | TimerWaiter) -> list[TaskWaiter | TimerWaiter]:
        """The head, and what ran in the same turn of the loop in the record: a turn later would be too late."""
        if head.turns is None:
            return [head]
        self._last_turn[threading.get_ident()] = head.turns, self._turns()
        return [w for _, w in sorted(self._tasks.items()) if w.loop is loop and w.turns == head.turns and not w.done]

    def _wake_for_next_turn(self, loop: Any) -> None:
        """Do for tasks that went on in the next turn in the record what the arrival of their data did there in this turn.

        It comes behind what is in the loop's queue already and before the timers of this turn, which decides who goes on first.
        """
        recorded, here = self._last_turn[threading.get_ident()]
        following = recorded + self._turns() + 1 - here
        due = [o for o, w in self._tasks.items() if w.loop is loop and w.turns == following and isinstance(w, TaskWaiter) and not w.done]
        for order in sorted(due):
            loop.call_soon(self._tasks[order].release)

    def _gone(self, order: int, waiter: TimerWaiter | TaskWaiter) -> bool:
        """A timer that was cancelled here and fired in the record, to no effect, will not come any more: its place is given away."""
        gone = isinstance(waiter, TimerWaiter) and waiter.cancelled
        if gone:
            self.passed(order)
        return gone

    def _due(self, recorded_turns: int | None) -> bool:
        """True when as many turns have been made since the last delivery as in the record."""
        last = self._last_turn.get(threading.get_ident())
        if recorded_turns is None or last is None:
            return True
        recorded, here = last
        return self._turns() - here >= recorded_turns - recorded

    def _wake_head(self) -> None:
        head = self.head()
        if head is None:
            self.release_held()
            for thread in list(self._threads.values()):
                thread.event.set()
            for waiter in list(self._tasks.values()):
                self._release_soon(waiter)
            self.at_end()
            return
        held = self._next_held()
        if held is not None:
            if self._runner.settled(held.ident, None):
                held.event.set()
            return
        thread_waiter = self._threads.get(head)
        if thread_waiter is not None:
            if self._runner.settled(thread_waiter.ident, thread_waiter.at_us):
                thread_waiter.event.set()
            return
        task_waiter = self._tasks.get(head)
        if task_waiter is not None and not self._gone(head, task_waiter):
            self._release_soon(task_waiter)

    def _release_soon(self, waiter: TaskWaiter | TimerWaiter) -> None:
        """Release a task from whichever thread this is; where turns are not over, :meth:`before_turn` does it later."""
        from asyncio import get_running_loop

        try:
            running = get_running_loop()
        except RuntimeError:
            running = None
        if running is waiter.loop:
            ready = isinstance(waiter, TaskWaiter) and self._due(waiter.turns) and self._next_held() is None
            if ready and self._runner.settled(threading.get_ident(), waiter.at_us):
                waiter.release()
        elif not waiter.loop.is_closed():
            waiter.loop.call_soon_threadsafe(_nothing)


def _is_future(value: Any) -> bool:
    """Futures can be looked up; arguments of the program's own callbacks perhaps cannot."""
    from asyncio import Future

    return isinstance(value, Future)


def _nothing() -> None:
    """Makes a sleeping loop turn; :meth:`Gate.before_turn` then does the rest."""
