"""OTLP requests as bytes: protobuf or JSON, plain or gzip, to signals. Whatever is wrong with one is an error with an HTTP status.

JSON is OTLP's own: ids are hex, enums are numbers, 64-bit integers are text (https://opentelemetry.io/docs/specs/otlp/). Protobuf needs the
package ``opentelemetry-proto``, which the extra ``otlp`` installs; JSON needs nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from .signals import Happening, Signal

__all__ = [
    "DROPPED",
    "JSON",
    "LOGS",
    "PROTOBUF",
    "TRACES",
    "Received",
    "RequestRefused",
    "answer_bytes",
    "decompressed",
    "read_request",
    "read_value",
]

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
TRACES = "traces"
LOGS = "logs"

_ERROR_STATUS = 2
_DEEPEST = 64
_INFLATED_AT_ONCE = 1 << 20
_ZERO_TRACE, _ZERO_SPAN = "0" * 32, "0" * 16
_HEX = frozenset("0123456789abcdef")
_HEADER = re.compile(r"(http\.(?:request|response)\.header|rpc\.\w+\.(?:request|response)\.metadata)\.(.+)", re.DOTALL)
_COOKIES = frozenset(("cookie", "set-cookie"))


class RequestRefused(Exception):
    """A request that is not taken. ``status``: of the answer; ``retry_s``: when to come again, for 429 and 503."""

    def __init__(self, status: int, reason: str, retry_s: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_s = retry_s


class Received(NamedTuple):
    """What a request holds: signals; how many items of it were not one, and why; how many were in order but outside of any trace."""

    signals: list[Signal]
    rejected: int
    reason: str | None
    untraced: int


def decompressed(body: bytes, encoding: str, most: int) -> bytes:
    """A body freed of its content-encoding: never more than ``most`` bytes are made. Raises RequestRefused."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in ("gzip", "deflate"):
        raise RequestRefused(415, f"content-encoding {encoding[:40]!r} is not known; gzip, deflate or none is")
    inflater = zlib.decompressobj(wbits=31 if name == "gzip" else 15)
    pieces: list[bytes] = []
    made, rest = 0, body
    try:
        while rest and not inflater.eof:
            piece = inflater.decompress(rest, _INFLATED_AT_ONCE)
            made += len(piece)
            if made > most:
                raise RequestRefused(413, f"the body inflates to more than {most:,} bytes; send smaller batches")
            pieces.append(piece)
            rest = inflater.unconsumed_tail
        pieces.append(inflater.flush())
    except zlib.error as error:
        raise RequestRefused(400, f"the body is not {name}: {error}") from None
    if not inflater.eof:
        raise RequestRefused(400, f"the body's {name} stream is cut off")
    return b"".join(pieces)


def read_request(kind: str, content_type: str, body: bytes) -> Received:
    """The signals of a request's body, decompressed. ``kind`` is TRACES or LOGS. Raises RequestRefused."""
    media = content_type.partition(";")[0].strip().lower()
    if media == JSON:
        return read_value(kind, _json(body))
    if media == PROTOBUF:
        return _signals(kind, _protobuf(kind, body), _base64_id)
    raise RequestRefused(415, f"content-type {content_type[:60]!r} is not known; {PROTOBUF} or {JSON} is")


def read_value(kind: str, request: Any) -> Received:
    """The signals of a request in OTLP's JSON, parsed. Raises RequestRefused."""
    return _signals(kind, request, _hex_id)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise RequestRefused(400, "the body is nested too deeply") from None
    except ValueError as error:
        raise RequestRefused(400, f"the body is not JSON: {error}") from None


def _protobuf(kind: str, body: bytes) -> Any:
    """The message as the JSON mapping has it, but for its ids, which are base64 there."""
    message, json_format = _message(kind, "Request"), import_module("google.protobuf.json_format")
    unreadable = import_module("google.protobuf.message").DecodeError
    try:
        message.ParseFromString(body)
        return json_format.MessageToDict(message, use_integers_for_enums=True)
    except (unreadable, RecursionError, ValueError) as error:
        raise RequestRefused(400, f"the body is not a protobuf message of OTLP {kind}: {error}") from None


def _message(kind: str, part: str) -> Any:
    """An empty message of OTLP's service. Raises RequestRefused where the package is not installed."""
    word, stem = ("trace", "Trace") if kind == TRACES else ("logs", "Logs")
    try:
        module = import_module(f"opentelemetry.proto.collector.{word}.v1.{word}_service_pb2")
    except ImportError:
        raise RequestRefused(
            415, f"{PROTOBUF} needs `pip install 'fr-flight-recorder[otlp]'` where fr runs; {JSON} (OTEL_EXPORTER_OTLP_PROTOCOL) does not"
        ) from None
    return getattr(module, f"Export{stem}Service{part}")()


def answer_bytes(kind: str, content_type: str, received: Received) -> bytes:
    """The answer to a request that was taken, in the encoding that the request had."""
    name = "rejectedSpans" if kind == TRACES else "rejectedLogRecords"
    partial = {name: str(received.rejected), "errorMessage": received.reason or ""} if received.rejected else None
    if content_type.partition(";")[0].strip().lower() == JSON:
        return json.dumps({"partialSuccess": partial} if partial else {}).encode()
    answer = _message(kind, "Response")
    if partial:
        import_module("google.protobuf.json_format").ParseDict({"partialSuccess": partial}, answer)
    made: bytes = answer.SerializeToString()
    return made


# -- from OTLP's JSON mapping


class _Odd(ValueError):
    """An item that is none."""


def _hex_id(text: Any) -> str:
    found = text.lower() if isinstance(text, str) else ""
    if not _HEX.issuperset(found):
        raise _Odd(f"{str(text)[:40]!r} is no id in hex")
    return found


def _base64_id(text: Any) -> str:
    try:
        return base64.b64decode(text or "", validate=True).hex()
    except (binascii.Error, TypeError, ValueError):
        raise _Odd(f"{str(text)[:40]!r} is no id") from None


def _signals(kind: str, request: Any, read_id: Any) -> Received:
    groups, scopes, items = ("resourceSpans", "scopeSpans", "spans") if kind == TRACES else ("resourceLogs", "scopeLogs", "logRecords")
    if not isinstance(request, dict):
        raise RequestRefused(400, f"an OTLP request is an object with {groups}, not {type(request).__name__}")
    received: list[Signal] = []
    rejected, untraced, reason = 0, 0, None
    for group in _objects(request.get(groups)):
        resource = _attributes(_object(group.get("resource")).get("attributes"))
        for scope in _objects(group.get(scopes)):
            said = _object(scope.get("scope"))
            name = " ".join(str(said[key]) for key in ("name", "version") if said.get(key))
            for item in _objects(scope.get(items)):
                try:
                    signal = (_span if kind == TRACES else _log)(item, resource, name, read_id)
                except (_Odd, TypeError, ValueError, AttributeError, RecursionError) as problem:
                    rejected, reason = rejected + 1, reason or str(problem) or type(problem).__name__
                    continue
                if signal is None:
                    untraced += 1
                else:
                    received.append(signal)
    return Received(received, rejected, reason, untraced)


def _span(item: Mapping[str, Any], resource: Mapping[str, Any], scope: str, read_id: Any) -> Signal:
    trace_id, span_id, parent = read_id(item.get("traceId")), read_id(item.get("spanId")), read_id(item.get("parentSpanId") or "")
    if len(trace_id) != 32 or trace_id == _ZERO_TRACE or len(span_id) != 16 or span_id == _ZERO_SPAN:
        raise _Odd(f"a span has trace id {trace_id!r} and span id {span_id!r}")
    if parent not in ("", _ZERO_SPAN) and len(parent) != 16:
        raise _Odd(f"span {span_id} has parent {parent!r}")
    status = _object(item.get("status"))
    happenings = tuple(
        Happening(str(event.get("name") or ""), _microseconds(event.get("timeUnixNano")), _attributes(event.get("attributes")))
        for event in _objects(item.get("events"))
    )
    return Signal(
        is_log=False,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent if parent not in ("", _ZERO_SPAN) else None,
        name=str(item.get("name") or ""),
        started_us=_microseconds(item.get("startTimeUnixNano")),
        ended_us=_microseconds(item.get("endTimeUnixNano")),
        error=status.get("code") in (_ERROR_STATUS, "STATUS_CODE_ERROR"),
        message=str(status["message"]) if status.get("message") else None,
        attributes=_attributes(item.get("attributes"), item.get("droppedAttributesCount")),
        happenings=happenings,
        resource=resource,
        scope=scope,
        links=tuple(read_id(link.get("traceId")) for link in _objects(item.get("links"))),
    )


def _log(item: Mapping[str, Any], resource: Mapping[str, Any], scope: str, read_id: Any) -> Signal | None:
    """A log record; None for one outside of any span: it is no part of a trace."""
    trace_id, span_id = read_id(item.get("traceId") or ""), read_id(item.get("spanId") or "")
    if trace_id in ("", _ZERO_TRACE) or span_id in ("", _ZERO_SPAN):
        return None
    if len(trace_id) != 32 or len(span_id) != 16:
        raise _Odd(f"a log record has trace id {trace_id!r} and span id {span_id!r}")
    attributes = _attributes(item.get("attributes"), item.get("droppedAttributesCount"))
    name = item.get("eventName") or attributes.get("event.name") or ""
    at = _microseconds(item.get("timeUnixNano")) or _microseconds(item.get("observedTimeUnixNano"))
    body = _value(item["body"], 0) if item.get("body") is not None else None
    return Signal(True, trace_id, span_id, None, str(name), at, attributes=attributes, body=body, resource=resource, scope=scope)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if value is None:
        return
    if not isinstance(value, list):
        raise RequestRefused(400, f"{type(value).__name__} stands where a list is expected")
    for item in value:
        if isinstance(item, dict):
            yield item


def _microseconds(nanoseconds: Any) -> int | None:
    """Microseconds of nanoseconds, a number or text; None for 0, which is OTLP's word for unknown."""
    found = int(nanoseconds or 0) // 1000
    return found if found > 0 else None


DROPPED = "otel.dropped_attributes"
"""Under this name stands how many attributes the sender's own limits took away."""


def _attributes(pairs: Any, dropped: Any = None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in _objects(pairs):
        name, value = str(pair.get("key") or ""), _value(pair.get("value"), 0)
        header = _HEADER.fullmatch(name)
        if header is None:
            found[name] = value
        else:
            # Under names of their own redaction knows what headers hold; of cookies nothing is to be kept.
            headers = found.setdefault(header[1], {})
            headers[header[2]] = "[left out: a cookie]" if header[2].lower() in _COOKIES else value
    if dropped:
        found[DROPPED] = int(dropped)
    return found


def _value(value: Any, depth: int) -> Any:
    """The plain value of an AnyValue."""
    if not isinstance(value, dict) or depth > _DEEPEST:
        return None
    for name, made in value.items():
        if name in ("stringValue", "boolValue", "bytesValue"):
            return made
        if name == "intValue":
            return int(made)
        if name == "doubleValue":
            return float(made)
        if name == "arrayValue":
            return [_value(item, depth + 1) for item in _list_of(made)]
        if name == "kvlistValue":
            return {str(pair.get("key") or ""): _value(pair.get("value"), depth + 1) for pair in _list_of(made)}
    return None


def _list_of(value: Any) -> Sequence[Any]:
    values = _object(value).get("values")
    return values if isinstance(values, list) else ()
