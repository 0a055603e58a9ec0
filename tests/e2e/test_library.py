"""The library inside of programs: servers where a trace is a request, tools of every kind, and nothing at all until ``fr.init()``."""

import http.client
import json
import re
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from plain_parquet import PlainStore, Row
from recording import LIMIT_S, PROGRAMS, Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.e2e

SERVERS = str(PROGRAMS / "servers.py")
CALLS = str(PROGRAMS / "library_calls.py")
TOOLS = str(PROGRAMS / "tools_of_every_kind.py")
REQUESTS = 24
QUESTIONS = {"threaded": ("first", "thread", "pool"), "asynchronous": ("first", "task", "pool")}


def get(port: int, marker: int) -> Any:
    """One request to the server under test."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    try:
        connection.request("GET", f"/{marker}")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def sealed(workspace: Workspace) -> PlainStore:
    """The store, after an fr command has sealed what ended processes left."""
    listed = workspace.fr("ls")
    assert listed.code == 0, listed.stderr
    store = PlainStore(workspace.store)
    assert store.unsealed() == []
    return store


@pytest.mark.parametrize("kind", ["threaded", "asynchronous"])
def test_each_request_of_a_server_is_a_trace_of_its_own(kind: str, workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """Concurrent requests do not mix: each trace holds exactly its own calls, tools, decisions, spans and labels."""
    env = {**workspace.env, "FR_TEST_UPSTREAM": upstream.url}
    argv = [sys.executable, SERVERS, kind]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=workspace.folder) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline() or 0)
        try:
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda marker: get(port, marker), range(REQUESTS)))
        finally:
            server.send_signal(signal.SIGTERM)
            _, stderr = server.communicate(timeout=LIMIT_S)
    assert (server.returncode, stderr) == (0, b"")
    assert len({answer["trace"] for answer in answers}) == REQUESTS
    store = sealed(workspace)
    for marker, answer in enumerate(answers):
        check_request(store, kind, marker, [row for row in store.events if row["trace_id"].hex() == answer["trace"]])
    users = {row["tags"][0][1]: row["user_ref"] for row in store.of_kind("llm_call")}
    assert all((users[a] == users[b]) == (int(a) % 4 == int(b) % 4) for a in users for b in users)
    written = b"".join(file.read_bytes() for file in workspace.store.rglob("*") if file.is_file()) + b"".join(store.blobs.values())
    assert b"user-1@corp" not in written
    assert not [row for row in store.events if row["user_ref"] and "corp" in row["user_ref"]]


def check_request(store: PlainStore, kind: str, marker: int, rows: list[Row]) -> None:
    """One trace of a server."""
    asked = [json.loads(store.joined(row["request_parts"]))["messages"][-1]["content"] for row in rows if row["kind"] == "llm_attempt"]
    assert sorted(asked) == sorted(f"{place} of [{marker}]" for place in QUESTIONS[kind])
    (tool,) = (row for row in rows if row["kind"] == "tool_call")
    assert json.loads(store.blobs[tool["tool_args_blob"]]) == {"marker": str(marker)}
    (decision,) = (row for row in rows if row["kind"] == "decision")
    assert (decision["decision_label"], json.loads(store.blobs[decision["decision_blob"]])) == ("answered", {"marker": str(marker)})
    spans = {row["span_id"]: row for row in rows if row["kind"] == "span"}
    (root,) = (row for row in spans.values() if row["parent_span_id"] is None)
    (inner,) = (row for row in spans.values() if row["name"] == "inner")
    assert (root["name"], root["status"], root["phase"]) == ("request", "ok", "end")
    assert (inner["parent_span_id"], tool["parent_span_id"]) == (root["span_id"], inner["span_id"])
    calls = [row for row in rows if row["kind"] == "llm_call"]
    assert {row["parent_span_id"] for row in calls} == {root["span_id"]}
    said = {(row["session_id"], row["task_id"], tuple(row["tags"])) for row in [*calls, tool, decision]}
    assert said == {(f"session-{marker}", "refunds", (("marker", str(marker)),))}
    assert {(row["service"], row["environment"], row["region"], row["code_version"]) for row in rows} == {("desk", "test", "here", "1.2.3")}
    failed = Counter(row["status"] for row in spans.values())
    assert failed["error"] == (1 if kind == "threaded" and marker == 13 else 0)


def test_nothing_happens_before_init(workspace: Workspace) -> None:
    """No file, no thread, no heavy import, no word; every call of the library is harmless."""
    before = sorted(workspace.folder.rglob("*"))
    done = workspace.run(sys.executable, CALLS)
    assert (done.code, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert lines[-2:] == ["threads 1 1", "heavy []"]
    assert "ids NoneType None" in lines
    assert sorted(workspace.folder.rglob("*")) == before


def test_every_public_call_is_recorded(workspace: Workspace) -> None:
    """Hand-made calls, decisions, nested and separate traces; repeated init changes nothing; the program gets the same."""
    bare = workspace.run(sys.executable, CALLS)
    done = workspace.run(sys.executable, CALLS, "init")
    assert (done.code, done.stderr) == (0, b"init True True True\n")
    assert done.stdout.replace(b"ids str False", b"ids NoneType None") == bare.stdout
    store = sealed(workspace)
    assert len(store.of_kind("process")) == 1
    first, second, third = store.of_kind("llm_call")
    assert json.loads(store.joined(first["request_parts"]))["messages"][0]["content"] == "first"
    assert (first["provider"], first["model_requested"], first["model_resolved"], first["model_resolved_source"]) == (
        "acme", "m-large", "m-large-0301", "declared",
    )  # fmt: skip
    assert (first["tokens_in"], first["tokens_out"], first["finish_reason"], first["temperature"]) == (12, 7, "stop", 0.25)
    assert store.blobs[first["output_blob"]] == b"answer to first at 0.25"
    assert store.blobs[first["system_prompt_blob"]] == b"Be kind."
    assert (second["model_resolved"], second["model_resolved_source"], second["status"]) == (None, "unknown", "ok")
    assert (third["status"], third["error_type"]) == ("error", "builtins.TypeError")
    decisions = {row["decision_label"]: row for row in store.of_kind("decision")}
    outer, apart = decisions["escalate"], decisions["in a trace of its own"]
    assert json.loads(store.blobs[outer["decision_blob"]])["reasons"] == ["late", "angry ☂"]
    assert dict(outer["tags"]) == {"a": "", "b": ""}
    assert (outer["session_id"], outer["tenant_id"], outer["agent_name"], outer["agent_version"]) == ("s-1", "t-1", "desk", "7")
    assert re.fullmatch(r"u_[a-z2-7]{16}", outer["user_ref"])
    assert first["trace_id"] == outer["trace_id"] != apart["trace_id"]
    assert apart["session_id"] is None
    (failing,) = (row for row in store.of_kind("span") if row["name"] == "failing")
    assert (failing["status"], failing["error_type"], failing["error_message"]) == ("error", "builtins.LookupError", "nothing found")


def test_tools_of_every_kind_give_what_they_give_undecorated(workspace: Workspace) -> None:
    """Results, exceptions with their state, generators driven by send, throw and close, cancellation, and what inspect says."""
    source = Path(TOOLS).read_text(encoding="utf-8")
    undecorated = "class fr:\n    @staticmethod\n    def tool(function=None, /, **_):\n        return function or (lambda given: given)\n"
    source = source.replace("import fr_recorder as fr\n", undecorated).replace("coroutine.__wrapped__", "coroutine")
    plain = workspace.run(sys.executable, workspace.write("tools_of_every_kind.py", source))
    idle = workspace.run(sys.executable, TOOLS)
    recorded = workspace.run(sys.executable, TOOLS, "init")
    assert (plain.code, plain.stderr) == (0, b"")
    assert (idle.code, idle.stdout, idle.stderr) == (0, plain.stdout, b"")
    assert (recorded.code, recorded.stdout, recorded.stderr) == (0, plain.stdout, b"")
    check_tools(sealed(workspace))


def check_tools(store: PlainStore) -> None:
    """What the record holds of the tools."""
    rows = store.of_kind("tool_call")
    assert {row["phase"] for row in rows} == {"end"}
    shown = Counter((row["tool_name"], row["side_effect"], row["status"], row["tool_result_form"]) for row in rows)
    assert shown == EXPECTED_TOOLS
    results = {row["tool_name"]: store.joined(row["tool_result_parts"]) for row in rows}
    arguments = {row["tool_name"]: json.loads(store.blobs[row["tool_args_blob"]]) for row in rows}
    assert (arguments["method"], results["method"]) == ({"order": "a"}, b"d:a")
    assert (arguments["inner_class"], results["outer_class"]) == ({"order": "d"}, b"Desk:e")
    assert results["returns_awaitable"] == b"3"
    assert json.loads(results["returns_generator"]) == [["json", str(n * n)] for n in range(4)]
    (refused,) = (row for row in rows if row["tool_name"] == "renamed")
    assert (refused["error_type"], refused["error_message"]) == ("__main__.RefusedError", "refused o-3")
    assert b"raise RefusedError(order, cents)" in store.blobs[refused["error_blob"]]
    driven = [json.loads(store.joined(row["tool_result_parts"])) for row in rows if row["tool_name"] == "items"]
    assert [["json", "0"], ["json", "1"], ["json", "-1"], ["json", "2"]] in driven


EXPECTED_TOOLS = Counter(
    {
        ("plain", "read", "ok", "typed"): 2,
        ("plain", "read", "error", None): 1,
        ("bare_decorator", "unknown", "error", None): 1,
        ("bare_decorator", "unknown", "ok", "typed"): 2,
        ("bare_decorator", "unknown", "ok", "json"): 1,
        ("renamed", "write", "error", None): 1,
        ("interrupted", "irreversible", "error", None): 1,
        ("method", "write", "ok", "text"): 1,
        ("inner_static", "read", "ok", "text"): 1,
        ("outer_static", "read", "ok", "text"): 1,
        ("inner_class", "read", "ok", "text"): 1,
        ("outer_class", "read", "ok", "text"): 1,
        ("doubling", "unknown", "ok", "json"): 1,
        ("partial", "unknown", "ok", "json"): 1,
        ("len", "none", "ok", "json"): 1,
        ("items", "read", "ok", "iterator"): 5,
        ("breaking_items", "read", "error", "iterator"): 1,
        ("returns_generator", "read", "ok", "iterator"): 1,
        ("coroutine", "none", "ok", "json"): 6,
        ("returns_awaitable", "none", "ok", "json"): 1,
        ("returns_task", "none", "ok", "repr"): 1,
        ("async_method", "read", "ok", "text"): 1,
        ("slow", "none", "cancelled", None): 2,
        ("async_items", "read", "ok", "iterator"): 2,
        ("async_items", "read", "error", "iterator"): 1,
        ("breaking_async_items", "read", "error", "iterator"): 1,
    }
)
"""Calls of ``programs/tools_of_every_kind.py`` by tool, side effect, status and form of the result; the task's result is not a value."""
