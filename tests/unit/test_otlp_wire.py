"""OTLP requests as bytes: what is read, what is refused and with which status; bombs stay small."""

from __future__ import annotations

import base64
import gzip
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from fr_replay.otlp.messages import json_in
from fr_replay.otlp.signals import Signal, digest_of_log, name_of, signal_from_json, signal_to_json
from fr_replay.otlp.wire import JSON, LOGS, PROTOBUF, TRACES, RequestRefused, answer_bytes, decompressed, read_request

sys.path.insert(0, str(Path(__file__).resolve().parent))

import otlp_samples as samples

MOST = 1 << 20


def read(request: Any, kind: str = TRACES) -> list[Signal]:
    return read_request(kind, JSON, json.dumps(request).encode()).signals


def refused(status: int, *arguments: Any) -> str:
    """The reason with which a request is refused."""
    with pytest.raises(RequestRefused) as caught:
        read_request(*arguments)
    assert caught.value.status == status
    return str(caught.value)


def as_protobuf(request: Any, kind: str = TRACES) -> bytes:
    """A request in OTLP's JSON as protobuf."""
    json_format = pytest.importorskip("google.protobuf.json_format", reason="opentelemetry-proto is not installed")
    service = "trace" if kind == TRACES else "logs"
    module = pytest.importorskip(f"opentelemetry.proto.collector.{service}.v1.{service}_service_pb2", reason="needs opentelemetry-proto")
    name = "ExportTraceServiceRequest" if kind == TRACES else "ExportLogsServiceRequest"

    def with_bytes(value: Any) -> Any:
        if isinstance(value, list):
            return [with_bytes(item) for item in value]
        if not isinstance(value, dict):
            return value
        ids = ("traceId", "spanId", "parentSpanId")
        return {k: base64.b64encode(bytes.fromhex(v)).decode() if k in ids else with_bytes(v) for k, v in value.items()}

    made: bytes = json_format.ParseDict(with_bytes(request), getattr(module, name)()).SerializeToString()
    return made


EVERYTHING = samples.traces(
    samples.span(
        {"t": "é☂😀", "i": 1 << 60, "d": 0.5, "b": False, "l": ["a", 1], "m": {"k": {"n": [True]}}},
        parent=samples.ROOT,
        status={"code": 2, "message": "bad"},
        events=[{"name": "e", "timeUnixNano": "1790000000000001000", "attributes": samples.pairs({"a": 1})}],
        links=[{"traceId": "1" * 32, "spanId": "2" * 16}],
    ),
    resource={"service.name": "desk"},
)


def test_a_span_with_all_its_fields() -> None:
    """Values of every type, times in microseconds, status, events, links and the resource."""
    (span,) = read(EVERYTHING)
    assert span.attributes == {"t": "é☂😀", "i": 1 << 60, "d": 0.5, "b": False, "l": ["a", 1], "m": {"k": {"n": [True]}}}
    assert (span.trace_id, span.span_id, span.parent_span_id) == (samples.TRACE, samples.CALL, samples.ROOT)
    assert (span.started_us, span.ended_us) == (samples.STARTED_NS // 1000, samples.STARTED_NS // 1000 + 5000)
    assert (span.error, span.message, span.resource, span.scope, span.links) == (True, "bad", {"service.name": "desk"}, "s", ("1" * 32,))
    assert (span.happenings[0].name, span.happenings[0].at_us, span.happenings[0].attributes) == ("e", 1790000000000001, {"a": 1})


@pytest.mark.parametrize(
    ("kind", "request_"), [(TRACES, EVERYTHING), (LOGS, samples.logs(samples.log("e", {"content": ["x"]}, {"a": "b"})))], ids=[TRACES, LOGS]
)
def test_protobuf_says_the_same_as_json(kind: str, request_: Any) -> None:
    """The two encodings of one request give equal signals."""
    assert read_request(kind, PROTOBUF, as_protobuf(request_, kind)) == read_request(kind, JSON, json.dumps(request_).encode())


def test_signals_outlast_json() -> None:
    """What the spool keeps is what was received, and goes by the same name."""
    for signal in (*read(EVERYTHING), *read(samples.logs(samples.log("e", "text")), LOGS)):
        again = signal_from_json(json.loads(json.dumps(signal_to_json(signal))))
        assert again == signal and name_of(again) == name_of(signal)


def test_log_records_are_told_apart_by_what_they_say() -> None:
    """Equal ones have one digest, others another."""
    one, same, other = read(samples.logs(samples.log("e", "x"), samples.log("e", "x"), samples.log("e", "y")), LOGS)
    assert digest_of_log(one) == digest_of_log(same) != digest_of_log(other)


def test_log_records_outside_of_spans_are_counted() -> None:
    """They belong to no trace, which is no error."""
    loose = {"body": {"stringValue": "x"}}
    received = read_request(LOGS, JSON, json.dumps(samples.logs(loose)).encode())
    assert (received.signals, received.rejected, received.untraced) == ([], 0, 1)


BAD_SPANS: dict[str, dict[str, Any]] = {
    "no ids": {},
    "a zero trace id": samples.span(trace="0" * 32),
    "a short span id": samples.span(span_id="00ff"),
    "an id that is no hex": samples.span(span_id="zz" * 8),
    "an id that is a number": {**samples.span(), "spanId": 7},
    "a bad parent": samples.span(parent="00"),
    "a time that is none": {**samples.span(), "startTimeUnixNano": "soon"},
    "an integer that is none": samples.span(attributes=None) | {"attributes": [{"key": "a", "value": {"intValue": "x"}}]},
}


@pytest.mark.parametrize("bad", BAD_SPANS.values(), ids=BAD_SPANS)
def test_a_bad_span_does_not_keep_the_others_out(bad: dict[str, Any]) -> None:
    """It is counted, with a reason, and the answer says so in both encodings."""
    received = read_request(TRACES, JSON, json.dumps(samples.traces(bad, samples.span())).encode())
    assert len(received.signals) == 1 and received.rejected == 1 and received.reason
    answer = json.loads(answer_bytes(TRACES, JSON, received))
    assert answer["partialSuccess"]["rejectedSpans"] == "1" and answer["partialSuccess"]["errorMessage"] == received.reason


@pytest.mark.parametrize(
    ("status", "content_type", "body", "word"),
    [
        (400, JSON, b"{", "not JSON"),
        (400, JSON, b"[]", "resourceSpans"),
        (400, JSON, b'{"resourceSpans": 7}', "list"),
        (400, JSON, b'{"resourceSpans": ' + b"[" * 100_000, "nested"),
        (415, "text/plain", b"{}", "text/plain"),
        (415, "", b"{}", "content-type"),
    ],
    ids=["cut JSON", "a list", "a number", "deep", "text", "no type"],
)
def test_what_is_no_request(status: int, content_type: str, body: bytes, word: str) -> None:
    """It is refused with a reason that names what is wrong."""
    assert word in refused(status, TRACES, content_type, body)


def test_protobuf_that_is_none() -> None:
    """Cut short, of another message, or nested without end."""
    whole = as_protobuf(EVERYTHING)
    for body in (whole[:-3], b"\xff" * 50, b"not protobuf at all"):
        assert "protobuf" in refused(400, TRACES, PROTOBUF, body)


def test_values_nested_without_end_are_cut() -> None:
    """A value deeper than any message is left out below that, and the rest stays."""
    value: dict[str, Any] = {"stringValue": "core"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    made = samples.span({"fine": 1})
    made["attributes"].append({"key": "deep", "value": value})
    (span,) = read(samples.traces(made))
    assert span.attributes["fine"] == 1 and "core" not in json.dumps(span.attributes["deep"])


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("", bytes), ("identity", bytes)])
def test_encodings(encoding: str, pack: Any) -> None:
    """gzip, deflate, or none."""
    assert decompressed(pack(b"x" * 1000), encoding, MOST) == b"x" * 1000


@pytest.mark.parametrize(
    ("status", "encoding", "body"),
    [
        (413, "gzip", gzip.compress(bytes(50 << 20))),
        (413, "deflate", zlib.compress(bytes(50 << 20))),
        (400, "gzip", b"no gzip"),
        (400, "gzip", gzip.compress(b"x" * 1000)[:-9]),
        (415, "br", b"x"),
    ],
    ids=["bomb", "deflate bomb", "no gzip", "cut gzip", "br"],
)
def test_bodies_that_cannot_be_decompressed(status: int, encoding: str, body: bytes) -> None:
    """A bomb is refused once it is larger than a body may be, long before it is whole."""
    with pytest.raises(RequestRefused) as caught:
        decompressed(body, encoding, MOST)
    assert caught.value.status == status


def test_text_that_is_no_json_stays_text() -> None:
    """Attributes hold both."""
    assert json_in("{") == "{" and json_in('{"a":1}') == {"a": 1} and json_in(["x"]) == ["x"] and json_in("[" * 100_000) == "[" * 100_000
