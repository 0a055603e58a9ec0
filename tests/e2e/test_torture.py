"""A small, seeded part of the torture that `make torture` does in full."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "torture"))

from graph_runs import run_graphs
from kills import run_kills
from mutations import EDITS, run_edits
from torture_bench import DIVERGED, SILENTLY_WRONG

pytestmark = pytest.mark.e2e


def test_random_task_graphs_are_never_silently_wrong() -> None:
    """Of each family some; a program that is the same is hardly ever stopped where nothing but calls decides."""
    results = run_graphs(range(20), print)
    assert results.of(SILENTLY_WRONG) == 0, results.stops
    assert results.of(DIVERGED, ordered=True) <= 1, results.stops


def test_edits_are_reported_where_they_are() -> None:
    """At the right step, path and character; and nothing is reported without an edit."""
    results = run_edits(EDITS[::12], print, controls=1)
    assert results.wrong == [] and results.false_reports == 0
    assert results.placed == results.edits


def test_kills_lose_no_call_that_returned() -> None:
    """Every one is readable, and replay says that the record ends where it does."""
    results = run_kills(range(6), print)
    assert results.wrong == [] and results.readable == results.returned
    assert results.reached == results.kills
