"""Google's Interactions API (``/v1beta/interactions``): plain, and as event stream. Source: google-genai 3.4.0 (its types).

Written from the types alone; no recorded exchange was at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .answer_side import Answer, StreamEvent, fill_error, note_unread, open_answer, take_stream_errors
from .json_fields import compact_json, count, mapping, parse_json, sequence, text
from .model import Decoded, Endpoint, Exchange, ToolCall
from .model_names import settle_model
from .request_side import begin, elements, set_system, tool_definitions
from .usage import fill_usage

__all__ = ["STATUSES", "decode"]

STATUSES: Mapping[str, str] = {
    "completed": "stop",
    "requires_action": "tool_calls",
    "incomplete": "length",
    "budget_exceeded": "length",
    "failed": "error",
    "cancelled": "other",
    "requires_continuation": "other",
}
"""``status`` and our word; ``queued`` and ``in_progress`` have none yet."""


def decode(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    """Decode one interaction."""
    decoded = begin(exchange, endpoint)
    request = mapping(exchange.request)
    set_system(decoded, exchange, field="system_instruction")
    decoded.tools = tool_definitions([element.value for element in elements(exchange, "tools")], ("parameters",))
    decoded.tool_choice = mapping(request.get("generation_config")).get("tool_choice")
    decoded.response_format = request.get("response_format")
    answer = open_answer(decoded, exchange)
    value = _plain_value(decoded, exchange, answer) if answer is not None else None
    if value is None:
        return decoded
    decoded.response_value = value
    decoded.response_id = text(value.get("id"))
    decoded.service_tier_used = text(value.get("service_tier"))
    fill_usage(decoded, value.get("usage"), "gemini.interactions")
    settle_model(decoded, value.get("model"), value)
    _fill_steps(decoded, [mapping(step) for step in _steps(value)])
    raw = text(value.get("status"))
    decoded.finish_reason_raw = raw
    decoded.finish_reason = STATUSES.get(raw) if raw is not None else None
    if decoded.finish_reason == "stop" and decoded.tool_calls:
        decoded.finish_reason = "tool_calls"
    if value.get("error"):
        fill_error(decoded, exchange, {"error": value["error"]})
    return decoded


def _steps(value: Mapping[str, Any]) -> Sequence[Any]:
    return sequence(value.get("steps")) or sequence(value.get("outputs"))


def _plain_value(decoded: Decoded, exchange: Exchange, answer: Answer) -> Mapping[str, Any] | None:
    if answer.form == "value":
        value = mapping(answer.value)
        decoded.understood = decoded.understood and "status" in value
        return value or None
    take_stream_errors(decoded, exchange, answer.events)
    value = _assemble(answer.events)
    if not value:
        note_unread(decoded, exchange)
    return value or None


def _fill_steps(decoded: Decoded, steps: Iterable[Mapping[str, Any]]) -> None:
    output: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    for step in steps:
        kind = step.get("type")
        if kind == "model_output":
            output += [text(mapping(part).get("text")) or "" for part in sequence(step.get("content"))]
        elif kind == "thought":
            thoughts += [text(mapping(part).get("text")) or "" for part in sequence(step.get("summary"))]
        elif kind == "function_call":
            name = text(step.get("name"))
            arguments = step.get("arguments")
            if name is not None:
                exact = arguments if isinstance(arguments, str) else compact_json({} if arguments is None else arguments)
                calls.append(ToolCall(text(step.get("id")), name, exact))
    decoded.output_text = "".join(output) or None
    decoded.reasoning_text = "\n\n".join(thought for thought in thoughts if thought) or None
    decoded.tool_calls = tuple(calls)


def _assemble(events: Sequence[StreamEvent]) -> dict[str, Any]:
    """Steps are started, continued by deltas of text, arguments or thought summaries, and stopped; the last interaction wins."""
    interaction: dict[str, Any] = {}
    steps: dict[int, dict[str, Any]] = {}
    pieces: dict[tuple[int, str], list[str]] = {}
    for event in events:
        data = mapping(event.data)
        kind = text(data.get("event_type")) or event.name or ""
        index = count(data.get("index")) or 0
        if isinstance(data.get("interaction"), Mapping):
            interaction.update({key: value for key, value in data["interaction"].items() if value is not None})
        elif kind == "interaction.status_update" and text(data.get("status")) is not None:
            interaction["status"] = data["status"]
        elif kind == "step.start":
            steps[index] = dict(mapping(data.get("step")))
        elif kind == "step.delta":
            steps.setdefault(index, {})
            _take_delta(mapping(data.get("delta")), index, pieces)
        elif kind == "step.stop" and isinstance(data.get("usage"), Mapping):
            interaction["usage"] = data["usage"]
    for (index, field), texts in pieces.items():
        _close_field(steps[index], field, "".join(texts))
    if steps and not _steps(interaction):
        interaction["steps"] = [steps[index] for index in sorted(steps)]
    return interaction


def _take_delta(delta: Mapping[str, Any], index: int, pieces: dict[tuple[int, str], list[str]]) -> None:
    kind = delta.get("type")
    if kind == "text" and isinstance(delta.get("text"), str):
        pieces.setdefault((index, "content"), []).append(delta["text"])
    elif kind == "arguments_delta" and isinstance(delta.get("arguments"), str):
        pieces.setdefault((index, "arguments"), []).append(delta["arguments"])
    elif kind == "thought_summary":
        said = text(mapping(delta.get("content")).get("text"))
        if said is not None:
            pieces.setdefault((index, "summary"), []).append(said)


def _close_field(step: dict[str, Any], field: str, joined: str) -> None:
    if field == "arguments":
        understood, value = parse_json(joined)
        step.setdefault("type", "function_call")
        step["arguments"] = value if understood else joined
    else:
        step.setdefault("type", "model_output" if field == "content" else "thought")
        step[field] = [{"type": "text", "text": joined}]
