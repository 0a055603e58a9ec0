"""Events from crossings: everything redacted, every outcome named as what it was, nothing served that has a hole in it."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fr_recorder.encoder import http_outcome, text_headers
from fr_recorder.redact import RedactionFailed
from fr_recorder.redact.redactor import RedactedBody
from fr_recorder.trace_context import TraceContext
from fr_recorder.values import pack

sys.path.insert(0, str(Path(__file__).resolve().parent))

from recorder_rig import CHAT_URL, JSON_HEADERS, TRACE, Rig, bytes_of_store, redactor

SECRET = "joe@example.org"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def span_of(rig: Rig, crossing: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Begin and end of a crossing, as a reader of the journal has them."""
    span = rig.folded().spans[TRACE, crossing.span]
    return span.begin, span.end or {}


# -- requests


def test_request_is_recorded_redacted(rig: Rig) -> None:
    """Headers, URL, body and location; the hits say where."""
    crossing = rig.begin_http(json.dumps({"messages": [SECRET]}).encode(), url=f"{CHAT_URL}?api_key=sk-planted-1&mail={SECRET}")
    begin, _ = span_of(rig, crossing)
    assert begin["method"] == "POST" and begin["via"] == "httpx" and begin["rstatus"] == "redacted"
    assert dict(begin["headers"])["content-type"] == "application/json"
    paths = {path for path, _, _ in begin["redactions"]}
    assert paths == {"headers.authorization", "url.query.api_key", "url.query.mail", "body.messages"}
    stored = bytes_of_store(rig.store)
    for secret in (SECRET, "sk-planted"):
        assert secret.encode() not in stored


def test_equal_hits_are_counted_together(rig: Rig) -> None:
    """One entry per place and detector."""
    begin, _ = span_of(rig, rig.begin_http(json.dumps({"messages": [SECRET, SECRET, SECRET]}).encode()))
    mails = [hit for hit in begin["redactions"] if hit[1] == "email"]
    assert [count for _, _, count in mails] == [3]


def test_location_is_redacted_for_every_kind(rig: Rig) -> None:
    """A path may name a person."""
    code = compile("1", f"/srv/{SECRET}/agent.py", "exec")

    class Point:
        kind, span, at, start, end_at, end, lane, lane_seq, issue, error = "span", "5" * 16, 10**9, 0, 5, "ok", rig.lane, -1, 3, None
        name, location, context, data = "work", (code, 7), TraceContext(TRACE), pack({})

        def take_end_order(self) -> None:
            """Spans take no place."""

    from fr_recorder.boundary import ToolCall
    from fr_recorder.crossings import RecordedHttp, RecordedTool

    stand_in: Any = rig
    point: Any = Point()
    events = [
        rig.encoder.begin_span(point),
        rig.encoder.decision(point),
        rig.encoder.begin_http(RecordedHttp(stand_in, TraceContext(TRACE), rig.lane, "httpx", "GET", CHAT_URL, [], b"", (code, 7))),
        rig.encoder.begin_tool(
            RecordedTool(
                stand_in, TraceContext(TRACE), rig.lane, ToolCall("tool_call", "t", {}, "none", "function", (code, 7), {}), pack({})
            )
        ),
    ]
    for event in events:
        assert event["loc"].startswith("/srv/[[fr:email:") and event["loc"].endswith("agent.py:7 in <module>")
        assert event["rstatus"] == "redacted"
    point.location = None
    assert rig.encoder.begin_span(point)["loc"] is None


LABELS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({}, {}),
    ({"session": "s-1", "tags": {"plan": "pro"}}, {"session": "s-1", "tags": {"plan": "pro"}}),
    ({"session": 17, "tenant": Decimal("1.5"), "task": ["a"]}, {"session": "17", "tenant": "1.5", "task": "['a']"}),
    ({"agent": None}, {"agent": "None"}),
)


@pytest.mark.parametrize(("labels", "expected"), LABELS)
def test_labels_are_text(rig: Rig, labels: dict[str, Any], expected: dict[str, Any]) -> None:
    """Whatever the application gives, an event can hold it and a column too."""
    assert rig.encoder.labels(TraceContext(TRACE, None, labels), []) == expected


def test_user_is_a_pseudonym(rig: Rig) -> None:
    """The same for the same user, of any type, and nothing of the user in it; other labels are redacted."""
    hits: list[Any] = []
    found = rig.encoder.labels(TraceContext(TRACE, None, {"user": "ann", "session": SECRET}), hits)
    assert found["user"] == rig.encoder.pseudonym("ann") != rig.encoder.pseudonym("bob")
    assert found["user"].startswith("u_") and "ann" not in found["user"]
    assert SECRET not in found["session"] and len(hits) == 1
    assert rig.encoder.pseudonym(17) == rig.encoder.pseudonym("17")
    assert rig.encoder.pseudonym("\ud800")


# -- answers

OUTCOMES: tuple[tuple[str | None, int | None, str], ...] = (
    # end, status, outcome
    ("eof", 200, "ok"),
    ("closed", 200, "ok"),
    ("cut", 200, "error"),
    ("eof", 304, "ok"),
    ("eof", 400, "error"),
    ("eof", 503, "error"),
    ("abandoned", 200, "abandoned"),
    ("abandoned", 500, "error"),
    ("error", 200, "error"),
    ("error", None, "error"),
    ("cancelled", None, "cancelled"),
    ("cancelled", 200, "cancelled"),
    ("closed", None, "error"),
)


@pytest.mark.parametrize(("end", "status", "outcome"), OUTCOMES)
def test_outcome_of_an_exchange(rig: Rig, end: str, status: int | None, outcome: str) -> None:
    """What the program got."""
    crossing = rig.begin_http()
    if status is not None:
        crossing.answered(status, JSON_HEADERS, "HTTP/1.1")
    crossing.finish(end)
    assert http_outcome(crossing) == outcome == span_of(rig, crossing)[1]["status"]


def test_deliveries_are_differences(rig: Rig) -> None:
    """Order, microseconds, bytes and turns: summed up they are the recorded ones, the headers first and the end last."""
    crossing = rig.begin_http()
    crossing.answered(200, [("content-type", "text/plain")], "HTTP/1.1")
    for chunk in (b"one", b"", b"three"):
        crossing.chunk(chunk)
    crossing.finish("eof")
    rows = span_of(rig, crossing)[1]["del"]
    assert [row[2] for row in rows] == [0, 3, 0, 5, 0]
    totals = [sum(row[0] for row in rows[: n + 1]) for n in range(len(rows))]
    assert [crossing.issue + total for total in totals] == [order for order, _, _, _ in crossing.deliveries]
    assert sum(row[1] for row in rows) == crossing.deliveries[-1][1] // 1000


def test_chunk_borders_move_with_the_redaction(rig: Rig) -> None:
    """Sizes refer to the redacted body; a secret over two chunks ends up in one of them."""
    crossing = rig.begin_http()
    crossing.answered(200, [("content-type", "text/plain")], "HTTP/1.1")
    for chunk in (b"mail joe@exa", b"mple.org now", b" or never"):
        crossing.chunk(chunk)
    crossing.finish("eof")
    _, end = span_of(rig, crossing)
    body = rig.joined(end["rbody"])
    assert end["changed"] and b"joe" not in body
    sizes = [row[2] for row in end["del"]]
    assert len(sizes) == 5 and sum(sizes) == len(body) == end["rlen"]
    assert body.endswith(b" or never") and sizes[3] == len(b" or never")


@pytest.mark.parametrize("cuts", [[], [30], [5, 10, 15, 20]])
def test_compressed_answer_is_kept_both_ways(rig: Rig, cuts: list[int]) -> None:
    """As transferred, for replay, and decoded, for reading."""
    content = json.dumps({"answer": "hello " * 50}).encode()
    wire = gzip.compress(content)
    crossing = rig.begin_http()
    crossing.answered(200, [*JSON_HEADERS, ("content-encoding", "gzip")], "HTTP/1.1")
    for start, stop in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        crossing.chunk(wire[start:stop])
    crossing.finish("eof")
    _, end = span_of(rig, crossing)
    assert rig.joined(end["rbody"]) == content and rig.joined(end["wire"]) == wire
    assert sum(row[2] for row in end["del"]) == len(wire)
    assert end["enc"] == "gzip" and "changed" not in end


def test_compressed_answer_with_a_secret_is_kept_decoded_only(rig: Rig) -> None:
    """The transferred bytes hold the secret."""
    content = json.dumps({"answer": f"mail {SECRET}"}).encode()
    crossing = rig.begin_http()
    crossing.answered(200, [*JSON_HEADERS, ("content-encoding", "gzip")], "HTTP/1.1")
    crossing.chunk(gzip.compress(content))
    crossing.finish("eof")
    _, end = span_of(rig, crossing)
    assert "wire" not in end and end["changed"]
    assert sum(row[2] for row in end["del"]) == end["rlen"] == len(rig.joined(end["rbody"]))


def test_bytes_behind_a_compressed_answer_are_not_kept(rig: Rig) -> None:
    """They were not decoded and so not looked through: the decoded body is kept, and no byte of them."""
    canary = b"sk-canary-behind-the-end"
    crossing = rig.begin_http()
    crossing.answered(200, [*JSON_HEADERS, ("content-encoding", "gzip")], "HTTP/1.1")
    crossing.chunk(gzip.compress(b'{"a":1}') + canary)
    crossing.finish("eof")
    _, end = span_of(rig, crossing)
    assert "wire" not in end and rig.joined(end["rbody"]) == b'{"a":1}'
    assert sum(row[2] for row in end["del"]) == len(b'{"a":1}')
    assert canary not in bytes_of_store(rig.store)


def test_answer_that_cannot_be_decoded_is_left_out(rig: Rig) -> None:
    """Undecoded bytes cannot be looked through; the record says what is missing and why."""
    for encoding, data in (("aes128gcm", b"secret bytes"), ("gzip", b"not gzip at all")):
        crossing = rig.begin_http()
        crossing.answered(200, [*JSON_HEADERS, ("content-encoding", encoding)], "HTTP/1.1")
        crossing.chunk(data)
        crossing.finish("eof")
        _, end = span_of(rig, crossing)
        assert end["rstatus"] == "failed" and "rbody" not in end and "wire" not in end
        assert any(path == "response" and "not stored" in why for path, why, _ in end["redactions"])
        assert data not in bytes_of_store(rig.store)


def test_answer_without_a_body_has_none(rig: Rig) -> None:
    """Which is not the same as one that is missing."""
    _, end = span_of(rig, rig.http(answer=b""))
    assert end["rlen"] == 0 and "rbody" not in end
    (row,) = [row for row in rig.rows() if row["kind"] in ("llm_attempt", "http_call")]
    assert row["response_parts"] == [] and row["replay_level"] == "exact_io"


def test_failure_is_recorded_with_its_state(rig: Rig) -> None:
    """Class, redacted message, traceback, arguments: enough to raise it again."""
    crossing = rig.begin_http()
    try:
        raise ConnectionResetError(104, f"reset by {SECRET}")
    except ConnectionResetError as error:
        crossing.finish("error", error)
    _, end = span_of(rig, crossing)
    assert end["err"] == "builtins.ConnectionResetError" and "[[fr:email:" in end["msg"]
    assert json.loads(rig.joined(end["estate"]))["args"][0] == 104
    assert b"ConnectionResetError" in rig.joined(end["trace_text"])
    assert SECRET.encode() not in bytes_of_store(rig.store)


# -- tools


def test_tool_values_are_redacted_leaf_by_leaf(rig: Rig) -> None:
    """Rich types stay readable as what they are."""
    from fr_recorder.values import unpack

    crossing = rig.tool({"to": SECRET, "pair": (1, SECRET)}, {"when": (SECRET,)})
    begin, end = span_of(rig, crossing)
    arguments = unpack(begin["aform"], rig.joined(begin["args"]).decode())
    result = unpack(end["form"], rig.joined(end["result"]).decode())
    assert (
        isinstance(arguments["pair"], tuple) and arguments["pair"][1].startswith("[[fr:email:") and arguments["to"] == arguments["pair"][1]
    )
    assert result["when"][0] == arguments["to"]
    assert begin["rstatus"] == end["rstatus"] == "redacted"
    assert SECRET.encode() not in bytes_of_store(rig.store)


@pytest.mark.parametrize("value", ["text", b"bytes \xff", {"a": 1}, (1,), None], ids=repr)
def test_result_comes_back(rig: Rig, value: Any) -> None:
    """By its form."""
    from fr_recorder.values import unpack

    _, end = span_of(rig, rig.tool({}, value))
    data = rig.joined(end["result"])
    assert unpack(end["form"], data if end["form"] == "bytes" else data.decode()) == value
    assert end["len"] == len(data)


def test_items_of_a_generator_are_one_list(rig: Rig) -> None:
    """Each with its form, bytes in base64, redacted one by one."""
    crossing = rig.begin_tool({})
    for item in ("text", b"\xff\0", {"a": SECRET}, (1,)):
        crossing.yielded(item)
    crossing.returned(None)
    _, end = span_of(rig, crossing)
    rows = json.loads(rig.joined(end["result"]))
    assert end["form"] == "iterator" and [form for form, _ in rows] == ["text", "bytes", "json", "typed"]
    assert base64.b64decode(rows[1][1]) == b"\xff\0" and "[[fr:email:" in rows[2][1]
    assert [row[2] for row in end["del"]][:4] == [1, 1, 1, 1]


def test_list_with_a_hole_is_no_result(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """One item could not be redacted: replay must not serve the others as if they were all."""
    monkeypatch.setattr(type(redactor()), "body", lambda *_, **__: RedactedBody(b"", [], [], "failed"))
    crossing = rig.begin_tool({})
    for item in (b"one", "two"):
        crossing.yielded(item)
    crossing.returned(None)
    _, end = span_of(rig, crossing)
    assert (end["result"], end["rstatus"], end["form"]) == ([], "failed", "iterator")
    (row,) = [row for row in rig.rows() if row["kind"] == "tool_call"]
    assert row["replay_level"] == "none"


def test_facts_of_any_type_are_recorded(rig: Rig) -> None:
    """A usage count that is a Decimal, a model that is an object of the client's: text, rather than a lost event."""
    crossing = rig.begin_tool({}, kind="llm_call", facts={"model": Decimal(1)})
    crossing.extra["response"] = {"usage": {"input_tokens": Decimal(5)}, "raw": object()}
    crossing.returned("x")
    begin, end = span_of(rig, crossing)
    assert begin["facts"] == {"model": "1"} and end["facts"]["response"]["usage"] == {"input_tokens": "5"}


def test_redactor_that_fails_is_not_passed_over(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error goes up to the writer, which leaves the content out."""

    def fail(*_: Any, **__: Any) -> Any:
        raise RedactionFailed("no")

    monkeypatch.setattr(type(redactor()), "value", fail)
    with pytest.raises(RedactionFailed):
        rig.begin_tool({"a": 1})


def test_output_is_redacted_or_left_out(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program prints is content like any other."""
    event = rig.encoder.output("stdout", f"mail {SECRET}\n".encode(), TRACE)
    assert (event["src"], event["rstatus"], len(event["body"])) == ("stdout", "redacted", 1)
    monkeypatch.setattr(type(redactor()), "body", lambda *_, **__: RedactedBody(b"", [], [], "failed"))
    assert rig.encoder.output("stdout", b"x", TRACE)["body"] == []


def test_headers_are_text() -> None:
    """Whatever a client library keeps them as."""
    assert text_headers([(b"A", b"\xe4"), ("B", "c"), ("D", 5)]) == [("A", "ä"), ("B", "c"), ("D", "5")]
