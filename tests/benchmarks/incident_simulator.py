"""Thirteen incidents planted in thirty days of traffic: does one command of ``fr`` name the cause first? And is quiet traffic quiet?

    python tests/benchmarks/incident_simulator.py [--seeds N] [--quiet N] [--per-day N] [--built-in] [--only NUMBER]

The shape of the traces is that of 200 real runs of tau-bench where the shared data lies beside the repository (``../shared/data``),
else that of a generator. Prints a Markdown table, then the false alarms of ``fr triage`` on months without an incident. The exit code
is 1 where a cause was not named first.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "incidents"))

from asking import ask_about, false_alarms
from plants import PLANTS
from sketches import built_in_sketches, sketches

WINDOWS = ((0.0, 4.0), (5.0, 4.0), (31.0, 4.0), (55.0, 2.0), (80.0, 8.0), (100.0, 12.0), (130.0, 24.0), (140.0, 1.0))
"""Windows of quiet months that triage is asked about: how many hours ago they end, and their length."""


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="months for each incident")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--quiet", type=int, default=20, help="months without an incident")
    parser.add_argument("--per-day", type=int, default=400, help="traces a day")
    parser.add_argument("--built-in", action="store_true", help="the generator's shape, whatever data is there")
    parser.add_argument("--only", type=int, help="the number of one incident")
    arguments = parser.parse_args()
    name, shapes = ("built in", built_in_sketches()) if arguments.built_in else sketches()
    print(f"shape of traces: {name}; {arguments.per_day} traces a day for 30 days\n")
    print("| # | incident | command | planted cause named first | CPU s | the last one planted |")
    print("| ---: | --- | --- | ---: | ---: | --- |")
    missed = []
    for plant in PLANTS:
        if arguments.only not in (None, plant.number):
            continue
        seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
        outcomes = [ask_about(plant, seed, shapes, traces_per_day=arguments.per_day) for seed in seeds]
        missed += [(plant, seed, outcome) for seed, outcome in zip(seeds, outcomes, strict=True) if not outcome.named]
        named = sum(outcome.named for outcome in outcomes)
        last = outcomes[-1]
        command = " ".join(last.command.split()[:3])
        cells = (
            plant.number,
            plant.name,
            f"`{command}`",
            f"{named} of {len(outcomes)}",
            f"{max(o.seconds for o in outcomes):.2f}",
            last.cause,
        )
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    for plant, seed, outcome in missed:
        print(
            f"\nmissed: {plant.number} {plant.name}, seed {seed}: planted {outcome.cause}; `{outcome.command}` begins with {outcome.first}"
        )
    alarms = []
    for seed in range(arguments.quiet):
        alarms += false_alarms(1000 + arguments.first_seed + seed, shapes, WINDOWS, traces_per_day=arguments.per_day)
    if arguments.quiet:
        print(f"\nquiet months: {arguments.quiet}, windows of each: {len(WINDOWS)}, false alarms: {len(alarms)}")
    for alarm in alarms:
        print(f"- {alarm}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
