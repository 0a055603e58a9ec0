"""What a decoder is given, and what it gives back.

A decoder is a pure function over one recorded HTTP exchange. It never raises for bad bytes: what it does not
understand stays None, and ``understood`` turns False, so that unknown providers and new fields lose nothing
(the bytes are in the record, and the columns can be derived anew later).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Decoded", "Element", "Endpoint", "Exchange", "ToolCall", "ToolDefinition", "header"]

Headers = Sequence[tuple[str, str]]


class Endpoint(NamedTuple):
    """Which provider and API an URL belongs to.

    Attributes:
        provider: who answers: openai, anthropic, gemini, mistral, ...; ``unknown`` for an unknown host that
            speaks a known API.
        api_flavor: the shape of the API: openai.chat, openai.responses, anthropic.messages, gemini, ...
        operation: chat, text_completion, embeddings, rerank, moderation, count_tokens, ...
        model: the model or deployment named in the URL, or None.
        api_version: version named in the URL path or query, or None.
    """

    provider: str
    api_flavor: str
    operation: str
    model: str | None = None
    api_version: str | None = None


class Element(NamedTuple):
    """One element of a request's long list: its decoded value, and the id of the blob that holds it (or None)."""

    value: Any
    blob_id: bytes | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded HTTP exchange, redacted, with the answer's body already freed of its content-encoding.

    Attributes:
        method, url: as sent.
        request_headers, response_headers: name and value pairs, names in any case.
        request: the request body as a mapping when it was a JSON object, else None. Its long lists
            (messages, input, contents, tools) are left out here and stand in ``lists``.
        lists: those lists by key, element by element.
        status: HTTP status, or None when no answer came.
        response_body: the answer's bytes, decoded.
        complete: False when the answer was cut off (hang-up, error, killed).
    """

    method: str
    url: str
    request_headers: Headers
    request: Mapping[str, Any] | None
    lists: Mapping[str, Sequence[Element]]
    status: int | None
    response_headers: Headers
    response_body: bytes
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as offered to the model, in the provider-neutral shape."""

    name: str
    description: str | None
    schema: Any


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that the model asked for. ``arguments`` is the exact text when the API gives text, else JSON text."""

    id: str | None
    name: str
    arguments: str


@dataclass(slots=True)
class Decoded:
    """The columns of one model call. None always means: the bytes do not say.

    Attributes:
        model_resolved_source: body, header, deployment, declared or unknown. An alias is never stored as the
            resolved version: where the answer names no model, model_resolved is None and this is ``unknown``.
        system_source: ``(list key, index)`` pairs or ``(key, None)``: which part(s) of the request the system
            prompt's text came from.
        tokens_in: input tokens, cache reads and writes included, whatever the provider's own convention.
        tokens_out: output tokens, reasoning included.
        temperature, top_p, seed, max_output_tokens, reasoning_level: as sent, whatever their name and place in the
            request; a thinking budget in tokens is the level ``budget:<tokens>``.
        tool_calls: what the agent is asked to run; tools that the provider runs itself are not among them.
        usage_raw, tokens_*: on a ``count_tokens`` or ``retrieve`` operation the tokens stay None, since the exchange
            spent none; ``usage_raw`` keeps what the answer said.
        finish_reason: stop, length, tool_calls, content_filter, refusal, error or other.
        error_type, error_message: from the body of an error answer.
        response_value: the assembled answer as one JSON value, for the hash of its shape; streams are
            assembled into what the plain form would have been, as far as the provider's events allow.
    """

    provider: str
    api_flavor: str
    operation: str
    understood: bool = True
    api_version: str | None = None
    model_requested: str | None = None
    model_resolved: str | None = None
    model_resolved_source: str = "unknown"
    system_fingerprint: str | None = None
    response_id: str | None = None
    provider_request_id: str | None = None
    params_sent: dict[str, Any] = field(default_factory=dict)
    params_echoed: dict[str, Any] | None = None
    params_defaulted: dict[str, dict[str, Any]] | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_output_tokens: int | None = None
    reasoning_level: str | None = None
    stream: bool | None = None
    response_format: Any = None
    system_prompt: str | None = None
    system_source: tuple[tuple[str, int | None], ...] = ()
    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: Any = None
    output_text: str | None = None
    reasoning_text: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    finish_reason_raw: str | None = None
    refusal: bool | None = None
    safety: Any = None
    usage_raw: Any = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cache_read: int | None = None
    tokens_cache_write: int | None = None
    tokens_reasoning: int | None = None
    service_tier_requested: str | None = None
    service_tier_used: str | None = None
    provider_ms: float | None = None
    ratelimit: dict[str, str] | None = None
    error_type: str | None = None
    error_message: str | None = None
    response_value: Any = None


Decoder = Callable[[Exchange, Endpoint], Decoded]


def header(headers: Headers, name: str) -> str | None:
    """The first header of that name, in any case."""
    wanted = name.lower()
    for key, value in headers:
        if key.lower() == wanted:
            return value
    return None
