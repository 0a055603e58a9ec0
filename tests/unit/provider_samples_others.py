"""Hand-written exchanges with APIs of other shapes than OpenAI's: plain and streamed, and the columns they must give."""

import json
from typing import Any

from provider_cassettes import as_exchange
from provider_samples_chat import Sample
from provider_wire import AMAZON_STREAM, EVENT_STREAM, JSON, JSON_LINES, amazon_chunks, amazon_events, data_events, json_lines, named_events

from fr_schema.providers import ToolCall

ANTHROPIC_USAGE = {"input_tokens": 3, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 50, "output_tokens": 40}
ANTHROPIC_PLAIN = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [
        {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"},
        {"type": "text", "text": "Looking it up: é."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo", "days": 2}},
        {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": ANTHROPIC_USAGE,
}
ANTHROPIC_EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {**ANTHROPIC_PLAIN, "content": [], "stop_reason": None, "usage": {**ANTHROPIC_USAGE, "output_tokens": 1}},
    },
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Let me "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "see."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Looking it "}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "up: é."}},
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ""}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"city": "Oslo"'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ', "days": 2}'}},
    {"type": "content_block_stop", "index": 2},
    {"type": "content_block_start", "index": 3, "content_block": {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}},
    {"type": "content_block_stop", "index": 3},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": {"output_tokens": 40}},
    {"type": "message_stop"},
]
ANTHROPIC_COLUMNS = {
    "api_flavor": "anthropic.messages",
    "model_resolved": "claude-sonnet-4-5-20250929",
    "model_resolved_source": "body",
    "system_prompt": "Be brief.\n\nAnd kind.",
    "output_text": "Looking it up: é.",
    "reasoning_text": "Let me see.",
    "tool_calls": (ToolCall("toolu_1", "weather", '{"city":"Oslo","days":2}'), ToolCall("toolu_2", "now", "{}")),
    "finish_reason": "tool_calls",
    "finish_reason_raw": "tool_use",
    "refusal": False,
    "tokens_in": 1053,
    "tokens_out": 40,
    "tokens_cache_read": 1000,
    "tokens_cache_write": 50,
    "max_output_tokens": 900,
    "reasoning_level": "budget:1024",
}
ANTHROPIC_BODY = {
    "max_tokens": 900,
    "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "And kind.", "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": "Weather?"}],
    "tools": [{"name": "weather", "description": "W", "input_schema": {"type": "object"}}],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
}


def _anthropic_direct() -> Sample:
    url = "https://api.anthropic.com/v1/messages"
    body = {"model": "claude-sonnet-4-5", **ANTHROPIC_BODY}
    sent = (("Anthropic-Version", "2023-06-01"),)
    got = (("request-id", "req_011"), ("anthropic-ratelimit-requests-remaining", "7"))
    return Sample(
        "anthropic direct",
        as_exchange("POST", url, body, json.dumps(ANTHROPIC_PLAIN).encode(), request_headers=sent, response_headers=(*JSON, *got)),
        as_exchange(
            "POST",
            url,
            {**body, "stream": True},
            named_events(ANTHROPIC_EVENTS),
            request_headers=sent,
            response_headers=(*EVENT_STREAM, *got),
        ),
        {**ANTHROPIC_COLUMNS, "provider": "anthropic", "api_version": "2023-06-01", "provider_request_id": "req_011"},
    )


def _anthropic_on_bedrock() -> Sample:
    base = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/"
    body = {"anthropic_version": "bedrock-2023-05-31", **ANTHROPIC_BODY}
    metrics = {"inputTokenCount": 3, "outputTokenCount": 40, "invocationLatency": 1503, "firstByteLatency": 400}
    events = [*ANTHROPIC_EVENTS[:-1], {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}]
    got = (("x-amzn-requestid", "amz-1"),)
    latency = (("x-amzn-bedrock-invocation-latency", "1503"),)
    return Sample(
        "anthropic on bedrock",
        as_exchange("POST", base + "invoke", body, json.dumps(ANTHROPIC_PLAIN).encode(), response_headers=(*JSON, *got, *latency)),
        as_exchange("POST", base + "invoke-with-response-stream", body, amazon_chunks(events), response_headers=(*AMAZON_STREAM, *got)),
        {
            **ANTHROPIC_COLUMNS,
            "provider": "bedrock",
            "api_version": "bedrock-2023-05-31",
            "model_requested": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "provider_request_id": "amz-1",
            "provider_ms": 1503.0,
        },
    )


GEMINI_BODY = {
    "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "tools": [{"functionDeclarations": [{"name": "weather", "parametersJsonSchema": {"type": "object"}}]}, {"googleSearch": {}}],
    "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
    "generationConfig": {"temperature": 0.5, "topP": 0.9, "maxOutputTokens": 100, "thinkingConfig": {"thinkingBudget": 512}},
}
GEMINI_USAGE = {
    "promptTokenCount": 20,
    "cachedContentTokenCount": 8,
    "candidatesTokenCount": 6,
    "thoughtsTokenCount": 30,
    "toolUsePromptTokenCount": 5,
    "totalTokenCount": 61,
}


def _gemini(base: str, form: str) -> Sample:
    parts = [
        {"text": "Hm, let me think.", "thought": True},
        {"text": "Hello you."},
        {"functionCall": {"id": "f1", "name": "weather", "args": {"city": "Oslo"}}},
    ]
    head = {"modelVersion": "gemini-2.5-pro", "responseId": "r1"}
    plain = {
        **head,
        "usageMetadata": GEMINI_USAGE,
        "candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}],
    }

    def chunk(pieces: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        usage = {**GEMINI_USAGE, "candidatesTokenCount": 1} if not more else GEMINI_USAGE
        return {**head, "usageMetadata": usage, "candidates": [{"index": 0, "content": {"role": "model", "parts": pieces}, **more}]}

    chunks = [
        chunk([{"text": "Hm, let ", "thought": True}]),
        chunk([{"text": "me think.", "thought": True}, {"text": "Hello "}]),
        chunk([{"text": "you."}]),
        chunk([parts[2]], finishReason="STOP"),
    ]
    if form == "events":
        query, headers, stream = "?alt=sse", EVENT_STREAM, data_events(chunks, done=False)
    else:
        query, headers, stream = "", JSON, json.dumps(chunks, indent=1).encode()
    return Sample(
        f"gemini {form}",
        as_exchange("POST", base + ":generateContent", GEMINI_BODY, json.dumps(plain).encode()),
        as_exchange("POST", base + ":streamGenerateContent" + query, GEMINI_BODY, stream, response_headers=headers),
        {
            "api_flavor": "gemini",
            "model_requested": "gemini-2.5-pro",
            "model_resolved": "gemini-2.5-pro",
            "model_resolved_source": "body",
            "response_id": "r1",
            "system_prompt": "Be brief.",
            "output_text": "Hello you.",
            "reasoning_text": "Hm, let me think.",
            "tool_calls": (ToolCall("f1", "weather", '{"city":"Oslo"}'),),
            "tool_choice": {"mode": "AUTO"},
            "finish_reason": "tool_calls",
            "tokens_in": 25,
            "tokens_out": 36,
            "tokens_cache_read": 8,
            "tokens_reasoning": 30,
            "temperature": 0.5,
            "top_p": 0.9,
            "max_output_tokens": 100,
            "reasoning_level": "budget:512",
        },
    )


CONVERSE_BODY = {
    "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
    "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
    "inferenceConfig": {"temperature": 0.1, "topP": 0.8, "maxTokens": 77},
    "toolConfig": {
        "tools": [
            {"toolSpec": {"name": "weather", "description": "W", "inputSchema": {"json": {"type": "object"}}}},
            {"cachePoint": {"type": "default"}},
        ],
        "toolChoice": {"auto": {}},
    },
}


def _bedrock_converse() -> Sample:
    base = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova-micro-v1%3A0/converse"
    usage = {"inputTokens": 4, "outputTokens": 9, "totalTokens": 33, "cacheReadInputTokens": 20, "cacheWriteInputTokens": 0}
    content = [
        {"reasoningContent": {"reasoningText": {"text": "Think first.", "signature": "c2ln"}}},
        {"text": "Hello you"},
        {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Oslo"}}},
    ]
    plain = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use",
        "usage": usage,
        "metrics": {"latencyMs": 512},
    }
    events: list[tuple[str, Any]] = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Think "}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "first."}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "c2ln"}}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Hello "}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "you"}}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t1", "name": "weather"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"city": '}}}),
        ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '"Oslo"}'}}}),
        ("contentBlockStop", {"contentBlockIndex": 2}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": usage, "metrics": {"latencyMs": 512}}),
    ]
    return Sample(
        "bedrock converse",
        as_exchange("POST", base, CONVERSE_BODY, json.dumps(plain).encode()),
        as_exchange("POST", base + "-stream", CONVERSE_BODY, amazon_events(events), response_headers=AMAZON_STREAM),
        {
            "provider": "bedrock",
            "api_flavor": "bedrock.converse",
            "model_requested": "us.amazon.nova-micro-v1:0",
            "model_resolved": "us.amazon.nova-micro-v1:0",
            "model_resolved_source": "declared",
            "system_prompt": "Be brief.",
            "output_text": "Hello you",
            "reasoning_text": "Think first.",
            "tool_calls": (ToolCall("t1", "weather", '{"city":"Oslo"}'),),
            "tool_choice": {"auto": {}},
            "finish_reason": "tool_calls",
            "tokens_in": 24,
            "tokens_out": 9,
            "tokens_cache_read": 20,
            "tokens_cache_write": 0,
            "provider_ms": 512.0,
            "temperature": 0.1,
            "top_p": 0.8,
            "max_output_tokens": 77,
        },
    )


def _cohere() -> Sample:
    usage = {
        "billed_units": {"input_tokens": 10, "output_tokens": 5},
        "tokens": {"input_tokens": 110, "output_tokens": 15},
        "cached_tokens": 64,
    }
    call = {"id": "w1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
    message = {"role": "assistant", "tool_plan": "I will look it up.", "tool_calls": [call]}
    plain = {"id": "co-1", "message": message, "finish_reason": "TOOL_CALL", "usage": usage}
    start = {**call, "function": {"name": "weather", "arguments": ""}}
    events = [
        {
            "type": "message-start",
            "id": "co-1",
            "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}},
        },
        {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will "}}},
        {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "look it up."}}},
        {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": start}}},
        {"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": {"function": {"arguments": '{"city":'}}}}},
        {"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": {"function": {"arguments": '"Oslo"}'}}}}},
        {"type": "tool-call-end", "index": 0},
        {"type": "message-end", "id": "co-1", "delta": {"finish_reason": "TOOL_CALL", "usage": usage}},
    ]
    url = "https://api.cohere.com/v2/chat"
    body = {"model": "command-r7b-12-2024", "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "?"}], "p": 0.5}
    return Sample(
        "cohere",
        as_exchange("POST", url, {**body, "stream": False}, json.dumps(plain).encode()),
        as_exchange("POST", url, {**body, "stream": True}, named_events(events), response_headers=EVENT_STREAM),
        {
            "provider": "cohere",
            "model_resolved": "command-r7b-12-2024",
            "model_resolved_source": "declared",
            "system_prompt": "S",
            "reasoning_text": "I will look it up.",
            "tool_calls": (ToolCall("w1", "weather", '{"city":"Oslo"}'),),
            "finish_reason": "tool_calls",
            "tokens_in": 110,
            "tokens_out": 15,
            "tokens_cache_read": 64,
            "top_p": 0.5,
        },
    )


def _ollama(flavor: str) -> Sample:
    stats = {"done": True, "done_reason": "stop", "total_duration": 2_000_000_000, "prompt_eval_count": 12, "eval_count": 5}
    head = {"model": "qwen3:0.6b", "created_at": "2026-01-01T00:00:00Z"}
    if flavor == "chat":
        call = {"function": {"name": "weather", "arguments": {"city": "Oslo"}}}
        message = {"role": "assistant", "tool_calls": [call], "content": "Hello you", "thinking": "Hm."}
        plain = {**head, **stats, "message": message}
        deltas = [
            {"role": "assistant", "content": "", "thinking": "H"},
            {"role": "assistant", "content": "", "thinking": "m."},
            {"role": "assistant", "content": "Hello "},
            {"role": "assistant", "content": "you", "tool_calls": [call]},
        ]
        lines = [{**head, "message": delta, "done": False} for delta in deltas] + [
            {**head, **stats, "message": {"role": "assistant", "content": ""}}
        ]
        body = {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "?"}]}
        calls = (ToolCall(None, "weather", '{"city":"Oslo"}'),)
    else:
        plain = {**head, **stats, "response": "Hello you", "context": [1, 2]}
        lines = [{**head, "response": "Hello ", "done": False}, {**head, "response": "you", "done": False}]
        lines.append({**head, **stats, "response": "", "context": [1, 2]})
        body = {"prompt": "?", "system": "S"}
        calls = ()
    request = {"model": "qwen3:0.6b", "options": {"temperature": 0.1, "num_predict": 40, "seed": 4}, **body}
    url = f"http://localhost:11434/api/{flavor}"
    return Sample(
        f"ollama {flavor}",
        as_exchange("POST", url, {**request, "stream": False}, json.dumps(plain).encode()),
        as_exchange("POST", url, {**request, "stream": True}, json_lines(lines), response_headers=JSON_LINES),
        {
            "provider": "ollama",
            "model_requested": "qwen3:0.6b",
            "model_resolved": None,
            "model_resolved_source": "unknown",
            "system_prompt": "S",
            "output_text": "Hello you",
            "tool_calls": calls,
            "finish_reason": "tool_calls" if calls else "stop",
            "tokens_in": 12,
            "tokens_out": 5,
            "provider_ms": 2000.0,
            "temperature": 0.1,
            "max_output_tokens": 40,
            "seed": 4,
        },
    )


def _interactions() -> Sample:
    usage = {"total_input_tokens": 7, "total_output_tokens": 3, "total_thought_tokens": 11, "total_tokens": 21}
    steps = [
        {"type": "thought", "summary": [{"type": "text", "text": "Think."}]},
        {"type": "model_output", "content": [{"type": "text", "text": "Hello you"}]},
        {"type": "function_call", "id": "f1", "name": "weather", "arguments": {"city": "Oslo"}},
    ]
    plain = {"id": "int_1", "model": "gemini-3-flash-001", "status": "requires_action", "usage": usage, "steps": steps}
    events: list[dict[str, Any]] = [
        {"event_type": "interaction.created", "interaction": {"id": "int_1", "model": "gemini-3-flash-001", "status": "in_progress"}},
        {"event_type": "step.start", "index": 0, "step": {"type": "thought"}},
        {"event_type": "step.delta", "index": 0, "delta": {"type": "thought_summary", "content": {"type": "text", "text": "Think."}}},
        {"event_type": "step.stop", "index": 0},
        {"event_type": "step.start", "index": 1, "step": {"type": "model_output"}},
        {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "Hello "}},
        {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "you"}},
        {"event_type": "step.start", "index": 2, "step": {"type": "function_call", "id": "f1", "name": "weather", "arguments": {}}},
        {"event_type": "step.delta", "index": 2, "delta": {"type": "arguments_delta", "arguments": '{"city": "Oslo"}'}},
        {"event_type": "interaction.completed", "interaction": {"id": "int_1", "status": "requires_action", "usage": usage}},
    ]
    url = "https://generativelanguage.googleapis.com/v1beta/interactions"
    body = {"model": "gemini-3-flash", "input": "Hi", "system_instruction": "S", "generation_config": {"temperature": 0.3}}
    return Sample(
        "gemini interactions",
        as_exchange("POST", url, body, json.dumps(plain).encode()),
        as_exchange("POST", url, {**body, "stream": True}, named_events(events, key="event_type"), response_headers=EVENT_STREAM),
        {
            "api_flavor": "gemini.interactions",
            "model_resolved": "gemini-3-flash-001",
            "output_text": "Hello you",
            "reasoning_text": "Think.",
            "tool_calls": (ToolCall("f1", "weather", '{"city":"Oslo"}'),),
            "finish_reason": "tool_calls",
            "tokens_in": 7,
            "tokens_out": 14,
            "tokens_reasoning": 11,
            "temperature": 0.3,
        },
    )


_GOOGLE = "https://generativelanguage.googleapis.com/v1beta/models/"
_VERTEX = "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/publishers/google/models/"

OTHER_SAMPLES = [
    _anthropic_direct(),
    _anthropic_on_bedrock(),
    _gemini(_GOOGLE + "gemini-2.5-pro", "events"),
    _gemini(_VERTEX + "gemini-2.5-pro", "array"),
    _bedrock_converse(),
    _cohere(),
    _ollama("chat"),
    _ollama("generate"),
    _interactions(),
]
