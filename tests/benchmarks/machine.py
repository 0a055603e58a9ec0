"""The machine that the benchmarks run on: what it is, and how much of it others used meanwhile."""

from __future__ import annotations

import os
import platform
import resource
from typing import NamedTuple

__all__ = ["MachineTime", "description", "machine_time", "share_of_others"]


class MachineTime(NamedTuple):
    """Processor time since boot, in seconds summed over processors: all of it, the busy part, and what our own processes used."""

    total: float
    busy: float
    ours: float


def description() -> str:
    """Processors, kernel and Python, in one line."""
    model = "unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        model = platform.processor() or model
    return f"{os.cpu_count()} processors ({model}), Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"


def machine_time() -> MachineTime:
    """The counters as they are now; children count once they have been waited for. Raises OSError where there is no /proc."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(field) for field in file.readline().split()[1:9]]
    per_second = os.sysconf("SC_CLK_TCK")
    idle = ticks[3] + ticks[4]
    ours = sum(
        used.ru_utime + used.ru_stime for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
    return MachineTime(sum(ticks) / per_second, (sum(ticks) - idle) / per_second, ours)


def share_of_others(before: MachineTime, after: MachineTime) -> float:
    """The share of all processor time between two readings that went to processes that are not ours, 0 to 1."""
    total = after.total - before.total
    others = (after.busy - before.busy) - (after.ours - before.ours)
    return min(1.0, max(0.0, others / total)) if total > 0 else 0.0
