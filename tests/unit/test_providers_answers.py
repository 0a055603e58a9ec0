"""What answers say: finish reasons, tool calls and token counts. A case for every row of the tables."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from fr_schema.providers import Decoded, ToolCall, decode
from fr_schema.providers.openai_responses import AGENT_ITEMS, INCOMPLETE_REASONS
from fr_schema.providers.usage import CONVENTIONS, fill_usage

sys.path.insert(0, str(Path(__file__).resolve().parent))

from provider_cassettes import as_exchange
from provider_samples_others import ANTHROPIC_PLAIN

CHAT_URL = "https://api.openai.com/v1/chat/completions"
CHAT_BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "?"}]}
RESPONSES_URL = "https://api.openai.com/v1/responses"
ANTHROPIC_URL = "https://api.anthropic.com/v1/messages"
GEMINI_URL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova-micro-v1%3A0/"
COHERE_URL = "https://api.cohere.com/v2/chat"


def _decoded(url: str, request: Any, answer: Any, **more: Any) -> Decoded:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    decoded = decode(as_exchange(more.pop("method", "POST"), url, request, body, **more))
    assert decoded is not None
    return decoded


def _answer_with(family: str, raw: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    message = {"content": "x"}
    return {
        "openai_chat": (CHAT_URL, CHAT_BODY, {"choices": [{"index": 0, "message": message, "finish_reason": raw}]}),
        "anthropic_messages": (ANTHROPIC_URL, CHAT_BODY, {"content": [], "stop_reason": raw}),
        "gemini": (GEMINI_URL, {"contents": [{}]}, {"candidates": [{"finishReason": raw, "content": {"parts": [{"text": "x"}]}}]}),
        "bedrock_converse": (BEDROCK + "converse", {"messages": [{}]}, {"output": {"message": {"content": []}}, "stopReason": raw}),
        "cohere": (COHERE_URL, CHAT_BODY, {"message": {"content": []}, "finish_reason": raw}),
        "ollama": ("http://localhost:11434/api/chat", CHAT_BODY, {"message": {"content": "x"}, "done": True, "done_reason": raw}),
        "bedrock_invoke": (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/meta.llama3-8b/invoke",
            {"prompt": "?"},
            {"generation": "x", "stop_reason": raw},
        ),
    }[family]


FINISH_ROWS = [
    (family, raw, word)
    for family in ("openai_chat", "anthropic_messages", "gemini", "bedrock_converse", "cohere", "ollama", "bedrock_invoke")
    for raw, word in {**importlib.import_module(f"fr_schema.providers.{family}").FINISH_REASONS, "something_new": "other"}.items()
]


@pytest.mark.parametrize(("family", "raw", "word"), FINISH_ROWS)
def test_finish_reasons(family: str, raw: str, word: str) -> None:
    """The provider's own word is kept, ours stands beside it, and a filter or refusal counts as refused."""
    decoded = _decoded(*_answer_with(family, raw))
    assert (decoded.finish_reason_raw, decoded.finish_reason) == (raw, word)
    assert word in {"stop", "length", "tool_calls", "content_filter", "refusal", "error", "other"}
    if word in ("content_filter", "refusal") and family != "bedrock_invoke":
        assert decoded.refusal is True


@pytest.mark.parametrize(
    ("status", "reason", "word", "raw"),
    [
        ("completed", None, "stop", "completed"),
        *(("incomplete", reason, word, reason) for reason, word in INCOMPLETE_REASONS.items()),
        ("incomplete", "steered", "other", "steered"),
        ("incomplete", None, "other", "incomplete"),
        ("failed", None, "error", "failed"),
        ("cancelled", None, "other", "cancelled"),
        ("queued", None, None, "queued"),
        ("in_progress", None, None, "in_progress"),
    ],
)
def test_status_of_a_response_as_finish_reason(status: str, reason: str | None, word: str | None, raw: str) -> None:
    """The Responses API has a status and a reason; one that runs on has not finished."""
    answer = {"id": "resp_1", "status": status, "output": [], "incomplete_details": {"reason": reason} if reason else None}
    decoded = _decoded(RESPONSES_URL, {"model": "m", "input": "?"}, answer)
    assert (decoded.finish_reason, decoded.finish_reason_raw) == (word, raw)


@pytest.mark.parametrize("kind", sorted(AGENT_ITEMS))
def test_items_that_ask_the_agent_to_act_are_tool_calls(kind: str) -> None:
    """Each kind gives a call with its name and exact arguments; what the provider runs itself gives none."""
    name_key, arguments_key = AGENT_ITEMS[kind]
    item = {"type": kind, "call_id": "c1", arguments_key: '{"a": 1}', **({name_key: "run"} if name_key else {})}
    answer = {"id": "r", "status": "completed", "output": [item, {"type": "web_search_call", "id": "ws_1", "action": {}}]}
    decoded = _decoded(RESPONSES_URL, {"model": "m", "input": "?"}, answer)
    assert decoded.tool_calls == (ToolCall("c1", "run" if name_key else kind, '{"a": 1}'),)
    assert decoded.finish_reason == "tool_calls"


USAGES = [
    ("openai.chat", {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}, (9, 4, None, None, None)),
    ("openai.chat", {"prompt_tokens": 9, "completion_tokens": 4, "prompt_cache_hit_tokens": 6}, (9, 4, 6, None, None)),
    ("openai.chat", {"prompt_tokens": 9, "completion_tokens": 4, "num_cached_tokens": 2}, (9, 4, 2, None, None)),
    (
        "openai.chat",
        {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cache_write_tokens": 3}},
        (9, 4, None, 3, None),
    ),
    (
        "openai.chat",
        {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "completion_tokens_details": {"reasoning_tokens": 3}},
        (9, 4, None, None, 3),
    ),
    (
        "openai.chat",
        {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 7}},
        (9, 11, None, None, 7),
    ),
    (
        "openai.responses",
        {
            "input_tokens": 9,
            "output_tokens": 4,
            "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 1},
            "output_tokens_details": {"reasoning_tokens": 2},
        },
        (9, 4, 5, 1, 2),
    ),
    (
        "anthropic.messages",
        {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 20},
        (33, 4, 10, 20, None),
    ),
    (
        "anthropic.messages",
        {
            "input_tokens": 3,
            "output_tokens": 4,
            "iterations": [
                {"type": "message", "input_tokens": 3, "output_tokens": 4},
                {
                    "type": "compaction",
                    "input_tokens": 100,
                    "output_tokens": 50,
                    "cache_read_input_tokens": 7,
                    "cache_creation_input_tokens": 0,
                },
            ],
        },
        (110, 54, 7, None, None),
    ),
    (
        "gemini",
        {"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 30, "toolUsePromptTokenCount": 4},
        (9, 32, None, None, 30),
    ),
    ("gemini", {"promptTokenCount": 5, "thoughtsTokenCount": 30}, (5, 30, None, None, 30)),
    ("gemini", {"promptTokenCount": 5, "totalTokenCount": 5}, (5, None, None, None, None)),
    ("gemini.interactions", {"total_input_tokens": 5, "total_output_tokens": 2, "total_thought_tokens": 1}, (5, 3, None, None, 1)),
    (
        "bedrock.converse",
        {"inputTokens": 2, "outputTokens": 5, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 1322},
        (1324, 5, 0, 1322, None),
    ),
    ("cohere.chat", {"tokens": {"input_tokens": 110.0, "output_tokens": 15.0}, "cached_tokens": 64}, (110, 15, 64, None, None)),
    ("cohere.chat", {"billed_units": {"input_tokens": 10, "output_tokens": 5}}, (10, 5, None, None, None)),
    ("ollama", {"prompt_eval_count": 3, "eval_count": 4}, (3, 4, None, None, None)),
    ("bedrock.invoke", {"inputTokenCount": 3, "outputTokenCount": 4, "cacheReadInputTokenCount": 1}, (3, 4, 1, None, None)),
    ("embeddings", {"prompt_tokens": 8, "total_tokens": 8}, (8, None, None, None, None)),
    ("embeddings", {"billed_units": {"input_tokens": 4}}, (4, None, None, None, None)),
]


@pytest.mark.parametrize(("convention", "usage", "expected"), USAGES)
def test_token_counts_follow_one_convention(convention: str, usage: dict[str, Any], expected: tuple[int | None, ...]) -> None:
    """Input includes cache, output includes reasoning; what is not said is None, and the provider's object is kept."""
    decoded = Decoded("someone", "x", "chat")
    fill_usage(decoded, usage, convention)
    counts = (decoded.tokens_in, decoded.tokens_out, decoded.tokens_cache_read, decoded.tokens_cache_write, decoded.tokens_reasoning)
    assert counts == expected
    assert decoded.usage_raw == usage


def test_every_convention_has_a_case() -> None:
    """No row of the usage table is without a test."""
    assert {convention for convention, _, _ in USAGES} == set(CONVENTIONS)


@pytest.mark.parametrize(
    "usage", [None, {}, [], "many", {"prompt_tokens": -1}, {"prompt_tokens": True}, {"prompt_tokens": "9"}, {"prompt_tokens": 1.5}]
)
def test_odd_usage_gives_no_counts(usage: Any) -> None:
    """Negative, fractional, boolean or textual counts are no counts."""
    decoded = Decoded("someone", "x", "chat")
    fill_usage(decoded, usage, "openai.chat")
    assert (decoded.tokens_in, decoded.tokens_out) == (None, None)


def test_claude_behind_an_inference_profile_is_known_by_its_request() -> None:
    """The profile's name says nothing, the request's anthropic_version does."""
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fx/invoke"
    decoded = _decoded(url, {"anthropic_version": "bedrock-2023-05-31", "messages": [{}]}, ANTHROPIC_PLAIN)
    assert (decoded.api_flavor, decoded.model_resolved) == ("anthropic.messages", "claude-sonnet-4-5-20250929")


def test_server_side_fallback_names_the_model_that_answered() -> None:
    """Anthropic may answer with another model; its entry in the usage says which."""
    usage = {"input_tokens": 1, "output_tokens": 1, "iterations": [{"type": "fallback_message", "model": "claude-haiku-4-5-20251001"}]}
    decoded = _decoded(ANTHROPIC_URL, {"model": "claude-fable-5", "messages": [{}]}, {**ANTHROPIC_PLAIN, "usage": usage})
    assert (decoded.model_requested, decoded.model_resolved) == ("claude-fable-5", "claude-haiku-4-5-20251001")
