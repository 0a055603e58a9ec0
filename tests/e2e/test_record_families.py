"""Programs of several processes under ``fr record``: every process's calls are in the run's record, each once, in a lane of its own."""

import json
import sys
import time
from collections import Counter

import pytest
from plain_parquet import PlainStore, Row
from recording import FR, LIMIT_S, PROGRAMS, Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.e2e

FAMILIES = str(PROGRAMS / "families.py")
UNSEEN = {"subprocesses": {"unseen"}}
"""Questions of processes that were given an environment without the recorder."""

WAYS = (
    *("fork", "fork_in_threads", "prefork", "subprocesses", "become"),
    *("multiprocessing_fork", "multiprocessing_spawn", "multiprocessing_forkserver"),
)


def question_of(body: bytes) -> str:
    """The last message of a chat request."""
    text: str = json.loads(body)["messages"][-1]["content"]
    return text


def check_family(store: PlainStore, asked: list[bytes], trace: str) -> list[Row]:
    """Every request of the server's log is on record once, whole and ended, under one run; lanes tell all apart."""
    attempts = store.of_kind("llm_attempt")
    assert Counter(store.joined(row["request_parts"]) for row in attempts) == Counter(asked)
    assert {row["trace_id"].hex() for row in store.events} == {trace}
    assert {row["run_id"].hex() for row in store.events if row["kind"] not in ("run",)} == {trace}
    assert [row["status"] for row in attempts if row["phase"] != "end"] == []
    assert {(row["status"], row["http_status"]) for row in attempts} == {("ok", 200)}
    places = Counter((row["lane"], row["lane_seq"]) for row in attempts)
    assert [place for place, count in places.items() if count > 1] == []
    processes = store.of_kind("process")
    lanes = Counter(row["lane"] for row in processes)
    assert [lane for lane, count in lanes.items() if count > 1] == []
    return processes


@pytest.mark.parametrize("way", WAYS)
def test_every_process_of_a_family_is_on_record(way: str, workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """What the server logged is what the record holds, and every process that ended in order says so."""
    recorded = workspace.record(sys.executable, FAMILIES, way, env={"FR_TEST_UPSTREAM": upstream.url})
    assert (recorded.code, recorded.program_stderr) == (0, b""), recorded.stderr
    assert len(recorded.said) == 1, recorded.said
    log = [request.body for request in upstream.requests]
    assert len({question_of(body) for body in log}) == len(log)
    asked = [body for body in log if question_of(body) not in UNSEEN.get(way, ())]
    processes = check_family(PlainStore(workspace.store), asked, recorded.trace)
    assert len(processes) >= 2
    assert [row["lane"] for row in processes if row["phase"] != "end"] == []


def test_output_before_a_program_becomes_another_is_kept(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """exec runs no exit handlers; what was written before it is on record all the same, as is what came after one that failed."""
    recorded = workspace.record(sys.executable, FAMILIES, "become", env={"FR_TEST_UPSTREAM": upstream.url})
    assert recorded.stdout == b"said in the first life\nFileNotFoundError\nPermissionError\n", recorded.stderr
    store = PlainStore(workspace.store)
    assert b"".join(store.joined(row["nd_value_parts"]) for row in store.of_kind("output")) == recorded.stdout
    asked = [question_of(store.joined(row["request_parts"])) for row in store.of_kind("llm_attempt")]
    assert asked == ["first life", "after exec that failed", "second life", "third life"]


def test_a_daemon_that_outlives_its_launcher_is_recorded(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """It has closed every descriptor, and asks when fr has gone; its record is sealed by the next fr command."""
    done = workspace.folder / "done"
    # The launcher replaces this shell, so its process id is the shell's.
    script = f'LAUNCHER=$$ exec "{FR}" record -- "{sys.executable}" "{FAMILIES}" daemon'
    recorded = workspace.run("sh", "-c", script, env={"FR_TEST_UPSTREAM": upstream.url, "DONE": str(done)})
    assert recorded.code == 0, recorded.stderr
    deadline = time.monotonic() + LIMIT_S
    while not done.exists():
        assert time.monotonic() < deadline, "the daemon never finished"
        time.sleep(0.02)
    while workspace.fr("ls").code != 0 or PlainStore(workspace.store).unsealed():
        assert time.monotonic() < deadline, "the daemon's journal was never sealed"
    store = PlainStore(workspace.store)
    (attempt,) = store.of_kind("llm_attempt")
    assert question_of(store.joined(attempt["request_parts"])) == "from the daemon"
    assert (attempt["trace_id"].hex(), attempt["phase"]) == (recorded.trace, "end")


CLOSES_DESCRIPTORS = """
import os, sys, urllib.request
url = os.environ["FR_TEST_UPSTREAM"] + "/tool/weather?n="
def ask(number):
    with urllib.request.urlopen(url + str(number)) as answer:
        return len(answer.read()) > 10
before = ask(0)
os.closerange(3, 1024)
own = [os.open(f"own-{n}.dat", os.O_CREAT | os.O_RDWR) for n in range(8)]
after = [ask(n) for n in range(1, 9)]
for descriptor in own:
    os.write(descriptor, b"mine")
print(before, after, [os.path.getsize(f"own-{n}.dat") for n in range(8)])
"""


def test_a_program_that_closes_our_descriptor_gets_nothing_of_ours_in_its_files(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """The number of our journal's descriptor may be that of a file of the program's next; nothing must be written there."""
    workspace.write("closes.py", CLOSES_DESCRIPTORS)
    recorded = workspace.record(sys.executable, "closes.py", env={"FR_TEST_UPSTREAM": upstream.url})
    assert recorded.code == 0, recorded.stderr
    assert recorded.stdout.decode() == f"True {[True] * 8} {[4] * 8}\n"
    assert [(workspace.folder / f"own-{n}.dat").read_bytes() for n in range(8)] == [b"mine"] * 8
    assert PlainStore(workspace.store).of_kind("http_call")
