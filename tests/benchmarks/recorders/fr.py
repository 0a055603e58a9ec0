"""The flight recorder of this repository, with its defaults: redaction on, an fdatasync every 50 ms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from recorders.adapter import Adapter, Answer, Place, files_below, folder_bytes
from workload import Request

__all__ = ["FR", "journal_bytes", "make", "recorded_calls", "seal", "store_of"]

FR = os.path.join(os.path.dirname(sys.executable), "fr")
"""The command beside this interpreter."""

_QUERY = "SELECT count(*) AS n FROM calls WHERE status = 'ok'"


class FlightRecorder:
    """HTTP calls through the seam, others through ``fr.llm_call()``."""

    def __init__(self) -> None:
        self._module: Any = None

    def start(self, place: Place) -> None:
        import fr_recorder

        self._module = fr_recorder
        if not fr_recorder.init(store_of(place.folder)):
            raise RuntimeError("fr_recorder.init() does not record")

    def live(self, request: Request, ask: Callable[[], Answer]) -> Answer:
        return ask()

    def by_hand(self, request: Request, ask: Callable[[], Answer]) -> Answer:
        with self._module.llm_call(
            provider="benchmark", model=request["model"], messages=request["messages"], temperature=request["temperature"]
        ) as call:
            answer: Answer = call.run(ask)
            usage = {"input_tokens": answer["usage"]["prompt_tokens"], "output_tokens": answer["usage"]["completion_tokens"]}
            call.respond(answer["choices"][0]["message"]["content"], model=answer["model"], finish_reason="stop", usage=usage)
        return answer

    def flush(self) -> None:
        self._module.flush()

    def pieces(self, place: Place) -> Iterator[bytes]:
        import duckdb

        seal(place.folder)
        blobs = os.path.join(store_of(place.folder), "blobs", "*", "*.parquet")
        for (data,) in duckdb.execute("SELECT data FROM read_parquet(?)", [blobs]).fetchall():
            yield data

    def stored_bytes(self, place: Place) -> int:
        seal(place.folder)
        return folder_bytes(store_of(place.folder))


def store_of(folder: str) -> str:
    """Where a cell's store is."""
    return os.path.join(folder, "store")


def journal_bytes(folder: str) -> int:
    """The size of a store's journals as they are now."""
    return sum(os.path.getsize(path) for path in files_below(os.path.join(store_of(folder), "journal")))


def seal(folder: str) -> None:
    """Run ``fr seal``. Raises CalledProcessError."""
    subprocess.run([FR, "seal", "--store", store_of(folder)], check=True, capture_output=True)


def recorded_calls(folder: str) -> int:
    """How many complete model calls the store holds, asked as a person would. Raises CalledProcessError."""
    asked = subprocess.run([FR, "query", "--store", store_of(folder), "--format", "json", _QUERY], check=True, capture_output=True)
    rows = json.loads(asked.stdout)
    return int(rows[0]["n"])


def make() -> Adapter:
    """The adapter."""
    return FlightRecorder()
