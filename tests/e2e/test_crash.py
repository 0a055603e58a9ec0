"""``kill -9`` at random moments: every call that had returned is on record whole, and what was in flight is there as an intent."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from plain_parquet import PlainStore
from recording import LIMIT_S, PROGRAMS, Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.e2e

CRASHING = str(PROGRAMS / "crashing.py")
KILLS = 20
"""For each of the three kinds of agent."""

MOST_CALLS = 40
SEALING_LIMIT_S = 30.0


@pytest.fixture(scope="module")
def slow_upstream() -> Iterator[ScriptedUpstream]:
    """A server that takes its time, so that calls are in flight at any moment."""
    with ScriptedUpstream(seed=3, latency_ms=8, piece_pause_ms=0.5) as running:
        yield running


def kill_at_random(kind: str, number: int, workspace: Workspace, upstream: ScriptedUpstream) -> Path:
    """Start an agent, let a random number of its calls return, wait a random moment, kill it. Returns the file of returned calls."""
    chance = random.Random(f"{kind} {number}")
    returned = workspace.folder / f"returned-{number}"
    returned.touch()
    env = {**workspace.env, "FR_TEST_UPSTREAM": upstream.url}
    argv = [sys.executable, CRASHING, kind, str(returned)]
    with subprocess.Popen(argv, env=env, cwd=workspace.folder, stderr=subprocess.PIPE) as agent:
        deadline = time.monotonic() + LIMIT_S
        wanted = chance.randrange(1, MOST_CALLS)
        while returned.read_bytes().count(b"\n") < wanted:
            assert agent.poll() is None, agent.communicate()
            assert time.monotonic() < deadline, "the agent does not get on"
            time.sleep(0.001)
        # Not to synchronise, but to hit any moment of a call.
        time.sleep(chance.uniform(0, 0.015))
        os.kill(agent.pid, signal.SIGKILL)
        _, said = agent.communicate(timeout=LIMIT_S)
        assert said == b"", said
    return returned


@pytest.mark.parametrize("kind", ["one thread", "threads", "event loop"])
def test_nothing_that_returned_is_lost(kind: str, workspace: Workspace, slow_upstream: ScriptedUpstream) -> None:
    """The store opens at once after twenty kills, one fr command seals it, and every noted answer is there byte for byte."""
    slow_upstream.reset()
    with ThreadPoolExecutor(2) as pool:
        files = list(pool.map(lambda number: kill_at_random(kind, number, workspace, slow_upstream), range(KILLS)))
    before = time.monotonic()
    listed = workspace.fr("ls", "--format", "json")
    took = time.monotonic() - before
    assert (listed.code, listed.stderr) == (0, b"")
    assert took < SEALING_LIMIT_S
    assert len(json.loads(listed.stdout)) == KILLS
    store = PlainStore(workspace.store)
    assert store.unsealed() == []
    assert not (workspace.store / "quarantine").exists()
    returned = dict(line.split() for file in files for line in file.read_text().splitlines())
    assert len(returned) >= KILLS
    ended, open_calls = what_is_on_record(store)
    assert {question: digest for question, digest in returned.items() if ended.get(question) != digest} == {}
    check_intents(store, open_calls, slow_upstream)


def what_is_on_record(store: PlainStore) -> tuple[dict[str, str], set[str]]:
    """Digests of the answers of calls and tools that ended, by question, and the questions of calls that have no end."""
    ended: dict[str, str] = {}
    still_open = set()
    for row in store.of_kind("llm_attempt"):
        question = json.loads(store.joined(row["request_parts"]))["messages"][-1]["content"]
        if row["phase"] == "end" and row["response_end"] == "eof":
            ended[question] = hashlib.sha256(store.joined(row["response_parts"])).hexdigest()
        else:
            still_open.add(question)
    for row in store.of_kind("tool_call"):
        if row["phase"] == "end":
            result = store.joined(row["tool_result_parts"])
            ended[f"tool-{json.loads(store.blobs[row['tool_args_blob']])['question']}"] = hashlib.sha256(result).hexdigest()
    return ended, still_open


def check_intents(store: PlainStore, open_calls: set[str], upstream: ScriptedUpstream) -> None:
    """Calls in flight are on record with the whole request that the server got, status open, and no end that was made up."""
    sent = {json.loads(logged.body)["messages"][-1]["content"]: logged.body for logged in upstream.requests if logged.complete}
    begun = [row for row in store.of_kind("llm_attempt") if row["phase"] == "begin"]
    assert len(begun) >= KILLS // 4, "most kills hit a call that the server had not answered yet"
    for row in begun:
        body = store.joined(row["request_parts"])
        question = json.loads(body)["messages"][-1]["content"]
        assert question in open_calls
        assert sent.get(question, body) == body
        assert (row["status"], row["http_status"], row["ended_at"], row["duration_ms"]) == ("open", None, None, None)
    processes = store.of_kind("process")
    assert {(row["phase"], row["status"]) for row in processes} == {("begin", "open")}
