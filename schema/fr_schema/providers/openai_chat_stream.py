"""Chunks of a streamed chat completion, put together into what the plain answer would have been.

Written for what servers really send, not only for OpenAI: deltas with whole tool calls (Mistral), several tool calls
under one index (Gemini's compatible API), content as a list of parts (Mistral's thinking), usage inside ``x_groq``
(Groq), reasoning under various names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .json_fields import count, mapping, sequence, text

__all__ = ["assemble_chunks"]

_NOT_KEPT = frozenset({"choices", "object", "obfuscation", "error"})
_GROWING = frozenset({"text", "thinking", "summary", "data", "arguments", "input", "content", "signature", "transcript"})
"""Fields of a list's elements that arrive in pieces; other fields are whole when they come."""


def assemble_chunks(chunks: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The plain answer. Fields at the top keep their last value that is not empty; choices are merged by index."""
    answer: dict[str, Any] = {}
    choices: dict[int, _Choice] = {}
    for chunk in chunks:
        for key, value in chunk.items():
            if key not in _NOT_KEPT and (value or key not in answer):
                answer[key] = value
        usage = mapping(chunk.get("x_groq")).get("usage")
        if usage is not None and not answer.get("usage"):
            answer["usage"] = usage
        for raw in sequence(chunk.get("choices")):
            choice = mapping(raw)
            index = count(choice.get("index")) or 0
            if index not in choices:
                choices[index] = _Choice()
            choices[index].add(choice)
    answer["object"] = "chat.completion"
    answer["choices"] = [choices[index].plain(index) for index in sorted(choices)]
    return answer


class _Choice:
    """One choice under way. Text is gathered in lists, so that a long answer costs time in proportion to its length."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.message: dict[str, Any] = {}
        self.pieces: dict[str, list[str]] = {}
        self.parts: list[Any] | None = None
        self.tool_calls: list[_ToolCall] = []
        self.logprobs: dict[str, list[Any]] = {}

    def add(self, choice: Mapping[str, Any]) -> None:
        for key, value in choice.items():
            if key == "logprobs":
                self._add_logprobs(value)
            elif key not in ("delta", "index") and (value or key not in self.fields):
                self.fields[key] = value
        delta = mapping(choice.get("delta")) or mapping(choice.get("message"))
        for key, value in delta.items():
            if key == "tool_calls":
                for call in sequence(value):
                    self._add_tool_call(mapping(call))
            elif key == "content" and (isinstance(value, list) or self.parts is not None):
                self._add_parts(value)
            elif isinstance(value, str) and key not in ("role", "name", "id"):
                self.pieces.setdefault(key, []).append(value)
            elif isinstance(value, list):
                _merge_list(self.message.setdefault(key, []), value)
            elif isinstance(value, Mapping):
                _merge_mapping(self.message.setdefault(key, {}), value)
            elif value is not None or key not in self.message:
                self.message[key] = value

    def plain(self, index: int) -> dict[str, Any]:
        message = self.message
        for key, pieces in self.pieces.items():
            if key != "content" or self.parts is None:
                joined = "".join(pieces)
                message[key] = joined if joined or key == "content" else None
        if self.parts is not None:
            message["content"] = self.parts
        if self.tool_calls:
            message["tool_calls"] = [call.plain() for call in self.tool_calls]
            message["content"] = message.get("content") or None
        message.setdefault("role", "assistant")
        fields = {"index": index, **self.fields, "message": message}
        fields.pop("delta", None)
        if self.logprobs:
            fields["logprobs"] = self.logprobs
        return fields

    def _add_logprobs(self, value: Any) -> None:
        for key, items in mapping(value).items():
            if isinstance(items, list):
                self.logprobs.setdefault(key, []).extend(items)

    def _add_parts(self, value: Any) -> None:
        if self.parts is None:
            before = "".join(self.pieces.get("content", ()))
            self.parts = [{"type": "text", "text": before}] if before else []
        if isinstance(value, str):
            value = [{"type": "text", "text": value}] if value else []
        for part in sequence(value):
            last = self.parts[-1] if self.parts else None
            if isinstance(last, dict) and isinstance(part, Mapping) and last.get("type") == part.get("type"):
                _merge_part(last, part)
            else:
                self.parts.append(dict(part) if isinstance(part, Mapping) else part)

    def _add_tool_call(self, delta: Mapping[str, Any]) -> None:
        index = count(delta.get("index"))
        identity = text(delta.get("id"))
        call = None
        if index is not None:
            call = next((known for known in reversed(self.tool_calls) if known.index == index), None)
        elif identity is not None:
            call = next((known for known in self.tool_calls if known.identity == identity), None)
        elif self.tool_calls:
            call = self.tool_calls[-1]
        starts = text(mapping(delta.get("function")).get("name")) is not None
        if call is None or (starts and identity is not None and call.identity not in (None, identity)):
            call = _ToolCall(index)
            self.tool_calls.append(call)
        call.add(delta)


class _ToolCall:
    def __init__(self, index: int | None) -> None:
        self.index = index
        self.identity: str | None = None
        self.fields: dict[str, Any] = {}
        self.inner: dict[str, dict[str, Any]] = {}
        self.pieces: dict[tuple[str, str], list[str]] = {}

    def add(self, delta: Mapping[str, Any]) -> None:
        self.identity = self.identity or text(delta.get("id"))
        for key, value in delta.items():
            if isinstance(value, Mapping):
                inner = self.inner.setdefault(key, {})
                for name, item in value.items():
                    if isinstance(item, str) and name in ("arguments", "input"):
                        self.pieces.setdefault((key, name), []).append(item)
                    elif item is not None and not inner.get(name):
                        inner[name] = item
            elif key != "index" and value and not self.fields.get(key):
                self.fields[key] = value

    def plain(self) -> dict[str, Any]:
        for (key, name), pieces in self.pieces.items():
            self.inner[key][name] = "".join(pieces)
        return {**self.fields, **self.inner}


def _merge_list(known: list[Any], more: Iterable[Any]) -> None:
    """Elements with an ``index`` of their own are continued by it; others are new."""
    for item in more:
        number = count(item.get("index")) if isinstance(item, Mapping) else None
        same = None
        if number is not None:
            same = next(
                (old for old in known if isinstance(old, dict) and old.get("index") == number and old.get("type") == item.get("type")), None
            )
        if same is None:
            known.append(dict(item) if isinstance(item, Mapping) else item)
        else:
            _merge_mapping(same, item)


def _merge_mapping(known: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        old = known.get(key)
        if isinstance(old, str) and isinstance(value, str) and key in _GROWING:
            known[key] = old + value
        elif value is not None or key not in known:
            known[key] = value


def _merge_part(last: dict[str, Any], part: Mapping[str, Any]) -> None:
    for key, value in part.items():
        old = last.get(key)
        if isinstance(old, str) and isinstance(value, str) and key in _GROWING:
            last[key] = old + value
        elif isinstance(old, list) and isinstance(value, list):
            merged = list(old)
            for item in value:
                tail = merged[-1] if merged else None
                if isinstance(tail, dict) and isinstance(item, Mapping) and tail.get("type") == item.get("type"):
                    tail = dict(tail)
                    _merge_part(tail, item)
                    merged[-1] = tail
                else:
                    merged.append(item)
            last[key] = merged
        elif value is not None or key not in last:
            last[key] = value
