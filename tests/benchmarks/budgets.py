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
    "after 20 ms of idling a processor runs the same code 1.2 to 2 times slower, single steps more (matching five bytes takes re2 1 µs in "
    "a loop and 26 µs after a pause of 20 ms)"
)

BUDGETS = (
    Budget(
        "live_call.added_latency_us",
        "latency added to a 30 KB call, median",
        150,
        "µs",
        "most of it is the wait for the answer's frame, which is the promise that kill -9 loses nothing. To redact, hash, compress and "
        f"write a 2 KB answer takes the writer 280 µs back to back and 435 to 450 µs here: {_COLD}. The hand-over to its thread and "
        "back is another 45 µs, taking note of the request 30 µs; about 200 µs more were seen and not traced to a place. As far as we can "
        "see, meeting the budget takes handing the answer over unredacted to memory that outlives the process, and redacting it in "
        "another process.",
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
        "the recorder's own code on the caller's thread takes 25 µs before the request leaves and 25 µs at its end, waking the writer and "
        "being woken included, and some for headers and chunks. The rest is not traced to a place. It may be the caches: a thread that did "
        "unrelated JSON work meanwhile, in place of the recorder, cost the caller 80 and 110 µs in two runs. In a growing conversation "
        "the figure is within the budget.",
    ),
    Budget(
        "live_call.added_process_us",
        "CPU added to the process, fresh 30 KB prompt, redaction included",
        700,
        "µs",
        "back to back the writer's work is about 1,350 µs: redacting the prompt's texts 360 (of it 250 in re2, whose automaton meets new "
        "text) and the answer 120, cutting at message borders 125, hashing and storing 42 parts 120, headers 160, compressing and writing "
        f"two frames 190, the rest is Python between these. It is more here: {_COLD}.",
    ),
    Budget(
        "live_call.added_process_us_growing",
        "CPU added to the process per turn of a growing conversation",
        200,
        "µs",
        "almost all of it does not depend on the prompt: back to back it is 600 µs, of it 160 for headers (a key's token, and values that "
        "differ every time), 100 for redacting the answer, 60 for the new messages, 80 for two frames, 30 for hashing, and the Python "
        f"between these. It is more here: {_COLD}.",
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
        "each frame is compressed by itself so that it can be read by itself, and the JSON of an event, about 1 KB, shrinks little alone. "
        "With 2.8 KB of another run's frames as a dictionary known to writer and reader it would be 0.171 MB, with 4 KB 0.137 MB (a "
        "dictionary that fits any agent gives less); as one stream, flushed after each frame, 0.103 MB.",
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
