"""What the lanes read from the clock, and where they were woken: collected here, flushed with the next event.

A clock read costs two appends at most. The writer turns what was taken into one event, by lane and source.
"""

from __future__ import annotations

from _thread import allocate_lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .lanes import Lane

__all__ = ["LaneReads", "ReadLog"]

LaneReads = dict[str, dict[str, list[int]]]
"""``{lane path: {source: values}}``; sources are ``w m p`` (clocks, ns) and ``s b e`` (places in the process-wide order)."""


class ReadLog:
    """Values by lane and source. Any thread may note; whoever takes gets all that was noted before."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Lane, str, list[int]]] = []
        self._lock = allocate_lock()

    def __len__(self) -> int:
        """How many lists wait to be taken; 0 when nothing was noted since the last time."""
        return len(self._waiting)

    def note(self, lane: Lane, source: str, value: int) -> None:
        """Add a value."""
        values = lane.reads.get(source)
        if values is None:
            values = lane.reads.setdefault(source, [])
        values.append(value)
        if len(values) == 1:
            self.enter(lane, source, values)

    def enter(self, lane: Lane, source: str, values: list[int]) -> None:
        """A list has got its first value since it was taken."""
        self._waiting.append((lane, source, values))

    def take(self) -> LaneReads:
        """Everything noted so far, removed from the lanes; empty when another thread is just taking it."""
        if not self._lock.acquire(False):
            return {}
        try:
            count = len(self._waiting)
            waiting = self._waiting[:count]
            del self._waiting[:count]
            taken: LaneReads = {}
            for lane, source, values in waiting:
                length = len(values)
                if length == 0:
                    # Entered twice, when it was taken and added to at the same moment.
                    continue
                taken.setdefault(lane.path, {}).setdefault(source, []).extend(values[:length])
                del values[:length]
                if values:
                    # Somebody added one in between, and saw a list that was not empty.
                    self._waiting.append((lane, source, values))
            return taken
        finally:
            self._lock.release()

    def forget(self) -> None:
        """In the child of a fork: what is noted belongs to the parent, and its lock may be held there."""
        self._waiting.clear()
        self._lock = allocate_lock()
