"""The recorder never harms the program: every inner part is broken in turn, and the program gets what it gets without us."""

import sys
from collections import Counter

import pytest
from plain_parquet import PlainStore
from recording import PROGRAMS, Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.e2e

BROKEN = str(PROGRAMS / "broken_parts.py")

PARTS = (
    *("fr_recorder.writer:Writer.put", "fr_recorder.writer:Writer.accepts", "fr_recorder.writer:Writer.new_span_id"),
    *("fr_recorder.writer:Writer._open_session", "fr_recorder.redact:Redactor.segments"),
    *("fr_recorder.session:JournalSession.__init__", "fr_recorder.session:JournalSession.records", "fr_recorder.session:encode_event"),
    *("fr_recorder.journal:Journal.append", "fr_recorder.journal:Journal.open_next", "fr_recorder.journal:Journal.sync"),
    *("fr_recorder.encoder:Encoder.begin_http", "fr_recorder.encoder:Encoder.end_http", "fr_recorder.encoder:Encoder.begin_tool"),
    *("fr_recorder.encoder:Encoder.end_tool", "fr_recorder.encoder:Encoder.decision", "fr_recorder.encoder:Encoder.begin_span"),
    *("fr_recorder.redact:Redactor.__init__", "fr_recorder.redact:Redactor.body", "fr_recorder.redact:Redactor.headers"),
    *("fr_recorder.redact:Redactor.value", "fr_recorder.redact:Redactor.text", "fr_recorder.redact:Redactor.url"),
    *("fr_recorder.content:ContentStore.put_request", "fr_recorder.content:ContentStore.put"),
    *("fr_recorder.values:pack", "fr_recorder.values:pack_error"),
    *("fr_recorder.crossings:RecordedHttp.__init__", "fr_recorder.crossings:next_order", "fr_recorder.crossings:RecordedTool.__init__"),
    *("fr_recorder.lanes:Lane.next_sequence", "fr_recorder.real:wall_ns"),
)
"""What is broken in turn."""


def outcome(workspace: Workspace, upstream: ScriptedUpstream, part: str) -> tuple[bytes, list[str]]:
    """What the program prints, and what is said on stderr."""
    done = workspace.run(sys.executable, BROKEN, part, "init", env={"FR_TEST_UPSTREAM": upstream.url})
    assert (done.code, done.program_stderr) == (0, b""), done.stderr.decode()
    return done.stdout, done.said


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, _session_upstream: ScriptedUpstream) -> bytes:
    """What the program prints when nothing is broken, which is all on record."""
    workspace = Workspace(tmp_path_factory.mktemp("whole"))
    stdout, said = outcome(workspace, _session_upstream, "none")
    assert said == []
    assert workspace.fr("ls").code == 0
    kinds = {row["kind"] for row in PlainStore(workspace.store).events}
    assert {"http_call", "tool_call", "span", "decision", "llm_call", "process"} <= kinds
    return stdout


@pytest.mark.parametrize("part", [*PARTS, "full disk"])
def test_a_broken_part_costs_records_and_nothing_else(part: str, expected: bytes, workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """The same output and exit code, a line or two for each of the two processes that say what is lost, and a store that opens."""
    stdout, said = outcome(workspace, upstream, part)
    assert stdout == expected
    assert 1 <= len(set(said)) <= 3, said
    assert max(Counter(said).values()) <= 2, said
    listed = workspace.fr("ls")
    assert listed.code == 0, listed.stderr


def test_without_a_thread_to_be_had_everything_is_written_all_the_same(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """At interpreter shutdown, or at a limit on threads, the program's own thread writes."""
    _, said = outcome(workspace, upstream, "fr_recorder.writer:start_new_thread")
    assert said == []
    assert workspace.fr("ls").code == 0
    rows = PlainStore(workspace.store).events
    assert sum(row["kind"] in ("http_call", "llm_attempt") and row["phase"] == "end" for row in rows) == upstream.hits
    assert [row["kind"] for row in rows if row["phase"] == "begin" and row["kind"] != "process"] == []
