"""What becomes of a replay: the agents of ``tests/e2e/agents``, recorded and replayed by each tool with the server stopped.

Agents that use our own library are left out, and so are those whose SDK is not installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from measures.replay_speed import KEY, TOOLS, Tool
from processes import HERE, clean_environment
from recorders.adapter import installed, row_of
from report import NOT_INSTALLED, Section
from settings import Bench

sys.path.append(str(HERE.parent / "upstream"))
from scripted_upstream import ScriptedUpstream

__all__ = ["measure"]

AGENTS = HERE.parent / "e2e" / "agents"
TIMEOUT_S = 20.0

IDENTICAL = "identical"
STOPPED = "stopped"
WRONG = "silently wrong"
NOT_RECORDED = "not recorded"

_STDIN = {"stdin_loop": b"what is up?\nand now?\n\n"}
_IMPORTED = re.compile(r"^(?:import|from) ([a-z_0-9.]+)", re.MULTILINE)


class _Case(NamedTuple):
    """A tool, and whether the server's answers are compressed as the client allows."""

    tool: Tool
    encoding: str

    @property
    def name(self) -> str:
        return self.tool.recorder + (", answers compressed" if self.encoding == "auto" else "")


class _Ended(NamedTuple):
    code: int
    output: bytes


def measure(bench: Bench) -> list[Section]:
    """Every agent with every tool. Raises BenchmarkFailed."""
    bench.say("replay_outcomes")
    cases = [_Case(tool, encoding) for tool in TOOLS for encoding in ("identity", "auto")]
    agents = _agents()[: bench.sizes.outcome_agents]
    section = Section(
        "replay_outcomes",
        "Outcomes of replays",
        f"{len(agents)} agents on real SDKs (tests/e2e/agents: threads, tasks, streams, retries, children, kill -9), unmodified, each "
        "recorded once and replayed once with the server stopped. Identical: standard output and exit code are those of the recording "
        "(for the one that was killed: it comes as far). Stopped: the tool ended it with an exit code of its own, or the program failed. "
        "Silently wrong: it ended as if all was well, and the output is another one.",
        ("agent", *(case.name for case in cases)),
    )
    counts: dict[str, Counter[str]] = {case.name: Counter() for case in cases}
    for agent in agents:
        outcomes = [_outcome(bench, case, agent) for case in cases]
        section.rows.append([agent.stem, *outcomes])
        for case, outcome in zip(cases, outcomes, strict=True):
            counts[case.name][outcome] += 1
    for outcome in (IDENTICAL, STOPPED, WRONG):
        section.rows.append([f"in all, {outcome}", *(str(counts[case.name][outcome]) for case in cases)])
    ours = sum((counts[case.name] for case in cases if case.tool.recorder == "fr"), Counter[str]())
    section.facts = {
        "replay_outcomes.fr.silently_wrong": ours[WRONG],
        "replay_outcomes.fr.identical": ours[IDENTICAL] / max(1, ours.total()) * 100,
    }
    return [section]


def _agents() -> list[Path]:
    """Those that can run here without our library and without arguments."""
    return [path for path in sorted(AGENTS.glob("*.py")) if _can_run(path.read_text(encoding="utf-8"))]


def _can_run(source: str) -> bool:
    names = set(_IMPORTED.findall(source))
    return "fr_recorder" not in names and "sys.argv[1]" not in source and all(_is_there(name) for name in names)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _outcome(bench: Bench, case: _Case, agent: Path) -> str:
    """How a tool's replay of an agent ended."""
    if not installed(row_of(case.tool.recorder)):
        return NOT_INSTALLED
    folder = os.path.join(bench.scratch, f"outcome-{case.tool.recorder}-{case.encoding}-{agent.stem}")
    os.makedirs(folder)
    environment = {
        **clean_environment(os.path.join(bench.scratch, "keys")),
        "FR_STORE": os.path.join(folder, "store"),
        "TAPE_DIR": os.path.join(folder, "tapes"),
        "OPENAI_API_KEY": KEY,
    }
    with ScriptedUpstream(latency_ms=5, encoding=case.encoding) as model:
        environment["FR_TEST_UPSTREAM"] = model.url
        recorded = _run((*case.tool.record, sys.executable, str(agent)), environment, folder, agent.stem)
    if recorded is None:
        return NOT_RECORDED
    replayed = _run(case.tool.replay, environment, folder, agent.stem)
    # fr says how the replay went, reeltime hands the program's exit code on.
    if replayed is None or replayed.code not in (0, recorded.code):
        return STOPPED
    return IDENTICAL if _program_lines(replayed.output) == _program_lines(recorded.output) else WRONG


def _run(argv: tuple[str, ...], environment: Mapping[str, str], folder: str, agent: str) -> _Ended | None:
    """Run a tool; None when it did not end in time."""
    try:
        ended = subprocess.run(
            argv, env=dict(environment), cwd=folder, input=_STDIN.get(agent, b""), capture_output=True, check=False, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return None
    return _Ended(ended.returncode, ended.stdout)


def _program_lines(output: bytes) -> list[bytes]:
    """Without what reeltime says of its own on the same stream."""
    return [line for line in output.splitlines() if not line.startswith((b"reeltime:", "✓ ".encode(), "✗ ".encode()))]
