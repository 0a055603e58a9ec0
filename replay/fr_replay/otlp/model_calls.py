"""A model's span, with the log records of it, as a call: from the request's and answer's own JSON where it is there, else from messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fr_schema.prices import Tokens, cost
from fr_schema.providers.hosts import provider_of, split_url
from fr_schema.providers.openai_chat import FINISH_REASONS

from ..importing.source import ModelCall, Place
from .flattened import gaps_under
from .messages import chat_tools, input_messages, json_in, output_choices
from .names import COLUMNS, CONTENT, EVENTS, PARAMETERS, PROVIDERS
from .signals import Happening, Signal
from .wire import DROPPED

__all__ = ["Facts", "call_of_span", "error_of", "formed", "happenings_left", "understood"]

Attributes = Mapping[str, Any]

_SAME_BYTES = "the exchange's bytes: the span holds request and answer as JSON"
_FROM_MESSAGES = "the exchange: the span holds its messages"
_NO_INPUT = "what was asked: the instrumentation sent no messages (many leave them out unless told otherwise)"
_NO_OUTPUT = "what was answered: the instrumentation sent no messages"
_ONE_NAME = "which of the two the one model name is: asked for or answered"
_UNENDED = "its end: the span tells none"
_OWN = frozenset(("model", "params", "answer", "usage", "finish", "ids", "fingerprint", "tools"))
_OWN_DEFAULTS = ("openai", "anthropic")
"""Providers whose JSON is read as their own; of others that speak it the defaults are not known."""

_USAGE = ("gen_ai.usage.", "llm.token_count.", "llm.usage.")
_PROVIDER_NAMES = ("gen_ai.provider.name", "gen_ai.system", "llm.provider")
_ADDRESSES = ("server.address", "server.port", "gen_ai.openai.api_base")
_FIRST_PIECE = ("First Token Stream Event", "gen_ai.content.completion.chunk")
_OF_CALLS = ("llm.model_name", "llm.invocation_parameters", "embedding.model_name", "embedding.invocation_parameters", "error.type")
_INPUT_LISTS = ("llm.input_messages", "gen_ai.prompt")
_FLAT = tuple(row[1].partition(".N.")[0] + "." for row in CONTENT if ".N." in row[1])
_NAMED = frozenset(
    (
        *(row.attribute for row in COLUMNS),
        *PARAMETERS,
        *_PROVIDER_NAMES,
        *_ADDRESSES,
        *_OF_CALLS,
        *(row[1] for row in CONTENT if ".N." not in row[1] and not row[1].endswith("put.value")),
        *("input.mime_type", "output.mime_type", "event.name", "gen_ai.operation.name", "openinference.span.kind"),
    )
)
_EVENTS = frozenset(name for name, _ in EVENTS)


class Facts(NamedTuple):
    """A span, its attributes with those of its log records, and these records in order."""

    span: Signal
    attributes: Attributes
    logs: Sequence[Signal]


class _Side(NamedTuple):
    """Request, answer and shape as the provider's API has them."""

    shape: str
    request: dict[str, Any]
    answer: dict[str, Any] | None


def formed(value: Any, form: str) -> Any:
    """A value in the form that a table asks for; None when it is of another."""
    return _FORMS[form](value)


def _whole(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def _number(value: Any) -> float | int | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _first(value: Any) -> str | None:
    found = value[0] if isinstance(value, list) and value else value
    return found if isinstance(found, str) and found else None


_FORMS: Mapping[str, Callable[[Any], Any]] = {
    "text": lambda value: value if isinstance(value, str) and value else None,
    "whole": _whole,
    "number": _number,
    "flag": lambda value: value if isinstance(value, bool) else None,
    "seconds": lambda value: _number(value) * 1000 if _number(value) is not None else None,  # type: ignore[operator]
    "first": _first,
    "any": json_in,
}


def understood(facts: Facts) -> set[str]:
    """The attributes of a model's span that have gone into its columns and content; what is left is kept as ``detail``."""
    taken = {name for name in facts.attributes if name in _NAMED or name.startswith((*_USAGE, *_FLAT))}
    if _own_json(facts) is not None:
        taken |= {"input.value", "output.value"}
    return taken


def error_of(span: Signal) -> tuple[str | None, str | None]:
    """Type and message of a span's failure; both None where it did not fail."""
    if not span.error:
        return None, None
    thrown: Attributes = next((event.attributes for event in reversed(span.happenings) if event.name == "exception"), {})
    kind = span.attributes.get("error.type") or thrown.get("exception.type")
    message = span.message or thrown.get("exception.message") or kind or "the span's status is error, without a message"
    return (str(kind) if kind is not None else None), str(message)


def call_of_span(facts: Facts, place: Place, *, embeddings: bool) -> ModelCall:
    """The call of a model's span."""
    span, attributes = facts.span, facts.attributes
    provider, priceable = _provider(attributes)
    columns = _columns(facts)
    own = _own_json(facts)
    missing = [_SAME_BYTES] if own is not None else [_FROM_MESSAGES]
    if own is None:
        side = _from_messages(facts, embeddings)
        columns |= _parameters(attributes)
        missing += _name_model(columns, attributes)
        missing += [_NO_INPUT] if not side.request else []
        gaps = sum(gaps_under(attributes, prefix) for prefix in _INPUT_LISTS) if side.request else 0
        if gaps:
            missing.append(f"{gaps} messages before the last one: their attributes did not come")
            columns["replay_level"] = "none"
        missing += [_NO_OUTPUT] if side.answer is None and not span.error and not embeddings else []
        columns |= _finish_of(side.answer) if "finish_reason_raw" not in columns else {}
        # The answer is put together by us: its shape says nothing, and that it names no refusal neither.
        columns |= {"response_shape_sha256": None, "refusal": _is_refused(side.answer)}
        kept = frozenset(name for name, there in (("answer", side.answer), ("tools", side.request.get("tools"))) if there)
        answer = side.answer
        if answer is None and span.ended_us is not None and not span.error:
            answer = {"object": "list" if embeddings else "chat.completion", "data" if embeddings else "choices": []}
    else:
        side, answer, kept = own, own.answer, _OWN
        # They are read from the request's and answer's own JSON.
        columns = {name: value for name, value in columns.items() if name in ("ttft_ms", "error_type")}
        if provider not in _OWN_DEFAULTS:
            columns["params_defaulted"] = None
    priced = _priced(facts, provider) if priceable and not span.error else None
    columns |= {"cost_usd": None, "price_source": None, "price_version": None} if priced is None else priced
    if _address(attributes) is not None:
        columns["server_address"] = _address(attributes)
    if attributes.get(DROPPED):
        missing.append(f"{attributes[DROPPED]} attributes: the sender's limit took them away")
    if span.ended_us is None:
        missing.append(_UNENDED)
    return ModelCall(
        side.shape,
        side.request,
        answer,
        kept,
        provider=provider,
        columns=columns,
        answer_is_own=own is not None and own.answer is not None,
        error=error_of(span)[1],
        missing=tuple(missing),
        started_us=span.started_us,
        ended_us=span.ended_us,
        priced_us=span.started_us,
        place=place,
    )


# -- columns


def _columns(facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in COLUMNS:
        value = formed(facts.attributes.get(row.attribute), row.form)
        if value is not None and row.column not in found:
            found[row.column] = value
    raw = found.get("finish_reason_raw")
    if raw is not None:
        found["finish_reason"] = FINISH_REASONS.get(raw.lower(), "other")
    if "model_resolved" in found:
        found["model_resolved_source"] = "body"
    _include_cache(found)
    usage = {name: value for name, value in facts.attributes.items() if name.startswith(_USAGE)}
    if usage:
        found["usage_raw"] = usage
    if "ttft_ms" not in found and facts.span.started_us is not None:
        first = next((event.at_us for event in facts.span.happenings if event.name in _FIRST_PIECE and event.at_us is not None), None)
        if first is not None and first >= facts.span.started_us:
            found["ttft_ms"] = (first - facts.span.started_us) / 1000
    kind = error_of(facts.span)[0]
    return {**found, "error_type": kind} if kind is not None else found


def _finish_of(answer: Mapping[str, Any] | None) -> dict[str, str]:
    """The finish reason of an answer's first choice, which some say there only."""
    raw = _first([choice.get("finish_reason") for choice in (answer or {}).get("choices", ())])
    return {"finish_reason_raw": raw, "finish_reason": FINISH_REASONS.get(raw.lower(), "other")} if raw is not None else {}


def _is_refused(answer: Mapping[str, Any] | None) -> bool | None:
    return True if any((choice.get("message") or {}).get("refusal") for choice in (answer or {}).get("choices", ())) else None


def _include_cache(found: dict[str, Any]) -> None:
    """The conventions count the cache in the input; where it is more than the input, the sender did not."""
    cached = (found.get("tokens_cache_read") or 0) + (found.get("tokens_cache_write") or 0)
    if "tokens_in" in found and cached > found["tokens_in"]:
        found["tokens_in"] += cached


def _parameters(attributes: Attributes) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    given = json_in(attributes.get("llm.invocation_parameters", attributes.get("embedding.invocation_parameters")))
    for name, (parameter, column, form) in PARAMETERS.items():
        value = formed(attributes.get(name), form)
        if value is None:
            continue
        sent.setdefault(parameter, value)
        if column is not None:
            columns.setdefault(column, value)
    if isinstance(given, dict):
        for parameter, column, form in PARAMETERS.values():
            value = formed(given.get(parameter), form) if column is not None else None
            if value is not None and column is not None:
                columns.setdefault(column, value)
        sent = {**given, **sent}
    return {**columns, "params_sent": sent} if sent else columns


def _name_model(columns: dict[str, Any], attributes: Attributes) -> list[str]:
    """Put OpenInference's one model name where it belongs: the answer's name where another was asked for. What is not known is told."""
    name = attributes.get("llm.model_name", attributes.get("embedding.model_name"))
    given = json_in(attributes.get("llm.invocation_parameters", attributes.get("embedding.invocation_parameters")))
    asked = given.get("model", given.get("model_name")) if isinstance(given, dict) else None
    if isinstance(asked, str):
        columns.setdefault("model_requested", asked)
    if not isinstance(name, str) or "model_resolved" in columns:
        return []
    if "model_requested" not in columns:
        columns["model_requested"] = name
        return [_ONE_NAME]
    if columns["model_requested"] != name:
        columns |= {"model_resolved": name, "model_resolved_source": "body"}
    return []


def _address(attributes: Attributes) -> str | None:
    host = attributes.get("server.address")
    if isinstance(host, str) and host:
        port = attributes.get("server.port")
        return f"{host}:{port}" if port is not None and port not in (80, 443) else host
    base = attributes.get("gen_ai.openai.api_base")
    if not isinstance(base, str) or not base:
        return None
    host, port, _, _ = split_url(base)
    return f"{host}:{port}" if port else host or None


def _provider(attributes: Attributes) -> tuple[str | None, bool]:
    """Who answered, and whether its prices hold: an address that is not the provider's own may cost anything."""
    address = _address(attributes)
    named = next((attributes[name] for name in _PROVIDER_NAMES if isinstance(attributes.get(name), str)), None)
    claimed = PROVIDERS.get(named.lower(), named.lower()) if named else None
    if address is None:
        return claimed, claimed is not None
    host, port, _, _ = split_url(address)
    known = provider_of(host, port)
    return known or claimed, known is not None


def _priced(facts: Facts, provider: str | None) -> dict[str, Any] | None:
    columns, span = _columns(facts), facts.span
    _name_model(columns, facts.attributes)
    if provider is None or span.started_us is None:
        return None
    tokens = Tokens(*(columns.get(name) for name in ("tokens_in", "tokens_out", "tokens_cache_read", "tokens_cache_write")))
    at = datetime.fromtimestamp(span.started_us / 1e6, UTC)
    for model in (columns.get("model_resolved"), columns.get("model_requested")):
        found = cost(provider, model, tokens, at, service_tier=columns.get("service_tier_used")) if model is not None else None
        if found is not None:
            return {"cost_usd": found.usd, "price_source": found.source, "price_version": found.version}
    return None


# -- content


def _from_messages(facts: Facts, embeddings: bool) -> _Side:
    span, attributes = facts.span, facts.attributes
    messages = input_messages(attributes, span.happenings, facts.logs)
    if embeddings:
        texts = [message.get("content") for message in messages or ()]
        return _Side("openai.embeddings", {"input": texts} if texts else {}, None)
    tools = chat_tools(attributes)
    request: dict[str, Any] = {}
    if messages:
        request = {**({"tools": tools} if tools else {}), "messages": messages}
    elif tools:
        request = {"tools": tools}
    choices = output_choices(attributes, span.happenings, facts.logs)
    return _Side("openai.chat", request, {"object": "chat.completion", "choices": choices} if choices else None)


def _own_json(facts: Facts) -> _Side | None:
    """Request and answer in the provider's own JSON, as OpenInference keeps them; None where they are not, or in no shape that is read."""
    if facts.attributes.get("input.mime_type") != "application/json":
        return None
    request, answer = json_in(facts.attributes.get("input.value")), json_in(facts.attributes.get("output.value"))
    if not isinstance(request, dict) or not (isinstance(answer, dict) or answer is None):
        return None
    shape = _shape(request, answer, facts.attributes.get("llm.system"))
    return _Side(shape, request, answer) if shape is not None else None


def _shape(request: dict[str, Any], answer: dict[str, Any] | None, system: Any) -> str | None:
    if isinstance(request.get("messages"), list):
        if answer is None:
            return {"openai": "openai.chat", "anthropic": "anthropic.messages"}.get(str(system))
        if isinstance(answer.get("choices"), list):
            return "openai.chat"
        return "anthropic.messages" if answer.get("type") == "message" else None
    if "input" in request and answer is not None:
        if isinstance(answer.get("output"), list):
            return "openai.responses"
        return "openai.embeddings" if isinstance(answer.get("data"), list) else None
    return None


def happenings_left(span: Signal) -> list[Happening]:
    """Events that no column holds."""
    return [event for event in span.happenings if event.name not in _EVENTS]
