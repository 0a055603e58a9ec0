"""OpenAI's Responses API, also as DeepSeek, xAI, OpenRouter and Azure speak it: plain, streamed, and fetched later.

A background response that is fetched again (``GET /responses/{id}``) is decoded with the operation ``retrieve``:
what it says is true, but its tokens were spent by another exchange, so the token columns stay None.
Source: the SDK's type files (openai-python 3.54.0), and recorded streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .answer_side import Answer, StreamEvent, fill_error, note_unread, open_answer, take_stream_errors
from .defaults import drop_echoed
from .json_fields import compact_json, count, dig, mapping, sequence, text
from .model import Decoded, Endpoint, Exchange, ToolCall
from .model_names import settle_model
from .request_side import begin, elements, set_system, tool_definitions
from .usage import fill_usage

__all__ = ["AGENT_ITEMS", "DELTAS", "ECHOED", "INCOMPLETE_REASONS", "decode"]

ECHOED = (
    *("temperature", "top_p", "max_output_tokens", "max_tool_calls", "reasoning", "text", "tool_choice", "parallel_tool_calls"),
    *("truncation", "store", "background", "top_logprobs", "frequency_penalty", "presence_penalty"),
    *("prompt_cache_retention", "prompt_cache_options", "conversation", "previous_response_id"),
)
"""Fields of an answer that state the effective parameters. Content that the answer repeats as well is not among them,
and the service tier has a column of its own."""

AGENT_ITEMS: Mapping[str, tuple[str | None, str]] = {
    "function_call": ("name", "arguments"),
    "custom_tool_call": ("name", "input"),
    "mcp_approval_request": ("name", "arguments"),
    "local_shell_call": (None, "action"),
    "shell_call": (None, "action"),
    "apply_patch_call": (None, "operation"),
    "computer_call": (None, "action"),
}
"""Output items that ask the agent to run something: where the name stands (None: the item's type is the name), and the arguments."""

INCOMPLETE_REASONS: Mapping[str, str] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
"""``incomplete_details.reason`` and our word; others are ``other``."""

_STATUSES = {"failed": "error", "cancelled": "other", "queued": None, "in_progress": None}
_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})

DELTAS: Mapping[str, tuple[str | None, str, str]] = {
    "response.output_text.delta": ("content", "output_text", "text"),
    "response.refusal.delta": ("content", "refusal", "refusal"),
    "response.reasoning_text.delta": ("content", "reasoning_text", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_text", "text"),
    "response.function_call_arguments.delta": (None, "", "arguments"),
    "response.custom_tool_call_input.delta": (None, "", "input"),
    "response.mcp_call_arguments.delta": (None, "", "arguments"),
    "response.code_interpreter_call_code.delta": (None, "", "code"),
}
"""Events that carry a piece of an item: the item's list it belongs to (None: the item itself), the part's type, the field."""


def decode(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    """Decode one response, count of input tokens, compaction, or later fetch."""
    decoded = begin(exchange, endpoint)
    request = mapping(exchange.request)
    set_system(decoded, exchange, field="instructions", messages="input")
    decoded.tools = tool_definitions([element.value for element in elements(exchange, "tools")], ("parameters", "format"))
    decoded.tool_choice = request.get("tool_choice")
    decoded.response_format = dig(request, ("text", "format"))
    answer = open_answer(decoded, exchange)
    value = _plain_value(decoded, exchange, answer) if answer is not None else None
    if value is None:
        return decoded
    decoded.response_value = value
    if decoded.operation == "count_tokens":
        decoded.usage_raw = value
        decoded.understood = decoded.understood and count(value.get("input_tokens")) is not None
        return decoded
    _fill_answer(decoded, exchange, value)
    return decoded


def _plain_value(decoded: Decoded, exchange: Exchange, answer: Answer) -> Mapping[str, Any] | None:
    if answer.form == "value":
        value = mapping(answer.value)
        decoded.understood = decoded.understood and ("output" in value or decoded.operation == "count_tokens")
        return value or None
    take_stream_errors(decoded, exchange, answer.events)
    value = _assemble(answer.events)
    if not value:
        note_unread(decoded, exchange)
    return value or None


def _fill_answer(decoded: Decoded, exchange: Exchange, value: Mapping[str, Any]) -> None:
    status = text(value.get("status"))
    final = status not in (None, "queued", "in_progress")
    decoded.response_id = text(value.get("id"))
    if status is not None:
        decoded.params_echoed = {key: value[key] for key in ECHOED if key in value} or None
        drop_echoed(decoded)
    if final:
        decoded.service_tier_used = text(value.get("service_tier"))
    settle_model(decoded, value.get("model"), value)
    if decoded.operation == "retrieve":
        decoded.usage_raw = value.get("usage")
    else:
        fill_usage(decoded, value.get("usage"), "openai.responses")
    _fill_output(decoded, [mapping(item) for item in sequence(value.get("output"))])
    _fill_finish(decoded, value, status)
    report = {key: value[key] for key in ("moderation", "content_filters") if value.get(key)}
    decoded.safety = report or None
    if value.get("error"):
        fill_error(decoded, exchange, {"error": value["error"]})


def _fill_output(decoded: Decoded, items: Sequence[Mapping[str, Any]]) -> None:
    output: list[str] = []
    reasoning: list[str] = []
    summaries: list[str] = []
    calls: list[ToolCall] = []
    for item in items:
        kind = item.get("type")
        parts = [mapping(part) for part in sequence(item.get("content"))]
        if kind == "message":
            for part in parts:
                output.append(text(part.get("text")) or "")
                if text(part.get("refusal")) is not None:
                    decoded.refusal = True
        elif kind == "reasoning":
            reasoning += [found for part in parts if (found := text(part.get("text"))) is not None]
            summaries += [found for part in sequence(item.get("summary")) if (found := text(mapping(part).get("text"))) is not None]
        elif isinstance(kind, str) and kind in AGENT_ITEMS:
            name_key, arguments_key = AGENT_ITEMS[kind]
            name = text(item.get(name_key)) if name_key is not None else kind
            arguments = item.get(arguments_key)
            if name is not None:
                exact = arguments if isinstance(arguments, str) else "" if arguments is None else compact_json(arguments)
                calls.append(ToolCall(text(item.get("call_id")) or text(item.get("id")), name, exact))
    decoded.output_text = "".join(output) or None
    decoded.reasoning_text = "\n\n".join(reasoning or summaries) or None
    decoded.tool_calls = tuple(calls)


def _fill_finish(decoded: Decoded, value: Mapping[str, Any], status: str | None) -> None:
    """``completed`` does not tell an answer from a tool call, so the items decide."""
    reason = text(dig(value, ("incomplete_details", "reason")))
    if status == "completed":
        decoded.finish_reason_raw = status
        decoded.finish_reason = "tool_calls" if decoded.tool_calls else "stop"
    elif status == "incomplete":
        decoded.finish_reason_raw = reason or status
        decoded.finish_reason = INCOMPLETE_REASONS.get(reason or "", "other")
    elif status is not None:
        decoded.finish_reason_raw = status
        decoded.finish_reason = _STATUSES.get(status, "other")
    if decoded.refusal:
        decoded.finish_reason = "refusal"
    elif decoded.finish_reason == "content_filter":
        decoded.refusal = True
    elif status in ("completed", "incomplete"):
        decoded.refusal = False


def _assemble(events: Sequence[StreamEvent]) -> dict[str, Any]:
    """The response object that a stream amounts to.

    A closing event holds the whole response; where it leaves the output out, or never came, finished items and
    then pieces of items are taken.
    """
    response: dict[str, Any] = {}
    items: dict[int, dict[str, Any]] = {}
    finished: set[int] = set()
    pieces: dict[tuple[int, str | None, int, str, str], list[str]] = {}
    for event in events:
        data = mapping(event.data)
        kind = text(data.get("type")) or event.name or ""
        snapshot = data.get("response")
        if isinstance(snapshot, Mapping):
            response = dict(snapshot)
            if kind in _TERMINAL and sequence(snapshot.get("output")):
                return response
            continue
        index = count(data.get("output_index"))
        if index is None:
            continue
        if kind in ("response.output_item.added", "response.output_item.done") and isinstance(data.get("item"), Mapping):
            items[index] = dict(data["item"])
            if kind.endswith("done"):
                finished.add(index)
        elif kind in DELTAS and isinstance(data.get("delta"), str):
            container, part_type, field = DELTAS[kind]
            part = count(data.get("summary_index" if container == "summary" else "content_index")) or 0
            pieces.setdefault((index, container, part, part_type, field), []).append(data["delta"])
    for (index, container, part, part_type, field), texts in pieces.items():
        if index in finished:
            continue
        item = items.setdefault(index, {"type": "message", "role": "assistant", "status": "in_progress"})
        if container is None:
            item[field] = "".join(texts)
        else:
            before = list(sequence(item.get(container)))[:part]
            item[container] = [*before, {"type": part_type, field: "".join(texts)}]
    if response or items:
        response["output"] = [items[index] for index in sorted(items)]
    return response
