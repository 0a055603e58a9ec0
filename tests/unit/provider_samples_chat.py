"""Hand-written exchanges with OpenAI-shaped APIs: the same answer plain and streamed, and the columns it must give."""

import json
from typing import Any, NamedTuple

from provider_cassettes import as_exchange
from provider_wire import EVENT_STREAM, JSON, data_events, named_events

from fr_schema.providers import Exchange, ToolCall

OPENAI_CHAT = "https://api.openai.com/v1/chat/completions"
OPENAI_RESPONSES = "https://api.openai.com/v1/responses"


class Sample(NamedTuple):
    """One answer in two forms, and what must stand in the columns."""

    name: str
    plain: Exchange
    streamed: Exchange
    columns: dict[str, Any]


def _chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "gpt-4o-2024-08-06", "choices": [choice], **more}


def _usage_chunk(usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "gpt-4o-2024-08-06",
        "choices": [],
        "usage": usage,
    }


def _chat_plain(message: dict[str, Any], finish: str, usage: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    plain = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "gpt-4o-2024-08-06", "choices": [choice]}
    return {**plain, **({"usage": usage} if usage else {}), **more}


def _pair(
    name: str,
    url: str,
    request: dict[str, Any],
    plain: dict[str, Any],
    stream: bytes,
    *,
    columns: dict[str, Any],
    headers: tuple[tuple[str, str], ...] = (),
) -> Sample:
    return Sample(
        name,
        as_exchange("POST", url, request, json.dumps(plain).encode(), response_headers=(*JSON, *headers)),
        as_exchange("POST", url, {**request, "stream": True}, stream, response_headers=(*EVENT_STREAM, *headers)),
        columns,
    )


USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "Weather in a city.", "parameters": {"type": "object", "properties": {"city": {}}}},
}


def _openai_tool_calls() -> Sample:
    calls = [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}},
        {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}},
    ]
    request = {
        "model": "gpt-4o",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather?"}],
        "tools": [WEATHER],
        "temperature": 0.2,
        "max_completion_tokens": 300,
        "seed": 11,
    }
    deltas = [
        _chunk({"role": "assistant", "content": None}),
        _chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}]}),
        _chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]}),
        _chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]}),
        _chunk(
            {"tool_calls": [{"index": 1, "id": "call_2", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Ro'}}]}
        ),
        _chunk({"tool_calls": [{"index": 1, "function": {"arguments": 'me"}'}}]}),
        _chunk({}, "tool_calls"),
        _usage_chunk(USAGE),
    ]
    return _pair(
        "openai tool calls",
        OPENAI_CHAT,
        request,
        _chat_plain({"content": None, "tool_calls": calls}, "tool_calls", USAGE),
        data_events(deltas),
        columns={
            "provider": "openai",
            "model_requested": "gpt-4o",
            "model_resolved": "gpt-4o-2024-08-06",
            "model_resolved_source": "body",
            "system_prompt": "Be brief.",
            "system_source": (("messages", 0),),
            "tool_calls": (ToolCall("call_1", "weather", '{"city":"Oslo"}'), ToolCall("call_2", "weather", '{"city":"Rome"}')),
            "finish_reason": "tool_calls",
            "refusal": False,
            "output_text": None,
            "temperature": 0.2,
            "max_output_tokens": 300,
            "seed": 11,
            "tokens_in": 100,
            "tokens_out": 20,
            "tokens_cache_read": 64,
            "tokens_reasoning": 5,
            "provider_request_id": "req_1",
            "provider_ms": 812.0,
            "ratelimit": {"x-ratelimit-remaining-requests": "9"},
        },
        headers=(("x-request-id", "req_1"), ("openai-processing-ms", "812"), ("X-RateLimit-Remaining-Requests", "9")),
    )


def _openai_refusal() -> Sample:
    return _pair(
        "openai refusal",
        OPENAI_CHAT,
        {"model": "gpt-4o", "messages": [{"role": "user", "content": "No."}]},
        _chat_plain({"content": "", "refusal": "I can't."}, "stop"),
        data_events([_chunk({"role": "assistant", "content": "", "refusal": "I "}), _chunk({"refusal": "can't."}), _chunk({}, "stop")]),
        columns={"refusal": True, "finish_reason": "refusal", "finish_reason_raw": "stop", "output_text": None},
    )


def _azure_filters() -> Sample:
    url = "https://acme.openai.azure.com/openai/deployments/support-bot/chat/completions?api-version=2024-10-21"
    prompt = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}]
    verdict = {"hate": {"filtered": False, "severity": "safe"}}
    plain = _chat_plain({"content": "Hi there"}, "stop", USAGE, prompt_filter_results=prompt)
    plain["choices"][0]["content_filter_results"] = verdict
    first = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": prompt}
    last = _chunk({}, "stop")
    last["choices"][0]["content_filter_results"] = verdict
    deltas = [first, _chunk({"role": "assistant", "content": "Hi "}), _chunk({"content": "there"}), last, _usage_chunk(USAGE)]
    return _pair(
        "azure filters",
        url,
        {"model": "ignored", "messages": [{"role": "user", "content": "Hi"}]},
        plain,
        data_events(deltas),
        columns={
            "provider": "azure",
            "api_version": "2024-10-21",
            "model_requested": "support-bot",
            "model_resolved": "gpt-4o-2024-08-06",
            "safety": {"prompt_filter_results": prompt, "content_filter_results": verdict},
            "output_text": "Hi there",
            "provider_request_id": "apim-1",
        },
        headers=(("x-request-id", "other"), ("apim-request-id", "apim-1")),
    )


def _mistral_thinking() -> Sample:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Let me see."}]},
        {"type": "text", "text": "It is 4."},
    ]
    deltas = [
        _chunk({"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Let me "}]}]}),
        _chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "see."}]}]}),
        _chunk({"content": "It is "}),
        _chunk({"content": "4."}, "stop", usage=USAGE),
    ]
    return _pair(
        "mistral thinking",
        "https://api.mistral.ai/v1/chat/completions",
        {"model": "magistral-medium-latest", "messages": [{"role": "user", "content": "2+2?"}], "random_seed": 3},
        _chat_plain({"content": content}, "stop", USAGE),
        data_events(deltas),
        columns={"provider": "mistral", "output_text": "It is 4.", "reasoning_text": "Let me see.", "seed": 3, "refusal": None},
    )


def _groq_usage() -> Sample:
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "queue_time": 0.1, "total_time": 0.25}
    deltas = [
        _chunk({"role": "assistant", "content": "", "reasoning": "Hm."}, x_groq={"id": "req_9"}),
        _chunk({"content": "Yes"}),
        _chunk({}, "stop", x_groq={"id": "req_9", "usage": usage}),
    ]
    return _pair(
        "groq usage",
        "https://api.groq.com/openai/v1/chat/completions",
        {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "?"}]},
        _chat_plain({"content": "Yes", "reasoning": "Hm."}, "stop", usage, x_groq={"id": "req_9", "usage": usage}),
        data_events(deltas),
        columns={"provider": "groq", "tokens_in": 9, "tokens_out": 3, "provider_ms": 250.0, "reasoning_text": "Hm.", "usage_raw": usage},
    )


def _gemini_compatible() -> Sample:
    """Google's compatible API gives every parallel call the same index, and leaves thinking out of completion_tokens."""
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 44}
    calls = [
        {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}},
        {"id": "b", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}},
    ]
    deltas = [_chunk({"role": "assistant", "tool_calls": [{"index": 0, **calls[0]}, {"index": 0, **calls[1]}]}, "tool_calls", usage=usage)]
    return _pair(
        "gemini compatible",
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        {"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": "?"}], "tools": [WEATHER]},
        _chat_plain({"content": None, "tool_calls": calls}, "tool_calls", usage),
        data_events(deltas),
        columns={
            "provider": "gemini",
            "api_flavor": "openai.chat",
            "tokens_out": 34,
            "tokens_reasoning": 30,
            "tool_calls": (ToolCall("a", "weather", '{"city":"Oslo"}'), ToolCall("b", "weather", '{"city":"Rome"}')),
        },
    )


def _xai_reasoning_apart() -> Sample:
    usage = {"prompt_tokens": 14, "completion_tokens": 37, "total_tokens": 516, "completion_tokens_details": {"reasoning_tokens": 465}}
    deltas = [_chunk({"role": "assistant", "reasoning_content": "Hm. "}), _chunk({"content": "4"}), _chunk({}, "stop", usage=usage)]
    return _pair(
        "xai reasoning apart",
        "https://api.x.ai/v1/chat/completions",
        {"model": "grok-3-mini", "messages": [{"role": "user", "content": "2+2?"}], "reasoning_effort": "high"},
        _chat_plain({"content": "4", "reasoning_content": "Hm. "}, "stop", usage),
        data_events(deltas),
        columns={"provider": "xai", "tokens_out": 502, "tokens_reasoning": 465, "reasoning_level": "high", "reasoning_text": "Hm. "},
    )


def _text_completion() -> Sample:
    plain = {
        "id": "cmpl-1",
        "object": "text_completion",
        "model": "davinci-002",
        "choices": [{"index": 0, "finish_reason": "length", "text": "a b c"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4},
    }
    head = {"id": "cmpl-1", "object": "text_completion", "model": "davinci-002"}
    chunks = [{**head, "choices": [{"index": 0, "text": piece, "finish_reason": None}]} for piece in ("a", " b", " c")]
    chunks += [{**head, "choices": [{"index": 0, "text": "", "finish_reason": "length"}]}, {**head, "choices": [], "usage": plain["usage"]}]
    return _pair(
        "text completion",
        "https://api.openai.com/v1/completions",
        {"model": "davinci-002", "prompt": "count", "max_tokens": 3},
        plain,
        data_events(chunks),
        columns={"api_flavor": "openai.completions", "operation": "text_completion", "output_text": "a b c", "finish_reason": "length"},
    )


REASONING_ITEM = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Think."}]}
TEXT_PART = {"type": "output_text", "text": "Hello you", "annotations": []}
MESSAGE_ITEM = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [TEXT_PART]}
CALL_ITEM = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city":"Oslo"}',
    "status": "completed",
}
RESPONSES_PLAIN = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-5-2025-08-07",
    "output": [REASONING_ITEM, MESSAGE_ITEM, CALL_ITEM],
    "temperature": 1.0,
    "top_p": 0.98,
    "truncation": "disabled",
    "store": True,
    "service_tier": "default",
    "error": None,
    "incomplete_details": None,
    "usage": {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 8},
        "output_tokens": 12,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 42,
    },
}
RESPONSES_OPENING = {**RESPONSES_PLAIN, "status": "in_progress", "output": [], "usage": None, "service_tier": "auto"}
RESPONSES_EVENTS = [
    {"type": "response.created", "sequence_number": 0, "response": RESPONSES_OPENING},
    {"type": "response.output_item.added", "output_index": 0, "item": {**REASONING_ITEM, "summary": []}},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "Think."},
    {"type": "response.output_item.done", "output_index": 0, "item": REASONING_ITEM},
    {"type": "response.output_item.added", "output_index": 1, "item": {**MESSAGE_ITEM, "content": [], "status": "in_progress"}},
    {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "Hello "},
    {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "you"},
    {"type": "response.output_item.done", "output_index": 1, "item": MESSAGE_ITEM},
    {"type": "response.output_item.added", "output_index": 2, "item": {**CALL_ITEM, "arguments": ""}},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"city":'},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '"Oslo"}'},
    {"type": "response.output_item.done", "output_index": 2, "item": CALL_ITEM},
    {"type": "response.completed", "response": RESPONSES_PLAIN},
]


def _responses() -> Sample:
    return _pair(
        "openai responses",
        OPENAI_RESPONSES,
        {
            "model": "gpt-5",
            "instructions": "Be brief.",
            "input": [{"role": "developer", "content": "Also kind."}, {"role": "user", "content": "Hi"}],
            "tools": [
                {"type": "function", "name": "weather", "description": "W", "parameters": {"type": "object"}},
                {"type": "web_search"},
            ],
            "reasoning": {"effort": "low"},
            "text": {"format": {"type": "json_object"}},
        },
        RESPONSES_PLAIN,
        named_events(RESPONSES_EVENTS),
        columns={
            "api_flavor": "openai.responses",
            "model_resolved": "gpt-5-2025-08-07",
            "system_prompt": "Be brief.\n\nAlso kind.",
            "system_source": (("instructions", None), ("input", 0)),
            "output_text": "Hello you",
            "reasoning_text": "Think.",
            "reasoning_level": "low",
            "response_format": {"type": "json_object"},
            "tool_calls": (ToolCall("call_1", "weather", '{"city":"Oslo"}'),),
            "finish_reason": "tool_calls",
            "finish_reason_raw": "completed",
            "refusal": False,
            "params_echoed": {"temperature": 1.0, "top_p": 0.98, "truncation": "disabled", "store": True},
            "params_defaulted": {"service_tier": {"value": "auto", "origin": "provider-doc:2026-11"}},
            "service_tier_used": "default",
            "tokens_in": 30,
            "tokens_out": 12,
            "tokens_cache_read": 8,
            "tokens_reasoning": 4,
        },
    )


CHAT_SAMPLES = [
    _openai_tool_calls(),
    _openai_refusal(),
    _azure_filters(),
    _mistral_thinking(),
    _groq_usage(),
    _gemini_compatible(),
    _xai_reasoning_apart(),
    _text_completion(),
    _responses(),
]
