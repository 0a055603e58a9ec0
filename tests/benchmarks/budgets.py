"""The budgets, and for each what stands in the way where it is missed."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

__all__ = ["BUDGETS", "Budget", "Verdict", "judge"]


class Verdict(Enum):
    """How a figure stands to its budget."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not measured"


class Budget(NamedTuple):
    """One budget.

    Attributes:
        fact: name of the figure, as the measure reports it.
        what: the figure in words.
        limit, unit: the budget.
        obstacle: what stands in the way when it is missed; written after profiling, not guessed by the program.
        at_most: False when the figure must be at least the limit.
        digits: after the point, in the report.
    """

    fact: str
    what: str
    limit: float
    unit: str
    obstacle: str
    at_most: bool = True
    digits: int = 0


def judge(budget: Budget, value: float | None) -> Verdict:
    """Met, missed or not measured; a figure equal to the limit meets it."""
    if value is None:
        return Verdict.NOT_MEASURED
    met = value <= budget.limit if budget.at_most else value >= budget.limit
    return Verdict.MET if met else Verdict.MISSED


_COLD = (
    "after 20 ms without work code and data have left the caches: redacting a 2 KB answer is 23 µs in a loop, 150 µs or more after a pause"
)

BUDGETS = (
    Budget(
        "live_call.added_latency_us",
        "latency added to a 30 KB call, median",
        150,
        "µs",
        "two thirds are the wait for the answer's frame, which is the promise that kill -9 loses nothing. Redacting, hashing, compressing "
        "and writing a 2 KB answer takes the writer about 200 µs back to back and 300 to 350 µs here, since "
        f"{_COLD}. Without the wait about 200 µs stay on fresh prompts and nothing measurable on growing ones. Doing the work on the caller's "
        "thread instead saves two hand-overs, about 50 to 90 µs, and costs the caller 400 µs of CPU.",
    ),
    Budget(
        "survival.on_record",
        "calls on record after kill -9 right behind call 50",
        50,
        "of 50",
        "a call returned before its frame was written: either the writer took longer than the waiting limit of 50 ms, or a frame was "
        "written and not found.",
        at_most=False,
    ),
    Budget(
        "live_call.added_thread_us",
        "CPU added on the caller's thread, median",
        60,
        "µs",
        "the book-keeping of a crossing is 21 µs in a loop and 43 µs after a pause; the rest is waking the writer twice, being woken once, "
        "and running on behind it: what the writer does to a fresh 30 KB prompt displaces the caller's data from the caches. For a growing "
        "conversation the figure is smaller.",
    ),
    Budget(
        "live_call.added_process_us",
        "CPU added to the process, fresh 30 KB prompt, redaction included",
        700,
        "µs",
        "back to back the writer's work is about 1,200 µs: redaction 450 (of it 200 to 300 in re2, whose automaton meets new text), storing "
        "42 parts 270 (their keyed hashes, and the day of the trace formatted anew for each), cutting at message borders 100, compressing "
        f"two frames 180, redacting 12 headers one by one 100. The rest is that {_COLD}.",
    ),
    Budget(
        "live_call.added_process_us_growing",
        "CPU added to the process per turn of a growing conversation",
        200,
        "µs",
        "almost all of it does not depend on the prompt: back to back it is 490 µs, of it 130 for redacting 12 headers, the URL and the "
        "code location, each scanned by itself although most are the same every time, 130 for the answer, 70 for two frames, 60 for the day "
        f"of the trace and for hashing a comma. Here it doubles, since {_COLD}.",
    ),
    Budget(
        "conversation.sealed_mb",
        "100-turn conversation (151 KB unique) on disk, sealed",
        0.20,
        "MB",
        "every row holds its identifiers and hashes, 32 random bytes each, which do not compress.",
        digits=3,
    ),
    Budget(
        "conversation.journal_mb",
        "the same in its open journal",
        0.20,
        "MB",
        "each frame is compressed by itself so that it can be read by itself, and the JSON of an event, about 1 KB, shrinks only 1.5 times "
        "alone. A dictionary of 1.4 KB known to writer and reader would give 0.167 MB at the same speed; all in one stream is 0.083 MB.",
        digits=3,
    ),
    Budget(
        "startup.injected_ms",
        "start-up added to an injected interpreter",
        40,
        "ms",
        "imports: typing 5 ms, dataclasses with inspect 6 ms, hashlib with OpenSSL 3 ms, and the recorder's own modules.",
    ),
    Budget(
        "startup.help_ms",
        "fr --help",
        120,
        "ms",
        "imports: the help is a table, and needs nothing beyond typing and re.",
    ),
)
