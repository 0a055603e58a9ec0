"""OTLP requests in JSON, made by hand: as small as what an instrumentation sends can be."""

from __future__ import annotations

from typing import Any

TRACE, ROOT, CALL = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
STARTED_NS = 1_790_000_000_000_000_000
MILLISECOND = 1_000_000


def any_value(value: Any) -> dict[str, Any]:
    """A value as OTLP's JSON has it."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    return {"stringValue": value}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP's JSON has them."""
    return [{"key": name, "value": any_value(value)} for name, value in attributes.items()]


def span(
    attributes: dict[str, Any] | None = None,
    *,
    trace: str = TRACE,
    span_id: str = CALL,
    parent: str | None = None,
    name: str = "chat",
    at_ms: int = 0,
    took_ms: int = 5,
    **more: Any,
) -> dict[str, Any]:
    """A span, that began ``at_ms`` after the beginning of time here."""
    began = STARTED_NS + at_ms * MILLISECOND
    made = {"traceId": trace, "spanId": span_id, "name": name, "kind": 3, "attributes": pairs(attributes or {}), **more}
    if parent is not None:
        made["parentSpanId"] = parent
    return {"startTimeUnixNano": str(began), "endTimeUnixNano": str(began + took_ms * MILLISECOND), **made}


def traces(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> dict[str, Any]:
    """A request of spans."""
    said = pairs(resource or {"service.name": "desk"})
    return {"resourceSpans": [{"resource": {"attributes": said}, "scopeSpans": [{"scope": {"name": "s"}, "spans": list(spans)}]}]}


def log(name: str, body: Any = None, attributes: dict[str, Any] | None = None, *, span_id: str = CALL, at_ms: int = 0) -> dict[str, Any]:
    """A log record of a span."""
    made = {"timeUnixNano": str(STARTED_NS + at_ms * MILLISECOND), "traceId": TRACE, "spanId": span_id, "eventName": name}
    return {**made, "attributes": pairs(attributes or {}), **({"body": any_value(body)} if body is not None else {})}


def logs(*records: dict[str, Any]) -> dict[str, Any]:
    """A request of log records."""
    return {"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"scope": {"name": "s"}, "logRecords": list(records)}]}]}


CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.usage.input_tokens": 54,
    "gen_ai.usage.output_tokens": 14,
}
"""What a span of a chat call holds without its content."""
