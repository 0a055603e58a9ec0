"""Langfuse's Python SDK, sending to a collector on loopback."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

from recorders.adapter import Adapter, Answer, Place, file_pieces, folder_bytes
from workload import Request

__all__ = ["make"]


class Langfuse:
    """A generation per call, with input and output, through the client's defaults."""

    def __init__(self) -> None:
        self._client: Any = None

    def start(self, place: Place) -> None:
        module = importlib.import_module("langfuse")
        self._client = module.Langfuse(public_key="pk-lf-benchmark", secret_key="sk-lf-benchmark", base_url=place.collector)

    def by_hand(self, request: Request, ask: Callable[[], Answer]) -> Answer:
        with self._client.start_as_current_observation(
            name="chat",
            as_type="generation",
            model=request["model"],
            input=request["messages"],
            model_parameters={"temperature": request["temperature"]},
        ) as generation:
            answer = ask()
            usage = {"input": answer["usage"]["prompt_tokens"], "output": answer["usage"]["completion_tokens"]}
            generation.update(output=answer["choices"][0]["message"], usage_details=usage)
        return answer

    live = by_hand

    def flush(self) -> None:
        self._client.flush()

    def pieces(self, place: Place) -> Iterator[bytes]:
        return file_pieces(place.uploads)

    def stored_bytes(self, place: Place) -> int:
        return folder_bytes(place.uploads)


def make() -> Adapter:
    """The adapter."""
    return Langfuse()
