"""The answer's half of a model call: what form the body has, the JSON in it, and what an error answer says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .answer_headers import lower_names
from .aws_event_stream import looks_like_event_stream, parse_messages
from .json_fields import Path, compact_json, dig, mapping, parse_json, text
from .model import Decoded, Exchange
from .sse import parse_events, parse_json_array, parse_json_lines

__all__ = [
    "ERROR_MESSAGE_PATHS",
    "ERROR_TYPE_PATHS",
    "Answer",
    "StreamEvent",
    "exception_event",
    "fill_error",
    "is_error",
    "note_unread",
    "open_answer",
    "read_answer",
    "take_stream_errors",
]

ERROR_TYPE_PATHS: tuple[Path, ...] = (
    ("error", "code"),  # OpenAI, where it is more exact than the type: context_length_exceeded
    ("error", "status"),  # Google: INVALID_ARGUMENT
    ("error", "type"),  # Anthropic: overloaded_error
    ("code",),  # vLLM before 0.10, xAI
    ("error_type",),  # Hugging Face
    ("type",),  # Mistral
    ("__type",),  # Amazon
)
"""Where error answers name the kind of error as text. Numbers there only repeat the HTTP status."""

ERROR_MESSAGE_PATHS: tuple[Path, ...] = (
    ("error", "message"),
    ("error", "error", "message"),
    ("message",),
    ("Message",),
    ("error",),
    ("detail",),
    ("errors", 0, "message"),
    ("error_message",),
)

_TEXT_MESSAGE_CHARACTERS = 1000
_SSE_STARTS = (b"data:", b"event:", b":", b"id:", b"retry:", b"\xef\xbb\xbf")


class StreamEvent(NamedTuple):
    """One event of a streamed answer: its name (None where the API has none), and its data, decoded."""

    name: str | None
    data: Any


class Answer(NamedTuple):
    """A body, read as far as it can be.

    Attributes:
        form: ``value`` (one JSON value), ``events`` (a stream), ``none`` (no body), ``opaque`` (anything else).
        value: the JSON value, None for a stream.
        events: the events of a stream, end markers such as ``[DONE]`` left out.
        clean: False when a part of the body was not understood, the end of a cut-off stream included.
    """

    form: str
    value: Any = None
    events: tuple[StreamEvent, ...] = ()
    clean: bool = True


def read_answer(exchange: Exchange) -> Answer:
    """Read a body by its first bytes, and by its content-type where those leave a choice."""
    body = exchange.response_body
    start = body[:64].lstrip()
    if not start:
        return Answer("none")
    content_type = _content_type(exchange)
    if start.startswith((b"{", b"[", b'"')):
        return _read_json(body, content_type)
    if start.startswith(_SSE_STARTS) or content_type == "text/event-stream":
        return _read_server_sent_events(body)
    if "eventstream" in content_type or looks_like_event_stream(body):
        return _read_amazon_messages(body)
    understood, value = parse_json(body)
    return Answer("value", value) if understood else Answer("opaque", clean=False)


def open_answer(decoded: Decoded, exchange: Exchange) -> Answer | None:
    """Read the answer, and note at once what holds for all APIs: None when there is nothing left to decode.

    An error answer fills the error columns here. A body that was not understood turns ``understood`` False, except that
    the missing end of an exchange that was cut off is no fault of the reading.
    """
    answer = read_answer(exchange)
    if not answer.clean and (exchange.complete or answer.form == "opaque"):
        decoded.understood = False
    if is_error(exchange, answer.value):
        value = answer.value
        if answer.form == "events":
            value = next((error for error in map(exception_event, answer.events) if error is not None), answer.events[0].data)
        if exchange.status is not None and exchange.status >= 400 and answer.form == "opaque":
            decoded.understood = True
        decoded.response_value = value
        fill_error(decoded, exchange, value)
        return None
    if answer.form in ("none", "opaque"):
        return None
    return answer


def take_stream_errors(decoded: Decoded, exchange: Exchange, events: Iterable[StreamEvent]) -> None:
    """Fill the error columns from the error events of a stream that began well."""
    for event in events:
        error = exception_event(event)
        if error is not None:
            fill_error(decoded, exchange, error)


def note_unread(decoded: Decoded, exchange: Exchange) -> None:
    """No answer could be made out: not understood, unless an error or the cut-off explains it."""
    if exchange.complete and decoded.error_type is None:
        decoded.understood = False


def is_error(exchange: Exchange, value: Any) -> bool:
    """True for an HTTP error, and for a body that holds an error object in a successful one's place."""
    if exchange.status is not None and exchange.status >= 400:
        return True
    fields = mapping(value)
    return bool(fields.get("error")) and not (fields.keys() & {"choices", "output", "candidates", "content", "data"})


def fill_error(decoded: Decoded, exchange: Exchange, value: Any) -> None:
    """Fill ``error_type`` and ``error_message`` from an error's JSON, its headers, or its plain text."""
    if isinstance(value, list) and value:
        value = value[0]
    decoded.error_type = _amazon_error_type(exchange) or _first_text(value, ERROR_TYPE_PATHS)
    message = _first_text(value, ERROR_MESSAGE_PATHS)
    if message is None and isinstance(dig(value, ("detail",)), list):
        message = compact_json(dig(value, ("detail",)))[:_TEXT_MESSAGE_CHARACTERS]
    if message is None and value is None and _content_type(exchange).startswith("text/plain"):
        message = exchange.response_body.decode("utf-8", "replace").strip()[:_TEXT_MESSAGE_CHARACTERS] or None
    decoded.error_message = message
    if decoded.error_type is None:
        code = dig(value, ("error", "code"))
        if isinstance(code, int):
            decoded.error_type = str(code)
        elif exchange.status is not None and exchange.status >= 400:
            decoded.error_type = f"http_{exchange.status}"


def exception_event(event: StreamEvent) -> Any:
    """An error event of any API's stream as an error body, or None when the event is no error."""
    data = mapping(event.data)
    if event.name is not None and event.name.startswith("exception:"):
        return {"error": {"type": event.name.removeprefix("exception:"), "message": dig(data, ("message",))}}
    if data.get("type") == "error" and not data.get("error"):
        return {"error": {key: data.get(key) for key in ("code", "message", "type") if data.get(key) not in (None, "error")}}
    if data.get("error"):
        return data
    if event.name == "error":
        return {"error": {"message": text(data.get("message")) or compact_json(event.data)}}
    return None


def _read_json(body: bytes, content_type: str) -> Answer:
    if "ndjson" not in content_type and "jsonl" not in content_type:
        understood, value = parse_json(body)
        if understood:
            return Answer("value", value)
    if body.lstrip()[:1] == b"[":
        elements, whole = parse_json_array(body)
        return Answer("events", events=tuple(StreamEvent(None, element) for element in elements), clean=whole)
    values, clean = parse_json_lines(body)
    if not values:
        return Answer("opaque", clean=False)
    return Answer("events", events=tuple(StreamEvent(None, value) for value in values), clean=clean)


def _read_server_sent_events(body: bytes) -> Answer:
    raw, tail = parse_events((body,))
    clean = True
    events: list[StreamEvent] = []
    for name, data in raw if tail is None else (*raw, tail):
        if data.startswith("[DONE]"):
            continue
        understood, value = parse_json(data)
        if understood:
            events.append(StreamEvent(name, value))
        else:
            clean = False
    return Answer("events", events=tuple(events), clean=clean)


def _read_amazon_messages(body: bytes) -> Answer:
    messages, fault = parse_messages(body)
    clean = fault is None
    events: list[StreamEvent] = []
    for headers, payload in messages:
        kind = headers.get(":message-type")
        name: str | None
        if kind in ("exception", "error"):
            name = "exception:" + (headers.get(":exception-type") or headers.get(":error-code") or "error")
        else:
            name = headers.get(":event-type")
        understood, value = parse_json(payload)
        if not understood:
            value = {"message": headers.get(":error-message")} if kind == "error" else None
            clean = clean and kind == "error"
        if understood or kind == "error":
            events.append(StreamEvent(name, value))
    return Answer("events", events=tuple(events), clean=clean)


def _content_type(exchange: Exchange) -> str:
    for name, value in exchange.response_headers:
        if name.lower() == "content-type":
            return value.partition(";")[0].strip().lower()
    return ""


def _amazon_error_type(exchange: Exchange) -> str | None:
    if exchange.status is None or exchange.status < 400:
        return None
    value = lower_names(exchange.response_headers).get("x-amzn-errortype")
    return text(value.partition(":")[0]) if value else None


def _first_text(value: Any, paths: tuple[Path, ...]) -> str | None:
    if not isinstance(value, Mapping):
        return None
    for path in paths:
        found = dig(value, path)
        if isinstance(found, str) and found and not (path == ("type",) and found == "error"):
            return found
    return None
