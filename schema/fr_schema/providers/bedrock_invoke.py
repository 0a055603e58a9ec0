"""Bedrock's invoke for models other than Claude: each vendor's own body, read by a table of places.

Bedrock counts the tokens in headers of the answer, and in the last message of a stream. Bodies of Converse's
or OpenAI's shape are decoded as such; of the others the table reads text and finish reason, no tool calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import bedrock_converse, openai_chat
from .answer_headers import lower_names
from .answer_side import StreamEvent, open_answer, take_stream_errors
from .anthropic_messages import unwrap_bedrock_chunk
from .json_fields import Path, first, mapping, number, text
from .model import Decoded, Endpoint, Exchange
from .model_names import settle_model
from .openai_chat_stream import assemble_chunks
from .request_side import begin, set_system
from .usage import fill_usage

__all__ = ["FINISH_PATHS", "FINISH_REASONS", "TEXT_PATHS", "decode"]

TEXT_PATHS: tuple[Path, ...] = (
    ("generation",),  # Llama
    ("outputs", 0, "text"),  # Mistral
    ("results", 0, "outputText"),  # Titan
    ("outputText",),  # Titan, streamed
    ("generations", 0, "text"),  # Cohere Command
    ("completions", 0, "data", "text"),  # Jurassic
    ("completion",),  # Claude 2 text completions
    ("text",),  # Cohere Command R
)
FINISH_PATHS: tuple[Path, ...] = (
    ("stop_reason",),
    ("outputs", 0, "stop_reason"),
    ("results", 0, "completionReason"),
    ("completionReason",),
    ("generations", 0, "finish_reason"),
    ("completions", 0, "finishReason", "reason"),
    ("finish_reason",),
)
FINISH_REASONS: Mapping[str, str] = {
    "stop": "stop",
    "finish": "stop",
    "finished": "stop",
    "complete": "stop",
    "end_turn": "stop",
    "endoftext": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filtered": "content_filter",
    "error": "error",
}

_COUNT_HEADERS = (
    ("x-amzn-bedrock-input-token-count", "inputTokenCount"),
    ("x-amzn-bedrock-output-token-count", "outputTokenCount"),
    ("x-amzn-bedrock-cache-read-input-token-count", "cacheReadInputTokenCount"),
    ("x-amzn-bedrock-cache-write-input-token-count", "cacheWriteInputTokenCount"),
)
_METRICS = "amazon-bedrock-invocationMetrics"
_CONVERSE_KEYS = frozenset({"output", "messageStart", "contentBlockDelta", "messageStop"})


def decode(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    """Decode one invocation of a model that has no decoder of its own here."""
    decoded = begin(exchange, endpoint)
    set_system(decoded, exchange, field="system", messages="messages")
    answer = open_answer(decoded, exchange)
    if answer is None:
        return decoded
    events = [unwrap_bedrock_chunk(event) for event in answer.events]
    take_stream_errors(decoded, exchange, events)
    bodies = [mapping(event.data) for event in events] if answer.form == "events" else [mapping(answer.value)]
    _fill_answer(decoded, exchange, bodies, streamed=answer.form == "events")
    metrics = next((mapping(body[_METRICS]) for body in reversed(bodies) if _METRICS in body), _counts_in_headers(exchange))
    if metrics:
        fill_usage(decoded, metrics, "bedrock.invoke")
    latency = number(metrics.get("invocationLatency"))
    decoded.provider_ms = latency if latency is not None else decoded.provider_ms
    if decoded.output_text is None and decoded.finish_reason_raw is None and decoded.error_type is None:
        decoded.understood = False
    return decoded


def _fill_answer(decoded: Decoded, exchange: Exchange, bodies: Sequence[Mapping[str, Any]], *, streamed: bool) -> None:
    """OpenAI's shape (gpt-oss and others), Converse's shape (Nova), or the table."""
    if any("choices" in body for body in bodies):
        openai_chat.fill_chat_answer(decoded, exchange, assemble_chunks(bodies) if streamed else bodies[0])
        return
    if any(body.keys() & _CONVERSE_KEYS for body in bodies):
        named = [StreamEvent(key, value) for body in bodies for key, value in body.items()]
        value = bedrock_converse.assemble_events(named) if streamed else dict(bodies[0])
        decoded.response_value = value
        bedrock_converse.fill_answer(decoded, value)
        return
    value = {key: item for body in bodies for key, item in body.items() if item is not None and key != _METRICS}
    decoded.response_value = value or None
    pieces = [piece for body in bodies if (piece := text(first(body, TEXT_PATHS))) is not None]
    decoded.output_text = "".join(pieces) or None
    settle_model(decoded, value.get("model"), value)
    raw = text(first(value, FINISH_PATHS))
    decoded.finish_reason_raw = raw
    if raw is not None:
        decoded.finish_reason = FINISH_REASONS.get(raw.lower(), "other")


def _counts_in_headers(exchange: Exchange) -> Mapping[str, Any]:
    headers = lower_names(exchange.response_headers)
    found = {key: headers.get(name, "") for name, key in _COUNT_HEADERS}
    return {key: int(value) for key, value in found.items() if len(value) < 16 and value.isdecimal()}
