"""The torture: random task graphs, edits of a recorded program, and kills at random moments. `make torture`.

    python tests/torture/run.py [--only graphs|edits|kills ...] [--graphs N] [--kills N] [--edits N] [--first SEED] [--markdown FILE]

Exit code 1 when a replay was silently wrong, an edit went unreported or was reported elsewhere, an unedited program was reported, or a
call that had returned was lost.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

from graph_runs import GraphResults, run_graphs
from graphs import FAMILIES
from kills import KillResults, run_kills
from mutations import EDITS, MutationResults, run_edits
from torture_bench import DIVERGED, IDENTICAL, SILENTLY_WRONG

PARTS = ("graphs", "edits", "kills")


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Torture recording and replay.")
    parser.add_argument("--only", choices=PARTS, action="append", help="do this alone; may be given several times")
    parser.add_argument("--graphs", type=int, default=1000, help="how many random task graphs (default 1000)")
    parser.add_argument("--edits", type=int, default=len(EDITS), help=f"how many edits, evenly picked (default {len(EDITS)}: all)")
    parser.add_argument("--kills", type=int, default=200, help="how many kills (default 200)")
    parser.add_argument("--first", type=int, default=0, help="the first graph's seed and kill's number")
    parser.add_argument("--markdown", metavar="FILE", default=None, help="write the report to a file, as Markdown")
    return parser.parse_args(arguments)


def say(text: str) -> None:
    """Show on stderr what goes on."""
    print(text, file=sys.stderr, flush=True)


def graph_lines(results: GraphResults) -> list[str]:
    """The section on task graphs."""
    lines = [
        "## Random task graphs",
        "",
        "Graphs of tasks, threads and pools with calls to a model server at their leaves, streamed or not, of random latency and often",
        "with equal prompts. Each is recorded, the server is stopped, and it is replayed; the program's own log of requests and answers",
        "and its standard output must be the recorded ones. Silently wrong: exit 0, and they are not.",
        "",
        "| family | graphs | identical | stopped, with the reason | silently wrong |",
        "|---|---:|---:|---:|---:|",
    ]
    for family in FAMILIES:
        counts = [results.counts[family.name, outcome] for outcome in (IDENTICAL, DIVERGED, SILENTLY_WRONG)]
        lines.append(f"| {family.name} | {sum(counts)} | {' | '.join(map(str, counts))} |")
    stopped = results.of(DIVERGED, ordered=True)
    ordered = sum(results.of(outcome, ordered=True) for outcome in (IDENTICAL, DIVERGED, SILENTLY_WRONG))
    lines += [
        "",
        f"In the families in which nothing but calls, timers and ends of threads decides what happens, {stopped} of {ordered} stopped, "
        "each of them falsely: the program was the same. In the last one, threads look at what others do between their calls, which a "
        "record of calls does not hold; a stop is right there.",
        "",
    ]
    return lines


def edit_lines(results: MutationResults) -> list[str]:
    """The section on edits."""
    return [
        "## Edits of a recorded program",
        "",
        f"{results.edits} single edits: characters of prompts, message order, tools, parameters, headers, calls added, left out and "
        "swapped. "
        f"Reported: {results.reported}; at the right step, path and character: {results.placed}. "
        f"Unedited: {results.controls} replays, {results.false_reports} reports.",
        "",
        *(f"- {problem}" for problem in results.wrong),
        *([""] if results.wrong else []),
    ]


def kill_lines(results: KillResults) -> list[str]:
    """The section on kills."""
    return [
        "## kill -9 at random moments",
        "",
        f"{results.kills} programs of one thread, of three, and of three tasks. Calls that had returned: {results.returned}; on record: "
        f"{results.readable}. Replays that came to the same point and said that the record ends there: {results.reached}.",
        "",
        *(f"- {problem.splitlines()[0]}" for problem in results.wrong),
        *([""] if results.wrong else []),
    ]


def main() -> int:
    """Do it, and report."""
    given, started = parse_arguments(), time.monotonic()
    parts, lines, failed = given.only or PARTS, [], False
    if "graphs" in parts:
        graphs = run_graphs(range(given.first, given.first + given.graphs), say)
        lines += graph_lines(graphs)
        failed |= graphs.of(SILENTLY_WRONG) > 0
    if "edits" in parts:
        edits = run_edits(EDITS[:: max(1, len(EDITS) // given.edits)][: given.edits], say)
        lines += edit_lines(edits)
        failed |= edits.placed < edits.edits or edits.false_reports > 0
    if "kills" in parts:
        kills = run_kills(range(given.first, given.first + given.kills), say)
        lines += kill_lines(kills)
        failed |= kills.readable < kills.returned or kills.reached < kills.kills
    machine = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    about = f"One run of `tests/torture/run.py` on {machine}; {time.monotonic() - started:.0f} s."
    report = "\n".join(["# Torture", "", about, "", *lines]).rstrip() + "\n"
    print(report, end="")
    if given.markdown is not None:
        Path(given.markdown).write_text(report, encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
