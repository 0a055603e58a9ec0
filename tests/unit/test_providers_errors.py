"""Error answers of every shape, plain and in the middle of a stream, and answers that can't be read."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from fr_schema.providers import Decoded, decode
from fr_schema.providers.answer_side import ERROR_MESSAGE_PATHS, ERROR_TYPE_PATHS

sys.path.insert(0, str(Path(__file__).resolve().parent))

from provider_cassettes import as_exchange
from provider_samples_others import ANTHROPIC_EVENTS
from provider_wire import AMAZON_STREAM, EVENT_STREAM, amazon_events, amazon_exception, data_events, json_lines, named_events

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


ERRORS = [
    (
        CHAT_URL,
        400,
        {"error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}},
        "context_length_exceeded",
        "too long",
    ),
    (CHAT_URL, 429, {"error": {"message": "slow", "type": "tokens", "code": None}}, "tokens", "slow"),
    (CHAT_URL, 502, {"error": {"message": "upstream", "code": 502}}, "502", "upstream"),
    (CHAT_URL, 200, {"error": {"message": "no provider", "code": 429}}, "429", "no provider"),
    (CHAT_URL, 400, {"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}, "BadRequestError", "bad"),
    (CHAT_URL, 422, {"detail": [{"loc": ["body"], "msg": "missing"}]}, "http_422", '[{"loc":["body"],"msg":"missing"}]'),
    (CHAT_URL, 404, {"detail": "Not Found"}, "http_404", "Not Found"),
    (CHAT_URL, 403, {"code": "permission_denied", "error": "no key"}, "permission_denied", "no key"),
    (CHAT_URL, 503, b"", "http_503", None),
    (CHAT_URL, 502, b"<html>bad gateway</html>", "http_502", None),
    (
        ANTHROPIC_URL,
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        "overloaded_error",
        "Overloaded",
    ),
    (GEMINI_URL, 400, {"error": {"code": 400, "message": "bad key", "status": "INVALID_ARGUMENT"}}, "INVALID_ARGUMENT", "bad key"),
    (
        GEMINI_URL.replace("generate", "streamGenerate"),
        429,
        [{"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED"}}],
        "RESOURCE_EXHAUSTED",
        "quota",
    ),
    (COHERE_URL, 401, {"id": "x", "message": "invalid api token"}, "http_401", "invalid api token"),
    ("http://localhost:11434/api/chat", 404, {"error": "model 'x' not found"}, "http_404", "model 'x' not found"),
    ("https://router.huggingface.co/v1/chat/completions", 422, {"error": "bad", "error_type": "validation"}, "validation", "bad"),
    (BEDROCK + "converse", 400, {"__type": "ValidationException", "Message": "no"}, "ValidationException", "no"),
    ("https://x.example/v1/rerank", 400, {"errors": [{"message": "first"}]}, "http_400", "first"),
    ("https://x.example/v1/rerank", 400, {"error_message": "wrong"}, "http_400", "wrong"),
    ("https://x.example/v1/rerank", 400, {"error": {"error": {"message": "deep"}}}, "http_400", "deep"),
]


@pytest.mark.parametrize(("url", "status", "body", "kind", "message"), ERRORS)
def test_error_answers(url: str, status: int, body: Any, kind: str, message: str | None) -> None:
    """Type and message are found wherever the API keeps them; nothing is said to have run."""
    decoded = _decoded(url, {**CHAT_BODY, "query": "?", "contents": [{}]}, body, status=status)
    assert (decoded.error_type, decoded.error_message) == (kind, message)
    assert (decoded.model_resolved, decoded.model_resolved_source) == (None, "unknown")
    assert decoded.understood


def test_every_error_path_has_a_case() -> None:
    """No row of the two error tables is without a test."""
    from fr_schema.providers.json_fields import dig

    bodies = [body[0] if isinstance(body, list) else body for _, _, body, _, _ in ERRORS if not isinstance(body, bytes)]
    for path in (*ERROR_TYPE_PATHS, *ERROR_MESSAGE_PATHS):
        assert any(isinstance(dig(body, path), str) for body in bodies), path


def test_amazon_names_its_errors_in_a_header() -> None:
    """The header's kind stands before the colon."""
    header = (("x-amzn-ErrorType", "ThrottlingException:http://internal.amazon.com/"),)
    decoded = _decoded(BEDROCK + "converse", {"messages": [{}]}, {"message": "slow down"}, status=429, response_headers=header)
    assert (decoded.error_type, decoded.error_message) == ("ThrottlingException", "slow down")


def test_plain_text_of_an_error_is_its_message() -> None:
    """Some gateways answer in plain text, and not briefly."""
    decoded = _decoded(
        CHAT_URL, CHAT_BODY, b"upstream connect error " * 100, status=503, response_headers=(("content-type", "text/plain"),)
    )
    assert decoded.error_message is not None
    assert decoded.error_message.startswith("upstream connect error")
    assert len(decoded.error_message) == 1000


_CHUNK = {"id": "c", "model": "gpt-4o-2024-08-06", "choices": [{"index": 0, "delta": {"content": "Hel"}, "finish_reason": None}]}
STREAM_ERRORS = [
    (
        "openai chat",
        CHAT_URL,
        CHAT_BODY,
        EVENT_STREAM,
        data_events([_CHUNK, {"error": {"message": "boom", "type": "server_error"}}]),
        "server_error",
        "Hel",
    ),
    (
        "anthropic",
        ANTHROPIC_URL,
        CHAT_BODY,
        EVENT_STREAM,
        named_events([*ANTHROPIC_EVENTS[:10], {"type": "error", "error": {"type": "overloaded_error", "message": "boom"}}]),
        "overloaded_error",
        "Looking it up: é.",
    ),
    (
        "responses event",
        RESPONSES_URL,
        {"model": "m", "input": "?"},
        EVENT_STREAM,
        named_events(
            [
                {"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}},
                {"type": "error", "code": "rate_limit_exceeded", "message": "boom"},
            ]
        ),
        "rate_limit_exceeded",
        None,
    ),
    (
        "responses failed",
        RESPONSES_URL,
        {"model": "m", "input": "?"},
        EVENT_STREAM,
        named_events(
            [
                {
                    "type": "response.failed",
                    "response": {"id": "r", "status": "failed", "output": [], "error": {"code": "server_error", "message": "boom"}},
                }
            ]
        ),
        "server_error",
        None,
    ),
    (
        "bedrock",
        BEDROCK + "converse-stream",
        {"messages": [{}]},
        AMAZON_STREAM,
        amazon_events([("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hel"}})])
        + amazon_exception("modelStreamErrorException", "boom"),
        "modelStreamErrorException",
        "Hel",
    ),
    (
        "ollama",
        "http://localhost:11434/api/chat",
        CHAT_BODY,
        (),
        json_lines([{"message": {"content": "Hel"}, "done": False}, {"error": "boom"}]),
        None,
        "Hel",
    ),
    (
        "gemini",
        GEMINI_URL,
        {"contents": [{}]},
        EVENT_STREAM,
        data_events(
            [
                {"candidates": [{"content": {"parts": [{"text": "Hel"}]}}]},
                {"error": {"code": 503, "message": "boom", "status": "UNAVAILABLE"}},
            ]
        ),
        "UNAVAILABLE",
        "Hel",
    ),
]


@pytest.mark.parametrize(
    ("name", "url", "request_body", "headers", "body", "kind", "text"), STREAM_ERRORS, ids=[row[0] for row in STREAM_ERRORS]
)
def test_error_in_the_middle_of_a_stream(
    *, name: str, url: str, request_body: Any, headers: Any, body: bytes, kind: str | None, text: str | None
) -> None:
    """The error is told, and what came before it as well."""
    decoded = _decoded(url, request_body, body, response_headers=headers)
    assert (decoded.error_type, decoded.error_message, decoded.output_text) == (kind, "boom", text), name
    assert decoded.understood


def test_decoder_that_fails_leaves_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error inside a decoder costs the answer's columns, never the row."""
    from fr_schema import providers

    def fail(*_: Any) -> Decoded:
        raise RuntimeError("a bug")

    monkeypatch.setitem(providers._loaded, "openai.chat", fail)
    decoded = _decoded(CHAT_URL, CHAT_BODY, {"choices": []})
    assert (decoded.understood, decoded.model_requested, decoded.output_text) == (False, "gpt-4o", None)


def test_truncated_plain_answer_is_not_understood() -> None:
    """Half a JSON object gives no columns, whether the exchange was cut off or only the record."""
    body = json.dumps({"id": "x", "choices": [{"message": {"content": "hello"}}]}).encode()[:-5]
    for complete in (True, False):
        decoded = decode(dataclasses.replace(as_exchange("POST", CHAT_URL, CHAT_BODY, body), complete=complete))
        assert decoded is not None
        assert (decoded.understood, decoded.output_text, decoded.model_requested) == (False, None, "gpt-4o")
