"""Rows of the two tables: complete, unique, honest about what is missing, and such that any of them can be sealed."""

from __future__ import annotations

import json
import sys
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fr_schema.arrow_types import BLOBS_SCHEMA, EVENTS_SCHEMA
from fr_schema.columns import EVENT_COLUMNS
from fr_schema.event_columns import http_columns, http_replay_level, tool_replay_level
from fr_schema.fold import FoldedJournal, fold_journal
from fr_schema.frames import encode_event, encode_frame
from fr_schema.ids import day_of_trace
from fr_schema.rows import Row, RowBuilder

sys.path.insert(0, str(Path(__file__).resolve().parent))

from recorder_rig import ANSWER, CHAT_URL, NEXT_DAY_TRACE, OTHER_TRACE, TRACE, Rig, header_facts

REQUIRED = [column.name for column in EVENT_COLUMNS if column.required]
HEADER = {"t": "header", **header_facts("w1"), "file": 0}


def journal(*events: dict[str, Any]) -> FoldedJournal:
    """A journal of these events in one frame."""
    data = [encode_event({"n": n, "at": 1_000_000 + n, "trace": TRACE, **event}) for n, event in enumerate(events)]
    return fold_journal(encode_frame(0, b"".join(data)))


def begin(span: int = 1, kind: str = "http", **more: Any) -> dict[str, Any]:
    return {"t": "begin", "kind": kind, "span": f"{span:016x}", **more}


def end(span: int = 1, **more: Any) -> dict[str, Any]:
    return {"t": "end", "span": f"{span:016x}", "status": "ok", **more}


def rows_of(*events: dict[str, Any], **options: Any) -> list[Row]:
    """The rows of a journal, which every one of them must survive as Arrow."""
    builder = RowBuilder(journal(*events), **options)
    rows = builder.event_rows()
    check(rows, builder.blob_rows())
    return rows


def check(rows: list[Row], blobs: list[Row]) -> None:
    """What holds for all rows: the types of their columns, no NULL where none may be, ids that differ."""
    pa.Table.from_pylist(rows, schema=EVENTS_SCHEMA).validate(full=True)
    pa.Table.from_pylist(blobs, schema=BLOBS_SCHEMA).validate(full=True)
    assert all(row[name] is not None for row in rows for name in REQUIRED)
    assert len({row["record_id"] for row in rows}) == len(rows)


def of_kind(rows: list[Row], kind: str) -> list[Row]:
    return [row for row in rows if row["kind"] == kind]


# -- a conversation with retries and tools


def tool_message(number: int) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": f"result {number}"}


def conversation(tools: int) -> bytes:
    calls = [{"id": f"call_{n}", "type": "function", "function": {"name": f"tool{n}", "arguments": f'{{"n":{n}}}'}} for n in range(tools)]
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        *map(tool_message, range(tools)),
    ]
    return json.dumps({"model": "gpt-4o", "temperature": 0.5, "messages": messages}).encode()


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_call_has_its_attempts(rig: Rig) -> None:
    """A 429 that is tried again is two attempts of one call; the call has the last one's columns and counts both."""
    body = conversation(0)
    rig.http(body, answer=b'{"error":{"message":"slow down","type":"rate_limit"}}', status=429)
    rig.http(body)
    rows = rig.rows()
    check(rows, [])
    first, second = of_kind(rows, "llm_attempt")
    (call,) = of_kind(rows, "llm_call")
    assert (first["attempt_no"], first["status"], first["http_status"]) == (1, "error", 429)
    assert (second["attempt_no"], second["status"], second["retry_cause"]) == (2, "ok", "429")
    assert call["span_id"] == first["call_span_id"] == second["call_span_id"]
    assert (call["attempts"], call["served_by"], call["started_at"]) == (2, "retry", first["started_at"])
    assert (call["model_requested"], call["model_resolved"], call["temperature"]) == ("gpt-4o", "gpt-4o-2024-08-06", 0.5)
    assert (call["tokens_in"], call["tokens_out"], call["finish_reason"]) == (12, 3, "stop")
    assert call["lane_seq"] is None and first["lane_seq"] == 0


def test_parts_of_a_row_are_its_bodies(rig: Rig) -> None:
    """Request, answer, system prompt and each message are there byte for byte."""
    body = conversation(2)
    rig.http(body)
    builder = RowBuilder(rig.folded(), rig.blobs().get)
    rows = builder.event_rows()
    blobs = {row["blob_id"]: row for row in builder.blob_rows()}
    check(rows, list(blobs.values()))
    (call,) = of_kind(rows, "llm_call")
    assert b"".join(blobs[part]["data"] for part in call["request_parts"]) == body
    assert b"".join(blobs[part]["data"] for part in call["response_parts"]) == ANSWER
    assert [json.loads(blobs[part]["data"]) for part in call["message_blobs"]] == json.loads(body)["messages"]
    assert blobs[call["system_prompt_blob"]]["data"] == b"Be kind."
    assert blobs[call["output_blob"]]["data"] == b"hello"
    assert all(row["size"] == len(row["data"]) and row["text"] for row in blobs.values())


def test_each_day_has_all_of_its_parts(rig: Rig) -> None:
    """A partition can be read alone: what traces of two days share is stored for both, stored parts and derived ones alike."""
    for trace in (TRACE, NEXT_DAY_TRACE, TRACE, NEXT_DAY_TRACE):
        rig.http(conversation(2), trace=trace)
    builder = RowBuilder(rig.folded(), rig.blobs().get)
    calls = of_kind(builder.event_rows(), "llm_call")
    blobs = [(row["blob_id"], day_of_trace(row["first_trace_id"].hex())) for row in builder.blob_rows()]
    assert len(blobs) == len(set(blobs))
    for call in calls:
        used = {*call["request_parts"], *call["response_parts"], call["system_prompt_blob"], call["output_blob"]}
        assert used <= {blob_id for blob_id, day in blobs if day == day_of_trace(call["trace_id"].hex())}


def test_each_shown_tool_result_is_one_row_with_an_id_of_its_own(rig: Rig) -> None:
    """Several results in one request, each in its message; the next request shows them again and adds none."""
    rig.http(conversation(3))
    rig.http(conversation(4))
    rows = rig.rows()
    check(rows, [])
    shown = of_kind(rows, "tool_seen")
    assert sorted((row["tool_name"], row["tool_call_id"]) for row in shown) == [(f"tool{n}", f"call_{n}") for n in range(4)]


def test_equal_shown_results_in_two_traces_are_two_rows(rig: Rig) -> None:
    """Each trace has its own conversation."""
    rig.http(conversation(1))
    rig.http(conversation(1), trace=OTHER_TRACE)
    rows = rig.rows()
    check(rows, [])
    assert len(of_kind(rows, "tool_seen")) == 2


def test_a_result_shown_twice_keeps_the_arguments_of_each_call(rig: Rig) -> None:
    """Two traces whose tool messages are the same bytes, after calls with other arguments: an id says nothing of the arguments."""
    asked = [b'{\\"n\\":0}', b'{\\"n\\": 7}']
    rig.http(conversation(1))
    rig.http(conversation(1).replace(asked[0], asked[1]), trace=OTHER_TRACE)
    builder = RowBuilder(rig.folded(), rig.blobs().get)
    shown = of_kind(builder.event_rows(), "tool_seen")
    blobs = {row["blob_id"]: row["data"] for row in builder.blob_rows()}
    assert len({row["tool_result_blob"] for row in shown}) == 1
    assert {row["trace_id"].hex(): blobs[row["tool_args_blob"]] for row in shown} == {TRACE: b'{"n":0}', OTHER_TRACE: b'{"n": 7}'}


def test_tool_row_has_arguments_and_result(rig: Rig) -> None:
    """As stored parts, with how to read them back."""
    rig.tool({"order": "o-1", "cents": 1200}, {"ok": True})
    (row,) = of_kind(rig.rows(), "tool_call")
    assert rig.joined([row["tool_args_blob"]]) == b'{"order":"o-1","cents":1200}'
    assert rig.joined(row["tool_result_parts"]) == b'{"ok":true}'
    assert (row["tool_name"], row["side_effect"], row["tool_result_form"], row["replay_level"]) == ("refund", "write", "json", "exact_io")


@pytest.mark.parametrize("size", [10, 3 << 20])
def test_long_arguments_are_whole(rig: Rig, size: int) -> None:
    """Arguments beyond one part are one blob in the row all the same: a tool's input is never cut."""
    rig.tool({"text": "x" * size}, "y" * size)
    builder = RowBuilder(rig.folded(), rig.blobs().get)
    (row,) = of_kind(builder.event_rows(), "tool_call")
    blobs = {blob["blob_id"]: blob["data"] for blob in builder.blob_rows()}
    assert json.loads(blobs[row["tool_args_blob"]]) == {"text": "x" * size}
    assert b"".join(blobs[part] for part in row["tool_result_parts"]) == b"y" * size
    assert (row["tool_result_blob"] is None) is (size > 1 << 20)


def test_long_error_is_whole(rig: Rig) -> None:
    """State and traceback of an exception with a long argument."""
    crossing = rig.begin_tool({})
    crossing.raised(ValueError("z" * (2 << 20)))
    builder = RowBuilder(rig.folded(), rig.blobs().get)
    (row,) = of_kind(builder.event_rows(), "tool_call")
    blobs = {blob["blob_id"]: blob["data"] for blob in builder.blob_rows()}
    assert json.loads(blobs[row["error_state_blob"]])["args"] == ["z" * (2 << 20)]
    assert blobs[row["error_blob"]].endswith(b"z\n")


def test_part_that_is_not_to_be_had_makes_no_whole() -> None:
    """Half of the arguments would be a lie."""
    (row,) = of_kind(rows_of(begin(kind="tool_call", args=["aa" * 32, "bb" * 32]), end()), "tool_call")
    assert row["tool_args_blob"] is None


# -- values that no column holds


ODD: tuple[tuple[str, dict[str, Any], dict[str, Any], str, Any], ...] = (
    # name, begin, end, column, what it holds
    ("label that is a number", {"ctx": {"session": 17}}, {}, "session_id", "17"),
    ("label that is a list", {"ctx": {"tenant": ["a"]}}, {}, "tenant_id", '["a"]'),
    ("tags that are numbers", {"ctx": {"tags": {"n": 1}}}, {}, "tags", [("n", "1")]),
    ("half a UTF-16 pair in a name", {"name": "a\ud800"}, {}, "name", "a\\ud800"),
    ("file name that is no UTF-8", {}, {"msg": "no file caf\udce9"}, "error_message", "no file caf\\udce9"),
    ("header that is no UTF-8", {"headers": [["x", "\udcff"]]}, {}, "request_headers", '[["x","\\udcff"]]'),
    ("status of thirty digits", {}, {"code": 10**30}, "http_status", None),
    ("status that is text", {}, {"code": "200"}, "http_status", None),
    ("duration beyond measure", {}, {"dur": 10**400}, "duration_ms", None),
    ("part id of another length", {"body": ["aa"]}, {}, "request_parts", None),
    ("attempt that is no number", {"attempt": "first"}, {}, "attempt_no", None),
    ("sent that is no truth", {}, {"sent": 1}, "request_sent", None),
)


@pytest.mark.parametrize(("more", "ended", "column", "expected"), [row[1:] for row in ODD], ids=[row[0] for row in ODD])
def test_odd_values_do_not_keep_a_row_from_being_sealed(more: dict[str, Any], ended: dict[str, Any], column: str, expected: Any) -> None:
    """They become text, or NULL with the column named; or, at worst, a gap in the row's place."""
    rows = rows_of(HEADER, begin(**more), end(**ended))
    found = of_kind(rows, "http_call")
    if found:
        assert found[0][column] == expected
        assert (column in (found[0]["truncated"] or "")) is (expected is None)
    else:
        assert expected is None and of_kind(rows, "gap")


HOSTILE = (
    '{"model":"m","temperature":1' + "0" * 400 + ',"messages":[{"role":"user","content":"x"}]}',
    '{"model":"\\ud800","stop":["\\udfff"],"messages":[{"role":"\\ud83d","content":"x"}]}',
    '{"model":{"a":1},"seed":' + "9" * 40 + ',"messages":[{"role":"user","content":"x"}],"tools":[1,"x",null]}',
    '{"model":"m","max_tokens":1e400,"messages":[[],{},null,1,"x"]}',
    '{"model":"m","messages":' + "[" * 200 + "]" * 200 + "}",
    '{"model":"m","messages":[{"role":"user","content":NaN}],"stream":"yes","tool_choice":{"x":Infinity}}',
)
HOSTILE_ANSWERS = (
    b'{"model":"\\ud800","id":5,"choices":[{"finish_reason":"\\udfff","message":{"content":"\\ud83d"}}],"usage":{"prompt_tokens":'
    + b"9" * 30
    + b"}}",
    b'{"choices":[],"usage":[]}',
    b'{"choices":"x","usage":{"prompt_tokens":-1,"completion_tokens":1e300}}',
    b"[1,2]",
    b"\xff\xfe",
    b"",
)


@pytest.mark.parametrize("answer", HOSTILE_ANSWERS, ids=range(len(HOSTILE_ANSWERS)))
@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_any_exchange_can_be_sealed(rig: Rig, body: str, answer: bytes) -> None:
    """Whatever stands in a request or an answer, its row is there and the bytes are whole."""
    rig.http(body.encode(), answer=answer)
    builder = RowBuilder(rig.folded(), rig.blobs().get)
    rows = builder.event_rows()
    check(rows, builder.blob_rows())
    row = next(row for row in rows if row["kind"] in ("llm_attempt", "http_call"))
    assert rig.joined(row["request_parts"]) == body.encode()
    assert rig.joined(row["response_parts"]) == answer


def test_a_record_that_cannot_be_a_row_is_a_gap() -> None:
    """The others stay, and the damage is reported to the sealer."""
    builder = RowBuilder(journal(HEADER, begin(1, redactions=5), end(1), begin(2), end(2)))
    rows = builder.event_rows()
    check(rows, [])
    assert [row["span_id"].hex()[-1] for row in of_kind(rows, "http_call")] == ["2"]
    (gap,) = of_kind(rows, "gap")
    assert f"{1:016x}" in gap["error_message"]
    assert [damage.offset for damage in builder.damage] == [-1]


def test_decoder_that_fails_costs_its_columns_only(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange stays, as bytes; the failure is a gap."""

    def fail(exchange: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("fr_schema.providers.decode", fail)
    rig.http(conversation(0))
    rows = rig.rows()
    (row,) = of_kind(rows, "http_call")
    assert rig.joined(row["request_parts"]) == conversation(0)
    assert "model columns" in of_kind(rows, "gap")[0]["error_message"]


# -- what is not there


def test_open_span_is_a_begin() -> None:
    """It runs, or was killed."""
    (row,) = of_kind(rows_of(HEADER, begin()), "http_call")
    assert (row["phase"], row["status"], row["ended_at"], row["replay_level"]) == ("begin", "open", None, "none")
    assert "outcome" in row["replay_missing"]


def test_file_that_is_continued_leaves_its_open_spans_to_the_next() -> None:
    """Neither they nor the process have two rows."""
    closing = {"t": "close", "next": 1}
    events = [HEADER, begin(1), end(1), begin(2), {"t": "gap", "lost": 2}, closing]
    assert [row["kind"] for row in rows_of(*events)] == ["http_call", "gap"]
    # The writer was killed before it had begun the next file.
    assert sorted(row["kind"] for row in rows_of(*events, continued=False)) == ["gap", "http_call", "http_call", "process"]


def test_last_file_has_the_process() -> None:
    """Closed in order it is ok; without a close it is open."""
    for closing, phase, status in (([{"t": "close"}], "end", "ok"), ([], "begin", "open")):
        (row,) = rows_of(HEADER, {"t": "program", "packages": {"x": "1"}, "seams": {"httpx": "hooked"}}, *closing)
        assert (row["kind"], row["phase"], row["status"], row["packages"]) == ("process", phase, status, [("x", "1")])


@pytest.mark.parametrize("more", [{"role": "launcher"}, {"resumed": True}])
def test_some_files_have_no_process(more: dict[str, Any]) -> None:
    """The launcher is no recorded process, and a file that was begun after the goodbye belongs to one that has its row."""
    assert rows_of(HEADER | more, {"t": "close"}) == []


ORPHANS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("exchange", {"end": "eof", "code": 200, "rlen": 0, "dur": 5, "del": []}, "http_call"),
    ("tool", {"form": "json", "result": [], "del": []}, "tool_call"),
    ("span", {"dur": 5}, "span"),
)


@pytest.mark.parametrize(("ended", "kind"), [row[1:] for row in ORPHANS], ids=[row[0] for row in ORPHANS])
def test_end_without_a_begin_is_a_row(ended: dict[str, Any], kind: str) -> None:
    """What was answered stays, without what was asked, and says so."""
    (row,) = of_kind(rows_of(HEADER, end(**ended)), kind)
    assert (row["phase"], row["status"], row["replay_level"]) == ("end", "ok", "none")
    assert "its beginning" in row["replay_missing"]


def test_lost_header_does_not_lose_the_rest() -> None:
    """The writer's name comes with the file; damage is reported in the first trace that is known."""
    whole = encode_frame(0, encode_event({**HEADER, "n": 0, "at": 1}))
    rest = encode_frame(
        1, b"".join(encode_event({"n": n, "at": 5, "trace": OTHER_TRACE, **event}) for n, event in enumerate((begin(), end())))
    )
    rows = RowBuilder(fold_journal(whole[:-1] + rest), writer="w00000000001-a-7-b").event_rows()
    check(rows, [])
    assert sorted(row["kind"] for row in rows) == ["gap", "http_call"]
    assert all(row["writer_id"] == "w00000000001-a-7-b" and row["trace_id"].hex() == OTHER_TRACE and row["salvaged"] for row in rows[:1])


def test_journal_of_garbage_admits_the_loss() -> None:
    """Even when nothing can be read the store says that something is missing, and when its writer began."""
    builder = RowBuilder(fold_journal(b"garbage"), writer="w19b77eb2a00-a-7-b")
    (gap,) = builder.event_rows()
    check([gap], builder.blob_rows())
    assert gap["trace_id"].hex()[:12] == "019b77eb2a00"
    assert "7 bytes" in gap["error_message"]


def test_salvaged_reads_and_output_are_not_exact() -> None:
    """Values may be missing in between."""
    first = encode_frame(0, encode_event({**HEADER, "n": 0, "at": 1}))
    events = [{"t": "reads", "lanes": {"p0": {"w": [5]}}}, {"t": "output", "src": "stdout", "body": [], "len": 0}]
    data = first + b"x" + encode_frame(1, b"".join(encode_event({"n": 1, "at": 2, "trace": TRACE, **event}) for event in events))
    rows = RowBuilder(fold_journal(data)).event_rows()
    check(rows, [])
    for kind in ("env_read", "output"):
        (row,) = of_kind(rows, kind)
        assert (row["salvaged"], row["replay_level"]) == (True, "none")


# -- rows that are no spans


def test_reads_come_back_from_their_blob() -> None:
    """One row per lane and source; the values are differences, the first one to 0."""
    builder = RowBuilder(journal(HEADER, {"t": "reads", "lanes": {"p0": {"w": [100, 5], "t:tick": [0, 3, 1]}}}))
    rows = of_kind(builder.event_rows(), "env_read")
    blobs = {row["blob_id"]: row["data"] for row in builder.blob_rows()}
    found = {row["nd_source"]: list(accumulate(json.loads(blobs[row["nd_value_parts"][0]]))) for row in rows}
    assert found == {"clock:w": [100, 105], "order:t:tick": [0, 3, 4]}
    assert [row["nd_count"] for row in rows] == [2, 3]


def test_output_is_one_row_per_stream(rig: Rig) -> None:
    """Its pieces in order, redacted where they had to be."""
    for text in (b"one\n", b"mail joe@example.org\n", b"three\n"):
        rig.write([rig.encoder.output("stdout", text, TRACE)])
    (row,) = of_kind(rig.rows(), "output")
    assert (row["nd_source"], row["nd_count"], row["redaction_status"]) == ("stdout", len(rig.joined(row["nd_value_parts"])), "redacted")
    assert rig.joined(row["nd_value_parts"]).startswith(b"one\nmail [[fr:email:") and b"joe" not in rig.joined(row["nd_value_parts"])


def test_gap_row_says_how_many_and_why() -> None:
    """The writer's own admission."""
    (row,) = of_kind(rows_of(HEADER, {"t": "gap", "lost": 3, "reason": "disk full"}), "gap")
    assert (row["lost_before"], row["error_message"], row["phase"]) == (3, "disk full", "point")


def test_hand_made_call(rig: Rig) -> None:
    """What the application said of it fills the model columns."""
    request = {"model": "m-large", "messages": [], "system": "Be kind.", "temperature": 1}
    crossing = rig.begin_tool(request, kind="llm_call", facts={"provider": "acme", "model": "m-large"})
    usage = {"input_tokens": 5, "output_tokens": 2}
    crossing.extra["response"] = {"text": "hi", "model": "m-large-7", "finish_reason": "stop", "usage": usage}
    crossing.returned("hi")
    rows = rig.rows()
    check(rows, [])
    (row,) = of_kind(rows, "llm_call")
    assert (row["provider"], row["model_requested"], row["model_resolved"], row["model_resolved_source"]) == (
        "acme",
        "m-large",
        "m-large-7",
        "declared",
    )
    assert (row["tokens_in"], row["tokens_out"], row["temperature"], row["transport"], row["served_by"]) == (5, 2, 1.0, "manual", "primary")


def test_hand_made_call_with_odd_facts(rig: Rig) -> None:
    """Facts that make no sense leave their columns NULL."""
    crossing = rig.begin_tool({"model": "m"}, kind="llm_call", facts={"provider": 5})
    crossing.extra["response"] = {"usage": "many", "text": 17}
    crossing.returned(None)
    rows = rig.rows()
    check(rows, [])
    assert of_kind(rows, "llm_call")[0]["tokens_in"] is None


# -- replay levels


def level(**columns: Any) -> Row:
    row = {
        "request_parts": [],
        "http_status": 200,
        "response_parts": [],
        "redaction_status": "clean",
        "tool_result_parts": [],
        "error_state_blob": None,
    }
    return row | columns


HTTP_LEVELS: tuple[tuple[Row, bool, list[str] | None], ...] = (
    (level(), True, None),
    (level(redaction_status="redacted"), True, None),
    (level(http_status=None, response_parts=None), True, None),
    (level(request_parts=None), True, ["request body"]),
    (level(), False, ["outcome"]),
    (level(response_parts=None), True, ["response body"]),
    (level(redaction_status="failed"), True, ["content that could not be redacted"]),
)


@pytest.mark.parametrize(("row", "ended", "missing"), HTTP_LEVELS)
def test_what_keeps_an_exchange_from_exact_replay(row: Row, ended: bool, missing: list[str] | None) -> None:
    """Nothing, or what is not on record."""
    assert http_replay_level(row, ended=ended) == ("none" if missing else "exact_io", missing)


TOOL_LEVELS: tuple[tuple[Row, dict[str, Any], list[str] | None], ...] = (
    (level(), {"form": "json"}, None),
    (level(tool_result_parts=None, error_state_blob=bytes(32)), {"err": "x"}, None),
    (level(), {}, ["outcome"]),
    (level(), {"form": "repr"}, ["result: its type could not be stored"]),
    (level(tool_result_parts=None), {"form": "json"}, ["result"]),
    (level(redaction_status="failed"), {"form": "json"}, ["content that could not be redacted"]),
)


@pytest.mark.parametrize(("row", "ended", "missing"), TOOL_LEVELS)
def test_what_keeps_a_tool_call_from_exact_replay(row: Row, ended: dict[str, Any], missing: list[str] | None) -> None:
    """Nothing, or what is not on record."""
    assert tool_replay_level(row, ended) == ("none" if missing else "exact_io", missing)


FIRST_BYTES: tuple[tuple[list[list[int]] | None, float | None], ...] = (
    (None, None),
    ([], None),
    ([[1, 5000, 0, 0]], None),
    ([[1, 5000, 0, 0], [1, 2000, 0, 0]], None),
    ([[1, 5000, 0, 0], [1, 2000, 10, 0]], 7.0),
    ([[1, 5000, 0, 0], [1, 2000, 10, 0], [1, 9000, 0, 0]], 7.0),
)


@pytest.mark.parametrize(("deliveries", "ms"), FIRST_BYTES)
def test_time_to_first_byte(deliveries: list[list[int]] | None, ms: float | None) -> None:
    """Headers alone are no byte of the body."""
    assert http_columns({}, {"del": deliveries} if deliveries is not None else {}, None)["ttft_ms"] == ms


def test_unknown_endpoint_is_plain_http(rig: Rig) -> None:
    """A tool's own exchange is no model call."""
    rig.http(b'{"q":1}', url="https://weather.example/api?city=Oslo", answer=b"{}")
    (row,) = of_kind(rig.rows(), "http_call")
    assert (row["server_address"], row["kind"], row["provider"]) == ("weather.example", "http_call", None)
    assert CHAT_URL not in str(row["request_url"])
