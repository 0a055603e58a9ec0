"""What waits at the gate: timers and tasks of an event loop, and threads."""

from __future__ import annotations

import heapq
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import asyncio

__all__ = ["HeldThread", "TaskWaiter", "ThreadWaiter", "TimerWaiter"]


class TimerWaiter:
    """A timer that waits for its place, in no one's way."""

    __slots__ = ("at_us", "handle", "loop", "released", "turns")

    def __init__(self, loop: Any, turns: int, handle: Any) -> None:
        self.loop = loop
        self.released = False
        self.turns: int | None = turns
        self.at_us: int | None = None
        self.handle = handle

    @property
    def done(self) -> bool:
        return self.released or self.cancelled

    @property
    def cancelled(self) -> bool:
        """Before it fired, and perhaps after it was put into the loop's queue."""
        return bool(self.handle._cancelled)

    def release(self) -> None:
        """In the loop's own thread: fire in the turn that is about to begin, or in the next."""
        if not self.done:
            self.released = True
            self.handle._scheduled = False
            self.loop._scheduled = [handle for handle in self.loop._scheduled if handle is not self.handle]
            heapq.heapify(self.loop._scheduled)
            self.loop._ready.append(self.handle)


class TaskWaiter:
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


class ThreadWaiter:
    """A thread that waits for its place."""

    __slots__ = ("at_us", "event", "ident")

    def __init__(self, at_us: int | None) -> None:
        self.event = threading.Event()
        self.ident = threading.get_ident()
        self.at_us = at_us


class HeldThread(NamedTuple):
    """A thread that was overtaken, and waits until this place has been passed."""

    until: int
    waiter: ThreadWaiter
