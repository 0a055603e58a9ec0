"""reeltime, the nearest peer: records HTTP clients with no change to the calls."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from recorders.adapter import Adapter, Answer, Place, file_pieces, folder_bytes
from workload import Request

__all__ = ["make"]


class Reeltime:
    """``install()`` is what its command does in the recorded program; calls are then seen in the HTTP client."""

    def __init__(self) -> None:
        self._module: Any = None

    def start(self, place: Place) -> None:
        self._module = importlib.import_module("reeltime")
        self._module.install(tape_dir=os.path.join(place.folder, ".tape"))

    def live(self, request: Request, ask: Callable[[], Answer]) -> Answer:
        return ask()

    def by_hand(self, request: Request, ask: Callable[[], Answer]) -> Answer:
        answer = ask()
        self._module.record_event("llm", request, answer)
        return answer

    def flush(self) -> None:
        """Each event is written when its call returns."""

    def pieces(self, place: Place) -> Iterator[bytes]:
        return file_pieces(place.folder)

    def stored_bytes(self, place: Place) -> int:
        return folder_bytes(os.path.join(place.folder, ".tape"))


def make() -> Adapter:
    """The adapter."""
    return Reeltime()
