"""Threads that were overtaken: the record says when each got its result and when it ended, and not when it used the result.

Where a thread got its last result, or woke up, before another one did, and yet ended after it, the system had taken the processor from it
in between. It was then most likely overtaken before it did with its result what it did at its end: append it to a list,
say. So in replay it gets its result in its turn, and goes on with it when the last one that overtook it is done with its own.
This is a guess about a race, which nothing on record decides; where a thread that is held back turns out to be waited for,
it is let go.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from .tape import Event, ProcessTape

__all__ = ["overtaken"]

_LONGEST_US = 100_000
"""A thread that got its result this much earlier than the other one was not just overtaken."""


class _Result(NamedTuple):
    """The end of a call or of a sleep: its place, and when that was."""

    order: int
    at_us: int


class _Use(NamedTuple):
    """What a thread did with a result: from the place of that to its next place."""

    result: _Result
    until: int
    thread: str


def overtaken(process: ProcessTape) -> dict[int, int]:
    """Place of a thread's last result to the place by which it had been overtaken, for the threads of a process that were."""
    ends = {path: sources["e"][-1] for path, sources in process.reads.items() if sources.get("e")}
    if not ends:
        return {}
    places: dict[str, list[int]] = {}
    results: dict[str, list[_Result]] = {}
    for event in process.events:
        thread = _thread_of(event.lane, ends)
        places.setdefault(thread, []).extend([event.issue, *(delivery.order for delivery in event.deliveries)])
        if _is_result(event):
            end = event.deliveries[-1]
            results.setdefault(thread, []).append(_Result(end.order, end.at_us))
    known = _known_times(process)
    for path, sources in process.reads.items():
        thread = _thread_of(path, ends)
        slept = sources.get("s", ())
        places.setdefault(thread, []).extend([*slept, *(order for source in ("b", "e") for order in sources.get(source, ()))])
        results.setdefault(thread, []).extend(_Result(order, _time_of(order, known)) for order in slept)
    for own in places.values():
        own.sort()
    uses = []
    for thread, own in places.items():
        followed = [(result, _next(own, result.order)) for result in results.get(thread, ())]
        uses += [_Use(result, after, thread) for result, after in followed if after is not None]
    last = [use for use in uses if _is_last(use, ends, places)]
    overtakers = {use.result.order: [other.until for other in uses if _overtakes(other, use)] for use in last}
    return {order: max(done) for order, done in overtakers.items() if done}


def _known_times(process: ProcessTape) -> list[tuple[int, int]]:
    """Places and times of all that the record has a time of, in order."""
    return sorted((delivery.order, delivery.at_us) for event in process.events for delivery in event.deliveries)


def _time_of(order: int, known: list[tuple[int, int]]) -> int:
    """When something without a time of its own happened, at the earliest: when the thing before it did."""
    index = bisect_right(known, (order, 0))
    return known[index - 1][1] if index else 0


def _is_last(use: _Use, ends: dict[str, int], places: dict[str, list[int]]) -> bool:
    """True when nothing that the thread did came between its result and its end; starting a thread or job is something."""
    started = [own for path, own in places.items() if path.startswith(use.thread + "/")]
    return use.until == ends.get(use.thread) and not any(_has_one(own, use.result.order, use.until) for own in started)


def _overtakes(other: _Use, use: _Use) -> bool:
    """True when another thread got a result later, and was done with it earlier."""
    later = other.result.order > use.result.order and other.result.at_us - use.result.at_us <= _LONGEST_US
    return other.thread != use.thread and later and other.until < use.until


def _is_result(event: Event) -> bool:
    """True for what a thread waited for; tasks of an event loop have turns for that."""
    return bool(event.deliveries) and event.end in ("eof", "cut", "ok", "error") and event.deliveries[-1].turns == 0


def _thread_of(lane: str, ends: dict[str, int]) -> str:
    """The innermost thread or job that a lane lies in; the empty path for the process's first thread."""
    while lane and lane not in ends:
        lane = lane.rpartition("/")[0]
    return lane


def _has_one(places: list[int], after: int, before: int) -> bool:
    following = _next(places, after)
    return following is not None and following < before


def _next(places: list[int], order: int) -> int | None:
    index = bisect_right(places, order)
    return places[index] if index < len(places) else None
