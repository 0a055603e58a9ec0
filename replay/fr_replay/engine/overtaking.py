"""Threads that were overtaken: the record says when each got its result and when it ended, and not when it used the result.

Where a thread got its last result, or woke up, before another one did, and yet ended after it, the system had taken the processor from it
in between. It was then most likely overtaken before it did with its result what it did at its end: append it to a list,
say. So in replay it gets its result in its turn, and goes on with it when the last one that overtook it is done with its own.
This is a guess about a race, which nothing on record decides; where a thread that is held back turns out to be waited for,
it is let go.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence, Set
from typing import NamedTuple

from .tape import Event, ProcessTape

__all__ = ["overtaken"]

_LONGEST_US = 100_000
"""A thread that got its result this much earlier than the other one was not just overtaken."""


class _Result(NamedTuple):
    """The end of a call, of a sleep or of a thread that was waited for: its place, and when that was."""

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
    below = _places_below(places)
    last = {
        use for use in uses if use.until == ends.get(use.thread) and not _has_one(below.get(use.thread, []), use.result.order, use.until)
    }
    return _held(sorted(uses + _uses_of_ends(ends, places, known), key=lambda use: use.until), last)


def _held(uses: Sequence[_Use], last: Set[_Use]) -> dict[int, int]:
    """Place of each overtaken thread's last result to the place that it waits for.

    Args:
        uses: all of them, in the order in which they were done.
        last: those that are the last of a thread. When nothing that the thread did came between a result and its end, that is; starting a
            thread or a job is something.
    """
    held: dict[int, int] = {}
    done = [use.until for use in uses]
    # One that is held goes on when it is let go, and may so overtake another one.
    went_on = [use.result for use in uses]
    for index, use in enumerate(uses):
        if use not in last:
            continue
        between = range(bisect_right(done, use.result.order), bisect_left(done, use.until))
        overtakers = [n for n in between if uses[n].thread != use.thread and _is_soon_after(went_on[n], use.result)]
        if overtakers:
            held[use.result.order] = until = max(done[n] for n in overtakers)
            went_on[index] = _Result(until, max(went_on[n].at_us for n in overtakers))
    return held


def _is_soon_after(other: _Result, result: _Result) -> bool:
    return other.order > result.order and other.at_us - result.at_us <= _LONGEST_US


def _places_below(places: dict[str, list[int]]) -> dict[str, list[int]]:
    """The places of all that a thread started, and of what these started, in order."""
    below: dict[str, list[int]] = {}
    for path, own in places.items():
        above = path.rpartition("/")[0]
        while above:
            below.setdefault(above, []).extend(own)
            above = above.rpartition("/")[0]
    for all_below in below.values():
        all_below.sort()
    return below


def _uses_of_ends(ends: dict[str, int], places: dict[str, list[int]], known: list[tuple[int, int]]) -> list[_Use]:
    """What threads did when another one had ended that they had started: they most likely waited for that."""
    uses = []
    for path, end in ends.items():
        starter = _thread_of(path.rpartition("/")[0], ends)
        after = _next(places.get(starter, []), end)
        if after is not None:
            uses.append(_Use(_Result(end, _time_of(end, known)), after, starter))
    return uses


def _known_times(process: ProcessTape) -> list[tuple[int, int]]:
    """Places and times of all that the record has a time of, in order."""
    return sorted((delivery.order, delivery.at_us) for event in process.events for delivery in event.deliveries)


def _time_of(order: int, known: list[tuple[int, int]]) -> int:
    """When something without a time of its own happened, at the earliest: when the thing before it did."""
    index = bisect_right(known, (order, 0))
    return known[index - 1][1] if index else 0


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
