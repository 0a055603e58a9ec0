"""``fr diff``: the step where two traces stop being the same run, and how requests and answers differ there."""

import json
import sys
from typing import Any

import pytest
from recording import Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.e2e

AGENT = """
import json, os, httpx
BASE = os.environ["FR_TEST_UPSTREAM"]
PROPERTIES = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PROPERTIES}}]
SYSTEM = "Be brief."
client = httpx.Client()


def ask(messages, **more):
    body = {"model": "gpt-4o", "messages": [{"role": "system", "content": SYSTEM}, *messages], **more}
    return client.post(BASE + "/v1/chat/completions", json=body).json()["choices"][0]["message"]


first = {"role": "user", "content": "[[script:one-tool]] weather?"}
ask([first], tools=TOOLS)
ask([{"role": "user", "content": "[[script:in-turn]] now?"}])
ask([first, {"role": "user", "content": "[[script:refusal]] and then?"}])
"""


def record(workspace: Workspace, upstream: ScriptedUpstream, source: str = AGENT) -> str:
    """Record the agent on a server that has given no answer yet; returns the trace."""
    upstream.reset()
    run = workspace.record(sys.executable, workspace.write("agent.py", source), env={"FR_TEST_UPSTREAM": upstream.url})
    assert run.code == 0, run.stderr
    return run.trace


def diff(workspace: Workspace, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and what ``--json`` says."""
    done = workspace.fr("diff", *arguments, "--json")
    assert done.code in (0, 1), done.stderr
    return done.code, json.loads(done.stdout)


def edited(old: str, new: str) -> str:
    """The agent with one place changed."""
    assert AGENT.count(old) == 1
    return AGENT.replace(old, new)


def test_the_same_decisions_are_equal(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """Ids, times and fingerprints differ in every answer, and do not count."""
    first, second = record(workspace, upstream), record(workspace, upstream)
    code, told = diff(workspace, first, second)
    assert (code, told["equal"], told["parting"]) == (0, True, None)
    assert [step["outcome"] for step in told["steps"]] == ["same"] * 3
    assert b"the same 3 decisions" in workspace.fr("diff", first, second).stdout


def test_an_edited_prompt_is_named_at_its_step_and_character(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """The request differs at step 2, although it was answered the same."""
    first, second = record(workspace, upstream), record(workspace, upstream, edited("now?", "now, please?"))
    code, told = diff(workspace, first, second)
    assert (code, [step["outcome"] for step in told["steps"]]) == (1, ["same", "request differs", "same"])
    parting = told["parting"]
    assert (parting["first"], parting["second"], parting["answer_differences"], parting["request_differences"]) == (2, 2, 0, 1)
    assert parting["request"][0]["path"] == "messages[1].content"
    assert parting["request"][0]["character"] == len("[[script:in-turn]] now")
    text = workspace.fr("diff", first, second).stdout.decode()
    assert "1 decision the same, then they stop being the same run at step 2: another request was sent" in text
    assert "at messages[1].content (user), character 23 of 23" in text
    assert "- first: [[script:in-turn]] now?" in text
    assert "+ second: [[script:in-turn]] now, please?" in text


def test_another_answer_to_the_same_request_is_told_apart(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """One more call in front moves the answers that come in turn, so that step 2 is answered otherwise."""
    first = record(workspace, upstream)
    more = edited("first = {", "ask([{'role': 'user', 'content': '[[script:no-tools]] extra'}])\nfirst = {")
    second = record(workspace, upstream, more)
    code, told = diff(workspace, first, second)
    assert code == 1
    assert [(step["first"], step["second"], step["outcome"]) for step in told["steps"]] == [
        (None, 1, "only in the second"),
        (1, 2, "same"),
        (2, 3, "answer differs"),
        (3, 4, "same"),
    ]
    assert "step 1 of the second has no counterpart in the first" in workspace.fr("diff", first, second).stdout.decode()
    assert "step 1 of the first has no counterpart in the second" in workspace.fr("diff", second, first).stdout.decode()


def test_traces_of_other_lanes_are_compared_in_order(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """A re-issue has lanes of its own: its answers stand beside the parent's steps."""
    parent = record(workspace, upstream)
    child = json.loads(workspace.fr("reissue", parent, "1", "--yes", "--json").stdout)["trace"]
    code, told = diff(workspace, parent, child)
    assert (code, [step["outcome"] for step in told["steps"]]) == (1, ["same", "only in the first", "only in the first"])


def test_bad_usage_is_2(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """A trace and itself; a trace that is not there."""
    trace = record(workspace, upstream)
    assert workspace.fr("diff", trace, "last").code == 2
    assert workspace.fr("diff", trace, "ffffffff").code == 2
