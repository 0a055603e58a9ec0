"""Who runs: the thread that was let go last gets to use what it was given before another one is let go.

When the program was recorded, results came one after another, and a thread had usually done its work with one
(appended to a list, say) when the next thread got its own. Handed out back to back, two threads would race. So the next
one waits until the last one has come back to the gate, is waiting elsewhere or has ended, or has had as long as it had in
the record. A race that was one when it was recorded is not reproduced by this, and cannot be.
"""

from __future__ import annotations

import threading
from _thread import start_new_thread
from collections.abc import Callable

from ..capture import real

__all__ = ["Runner"]

_SLICE_NS = 5_000_000
"""How long the interpreter lets a thread run before another may take over."""

_LOOK_EVERY_S = 0.0003
_IDLE_LOOKS = 4


class Runner:
    """The thread that was let go last, and whether it still runs on that.

    Args:
        wake: called from a thread of our own when the runner has settled.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._ident: int | None = None
        self._native = 0
        self._since_ns = 0
        self._at_us = 0
        self._parked = True
        self._looking = False
        self._lock = threading.Lock()

    def runs(self, at_us: int | None) -> None:
        """The calling thread has been given what it was given at this time in the record; None where that is not known."""
        self._ident = threading.get_ident()
        self._native = threading.get_native_id()
        self._since_ns = real.monotonic_ns()
        if at_us is not None:
            self._at_us = at_us
        self._parked = False

    def parked(self) -> None:
        """The calling thread waits at the gate."""
        if self._ident == threading.get_ident():
            self._parked = True

    def settled(self, ident: int, at_us: int | None) -> bool:
        """True when another thread may be let go; else it will be looked after, and ``wake`` called."""
        if self._ident is None or self._ident == ident or self._parked:
            return True
        gap_ns = max(0, (at_us - self._at_us) * 1000) if at_us is not None else 0
        if real.monotonic_ns() - self._since_ns >= gap_ns + _SLICE_NS:
            return True
        with self._lock:
            if not self._looking:
                self._looking = True
                start_new_thread(self._look, (self._ident, self._native, gap_ns + _SLICE_NS))
        return False

    def _look(self, ident: int, native: int, limit_ns: int) -> None:
        """Wait until the runner has used its time, or does nothing."""
        used, idle = -1, 0
        while self._ident == ident and not self._parked and real.monotonic_ns() - self._since_ns < limit_ns:
            real.sleep(_LOOK_EVERY_S)
            now = _time_on_processor(native)
            idle = idle + 1 if now == used or now is None else 0
            used = now if now is not None else used
            if idle >= _IDLE_LOOKS:
                self._parked = self._ident == ident
                break
        with self._lock:
            self._looking = False
        self._wake()


def _time_on_processor(native: int) -> int | None:
    """Nanoseconds that a thread of this process has run; None when it has ended or the system does not say."""
    try:
        with open(f"/proc/self/task/{native}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return None
