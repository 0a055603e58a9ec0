"""Anthropic's Messages API: direct, through Bedrock's invoke (JSON, and its binary stream), and through Vertex.

A tool's input is JSON in a plain answer and pieces of JSON text in a stream; both give the same compact text in the
tool calls, and a stream that broke off inside an input leaves the piece as it came.
Source: the SDK's type files and stream accumulation (anthropic-sdk-python 2.12.0), and recorded answers.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from .answer_side import Answer, StreamEvent, note_unread, open_answer, take_stream_errors
from .json_fields import compact_json, count, dig, mapping, number, parse_json, sequence, text
from .model import Decoded, Endpoint, Exchange, ToolCall
from .model_names import settle_model
from .request_side import begin, elements, set_system, tool_definitions
from .usage import fill_usage, forget_running_output

__all__ = ["DELTA_FIELDS", "FINISH_REASONS", "decode", "unwrap_bedrock_chunk"]

FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "other",
    "compaction": "other",
}
"""``stop_reason`` and our word; a word that is not here is ``other``."""

DELTA_FIELDS: Mapping[str, str] = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
    "compaction_delta": "content",
}
"""Types of content deltas, and the field that holds their piece of text."""

_PARTIAL_INPUT = "partial_json"


def decode(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    """Decode one message, plain or streamed, or a count of tokens."""
    decoded = begin(exchange, endpoint)
    request = mapping(exchange.request)
    set_system(decoded, exchange, field="system", messages="messages")
    decoded.tools = tool_definitions([element.value for element in elements(exchange, "tools")], ("input_schema",))
    decoded.tool_choice = request.get("tool_choice")
    decoded.response_format = dig(request, ("output_config", "format")) or request.get("output_format")
    answer = open_answer(decoded, exchange)
    value = _plain_value(decoded, exchange, answer) if answer is not None else None
    if value is None:
        return decoded
    decoded.response_value = value
    if decoded.operation == "count_tokens":
        decoded.usage_raw = value
        decoded.understood = decoded.understood and count(value.get("input_tokens")) is not None
        return decoded
    decoded.response_id = text(value.get("id"))
    fill_usage(decoded, value.get("usage"), "anthropic.messages")
    decoded.service_tier_used = text(dig(value, ("usage", "service_tier")))
    settle_model(decoded, _serving_model(value), value)
    _fill_content(decoded, [mapping(block) for block in sequence(value.get("content"))])
    _fill_finish(decoded, value)
    if answer is not None and answer.form == "events":
        forget_running_output(decoded)
    return decoded


def unwrap_bedrock_chunk(event: StreamEvent) -> StreamEvent:
    """The model's own event inside a ``chunk`` message of Bedrock's stream; any other event as it is."""
    wrapped = dig(event.data, ("bytes",))
    if event.name != "chunk" or not isinstance(wrapped, str):
        return event
    try:
        understood, value = parse_json(base64.b64decode(wrapped, validate=True))
    except (binascii.Error, ValueError):
        return event
    return StreamEvent(None, value) if understood else event


def _serving_model(value: Mapping[str, Any]) -> Any:
    """With Anthropic's server-side fallback another model may have written the message; its usage entry names it."""
    for iteration in reversed(sequence(dig(value, ("usage", "iterations")))):
        entry = mapping(iteration)
        if entry.get("type") == "fallback_message" and text(entry.get("model")) is not None:
            return entry["model"]
    return value.get("model")


def _plain_value(decoded: Decoded, exchange: Exchange, answer: Answer) -> Mapping[str, Any] | None:
    if answer.form == "value":
        value = mapping(answer.value)
        decoded.understood = decoded.understood and ("content" in value or decoded.operation == "count_tokens")
        return value or None
    events = [unwrap_bedrock_chunk(event) for event in answer.events]
    take_stream_errors(decoded, exchange, events)
    value = _assemble(decoded, events)
    if not value:
        note_unread(decoded, exchange)
    return value or None


def _assemble(decoded: Decoded, events: Sequence[StreamEvent]) -> dict[str, Any]:
    """The message that a stream amounts to. Counts in ``message_delta`` are totals so far: they replace earlier ones."""
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    pieces: dict[tuple[int, str], list[str]] = {}
    for event in events:
        data = mapping(event.data)
        kind = data.get("type")
        index = count(data.get("index")) or 0
        if kind == "message_start":
            message = dict(mapping(data.get("message")))
        elif kind == "content_block_start":
            blocks[index] = dict(mapping(data.get("content_block")))
        elif kind == "content_block_delta":
            delta = mapping(data.get("delta"))
            _take_delta(delta, index, blocks, pieces)
        elif kind == "message_delta":
            message.update({key: value for key, value in mapping(data.get("delta")).items() if value is not None or key not in message})
            counts = {key: value for key, value in mapping(data.get("usage")).items() if value is not None}
            message["usage"] = {**mapping(message.get("usage")), **counts}
            for key in ("context_management", "input_transformations"):
                if data.get(key) is not None:
                    message[key] = data[key]
        metrics = mapping(data.get("amazon-bedrock-invocationMetrics"))
        if metrics:
            decoded.provider_ms = number(metrics.get("invocationLatency"))
    for (index, field), texts in pieces.items():
        _close_field(blocks.setdefault(index, {}), field, "".join(texts))
    if message or blocks:
        message["content"] = [blocks[index] for index in sorted(blocks)]
    return message


def _take_delta(delta: Mapping[str, Any], index: int, blocks: dict[int, dict[str, Any]], pieces: dict[tuple[int, str], list[str]]) -> None:
    kind = delta.get("type")
    field = DELTA_FIELDS.get(kind) if isinstance(kind, str) else None
    if field is not None and isinstance(delta.get(field), str):
        pieces.setdefault((index, field), []).append(delta[field])
    elif kind == "citations_delta":
        block = blocks.setdefault(index, {"type": "text", "text": ""})
        block["citations"] = [*sequence(block.get("citations")), delta.get("citation")]


def _close_field(block: dict[str, Any], field: str, joined: str) -> None:
    """Put a field's whole text into its block; a tool's input becomes JSON again, or stays text where it broke off."""
    if field == _PARTIAL_INPUT:
        block.setdefault("type", "tool_use")
        if joined:
            understood, value = parse_json(joined)
            block["input"] = value if understood else joined
    else:
        block.setdefault("type", "thinking" if field in ("thinking", "signature") else "text")
        opening = block.get(field)
        block[field] = (opening if isinstance(opening, str) else "") + joined


def _fill_content(decoded: Decoded, blocks: Sequence[Mapping[str, Any]]) -> None:
    output: list[str] = []
    thinking: list[str] = []
    calls: list[ToolCall] = []
    for block in blocks:
        kind = block.get("type")
        if kind == "text":
            output.append(text(block.get("text")) or "")
        elif kind == "thinking":
            thinking.append(text(block.get("thinking")) or "")
        elif kind == "tool_use":
            name = text(block.get("name"))
            arguments = block.get("input")
            if name is not None:
                exact = arguments if isinstance(arguments, str) else compact_json({} if arguments is None else arguments)
                calls.append(ToolCall(text(block.get("id")), name, exact))
    decoded.output_text = "".join(output) or None
    decoded.reasoning_text = "\n\n".join(piece for piece in thinking if piece) or None
    decoded.tool_calls = tuple(calls)


def _fill_finish(decoded: Decoded, value: Mapping[str, Any]) -> None:
    raw = text(value.get("stop_reason"))
    decoded.finish_reason_raw = raw
    if raw is not None:
        decoded.finish_reason = FINISH_REASONS.get(raw, "other")
        decoded.refusal = raw == "refusal"
    decoded.safety = value.get("stop_details") or None
