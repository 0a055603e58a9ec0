"""The recorded order, kept among the tasks of one event loop: each place is passed when all before it have been. Knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable

__all__ = ["OrderedPlaces", "Stuck"]


class Stuck(Exception):
    """Nothing has moved for as long as one waits.

    Attributes:
        place: the first that was not passed.
    """

    def __init__(self, place: int) -> None:
        super().__init__(f"place {place} was not passed")
        self.place = place


class OrderedPlaces:
    """Places 0 to ``count``.

    Args:
        patience_s: how long nothing may move while somebody waits.
    """

    def __init__(self, count: int, patience_s: float) -> None:
        self._count = count
        self._patience_s = patience_s
        self._head = 0
        self._early: set[int] = set()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = 0
        self._moved_at = 0.0

    @property
    def head(self) -> int:
        """The first place that was not passed."""
        return self._head

    async def rest(self, seconds: float) -> None:
        """Wait until it is so long since something last moved."""
        await asyncio.sleep(max(0.0, self._moved_at + seconds - asyncio.get_running_loop().time()))

    def passed(self, places: Iterable[int]) -> None:
        """These have been passed; some may have been before."""
        self._early.update(place for place in places if place >= self._head)
        before = self._head
        while self._head in self._early:
            self._early.discard(self._head)
            self._head += 1
        if self._head != before:
            self._moved_at = asyncio.get_running_loop().time()
            self._let_go()

    async def reach(self, place: int) -> None:
        """Wait until all places before this one have been passed. Raises Stuck."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while place > self._head:
            left = max(self._moved_at, began) + self._patience_s - loop.time()
            if left <= 0:
                raise Stuck(self._head)
            turn: asyncio.Future[None] = loop.create_future()
            self._number += 1
            heapq.heappush(self._waiting, (place, self._number, turn))
            await asyncio.wait((turn,), timeout=left)

    def _let_go(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._head:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)

    def release_all(self) -> None:
        """Let everybody go on: no order is to be kept any more."""
        self._head = self._count
        self._early.clear()
        self._let_go()
