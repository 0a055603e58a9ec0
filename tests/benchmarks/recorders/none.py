"""No recorder: what everything is measured against."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from recorders.adapter import Adapter, Answer, Place
from workload import Request

__all__ = ["make"]


class NoRecorder:
    """Makes the call."""

    def start(self, place: Place) -> None:
        """There is nothing to start."""

    def live(self, request: Request, ask: Callable[[], Answer]) -> Answer:
        return ask()

    def by_hand(self, request: Request, ask: Callable[[], Answer]) -> Answer:
        return ask()

    def flush(self) -> None:
        """There is nothing to flush."""

    def pieces(self, place: Place) -> Iterator[bytes]:
        return iter(())

    def stored_bytes(self, place: Place) -> int:
        return 0


def make() -> Adapter:
    """The adapter."""
    return NoRecorder()
