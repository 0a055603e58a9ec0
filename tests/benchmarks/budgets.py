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
    "in an agent the same code takes 1.4 to 2.5 times as long as in a loop, because what it touches has left the caches: as long as "
    "after a walk through 24 MB (tests/benchmarks/writer_cost.py). A first write() takes 9 µs and not 0.5, a first match by re2 14 "
    "and not 0.6, a first HMAC 10 and not 1, zstd on 1 KB 20 and not 8; and a call goes through 120 different functions in Python and "
    "50 in C"
)

BUDGETS = (
    Budget(
        "live_call.added_latency_us",
        "latency added to a 30 KB call, median",
        150,
        "µs",
        "most of it is the wait for the answer's frame, which is the promise that kill -9 loses nothing: 340 µs on a machine with other "
        "work. To redact, hash, compress and write a 2 KB answer takes the writer 250 of these, and 95 back to back: "
        f"{_COLD}. The way to the writer's thread is 35, the way back 15; taking note of the request is another 28, of the answer's "
        "headers 8, and the rest is what the caller's thread loses (below). Pinned to one processor it was no less. Waking the writer "
        "when the answer's headers come, before its body, was tried: the hand-over then took longer. Encoding answers of less than "
        "16 KB on the caller's thread, while the writer is idle, was tried, with the write, which may not stay there, for a disk may "
        "hang: the hand-over was saved, the encoding took 300 in place of 250, the latency was the same, and the caller's CPU 250 µs "
        "more. As far as we can see, meeting the budget takes handing the answer over unredacted to memory that outlives the process, "
        "and redacting it in another process.",
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
        "in a loop around a transport that answers at once, the recorder's 53 calls in Python on the caller's thread take 20 µs, of it "
        "3 for the program's line and 4 for the answer's stream. In a live call they take 62, with waking the writer twice and being "
        "woken: 27 before the request leaves, 8 at the answer's headers, 27 at its end. The rest is not the recorder's code: a thread "
        "that did unrelated JSON work meanwhile, in its place, cost the caller 80 and 110 µs in two runs, which looks like the caches "
        "and the interpreter that both share. In a growing conversation, whose answers are one line, it was between 46 and 104.",
    ),
    Budget(
        "live_call.added_process_us",
        "CPU added to the process, fresh 30 KB prompt, redaction included",
        700,
        "µs",
        "back to back the writer's work is 620 µs: cutting the prompt at message borders 85, redacting its texts about 180 (of it 45 "
        "in re2, which takes 39 for one rule alone), hashing and storing 42 parts about 110, compressing and writing two frames 130, "
        "the JSON of two events 30, the answer 60, the rest is Python between these. Other levels and parameters of zstd save 12 µs at "
        f"the most, for a third more on disk. It is 1,050 to 1,200 here: {_COLD}. The "
        "fdatasync every 50 ms, in a thread of its own, is another 60 to 80 a call, and the caller's own loss (above) counts here as "
        "well.",
    ),
    Budget(
        "live_call.added_process_us_growing",
        "CPU added to the process per turn of a growing conversation",
        200,
        "µs",
        "back to back it is 185 µs: beginning 90, answer 35, the JSON of two events 20, compressing and writing two frames 35. It is "
        f"450 to 500 here: {_COLD}. Waking the writer twice is another 50 to 80, the fdatasync in a thread of its own 60 to 80 a call, "
        "the caller's thread as above. No part of it stands out any more: less takes fewer functions on the way of each event, or a "
        "compiled extension.",
    ),
    Budget(
        "conversation.sealed_mb",
        "100-turn conversation (151 KB unique) on disk, sealed",
        0.20,
        "MB",
        "every row holds its identifiers, and every part an id of 32 random bytes, which do not compress; the footer of a file is 18 KB.",
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
        "startup.replayed_ms",
        "start-up added to a replayed interpreter",
        40,
        "ms",
        "imports: those of a recorded one, and the replay engine's own modules.",
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
        "in a loop on a busy machine it added 220: the way to the caller's global names in C (next, map, starmap, globals) 60, whether its "
        "module lies below the seams 25, whether this is below a recorded call and which lane 30, the note 40, two calls in Python and the "
        "division 60. None can be left out without noting the reads of event loops and sockets too.",
    ),
    Budget(
        "clock.time.monotonic.replay_added_ns",
        "the same in replay",
        300,
        "ns",
        "as above; the value comes out of an iterator in place of the clock.",
    ),
    Budget(
        "clock.datetime.now.added_ns",
        "a read of datetime.now over the bare call, recorded",
        300,
        "ns",
        "in a loop on a busy machine it added 400 to 440. A method of a class gets the class, so it must be a function in Python, and "
        "the way to its caller's global names is a generator's frame (85 ns; sys._getframe takes 160, since audit hooks are told of "
        "it). Binding the class takes 40, the read itself 120, and making a datetime of a float 60 more than C's own way, which no "
        "Python code can call with a time of its own. A compiled extension would do it in 150.",
    ),
    Budget(
        "clock.datetime.now.replay_added_ns",
        "the same in replay",
        300,
        "ns",
        "as above.",
    ),
    Budget(
        "clock.bytes_per_read",
        "a clock read on disk, sealed",
        2,
        "bytes",
        "differences of neighbours as JSON, three to five digits each, compressed.",
        digits=2,
    ),
    Budget(
        "replay_big.growing.seconds",
        "replaying 300 calls with prompts of 200 KB, a growing conversation",
        2,
        "s",
        "of 1.5 s of CPU on a busy machine the agent by itself took 0.6, which is mostly JSON; starting fr, reading the store and starting "
        "Python 0.65; writing the tape and comparing the requests the rest.",
        digits=2,
    ),
    Budget(
        "replay_big.fresh.seconds",
        "the same with fresh prompts",
        2,
        "s",
        "of 1.35 s of CPU on a busy machine the agent by itself took 0.55; starting 0.65 as above.",
        digits=2,
    ),
    Budget(
        "store_load.journal_mb",
        "400-turn conversation (285 MB raw) in its open journal",
        0.75,
        "MB",
        "0.65 MB of it is the text, each frame compressed by itself (0.90 MB in all at level 5 of zstd, which takes three times as long, "
        "and 0.89 at level 19), and 0.05 the lists of parts that are written in full every 64 calls. "
        "The rest, 590 bytes a call, is the two events: six random ids and hashes, which do not compress, times, headers, frame headers.",
        digits=3,
    ),
    Budget(
        "store_load.sealed_mb",
        "the same, sealed",
        0.55,
        "MB",
        "0.33 MB is the text. The ids of its 800 parts stand in three columns and the hashes of its messages in a fourth, 32 random bytes "
        "each: 0.14 MB together, with the places in the lists of each call; the footer of a file of 150 columns is "
        "0.02 MB. Until 4 bytes of each leaf hash were kept instead of 32, and numbers stored as differences, it was 0.65 MB.",
        digits=3,
    ),
    Budget(
        "store_load.split_us",
        "splitting a request of 1.4 MB, a turn",
        300,
        "µs",
        "comparing 1.4 MB with the request before takes 100 µs or more where neither is in the caches; the rest is what is new.",
    ),
    Budget(
        "store_load.large_result_us",
        "the caller's thread, for a tool result of 5 MB",
        2_000,
        "µs",
        "text and bytes are handed over as they are; lists and dicts are copied first, since the program may change them.",
    ),
    Budget(
        "store_load.sealing_us",
        "sealing, a call with a fresh prompt of 30 KB",
        400,
        "µs",
        "a call is two rows and 21 stored parts. Of about 1,100 µs back to back, 300 are parsing its 20 messages and hashing their "
        "canonical JSON, 190 the other columns, 120 reading the journal, 60 the rows of parts, 170 the leaves of rows and parts, 70 "
        "Arrow's columns, 190 Parquet (of it 125 the parts). Imports are 50 ms once, and fresh memory costs another 100 µs a call. "
        "No part of it stands out any more; less takes another way than Python objects between journal and Parquet.",
    ),
    Budget(
        "store_load.burst_mb",
        "memory over the bare program in a burst of 10,000 calls",
        64,
        "MB",
        "what is handed over and not yet written; it is bounded by the queue's 256 MB, which 64 threads without a pause come near.",
    ),
    Budget(
        "store_load.writers_kept",
        "calls on record of 8 processes that write at once",
        100,
        "%",
        "a writer went on before its record was written, or a journal was not found.",
        at_most=False,
    ),
)
