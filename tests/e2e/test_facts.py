"""Facts of a real program under ``fr record``: in the right trace, linked to the right calls, and later ones told from outside."""

import sys

import pytest
from recording import AGENTS, Workspace
from scripted_upstream import ScriptedUpstream

from fr_schema.fact_rows import FACT_KINDS

pytestmark = pytest.mark.e2e

FORKED = """
import os, sys
import httpx
import fr_recorder as fr

fr.flags({"before": True})
system = fr.prompt("You are the agent of {shop}, and never guess.", "support", 4, shop="Lumen")
child = os.fork()
fr.score("life", 1, source="child" if child == 0 else "parent")
httpx.post(os.environ["FR_TEST_UPSTREAM"] + "/v1/chat/completions", json={"model": "m", "messages": [{"role": "user", "content": system}]})
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_facts_are_where_they_were_told(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """Every kind; of threads and tasks each its own; calls name what they hold; then a score from outside, and all of it verifies."""
    recorded = workspace.record(sys.executable, str(AGENTS / "program_facts.py"), env={"FR_TEST_UPSTREAM": upstream.url})
    assert recorded.code == 0 and len(recorded.said) == 1, recorded.stderr
    rows = workspace.rows("SELECT * FROM facts ORDER BY started_at")
    assert {row["kind"] for row in rows} == FACT_KINDS.keys()
    assert {row["trace_id"] for row in rows} == {recorded.trace}
    calls = workspace.rows("SELECT * FROM calls ORDER BY step")
    assert [call["prompt_templates"] for call in calls] == [["support@4"], ["support@4"], None, None, None]
    assert [call["retrieved_ids"] for call in calls[:2]] == [["doc-north"], ["doc-south"]]
    assert [call["compensations"] for call in calls] == [["json_repair"], ["json_repair"], None, None, None]
    assert [call["served_by"] for call in calls] == ["primary", "primary", "fallback", "fallback", "fallback"]
    assert all(call["config"].keys() == {"retriever"} for call in calls)
    sessions = {(row["session_id"], row["kind"]) for row in rows if row["session_id"]}
    assert {("north", "prompt"), ("south", "prompt"), ("north", "review"), ("south", "compensation")} <= sessions
    reached = workspace.rows("SELECT document_ids, reached_ids FROM retrievals")
    assert all(row["document_ids"] == row["reached_ids"] for row in reached) and len(reached) == 2
    assert workspace.fr("score", "last", "helpful", "4", "--step", "1").code == 0
    assert workspace.fr("verify").code == 0
    shown = workspace.fr("show", "last", "1").stdout.decode()
    assert "support@4" in shown and "doc-north" in shown and "helpful" in shown


def test_forked_child_goes_on_under_what_was_told(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """Flags and prompts of before the fork; each process writes its own facts once."""
    recorded = workspace.python(FORKED, env={"FR_TEST_UPSTREAM": upstream.url})
    assert recorded.code == 0, recorded.stderr
    calls = workspace.rows("SELECT writer_id, flags, prompt_templates FROM calls")
    assert len({call["writer_id"] for call in calls}) == 2
    assert [(call["flags"], call["prompt_templates"]) for call in calls] == [({"before": "true"}, ["support@4"])] * 2
    told = workspace.rows("SELECT kind, by_source FROM facts ORDER BY kind, by_source")
    assert [(row["kind"], row["by_source"]) for row in told] == [("flags", None), ("prompt", None), ("score", "child"), ("score", "parent")]
