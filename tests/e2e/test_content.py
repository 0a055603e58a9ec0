"""Content of every kind and size under ``fr record``, read back byte for byte from Parquet by plain pyarrow."""

import hashlib
import json
import sys
from collections import Counter

import pytest
from plain_parquet import PlainStore, Row
from recording import AGENTS, PROGRAMS, Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.e2e

CONTENTS = str(PROGRAMS / "contents.py")
LARGE_BYTES = 50_000_000
MESSAGES = 10_000
WRITERS, THREADS, CALLS = 8, 2, 40


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def recorded(workspace: Workspace, upstream: ScriptedUpstream, *argv: str) -> tuple[PlainStore, list[list[str]]]:
    """What a program left in the store, and the words of the lines that it printed."""
    done = workspace.record(sys.executable, *argv, env={"FR_TEST_UPSTREAM": upstream.url})
    assert (done.code, done.program_stderr) == (0, b""), done.stderr.decode()
    assert len(done.said) == 1 and done.trace
    store = PlainStore(workspace.store)
    assert store.unsealed() == [] and store.of_kind("gap") == []
    assert not (workspace.store / "quarantine").exists()
    return store, [line.split() for line in done.stdout.decode().splitlines()]


def test_a_large_answer_is_kept_byte_for_byte(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """50 MB by HTTP, 5 MB of it compressed and in pieces, and a prompt made from it."""
    store, lines = recorded(workspace, upstream, str(AGENTS / "big_tool.py"))
    whole, pieces, _ = lines
    large, packed = store.of_kind("http_call")
    assert (whole[1], whole[3]) == (str(LARGE_BYTES), "True") and (pieces[1]) == "True"
    assert large["response_bytes"] == LARGE_BYTES
    content = store.joined(large["response_parts"])
    assert digest(content) == whole[2]
    assert digest(store.joined(packed["response_parts"])) == pieces[2]
    assert packed["response_encoding"] == "gzip"
    assert store.joined(packed["response_wire_parts"])[:2] == b"\x1f\x8b"
    (attempt,) = store.of_kind("llm_attempt")
    sent = next(logged.body for logged in upstream.requests if logged.method == "POST")
    assert store.joined(attempt["request_parts"]) == sent
    assert json.loads(sent)["messages"][0]["content"] == content[:200_000].decode()


def test_a_large_tool_result_is_kept_byte_for_byte(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """50 MB of text in characters of all lengths, and 50 MB of noise; nothing is cut and nothing says that it was."""
    store, lines = recorded(workspace, upstream, CONTENTS, "large")
    rows = {row["tool_name"]: row for row in store.of_kind("tool_call")}
    assert {name: digest(store.joined(row["tool_result_parts"])) for name, row in rows.items()} == dict(lines)
    assert {name: row["tool_result_form"] for name, row in rows.items()} == {"large_text": "text", "large_bytes": "bytes"}
    assert rows["large_bytes"]["tool_result_bytes"] == LARGE_BYTES
    assert LARGE_BYTES - 4 < rows["large_text"]["tool_result_bytes"] <= LARGE_BYTES
    assert [row["truncated"] for row in rows.values()] == [None, None]


RESULTS: dict[str, tuple[str, bytes]] = {
    "planes": ("text", "é ☂ 😀 \U0010ffff \u200f\u202e rtl \ufeff".encode()),
    "controls": ("text", ("".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029").encode()),
    "lone_high": ("text", "before \ud83d after".encode("utf-8", "surrogatepass")),
    "lone_low": ("text", "\udc00".encode("utf-8", "surrogatepass")),
    "swapped": ("text", "\ude00\ud83d".encode("utf-8", "surrogatepass")),
    "not_utf8": ("bytes", bytes(range(256))),
    "looks_like_json": ("text", b'{"a": 1}'),
    "bytes_like_text": ("bytes", b"text"),
    "empty_text": ("text", b""),
    "empty_bytes": ("bytes", b""),
    "nothing": ("json", b"null"),
    "empty_list": ("json", b"[]"),
}
"""Forms and stored bytes of ``programs/contents.py``'s results."""


def test_awkward_tool_results_are_kept(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """Every plane of Unicode, control characters, halves of surrogate pairs, binary, empty, and nothing."""
    store, _ = recorded(workspace, upstream, CONTENTS, "awkward")
    found = {}
    for row in store.of_kind("tool_call"):
        name = json.loads(store.blobs[row["tool_args_blob"]])["name"]
        found[name] = row["tool_result_form"], store.joined(row["tool_result_parts"])
        assert row["tool_result_bytes"] == len(found[name][1])
    assert {name: found[name] for name in RESULTS} == RESULTS
    numbers = json.loads(found["numbers"][1])
    assert (found["numbers"][0], numbers) == ("json", [0, -0.0, 1e308, 2**70, True]) and str(numbers[1]) == "-0.0"
    form, in_object = found["in_object"]
    value = json.loads(in_object.decode("utf-8", "surrogatepass"))
    assert form == "typed" and value["\udcff key"][0] == "\ud800" and value["\udcff key"][1]["b"]["$fr"] == "bytes"
    check_text_flags(store, workspace)


def check_text_flags(store: PlainStore, workspace: Workspace) -> None:
    """``text`` is told of what DuckDB can decode, and of nothing else: a query over all of it never fails."""
    told = {bytes(row["blob_id"]): row["text"] for row in store._rows("blobs")}
    for blob_id, data in store.blobs.items():
        try:
            data.decode()
        except UnicodeDecodeError:
            assert told[blob_id] is False
        else:
            assert told[blob_id] is True
    assert workspace.rows("SELECT count(content) AS texts FROM blobs")[0]["texts"] == sum(told.values())


def test_awkward_bodies_are_kept(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """Binary and empty uploads and answers, and JSON with escapes that no UTF-8 has, as they went over the wire."""
    store, lines = recorded(workspace, upstream, CONTENTS, "awkward")
    calls = store.of_kind("http_call")
    echoed = [row for row in calls if row["request_method"] == "POST"]
    kept = [["echo", digest(store.joined(row["request_parts"])), digest(store.joined(row["response_parts"]))] for row in echoed]
    assert kept == [line for line in lines if line[0] == "echo"]
    assert [row["request_bytes"] for row in echoed] == [10240, 0, 3, 10, 13]
    empty = [row for row in calls if row["request_method"] == "GET"]
    shown = [(row["http_status"], row["response_bytes"], row["response_parts"]) for row in empty]
    assert shown == [(200, 0, [])] * 2
    assert {row["response_end"] for row in calls} == {"eof"} and {row["status"] for row in calls} == {"ok"}
    (attempt,) = store.of_kind("llm_attempt")
    (asked,) = (line for line in lines if line[0] == "asked")
    assert [digest(store.joined(attempt[name])) for name in ("request_parts", "response_parts")] == asked[1:]
    assert b"half \\ud83d, a pair \\ud83d\\ude00, a NUL \\u0000" in store.blobs[attempt["message_blobs"][0]]


def test_a_prompt_of_ten_thousand_messages_is_kept(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """Twice, with one more at its end: whole both times, each message a blob of its own, stored once."""
    store, lines = recorded(workspace, upstream, CONTENTS, "long")
    calls = store.of_kind("llm_call")
    kept = [
        ["asked", str(len(row["message_blobs"])), *(digest(store.joined(row[n])) for n in ("request_parts", "response_parts"))]
        for row in calls
    ]
    assert kept == lines and [line[1] for line in lines] == [str(MESSAGES - 1), str(MESSAGES)]
    first, second = calls
    assert second["message_blobs"][:-1] == first["message_blobs"] and second["message_hashes"][:-1] == first["message_hashes"]
    messages = [json.loads(store.blobs[blob]) for blob in second["message_blobs"]]
    assert [message["content"].split(" ☂")[0] for message in messages] == [f"message {n}" for n in range(MESSAGES)]
    stored = Counter(row["kind"] for row in store._rows("blobs"))
    assert stored["message"] == MESSAGES


def test_eight_writers_at_once_lose_nothing(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """Two threads in each of eight processes, one store: every answer and every result is in it once."""
    store, lines = recorded(workspace, upstream, CONTENTS, "crowd")
    returned = {(kind, question): value for kind, question, value in lines}
    assert len(returned) == 2 * WRITERS * THREADS * CALLS
    assert Counter(of_crowd(store)) == Counter((*key, value) for key, value in returned.items())
    rows = [row for row in store.events if row["kind"] in ("llm_attempt", "tool_call") and row["tool_kind"] != "subprocess"]
    assert Counter(row["phase"] for row in rows) == {"end": len(returned)}
    writers = {row["writer_id"] for row in rows}
    assert len(writers) == WRITERS
    for writer in writers:
        numbers = [row["seq"] for row in rows if row["writer_id"] == writer]
        assert len(set(numbers)) == len(numbers) == 2 * THREADS * CALLS
    assert len({row["record_id"] for row in store.events}) == len(store.events)
    assert len({row["trace_id"] for row in rows}) == 1


def of_crowd(store: PlainStore) -> list[tuple[str, str, str]]:
    """Kind, question and digest of everything that the crowd has on record."""

    def asked(row: Row) -> str:
        return str(json.loads(store.joined(row["request_parts"]))["messages"][0]["content"])

    calls = [("call", asked(row), digest(store.joined(row["response_parts"]))) for row in store.of_kind("llm_attempt")]
    tools = [row for row in store.of_kind("tool_call") if row["tool_kind"] != "subprocess"]
    named = [(str(json.loads(store.blobs[row["tool_args_blob"]])["question"]), store.joined(row["tool_result_parts"])) for row in tools]
    return [*calls, *(("tool", question, digest(result)) for question, result in named)]
