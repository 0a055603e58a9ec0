"""Facts that only the program can tell: each becomes a row with what was said, redacted, and nothing of it reaches the program."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fr_recorder as fr
from fr_recorder import facts, notices
from fr_recorder.crossings import RecordedHttp
from fr_recorder.documents import read_documents
from fr_recorder.lanes import Lane
from fr_recorder.request_links import request_links
from fr_recorder.trace_context import TraceContext, current_context, reset_context, set_context
from fr_schema.fact_rows import FACT_KINDS
from fr_schema.rows import RowBuilder

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fact_rig import in_lane, of_kind, record_facts, text_of
from recorder_rig import ANSWER, CHAT_URL, JSON_HEADERS, OTHER_TRACE, TRACE, Rig, bytes_of_store, redactor

SECRET = "joe@example.org"


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    record_facts(rig, monkeypatch)
    yield rig
    request_links.forget()


def body(*messages: str) -> bytes:
    return json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text} for text in messages]}).encode()


Told = tuple[str, Callable[[], Any], dict[str, Any], dict[str, str], dict[str, Any]]

TOLD: tuple[Told, ...] = (
    # kind, call, columns, content by column, detail
    ("score", lambda: fr.score("helpful", 4.2), {"name": "helpful", "score_value": 4.2, "fact_value": None}, {}, {}),
    ("score", lambda: fr.score("n", 3), {"score_value": 3.0}, {}, {}),
    ("score", lambda: fr.score("ok", True), {"score_value": 1.0, "fact_value": "true"}, {}, {}),
    ("score", lambda: fr.score("grade", "B", comment="why"), {"score_value": None, "fact_value": "B", "reason": "why"}, {}, {}),
    ("score", lambda: fr.score("odd", math.nan), {"score_value": None, "fact_value": "nan"}, {}, {}),
    (
        "score",
        lambda: fr.score("x", 1, decision=3, source="model", rubric=2),
        {"about_step": 3, "by_source": "model"},
        {},
        {"data": {"rubric": 2}},
    ),
    ("score", lambda: fr.score("x", 1, decision="00000000000000aB"), {"about_span_id": bytes.fromhex("00000000000000ab")}, {}, {}),
    (
        "review",
        lambda: fr.review("approved", by="ann", tool="refund", tool_call_id="c1", seconds=2.5, reason="ok"),
        {"fact_value": "approved", "tool_name": "refund", "tool_call_id": "c1", "reason": "ok", "by_source": "human", "name": None},
        {},
        {"seconds": 2.5},
    ),
    (
        "memory",
        lambda: fr.memory("update", "pref", {"a": 1}, before="x", after="y", store="prefs"),
        {"name": "prefs", "fact_value": "update"},
        {"fact_blob": '{"a":1}', "before_blob": "x", "after_blob": "y"},
        {"item": "pref"},
    ),
    (
        "guardrail",
        lambda: fr.guardrail("pii", "changed", stage="output", before="a", after="b", reason="r"),
        {"name": "pii", "fact_value": "changed", "reason": "r"},
        {"before_blob": "a", "after_blob": "b"},
        {"stage": "output"},
    ),
    ("control", lambda: fr.control("kill", False, before=True), {"name": "kill", "fact_value": "off"}, {}, {"before": "on"}),
    ("control", lambda: fr.control("breaker", "open"), {"fact_value": "open"}, {}, {}),
    ("handoff", lambda: fr.handoff("human", giver="desk", content={"x": 1}), {"name": "human"}, {"fact_blob": '{"x":1}'}, {"from": "desk"}),
    (
        "context",
        lambda: fr.context(policy="last-2", dropped=["m"], dropped_tokens=7),
        {"name": "last-2"},
        {"fact_blob": '["m"]'},
        {"dropped_count": 1, "dropped_tokens": 7},
    ),
    ("context", lambda: fr.context(dropped=5), {"fact_blob": None}, {}, {"dropped_count": 5}),
    (
        "config",
        lambda: fr.config("k", {"b": 1, "a": None}),
        {"name": "k", "config_sha256": hashlib.sha256(b'{"a":null,"b":1}').digest()},
        {"fact_blob": '{"b":1,"a":null}'},
        {},
    ),
    ("config", lambda: fr.config("k", None), {"config_sha256": hashlib.sha256(b"null").digest()}, {"fact_blob": "null"}, {}),
    ("config", lambda: fr.config("k", lambda: 1), {"name": "k", "config_sha256": None}, {}, {}),
    ("flags", lambda: fr.flags({"a": True, "b": None, 3: "x"}), {"flags": [("a", "true"), ("b", "none"), ("3", "x")]}, {}, {}),
    (
        "compensation",
        lambda: fr.compensated("json_repair", before="{", after="{}"),
        {"fact_value": "json_repair"},
        {"before_blob": "{", "after_blob": "{}"},
        {},
    ),
    (
        "fallback",
        lambda: fr.fallback("cache", value="v", primary="m", reason="429"),
        {"served_by": "cache", "reason": "429"},
        {"fact_blob": "v"},
        {"from": "m"},
    ),
    (
        "retrieval",
        lambda: fr.retrieval("q", [], index="faq", index_version="7", embed_model="e", seconds=0.5),
        {"fact_value": "faq", "document_ids": []},
        {"fact_blob": "q"},
        {"index_version": "7", "embed_model": "e", "seconds": 0.5},
    ),
    (
        "prompt",
        lambda: fr.prompt("Hi {who}", "greet", 4, who="ann"),
        {"name": "greet", "fact_value": "4"},
        {"before_blob": "Hi {who}", "after_blob": "Hi ann", "fact_blob": '{"who":"ann"}'},
        {},
    ),
)


@pytest.mark.parametrize(("kind", "call", "columns", "content", "detail"), TOLD)
def test_fact_is_a_row(
    rig: Rig, kind: str, call: Callable[[], Any], columns: dict[str, Any], content: dict[str, str], detail: dict[str, Any]
) -> None:
    """Every call fills its columns, its content by part, and its detail."""
    call()
    row = of_kind(rig, kind)
    assert (row["phase"], row["status"], row["trace_id"].hex(), row["truncated"]) == ("point", None, TRACE, None)
    assert {name: row[name] for name in columns} == columns
    assert {name: text_of(rig, row[name]) for name in content} == content
    assert (json.loads(row["detail"]) if row["detail"] else {}) == detail
    assert row["code_location"] is not None and "test_facts.py" in row["code_location"]


def test_every_kind_is_told_of_by_some_call() -> None:
    """The table above leaves none out."""
    assert {row[0] for row in TOLD} == FACT_KINDS.keys()


def test_everything_said_is_redacted(rig: Rig) -> None:
    """Names, reasons, contents, documents, variables: a canary in any of them is in no byte of the store."""
    fr.score(SECRET, SECRET, comment=SECRET, by=SECRET, source=SECRET, more=SECRET)
    fr.review(SECRET, by=SECRET, tool=SECRET, reason=SECRET)
    fr.retrieval(
        SECRET, [{"id": SECRET, "text": SECRET}], index=SECRET, index_version=SECRET, used=[SECRET], name=SECRET, embed_model=SECRET
    )
    fr.memory(SECRET, SECRET, SECRET, before=SECRET, after=[SECRET], store=SECRET)
    fr.guardrail(SECRET, SECRET, stage=SECRET, before=SECRET)
    fr.control(SECRET, SECRET, before=SECRET, by=SECRET)
    fr.handoff(SECRET, giver=SECRET, content={"a": SECRET})
    fr.prompt("{a} and more words that are long", SECRET, SECRET, a=SECRET)
    fr.context(policy=SECRET, dropped=[SECRET])
    fr.config(SECRET, {"a": SECRET})
    fr.flags({"flag": SECRET})
    fr.compensated(SECRET, before=SECRET)
    fr.fallback(SECRET, primary=SECRET, value=SECRET)
    rig.http(body(f"{SECRET} and more words that are long", SECRET))
    assert len(rig.rows()) > 13
    assert SECRET.encode() not in bytes_of_store(rig.store)
    assert all(row["redaction_status"] == "redacted" for row in rig.rows() if row["kind"] in FACT_KINDS)


def test_person_is_a_pseudonym_like_a_user(rig: Rig) -> None:
    """Who scored is the same u_... as that person as a user."""
    fr.score("a", 1, by="ann")
    row = of_kind(rig, "score")
    assert row["by_ref"] == rig.encoder.pseudonym("ann") and row["by_source"] == "human"


class Awkward:
    """Raises whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("no items")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise RuntimeError("no pickle")


AWKWARD: tuple[Callable[[], Any], ...] = (
    lambda: fr.score(Awkward(), Awkward()),  # type: ignore[arg-type]
    lambda: fr.score("a", 1, trace=Awkward()),
    lambda: fr.score("a", 1, decision=Awkward()),  # type: ignore[arg-type]
    lambda: fr.score("a"),  # type: ignore[call-arg]
    lambda: fr.review("x", seconds=Awkward()),  # type: ignore[arg-type]
    lambda: fr.retrieval(Awkward(), Awkward()),
    lambda: fr.retrieval("q", [Awkward()]),
    lambda: fr.retrieval("q", [], used=Awkward()),
    lambda: fr.memory("w", "k", Awkward()),
    lambda: fr.config("k", Awkward()),
    lambda: fr.flags(Awkward()),  # type: ignore[arg-type]
    lambda: fr.context(dropped=Awkward()),
    lambda: fr.compensated(Awkward(), before=Awkward()),  # type: ignore[arg-type]
    lambda: fr.handoff(Awkward()),  # type: ignore[arg-type]
)


@pytest.mark.parametrize("call", AWKWARD)
def test_no_call_raises(rig: Rig, call: Callable[[], Any]) -> None:
    """Whatever the program hands over."""
    call()


@pytest.mark.parametrize("call", [row[1] for row in TOLD] + list(AWKWARD))
def test_without_a_recorder_nothing_happens(call: Callable[[], Any]) -> None:
    """As in replay, where these calls record nothing and take no place in the order."""
    call()
    assert request_links.of_request(TRACE, body("Hi ann")) == {}


@pytest.mark.parametrize("trace", ["xyz", "12", TRACE[:-1] + "g", "", 7])
def test_a_trace_that_is_none_is_refused_and_said(
    rig: Rig, trace: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line; no row under another trace."""
    monkeypatch.setattr(notices, "_told", set())
    fr.score("a", 1, trace=trace)
    fr.score("b", 1)
    assert of_kind(rig, "score")["name"] == "b"
    assert capfd.readouterr().err == "fr: fr.score() recorded nothing: trace= is not a trace id of 32 hex digits\n"


@pytest.mark.parametrize("decision", [0, -1, True, "zz", "12", 1.5])
def test_a_decision_that_is_none_is_refused(rig: Rig, decision: Any) -> None:
    """Neither a step nor a span id."""
    fr.score("a", 1, decision=decision)
    fr.score("b", 1)
    assert of_kind(rig, "score")["name"] == "b"


def test_a_fact_about_another_trace_is_of_that_trace(rig: Rig) -> None:
    """And of no run of ours; labels of the code around are not taken over."""
    token = set_context(TraceContext(TRACE, "1" * 16, {"session": "s-1", "user": "ann"}))
    try:
        fr.score("late", 1, trace=OTHER_TRACE)
        fr.score("here", 2, trace=TRACE)
    finally:
        reset_context(token)
    late, here = [row for row in rig.rows() if row["kind"] == "score"]
    assert (late["trace_id"].hex(), late["session_id"], late["parent_span_id"], late["run_id"]) == (OTHER_TRACE, None, None, None)
    assert (here["trace_id"].hex(), here["session_id"], here["parent_span_id"]) == (TRACE, "s-1", bytes.fromhex("1" * 16))


def test_a_fact_that_cannot_be_redacted_is_there_without_its_content(rig: Rig) -> None:
    """Fail closed: kind, time and place stay."""

    class Failing:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    rig.encoder._redactor = Failing()  # type: ignore[assignment]

    class Writer:
        new_span_id = rig.new_span_id

        def put_begin(self, fact: Any, size: int) -> None:
            with pytest.raises(RuntimeError):
                rig.session.begin(fact)
            rig.encoder._redactor = redactor()
            rig.write(rig.session.bare("begin", fact))

    class Place:
        trace, labels, writer = TRACE, {}, Writer()

    facts.put_fact("score", "a", facts={"score_value": 1.0}, into=Place())  # type: ignore[arg-type]
    row = of_kind(rig, "score")
    assert (row["redaction_status"], row["score_value"], row["name"]) == ("failed", None, None)


# -- documents


class Found:
    """A document as LangChain has it."""

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)


SHAPES: tuple[tuple[Any, tuple[str | None, str | None, float | None]], ...] = (
    ("text", (None, "text", None)),
    ({"id": 7, "text": "t", "score": 0.5}, ("7", "t", 0.5)),
    ({"document_id": "d", "content": "t", "score": "high"}, ("d", "t", None)),
    (Found(page_content="t", id="d", metadata={}), ("d", "t", None)),
    ((Found(page_content="t"), 0.25), (None, "t", 0.25)),
    (["t", 1], (None, "t", 1.0)),
    (Found(node=Found(text="t", node_id="n"), score=0.75), ("n", "t", 0.75)),
    ({"id": "d", "score": math.inf}, ("d", None, None)),
    (17, (None, None, None)),
    (("a", "b"), (None, "a", None)),
)


@pytest.mark.parametrize(("item", "expected"), SHAPES)
def test_documents_of_every_shape(item: Any, expected: tuple[Any, ...]) -> None:
    """Texts, mappings, objects and pairs; what is not there is None."""
    (document,) = read_documents([item])
    assert tuple(document) == expected


def test_documents_are_stored_each_once_and_hashed(rig: Rig) -> None:
    """Texts as parts, hashes over them; what was not given is said, and not made up."""
    fr.retrieval("q", [{"id": "a", "text": "first text", "score": 0.5}, "second text", {"id": "c"}])
    fr.retrieval("q", ["second text"])
    first, second = [row for row in rig.rows() if row["kind"] == "retrieval"]
    assert first["document_ids"][0] == "a" and first["document_ids"][2] == "c"
    assert first["document_ids"][1] == second["document_ids"][0] == f"part:{first['document_blobs'][1].hex()[:12]}"
    assert json.loads(first["detail"]) == {"scores": [0.5, None, None], "without_text": [2]}
    assert second["detail"] is None
    assert first["document_hashes"] == [hashlib.sha256(b"first text").digest(), hashlib.sha256(b"second text").digest()]
    assert len(first["document_blobs"]) == 2 and second["document_blobs"] == [first["document_blobs"][1]]
    assert text_of(rig, first["document_blobs"][0]) == "first text"


def test_a_newer_or_broken_fact_fills_no_other_column() -> None:
    """What a kind does not have is left out, and an unknown kind is read as it always was."""
    from test_rows import HEADER, journal

    point = {"t": "point", "span": f"{1:016x}", "rstatus": "clean"}
    events = [
        {**point, "kind": "score", "facts": {"score_value": "high", "cost_usd": 5, "tool_name": "x", "about_span_id": f"{2:016x}"}},
        {**point, "kind": "flags", "facts": {"flags": 3}},
        {**point, "kind": "retrieval", "facts": {}, "documents": [["zz"]]},
    ]
    builder = RowBuilder(journal(HEADER, *events))
    rows = builder.event_rows()
    (score,) = [row for row in rows if row["kind"] == "score"]
    assert (score["score_value"], score["cost_usd"], score["tool_name"]) == (None, None, None)
    assert "score_value" in score["truncated"]
    assert len([row for row in rows if row["kind"] == "gap"]) == 2


# -- about the call before


def calls_of(rig: Rig) -> list[dict[str, Any]]:
    return [row for row in rig.rows() if row["kind"] == "llm_call"]


def test_a_compensation_is_about_the_call_before_it(rig: Rig) -> None:
    """Of its own lane; the call says what followed it, each kind in order."""
    with in_lane(rig.lane):
        rig.http(body("one"))
        rig.http(body("two"))
        fr.compensated("json_repair")
        fr.compensated("truncate")
        rig.http(b"{}", url="https://tools.example/x")
        fr.compensated("rewrite")
    first, second = calls_of(rig)
    assert (first["compensations"], second["compensations"]) == (None, ["json_repair", "truncate", "rewrite"])
    assert {row["about_span_id"] for row in rig.rows() if row["kind"] == "compensation"} == {second["span_id"]}


def test_where_a_task_below_asked_later_it_is_about_none(rig: Rig) -> None:
    """It may be about that one; nothing is guessed."""
    with in_lane(rig.lane):
        rig.http(body("one"))
        rig.http(body("two"), lane=Lane("p0/ask#0"))
        fr.compensated("json_repair")
        rig.http(body("three"), lane=Lane("p0other"))
        fr.compensated("json_repair", decision=1)
    assert [row["compensations"] for row in calls_of(rig)] == [None, None, None]
    assert [(row["about_span_id"], row["about_step"]) for row in rig.rows() if row["kind"] == "compensation"] == [(None, None), (None, 1)]


def test_a_stand_in_is_tied_to_a_call_only_where_that_failed(rig: Rig) -> None:
    """A hit of a cache follows no call, whatever was asked before."""
    with in_lane(rig.lane):
        rig.http(body("one"))
        fr.fallback("cache")
        rig.http(body("two"), status=500, answer=b'{"error": {"message": "x"}}')
        fr.fallback("default")
    first, second = calls_of(rig)
    assert (first["served_by"], second["served_by"]) == ("primary", "default")
    assert [row["about_span_id"] for row in rig.rows() if row["kind"] == "fallback"] == [None, second["span_id"]]


def test_calls_inside_a_fallback_are_served_by_it(rig: Rig) -> None:
    """And those outside are not; a failed one is served by nothing."""

    def ask(status: int = 200) -> None:
        writer: Any = rig
        crossing = RecordedHttp(
            writer, current_context() or TraceContext(TRACE), rig.lane, "httpx", "POST", CHAT_URL, JSON_HEADERS, body("x"), None
        )
        rig.put_begin(crossing, 1)
        crossing.answered(status, JSON_HEADERS, "HTTP/1.1")
        crossing.chunk(ANSWER)
        crossing.finish("eof")

    ask()
    with fr.fallback(primary="gpt-5", reason="429"):
        ask()
        with fr.fallback("human"):
            ask()
        ask(400)
    ask()
    assert [row["served_by"] for row in calls_of(rig)] == ["primary", "fallback", "human", None, "primary"]
