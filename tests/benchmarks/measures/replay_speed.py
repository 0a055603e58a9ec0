"""How fast a recorded run is replayed: the commands as a person would type them, with the server stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from statistics import median
from time import perf_counter
from typing import NamedTuple

from processes import HERE, BenchmarkFailed, Upstream, clean_environment
from recorders.adapter import installed, row_of
from recorders.fr import FR
from report import NOT_INSTALLED, Section, amount
from settings import Bench

__all__ = ["KEY", "TOOLS", "Tool", "measure"]

_TAPE = os.path.join(os.path.dirname(sys.executable), "tape")
KEY = "sk-benchmark-not-a-real-key"
_AGENT = str(HERE / "agents" / "many_tasks.py")


class Tool(NamedTuple):
    """A command that records and replays.

    Attributes:
        recorder: name of its row.
        record: what stands before the agent's command.
        replay: what replays the last run.
    """

    recorder: str
    record: tuple[str, ...]
    replay: tuple[str, ...]


TOOLS = (Tool("fr", (FR, "record", "--"), (FR, "replay", "last")), Tool("reeltime", (_TAPE, "run"), (_TAPE, "replay")))


class _Run(NamedTuple):
    output: bytes
    seconds: float


def measure(bench: Bench) -> list[Section]:
    """Record and replay with each tool: the whole run, and one call for what does not depend on their number. Raises BenchmarkFailed."""
    bench.say("replay_speed")
    calls = bench.sizes.replay_calls
    section = Section(
        "replay_speed",
        "Replay",
        f"An agent on the openai SDK makes {calls} calls, ten to a task, of 12 to 28 KB (20 KB on average); answers are 2 KB with a nonce. "
        f"It is recorded, the server is stopped, and the run is replayed {bench.sizes.replays} times; its output must be the recorded one. "
        "Seconds are those of the whole command, median; fixed is a run of one call: interpreter, SDK import, the tool's own start and "
        "end. A further call contains the SDK's own work.",
        ("tool", "recorded s", "replayed s", "fixed s", "calls/s", "ms per further call", "output the same"),
    )
    section.rows.append(_unrecorded_row(bench, calls, len(section.columns)))
    for tool in TOOLS:
        if not installed(row_of(tool.recorder)):
            section.rows.append([tool.recorder, NOT_INSTALLED, *[""] * (len(section.columns) - 2)])
            continue
        recorded, replayed = _record_and_replay(bench, tool, calls)
        fixed = replayed if calls == 1 else _record_and_replay(bench, tool, 1)[1]
        seconds, fixed_seconds = median(run.seconds for run in replayed), median(run.seconds for run in fixed)
        same = sum(_agent_lines(run.output, calls) == _agent_lines(recorded.output, calls) for run in replayed)
        section.rows.append(
            [
                tool.recorder,
                amount(recorded.seconds, 2),
                amount(seconds, 2),
                amount(fixed_seconds, 2),
                amount(calls / seconds),
                amount((seconds - fixed_seconds) / max(1, calls - 1) * 1000, 2),
                f"{same} of {len(replayed)}",
            ]
        )
        section.facts |= {f"replay_speed.{tool.recorder}.calls_per_s": calls / seconds, f"replay_speed.{tool.recorder}.identical": same}
    return [section]


def _unrecorded_row(bench: Bench, calls: int, columns: int) -> list[str]:
    """The agent by itself with a server that answers at once: what a call costs without any tool."""
    with Upstream(latency_ms=0) as model:
        environment = clean_environment(os.path.join(bench.scratch, "keys"))
        environment |= {"OPENAI_BASE_URL": f"{model.url}/v1", "OPENAI_API_KEY": KEY}
        seconds, fixed = (
            median(_run((sys.executable, _AGENT, str(count)), environment, bench.scratch).seconds for _ in range(bench.sizes.replays))
            for count in (calls, 1)
        )
    row = ["none, server answers at once", "", amount(seconds, 2), amount(fixed, 2), amount(calls / seconds)]
    return [*row, amount((seconds - fixed) / max(1, calls - 1) * 1000, 2), *[""] * (columns - len(row) - 1)]


def _record_and_replay(bench: Bench, tool: Tool, calls: int) -> tuple[_Run, list[_Run]]:
    folder = os.path.join(bench.scratch, f"replay-{tool.recorder}-{calls}")
    os.makedirs(folder)
    environment = {
        **clean_environment(os.path.join(bench.scratch, "keys")),
        "FR_STORE": os.path.join(folder, "store"),
        "TAPE_DIR": os.path.join(folder, "tapes"),
        "OPENAI_API_KEY": KEY,
    }
    with Upstream(latency_ms=bench.sizes.latency_ms) as model:
        environment["OPENAI_BASE_URL"] = f"{model.url}/v1"
        recorded = _run((*tool.record, sys.executable, _AGENT, str(calls)), environment, folder)
    return recorded, [_run(tool.replay, environment, folder) for _ in range(bench.sizes.replays)]


def _run(argv: tuple[str, ...], environment: Mapping[str, str], folder: str) -> _Run:
    started = perf_counter()
    ended = subprocess.run(argv, env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    seconds = perf_counter() - started
    if ended.returncode != 0:
        raise BenchmarkFailed(f"{' '.join(argv[:3])} ended with {ended.returncode}: {ended.stderr.decode(errors='replace')[-300:]}")
    return _Run(ended.stdout, seconds)


def _agent_lines(output: bytes, calls: int) -> list[bytes]:
    """The agent's own lines; reeltime says more on the same stream. Raises BenchmarkFailed when they are not all there."""
    lines = [line for line in output.splitlines() if line.startswith(b"answer-")]
    if len(lines) != calls:
        raise BenchmarkFailed(f"the agent printed {len(lines)} answers, not {calls}")
    return lines
