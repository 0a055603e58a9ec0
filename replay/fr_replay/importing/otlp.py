"""OTLP in files: requests or batches of traces and logs as JSON, one or a line each, as the OpenTelemetry Collector's file exporter writes.

The traces of a file are read as ``fr collect`` reads them, but with a root of ours, since a file need not hold the whole of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..otlp.signals import Signal
from ..otlp.traces import items_of
from ..otlp.wire import LOGS, TRACES, RequestRefused, read_value
from .json_source import json_lines_of, json_of, text_of_bytes
from .source import SourceError, SourceTrace

__all__ = ["parse"]


def parse(data: bytes, name: str) -> Iterator[SourceTrace]:
    """A trace per OTLP trace id. Raises SourceError."""
    signals: dict[str, list[Signal]] = {}
    for number, request in enumerate(_requests(data, name), 1):
        kind = TRACES if isinstance(request, dict) and "resourceSpans" in request else LOGS
        if not isinstance(request, dict) or not {"resourceSpans", "resourceLogs"}.intersection(request):
            raise SourceError(f"item {number} has neither resourceSpans nor resourceLogs", hint="OTLP's JSON has one of them")
        try:
            received = read_value(kind, request)
        except RequestRefused as refused:
            raise SourceError(f"item {number}: {refused}") from None
        if received.rejected:
            raise SourceError(f"item {number}: {received.rejected} of its entries are none: {received.reason}")
        for signal in received.signals:
            signals.setdefault(signal.trace_id, []).append(signal.without_user())
    if not signals:
        raise SourceError("holds no span")
    for trace_id, of_trace in signals.items():
        spans = [signal for signal in of_trace if not signal.is_log]
        root = next((span for span in spans if span.parent_span_id is None), None)
        yield SourceTrace(
            name=(root.name if root is not None else "") or "otlp",
            part=trace_id,
            items=items_of(of_trace, keep_parents=False),
            status=None if root is None else "error" if root.error else "ok",
            started_us=min((span.started_us for span in spans if span.started_us is not None), default=None),
            ended_us=max((span.ended_us for span in spans if span.ended_us is not None), default=None),
            ext_trace_id=trace_id,
        )


def _requests(data: bytes, name: str) -> list[Any]:
    if name.lower().endswith((".jsonl", ".ndjson")):
        return json_lines_of(data)
    try:
        whole = json_of(data)
    except SourceError:
        if "\n" not in text_of_bytes(data).strip():
            raise
        return json_lines_of(data)
    return whole if isinstance(whole, list) else [whole]
