"""Bedrock's Converse: JSON, and the binary event stream. Source: the Bedrock API reference, and recorded answers.

The answer names no model (but for a prompt router, in its trace), so ``model_resolved`` is ``declared`` when the URL
names one version, and unknown for application inference profiles, provisioned models and routers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .answer_side import Answer, StreamEvent, note_unread, open_answer, take_stream_errors
from .json_fields import compact_json, count, dig, first, mapping, number, parse_json, sequence, text
from .model import Decoded, Endpoint, Exchange, ToolCall, ToolDefinition
from .model_names import settle_model
from .request_side import begin, set_system, tool_definition
from .usage import fill_usage

__all__ = ["FINISH_REASONS", "assemble_events", "decode", "fill_answer"]

FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "refusal",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
"""``stopReason`` and our word; a word that is not here is ``other``."""


def decode(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    """Decode one conversation turn, plain or streamed, or a count of tokens."""
    decoded = begin(exchange, endpoint)
    request = mapping(exchange.request)
    if decoded.operation == "count_tokens":
        request = mapping(dig(request, ("input", "converse")))
    set_system(decoded, exchange, field="system")
    tools = (_tool(tool) for tool in sequence(dig(request, ("toolConfig", "tools"))))
    decoded.tools = tuple(found for found in tools if found is not None)
    decoded.tool_choice = dig(request, ("toolConfig", "toolChoice"))
    decoded.response_format = dig(request, ("outputConfig", "textFormat"))
    answer = open_answer(decoded, exchange)
    value = _plain_value(decoded, exchange, answer) if answer is not None else None
    if value is None:
        return decoded
    decoded.response_value = value
    if decoded.operation == "count_tokens":
        decoded.usage_raw = value
        decoded.understood = decoded.understood and count(value.get("inputTokens")) is not None
        return decoded
    fill_answer(decoded, value)
    return decoded


def fill_answer(decoded: Decoded, value: Mapping[str, Any]) -> None:
    """Fill the answer's columns from a plain Converse answer."""
    fill_usage(decoded, value.get("usage"), "bedrock.converse")
    latency = number(dig(value, ("metrics", "latencyMs")))
    decoded.provider_ms = latency if latency is not None else decoded.provider_ms
    decoded.service_tier_used = text(first(value, (("serviceTier", "type"), ("serviceTier",))))
    settle_model(decoded, dig(value, ("trace", "promptRouter", "invokedModelId")), value)
    _fill_content(decoded, [mapping(block) for block in sequence(dig(value, ("output", "message", "content")))])
    raw = text(value.get("stopReason"))
    decoded.finish_reason_raw = raw
    if raw is not None:
        decoded.finish_reason = FINISH_REASONS.get(raw, "other")
        decoded.refusal = decoded.finish_reason in ("content_filter", "refusal")
    decoded.safety = dig(value, ("trace", "guardrail"))


def _tool(tool: Any) -> ToolDefinition | None:
    """Cache points among the tools have no name, and so are none."""
    found = tool_definition(mapping(tool).get("systemTool") or tool, ("inputSchema",))
    if found is None:
        return None
    inner = dig(found.schema, ("json",))
    return ToolDefinition(found.name, found.description, inner if inner is not None else found.schema)


def _plain_value(decoded: Decoded, exchange: Exchange, answer: Answer) -> Mapping[str, Any] | None:
    if answer.form == "value":
        value = mapping(answer.value)
        decoded.understood = decoded.understood and bool(value.keys() & {"output", "stopReason", "inputTokens"})
        return value or None
    take_stream_errors(decoded, exchange, answer.events)
    value = assemble_events(answer.events)
    if not value:
        note_unread(decoded, exchange)
    return value or None


def _fill_content(decoded: Decoded, blocks: Sequence[Mapping[str, Any]]) -> None:
    output: list[str] = []
    reasoning: list[str] = []
    calls: list[ToolCall] = []
    for block in blocks:
        output.append(text(block.get("text")) or "")
        thought = text(dig(block, ("reasoningContent", "reasoningText", "text")))
        if thought is not None:
            reasoning.append(thought)
        use = mapping(block.get("toolUse"))
        name = text(use.get("name"))
        if name is not None and use.get("type") != "server_tool_use":
            arguments = use.get("input")
            exact = arguments if isinstance(arguments, str) else compact_json({} if arguments is None else arguments)
            calls.append(ToolCall(text(use.get("toolUseId")), name, exact))
    decoded.output_text = "".join(output) or None
    decoded.reasoning_text = "\n\n".join(reasoning) or None
    decoded.tool_calls = tuple(calls)


def assemble_events(events: Sequence[StreamEvent]) -> dict[str, Any]:
    """The plain answer that the events ``messageStart`` … ``metadata`` amount to. ``p`` is padding and is dropped."""
    answer: dict[str, Any] = {}
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    pieces: dict[tuple[int, str], list[str]] = {}
    for name, raw in events:
        data = mapping(raw)
        index = count(data.get("contentBlockIndex")) or 0
        if name == "messageStart":
            message["role"] = data.get("role")
        elif name == "contentBlockStart":
            blocks[index] = {key: dict(mapping(value)) for key, value in mapping(data.get("start")).items()}
        elif name == "contentBlockDelta":
            blocks.setdefault(index, {})
            _take_delta(mapping(data.get("delta")), index, blocks, pieces)
        elif name in ("messageStop", "metadata"):
            answer.update({key: value for key, value in data.items() if key != "p"})
    for (index, field), texts in pieces.items():
        _close_field(blocks[index], field, "".join(texts))
    if message or blocks:
        message["content"] = [blocks[index] for index in sorted(blocks)]
        answer["output"] = {"message": message}
    return answer


def _take_delta(delta: Mapping[str, Any], index: int, blocks: dict[int, dict[str, Any]], pieces: dict[tuple[int, str], list[str]]) -> None:
    for key, value in delta.items():
        if key == "text" and isinstance(value, str):
            pieces.setdefault((index, "text"), []).append(value)
        elif key == "toolUse" and isinstance(mapping(value).get("input"), str):
            pieces.setdefault((index, "input"), []).append(value["input"])
        elif key == "reasoningContent":
            for part, said in mapping(value).items():
                if isinstance(said, str):
                    pieces.setdefault((index, "reasoning." + part), []).append(said)
        elif key in ("citation", "toolResult", "image"):
            block = blocks[index]
            block[key] = [*sequence(block.get(key)), value]


def _close_field(block: dict[str, Any], field: str, joined: str) -> None:
    if field == "text":
        block["text"] = joined
    elif field == "input":
        understood, value = parse_json(joined)
        use = block.setdefault("toolUse", {})
        use["input"] = value if understood else joined or {}
    elif field == "reasoning.redactedContent":
        block.setdefault("reasoningContent", {})["redactedContent"] = joined
    else:
        reasoning = block.setdefault("reasoningContent", {})
        reasoning.setdefault("reasoningText", {})[field.removeprefix("reasoning.")] = joined
