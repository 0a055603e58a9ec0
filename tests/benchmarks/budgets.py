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
    "after 10 ms of idling the same code takes 1.5 to 2.5 times as long as in a loop: its instructions and tables have left the caches "
    "(a JSON encoder alone takes 1.3 times as long, the matching of a few bytes by re2 twelve times)"
)

BUDGETS = (
    Budget(
        "live_call.added_latency_us",
        "latency added to a 30 KB call, median",
        150,
        "µs",
        "most of it is the wait for the answer's frame, which is the promise that kill -9 loses nothing. To redact, hash, compress and "
        f"write a 2 KB answer takes the writer 105 µs back to back and 250 to 300 µs here: {_COLD}. The hand-over to its thread takes 50 "
        "µs, the way back 10, taking note of the request 30; the rest is what the caller's own thread loses (below). Waking the writer "
        "when the answer's headers come, before its body, was tried: the hand-over then took 90 µs. As far as we can see, meeting the "
        "budget takes handing the answer over unredacted to memory that outlives the process, and redacting it in another process.",
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
        "the recorder's Python on the caller's thread takes 6 µs a call in a loop, with a queue that does nothing; waking the writer, "
        "waiting for it and being woken make that 25 µs before the request leaves and 35 µs at its end here. The rest is not its code: "
        "a thread that did unrelated JSON work meanwhile, in place of the recorder, cost the caller 80 and 110 µs in two runs, "
        "which looks like the caches that both share. In a growing conversation, whose answers are one line, it was 46 on a quiet machine.",
    ),
    Budget(
        "live_call.added_process_us",
        "CPU added to the process, fresh 30 KB prompt, redaction included",
        700,
        "µs",
        "back to back the writer's work is 780 µs: decoding the prompt and cutting it at message borders 160, redacting its texts 230 (of "
        "it 90 in re2), hashing and storing 42 parts 110, compressing and writing two frames 110, the answer 60, headers 15, the rest is "
        f"Python between these. It is 1,200 here: {_COLD}. The fdatasync every 50 ms is another 50 to 60 a call, and the caller's own loss "
        "(above) counts here as well.",
    ),
    Budget(
        "live_call.added_process_us_growing",
        "CPU added to the process per turn of a growing conversation",
        200,
        "µs",
        "back to back it is 210 µs: comparing the prompt with the last one and cutting what is new 40, redacting that 25 and the answer "
        "30, storing 10, headers 10, the JSON of two events 10, compressing and writing two frames 35, and the Python between these. It is "
        f"500 to 600 here: {_COLD}. The fdatasync every 50 ms is another 50 to 60 a call, the caller's thread as above.",
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
        "each frame is compressed by itself, with a dictionary, so that it can be read by itself. As one stream, flushed after each "
        "frame, it would be 0.103 MB, and a damaged frame would take those behind it along.",
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
    Budget(
        "clock.time.monotonic.added_ns",
        "a read of time.monotonic over the bare call, recorded",
        300,
        "ns",
        "it takes five calls in Python: the stand-in, whether this is below a recorded call, whose module asks, which lane, and the note. "
        "None can be left out without noting the reads of event loops and sockets too; for less it takes a compiled extension.",
    ),
    Budget(
        "clock.datetime.now.added_ns",
        "a read of datetime.now over the bare call, recorded",
        300,
        "ns",
        "time-machine's extension costs most of it: with a traveller that returns a constant, which takes 20 ns, a read took 2,400 to "
        "2,600 ns over the bare call on a busy machine. It takes an extension of our own.",
    ),
)
