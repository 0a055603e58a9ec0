"""Real time: answers, chunks and sleeps take as long as they took when they were recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..capture import lanes, real
from .gate import Gate
from .tape import Event

__all__ = ["PacedGate", "Pacing"]


class Pacing:
    """When each request was made now, and who is waiting for a recorded delay to pass."""

    def __init__(self) -> None:
        self._asked_ns: dict[int, int] = {}
        self._resting = 0
        self._busy_until_s = 0.0
        self._lock = threading.Lock()

    @property
    def rests(self) -> bool:
        """True while somebody waits for time to pass, so that nothing moving is no sign of a standstill."""
        return bool(self._resting > 0 or real.monotonic_ns() / 1e9 < self._busy_until_s)

    def asked(self, event: Event) -> None:
        """The program has made this request now: delays count from here."""
        self._asked_ns[event.number] = real.monotonic_ns()

    def expects(self, loop_time_s: float) -> None:
        """A timer will fire at this time of the loop's clock."""
        self._busy_until_s = max(self._busy_until_s, loop_time_s)

    def left_s(self, event: Event, at_us: int | None) -> float:
        """Seconds until something that the record has at ``at_us`` of its process is due."""
        began = self._asked_ns.get(event.number)
        if began is None or at_us is None:
            return 0.0
        due_ns: int = began + (at_us - event.facts.get("issued_us", 0)) * 1000
        left: float = (due_ns - real.monotonic_ns()) / 1e9
        return max(0.0, left)

    def rest(self, seconds: float) -> None:
        """Let real time pass."""
        self._count(1)
        try:
            real.sleep(seconds)
        finally:
            self._count(-1)

    async def rest_async(self, seconds: float) -> None:
        """Let real time pass, for a task; the timer is none of the program's."""
        import asyncio

        self._count(1)
        token = lanes.enter_crossing()
        try:
            await asyncio.sleep(seconds)
        finally:
            lanes.leave_crossing(token)
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._lock:
            self._resting += more


class PacedGate:
    """The gate as one event's deliveries see it: nothing comes before its time."""

    def __init__(self, gate: Gate, event: Event, pacing: Pacing) -> None:
        self._gate = gate
        self._event = event
        self._pacing = pacing
        self.passed: Callable[..., Any] = gate.passed

    def wait(self, order: int, at_us: int | None = None) -> None:
        """See :meth:`Gate.wait`."""
        left = self._pacing.left_s(self._event, at_us)
        if left:
            self._pacing.rest(left)
        self._gate.wait(order, at_us)

    async def wait_async(self, order: int, recorded_turns: int | None = None, at_us: int | None = None) -> None:
        """See :meth:`Gate.wait_async`."""
        left = self._pacing.left_s(self._event, at_us)
        if left:
            await self._pacing.rest_async(left)
        await self._gate.wait_async(order, recorded_turns, at_us)
