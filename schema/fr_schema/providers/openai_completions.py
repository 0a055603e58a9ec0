"""Text completions (``/v1/completions``): OpenAI's older API, still the one of many local servers. Plain and streamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .answer_side import note_unread, open_answer, take_stream_errors
from .json_fields import count, dig, mapping, sequence, text
from .model import Decoded, Endpoint, Exchange
from .model_names import settle_model
from .openai_chat import FINISH_REASONS
from .request_side import begin
from .usage import fill_usage

__all__ = ["decode"]


def decode(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    """Decode one text completion."""
    decoded = begin(exchange, endpoint)
    decoded.response_format = mapping(exchange.request).get("response_format")
    answer = open_answer(decoded, exchange)
    if answer is None:
        return decoded
    if answer.form == "events":
        take_stream_errors(decoded, exchange, answer.events)
        value = _assemble([mapping(event.data) for event in answer.events])
    else:
        value = dict(mapping(answer.value))
    choice = mapping(dig(value, ("choices", 0)))
    if not choice:
        note_unread(decoded, exchange)
    if not value:
        return decoded
    decoded.response_value = value
    decoded.response_id = text(value.get("id"))
    decoded.system_fingerprint = text(value.get("system_fingerprint"))
    decoded.service_tier_used = text(value.get("service_tier"))
    fill_usage(decoded, value.get("usage"), "openai.chat")
    settle_model(decoded, value.get("model"), value)
    decoded.output_text = text(choice.get("text"))
    raw = text(choice.get("finish_reason"))
    decoded.finish_reason_raw = raw
    if raw is not None:
        decoded.finish_reason = FINISH_REASONS.get(raw.lower(), "other")
    if decoded.finish_reason == "content_filter":
        decoded.refusal = True
    return decoded


def _assemble(chunks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    pieces: dict[int, list[str]] = {}
    for chunk in chunks:
        for key, value in chunk.items():
            if key not in ("choices", "error") and (value or key not in answer):
                answer[key] = value
        for raw in sequence(chunk.get("choices")):
            piece = mapping(raw)
            index = count(piece.get("index")) or 0
            choice = choices.setdefault(index, {})
            choice.update({key: value for key, value in piece.items() if key != "text" and (value is not None or key not in choice)})
            if isinstance(piece.get("text"), str):
                pieces.setdefault(index, []).append(piece["text"])
    for index, texts in pieces.items():
        choices[index]["text"] = "".join(texts)
    if choices:
        answer["choices"] = [choices[index] for index in sorted(choices)]
    return answer
