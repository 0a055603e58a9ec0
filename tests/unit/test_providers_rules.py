"""The tables of facts behind the decoders: a case for every row of model names, headers, parameters and defaults."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest

from fr_schema.providers import Decoded, Endpoint, decode
from fr_schema.providers.answer_headers import (
    PROVIDER_MARKS,
    RATELIMIT_NAMES,
    RATELIMIT_PREFIXES,
    REQUEST_ID_HEADERS,
    TIME_HEADERS,
    provider_by_headers,
    provider_milliseconds,
    ratelimit_headers,
    request_id,
)
from fr_schema.providers.defaults import DEFAULTS, Default, defaulted
from fr_schema.providers.model_names import ECHO_MARKS, FLOATING_NAMES, VERSIONED_NAMES, Name, is_floating, is_versioned, settle_model
from fr_schema.providers.request_side import CONTENT_KEYS, PROJECTIONS, begin, content_text

sys.path.insert(0, str(Path(__file__).resolve().parent))

from provider_cassettes import as_exchange

CHAT = Endpoint("openai", "openai.chat", "chat")


def _row(provider: str = "openai", requested: str | None = "gpt-4o") -> Decoded:
    return Decoded(provider, "openai.chat", "chat", model_requested=requested)


@pytest.mark.parametrize("row", VERSIONED_NAMES, ids=[row.example for row in VERSIONED_NAMES])
def test_versioned_names_are_recognised(row: Name) -> None:
    """The example of each row is a version at its provider, and no other row is needed for it."""
    provider = min(row.providers) if row.providers else "anyone"
    assert is_versioned(row.example, provider)
    assert not is_floating(row.example, provider)
    if row.providers:
        assert not is_versioned(row.example, "anyone")


@pytest.mark.parametrize("row", FLOATING_NAMES, ids=[row.example for row in FLOATING_NAMES])
def test_floating_names_are_recognised(row: Name) -> None:
    """The example of each row is an alias at its provider, and no version."""
    provider = min(row.providers) if row.providers else "anyone"
    assert is_floating(row.example, provider)
    assert not is_versioned(row.example, provider)


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("gpt-4o", "openai"),
        ("claude-sonnet-4-5", "anthropic"),
        ("gemini-2.5-pro", "gemini"),
        ("qwen3:0.6b", "ollama"),
        ("command-r-plus", "cohere"),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/mi1dadi0g15f", "bedrock"),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc-v1:0", "bedrock"),
        ("model-20999999999", "openai"),
    ],
)
def test_other_names_are_no_versions(name: str, provider: str) -> None:
    """Aliases, tags and things that stand for a model do not count as declared versions."""
    assert not is_versioned(name, provider)


MODELS = [
    # provider, requested, answered, other keys of the answer, resolved, source
    ("openai", "gpt-4o", "gpt-4o-2024-08-06", {}, "gpt-4o-2024-08-06", "body"),
    ("openai", "gpt-5.6-sol", "gpt-5.6-sol", {}, "gpt-5.6-sol", "body"),
    ("anthropic", "claude-3-opus-latest", "claude-3-opus-20240229", {}, "claude-3-opus-20240229", "body"),
    ("mistral", "mistral-large-latest", "mistral-large-latest", {}, None, "unknown"),
    ("mistral", "mistral-large-latest", "mistral-large-2411", {}, "mistral-large-2411", "body"),
    ("deepseek", "deepseek-chat", "deepseek-chat", {}, None, "unknown"),
    ("openrouter", "openrouter/auto", "x-ai/grok-4", {}, "x-ai/grok-4", "body"),
    ("ollama", "qwen3:0.6b", "qwen3:0.6b", {}, None, "unknown"),
    ("unknown", "my-model", "my-model", {}, None, "unknown"),
    ("unknown", "my-model", "other-model", {}, "other-model", "body"),
    ("unknown", "gpt-4o-2024-08-06", "gpt-4o-2024-08-06", {}, "gpt-4o-2024-08-06", "declared"),
    ("crusoe", "zai/GLM-5.2", "zai/GLM-5.2", {"kv_transfer_params": None}, None, "unknown"),
    ("openai", "gpt-4o", None, {}, None, "unknown"),
    ("openai", "gpt-4o", 17, {}, None, "unknown"),
    ("openai", None, "gpt-4o", {}, "gpt-4o", "body"),
    ("bedrock", "us.amazon.nova-micro-v1:0", None, {}, "us.amazon.nova-micro-v1:0", "declared"),
    ("gemini", "gemini-pro", "models/gemini-2.5-pro", {}, "gemini-2.5-pro", "body"),
]


@pytest.mark.parametrize(("provider", "requested", "answered", "more", "resolved", "source"), MODELS)
def test_model_resolved_is_what_was_stated(
    *, provider: str, requested: str | None, answered: Any, more: dict[str, Any], resolved: str | None, source: str
) -> None:
    """An echo of an alias is never stored as the version that ran."""
    decoded = _row(provider, requested)
    settle_model(decoded, answered, {"model": answered, **more})
    assert (decoded.model_resolved, decoded.model_resolved_source) == (resolved, source)


@pytest.mark.parametrize(("key", "value", "whose"), ECHO_MARKS)
def test_servers_that_echo_show_themselves(key: str, value: str | None, whose: str) -> None:
    """With the mark in the answer, a repeated name proves nothing; without it, it does."""
    marked, plain = _row("huggingface", "org/model"), _row("huggingface", "org/model")
    settle_model(marked, "org/model", {key: value})
    settle_model(plain, "org/model", {})
    assert (marked.model_resolved, plain.model_resolved) == (None, "org/model"), whose


def test_a_model_that_never_ran_is_not_declared() -> None:
    """After an error even a versioned name says nothing about what ran."""
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova-micro-v1%3A0/converse"
    decoded = decode(as_exchange("POST", url, {"messages": [{}]}, b'{"message": "no"}', status=400))
    assert decoded is not None
    assert (decoded.model_resolved, decoded.model_resolved_source) == (None, "unknown")


@pytest.mark.parametrize("name", REQUEST_ID_HEADERS)
def test_request_id_headers(name: str) -> None:
    """Each header gives the id, and the one that stands first in the table wins."""
    assert request_id({name: "r1"}) == "r1"
    assert request_id({other: other for other in (name, REQUEST_ID_HEADERS[0])}) == REQUEST_ID_HEADERS[0]
    assert request_id({name: ""}) is None


@pytest.mark.parametrize("name", [*sorted(RATELIMIT_NAMES), *(prefix + "x" for prefix in RATELIMIT_PREFIXES)])
def test_ratelimit_headers(name: str) -> None:
    """Each name is kept, others are not."""
    assert ratelimit_headers({name: "1", "content-type": "x"}) == {name: "1"}
    assert ratelimit_headers({"content-type": "x"}) is None


TIMES = [
    ("openai-processing-ms", "812", 812.0),
    ("x-amzn-bedrock-invocation-latency", "1503", 1503.0),
    ("x-compute-time", "0.25", 250.0),
    ("server-timing", "gfet4t7; dur=369", 369.0),
    ("server-timing", "x-originResponse;dur=7107", 7107.0),
]


@pytest.mark.parametrize(("name", "value", "milliseconds"), TIMES)
def test_provider_time_headers(name: str, value: str, milliseconds: float) -> None:
    """Each header is read in its own unit; anything else in it is no time."""
    assert provider_milliseconds({name: value}) == milliseconds
    assert provider_milliseconds({name: "soon"}) is None
    assert {row.name for row in TIME_HEADERS} == {row[0] for row in TIMES}


@pytest.mark.parametrize(("name", "provider"), PROVIDER_MARKS)
def test_headers_of_one_vendor_name_the_provider_behind_a_gateway(name: str, provider: str) -> None:
    """On an unknown host they decide; on a known one the host does."""
    assert provider_by_headers({name: "x"}) == provider
    answer = b'{"id":"1","model":"m","choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}]}'
    for host, expected in (("http://gateway:4000", provider), ("https://openrouter.ai/api", "openrouter")):
        exchange = as_exchange(
            "POST", f"{host}/v1/chat/completions", {"model": "m", "messages": [{}]}, answer, response_headers=((name.upper(), "x"),)
        )
        decoded = decode(exchange)
        assert decoded is not None
        assert decoded.provider == expected


def _request_with(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    request: dict[str, Any] = {}
    inner = request
    for step in path[:-1]:
        inner = inner.setdefault(step, {})
    inner[path[-1]] = value
    return request


PLACES = [(column, path) for column, paths in PROJECTIONS for path in paths]


@pytest.mark.parametrize(("column", "path"), PLACES, ids=[f"{column} {'.'.join(map(str, path))}" for column, path in PLACES])
def test_projected_parameters(column: str, path: tuple[Any, ...]) -> None:
    """Each place gives its column; a value that is no number gives None."""
    url = "https://api.openai.com/v1/chat/completions"
    assert getattr(begin(as_exchange("POST", url, _request_with(path, 3), b""), CHAT), column) == 3
    assert getattr(begin(as_exchange("POST", url, _request_with(path, "3"), b""), CHAT), column) is None


@pytest.mark.parametrize(
    ("request_body", "level"),
    [
        ({"reasoning_effort": "low"}, "low"),
        ({"reasoning": {"effort": "high"}}, "high"),
        ({"output_config": {"effort": "max"}, "thinking": {"type": "adaptive"}}, "max"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "budget:1024"),
        ({"thinking": {"type": "disabled"}}, "disabled"),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "HIGH"}}}, "HIGH"),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}}, "budget:-1"),
        ({"think": True}, "on"),
        ({"think": False}, "off"),
        ({"think": "medium"}, "medium"),
        ({"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 9}}}, "budget:9"),
        ({"additionalModelRequestFields": {"reasoning_config": "high"}}, "high"),
        ({"reasoning": {"max_tokens": 77}}, "budget:77"),
        ({}, None),
        ({"reasoning": "odd"}, None),
    ],
)
def test_reasoning_level(request_body: dict[str, Any], level: str | None) -> None:
    """One text column for the many ways to ask for thinking."""
    assert begin(as_exchange("POST", "https://x/v1/chat/completions", request_body, b""), CHAT).reasoning_level == level


@pytest.mark.parametrize("key", sorted(CONTENT_KEYS))
def test_content_keys_are_left_out_of_the_parameters(key: str) -> None:
    """Each of them is dropped as text and as list, and what stands beside it stays."""
    for value in ("secret words", ["secret words"]):
        decoded = begin(as_exchange("POST", "https://x/v1/chat/completions", {key: value, "n": 2}, b""), CHAT)
        assert decoded.params_sent == {"n": 2}


def test_references_and_settings_beside_nested_content_stay() -> None:
    """Of a tool configuration the choice stays, of a stored prompt's reference its id and version."""
    body = {
        "toolConfig": {"tools": [{"toolSpec": {"name": "x"}}], "toolChoice": {"any": {}}},
        "prompt": {"id": "pmpt_1", "version": "2", "variables": {"name": "Ann"}},
    }
    decoded = begin(as_exchange("POST", "https://x/v1/responses", body, b""), CHAT)
    assert decoded.params_sent == {"toolConfig": {"toolChoice": {"any": {}}}, "prompt": {"id": "pmpt_1", "version": "2"}}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a", "a"),
        ("", None),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\n\nb"),
        ([{"type": "image", "source": {}}], None),
        ({"parts": [{"text": "a"}]}, "a"),
        ({"text": "a"}, "a"),
        (["a", "b"], "a\n\nb"),
        (None, None),
        (7, None),
    ],
)
def test_text_of_a_prompt(content: Any, text: str | None) -> None:
    """Every shape that the APIs have for a system prompt."""
    assert content_text(content) == text


@pytest.mark.parametrize(
    ("roles", "indexes"),
    [
        (["system", "user"], [0]),
        (["system", "developer", "user", "system"], [0, 1]),
        (["user", "system", "system", "user", "system"], [1, 2]),
        (["user", "assistant"], []),
        ([], []),
    ],
)
def test_system_prompt_is_the_first_run_of_system_messages(roles: list[str], indexes: list[int]) -> None:
    """Remarks that an agent inserts later don't change the system prompt."""
    messages = [{"role": role, "content": f"text {number}"} for number, role in enumerate(roles)]
    body = {"model": "m", "messages": messages}
    decoded = decode(as_exchange("POST", "https://api.openai.com/v1/chat/completions", body, b"", status=None, complete=False))
    assert decoded is not None
    assert decoded.system_prompt == ("\n\n".join(f"text {index}" for index in indexes) or None)
    assert decoded.system_source == tuple(("messages", index) for index in indexes)


EXAMPLE_MODELS = {"": "any-model", r"^(?:gpt-3\.5|gpt-4(?:$|-(?:0|1106|turbo|32k|vision)))": "gpt-4-turbo"}


@pytest.mark.parametrize("row", DEFAULTS, ids=[f"{row.api_flavor} {row.name} {sorted(row.providers)} {row.models}" for row in DEFAULTS])
def test_default_is_given_only_when_nothing_was_sent(row: Default) -> None:
    """Each row fills its parameter, and gives way to a value that was sent, null included."""
    provider = min(row.providers) if row.providers else "someone"
    if row.value is None:
        assert row.origin == "unknown"
    else:
        assert row.origin.startswith("provider-doc:20")
        assert row.source
    decoded = Decoded(provider, row.api_flavor, "chat", model_requested=EXAMPLE_MODELS[row.models])
    found = defaulted(decoded)
    assert found is not None
    assert found[row.name] == {"value": row.value, "origin": row.origin}
    for sent in (0.5, None):
        decoded.params_sent = _request_with(tuple(row.name.split(".")), sent)
        assert row.name not in (defaulted(decoded) or {})


def test_no_default_is_claimed_where_none_is_known() -> None:
    """New OpenAI models, unknown servers and vLLM: the parameter is named, its value is not."""
    for provider, model in (("openai", "gpt-5.6"), ("unknown", "gpt-4"), ("groq", "llama")):
        found = defaulted(Decoded(provider, "openai.chat", "chat", model_requested=model))
        assert found is not None
        assert found["temperature"] == {"value": None, "origin": "unknown"}
    answer = b'{"model":"m","kv_transfer_params":null,"choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}]}'
    decoded = decode(as_exchange("POST", "http://gpu:8000/v1/chat/completions", {"model": "m", "messages": [{}]}, answer))
    assert decoded is not None
    assert decoded.params_defaulted is not None
    assert decoded.params_defaulted["temperature"] == {"value": None, "origin": "server:generation_config"}


def test_anthropic_has_no_sampling_defaults_since_it_has_no_sampling_parameters() -> None:
    """From API version 2026-10-21 on there is nothing to default; before, 1.0 is documented."""
    for version, expected in (("2023-06-01", {"temperature", "top_p"}), ("2026-10-21", set()), ("2027-01-01", set())):
        decoded = Decoded("anthropic", "anthropic.messages", "chat", api_version=version)
        assert set(defaulted(decoded) or {}) == expected


def test_calls_that_generate_nothing_have_no_defaults() -> None:
    """Counting tokens and embedding do not sample."""
    assert defaulted(Decoded("anthropic", "anthropic.messages", "count_tokens")) is None
    assert defaulted(Decoded("openai", "openai.embeddings", "embeddings")) is None


def test_lists_left_in_the_request_are_read_as_well() -> None:
    """Whether the recorder took the long lists out or not, the row is the same."""
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    body = {"model": "gpt-4o", "messages": [{"role": "system", "content": "S"}], "tools": [tool]}
    apart = as_exchange("POST", "https://api.openai.com/v1/chat/completions", body, b"{}")
    together = dataclasses.replace(apart, request=body, lists={})
    assert decode(apart) == decode(together)


TOOLS = [
    (
        "https://api.openai.com/v1/chat/completions",
        {"type": "function", "function": {"name": "a", "description": "d", "parameters": {"x": 1}}},
        ("a", "d", {"x": 1}),
    ),
    ("https://api.openai.com/v1/chat/completions", {"type": "function", "function": {"name": "a"}}, ("a", None, None)),
    (
        "https://api.openai.com/v1/chat/completions",
        {"type": "custom", "custom": {"name": "a", "format": {"type": "text"}}},
        ("a", None, {"type": "text"}),
    ),
    (
        "https://openrouter.ai/api/v1/chat/completions",
        {"type": "openrouter:advisor", "parameters": {"m": 1}},
        ("openrouter:advisor", None, {"m": 1}),
    ),
    ("https://api.openai.com/v1/responses", {"type": "function", "name": "a", "strict": True}, ("a", None, None)),
    ("https://api.openai.com/v1/responses", {"type": "web_search"}, ("web_search", None, {"type": "web_search"})),
    (
        "https://api.openai.com/v1/responses",
        {"type": "mcp", "server_label": "wiki", "server_url": "u"},
        ("wiki", None, {"type": "mcp", "server_label": "wiki", "server_url": "u"}),
    ),
    ("https://api.anthropic.com/v1/messages", {"name": "a", "description": "d", "input_schema": {"x": 1}}, ("a", "d", {"x": 1})),
    (
        "https://api.anthropic.com/v1/messages",
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        ("web_search", None, {"type": "web_search_20250305", "max_uses": 2}),
    ),
]


@pytest.mark.parametrize(("url", "tool", "expected"), TOOLS)
def test_tools_in_the_neutral_shape(url: str, tool: dict[str, Any], expected: tuple[str, str | None, Any]) -> None:
    """Functions have their schema, tools of the provider's own their settings, and what has no name is left out."""
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}], "input": "?", "tools": [tool, {}, None, 7]}
    decoded = decode(as_exchange("POST", url, body, b"", status=None, complete=False))
    assert decoded is not None
    assert [(found.name, found.description, found.schema) for found in decoded.tools] == [expected]
