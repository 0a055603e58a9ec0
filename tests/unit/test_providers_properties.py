"""Decoding never raises: for any bytes, any JSON, and real shapes with anything changed in them."""

import copy
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fr_schema.canonical import shape_sha256
from fr_schema.providers import Decoded, Exchange, classify, decode, is_telemetry
from fr_schema.providers.endpoints import PATHS

sys.path.insert(0, str(Path(__file__).resolve().parent))

from provider_cassettes import as_exchange
from provider_samples_chat import CHAT_SAMPLES
from provider_samples_others import OTHER_SAMPLES
from test_providers_endpoints import CALLS

SAMPLES = CHAT_SAMPLES + OTHER_SAMPLES
URLS = sorted({url for url, _ in CALLS})

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4), max_leaves=12
)
KEYS = sorted(
    {
        *(
            "model",
            "messages",
            "choices",
            "delta",
            "message",
            "content",
            "tool_calls",
            "function",
            "arguments",
            "usage",
            "output",
            "type",
            "text",
        ),
        *(
            "candidates",
            "parts",
            "index",
            "error",
            "response",
            "item",
            "output_index",
            "finish_reason",
            "system",
            "tools",
            "reasoning",
            "id",
        ),
        *("prompt_tokens", "total_tokens", "input_tokens", "iterations", "contentBlockIndex", "thinking", "stop_reason", "name", "input"),
    }
)
shaped_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)


def _check(decoded: Decoded | None) -> None:
    """What must hold for every row, whatever it was made from."""
    if decoded is None:
        return
    assert decoded.model_resolved_source in ("body", "header", "deployment", "declared", "unknown")
    assert (decoded.model_resolved is None) == (decoded.model_resolved_source == "unknown")
    for name in ("tokens_in", "tokens_out", "tokens_cache_read", "tokens_cache_write", "tokens_reasoning"):
        value = getattr(decoded, name)
        assert value is None or (type(value) is int and value >= 0)
    for name in ("output_text", "reasoning_text", "system_prompt", "finish_reason", "response_id", "error_type", "error_message"):
        value = getattr(decoded, name)
        assert value is None or (isinstance(value, str) and value)
    assert decoded.finish_reason in (None, "stop", "length", "tool_calls", "content_filter", "refusal", "error", "other")
    assert all(isinstance(call.name, str) and isinstance(call.arguments, str) for call in decoded.tool_calls)
    assert all(isinstance(tool.name, str) for tool in decoded.tools)
    assert isinstance(decoded.params_sent, dict)


@given(st.sampled_from(URLS), json_values | shaped_values, st.binary(max_size=200), st.sampled_from([None, 200, 400, 503]), st.booleans())
def test_any_bytes_can_be_decoded(url: str, request: Any, body: bytes, status: int | None, complete: bool) -> None:
    """Arbitrary bytes as answer, arbitrary JSON as request."""
    _check(decode(as_exchange("POST", url, request, body, status=status, complete=complete)))


@given(st.sampled_from(URLS), shaped_values, shaped_values)
@settings(max_examples=400)
def test_any_json_can_be_decoded(url: str, request: Any, answer: Any) -> None:
    """JSON made of the APIs' own keys in the wrong places, plain, as event stream and as JSON lines."""
    body = json.dumps(answer).encode()
    for form in (body, b"data: " + body + b"\n\ndata: [DONE]\n\n", body + b"\n" + body + b"\n", b"event: error\ndata: " + body + b"\n\n"):
        _check(decode(as_exchange("POST", url, request, form)))


def _spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [path, *(spot for key, item in value.items() for spot in _spots(item, (*path, key)))]
    if isinstance(value, list):
        return [path, *(spot for index, item in enumerate(value) for spot in _spots(item, (*path, index)))]
    return [path]


def _changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    value = copy.deepcopy(value)
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return value


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_answers_with_one_field_changed_can_be_decoded(sample: Any, data: st.DataObject) -> None:
    """A real answer in which any one field has become anything else."""
    answer = json.loads(sample.plain.response_body)
    spot = data.draw(st.sampled_from(_spots(answer)))
    body = json.dumps(_changed(answer, spot, data.draw(json_values))).encode()
    _check(decode(dataclasses.replace(sample.plain, response_body=body)))


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_streams_can_be_decoded(sample: Any, data: st.DataObject) -> None:
    """A real stream cut at any byte, with noise put in anywhere."""
    body = sample.streamed.response_body
    cut = data.draw(st.integers(0, len(body)))
    at = data.draw(st.integers(0, cut))
    noise = data.draw(st.binary(max_size=6))
    damaged = body[:at] + noise + body[at:cut]
    _check(decode(dataclasses.replace(sample.streamed, response_body=damaged, complete=data.draw(st.booleans()))))


@given(st.text(max_size=60), st.sampled_from(["GET", "POST", "", "post", "Ünknown"]))
def test_any_text_can_be_classified(url: str, method: str) -> None:
    """URLs may be anything."""
    classify(method, url)
    is_telemetry(url)


@pytest.mark.parametrize("rule", PATHS, ids=[f"{rule.api_flavor} {rule.operation} {number}" for number, rule in enumerate(PATHS)])
def test_hostile_depth_and_size_do_no_harm(rule: Any) -> None:
    """Nesting beyond the recursion limit, numbers of thousands of digits and huge indexes are only not understood."""
    urls = [url for url, endpoint in CALLS if (endpoint.api_flavor, endpoint.operation) == (rule.api_flavor, rule.operation)]
    deep = b"[" * 100_000 + b"]" * 100_000
    long = b'{"usage":{"prompt_tokens":' + b"9" * 10_000 + b"}}"
    far = b'data: {"type":"response.output_text.delta","output_index":999999999,"content_index":999999999,"delta":"x"}\n\n'
    for url in urls:
        for body in (deep, b'{"choices":' + deep + b"}", long, far, b"data: " + deep + b"\n\n"):
            _check(decode(as_exchange("POST", url, {"model": "m", "messages": [{}], "input": "x"}, body)))


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
def test_decoding_changes_nothing_it_was_given(sample: Any) -> None:
    """The exchange is the same afterwards, and decoding it again gives the same row."""
    for exchange in (sample.plain, sample.streamed):
        before: Exchange = copy.deepcopy(exchange)
        first, second = decode(exchange), decode(exchange)
        assert exchange == before
        assert first == second
        assert first is not None
        assert shape_sha256(first.response_value) == shape_sha256(second.response_value if second else None)
