"""The control: what anyone would write in ten lines. One ``json.dumps`` and one ``O_APPEND`` write per call."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator

from recorders.adapter import Adapter, Answer, Place, file_pieces, folder_bytes
from workload import Request

__all__ = ["make"]


class JsonLines:
    """One line per call: request, answer, times. Not redacted, not synced."""

    def __init__(self) -> None:
        self._descriptor = -1

    def start(self, place: Place) -> None:
        path = os.path.join(place.folder, "calls.jsonl")
        self._descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def by_hand(self, request: Request, ask: Callable[[], Answer]) -> Answer:
        started = time.time_ns()
        answer = ask()
        line = {"started": started, "ended": time.time_ns(), "request": request, "answer": answer}
        os.write(self._descriptor, (json.dumps(line, ensure_ascii=False) + "\n").encode())
        return answer

    live = by_hand

    def flush(self) -> None:
        """Each line is written when its call returns."""

    def pieces(self, place: Place) -> Iterator[bytes]:
        return file_pieces(place.folder)

    def stored_bytes(self, place: Place) -> int:
        return folder_bytes(place.folder)


def make() -> Adapter:
    """The adapter."""
    return JsonLines()
