"""APIs that are no conversation, and invoked models of other vendors on Bedrock."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from fr_schema.providers import FAMILIES, Decoded, decode
from fr_schema.providers.embeddings import SHAPES

sys.path.insert(0, str(Path(__file__).resolve().parent))

from provider_cassettes import as_exchange
from provider_wire import AMAZON_STREAM, amazon_chunks

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


SHAPE_ANSWERS: dict[str, tuple[str, dict[str, Any], dict[str, Any], int | None]] = {
    "openai.embeddings": (
        "https://api.openai.com/v1/embeddings",
        {"model": "m", "input": ["a"]},
        {"data": [], "model": "m-2", "usage": {"prompt_tokens": 4}},
        4,
    ),
    "openai.moderations": (
        "https://api.openai.com/v1/moderations",
        {"model": "m", "input": "a"},
        {"id": "modr-1", "model": "m-2", "results": [{"flagged": True, "categories": {"hate": True}, "category_scores": {"hate": 0.9}}]},
        None,
    ),
    "openai.images": (
        "https://api.openai.com/v1/images/generations",
        {"model": "m", "prompt": "a"},
        {"data": [{"b64_json": "xx"}], "usage": {"input_tokens": 7, "output_tokens": 100}},
        7,
    ),
    "openai.audio": (
        "https://api.openai.com/v1/audio/transcriptions",
        {"model": "m"},
        {"text": "spoken words", "usage": {"input_tokens": 3}},
        3,
    ),
    "cohere.embeddings": (
        "https://api.cohere.com/v2/embed",
        {"model": "m", "texts": ["a"]},
        {"id": "e", "embeddings": {"float": []}, "meta": {"billed_units": {"input_tokens": 5}}},
        5,
    ),
    "cohere.rerank": (
        "https://api.cohere.com/v2/rerank",
        {"model": "m", "query": "q", "documents": ["a"]},
        {"id": "r", "results": [], "meta": {"billed_units": {"search_units": 1}}},
        None,
    ),
    "gemini.embeddings": (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:embedContent",
        {"content": {}},
        {"embedding": {"values": []}, "usageMetadata": {"promptTokenCount": 2}},
        2,
    ),
    "vertex.embeddings": (
        "https://us-east1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/text-embedding-005:predict",
        {"instances": [{}]},
        {"predictions": []},
        None,
    ),
    "ollama.embeddings": (
        "http://localhost:11434/api/embed",
        {"model": "m", "input": "a"},
        {"model": "m", "embeddings": [], "prompt_eval_count": 6, "total_duration": 3_000_000},
        6,
    ),
}


@pytest.mark.parametrize("flavor", sorted(SHAPES))
def test_answers_without_a_conversation(flavor: str) -> None:
    """Each shape is understood by its own answer and not by another object; content stays out of the parameters."""
    url, request, answer, tokens_in = SHAPE_ANSWERS[flavor]
    decoded = _decoded(url, request, answer)
    assert (decoded.api_flavor, decoded.understood, decoded.tokens_in) == (flavor, True, tokens_in)
    assert decoded.params_sent == ({"model": "m"} if "model" in request else {})
    assert not _decoded(url, request, {"hello": "world"}).understood


def test_details_of_answers_without_a_conversation() -> None:
    """Transcripts are text, moderations are safety reports without scores, speech may be bytes."""
    assert _decoded(*SHAPE_ANSWERS["openai.audio"][:3]).output_text == "spoken words"
    assert _decoded(*SHAPE_ANSWERS["openai.moderations"][:3]).safety == [{"flagged": True, "categories": {"hate": True}}]
    speech = _decoded("https://api.openai.com/v1/audio/speech", {"model": "tts-1", "input": "hi"}, b"\xff\xfbID3\x00")
    assert (speech.understood, speech.operation, speech.output_text) == (True, "speech", None)


INVOKED = [
    ({"prompt": "?"}, {"generation": "hi", "prompt_token_count": 3, "generation_token_count": 4, "stop_reason": "stop"}, "hi", "stop"),
    ({"prompt": "?"}, {"outputs": [{"text": "hi", "stop_reason": "length"}]}, "hi", "length"),
    ({"inputText": "?"}, {"inputTextTokenCount": 3, "results": [{"outputText": "hi", "completionReason": "FINISH"}]}, "hi", "stop"),
    ({"prompt": "?"}, {"generations": [{"text": "hi", "finish_reason": "COMPLETE"}]}, "hi", "stop"),
    ({"prompt": "?"}, {"completions": [{"data": {"text": "hi"}, "finishReason": {"reason": "endoftext"}}]}, "hi", "stop"),
    ({"prompt": "?"}, {"completion": "hi", "stop_reason": "stop_sequence"}, "hi", "stop"),
    ({"messages": [{}]}, {"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}, "hi", "stop"),
    ({"messages": [{}]}, {"output": {"message": {"content": [{"text": "hi"}]}}, "stopReason": "end_turn"}, "hi", "stop"),
]


@pytest.mark.parametrize(("request_body", "answer", "text", "finish"), INVOKED)
def test_invoked_models_of_other_vendors(request_body: Any, answer: Any, text: str, finish: str) -> None:
    """Each vendor's body gives its text and finish; Bedrock's headers give the tokens."""
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/vendor.model-v1%3A0/invoke"
    counts = (("X-Amzn-Bedrock-Input-Token-Count", "11"), ("X-Amzn-Bedrock-Output-Token-Count", "22"))
    decoded = _decoded(url, request_body, answer, response_headers=counts)
    assert (decoded.output_text, decoded.finish_reason, decoded.tokens_in, decoded.tokens_out) == (text, finish, 11, 22)
    assert (decoded.model_resolved_source, decoded.understood, decoded.stream) == ("declared", True, False)


def test_invoked_stream_joins_its_pieces_and_takes_its_own_metrics() -> None:
    """Pieces of text are joined, and the last message counts the tokens and the time."""
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/meta.llama3-8b-v1%3A0/invoke-with-response-stream"
    metrics = {"inputTokenCount": 5, "outputTokenCount": 2, "invocationLatency": 321}
    pieces = [{"generation": "He"}, {"generation": "llo", "stop_reason": "stop", "amazon-bedrock-invocationMetrics": metrics}]
    decoded = _decoded(url, {"prompt": "?"}, amazon_chunks(pieces), response_headers=AMAZON_STREAM)
    assert (decoded.output_text, decoded.finish_reason, decoded.tokens_in, decoded.provider_ms) == ("Hello", "stop", 5, 321.0)
    nova = [{"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hi"}}}, {"messageStop": {"stopReason": "end_turn"}}]
    decoded = _decoded(url, {"messages": [{}]}, amazon_chunks(nova), response_headers=AMAZON_STREAM)
    assert (decoded.output_text, decoded.finish_reason) == ("Hi", "stop")


def test_counting_and_fetching_spend_no_tokens() -> None:
    """The counts are kept as the provider gave them, the token columns stay None."""
    cases = [
        (ANTHROPIC_URL + "/count_tokens", {"model": "m", "messages": [{}]}, {"input_tokens": 9}),
        (RESPONSES_URL + "/input_tokens", {"model": "m", "input": "?"}, {"object": "response.input_tokens", "input_tokens": 9}),
        (GEMINI_URL.replace("generateContent", "countTokens"), {"contents": [{}]}, {"totalTokens": 9}),
        (BEDROCK + "count-tokens", {"input": {"converse": {}}}, {"inputTokens": 9}),
    ]
    for url, request, answer in cases:
        decoded = _decoded(url, request, answer)
        assert (decoded.operation, decoded.usage_raw, decoded.tokens_in, decoded.understood) == ("count_tokens", answer, None, True), url
        assert not _decoded(url, request, {"surprise": 1}).understood, url
    answer = {
        "id": "resp_1",
        "status": "completed",
        "model": "gpt-4o-2024-08-06",
        "output": [],
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    decoded = _decoded(RESPONSES_URL + "/resp_1", None, answer, method="GET")
    assert (decoded.operation, decoded.usage_raw, decoded.tokens_in) == ("retrieve", answer["usage"], None)


def test_unknown_host_must_also_send_the_right_request() -> None:
    """A path alone proves little: without the API's own keys it is no model call."""
    for path, request in (
        ("/v1/messages", {"to": "+1", "body": "hi"}),
        ("/api/chat", {"room": 1}),
        ("/v1/responses", {"form": 2}),
        ("/api/chat", None),
    ):
        assert decode(as_exchange("POST", "https://other.example" + path, request, b"{}")) is None
    assert decode(as_exchange("POST", "https://other.example/v1/messages", {"messages": [{}]}, b"{}")) is not None
    assert decode(as_exchange("GET", "https://other.example/", None, b"")) is None


def test_every_family_module_is_there() -> None:
    """The table of families names modules that exist and have a decoder."""
    for module in set(FAMILIES.values()):
        assert callable(importlib.import_module(f"fr_schema.providers.{module}").decode)
