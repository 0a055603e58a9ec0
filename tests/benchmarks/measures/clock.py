"""What a read of the clock costs a program: the bare function, and noted for replay under ``fr record``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from statistics import median

from processes import HERE, BenchmarkFailed, clean_environment
from recorders.fr import FR
from report import Section, amount, signed
from settings import Bench

__all__ = ["measure"]

_AGENT = str(HERE / "agents" / "clock_reads.py")
_BARE = (sys.executable, _AGENT)


def measure(bench: Bench) -> list[Section]:
    """Read every clock in a fresh process, recorded and not. Raises BenchmarkFailed."""
    bench.say("clock")
    reads = bench.sizes.clock_reads
    bare, recorded = [], []
    for _ in range(bench.rounds):
        folder = tempfile.mkdtemp(prefix="clock-", dir=bench.scratch)
        bare.append(_figures(_BARE, folder, reads))
        recorded.append(_figures((FR, "record", "--store", os.path.join(folder, "store"), "--", *_BARE), folder, reads))
    section = Section(
        "clock",
        "Clock reads",
        f"Nanoseconds for one read, in loops of {amount(reads)}, without the loop; the fastest loop of seven, the median over rounds. "
        "Under fr record each value is noted for replay. A program that records itself with fr.init() reads the bare clock.",
        ("clock", "bare ns", "recorded ns", "added ns"),
    )
    for name in bare[0]:
        without, noted = (median(figures[name] for figures in found) for found in (bare, recorded))
        section.rows.append([name, amount(without), amount(noted), signed(noted - without)])
        section.facts[f"clock.{name}.added_ns"] = noted - without
    return [section]


def _figures(argv: tuple[str, ...], folder: str, reads: int) -> dict[str, float]:
    environment = clean_environment(os.path.join(folder, "keys"))
    ended = subprocess.run((*argv, str(reads)), env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if ended.returncode != 0:
        raise BenchmarkFailed(f"the clock reader ended with {ended.returncode}: {ended.stderr.decode(errors='replace')[-300:]}")
    figures: dict[str, float] = json.loads(ended.stdout)
    return figures
