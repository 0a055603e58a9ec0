"""Running the cells of a measure in interleaved rounds: A B C A B C, so that the machine's drift falls on all alike."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from arithmetic import added_median
from processes import Cell, cell_place, run_cell
from recorders.adapter import AGAIN, BASELINE, Place, RecorderRow, adapter_of, installed
from settings import Bench
from workload import calls_marked

__all__ = ["CallFigures", "call_rounds", "calls_on_record"]


class CallFigures:
    """The figures of all recorders of a measure, by recorder, kind of figure and round.

    Attributes:
        on_record: for each recorder, how many of the last round's calls were found in its record; the baseline has none.
    """

    def __init__(self) -> None:
        self._rounds: dict[str, list[dict[str, Any]]] = {}
        self.on_record: dict[str, int] = {}

    def add(self, recorder: str, cell: Cell) -> None:
        """Take the figures of one more round."""
        self._rounds.setdefault(recorder, []).append(cell.figures)

    def __contains__(self, recorder: str) -> bool:
        return recorder in self._rounds

    def of(self, recorder: str, figure: str) -> list[list[float]]:
        """For each round, one figure per call (or a single one for the whole round)."""
        return [[one[figure]] if isinstance(one[figure], int | float) else one[figure] for one in self._rounds[recorder]]

    def added(self, recorder: str, figure: str) -> float:
        """The median that a recorder adds to the baseline and its repeat; the repeat is compared with the baseline alone."""
        names = [BASELINE] if recorder == AGAIN or AGAIN not in self._rounds else [BASELINE, AGAIN]
        return added_median(self.of(recorder, figure), [self.of(name, figure) for name in names])


def call_rounds(bench: Bench, measure: str, rows: Sequence[RecorderRow], arguments: Mapping[str, Any], expected: int) -> CallFigures:
    """Run every installed recorder's cell once per round, and look in the last round for what is on record.

    Args:
        expected: how many marked calls a cell makes; 0 leaves the record unread.

    Raises:
        BenchmarkFailed: when a cell fails.
    """
    figures = CallFigures()
    for number, row in itertools.product(range(bench.rounds), filter(installed, rows)):
        with cell_place(bench.scratch) as place:
            figures.add(row.name, run_cell(measure, row.name, place, {**arguments, "seed": f"{measure}:{number}"}))
            if expected and number == bench.rounds - 1 and row.module != "none":
                figures.on_record[row.name] = calls_on_record(row.name, place)
    return figures


def calls_on_record(recorder: str, place: Place) -> int:
    """How many calls' request and answer can be found in what a recorder has stored or sent."""
    return calls_marked(adapter_of(recorder).pieces(place))
