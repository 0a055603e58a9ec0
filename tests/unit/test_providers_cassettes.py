"""Every recorded exchange with a real provider goes through the decoders; columns are compared with the raw files.

The expectations are read here from the raw JSON by plain indexing, independently of the decoders. The data lie in a
sibling folder ``shared/data`` of the repository; without them these tests are skipped.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from fr_schema.providers import Decoded, classify, decode

sys.path.insert(0, str(Path(__file__).resolve().parent))

from provider_cassettes import CASSETTES, RecordedExchange, grpc_files, recorded_exchanges

pytestmark = pytest.mark.skipif(not CASSETTES.is_dir(), reason="the recorded provider exchanges (../shared/data) are not here")

CALLS = [recorded for recorded in recorded_exchanges() if classify(recorded.exchange.method, recorded.exchange.url)]
OTHERS = [recorded for recorded in recorded_exchanges() if recorded not in CALLS]
PLAIN = [recorded for recorded in CALLS if isinstance(recorded.response_json, dict) and recorded.exchange.status == 200]
STREAMED = [recorded for recorded in CALLS if recorded.response_json is None]


def _decoded(recorded: RecordedExchange) -> Decoded:
    decoded = decode(recorded.exchange)
    assert decoded is not None
    return decoded


def _plain_of(flavor: str, operation: str = "chat") -> list[RecordedExchange]:
    def wanted(recorded: RecordedExchange) -> bool:
        endpoint = classify(recorded.exchange.method, recorded.exchange.url)
        return endpoint is not None and (endpoint.api_flavor, endpoint.operation) == (flavor, operation)

    return [recorded for recorded in PLAIN if wanted(recorded)]


def names(cases: list[RecordedExchange]) -> list[str]:
    """Test ids."""
    return [recorded.name for recorded in cases]


def test_the_data_hold_what_these_tests_are_about() -> None:
    """Most exchanges are model calls, some are streamed, some failed; gRPC files are named and left out."""
    assert len(CALLS) > 150
    assert len(STREAMED) > 10
    assert any(recorded.exchange.status == 400 for recorded in CALLS)
    assert all(name.endswith(".xai.yaml") for name in grpc_files())


@pytest.mark.parametrize("recorded", CALLS, ids=names(CALLS))
def test_every_model_call_is_understood(recorded: RecordedExchange) -> None:
    """Nothing of these answers stays unread, and the request's model is known."""
    decoded = _decoded(recorded)
    assert decoded.understood
    assert decoded.provider != "unknown"
    asked = recorded.request_json.get("model") if isinstance(recorded.request_json, dict) else None
    if asked is not None:
        assert decoded.model_requested == asked


@pytest.mark.parametrize("recorded", OTHERS, ids=names(OTHERS))
def test_other_requests_are_no_model_calls(recorded: RecordedExchange) -> None:
    """Downloads, uploads, stores and conversations are not decoded."""
    assert decode(recorded.exchange) is None
    assert not re.search(r"completions|/messages|generateContent|converse|v2/chat|/responses(?:$|/resp)", recorded.exchange.url)


@pytest.mark.parametrize("recorded", CALLS, ids=names(CALLS))
def test_resolved_model_is_never_the_echo_of_an_alias(recorded: RecordedExchange) -> None:
    """What stands there with source ``body`` is in the answer; ``declared`` only where the answer names no model."""
    decoded = _decoded(recorded)
    body = recorded.response_body
    if decoded.model_resolved_source == "body":
        assert json.dumps(decoded.model_resolved).encode() in body
        assert not str(decoded.model_resolved).endswith("latest")
    else:
        assert decoded.model_resolved_source in ("declared", "unknown")
        assert (decoded.model_resolved is None) == (decoded.model_resolved_source == "unknown")
        if decoded.model_resolved is not None:
            assert b'"model"' not in body
            assert re.search(r"\d{8}|\d\d-20\d\d|-v\d", decoded.model_resolved)


CHAT = _plain_of("openai.chat")


@pytest.mark.parametrize("recorded", CHAT, ids=names(CHAT))
def test_chat_completions(recorded: RecordedExchange) -> None:
    """Text, tool calls, finish reason, identifiers and usage stand in the columns."""
    raw, decoded = recorded.response_json, _decoded(recorded)
    choice = raw["choices"][0]
    message = choice["message"]
    if isinstance(message["content"], str):
        assert decoded.output_text == (message["content"] or None)
    assert [(call.id, call.name, call.arguments) for call in decoded.tool_calls] == [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or []
    ]
    assert decoded.reasoning_text == (message.get("reasoning_content") or message.get("reasoning") or None)
    assert decoded.finish_reason_raw == (choice.get("finish_reason") or None)
    if choice.get("finish_reason") in ("stop", "length", "tool_calls"):
        assert decoded.finish_reason == choice["finish_reason"]
    assert decoded.response_id == (raw["id"] or None)
    assert decoded.system_fingerprint == (raw.get("system_fingerprint") or None)
    usage = raw["usage"]
    assert (decoded.tokens_in, decoded.tokens_out) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert decoded.tokens_cache_read == (usage.get("prompt_tokens_details") or {}).get("cached_tokens", usage.get("num_cached_tokens"))
    assert decoded.tokens_reasoning == (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")


RESPONSES = _plain_of("openai.responses")


@pytest.mark.parametrize("recorded", RESPONSES, ids=names(RESPONSES))
def test_responses(recorded: RecordedExchange) -> None:
    """Text, function calls, status, echoed parameters and usage stand in the columns."""
    raw, decoded = recorded.response_json, _decoded(recorded)
    texts = [part["text"] for item in raw["output"] if item["type"] == "message" for part in item["content"]]
    assert decoded.output_text == ("".join(texts) or None)
    calls = [(item["call_id"], item["name"], item["arguments"]) for item in raw["output"] if item["type"] == "function_call"]
    assert [(call.id, call.name, call.arguments) for call in decoded.tool_calls] == calls
    assert (decoded.finish_reason, decoded.finish_reason_raw) == ("tool_calls" if calls else "stop", raw["status"])
    assert (decoded.model_resolved, decoded.response_id, decoded.service_tier_used) == (raw["model"], raw["id"], raw.get("service_tier"))
    assert decoded.params_echoed is not None
    assert (decoded.params_echoed["temperature"], decoded.params_echoed["top_p"]) == (raw["temperature"], raw["top_p"])
    usage = raw["usage"]
    assert (decoded.tokens_in, decoded.tokens_out) == (usage["input_tokens"], usage["output_tokens"])
    assert decoded.tokens_cache_read == usage["input_tokens_details"]["cached_tokens"]
    assert decoded.tokens_reasoning == usage["output_tokens_details"]["reasoning_tokens"]
    if "openai-processing-ms" in dict(recorded.exchange.response_headers):
        assert decoded.provider_ms == float(dict(recorded.exchange.response_headers)["openai-processing-ms"])


ANTHROPIC = _plain_of("anthropic.messages")


@pytest.mark.parametrize("recorded", ANTHROPIC, ids=names(ANTHROPIC))
def test_anthropic_messages(recorded: RecordedExchange) -> None:
    """Text, thinking, tool uses and usage stand in the columns; the cache is added to the input."""
    raw, decoded = recorded.response_json, _decoded(recorded)
    assert decoded.output_text == ("".join(block["text"] for block in raw["content"] if block["type"] == "text") or None)
    thinking = [block["thinking"] for block in raw["content"] if block["type"] == "thinking"]
    assert (decoded.reasoning_text or "").split("\n\n")[:1] == ("\n\n".join(thinking)).split("\n\n")[:1]
    uses = [block for block in raw["content"] if block["type"] == "tool_use"]
    assert [(call.id, call.name, json.loads(call.arguments)) for call in decoded.tool_calls] == [
        (block["id"], block["name"], block["input"]) for block in uses
    ]
    assert decoded.finish_reason == {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}[raw["stop_reason"]]
    assert (decoded.model_resolved, decoded.model_resolved_source, decoded.response_id) == (raw["model"], "body", raw["id"])
    usage = raw["usage"]
    read, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    assert (decoded.tokens_in, decoded.tokens_out) == (usage["input_tokens"] + read + written, usage["output_tokens"])
    system = recorded.request_json.get("system")
    blocks = [system] if isinstance(system, str) else [block["text"] for block in system or []]
    assert (decoded.system_prompt or "") == "\n\n".join(block for block in blocks if block)


GEMINI = _plain_of("gemini")


@pytest.mark.parametrize("recorded", GEMINI, ids=names(GEMINI))
def test_gemini(recorded: RecordedExchange) -> None:
    """Text, function calls, version and usage stand in the columns, and input and output make up the provider's total."""
    raw, decoded = recorded.response_json, _decoded(recorded)
    candidate = raw["candidates"][0]
    parts = candidate["content"]["parts"]
    assert decoded.output_text == ("".join(part["text"] for part in parts if "text" in part and not part.get("thought")) or None)
    assert [(call.name, json.loads(call.arguments)) for call in decoded.tool_calls] == [
        (part["functionCall"]["name"], part["functionCall"].get("args") or {}) for part in parts if "functionCall" in part
    ]
    assert (decoded.finish_reason_raw, decoded.model_resolved) == (candidate["finishReason"], raw["modelVersion"])
    usage = raw["usageMetadata"]
    assert decoded.tokens_in is not None
    assert decoded.tokens_out is not None
    assert decoded.tokens_in + decoded.tokens_out == usage["totalTokenCount"]
    assert decoded.tokens_reasoning == usage.get("thoughtsTokenCount")


CONVERSE = _plain_of("bedrock.converse")


@pytest.mark.parametrize("recorded", CONVERSE, ids=names(CONVERSE))
def test_bedrock_converse(recorded: RecordedExchange) -> None:
    """Text, tool uses, latency and usage stand in the columns, and input and output make up the provider's total."""
    raw, decoded = recorded.response_json, _decoded(recorded)
    content = raw["output"]["message"]["content"]
    assert decoded.output_text == ("".join(block.get("text", "") for block in content) or None)
    uses = [block["toolUse"] for block in content if "toolUse" in block and block["toolUse"].get("type") != "server_tool_use"]
    assert [(call.id, call.name, json.loads(call.arguments)) for call in decoded.tool_calls] == [
        (use["toolUseId"], use["name"], use["input"]) for use in uses
    ]
    assert decoded.finish_reason == {"end_turn": "stop", "tool_use": "tool_calls"}[raw["stopReason"]]
    assert decoded.provider_ms == raw["metrics"]["latencyMs"]
    assert decoded.tokens_in is not None
    assert decoded.tokens_out is not None
    assert decoded.tokens_in + decoded.tokens_out == raw["usage"]["totalTokens"]
    if "application-inference-profile" in recorded.exchange.url:
        assert (decoded.model_resolved, decoded.model_resolved_source) == (None, "unknown")


COHERE = _plain_of("cohere.chat")


@pytest.mark.parametrize("recorded", COHERE, ids=names(COHERE))
def test_cohere(recorded: RecordedExchange) -> None:
    """Text, tool calls, finish reason and usage stand in the columns; the model is at best declared."""
    raw, decoded = recorded.response_json, _decoded(recorded)
    message = raw["message"]
    assert decoded.output_text == ("".join(block.get("text", "") for block in message.get("content") or []) or None)
    assert [call.name for call in decoded.tool_calls] == [call["function"]["name"] for call in message.get("tool_calls") or []]
    assert decoded.finish_reason == {"COMPLETE": "stop", "TOOL_CALL": "tool_calls"}[raw["finish_reason"]]
    assert decoded.tokens_in == raw["usage"]["tokens"]["input_tokens"]
    assert (decoded.model_resolved, decoded.model_resolved_source) == (recorded.request_json["model"], "declared")


def _stream_data(recorded: RecordedExchange) -> list[dict[str, Any]]:
    lines = recorded.response_body.decode().replace("\r\n", "\n").split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


SSE = [recorded for recorded in STREAMED if b"data: " in recorded.response_body]


@pytest.mark.parametrize("recorded", SSE, ids=names(SSE))
def test_streams(recorded: RecordedExchange) -> None:
    """The pieces of text and the last usage of a stream, gathered here line by line, are what the columns have."""
    decoded, events = _decoded(recorded), _stream_data(recorded)
    assert decoded.stream is True
    if decoded.api_flavor == "openai.chat":
        pieces = [choice["delta"].get("content") or "" for event in events for choice in event["choices"]]
        usages = [event["usage"] for event in events if event.get("usage")]
        expected = (usages[-1]["prompt_tokens"], usages[-1]["completion_tokens"])
        finishes = [choice["finish_reason"] for event in events for choice in event["choices"] if choice.get("finish_reason")]
        assert decoded.finish_reason_raw == (finishes[-1] if finishes else None)
    elif decoded.api_flavor == "openai.responses":
        pieces = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
        last = events[-1]["response"]["usage"]
        expected = (last["input_tokens"], last["output_tokens"])
        assert decoded.model_resolved == events[0]["response"]["model"]
    else:
        parts = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
        pieces = [part["text"] for part in parts if "text" in part and not part.get("thought")]
        total = events[-1]["usageMetadata"]["totalTokenCount"]
        assert decoded.tokens_in is not None
        expected = (decoded.tokens_in, total - decoded.tokens_in)
    assert decoded.output_text == ("".join(pieces) or None)
    assert (decoded.tokens_in, decoded.tokens_out) == expected


AMAZON = [recorded for recorded in STREAMED if b"contentBlockDelta" in recorded.response_body]


@pytest.mark.parametrize("recorded", AMAZON, ids=names(AMAZON))
def test_amazon_streams(recorded: RecordedExchange) -> None:
    """Texts found in the raw bytes by pattern are what the columns have, and so are the counts."""
    decoded, body = _decoded(recorded), recorded.response_body
    found = re.findall(rb'"delta":\{"text":("(?:[^"\\]|\\.)*")\}', body)
    assert decoded.output_text == "".join(json.loads(piece) for piece in found)
    counts = re.search(rb'"inputTokens":(\d+),"outputTokens":(\d+)', body)
    assert counts is not None
    assert (decoded.tokens_in, decoded.tokens_out) == (int(counts[1]), int(counts[2]))
    assert decoded.finish_reason == "stop"


@pytest.mark.parametrize("recorded", STREAMED, ids=names(STREAMED))
def test_streams_cut_off_never_contradict_the_whole(recorded: RecordedExchange) -> None:
    """Cut at a hundred places, text is a beginning of the text and counts are the final ones or none."""
    import dataclasses

    whole, body = _decoded(recorded), recorded.response_body
    for end in range(0, len(body), max(1, len(body) // 100)):
        cut = decode(dataclasses.replace(recorded.exchange, response_body=body[:end], complete=False))
        assert cut is not None
        assert (whole.output_text or "").startswith(cut.output_text or "")
        assert cut.tokens_out in (None, whole.tokens_out)
        assert cut.model_resolved in (None, whole.model_resolved)
        assert cut.error_type is None
