"""What is on record when the process is killed right after a call has returned."""

from __future__ import annotations

import os
import signal
from typing import Any

from calling import http_asker
from processes import Upstream, cell_place, run_cell
from recorders.adapter import AGAIN, BASELINE, RECORDERS, Adapter, Place, installed
from recorders.fr import recorded_calls
from report import NOT_INSTALLED, Section
from rounds import calls_on_record
from settings import Bench
from workload import chat_request

__all__ = ["in_cell", "measure"]


def in_cell(adapter: Adapter, place: Place, *, url: str, calls: int, seed: str) -> dict[str, Any]:
    """In a fresh process: make the calls, and be killed before anything else is done."""
    adapter.start(place)
    ask = http_asker(url)
    for number in range(calls):
        request = chat_request(seed, number)
        adapter.live(request, lambda request=request: ask(request))  # type: ignore[misc]
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def measure(bench: Bench) -> list[Section]:
    """Run all cells. Raises BenchmarkFailed."""
    bench.say("survival: kill -9 after the last call, every recorder")
    calls = bench.sizes.killed_after
    section = Section(
        "survival",
        "After kill -9",
        f"{calls} live calls of 30 KB, and SIGKILL from the process to itself as soon as the last one has returned; {bench.rounds} times, "
        "the worst of them. A call counts when the marks in its request and in its answer are both there; fr's are counted with `fr query` "
        "too, and the smaller number is shown.",
        ("recorder", "calls on record"),
    )
    worst: dict[str, int] = {}
    with Upstream(latency_ms=bench.sizes.latency_ms) as model:
        for number in range(bench.rounds):
            for row in RECORDERS:
                if not installed(row) or row.name in (BASELINE, AGAIN):
                    continue
                with cell_place(bench.scratch) as place:
                    arguments = {"url": model.url, "calls": calls, "seed": f"survival:{number}"}
                    run_cell("survival", row.name, place, arguments, killed=True)
                    found = calls_on_record(row.name, place)
                    if row.name == "fr":
                        found = min(found, recorded_calls(place.folder))
                    worst[row.name] = min(found, worst.get(row.name, found))
    for row in RECORDERS:
        if row.name in worst:
            section.rows.append([row.name, f"{worst[row.name]} of {calls}"])
        elif not installed(row):
            section.rows.append([row.name, NOT_INSTALLED])
    # The budget is stated for the full size; a quick run is scaled to it.
    section.facts = {"survival.on_record": worst["fr"] * 50 / calls}
    return [section]
