"""Cohere's chat API, version 2: plain, and as event stream. Source: Cohere's API reference, and recorded answers.

The answer names no model, so ``model_resolved`` is at best ``declared``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .answer_side import Answer, StreamEvent, note_unread, open_answer, take_stream_errors
from .json_fields import compact_json, count, dig, mapping, sequence, text
from .model import Decoded, Endpoint, Exchange, ToolCall
from .model_names import settle_model
from .request_side import begin, elements, set_system, tool_definitions
from .usage import fill_usage

__all__ = ["FINISH_REASONS", "decode"]

FINISH_REASONS: Mapping[str, str] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR": "error",
    "TIMEOUT": "error",
    "ERROR_TOXIC": "content_filter",
    "USER_CANCEL": "other",
}
"""``finish_reason`` and our word; a word that is not here is ``other``."""


def decode(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    """Decode one chat answer, plain or streamed."""
    decoded = begin(exchange, endpoint)
    request = mapping(exchange.request)
    set_system(decoded, exchange, messages="messages")
    decoded.tools = tool_definitions([element.value for element in elements(exchange, "tools")], ("parameters",))
    decoded.tool_choice = request.get("tool_choice")
    decoded.response_format = request.get("response_format")
    answer = open_answer(decoded, exchange)
    value = _plain_value(decoded, exchange, answer) if answer is not None else None
    if value is None:
        return decoded
    decoded.response_value = value
    decoded.response_id = text(value.get("id"))
    fill_usage(decoded, value.get("usage"), "cohere.chat")
    settle_model(decoded, value.get("model"), value)
    _fill_message(decoded, mapping(value.get("message")))
    raw = text(value.get("finish_reason"))
    decoded.finish_reason_raw = raw
    if raw is not None:
        decoded.finish_reason = FINISH_REASONS.get(raw.upper(), "other")
        if decoded.finish_reason == "content_filter":
            decoded.refusal = True
    return decoded


def _plain_value(decoded: Decoded, exchange: Exchange, answer: Answer) -> Mapping[str, Any] | None:
    if answer.form == "value":
        value = mapping(answer.value)
        decoded.understood = decoded.understood and bool(value.keys() & {"message", "finish_reason"})
        return value or None
    take_stream_errors(decoded, exchange, answer.events)
    value = _assemble(answer.events)
    if not value:
        note_unread(decoded, exchange)
    return value or None


def _fill_message(decoded: Decoded, message: Mapping[str, Any]) -> None:
    """A plan that the model states before its tool calls is its visible reasoning, unless it thought in so many words."""
    output: list[str] = []
    thinking: list[str] = []
    for raw in sequence(message.get("content")):
        block = mapping(raw)
        if block.get("type") == "thinking":
            thinking.append(text(block.get("thinking")) or "")
        else:
            output.append(text(block.get("text")) or "")
    decoded.output_text = "".join(output) or None
    decoded.reasoning_text = "".join(thinking) or text(message.get("tool_plan"))
    calls: list[ToolCall] = []
    for raw in sequence(message.get("tool_calls")):
        name = text(dig(raw, ("function", "name")))
        if name is not None:
            arguments = dig(raw, ("function", "arguments"))
            exact = arguments if isinstance(arguments, str) else "" if arguments is None else compact_json(arguments)
            calls.append(ToolCall(text(mapping(raw).get("id")), name, exact))
    decoded.tool_calls = tuple(calls)


def _assemble(events: Sequence[StreamEvent]) -> dict[str, Any]:
    """The plain answer that the events ``message-start`` … ``message-end`` amount to."""
    answer: dict[str, Any] = {}
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    calls: dict[int, dict[str, Any]] = {}
    citations: list[Any] = []
    pieces: dict[tuple[str, int, str], list[str]] = {}
    for event in events:
        data = mapping(event.data)
        kind = text(data.get("type")) or event.name or ""
        delta = mapping(data.get("delta"))
        inner = mapping(delta.get("message"))
        index = count(data.get("index")) or 0
        if kind == "message-start":
            answer["id"] = data.get("id")
            message.update({key: value for key, value in inner.items() if value})
        elif kind in ("content-start", "content-delta"):
            block = blocks.setdefault(index, {})
            for key, value in mapping(inner.get("content")).items():
                if key in ("text", "thinking") and isinstance(value, str):
                    pieces.setdefault(("block", index, key), []).append(value)
                else:
                    block[key] = value
        elif kind in ("tool-call-start", "tool-call-delta"):
            call = calls.setdefault(index, {"function": {}})
            fields = mapping(inner.get("tool_calls"))
            call.update({key: value for key, value in fields.items() if key != "function"})
            for key, value in mapping(fields.get("function")).items():
                if key == "arguments" and isinstance(value, str):
                    pieces.setdefault(("call", index, key), []).append(value)
                else:
                    call["function"][key] = value
        elif kind == "tool-plan-delta" and isinstance(inner.get("tool_plan"), str):
            pieces.setdefault(("plan", 0, "tool_plan"), []).append(inner["tool_plan"])
        elif kind == "citation-start" and inner.get("citations") is not None:
            citations.append(inner["citations"])
        elif kind == "message-end":
            answer.update({key: value for key, value in delta.items() if key != "error"})
    targets: dict[str, dict[int, dict[str, Any]]] = {
        "block": blocks,
        "call": {index: call["function"] for index, call in calls.items()},
        "plan": {0: message},
    }
    for (target, index, key), texts in pieces.items():
        targets[target][index][key] = "".join(texts)
    parts = {"content": [blocks[index] for index in sorted(blocks)], "tool_calls": [calls[index] for index in sorted(calls)]}
    message.update({key: value for key, value in {**parts, "citations": citations}.items() if value})
    if message:
        message.setdefault("role", "assistant")
        answer["message"] = message
    return answer
