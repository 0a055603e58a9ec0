"""Values that lanes note are each taken once, in order, whoever notes and takes at the same time."""

from __future__ import annotations

import sys
import threading

import pytest

from fr_recorder.lanes import Lane
from fr_recorder.reads import ReadLog


def test_taken_values_are_sorted_by_lane_and_source() -> None:
    """In the order in which they were noted; nothing is taken twice."""
    log, one, other = ReadLog(), Lane("p0"), Lane("p0/x#0")
    for lane, source, value in ((one, "w", 1), (other, "w", 2), (one, "m", 3), (one, "w", 4)):
        log.note(lane, source, value)
    assert len(log) == 3
    assert log.take() == {"p0": {"w": [1, 4], "m": [3]}, "p0/x#0": {"w": [2]}}
    assert len(log) == 0 and log.take() == {}
    log.note(one, "w", 5)
    assert log.take() == {"p0": {"w": [5]}}


def test_two_lanes_of_one_path_are_one_list() -> None:
    """A lane object may be made again for the same path."""
    log = ReadLog()
    log.note(Lane("p0"), "w", 1)
    log.note(Lane("p0"), "w", 2)
    assert log.take() == {"p0": {"w": [1, 2]}}


def test_only_one_takes_at_a_time() -> None:
    """The other gets nothing, at once, rather than waiting on the program's thread."""
    log = ReadLog()
    log.note(Lane("p0"), "w", 1)
    log._lock.acquire()
    assert log.take() == {}
    log._lock.release()
    assert log.take() == {"p0": {"w": [1]}}


def test_forgetting_drops_what_waits_and_frees_the_lock() -> None:
    """In the child of a fork the lock may be held by a thread that is not there."""
    log, lane = ReadLog(), Lane("p0")
    log.note(lane, "w", 1)
    log._lock.acquire()
    log.forget()
    assert len(log) == 0 and log.take() == {}
    fresh = Lane("p0/child")
    log.note(fresh, "w", 2)
    assert log.take() == {"p0/child": {"w": [2]}}


def test_value_noted_while_it_is_taken_is_not_lost() -> None:
    """A lane adds a value between the count and the clearing: it is found the next time."""
    log, lane = ReadLog(), Lane("p0")

    class Late(list[int]):
        """A list to which somebody adds while it is being emptied."""

        def __delitem__(self, key: object) -> None:
            super().__delitem__(key)  # type: ignore[arg-type]
            if not self.done:
                self.done = True
                # As note() does, from another thread at this moment: append, see one value, enter the list.
                self.append(2)
                log._waiting.append((lane, "w", self))

        done = False

    values = Late([1])
    lane.reads["w"] = values
    log._waiting.append((lane, "w", values))
    assert log.take() == {"p0": {"w": [1]}}
    # Entered twice by then; the values come once, and no empty list.
    assert log.take() == {"p0": {"w": [2]}}
    assert log.take() == {}


@pytest.mark.parametrize("interval", [1e-6, 0.005])
def test_many_threads_lose_nothing(interval: float) -> None:
    """Each lane's values come out complete, in order and once."""
    log, count, lanes = ReadLog(), 3000, [Lane(f"p0/{n}") for n in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    found: dict[str, list[int]] = {}
    try:
        threads = [threading.Thread(target=lambda lane=lane: [log.note(lane, "w", n) for n in range(count)]) for lane in lanes]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) or len(log):
            for path, sources in log.take().items():
                assert sources["w"]
                found.setdefault(path, []).extend(sources["w"])
    finally:
        sys.setswitchinterval(before)
    assert found == {lane.path: list(range(count)) for lane in lanes}
