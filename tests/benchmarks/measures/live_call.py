"""What a recorder adds to a live call: latency, CPU of the caller's thread, CPU of the process."""

from __future__ import annotations

from typing import Any

from arithmetic import median_of_medians, noise, pooled_percentile, ratio
from calling import WARM_UP, http_asker, measured_calls
from processes import Upstream
from recorders.adapter import AGAIN, BASELINE, RECORDERS, Adapter, Place, installed, row_of
from report import NOT_INSTALLED, Section, amount, signed
from rounds import CallFigures, call_rounds
from settings import Bench
from workload import chat_request, growing_conversation

__all__ = ["in_cell", "measure"]

_COLUMNS = (
    *("recorder", "round trip ms", "p99 ms", "added µs", "added ÷ jsonl", "added p99 µs", "caller CPU added µs"),
    *("process CPU added µs", "on record"),
)
_SHORT_ANSWER = 40


def in_cell(adapter: Adapter, place: Place, *, url: str, seed: str, calls: int, growing: bool) -> dict[str, Any]:
    """In a fresh process: make the calls, and return their times."""
    warm_up = [chat_request(f"{seed}:warm-up", number) for number in range(WARM_UP)]
    if growing:
        requests = growing_conversation(seed, calls, messages_per_turn=2, characters=750)
    else:
        requests = [chat_request(seed, WARM_UP + number) for number in range(calls)]
    adapter.start(place)
    return measured_calls(adapter, adapter.live, http_asker(url), warm_up, requests)._asdict()


def measure(bench: Bench) -> list[Section]:
    """Run all cells. Raises BenchmarkFailed."""
    return [_fresh(bench), _growing(bench)]


def _fresh(bench: Bench) -> Section:
    bench.say("live_call: a fresh 30 KB prompt, every recorder")
    calls = bench.sizes.live_calls
    with Upstream() as model:
        figures = call_rounds(bench, "live_call", RECORDERS, {"url": model.url, "calls": calls, "growing": False}, calls + WARM_UP)
    section = Section(
        "live_call",
        "A live call",
        "A chat request of 20 messages and 30 KB, every text fresh, POSTed with httpx2 over a kept-alive connection to a server on "
        f"loopback that answers 2 KB after 20 ms; {calls} calls a cell after {WARM_UP} to warm up, {bench.rounds} interleaved rounds, a "
        "fresh process each. Added: within each round against the baseline, then the median over rounds. Process CPU: all threads, final "
        "flush included, per call.",
        _COLUMNS,
    )
    for row in RECORDERS:
        section.rows.append(_row(figures, row.name, calls + WARM_UP))
    if AGAIN in figures:
        differences = [noise(figures.of(BASELINE, kind), figures.of(AGAIN, kind)) for kind in ("latency_us", "thread_us", "process_us")]
        latency, thread, process = (amount(one) for one in differences)
        section.notes.append(
            f"Noise: baseline and repeat differed by up to {latency} µs of latency, {thread} µs of caller CPU and {process} µs of process "
            "CPU in one round."
        )
    section.notes += _peer_note(figures)
    section.facts = {
        "live_call.added_latency_us": figures.added("fr", "latency_us"),
        "live_call.added_thread_us": figures.added("fr", "thread_us"),
        "live_call.added_process_us": figures.added("fr", "process_us"),
    }
    return section


def _row(figures: CallFigures, name: str, expected: int) -> list[str]:
    if name not in figures:
        return [name, NOT_INSTALLED, *[""] * (len(_COLUMNS) - 2)]
    latency = figures.of(name, "latency_us")
    percentile = pooled_percentile(latency, 0.99)
    row = [name, amount(median_of_medians(latency) / 1000, 2), amount(percentile / 1000, 2)]
    if name == BASELINE:
        thread, process = (median_of_medians(figures.of(name, kind)) for kind in ("thread_us", "process_us"))
        return [*row, "", "", "", f"(has {amount(thread)})", f"(has {amount(process)})", ""]
    against = ratio(figures.added(name, "latency_us"), figures.added("jsonl", "latency_us"))
    stored = figures.on_record.get(name)
    return [
        *row,
        signed(figures.added(name, "latency_us")),
        "" if against is None or name == AGAIN else amount(against, 1),
        signed(percentile - pooled_percentile(figures.of(BASELINE, "latency_us"), 0.99)),
        signed(figures.added(name, "thread_us")),
        signed(figures.added(name, "process_us")),
        "" if stored is None else f"{stored} of {expected}",
    ]


def _peer_note(figures: CallFigures) -> list[str]:
    """fr against reeltime, the nearest peer, where it is installed."""
    if "reeltime" not in figures:
        return []
    parts = []
    for kind, what in (("latency_us", "latency"), ("thread_us", "caller CPU"), ("process_us", "process CPU")):
        ours, theirs = figures.added("fr", kind), figures.added("reeltime", kind)
        times = ratio(theirs, ours)
        by = f" ({amount(times, 1)} times ours)" if times is not None else ""
        parts.append(f"{what} {signed(ours)} against {signed(theirs)} µs{by}")
    return [f"fr against reeltime: {'; '.join(parts)}."]


def _growing(bench: Bench) -> Section:
    bench.say("live_call: a growing conversation, fr only")
    turns = bench.sizes.turns
    names = (BASELINE, "jsonl", "fr", AGAIN)
    rows = [row_of(name) for name in names if installed(row_of(name))]
    with Upstream(answer_characters=_SHORT_ANSWER) as model:
        figures = call_rounds(bench, "live_call", rows, {"url": model.url, "calls": turns, "growing": True}, 0)
    section = Section(
        "live_call",
        "A growing conversation",
        f"{turns} turns of one conversation; each resends all that went before and adds two messages of 750 characters. Otherwise as "
        "above, with answers of one line.",
        ("recorder", "added µs", "caller CPU added µs", "process CPU added µs per turn"),
    )
    for name in names:
        if name == BASELINE:
            process = median_of_medians(figures.of(name, "process_us"))
            section.rows.append([name, "", "", f"(has {amount(process)})"])
        else:
            section.rows.append([name, *(signed(figures.added(name, kind)) for kind in ("latency_us", "thread_us", "process_us"))])
    section.facts = {"live_call.added_process_us_growing": figures.added("fr", "process_us")}
    return section
