"""`fr collect` and `fr export --otlp` with the real OpenTelemetry SDK, and traces that go on a foreign one."""

from __future__ import annotations

import importlib.util
import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from recording import FR, LIMIT_S, PROGRAMS, Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is None
        if importlib.util.find_spec("opentelemetry") is not None and importlib.util.find_spec("opentelemetry.exporter") is not None
        else True,
        reason="opentelemetry-exporter-otlp-proto-http is not installed",
    ),
]

AGENT = str(PROGRAMS / "telemetry_agent.py")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


_RUNNING: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _no_collector_is_left() -> Iterator[None]:
    """Also when a test fails."""
    yield
    while _RUNNING:
        process = _RUNNING.pop()
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=LIMIT_S)


class Collecting:
    """An ``fr collect`` on a free port, until it is killed or closed."""

    def __init__(self, workspace: Workspace, *options: str, store: str | None = None) -> None:
        more = ["--store", store] if store is not None else []
        self.process = subprocess.Popen(
            [FR, "collect", "--port", "0", *options, *more], env=workspace.env, cwd=workspace.folder, stderr=subprocess.PIPE, text=True
        )
        _RUNNING.append(self.process)
        assert self.process.stderr is not None
        self.said = []
        for line in self.process.stderr:
            self.said.append(line.strip())
            found = re.search(r"collecting at (http://\S+)", line)
            if found:
                break
        else:
            raise AssertionError(f"it did not start: {self.said}")
        self.url = found[1]

    def counts(self) -> dict[str, int]:
        with urllib.request.urlopen(self.url, timeout=30) as answer:
            counts: dict[str, int] = json.loads(answer.read())
            return counts

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=LIMIT_S)

    def end(self) -> str:
        """Ask it to end; returns what it said."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=LIMIT_S)
        assert self.process.returncode == 0, said
        return said


def texts_of(rows: list[dict[str, Any]]) -> list[str]:
    return [row["text"] for row in rows]


MESSAGES = (
    "SELECT c.step, m.position, CASE WHEN m.direction = 'input' THEN json_extract_string(m.body, '$.content') ELSE m.body END AS text"
    " FROM messages m JOIN calls c USING (trace_id, span_id) ORDER BY c.step, m.position"
)


def test_a_real_agent_loses_nothing_though_the_collector_is_killed(workspace: Workspace) -> None:
    """Spans and log records of the stock SDK: after a kill right behind the acknowledgement, and sent twice, each call is there once."""
    turns = 50
    first = Collecting(workspace, "--wait", "1000")
    sent = json.loads(workspace.bare(sys.executable, AGENT, first.url, str(turns)).stdout)
    counts = first.counts()
    assert (counts["spans"], counts["logs"], counts["rejected"], counts["rows"]) == (sent["spans"], sent["logs"], 0, 0)
    first.kill()
    second = Collecting(workspace, "--wait", "0")
    assert f"{sent['spans'] + sent['logs']} signals" in " ".join(second.said)
    said = second.end()
    assert "rows written" in said
    calls = workspace.rows("SELECT * FROM calls ORDER BY step")
    assert len(calls) == turns and {call["model_resolved"] for call in calls} == {"gpt-4o-mini-2024-07-18"}
    assert [call["tokens_in"] for call in calls] == [100 + turn for turn in range(turns)]
    assert {(call["session_id"], call["service"], call["replay_level"]) for call in calls} == {("s-1", "telemetry-agent", "semantic")}
    assert all(call["user_ref"].startswith("u_") for call in calls) and all(call["cost_usd"] for call in calls)
    told = [row for row in workspace.rows(MESSAGES) if row["step"] == turns]  # the last call: all that was said
    expected = ["Be brief."]
    for turn in range(turns):
        expected += [f"question {turn} " + "é" * 200, f"answer {turn}"]
    assert texts_of(told) == expected
    assert workspace.fr("verify").code == 0


TOOL_AGENT = """
import os, openai, fr_recorder as fr
client = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="k")
tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
look_up = fr.tool(side_effect="read")(lambda city: "12 degrees")
messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather? [[script:three-turns]]"}]
for _ in range(4):
    answer = client.chat.completions.create(model="gpt-x", messages=messages, tools=[tool], temperature=0.2).choices[0].message
    messages.append(answer.model_dump(exclude_none=True))
    for call in answer.tool_calls or ():
        messages.append({"role": "tool", "tool_call_id": call.id, "content": look_up(city="Oslo")})
fr.decision("done", turns=4)
for _ in client.chat.completions.create(model="gpt-x", messages=messages[:2], stream=True): pass
"""


def test_a_recorded_run_goes_out_and_comes_in(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """What `fr export --otlp` sends, another store collects: the same calls, messages, tokens and tools."""
    env = {"FR_TEST_UPSTREAM": upstream.url, "TRACEPARENT": PARENT}
    recorded = workspace.python(TOOL_AGENT, env=env)
    assert recorded.code == 0, recorded.stderr
    other = str(workspace.folder / "other")
    collecting = Collecting(workspace, "--wait", "0", store=other)
    exported = workspace.fr("export", recorded.trace, "--otlp", collecting.url, "--content")
    assert exported.code == 0, exported.stderr
    deadline = time.monotonic() + LIMIT_S
    while collecting.counts()["rows"] == 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    collecting.end()
    there = Workspace(workspace.folder)
    there.store, there.env = workspace.folder / "other", workspace.env
    columns = "step, model_requested, model_resolved, tokens_in, tokens_out, finish_reason, response_id, tool_names, status, temperature"
    assert there.rows(f"SELECT {columns} FROM calls ORDER BY trace_id, step") == workspace.rows(
        f"SELECT {columns} FROM calls ORDER BY trace_id, step"
    )
    assert texts_of(there.rows(MESSAGES)) == texts_of(workspace.rows(MESSAGES))
    tools = "SELECT tool_name, blob_text(tool_args_blob) AS a, text_of(tool_result_parts) AS r FROM tools ORDER BY ALL"
    assert [row["tool_name"] for row in there.rows(tools)] == [row["tool_name"] for row in workspace.rows(tools)]
    assert {row["ext"] for row in there.rows("SELECT hex_id(ext_trace_id) AS ext FROM events")} <= {
        PARENT.split("-")[1],
        *(row["t"] for row in workspace.rows("SELECT trace_id AS t FROM traces")),
    }


def test_a_run_keeps_the_trace_that_it_is_part_of(workspace: Workspace) -> None:
    """TRACEPARENT of the environment, and the header given to fr.trace(); one that is not valid is left aside."""
    program = """
import fr_recorder as fr
with fr.trace("joined", new=True, traceparent="00-11111111111111111111111111111111-2222222222222222-01"):
    fr.decision("inside")
with fr.trace("alone", new=True, traceparent="nonsense"):
    fr.decision("outside")
"""
    assert workspace.python(program, env={"TRACEPARENT": PARENT}).code == 0
    rows = workspace.rows(
        "SELECT kind, name, hex_id(ext_trace_id) AS trace, hex_id(ext_span_id) AS span FROM events"
        " WHERE kind IN ('run', 'span', 'decision')"
    )
    found = {(row["kind"], row["name"]): (row["trace"], row["span"]) for row in rows if row["kind"] != "run"}
    assert [(row["trace"], row["span"]) for row in rows if row["kind"] == "run"] == [tuple(PARENT.split("-")[1:3])]
    assert found["span", "joined"] == found["decision", "joined"] == ("1" * 32, "2" * 16)
    assert found["span", "alone"] == (None, None)


BAD: dict[str, tuple[list[str], str]] = {
    "a port in use": ([], "--port"),
    "no address": (["--host", "999.1.1.1"], "999.1.1.1"),
    "a store that is none": (["--store", "file"], "file"),
}


@pytest.mark.parametrize(("options", "word"), BAD.values(), ids=BAD)
def test_bad_input_is_told_in_one_line(workspace: Workspace, options: list[str], word: str) -> None:
    """With exit code 2, and no collector left behind."""
    workspace.write("file", "text")
    running = None if options else Collecting(workspace, store=str(workspace.folder / "first"))
    port = ["--port", running.url.rpartition(":")[2]] if running is not None else ["--port", "0"]
    done = workspace.fr("collect", *port, *options)
    assert done.code == 2 and len(done.stderr.splitlines()) == 1 and word in done.stderr.decode(), done.stderr
    if running is not None:
        running.end()
