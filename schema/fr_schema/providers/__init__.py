"""Decoders of model APIs: pure functions from one recorded HTTP exchange to the columns of one row.

``classify`` is cheap and light to import, for the capture path. ``decode`` loads the module of an API family when the
first exchange of that family comes by.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from .endpoints import classify, is_telemetry
from .model import Decoded, Decoder, Element, Endpoint, Exchange, ToolCall, ToolDefinition, header

__all__ = [
    "FAMILIES",
    "REQUIRED_KEYS",
    "Decoded",
    "Decoder",
    "Element",
    "Endpoint",
    "Exchange",
    "ToolCall",
    "ToolDefinition",
    "classify",
    "decode",
    "header",
    "is_telemetry",
]

FAMILIES: Mapping[str, str] = {
    "openai.chat": "openai_chat",
    "openai.completions": "openai_completions",
    "openai.responses": "openai_responses",
    "anthropic.messages": "anthropic_messages",
    "gemini": "gemini",
    "gemini.interactions": "gemini_interactions",
    "bedrock.converse": "bedrock_converse",
    "bedrock.invoke": "bedrock_invoke",
    "cohere.chat": "cohere",
    "ollama.chat": "ollama",
    "ollama.generate": "ollama",
    "openai.embeddings": "embeddings",
    "openai.moderations": "embeddings",
    "openai.images": "embeddings",
    "openai.audio": "embeddings",
    "cohere.embeddings": "embeddings",
    "cohere.rerank": "embeddings",
    "gemini.embeddings": "embeddings",
    "vertex.embeddings": "embeddings",
    "ollama.embeddings": "embeddings",
}
"""``api_flavor`` and the module of this package that decodes it."""

REQUIRED_KEYS: Mapping[str, frozenset[str]] = {
    "openai.chat": frozenset({"messages"}),
    "openai.completions": frozenset({"prompt"}),
    "openai.responses": frozenset({"input", "prompt", "previous_response_id", "conversation"}),
    "anthropic.messages": frozenset({"messages"}),
    "gemini": frozenset({"contents", "generateContentRequest"}),
    "gemini.embeddings": frozenset({"content", "requests"}),
    "bedrock.converse": frozenset({"messages", "input"}),
    "bedrock.invoke": frozenset({"messages", "prompt", "inputText", "inputs", "texts"}),
    "cohere.chat": frozenset({"messages"}),
    "cohere.embeddings": frozenset({"texts", "images", "inputs"}),
    "cohere.rerank": frozenset({"query"}),
    "ollama.chat": frozenset({"messages"}),
    "ollama.generate": frozenset({"prompt", "model"}),
    "ollama.embeddings": frozenset({"input", "prompt"}),
    "openai.embeddings": frozenset({"input"}),
    "openai.moderations": frozenset({"input"}),
    "openai.images": frozenset({"prompt", "image"}),
    "openai.audio": frozenset({"input"}),
}
"""On a host that no table knows, a path alone proves little: the request must have one of these keys as well."""

_loaded: dict[str, Decoder] = {}


def decode(exchange: Exchange) -> Decoded | None:
    """Decode one exchange; None when it is not a model call. Never raises.

    ``understood`` is False when a part of the answer could not be read, and also for an error in a decoder; then the
    row holds what the request and the headers say.
    """
    endpoint = classify(exchange.method, exchange.url)
    if endpoint is None:
        return None
    try:
        if endpoint.provider == "unknown" and not _looks_the_part(exchange, endpoint):
            return None
        return _decoder(_flavor(exchange, endpoint))(exchange, _with_flavor(exchange, endpoint))
    except Exception:  # noqa: BLE001 - the bytes of strangers; the record goes on without the columns
        return _request_only(exchange, endpoint)


def _looks_the_part(exchange: Exchange, endpoint: Endpoint) -> bool:
    if endpoint.operation == "retrieve":
        return True
    wanted = REQUIRED_KEYS.get(endpoint.api_flavor)
    return wanted is None or bool(wanted & (exchange.lists.keys() | (exchange.request or {}).keys()))


def _flavor(exchange: Exchange, endpoint: Endpoint) -> str:
    """An inference profile's name does not show that Claude is behind it, the request does."""
    if endpoint.api_flavor == "bedrock.invoke" and "anthropic_version" in (exchange.request or {}):
        return "anthropic.messages"
    return endpoint.api_flavor


def _with_flavor(exchange: Exchange, endpoint: Endpoint) -> Endpoint:
    return endpoint._replace(api_flavor=_flavor(exchange, endpoint))


def _decoder(api_flavor: str) -> Decoder:
    decoder = _loaded.get(api_flavor)
    if decoder is None:
        decoder = cast(Decoder, import_module(f"{__name__}.{FAMILIES[api_flavor]}").decode)
        _loaded[api_flavor] = decoder
    return decoder


def _request_only(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    from .request_side import begin

    try:
        decoded = begin(exchange, endpoint)
    except Exception:  # noqa: BLE001 - as above
        decoded = Decoded(endpoint.provider, endpoint.api_flavor, endpoint.operation, model_requested=endpoint.model)
    decoded.understood = False
    return decoded
