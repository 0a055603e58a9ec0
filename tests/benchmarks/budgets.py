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


BUDGETS = (
    Budget("live_call.added_latency_us", "latency added to a 30 KB call, median", 150, "µs", "TODO"),
    Budget("survival.on_record", "calls on record after kill -9 right behind call 50", 50, "of 50", "TODO", at_most=False),
    Budget("live_call.added_thread_us", "CPU added on the caller's thread, median", 60, "µs", "TODO"),
    Budget("live_call.added_process_us", "CPU added to the process, fresh 30 KB prompt, redaction included", 700, "µs", "TODO"),
    Budget("live_call.added_process_us_growing", "CPU added to the process per turn of a growing conversation", 200, "µs", "TODO"),
    Budget("conversation.sealed_mb", "100-turn conversation (151 KB unique) on disk, sealed", 0.20, "MB", "TODO", digits=3),
    Budget("conversation.journal_mb", "the same in its open journal", 0.20, "MB", "TODO", digits=3),
    Budget("startup.injected_ms", "start-up added to an injected interpreter", 40, "ms", "TODO"),
    Budget("startup.help_ms", "fr --help", 120, "ms", "TODO"),
)
