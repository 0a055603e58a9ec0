"""Time in replay: clock reads from the record, sleeps that take no time, and an event loop that skips its waiting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ..capture import lanes, real

if TYPE_CHECKING:
    from .session import ReplaySession

__all__ = ["LaneKeeper", "ReplayClock"]

_BEYOND_STEP_NS = 1_000


class _Reads:
    """A lane's recorded values of one source, and how many of them have been handed out."""

    __slots__ = ("last", "position", "values")

    def __init__(self, values: list[int]) -> None:
        self.values = values
        self.position = 0
        self.last = 0

    def following(self) -> int | None:
        if self.position >= len(self.values):
            return None
        self.last = self.values[self.position]
        self.position += 1
        return self.last


class ReplayClock:
    """Answers the program's clock reads with the recorded values, lane by lane.

    Attributes:
        beyond: reads for which the record has no value any more; the clock then goes on by a microsecond at a time.
    """

    def __init__(self, session: ReplaySession) -> None:
        self._session = session
        self._reads: dict[tuple[str, str], _Reads] = {}
        self._last: dict[str, int] = {"w": session.process.started_ns}
        self.beyond = 0

    def _of(self, lane: lanes.Lane, source: str) -> _Reads:
        key = (lane.path, source)
        found = self._reads.get(key)
        if found is None:
            found = self._reads[key] = _Reads(self._session.process.reads.get(lane.path, {}).get(source, []))
        return found

    def read(self, source: str, lane: lanes.Lane, now: int) -> int:
        value = self._of(lane, source).following()
        if value is None:
            self.beyond += 1
            value = self._last.get(source, now) + _BEYOND_STEP_NS
        self._last[source] = max(value, self._last.get(source, 0))
        return value

    def below(self, source: str, now: int) -> int:
        return now + self._session.skew_ns if source != "w" else now

    def sleep(self, seconds: float, lane: lanes.Lane) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        order = self._of(lane, "s").following()
        self._session.advance(seconds)
        if order is None:
            real.sleep(0)
            return
        self._session.gate.wait(abs(order))
        self._session.gate.passed(abs(order))

    def next_wake(self, lane: lanes.Lane) -> int | None:
        """The place at which this lane's next sleep ended in the record; negative when it was cancelled there."""
        return self._of(lane, "s").following()

    def next_end(self, lane: lanes.Lane) -> int | None:
        """The place at which this lane ended."""
        return self._of(lane, "e").following()


class LaneKeeper:
    """Orders what tasks, threads and jobs do besides calling out: sleeping and ending. Skips waiting of event loops.

    Attributes:
        running: lanes of threads and jobs that have begun and not ended.
    """

    def __init__(self, session: ReplaySession, clock: ReplayClock) -> None:
        self._session = session
        self._clock = clock
        self.running = 0

    def opened(self, lane: lanes.Lane) -> None:  # noqa: ARG002 - the interface has it
        self.running += 1

    def ended(self, lane: lanes.Lane) -> None:
        gate = self._session.gate
        order = self._clock.next_end(lane)
        if order is not None:
            gate.wait(order)
            gate.passed(order)
        self.running -= 1

    async def sleep(self, lane: lanes.Lane, delay: float, sleep: Callable[[], Awaitable[None]]) -> None:
        order = self._clock.next_wake(lane)
        if order is None:
            await sleep()
            return
        gate = self._session.gate
        if order < 0:
            try:
                await sleep_for_ever()
            finally:
                gate.passed(-order)
            return
        await gate.wait_async(order)
        self._session.advance(delay)
        gate.passed(order)

    def before_turn(self, loop: Any) -> None:
        """Let the gate's head go if it is due; else, if the loop would only wait for a timer, make it that time."""
        if self._session.gate.before_turn(loop) or loop._ready or not loop._scheduled or loop._stopping:
            return
        selector = getattr(loop, "_selector", None)
        others = self.running - len(self._session.gate._threads)
        if others > 0 or selector is None or len(selector.get_map()) > 1:
            return
        ahead = loop._scheduled[0]._when - loop.time()
        if ahead > 0:
            self._session.advance(ahead)


async def sleep_for_ever() -> None:
    """Wait to be cancelled."""
    import asyncio

    await asyncio.get_running_loop().create_future()
