"""Imported items as the journal events that live capture would have written: the same encoder, and so the same redaction."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

from fr_schema.cells import is_text
from fr_schema.ids import new_span_id, uuid7_at

from ..capture import Encoder, context, transfer, values
from .source import Choice, HttpExchange, Item, ModelCall, Place, SourceTrace, Stretch, ToolRun

__all__ = ["COMPRESSED", "Cut", "EncodedTrace", "PlacedItem", "encode_trace"]

COMPRESSED = "answer as transferred: it was compressed, and the cassette holds what it decodes to"
_ITEMS_AT_ONCE = 50
_RETRYABLE = frozenset((408, 409, 425, 429))

_PATHS = {
    "openai.chat": "/v1/chat/completions",
    "openai.responses": "/v1/responses",
    "openai.embeddings": "/v1/embeddings",
    "anthropic.messages": "/v1/messages",
    "gemini": "/v1beta/models/{model}:generateContent",
}
_HOSTS = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "gemini": "generativelanguage.googleapis.com",
    "xai": "api.x.ai",
    "mistral": "api.mistral.ai",
    "groq": "api.groq.com",
    "together": "api.together.xyz",
    "fireworks": "api.fireworks.ai",
    "openrouter": "openrouter.ai",
    "deepseek": "api.deepseek.com",
    "bedrock": "bedrock-runtime.us-east-1.amazonaws.com",
}
_HOMES = {
    "openai.chat": "openai",
    "openai.responses": "openai",
    "openai.embeddings": "openai",
    "anthropic.messages": "anthropic",
    "gemini": "gemini",
}
"""Whose a shape is: how a call is read whose provider is not known, or has no host of its own. The row's provider stays NULL."""


class PlacedItem(NamedTuple):
    """An item, the span of its exchange or run, the span of its call (of a model's), and what is missing of it."""

    item: Item
    span: str
    call_span: str | None
    missing: tuple[str, ...]


class Cut(NamedTuple):
    """How many events, blob records and items come before a place where a trace can be divided."""

    events: int
    records: int
    items: int


class EncodedTrace(NamedTuple):
    """A trace's events in order, the root span's last; its id and root span (empty for a trace without a root of ours); where its items
    stand; their redacted stated columns, by the span of their row; and the places where the events can be divided, the end included: a
    long conversation's rows do not fit into memory at once.
    """

    trace_id: str
    root: str
    events: list[dict[str, Any]]
    placed: list[PlacedItem]
    columns: dict[str, dict[str, Any]]
    cuts: list[Cut]


class _Crossing(SimpleNamespace):
    """Stands for a crossing of live capture before the encoder; what a file cannot tell of one is None."""

    def __getattr__(self, name: str) -> None:
        return None


class _Lane(NamedTuple):
    path: str


_LANE = _Lane("import")


class _Attempt(NamedTuple):
    """What the next exchange must look like to be a retry of this one."""

    method: str
    url: str
    body: bytes
    call_span: str
    number: int
    cause: str
    ended_us: int | None


def encode_trace(encoder: Encoder, redactor: Any, trace: SourceTrace, tags: Mapping[str, str], now_us: int) -> EncodedTrace:
    """Encode a trace. Its events need ``n``; times that the source does not tell are ``now_us`` in them, for the rows to take out again."""
    began = (
        trace.started_us if trace.started_us is not None else min((t for i in trace.items if (t := i.started_us) is not None), default=None)
    )
    trace_id = trace.trace_id or uuid7_at((began if began is not None else now_us) // 1000, os.urandom(10))
    labels = {**dict(trace.labels), "tags": {**dict(trace.tags), **tags}}
    root = new_span_id() if trace.trace_id is None else ""
    around = context.TraceContext(trace_id, None, labels)
    at = began if began is not None else now_us
    span = _Crossing(span=root, context=around, lane=_LANE, lane_seq=0, issue=0, start=0, at=at * 1000, location=None, error=None)
    span.name, span.data, span.end, span.end_at = trace.name, None, trace.status or "ok", 0
    encoded = EncodedTrace(trace_id, root, [], [], {}, [])
    below = around.below(root) if root else around
    before: _Attempt | None = None
    for number, item in enumerate(trace.items, 1):
        if isinstance(item, HttpExchange):
            before = _add_exchange(encoded, encoder, item, below, before, number, now_us)
        elif isinstance(item, ModelCall):
            before = None
            _add_call(encoded, encoder, redactor, item, _inside(below, item.place), number, now_us)
        elif isinstance(item, ToolRun):
            _add_tool(encoded, encoder, redactor, item, _inside(below, item.place), number, now_us)
        elif isinstance(item, Stretch):
            _add_stretch(encoded, encoder, redactor, item, _inside(below, item.place), number, now_us)
        else:
            _add_choice(encoded, encoder, item, below, number, now_us)
        if number % _ITEMS_AT_ONCE == 0 and before is None:
            encoder.content.new_file()
            encoded.cuts.append(Cut(len(encoded.events), len(encoder.content.records), len(encoded.placed)))
    if root:
        # The root comes last: it is what says that the trace is there, and is to be there whole.
        encoded.events.extend([encoder.begin_span(span), encoder.end_span(span)])
    encoded.cuts.append(Cut(len(encoded.events), len(encoder.content.records), len(encoded.placed)))
    return encoded


def _inside(around: Any, place: Place | None) -> Any:
    """The context of an item: that of the trace, or its own place in a foreign one."""
    if place is None:
        return around
    return context.TraceContext(around.trace_id, place.parent_span_id or around.span_id, {**around.labels, **place.labels})


def _crossing(item: Item, around: Any, number: int, now_us: int, **more: Any) -> Any:
    priced = item.priced_us if isinstance(item, HttpExchange | ModelCall) else None
    at = item.started_us if item.started_us is not None else priced if priced is not None else now_us
    took = max(item.ended_us - at, 0) if item.ended_us is not None and item.started_us is not None else 0
    place = item.place if isinstance(item, ToolRun | Stretch) else None
    return _Crossing(
        span=place.span_id if place is not None else new_span_id(),
        context=around,
        lane=_LANE,
        lane_seq=number,
        issue=number,
        start=0,
        at=at * 1000,
        end_at=took * 1000,
        location=None,
        deliveries=[],
        error=None,
        **more,
    )


# -- HTTP exchanges


def _add_exchange(
    encoded: EncodedTrace, encoder: Encoder, item: HttpExchange, around: Any, before: _Attempt | None, number: int, now_us: int
) -> _Attempt | None:
    """Add one exchange; returns it when it failed in a way that SDKs retry."""
    headers, missing = list(item.response_headers), list(item.missing)
    if item.status is not None and _is_decoded_already(item):
        headers = [(name, value) for name, value in headers if name.lower() != "content-encoding"]
        missing.append(COMPRESSED)
    retry = before is not None and _is_retry(item, before)
    crossing = _crossing(
        item,
        around,
        number,
        now_us,
        url=item.url,
        method=item.method,
        headers=list(item.request_headers),
        body=item.request_body,
        transport=None,
        call_span=before.call_span if before is not None and retry else new_span_id(),
        attempt=before.number + 1 if before is not None and retry else 1,
        cause=before.cause if before is not None and retry else None,
        backoff_us=_backoff(item, before) if retry else None,
        call_at=0,
        status=item.status,
        response_headers=headers,
        http_version=item.http_version,
        chunks=[item.response_body] if item.response_body else [],
        end="eof",
        request_sent=None,
    )
    crossing.call_at = crossing.at
    encoded.events.append(encoder.begin_http(crossing))
    if item.status is not None:
        encoded.events.append(encoder.end_http(crossing))
    encoded.placed.append(PlacedItem(item, crossing.span, crossing.call_span, tuple(missing)))
    if item.status is None or not (item.status >= 500 or item.status in _RETRYABLE):
        return None
    return _Attempt(item.method, item.url, item.request_body, crossing.call_span, crossing.attempt, str(item.status), item.ended_us)


def _is_decoded_already(item: HttpExchange) -> bool:
    """True for text under a content-encoding that it is not in: recorders store what a client library had decoded."""
    encoding = next((value for name, value in item.response_headers if name.lower() == "content-encoding"), "")
    if not encoding or not item.response_body or not is_text(item.response_body):
        return False
    try:
        transfer.decode_chunks(encoding, [item.response_body])
    except transfer.UnknownEncoding:
        return True
    return False


def _is_retry(item: HttpExchange, before: _Attempt) -> bool:
    """As live capture tells: the same call again, and the SDK's own count where it sends one."""
    if (item.method, item.url) != (before.method, before.url):
        return False
    said = next((value for name, value in item.request_headers if name.lower() == "x-stainless-retry-count"), None)
    if said is not None and said.strip().isascii() and said.strip().isdigit():
        return int(said) > 0
    return item.request_body == before.body


def _backoff(item: HttpExchange, before: _Attempt | None) -> int | None:
    ended = before.ended_us if before is not None else None
    return max(item.started_us - ended, 0) if ended is not None and item.started_us is not None else None


# -- model calls without an exchange


def _add_call(encoded: EncodedTrace, encoder: Encoder, redactor: Any, item: ModelCall, around: Any, number: int, now_us: int) -> None:
    """As an exchange with the API whose shape it has; the rows take out again what is of the exchange only."""
    model = item.request.get("model")
    path = _PATHS[item.shape].format(model=model if isinstance(model, str) and model else "unknown")
    crossing = _crossing(
        item,
        around,
        number,
        now_us,
        url=f"https://{_HOSTS.get(item.provider or '') or _HOSTS[_HOMES[item.shape]]}{path}",
        method="POST",
        headers=[("content-type", "application/json")],
        body=_json(item.request),
        transport=None,
        call_span=item.place.span_id if item.place is not None else new_span_id(),
        attempt=1,
        cause=None,
        backoff_us=None,
        call_at=0,
        status=200,
        response_headers=[("content-type", "application/json")],
        http_version="",
        chunks=[_json(item.answer)] if item.answer is not None else [],
        end="eof",
        request_sent=None,
    )
    crossing.call_at = crossing.at
    encoded.events.append(encoder.begin_http(crossing))
    if item.answer is not None or item.error is not None:
        encoded.events.append(encoder.end_http(crossing))
    stated = {**dict(item.columns)}
    if item.error is not None:
        stated["error_message"] = item.error
    _state(encoded, redactor, crossing.call_span, item.place, stated)
    encoded.placed.append(PlacedItem(item, crossing.span, crossing.call_span, item.missing))


def _state(encoded: EncodedTrace, redactor: Any, span: str, place: Place | None, stated: Mapping[str, Any]) -> None:
    """Note the columns that a file states outright, redacted."""
    told = {**stated, **(place.columns if place is not None else {})}
    encoded.columns[span] = dict(redactor.value(told, "columns")[0])


def _json(value: Mapping[str, Any]) -> bytes:
    """Compact JSON. A value that JSON does not have becomes text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "surrogatepass")


# -- tools


def _add_tool(encoded: EncodedTrace, encoder: Encoder, redactor: Any, item: ToolRun, around: Any, number: int, now_us: int) -> None:
    call = _Crossing(kind="tool_call", name=item.name, side_effect="unknown", tool_kind=item.kind, facts={}, location=None)
    crossing = _crossing(
        item, around, number, now_us, call=call, arguments=values.pack(item.arguments), body_lane=_LANE, items=None, result=None, extra={}
    )
    crossing.end = "error" if item.error is not None else "ok"
    if item.has_result:
        crossing.result = values.pack(item.result)
    begun = encoder.begin_tool(crossing)
    begun["name"] = redactor.text(item.name, "tool_name")[0]
    if item.call_id is not None:
        begun["call_id"] = redactor.text(item.call_id, "tool_call_id")[0]
    encoded.events.append(begun)
    if item.has_result or item.error is not None:
        ended = encoder.end_tool(crossing)
        if item.error is not None:
            message, hits = redactor.text(item.error, "error_message")
            ended["msg"] = message
            ended["rstatus"] = "redacted" if hits and ended["rstatus"] == "clean" else ended["rstatus"]
        encoded.events.append(ended)
    _state(encoded, redactor, crossing.span, item.place, {})
    encoded.placed.append(PlacedItem(item, crossing.span, None, ()))


def _add_stretch(encoded: EncodedTrace, encoder: Encoder, redactor: Any, item: Stretch, around: Any, number: int, now_us: int) -> None:
    data = values.pack(dict(item.data)) if item.data else None
    crossing = _crossing(item, around, number, now_us, name=item.name, data=data)
    crossing.end = "error" if item.error is not None else "ok"
    encoded.events.append(encoder.begin_span(crossing))
    if item.ended_us is not None:
        encoded.events.append(encoder.end_span(crossing))
    _state(encoded, redactor, crossing.span, item.place, {"error_message": item.error} if item.error is not None else {})
    encoded.placed.append(PlacedItem(item, crossing.span, None, ()))


def _add_choice(encoded: EncodedTrace, encoder: Encoder, item: Choice, around: Any, number: int, now_us: int) -> None:
    crossing = _crossing(item, around, number, now_us, name=item.label, data=values.pack(dict(item.data)))
    encoded.events.append(encoder.decision(crossing))
    encoded.placed.append(PlacedItem(item, crossing.span, None, ()))
