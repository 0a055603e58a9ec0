"""Gemini's generateContent, on Google's developer platform and on Vertex: plain, as event stream, and as a growing JSON array.

Source: google-genai 3.4.0 (its types), and recorded answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .answer_side import Answer, note_unread, open_answer, take_stream_errors
from .json_fields import compact_json, count, dig, first, mapping, sequence, text
from .model import Decoded, Endpoint, Exchange, ToolCall, ToolDefinition
from .model_names import settle_model
from .request_side import begin, elements, set_system
from .usage import fill_usage, forget_running_output

__all__ = ["FINISH_REASONS", "decode"]

_FILTERED = (
    *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "JAILBREAK"),
    *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
)
_FAILED = ("MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE")

FINISH_REASONS: Mapping[str, str] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(_FILTERED, "content_filter"),
    **dict.fromkeys(_FAILED, "error"),
}
"""``finishReason`` and our word; a word that is not here is ``other``. ``STOP`` with a function call is ``tool_calls``."""

_DECLARATION_KEYS = ("functionDeclarations", "function_declarations")
_SCHEMA_KEYS = ("parametersJsonSchema", "parameters", "parameters_json_schema")
_FORMAT_KEYS = ("responseMimeType", "responseSchema", "responseJsonSchema", "response_mime_type", "response_schema")


def decode(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    """Decode one generated answer, plain or streamed, or a count of tokens."""
    decoded = begin(exchange, endpoint)
    request = mapping(exchange.request)
    field = "system_instruction" if "system_instruction" in request else "systemInstruction"
    set_system(decoded, exchange, field=field)
    decoded.tools = tuple(_tools(element.value for element in elements(exchange, "tools")))
    decoded.tool_choice = first(request, (("toolConfig", "functionCallingConfig"), ("tool_config", "function_calling_config")))
    config = mapping(first(request, (("generationConfig",), ("generation_config",))))
    decoded.response_format = {key: config[key] for key in _FORMAT_KEYS if key in config} or None
    answer = open_answer(decoded, exchange)
    value = _plain_value(decoded, exchange, answer) if answer is not None else None
    if value is None:
        return decoded
    decoded.response_value = value
    if decoded.operation == "count_tokens":
        decoded.usage_raw = value
        decoded.understood = decoded.understood and count(value.get("totalTokens")) is not None
        return decoded
    decoded.response_id = text(value.get("responseId"))
    usage = value.get("usageMetadata")
    fill_usage(decoded, usage, "gemini")
    decoded.service_tier_used = text(first(usage, (("trafficType",), ("serviceTier",))))
    settle_model(decoded, value.get("modelVersion"), value)
    candidate = mapping(dig(value, ("candidates", 0)))
    _fill_parts(decoded, [mapping(part) for part in sequence(dig(candidate, ("content", "parts")))])
    _fill_finish(decoded, value, candidate)
    if answer is not None and answer.form == "events":
        forget_running_output(decoded)
    return decoded


def _tools(tools: Iterable[Any]) -> Iterable[ToolDefinition]:
    """Function declarations one by one; Google's own tools by their key (``googleSearch`` and the like)."""
    for tool in tools:
        for key, settings in mapping(tool).items():
            if key not in _DECLARATION_KEYS:
                yield ToolDefinition(key, None, settings)
                continue
            for declaration in sequence(settings):
                fields = mapping(declaration)
                name = text(fields.get("name"))
                if name is not None:
                    schema = next((fields[schema_key] for schema_key in _SCHEMA_KEYS if schema_key in fields), None)
                    yield ToolDefinition(name, text(fields.get("description")), schema)


def _plain_value(decoded: Decoded, exchange: Exchange, answer: Answer) -> Mapping[str, Any] | None:
    chunks: Sequence[Any] = [event.data for event in answer.events]
    if answer.form == "value":
        if not isinstance(answer.value, list):
            value = mapping(answer.value)
            known = value.keys() & {"candidates", "promptFeedback", "usageMetadata", "totalTokens"}
            decoded.understood = decoded.understood and bool(known)
            return value or None
        chunks = answer.value
    take_stream_errors(decoded, exchange, answer.events)
    value = _assemble([mapping(chunk) for chunk in chunks])
    if not value:
        note_unread(decoded, exchange)
    return value or None


def _assemble(chunks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    parts: dict[int, list[dict[str, Any]]] = {}
    for chunk in chunks:
        answer.update({key: value for key, value in chunk.items() if key not in ("candidates", "error") and value is not None})
        for raw in sequence(chunk.get("candidates")):
            piece = mapping(raw)
            index = count(piece.get("index")) or 0
            candidate = candidates.setdefault(index, {})
            candidate.update({key: value for key, value in piece.items() if key != "content"})
            content = mapping(piece.get("content"))
            if content:
                candidate.setdefault("content", {}).update({key: value for key, value in content.items() if key != "parts"})
                _add_parts(parts.setdefault(index, []), sequence(content.get("parts")))
    for index, gathered in parts.items():
        for part in gathered:
            if isinstance(part.get("text"), list):
                part["text"] = "".join(part["text"])
        candidates[index]["content"]["parts"] = gathered
    if candidates:
        answer["candidates"] = [candidates[index] for index in sorted(candidates)]
    return answer


def _add_parts(gathered: list[dict[str, Any]], pieces: Sequence[Any]) -> None:
    """Neighbouring pieces of text are one part in a plain answer; their text is gathered as a list until the end."""
    for raw in pieces:
        piece = dict(mapping(raw))
        said = piece.get("text")
        if isinstance(said, str):
            last = gathered[-1] if gathered else {}
            if isinstance(last.get("text"), list) and last.get("thought") == piece.get("thought"):
                last["text"].append(said)
                last.update({key: value for key, value in piece.items() if key != "text"})
                continue
            piece["text"] = [said]
        elif "text" in piece:
            continue
        gathered.append(piece)


def _fill_parts(decoded: Decoded, parts: Sequence[Mapping[str, Any]]) -> None:
    output: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    for part in parts:
        said = text(part.get("text"))
        if said is not None:
            (thoughts if part.get("thought") is True else output).append(said)
        call = mapping(part.get("functionCall"))
        name = text(call.get("name"))
        if name is not None:
            arguments = call.get("args")
            calls.append(ToolCall(text(call.get("id")), name, compact_json({} if arguments is None else arguments)))
    decoded.output_text = "".join(output) or None
    decoded.reasoning_text = "".join(thoughts) or None
    decoded.tool_calls = tuple(calls)


def _fill_finish(decoded: Decoded, value: Mapping[str, Any], candidate: Mapping[str, Any]) -> None:
    raw = text(candidate.get("finishReason"))
    blocked = text(dig(value, ("promptFeedback", "blockReason")))
    decoded.finish_reason_raw = raw or blocked
    if raw is not None:
        decoded.finish_reason = FINISH_REASONS.get(raw.upper(), "other")
        if decoded.finish_reason == "stop" and decoded.tool_calls:
            decoded.finish_reason = "tool_calls"
    elif blocked is not None:
        decoded.finish_reason = "content_filter"
    if decoded.finish_reason is not None:
        decoded.refusal = decoded.finish_reason == "content_filter"
    report = {"promptFeedback": value.get("promptFeedback"), "safetyRatings": candidate.get("safetyRatings")}
    decoded.safety = {key: item for key, item in report.items() if item} or None
