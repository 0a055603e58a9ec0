"""One message of a request as a person reads it: role, text, tool calls, tool results, and what else is in it. Pure.

The shapes of the APIs are known to :mod:`fr_schema.providers`; what is not understood is shown as the JSON that it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fr_schema.providers.conversation import ShownCall, ShownResult, shown_tools
from fr_schema.providers.request_side import content_text

__all__ = ["Message", "call_text", "messages_of_body", "parsed", "read_message"]

_LIST_KEYS = ("messages", "input", "contents", "prompt", "message")
"""Where the APIs keep the conversation, for requests whose messages were not stored one by one."""

_ROLES_BY_TYPE = {
    "function_call": "assistant",
    "custom_tool_call": "assistant",
    "reasoning": "assistant",
    "function_call_output": "tool",
    "custom_tool_call_output": "tool",
}
_SHOWN_ELSEWHERE = frozenset(("text", "input_text", "output_text", "tool_use", "tool_result", "toolUse", "toolResult"))
_GEMINI_SHOWN = frozenset(
    ("text", "functionCall", "function_call", "functionResponse", "function_response", "thoughtSignature", "thought_signature")
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        position: place in the request, from 1.
        role: as the message says, or follows from its type.
        text: its text, or None.
        calls: tools that the model asked for in it.
        results: results of tools in it.
        other: what else it holds, such as images, each as a name with its size in JSON.
        content: the whole message, parsed; None when it is not JSON.
        raw: the whole message as sent.
        blob_id: the stored part, 64 hex, or None.
    """

    position: int
    role: str
    text: str | None
    calls: tuple[ShownCall, ...]
    results: tuple[ShownResult, ...]
    other: tuple[str, ...]
    content: Any
    raw: str
    blob_id: str | None


def parsed(text: str) -> Any:
    """The JSON value of a text, or None when it is none."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def read_message(api_flavor: str | None, raw: str, position: int, blob_id: str | None = None) -> Message:
    """Read one message as sent. Never raises; what is not understood has a text: the message itself."""
    value = parsed(raw)
    if not isinstance(value, dict):
        return Message(position, "user", value if isinstance(value, str) else raw, (), (), (), value, raw, blob_id)
    shown = shown_tools(api_flavor or "", value)
    calls = tuple(item for item in shown if isinstance(item, ShownCall))
    results = tuple(item for item in shown if isinstance(item, ShownResult))
    text = None if results and isinstance(value.get("content"), str) else _text_of(value)
    other = tuple(_others(value))
    if text is None and not calls and not results and not other:
        text = raw
    role = value.get("role") or _ROLES_BY_TYPE.get(str(value.get("type")), value.get("type"))
    return Message(position, str(role or "message"), text, calls, results, other, value, raw, blob_id)


def _text_of(message: Mapping[str, Any]) -> str | None:
    for key in ("content", "parts", "summary", "text"):
        found = content_text(message.get(key))
        if found is not None:
            return found
    return None


def _others(message: Mapping[str, Any]) -> Iterable[str]:
    """Parts of a message that are neither text nor tools: images, files, thinking."""
    for key in ("content", "parts"):
        parts = message.get(key)
        for part in parts if isinstance(parts, list) else ():
            if not isinstance(part, dict) or part.get("type") in _SHOWN_ELSEWHERE or _SHOWN_ELSEWHERE.intersection(part):
                continue
            if key == "parts" and _GEMINI_SHOWN.intersection(part):
                continue
            name = str(part.get("type") or next(iter(part), "part"))
            yield f"{name}, {len(json.dumps(part, ensure_ascii=False)):,} characters"


def messages_of_body(api_flavor: str | None, body: Any) -> list[Message]:
    """The messages in a whole request body, where they were not stored one by one; empty when there are none."""
    if not isinstance(body, dict):
        return []
    for key in _LIST_KEYS:
        value = body.get(key)
        if value:
            items = value if isinstance(value, list) else [value]
            return [read_message(api_flavor, json.dumps(item, ensure_ascii=False), n) for n, item in enumerate(items, 1)]
    return []


def call_text(name: str | None, arguments: str) -> str:
    """A tool call as it would be written in a program: ``refund(order="o-1", cents=1200)``."""
    value = parsed(arguments) if arguments else {}
    if isinstance(value, dict):
        inside = ", ".join(f"{key}={json.dumps(item, ensure_ascii=False)}" for key, item in value.items())
        return f"{name or '?'}({inside})"
    return f"{name or '?'}({arguments})"
