"""Chat completions: OpenAI, and everyone who speaks the same API with differences that stand in a table.

Covers Azure OpenAI, OpenRouter, Groq, DeepSeek, xAI, Mistral, Hugging Face, Together, Fireworks, Cerebras, Z.ai,
Snowflake, Ollama's and Gemini's compatible APIs, vLLM and other servers. Sources: the SDKs' type files, and recorded answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .answer_side import Answer, fill_error, note_unread, open_answer, take_stream_errors
from .defaults import mark_server_defaults
from .json_fields import compact_json, dig, mapping, number, sequence, text
from .model import Decoded, Endpoint, Exchange, ToolCall
from .model_names import settle_model
from .openai_chat_stream import assemble_chunks
from .request_side import begin, elements, set_system, tool_definitions
from .usage import fill_usage, forget_running_output

__all__ = ["FACTS", "FINISH_REASONS", "ChatFacts", "decode", "fill_chat_answer"]


class ChatFacts(NamedTuple):
    """What is particular to one provider's chat API.

    Attributes:
        says_refusal: its messages have a ``refusal`` field, so that its absence means: not refused.
        seconds_path: where the usage object states the provider's own time, in seconds.
    """

    says_refusal: bool = False
    seconds_path: tuple[str, ...] | None = None


FACTS: Mapping[str, ChatFacts] = {
    "openai": ChatFacts(says_refusal=True),
    "azure": ChatFacts(says_refusal=True),
    "github": ChatFacts(says_refusal=True),
    "openrouter": ChatFacts(says_refusal=True),
    "groq": ChatFacts(seconds_path=("total_time",)),
    "cerebras": ChatFacts(seconds_path=("time_info", "total_time")),
}
_NO_FACTS = ChatFacts()

FINISH_REASONS: Mapping[str, str] = {
    "stop": "stop",
    "eos": "stop",  # Together, Hugging Face
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",  # Mistral
    "model_context_window_exceeded": "length",  # Z.ai
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",  # Z.ai
    "refusal": "refusal",
    "error": "error",
    "network_error": "error",  # Z.ai
    "insufficient_system_resource": "error",  # DeepSeek
    "abort": "error",  # vLLM
}
"""The provider's word, in lower case, and ours; a word that is not here is ``other``."""

_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
_SCHEMA_KEYS = ("parameters", "input_schema", "format")


def decode(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    """Decode one chat completion, plain or streamed."""
    decoded = begin(exchange, endpoint)
    request = mapping(exchange.request)
    set_system(decoded, exchange, messages="messages")
    tools = [element.value for element in elements(exchange, "tools")] or sequence(request.get("functions"))
    decoded.tools = tool_definitions(tools, _SCHEMA_KEYS)
    decoded.tool_choice = request.get("tool_choice", request.get("function_call"))
    decoded.response_format = request.get("response_format")
    answer = open_answer(decoded, exchange)
    value = _plain_value(decoded, exchange, answer) if answer is not None else None
    if value is not None:
        fill_chat_answer(decoded, exchange, value)
    return decoded


def fill_chat_answer(decoded: Decoded, exchange: Exchange, value: Mapping[str, Any]) -> None:
    """Fill the answer's columns from a plain chat completion."""
    facts = FACTS.get(decoded.provider, _NO_FACTS)
    decoded.response_value = value
    decoded.response_id = text(value.get("id"))
    decoded.system_fingerprint = text(value.get("system_fingerprint"))
    decoded.provider_request_id = decoded.provider_request_id or text(value.get("request_id"))
    decoded.service_tier_used = text(value.get("service_tier")) or text(dig(value, ("usage", "service_tier")))
    fill_usage(decoded, value.get("usage"), "openai.chat")
    settle_model(decoded, value.get("model"), value)
    if "kv_transfer_params" in value or "prompt_token_ids" in value:
        mark_server_defaults(decoded)
    if facts.seconds_path is not None:
        seconds = number(dig(value, ("usage", *facts.seconds_path))) or number(dig(value, facts.seconds_path))
        if seconds is not None:
            decoded.provider_ms = seconds * 1000
    choice = mapping(dig(value, ("choices", 0)))
    if not choice:
        note_unread(decoded, exchange)
        return
    _fill_message(decoded, mapping(choice.get("message")))
    _fill_finish(decoded, choice, facts)
    _fill_safety(decoded, value, choice)
    if not exchange.complete:
        forget_running_output(decoded)
    if choice.get("error"):
        fill_error(decoded, exchange, {"error": choice["error"]})


def _plain_value(decoded: Decoded, exchange: Exchange, answer: Answer) -> Mapping[str, Any] | None:
    if answer.form == "value":
        value = mapping(answer.value)
        decoded.understood = decoded.understood and bool(value)
        return value or None
    chunks = [mapping(event.data) for event in answer.events]
    take_stream_errors(decoded, exchange, answer.events)
    useful = [chunk for chunk in chunks if "choices" in chunk or "usage" in chunk]
    if useful:
        return assemble_chunks(useful)
    note_unread(decoded, exchange)
    return None


def _fill_message(decoded: Decoded, message: Mapping[str, Any]) -> None:
    content = message.get("content")
    thinking: list[str] = []
    if isinstance(content, str):
        decoded.output_text = content or None
    else:
        parts = [mapping(part) for part in sequence(content)]
        decoded.output_text = "".join(text(part.get("text")) or "" for part in parts if part.get("type") != "thinking") or None
        for part in parts:
            if part.get("type") == "thinking":
                inner = part.get("thinking")
                thinking += [inner] if isinstance(inner, str) else [text(mapping(piece).get("text")) or "" for piece in sequence(inner)]
    named = next((found for key in _REASONING_KEYS if (found := text(message.get(key))) is not None), None)
    decoded.reasoning_text = named or "".join(thinking) or None
    calls = [_tool_call(mapping(call)) for call in sequence(message.get("tool_calls"))]
    if isinstance(message.get("function_call"), Mapping):
        calls.append(_tool_call({"function": message["function_call"]}))
    decoded.tool_calls = tuple(call for call in calls if call is not None)
    if text(message.get("refusal")) is not None:
        decoded.refusal = True


def _tool_call(call: Mapping[str, Any]) -> ToolCall | None:
    inner = mapping(call.get("function")) or mapping(call.get("custom"))
    name = text(inner.get("name"))
    if name is None:
        return None
    arguments = inner.get("arguments", inner.get("input"))
    if arguments is None:
        arguments = ""
    return ToolCall(text(call.get("id")), name, arguments if isinstance(arguments, str) else compact_json(arguments))


def _fill_finish(decoded: Decoded, choice: Mapping[str, Any], facts: ChatFacts) -> None:
    raw = text(choice.get("finish_reason"))
    decoded.finish_reason_raw = raw
    if raw is not None:
        decoded.finish_reason = FINISH_REASONS.get(raw.lower(), "other")
    if decoded.refusal:
        decoded.finish_reason = "refusal"
    elif decoded.finish_reason in ("content_filter", "refusal"):
        decoded.refusal = True
    elif raw is not None and facts.says_refusal:
        decoded.refusal = False


def _fill_safety(decoded: Decoded, value: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
    """OpenAI's moderation, and Azure's filter results for prompt and answer; None when the answer has neither."""
    report = {key: value[key] for key in ("moderation", "prompt_filter_results") if value.get(key)}
    if choice.get("content_filter_results"):
        report["content_filter_results"] = choice["content_filter_results"]
    decoded.safety = report or None
