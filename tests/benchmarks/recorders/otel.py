"""The OpenTelemetry SDK with its OTLP/HTTP exporter: a span per call, by its GenAI conventions, with content."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from recorders.adapter import Adapter, Answer, Place, file_pieces, folder_bytes
from workload import Request

__all__ = ["make"]


class OpenTelemetry:
    """The batch processor and exporter with their defaults; messages are one JSON attribute each way, as the conventions have it."""

    def __init__(self) -> None:
        self._provider: Any = None
        self._tracer: Any = None

    def start(self, place: Place) -> None:
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        self._provider = sdk.TracerProvider()
        self._provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter(endpoint=f"{place.collector}/v1/traces")))
        self._tracer = self._provider.get_tracer("benchmark")

    def by_hand(self, request: Request, ask: Callable[[], Answer]) -> Answer:
        with self._tracer.start_as_current_span(f"chat {request['model']}") as span:
            span.set_attribute("gen_ai.operation.name", "chat")
            span.set_attribute("gen_ai.request.model", request["model"])
            span.set_attribute("gen_ai.request.temperature", request["temperature"])
            span.set_attribute("gen_ai.input.messages", json.dumps(request["messages"], ensure_ascii=False))
            answer = ask()
            span.set_attribute("gen_ai.response.model", answer["model"])
            span.set_attribute("gen_ai.usage.input_tokens", answer["usage"]["prompt_tokens"])
            span.set_attribute("gen_ai.usage.output_tokens", answer["usage"]["completion_tokens"])
            span.set_attribute("gen_ai.output.messages", json.dumps(answer["choices"], ensure_ascii=False))
        return answer

    live = by_hand

    def flush(self) -> None:
        self._provider.force_flush()

    def pieces(self, place: Place) -> Iterator[bytes]:
        return file_pieces(place.uploads)

    def stored_bytes(self, place: Place) -> int:
        return folder_bytes(place.uploads)


def make() -> Adapter:
    """The adapter."""
    return OpenTelemetry()
