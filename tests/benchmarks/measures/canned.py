"""The same calls back to back on a function that answers at once, through each recorder's manual API."""

from __future__ import annotations

import random
from typing import Any

from arithmetic import median_of_medians, pooled_percentile, ratio
from calling import WARM_UP, measured_calls
from recorders.adapter import AGAIN, BASELINE, RECORDERS, Adapter, Answer, Place
from report import NOT_INSTALLED, Section, amount
from rounds import CallFigures, call_rounds
from settings import Bench
from workload import MODEL, Request, answer_text, chat_request

__all__ = ["in_cell", "measure"]

_COLUMNS = ("recorder", "median µs", "p99 µs", "median ÷ jsonl", "caller CPU µs", "process CPU µs", "on record")
_ANSWER_CHARACTERS = 1_600


def in_cell(adapter: Adapter, place: Place, *, seed: str, calls: int) -> dict[str, Any]:
    """In a fresh process: make the calls, and return their times."""
    requests = [chat_request(seed, number) for number in range(WARM_UP + calls)]
    nonces = random.Random(seed)
    answers = {id(request): _answer(number, f"{nonces.getrandbits(48):012x}") for number, request in enumerate(requests)}

    def ask(request: Request) -> Answer:
        return answers[id(request)]

    adapter.start(place)
    return measured_calls(adapter, adapter.by_hand, ask, requests[:WARM_UP], requests[WARM_UP:])._asdict()


def _answer(number: int, nonce: str) -> Answer:
    message = {"role": "assistant", "content": answer_text(number, nonce, _ANSWER_CHARACTERS)}
    return {
        "id": f"chatcmpl-{nonce}",
        "model": f"{MODEL}-2024-08-06",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7_500, "completion_tokens": 400, "total_tokens": 7_900},
    }


def measure(bench: Bench) -> list[Section]:
    """Run all cells. Raises BenchmarkFailed."""
    bench.say("canned: back to back, manual API, every recorder")
    calls = bench.sizes.canned_calls
    figures = call_rounds(bench, "canned", RECORDERS, {"calls": calls}, calls + WARM_UP)
    section = Section(
        "canned",
        "Back to back, answered at once",
        f"The same requests on a function that returns its answer at once, {calls} calls without a pause, through each recorder's manual "
        "API. Nothing can be recorded while a model thinks, so this is the worst case; an agent never does it.",
        _COLUMNS,
        [_row(figures, row.name, calls + WARM_UP) for row in RECORDERS],
        ["p99 near 5 ms is the interpreter's thread switch: a background thread held its lock."],
    )
    section.facts = {"canned.latency_us": median_of_medians(figures.of("fr", "latency_us"))}
    return [section]


def _row(figures: CallFigures, name: str, expected: int) -> list[str]:
    if name not in figures:
        return [name, NOT_INSTALLED, *[""] * (len(_COLUMNS) - 2)]
    latency = figures.of(name, "latency_us")
    against = ratio(median_of_medians(latency), median_of_medians(figures.of("jsonl", "latency_us")))
    stored = figures.on_record.get(name)
    return [
        name,
        amount(median_of_medians(latency)),
        amount(pooled_percentile(latency, 0.99)),
        "" if against is None or name in (BASELINE, AGAIN) else amount(against, 1),
        amount(median_of_medians(figures.of(name, "thread_us"))),
        amount(median_of_medians(figures.of(name, "process_us"))),
        "" if stored is None else f"{stored} of {expected}",
    ]
