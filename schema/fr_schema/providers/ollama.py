"""Ollama's own API: /api/chat and /api/generate, plain and as JSON lines. Source: Ollama's API documentation.

Durations are nanoseconds. A streamed answer is the default. The answer names the tag that was asked for, which can be
pulled anew at any time, so it is no resolved version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .answer_side import Answer, note_unread, open_answer, take_stream_errors
from .json_fields import compact_json, mapping, number, sequence, text
from .model import Decoded, Endpoint, Exchange, ToolCall
from .model_names import settle_model
from .request_side import begin, elements, set_system, tool_definitions
from .usage import fill_usage

__all__ = ["FINISH_REASONS", "USAGE_KEYS", "decode"]

FINISH_REASONS: Mapping[str, str] = {"stop": "stop", "length": "length"}
"""``done_reason`` and our word; others (``load``, ``unload``) are ``other``. ``stop`` with tool calls is ``tool_calls``."""

USAGE_KEYS = (
    *("prompt_eval_count", "eval_count"),
    *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),
)
"""The statistics that stand beside the answer and make up its usage."""

_NANOSECONDS = 1e6


def decode(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    """Decode one chat answer or one generated text."""
    decoded = begin(exchange, endpoint)
    request = mapping(exchange.request)
    if decoded.api_flavor == "ollama.chat":
        set_system(decoded, exchange, messages="messages")
    else:
        set_system(decoded, exchange, field="system")
    decoded.tools = tool_definitions([element.value for element in elements(exchange, "tools")], ("parameters",))
    decoded.response_format = request.get("format") or None
    answer = open_answer(decoded, exchange)
    value = _plain_value(decoded, exchange, answer) if answer is not None else None
    if value is None:
        return decoded
    decoded.response_value = value
    fill_usage(decoded, {key: value[key] for key in USAGE_KEYS if value.get(key) is not None}, "ollama")
    duration = number(value.get("total_duration"))
    decoded.provider_ms = duration / _NANOSECONDS if duration is not None else None
    settle_model(decoded, value.get("model"), value)
    message = mapping(value.get("message")) if decoded.api_flavor == "ollama.chat" else value
    decoded.output_text = text(message.get("content" if decoded.api_flavor == "ollama.chat" else "response"))
    decoded.reasoning_text = text(message.get("thinking"))
    decoded.tool_calls = tuple(_tool_calls(sequence(message.get("tool_calls"))))
    raw = text(value.get("done_reason"))
    decoded.finish_reason_raw = raw
    if raw is not None:
        decoded.finish_reason = FINISH_REASONS.get(raw, "other")
        if decoded.finish_reason == "stop" and decoded.tool_calls:
            decoded.finish_reason = "tool_calls"
    return decoded


def _tool_calls(calls: Sequence[Any]) -> list[ToolCall]:
    found: list[ToolCall] = []
    for call in calls:
        inner = mapping(mapping(call).get("function"))
        name = text(inner.get("name"))
        if name is not None:
            arguments = inner.get("arguments")
            exact = arguments if isinstance(arguments, str) else compact_json({} if arguments is None else arguments)
            found.append(ToolCall(text(mapping(call).get("id")), name, exact))
    return found


def _plain_value(decoded: Decoded, exchange: Exchange, answer: Answer) -> Mapping[str, Any] | None:
    if answer.form == "value":
        value = mapping(answer.value)
        decoded.understood = decoded.understood and bool(value.keys() & {"message", "response", "done"})
        return value or None
    take_stream_errors(decoded, exchange, answer.events)
    value = _assemble([mapping(event.data) for event in answer.events if "error" not in mapping(event.data)])
    if not value:
        note_unread(decoded, exchange)
    return value or None


def _assemble(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    message: dict[str, Any] = {}
    pieces: dict[str, list[str]] = {}
    for line in lines:
        for key, value in line.items():
            if key in ("response", "thinking") and isinstance(value, str):
                pieces.setdefault(key, []).append(value)
            elif key != "message":
                answer[key] = value
        for key, value in mapping(line.get("message")).items():
            if key in ("content", "thinking") and isinstance(value, str):
                pieces.setdefault("message." + key, []).append(value)
            elif key == "tool_calls":
                message[key] = [*message.get(key, ()), *sequence(value)]
            else:
                message[key] = value
    for key, texts in pieces.items():
        if key.startswith("message."):
            message[key.removeprefix("message.")] = "".join(texts)
        else:
            answer[key] = "".join(texts)
    if message:
        answer["message"] = message
    return answer
