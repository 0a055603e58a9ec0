"""``fr_replay.replay()``: a server's traces replayed around its handlers, in a process that goes on afterwards."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from desk_bench import Desk, record_desk
from recording import PROGRAMS, Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.e2e

HANDLED = ("handle 0", "handle 1", "handle 2", "several 0", "several 1", "async with", "pooled", "inner function", "thread", "redacted")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The recorded server."""
    return record_desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def results(desk: Desk) -> dict[str, Any]:
    """What came of each scenario; all ran in one process, one after the other."""
    done = desk.run(str(PROGRAMS / "desk_replays.py"), json.dumps(desk.traces))
    assert done.code == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", HANDLED)
def test_code_gets_the_recorded_answers(name: str, desk: Desk, results: dict[str, Any]) -> None:
    """Threads, tasks and pools, with equal prompts and concurrent requests, return what they returned, in the same order."""
    result = results[name]
    assert "error" not in result, result["text"]
    support = {desk.answers[f"o-{n}"] for n in range(3)}
    recorded = {"several 0": "tea", "several 1": "coffee", "async with": "tea", "pooled": "pool", "redacted": "mailed"}
    if name in recorded:
        assert result["value"] == desk.answers[recorded[name]]
    else:
        assert result["value"] in support
    assert result["served"] == {"several 0": 4, "several 1": 4, "async with": 4, "pooled": 6}.get(name, 3)


def test_each_request_gets_its_own_answers(desk: Desk, results: dict[str, Any]) -> None:
    """Requests that ran at the same time are told apart, and no tool's body runs."""
    assert {results[f"handle {n}"]["value"] for n in range(3)} == {desk.answers[f"o-{n}"] for n in range(3)}
    assert not desk.refunded


@pytest.mark.parametrize(
    ("name", "outcome", "text"),
    [
        ("edited", "diverged", "at messages[0].content (user), character"),
        ("redacted and edited", "diverged", "compared as tokens"),
        ("left out", "ended-early", "3 recorded calls not asked for"),
        ("one call more", "diverged", "something that the record does not hold: POST"),
        ("one task less", "diverged", "which it does not do now"),
        ("connection", "unsupported", "192.0.2.7:80"),
        ("other http", "diverged", "/private"),
        ("in a pool of the test", "diverged", "in outside/job:answer#0"),
    ],
)
def test_a_difference_is_raised(name: str, outcome: str, text: str, results: dict[str, Any]) -> None:
    """Whatever is not as recorded raises Divergence, with the report of fr replay."""
    result = results[name]
    assert (result["error"], result["outcome"]) == ("Divergence", outcome), result
    assert text in result["text"]
    assert result["seconds"] < 20


def test_a_swallowed_divergence_is_raised_again(results: dict[str, Any]) -> None:
    """Code that catches everything is stopped at its next call again, and when it leaves the block."""
    assert results["swallowed inside"] == ["Divergence", "Divergence"]
    assert results["swallowed"]["error"] == "Divergence"
    assert "+ replayed: on 2" in results["swallowed"]["text"]
    assert "another?" in results["swallowed"]["text"]
    assert "yet another?" not in results["swallowed"]["text"]


def test_partial_lets_calls_be_left_out(results: dict[str, Any]) -> None:
    """With partial=True the code inside may stop early."""
    assert results["left out, partial"]["served"] == 0


def test_the_codes_own_failure_comes_through(desk: Desk, results: dict[str, Any]) -> None:
    """An exception of the code under test is not hidden behind the calls that it did not make."""
    assert (results["own failure"]["error"], results["own failure"]["text"]) == ("ZeroDivisionError", desk.traces["support"][0])


def test_one_replay_at_a_time(results: dict[str, Any]) -> None:
    """A second replay in the same process is refused with the reason."""
    assert "one at a time" in results["nested"]["value"]


def test_steps_are_readable(results: dict[str, Any]) -> None:
    """The recorded requests and answers are at hand in the block."""
    (first, second) = results["steps"]["value"]
    assert first[:3] == [1, "gpt-x", "ok"]
    assert "where is it?" in first[3]["messages"][0]["content"]
    assert first[4].startswith("é☂😀 answer")
    assert second[0] == 2


def test_time_begins_when_the_trace_began(desk: Desk, results: dict[str, Any]) -> None:
    """Without clock reads on record, both clocks start at the trace's time, and sleeping takes none."""
    sql = "SELECT epoch(started_at) AS at FROM all_events WHERE name = 'support' AND kind = 'span' AND lower(hex(trace_id)) = ?"
    (row,) = desk.workspace.rows(sql, [desk.traces["support"][0]])
    now, date, _ = results["date"]["value"]
    assert abs(now - row["at"]) < 2
    assert abs(date - row["at"]) < 2
    assert results["date"]["seconds"] < 20
    assert any("clock reads are not on record" in limit for limit in results["limits"]["value"])


def test_the_process_is_as_before(results: dict[str, Any]) -> None:
    """Clock, random numbers and environment are given back."""
    assert results["afterwards"] == {"random": True, "clock": True, "keys": []}


def test_an_unknown_trace_is_an_error_of_its_own(results: dict[str, Any]) -> None:
    """What is not in the store is no divergence."""
    assert results["unknown"]["error"] == "UnknownTrace"


COMMAND = """
import datetime, os, random, time, uuid
import openai

def main():
    client = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="none", max_retries=0)
    drawn = f"{random.random()} {uuid.uuid4()} {datetime.datetime.now()} {time.time()} {time.monotonic()}"
    said = client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": drawn}])
    time.sleep(0.1)
    return said.choices[0].message.content, time.time(), random.random()

if __name__ == "__main__":
    print(main())
"""
AROUND = """
import agent, fr_replay, random
kept = random.getstate()
for _ in range(2):
    with fr_replay.replay("last"):
        print(agent.main())
assert random.getstate() == kept
"""


def test_a_command_is_replayed_with_its_clock_and_seeds(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """A trace of fr record around its main function: every clock read and random number is the recorded one, twice."""
    program = workspace.write("agent.py", COMMAND)
    recorded = workspace.record(sys.executable, program, env={"FR_TEST_UPSTREAM": upstream.url})
    assert recorded.code == 0, recorded.stderr
    done = workspace.run(sys.executable, workspace.write("around.py", AROUND), env={"FR_TEST_UPSTREAM": upstream.url})
    assert done.code == 0, done.stderr.decode()
    assert done.stdout == recorded.stdout * 2


def test_a_command_with_children_is_refused(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """Only one process can be replayed inside of another; the reason names the others."""
    call = f"import urllib.request as u; u.urlopen('{upstream.url}/private')"
    source = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {call!r}])\n"
    recorded = workspace.python(source)
    assert recorded.code == 0, recorded.stderr
    done = workspace.run(sys.executable, "-c", "import fr_replay; fr_replay.replay('last')")
    assert done.code == 1
    assert b"NotReplayable: only one process can be replayed inside another" in done.stderr


def test_a_recording_process_records_nothing_of_a_replay(desk: Desk, tmp_path: Path) -> None:
    """Code under test that calls fr.init() is replayed all the same, and goes on recording after the block."""
    source = """
import sys, desk, fr_recorder as fr, fr_replay
fr.init(sys.argv[2])
with fr_replay.replay(sys.argv[1]) as run:
    assert fr.init()
    desk.handle(**run.inputs)
with fr.trace("afterwards"):
    fr.decision("go on")
"""
    done = desk.run("-c", source, desk.traces["support"][0], str(tmp_path / "own"))
    assert done.code == 0, done.stderr.decode()
    listed = desk.fr("ls", "--format", "json", FR_STORE=str(tmp_path / "own"))
    assert [row["name"] for row in json.loads(listed.stdout)] == ["afterwards"]
