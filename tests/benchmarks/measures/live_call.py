"""What a recorder adds to a live call: latency, CPU of the caller's thread, CPU of the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import real_conversations
from arithmetic import median_of_medians, noise, pooled_percentile, ratio
from calling import WARM_UP, http_asker, measured_calls
from processes import Upstream
from recorders.adapter import AGAIN, BASELINE, RECORDERS, Adapter, Place, row_of
from report import NOT_INSTALLED, Section, amount, signed
from rounds import CallFigures, call_rounds
from settings import Bench
from workload import Request, chat_request, growing_conversation

__all__ = ["in_cell", "measure"]

_COLUMNS = (
    *("recorder", "round trip ms", "p99 ms", "added µs", "added ÷ jsonl", "added p99 µs", "caller CPU added µs"),
    *("process CPU added µs", "on record"),
)
_SHORT_ANSWER = 40


_KINDS: dict[str, Callable[[str, int], list[Request]]] = {
    "fresh": lambda seed, calls: [chat_request(seed, WARM_UP + number) for number in range(calls)],
    "growing": lambda seed, calls: growing_conversation(seed, calls, messages_per_turn=2, characters=750),
    "real turns": lambda seed, calls: real_conversations.turns(calls),
    "real first seen": lambda seed, calls: real_conversations.first_seen(calls),
}
"""What is asked, by seed and number of calls."""


def in_cell(adapter: Adapter, place: Place, *, url: str, seed: str, calls: int, kind: str) -> dict[str, Any]:
    """In a fresh process: make calls of a kind, and return their times."""
    warm_up = [chat_request(f"{seed}:warm-up", number) for number in range(WARM_UP)]
    requests = _KINDS[kind](seed, calls)
    adapter.start(place)
    return measured_calls(adapter, adapter.live, http_asker(url), warm_up, requests)._asdict()


def measure(bench: Bench) -> list[Section]:
    """Run all cells. Raises BenchmarkFailed."""
    return [_fresh(bench), _growing(bench), _real(bench)]


def _fresh(bench: Bench) -> Section:
    bench.say("live_call: a fresh 30 KB prompt, every recorder")
    calls = bench.sizes.live_calls
    with Upstream(latency_ms=bench.sizes.latency_ms) as model:
        figures = call_rounds(bench, "live_call", RECORDERS, {"url": model.url, "calls": calls, "kind": "fresh"}, calls + WARM_UP)
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


_FEW_COLUMNS = ("recorder", "added µs", "added p99 µs", "caller CPU added µs", "process CPU added µs per call")


def _few_rows(figures: CallFigures, names: Sequence[str], prefix: str = "") -> list[list[str]]:
    rows = []
    for name in names:
        latency = figures.of(name, "latency_us")
        if name == BASELINE:
            process = median_of_medians(figures.of(name, "process_us"))
            rows.append([prefix + name, "", "", "", f"(has {amount(process)})"])
            continue
        percentile = pooled_percentile(latency, 0.99) - pooled_percentile(figures.of(BASELINE, "latency_us"), 0.99)
        added = [signed(figures.added(name, kind)) for kind in ("latency_us", "thread_us", "process_us")]
        rows.append([prefix + name, added[0], signed(percentile), *added[1:]])
    return rows


def _growing(bench: Bench) -> Section:
    bench.say("live_call: a growing conversation")
    turns = bench.sizes.turns
    names = (BASELINE, "fr", AGAIN)
    with Upstream(latency_ms=bench.sizes.latency_ms, answer_characters=_SHORT_ANSWER) as model:
        arguments = {"url": model.url, "calls": turns, "kind": "growing"}
        figures = call_rounds(bench, "live_call", [row_of(name) for name in names], arguments, 0)
    section = Section(
        "live_call",
        "A growing conversation",
        f"{turns} turns of one conversation; each resends all that went before and adds two messages of 750 characters. Otherwise as "
        "above, with answers of one line.",
        _FEW_COLUMNS,
        _few_rows(figures, names),
    )
    section.facts = {"live_call.added_process_us_growing": figures.added("fr", "process_us")}
    return section


def _real(bench: Bench) -> Section:
    section = Section(
        "live_call",
        "Real conversations",
        "The same with what a real agent sent (tau-bench's airline runs: tool results in JSON, names, e-mail addresses, card numbers, all "
        "of which redaction has to find). Turns: run after run, turn by turn, 13 KB on average. First seen: 30 KB in about a hundred short "
        "messages, none of which came before.",
        _FEW_COLUMNS,
    )
    if not real_conversations.DATA.exists():
        section.notes.append("Not measured: the runs are not here (../shared/data beside the repository).")
        return section
    names = (BASELINE, "fr", AGAIN)
    for kind, calls in (("real turns", bench.sizes.turns), ("real first seen", bench.sizes.first_seen)):
        bench.say(f"live_call: {kind}")
        with Upstream(latency_ms=bench.sizes.latency_ms, answer_characters=_SHORT_ANSWER) as model:
            arguments = {"url": model.url, "calls": calls, "kind": kind}
            figures = call_rounds(bench, "live_call", [row_of(name) for name in names], arguments, 0)
        section.rows += _few_rows(figures, names, f"{kind.removeprefix('real ')}: ")
    return section
