"""A Node program on the official npm SDKs: recorded through ``fr proxy``, and served from that record.

``FR_NODE_MODULES`` names the folder that has the SDKs; ``make node`` installs them and runs this.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from proxied import Proxy, node_modules
from recording import LIMIT_S, PROGRAMS, Finished, Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def sdk_folder() -> Path:
    """A folder with the official npm SDKs. Skips where there is none."""
    found = node_modules()
    if isinstance(found, str):
        pytest.skip(found)
    return found


def run_node(workspace: Workspace, proxy: Proxy, modules: Path, *arguments: str) -> Finished:
    """Run the program beside the SDKs; nothing of ours is in its environment."""
    program = workspace.folder / "agent.mjs"
    program.write_text((PROGRAMS / "proxied_agent.mjs").read_text())
    link = workspace.folder / "node_modules"
    if not link.exists():
        os.symlink(modules, link)
    env = workspace.bare_env(OPENAI_BASE_URL=proxy.base, ANTHROPIC_BASE_URL=f"{proxy.url}/openai")
    done = subprocess.run(
        ["node", str(program), *arguments], capture_output=True, env=env, cwd=workspace.folder, timeout=LIMIT_S, check=False
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def test_node_program_is_recorded_and_served(workspace: Workspace, upstream: ScriptedUpstream, sdk_folder: Path) -> None:
    """Answers, a stream, a silent retry, two at once, and Anthropic's SDK: all on record; the same output again without the upstream.

    With an edited prompt the SDK raises, with the difference, and does not try again.
    """
    with Proxy(workspace, upstream.url) as proxy:
        ran = run_node(workspace, proxy, sdk_folder)
        assert ran.code == 0, ran.stderr
        assert proxy.stop().code == 0
    calls = workspace.rows("SELECT api_flavor, status, tokens_out, model_resolved FROM calls ORDER BY started_at")
    assert [row["api_flavor"] for row in calls] == ["openai.chat"] * 5 + ["anthropic.messages"]
    assert {row["status"] for row in calls} == {"ok"}
    assert all(row["tokens_out"] and row["model_resolved"] for row in calls if row is not calls[1])
    tries = workspace.rows("SELECT max(attempt_no) AS tries FROM attempts GROUP BY call_span_id ORDER BY 1")
    assert [row["tries"] for row in tries] == [1, 1, 1, 1, 1, 2]
    upstream.reset()
    with Proxy(workspace, upstream.url, "--replay", "last", "--wait", "5") as proxy:
        again = run_node(workspace, proxy, sdk_folder)
        assert (again.code, again.stdout) == (0, ran.stdout), again.stderr
        assert proxy.stop().code == 0
    with Proxy(workspace, upstream.url, "--replay", "last", "--wait", "5") as proxy:
        edited = run_node(workspace, proxy, sdk_folder, " edited")
        assert proxy.stop().code == 86
    assert upstream.hits == 0
    assert edited.code != 0
    assert b"422 fr proxy: replay diverged at step 1: the request differs at messages[0].content" in edited.stderr
