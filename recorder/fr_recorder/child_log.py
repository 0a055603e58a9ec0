"""One child process of the program being recorded: what the program wrote to it, read from it, and learned of its end."""

from __future__ import annotations

import atexit
import os
from _thread import allocate_lock
from typing import Any

from .child_streams import STREAMS, Streams
from .harmless import harmless

__all__ = ["ChildLog"]

_MOST_BYTES = 16 << 20
_MOST_ITEMS = 50_000
_LETTERS = {"in": "i", "out": "o", "err": "e"}


class ChildLog:
    """Collects until the child is over for the program: its end is known, and its pipes are at their end or closed.

    Args:
        crossing: the recorded tool call; its deliveries are the items here, one for one.
        pipes: which of stdout and stderr the program has a pipe for.
        lost: why this cannot be handed out again in replay, if that is known from the start.
        shared: the child writes to the program's own stdout, which is not seen.
    """

    def __init__(self, crossing: Any, pipes: set[str], *, lost: str | None, shared: bool) -> None:
        self._crossing = crossing
        self._open_pipes = set(pipes)
        self._pieces: dict[str, list[bytes]] = {name: [] for name in STREAMS}
        self._ends = dict.fromkeys(STREAMS, 0)
        self._items: list[list[Any]] = []
        self._lock = allocate_lock()
        self._polls = 0
        self._exited = False
        self._over = False
        self._lost = lost
        self._shared = shared
        self.pid = 0
        _open.add(self)

    def _add(self, item: list[Any]) -> None:
        """Called with the lock held."""
        self._items.append(item)
        self._crossing.happened(len(self._items))

    def _take(self, stream: str, data: bytes) -> int:
        """Keep a piece of a stream; returns the offset of its end. Called with the lock held."""
        if sum(self._ends.values()) + len(data) > _MOST_BYTES or len(self._items) > _MOST_ITEMS:
            self._lost = (
                self._lost or f"it exchanged more than {_MOST_BYTES >> 20} MiB with the program, or in more than {_MOST_ITEMS} pieces"
            )
            return self._ends[stream]
        self._pieces[stream].append(data)
        self._ends[stream] += len(data)
        return self._ends[stream]

    @harmless
    def piece(self, stream: str, data: bytes) -> None:
        """The program wrote this to stdin, or gets this next from stdout or stderr; empty at the end of it."""
        with self._lock:
            if self._over:
                return
            self._add([_LETTERS[stream], self._take(stream, data)])
        if not data and stream != "in":
            self.closed(stream)

    @harmless
    def closed(self, stream: str) -> None:
        """The program will read no more of this stream."""
        self._open_pipes.discard(stream)
        self._end_if_over()

    @harmless
    def communicated(self, code: int | None, given: Any, got: tuple[Any, Any]) -> None:
        """``communicate`` returns. ``given`` was its input."""
        with self._lock:
            if self._over:
                return
            ends = [self._take("in", _as_bytes(given)) if given is not None else -1]
            ends += [self._take(name, _as_bytes(value)) if value is not None else -1 for name, value in zip(STREAMS[1:], got, strict=True)]
            self._add(["c", code, self._take_polls(), *ends, any(isinstance(value, str) for value in got)])
            self._exited = code is not None
            self._open_pipes.clear()
        self._end_if_over()

    @harmless
    def communicate_timed_out(self, given: Any, got: tuple[Any, Any]) -> None:
        """``communicate`` took too long; what had come until then goes with the exception."""
        with self._lock:
            if self._over:
                return
            ends = [self._take("in", _as_bytes(given)) if given is not None else -1]
            ends += [self._take(name, _as_bytes(value)) if value is not None else -1 for name, value in zip(STREAMS[1:], got, strict=True)]
            self._add(["t", self._take_polls(), *ends])

    @harmless
    def polled_in_vain(self) -> None:
        """The program asked whether the child has ended, and it had not."""
        with self._lock:
            self._polls += 1

    @harmless
    def exited(self, code: int) -> None:
        """The program learns the exit code."""
        with self._lock:
            if self._over or self._exited:
                return
            self._exited = True
            self._add(["x", code, self._take_polls()])
        self._end_if_over()

    @harmless
    def wait_timed_out(self) -> None:
        """The program waited for the end, and it did not come in time."""
        with self._lock:
            if not self._over:
                self._add(["w", self._take_polls()])

    @harmless
    def signalled(self, how: str) -> None:
        """An event loop's program sends a signal: ``kill``, ``terminate`` or ``send_signal``."""
        with self._lock:
            if not self._over:
                self._add(["k", how])

    def _take_polls(self) -> int:
        polls, self._polls = self._polls, 0
        return polls

    def cannot_be_served(self, reason: str) -> None:
        """The program did something with the child that is not seen here."""
        self._lost = self._lost or reason

    def _end_if_over(self) -> None:
        if self._exited and not self._open_pipes:
            self.end()

    @harmless
    def end(self) -> None:
        """Write what there is, once."""
        with self._lock:
            if self._over:
                return
            self._over = True
        _open.discard(self)
        facts = {"pid": self.pid, "items": self._items, "lost": self._lost, "shared": self._shared, "polls": self._polls}
        first, second, third = (b"".join(self._pieces[name]) for name in STREAMS)
        self._crossing.returned_streams(Streams(facts, (first, second, third)), sum(self._ends.values()))


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return bytes(memoryview(value).cast("B"))


_open: set[ChildLog] = set()


def _end_all() -> None:
    for child in list(_open):
        child.end()


atexit.register(_end_all)
os.register_at_fork(after_in_child=_open.clear)
