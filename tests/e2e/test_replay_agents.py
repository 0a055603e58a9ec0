"""Every agent of the bench is recorded, its server is stopped, and it must replay identically: output, exit code, requests."""

import os
import sys
from pathlib import Path

import pytest
from replay_bench import AGENTS, Bench

pytestmark = pytest.mark.e2e

EXIT_CODES = {"exits_nonzero": 3, "raises": 1, "killed": -9}
STDIN = {"stdin_loop": b"what is up?\nand now?\n\n"}
NEEDS_OWN_INTERPRETER = {"litellm_providers"}
NEEDS_ARGUMENT = {"tool_delete_file"}
ALL = sorted(path.stem for path in AGENTS.glob("*.py"))


@pytest.mark.parametrize("agent", [a for a in ALL if a not in NEEDS_OWN_INTERPRETER | NEEDS_ARGUMENT])
def test_agent_replays_identically_with_the_server_stopped(agent: str, tmp_path: Path) -> None:
    """The same bytes on stdout, the same exit code, every recorded call asked for, in each of two replays."""
    bench = Bench(tmp_path)
    recorded = bench.record(sys.executable, str(AGENTS / f"{agent}.py"), stdin=STDIN.get(agent))
    assert recorded.code == EXIT_CODES.get(agent, 0), recorded.stderr
    for _ in range(2):
        replayed = bench.replay()
        assert replayed.code == 0, replayed.stderr
        assert replayed.stdout == recorded.stdout
        assert "replay identical" in replayed.stderr


def test_replay_of_an_agent_that_deletes_a_file_deletes_nothing(tmp_path: Path) -> None:
    """The tool's result is handed out, and its body does not run."""
    bench = Bench(tmp_path)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    recorded = bench.record(sys.executable, str(AGENTS / "tool_delete_file.py"), str(victim))
    assert recorded.code == 0, recorded.stderr
    assert not victim.exists()
    victim.write_text("precious again")
    replayed = bench.replay()
    assert (replayed.code, replayed.stdout) == (0, recorded.stdout), replayed.stderr
    assert victim.read_text() == "precious again"


@pytest.mark.sdk_pins
def test_litellm_replays_identically_in_its_own_environment(tmp_path: Path) -> None:
    """litellm pins an older openai; its interpreter is another one than fr's."""
    litellm_python = os.environ.get("FR_LITELLM_PYTHON", "")
    if not litellm_python:
        pytest.skip("FR_LITELLM_PYTHON names no interpreter with litellm; `make e2e` makes one")
    bench = Bench(tmp_path)
    recorded = bench.record(litellm_python, str(AGENTS / "litellm_providers.py"))
    assert recorded.code == 0, recorded.stderr
    replayed = bench.replay()
    assert (replayed.code, replayed.stdout) == (0, recorded.stdout), replayed.stderr


@pytest.mark.parametrize("agent", ["gather_independent", "as_completed_shared", "threads_pool", "to_thread_copied_context"])
def test_concurrent_agents_are_never_silently_wrong(agent: str, tmp_path: Path) -> None:
    """Recorded at another latency and replayed six times: identical, or stopped with a reason; never another story with exit 0."""
    bench = Bench(tmp_path)
    recorded = bench.record(sys.executable, str(AGENTS / f"{agent}.py"), latency_ms=25)
    assert recorded.code == 0, recorded.stderr
    outcomes = [bench.replay() for _ in range(6)]
    for replayed in outcomes:
        assert replayed.code in (0, 86), replayed.stderr
        assert (replayed.stdout == recorded.stdout) == (replayed.code == 0), replayed.stderr
    assert sum(replayed.code == 0 for replayed in outcomes) >= 5
