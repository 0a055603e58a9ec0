"""Tool calls as a conversation shows them: what the model asked for, and the result that it was given.

A program's own tools often run where nothing records them; but both halves of each call travel to the model with the
next request. Pure functions over one decoded message, one per API family.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

__all__ = ["ShownCall", "ShownResult", "shown_tools"]


class ShownCall(NamedTuple):
    """A tool call in an assistant's message. ``arguments`` is text, JSON where the API gives an object."""

    id: str | None
    name: str
    arguments: str


class ShownResult(NamedTuple):
    """A tool's result in the message after. ``name`` only where the API repeats it; ``failed`` where it says so."""

    id: str | None
    name: str | None
    content: str
    failed: bool


Shown = ShownCall | ShownResult


def shown_tools(api_flavor: str, message: Any) -> list[Shown]:
    """The tool calls and results in one element of a request's message list. Never raises; unknown shapes give none."""
    reader = _READERS.get(api_flavor)
    if reader is None or not isinstance(message, dict):
        return []
    try:
        return list(reader(message))
    except (TypeError, KeyError, AttributeError, ValueError):
        return []


def _text(value: Any) -> str:
    """Content as text: as it is, or the text of its parts, or JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in value):
        return "".join(part["text"] for part in value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _chat(message: dict[str, Any]) -> Iterator[Shown]:
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        yield ShownCall(call.get("id"), function["name"], _text(function.get("arguments") or ""))
    if message.get("role") in ("tool", "function"):
        yield ShownResult(message.get("tool_call_id"), message.get("name"), _text(message.get("content")), False)


def _responses(item: dict[str, Any]) -> Iterator[Shown]:
    kind = item.get("type")
    if kind in ("function_call", "custom_tool_call"):
        yield ShownCall(item.get("call_id"), item["name"], _text(item.get("arguments") or item.get("input") or ""))
    elif kind in ("function_call_output", "custom_tool_call_output"):
        yield ShownResult(item.get("call_id"), None, _text(item.get("output")), False)


def _anthropic(message: dict[str, Any]) -> Iterator[Shown]:
    content = message.get("content")
    for block in content if isinstance(content, list) else ():
        if block.get("type") == "tool_use":
            yield ShownCall(block.get("id"), block["name"], _text(block.get("input") or {}))
        elif block.get("type") == "tool_result":
            yield ShownResult(block.get("tool_use_id"), None, _text(block.get("content", "")), bool(block.get("is_error")))


def _gemini(content: dict[str, Any]) -> Iterator[Shown]:
    for part in content.get("parts") or ():
        call = part.get("functionCall") or part.get("function_call")
        result = part.get("functionResponse") or part.get("function_response")
        if call:
            yield ShownCall(call.get("id"), call["name"], _text(call.get("args") or {}))
        if result:
            yield ShownResult(result.get("id"), result.get("name"), _text(result.get("response")), False)


def _converse(message: dict[str, Any]) -> Iterator[Shown]:
    for block in message.get("content") or ():
        if "toolUse" in block:
            use = block["toolUse"]
            yield ShownCall(use.get("toolUseId"), use["name"], _text(use.get("input") or {}))
        elif "toolResult" in block:
            result = block["toolResult"]
            parts = [part.get("text", part.get("json")) for part in result.get("content") or ()]
            yield ShownResult(result.get("toolUseId"), None, _text(parts[0] if len(parts) == 1 else parts), result.get("status") == "error")


_READERS: dict[str, Callable[[dict[str, Any]], Iterator[Shown]]] = {
    "openai.chat": _chat,
    "openai.responses": _responses,
    "anthropic.messages": _anthropic,
    "gemini": _gemini,
    "bedrock.converse": _converse,
    "ollama.chat": _chat,
    "cohere.chat": _chat,
}
