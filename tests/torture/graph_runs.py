"""Recording and replaying random task graphs, many in one process, and counting what came of each."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from graphs import FAMILIES, family_of
from torture_bench import DIVERGED, HERE, IDENTICAL, SILENTLY_WRONG, Bench, Verdict, judge, upstream

__all__ = ["GraphResults", "run_graphs"]

PROGRAM = str(HERE / "graph_program.py")
IN_ONE_PROCESS = 20


@dataclass
class GraphResults:
    """Counts by family and outcome, and why replays stopped.

    Attributes:
        counts: ``(family, outcome)`` to number of graphs.
        stops: ``(seed, reason)`` of each graph at which a replay stopped or was silently wrong.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    stops: list[tuple[int, str]] = field(default_factory=list)

    def of(self, outcome: str, *, ordered: bool | None = None) -> int:
        """How many graphs ended so; with ``ordered``, of families that replay promises to repeat, or of the others."""
        names = {family.name for family in FAMILIES if ordered is None or family.ordered is ordered}
        return sum(count for (name, found), count in self.counts.items() if found == outcome and name in names)


def run_graphs(seeds: Sequence[int], say: Callable[[str], None]) -> GraphResults:
    """Record and replay the graphs of some seeds. A graph at which a replay stops is counted, and those behind it are recorded anew."""
    results = GraphResults()
    for family in FAMILIES:
        left = [seed for seed in seeds if family_of(seed) is family]
        while left:
            batch, left = left[:IN_ONE_PROCESS], left[IN_ONE_PROCESS:]
            identical, verdict = _record_and_replay(batch)
            results.counts[family.name, IDENTICAL] += identical
            if verdict.outcome != IDENTICAL:
                at_fault = batch[identical]
                results.counts[family.name, verdict.outcome] += 1
                results.stops.append((at_fault, verdict.reason))
                say(f"graph {at_fault} ({family.name}): {verdict.outcome}: {verdict.reason}")
                left = batch[identical + 1 :] + left
        counts = ", ".join(f"{outcome} {results.counts[family.name, outcome]}" for outcome in (IDENTICAL, DIVERGED, SILENTLY_WRONG))
        say(f"{family.name}: {counts}")
    return results


def _record_and_replay(seeds: Sequence[int]) -> tuple[int, Verdict]:
    """How many graphs were identical before the first that was not, and the verdict on that one."""
    with tempfile.TemporaryDirectory(prefix="fr-torture-") as folder:
        bench, logs = Bench(Path(folder)), [Path(folder, name) for name in ("recorded.log", "replayed.log")]
        argv = [sys.executable, PROGRAM, *map(str, seeds)]
        with upstream() as server:
            recorded = bench.fr("record", "--", *argv, FR_TEST_UPSTREAM=server.url, TORTURE_LOG=str(logs[0]))
        if recorded.code != 0:
            raise RuntimeError(f"the program itself ended with {recorded.code}: {recorded.stderr[-2000:]}")
        replayed = bench.replay("last", "--allow-writes", folder, TORTURE_LOG=str(logs[1]))
        before, after = (log.read_text(encoding="utf-8").splitlines() for log in logs)
        verdict = judge(recorded, replayed, before == after)
        if verdict.outcome == IDENTICAL:
            return len(seeds), verdict
        outputs = (run.stdout.split(b"graph ")[1:] for run in (recorded, replayed))
        # The output of a graph that replay did not finish is shorter than it was.
        same = next((n for n, (then, now) in enumerate(zip(*outputs, strict=False)) if then != now), None)
        reached = replayed.stdout.count(b"graph ") - 1
        return min(max(0, reached if same is None else same), len(seeds) - 1), verdict
