"""Model calls without a conversation: embeddings, rerank, moderation, images, audio. One answer, read by a table of places.

Vectors and images are not copied into columns; they are in the recorded bytes. A request that is no JSON (an upload of
audio) has no parameters here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .answer_side import open_answer
from .json_fields import Path, first, mapping, number, text
from .model import Decoded, Endpoint, Exchange
from .model_names import settle_model
from .request_side import begin
from .usage import fill_usage

__all__ = ["SHAPES", "AnswerShape", "decode"]


class AnswerShape(NamedTuple):
    """Where one API keeps what in its answer.

    Attributes:
        known_by: keys of which an answer has at least one; without any the answer is not understood.
        usage: the usage object, the first place that has one.
        text: text that the model wrote (a transcript), if any.
        safety: the verdicts of a moderation.
        binary: True when an answer that is not JSON is in order (speech, images).
    """

    known_by: frozenset[str]
    usage: tuple[Path, ...] = (("usage",),)
    text: tuple[Path, ...] = ()
    safety: tuple[Path, ...] = ()
    binary: bool = False


SHAPES: Mapping[str, AnswerShape] = {
    "openai.embeddings": AnswerShape(frozenset({"data"})),
    "openai.moderations": AnswerShape(frozenset({"results"}), safety=(("results",),)),
    "openai.images": AnswerShape(frozenset({"data"})),
    "openai.audio": AnswerShape(frozenset({"text", "segments"}), text=(("text",),), binary=True),
    "cohere.embeddings": AnswerShape(frozenset({"embeddings"}), usage=(("usage",), ("meta",))),
    "cohere.rerank": AnswerShape(frozenset({"results", "data"}), usage=(("usage",), ("meta",))),
    "gemini.embeddings": AnswerShape(frozenset({"embedding", "embeddings"}), usage=(("usageMetadata",),)),
    "vertex.embeddings": AnswerShape(frozenset({"predictions"}), usage=(("metadata",),)),
    "ollama.embeddings": AnswerShape(frozenset({"embedding", "embeddings"}), usage=()),
}

_NANOSECONDS = 1e6


def decode(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    """Decode one call of these APIs."""
    decoded = begin(exchange, endpoint)
    shape = SHAPES[endpoint.api_flavor]
    understood = decoded.understood
    answer = open_answer(decoded, exchange)
    if answer is None:
        if shape.binary and exchange.status is not None and exchange.status < 400:
            decoded.understood = understood
            settle_model(decoded, None)
        return decoded
    value = mapping(answer.value)
    if not value.keys() & shape.known_by:
        decoded.understood = False
    decoded.response_value = answer.value
    decoded.response_id = text(value.get("id"))
    settle_model(decoded, value.get("model"), value)
    usage = first(value, shape.usage)
    if endpoint.api_flavor == "ollama.embeddings":
        usage = {key: value[key] for key in ("prompt_eval_count", "total_duration", "load_duration") if value.get(key) is not None}
        duration = number(value.get("total_duration"))
        decoded.provider_ms = duration / _NANOSECONDS if duration is not None else None
    fill_usage(decoded, usage, "embeddings")
    decoded.output_text = text(first(value, shape.text))
    decoded.safety = first(value, shape.safety)
    if isinstance(decoded.safety, list):
        decoded.safety = _verdicts(decoded.safety)
    return decoded


def _verdicts(results: list[Any]) -> list[Any]:
    """What a moderation decided for each input, without its scores."""
    return [{key: mapping(result).get(key) for key in ("flagged", "categories")} for result in results]
