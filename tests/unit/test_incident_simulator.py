"""A small part of the incident simulator (tests/benchmarks/incident_simulator.py): nine days instead of thirty, one seed each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "incidents"))

from asking import ask_about, false_alarms
from plants import PLANTS, Plant
from sketches import DATA, built_in_sketches, tau_bench_sketches

DAYS = 9
"""A week more than the longest window that is asked about, so that last week's same hours are on record."""


@pytest.mark.parametrize("plant", PLANTS, ids=[plant.name for plant in PLANTS])
def test_one_command_names_the_planted_cause_first(plant: Plant) -> None:
    """Whatever else is red, new or dear."""
    outcome = ask_about(plant, 7, built_in_sketches(), traces_per_day=300, days=DAYS)
    assert outcome.named, outcome


@pytest.mark.parametrize("seed", range(3))
def test_triage_stays_green_in_quiet_weeks(seed: int) -> None:
    """By night and by day, though one agent works at night only and noon is slower."""
    windows = ((0.0, 4.0), (9.0, 4.0), (20.0, 8.0))
    assert false_alarms(500 + seed, built_in_sketches(), windows, traces_per_day=200, days=DAYS) == []


def test_shapes_are_those_of_the_real_runs() -> None:
    """Calls and tools in the order of the runs, where the data is there; and the generator's are about as long."""
    if not DATA.is_file():
        pytest.skip("the shared data is not beside the repository")
    real, made = tau_bench_sketches(), built_in_sketches()
    assert len(real) == len(made) == 200
    assert {tool for sketch in real for step in sketch for tool in step.tools} >= {"cancel_reservation", "get_reservation_details"}
    calls, of_made = (sum(map(len, sketches)) / len(sketches) for sketches in (real, made))
    assert 0.4 < of_made / calls < 1.5
