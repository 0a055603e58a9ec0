"""Signals that wait until their trace is whole, as far as can be told: which of them are ready to become rows. No clock and no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .signals import Signal

__all__ = ["Patience", "Pending", "weight_of"]

_WEIGHT = 2_000
"""About what a signal takes in memory beyond its texts."""


class Patience(NamedTuple):
    """How long signals wait, in seconds.

    Attributes:
        settle: after the last signal of a trace whose root is there; exporters send log records and spans in turns of five seconds.
        quiet: after the last signal of a trace whose root is not there.
        oldest: at most; a trace that goes on longer becomes rows in pieces.
        unmatched: log records whose span has not come.
    """

    settle: float
    quiet: float
    oldest: float
    unmatched: float

    @classmethod
    def of(cls, settle: float) -> Patience:
        """The others follow from the first."""
        return cls(settle, settle * 3, settle * 10, max(settle * 10, 3600.0))


class _Waiting(NamedTuple):
    arrived: float
    signal: Signal
    weight: int


class Pending:
    """Waiting signals by trace.

    Attributes:
        weight: about how many bytes they take.
        count: how many there are.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._traces: dict[str, list[_Waiting]] = {}
        self.weight = 0
        self.count = 0

    def add(self, signals: Iterable[Signal], now: float, weights: Iterable[int]) -> None:
        """Take signals that arrived at a time, each with its weight."""
        for signal, weight in zip(signals, weights, strict=True):
            self._traces.setdefault(signal.trace_id, []).append(_Waiting(now, signal, weight))
            self.weight += weight
            self.count += 1

    def take(self, now: float, *, all_spans: bool = False, everything: bool = False) -> dict[str, list[Signal]]:
        """Take out what is ready, by trace: a span together with all log records of it.

        Args:
            all_spans: do not wait for more; log records without a span still wait.
            everything: nor do these.
        """
        ready: dict[str, list[Signal]] = {}
        for trace_id, waiting in list(self._traces.items()):
            chosen = {id(one) for one in waiting} if everything else self._chosen(waiting, now, all_spans)
            if chosen:
                ready[trace_id] = [one.signal for one in waiting if id(one) in chosen]
                left = [one for one in waiting if id(one) not in chosen]
                self.weight -= sum(one.weight for one in waiting if id(one) in chosen)
                self.count -= len(chosen)
                if left:
                    self._traces[trace_id] = left
                else:
                    del self._traces[trace_id]
        return ready

    def _chosen(self, waiting: list[_Waiting], now: float, all_spans: bool) -> set[int]:
        latest = max(one.arrived for one in waiting)
        rooted = any(not one.signal.is_log and one.signal.parent_span_id is None for one in waiting)
        whole = all_spans or now - latest >= (self._patience.settle if rooted else self._patience.quiet)
        spans = {one.signal.span_id for one in waiting if not one.signal.is_log and (whole or self._is_old(one, waiting, now))}
        return {
            id(one)
            for one in waiting
            if one.signal.span_id in spans or (one.signal.is_log and now - one.arrived >= self._patience.unmatched)
        }

    def _is_old(self, one: _Waiting, waiting: list[_Waiting], now: float) -> bool:
        """The trace has waited as long as can be, and a log record of this span would be here by now."""
        return now - one.arrived >= self._patience.settle and now - waiting[0].arrived >= self._patience.oldest

    def signals(self) -> list[Signal]:
        """All that wait."""
        return [one.signal for waiting in self._traces.values() for one in waiting]


def weight_of(signal: Signal) -> int:
    """About how many bytes a signal takes in memory."""
    return _WEIGHT + sum(_size(value) for value in (signal.attributes, signal.body, [event.attributes for event in signal.happenings]))


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value) + 50
    if isinstance(value, dict):
        return sum(len(name) + 100 + _size(item) for name, item in value.items())
    return sum(map(_size, value)) + 60 if isinstance(value, list | tuple) else 32
