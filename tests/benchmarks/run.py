"""The benchmarks: the flight recorder against no recorder, a plain log, and named peers, in one run on one machine.

    python tests/benchmarks/run.py [--only NAME ...] [--rounds N] [--markdown FILE] [--quick]

Peers that are not installed are said to be so; ``make bench`` installs them. Exit code 1 when a measure failed; a missed budget is a
finding, not a failure.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from machine import description, machine_time, share_of_others
from processes import BenchmarkFailed
from recorders.adapter import RECORDERS, installed
from report import Section, as_markdown, as_text
from settings import FULL, QUICK, Bench

MEASURES = (
    "startup",
    "live_call",
    "canned",
    "conversation",
    "survival",
    "replay_speed",
    "replay_outcomes",
    "replay_big",
    "clock",
    "store_load",
)
_BUSY = 0.1


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure the flight recorder against named peers.")
    parser.add_argument("--only", choices=MEASURES, action="append", help="run this measure alone; may be given several times")
    parser.add_argument("--rounds", type=int, default=3, help="how often the cells of a measure are gone through (default 3)")
    parser.add_argument("--markdown", metavar="FILE", default=None, help="write the report to a file too, as Markdown")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one round: shows that everything works, measures nothing")
    given = parser.parse_args(arguments)
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    return given


def heading(seconds: float, rounds: int, others: float, during: Mapping[str, float]) -> list[str]:
    """What has to be known about the run: the share of the machine that other processes had, over all and ``during`` each measure."""
    versions = []
    for row in RECORDERS:
        if row.distribution is not None:
            version = importlib.metadata.version(row.distribution) if installed(row) else "not installed"
            versions.append(f"{row.name} {version}")
    each = ", ".join(f"{name} {share:.0%}" for name, share in during.items())
    return [
        f"One run of `tests/benchmarks/run.py` (`make bench` without its set-up) on {description()}; {rounds} rounds, {seconds:.0f} s.",
        f"Other processes had {others:.0%} of the machine meanwhile ({each})"
        + (": too much for figures to be trusted where it is above 10%." if max(during.values(), default=0.0) > _BUSY else "."),
        f"Recorders, each with its defaults: {', '.join(versions)}.",
        "",
        *(f"- **{row.name}**: {row.how}" for row in RECORDERS),
    ]


def main() -> int:
    """Run the measures and print the report."""
    given = parse_arguments()
    rounds, sizes = (1, QUICK) if given.quick else (given.rounds, FULL)
    before, started = machine_time(), time.monotonic()
    sections: list[Section] = []
    failures: list[str] = []
    during: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="fr-bench-") as scratch:
        bench = Bench(scratch, rounds, sizes)
        for name in given.only or MEASURES:
            begun = machine_time()
            try:
                sections += importlib.import_module(f"measures.{name}").measure(bench)
            except BenchmarkFailed as failure:
                failures.append(f"{name} failed: {failure}")
            during[name] = share_of_others(begun, machine_time())
    about = heading(time.monotonic() - started, rounds, share_of_others(before, machine_time()), during)
    print(as_text(about, sections, quick=given.quick), end="")
    if given.quick:
        print("\nA quick run: the figures mean nothing.")
    if given.markdown is not None:
        Path(given.markdown).write_text(as_markdown(about, sections), encoding="utf-8")
    for line in failures:
        print(f"run.py: {line}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
