"""Traces without a command: what ``fr replay`` checks of them, ``--handler``, and ``fr extract``."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from desk_bench import Desk, record_desk

from fr_recorder.seal import write_parquet
from fr_schema.layout import BLOBS

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The recorded server."""
    return record_desk(tmp_path_factory.mktemp("desk"))


def said(done: Any) -> dict[str, Any]:
    """What fr said as JSON."""
    found: dict[str, Any] = json.loads(done.stderr)
    return found


def test_a_trace_without_a_command_is_checked(desk: Desk) -> None:
    """Every request and answer is looked at, and the way on is named; no program ran, so the exit code is 87."""
    trace = desk.traces["support"][0]
    done = desk.fr("replay", trace)
    lines = done.stderr.decode().splitlines()
    assert done.code == 87
    assert lines[0] == "fr: verified 3 requests, 3 answers; no command on record, so no program was run"
    assert "2 model calls read again by the decoders" in lines[1]
    assert any(f"fr replay {trace} --handler module:function" in line for line in lines)
    assert any(f"fr reissue {trace} K" in line for line in lines)


def test_checking_without_the_key_says_so(desk: Desk, tmp_path: Path) -> None:
    """Without the store's key it cannot be told whether content was changed, and that is said."""
    found = said(desk.fr("replay", desk.traces["support"][0], "--json", FR_KEYS=str(tmp_path)))
    assert (found["outcome"], found["compared_by_content"], found["requests"]) == ("checked", False, 3)


def edited_store(desk: Desk, folder: Path, old: bytes, new: bytes) -> str:
    """A copy of a trace in which some bytes of the content were changed, or whose content is gone."""
    trace = desk.traces["support"][0]
    assert desk.fr("extract", trace, "-o", str(folder)).code == 0
    (path,) = (folder / BLOBS).rglob("*.parquet")
    rows = pq.read_table(path, partitioning=None).to_pylist()
    changed = [{**row, "data": row["data"].replace(old, new)} if new else row for row in rows if new or old not in row["data"]]
    assert changed != rows
    write_parquet(str(path), BLOBS, changed)
    return trace


def test_changed_content_is_found(desk: Desk, tmp_path: Path) -> None:
    """One changed word of a stored message is named, with its step; exit code 2."""
    trace = edited_store(desk, tmp_path / "copy", b"where is it", b"where is At")
    done = desk.fr("replay", trace, "--store", str(tmp_path / "copy"))
    assert done.code == 2
    assert b"fr: DAMAGED: 3 requests" in done.stderr
    assert b"step 1 (span " in done.stderr
    assert b"the request was changed: part " in done.stderr


def test_missing_content_is_found(desk: Desk, tmp_path: Path) -> None:
    """A part that is gone is named; nothing is replayed around it."""
    trace = edited_store(desk, tmp_path / "copy", b"where is it", b"")
    store = ("--store", str(tmp_path / "copy"))
    found = said(desk.fr("replay", trace, *store, "--json"))
    assert found["outcome"] == "damaged"
    assert "parts of the request are missing" in found["faults"][0]["what"]
    done = desk.fr("replay", trace, *store, "--handler", "desk:handle")
    assert done.code == 87
    assert b"missing from the store" in done.stderr


@pytest.mark.parametrize("handler", ["desk:handle", "desk:answer"])
def test_a_handler_is_run_again(handler: str, desk: Desk) -> None:
    """With the recorded inputs, served from the record, with or without opening the trace itself; what is not restored is said."""
    trace = desk.traces["support"][0]
    done = desk.fr("replay", trace, "--handler", handler)
    assert done.code == 0, done.stderr
    text = done.stderr.decode()
    assert text.startswith("fr: handler identical · 3 calls served · tools not run again: refund · returned 'é☂😀 answer")
    assert text.count("not restored: ") == 3
    assert not desk.refunded


def test_a_coroutine_handler_is_run_again(desk: Desk) -> None:
    """An async handler runs in an event loop of its own, in the lane of the recorded task."""
    found = said(desk.fr("replay", desk.traces["several"][1], "--handler", "desk:several", "--json"))
    assert (found["outcome"], found["served"], found["inputs"]) == ("identical", 4, ["topic"])
    assert found["returned"].startswith(repr(desk.answers["coffee"])[:60])


def test_a_handler_that_failed_fails_again(desk: Desk) -> None:
    """The recorded exception is part of the outcome: the same is identical, none is a divergence."""
    trace = desk.traces["failing"][0]
    done = desk.fr("replay", trace, "--handler", "desk:failing")
    assert (done.code, b"raised builtins.LookupError as recorded" in done.stderr) == (0, True), done.stderr
    source = "import desk\ndef fixed(order):\n    return desk.ask(f'find {order}')\n"
    desk.workspace.write("fixing.py", source)
    done = desk.workspace.fr("replay", trace, "--handler", "fixing:fixed")
    assert done.code == 86
    assert b"the handler ended well, and when it was recorded it ended in builtins.LookupError" in done.stderr


HANDLERS = """
import desk
def asks_otherwise(order, question):
    return desk.answer(order, question + "?")
def asks_less(order, question):
    return desk.ask("x") if order == "" else None
def writes(order, question):
    open("written.txt", "w").write("x")
    return desk.answer(order, question)
def takes_more(order, question, more):
    return None
NOT_CALLABLE = 1
"""


@pytest.mark.parametrize(
    ("handler", "code", "text"),
    [
        ("asks_otherwise", 86, "DIVERGED at step 1"),
        ("asks_less", 88, "3 recorded calls not asked for"),
        ("writes", 87, "--allow-writes"),
        ("takes_more", 2, "does not take the recorded inputs order, question"),
        ("NOT_CALLABLE", 2, "not a function"),
        ("absent", 2, "cannot be imported"),
    ],
)
def test_a_handler_is_stopped_with_the_reason(handler: str, code: int, text: str, desk: Desk) -> None:
    """A difference, a call left out, a write, or a function that is none: each has its exit code and says why."""
    desk.workspace.write("handlers.py", HANDLERS)
    done = desk.workspace.fr("replay", desk.traces["support"][0], "--handler", f"handlers:{handler}")
    assert (done.code, text in done.stderr.decode()) == (code, True), done.stderr.decode()
    assert not (desk.workspace.folder / "written.txt").exists()


def test_an_extracted_trace_is_replayed_alone(desk: Desk, tmp_path: Path) -> None:
    """A small store holds what replay needs, of several traces, each once; other traces of the server are not in it."""
    copy = str(tmp_path / "traces")
    for trace in (desk.traces["support"][1], desk.traces["several"][0], desk.traces["mailed"][0]):
        done = desk.fr("extract", trace, "-o", copy)
        assert (done.code, done.stdout.decode().split("\t")[0]) == (0, trace), done.stderr
    assert b"some of its values are redacted" in done.stderr
    listed = json.loads(desk.fr("ls", "--store", copy, "--format", "json").stdout)
    assert sorted(row["name"] for row in listed) == ["mailed", "several", "support"]
    counted = desk.fr("query", "SELECT count(*) AS n FROM processes", "--store", copy, "--format", "json")
    assert json.loads(counted.stdout) == [{"n": 1}]
    for trace, handler in ((desk.traces["support"][1], "desk:handle"), (desk.traces["several"][0], "desk:several")):
        done = desk.fr("replay", trace, "--store", copy, "--handler", handler)
        assert done.code == 0, done.stderr
    again = desk.fr("extract", desk.traces["support"][1], "-o", copy)
    assert (again.code, b"already" in again.stderr) == (2, True)
    whole = b"".join(file.read_bytes() for file in Path(copy).rglob("*.parquet"))
    assert b"ann.lee" not in whole


def test_an_extracted_command_is_replayed_alone(desk: Desk, tmp_path: Path) -> None:
    """A trace of fr record, with its output, clock and children, replays from the small store as from the large one."""
    workspace = desk.workspace
    recorded = workspace.python("import random, time\nprint(time.time(), random.random(), input())\n", stdin=b"typed\n")
    assert recorded.code == 0, recorded.stderr
    copy = str(tmp_path / "one")
    assert workspace.fr("extract", recorded.trace, "-o", copy).code == 0
    done = workspace.fr("replay", recorded.trace, "--store", copy)
    assert (done.code, done.stdout) == (0, recorded.stdout), done.stderr
