"""Planting an incident and asking ``fr`` about it, as a person would."""

from __future__ import annotations

import contextlib
import io
import json
import random
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from month import Month, present
from plants import Plant, typed
from sketches import Sketch

from fr_replay.cli.main import main

__all__ = ["Outcome", "ask_about", "false_alarms"]


class Outcome(NamedTuple):
    """What came of an incident.

    Attributes:
        cause, command: what was planted, and what was typed.
        named: the cause came first.
        seconds: CPU time of the command, in this process.
        first: the beginning of its answer.
    """

    cause: str
    command: str
    named: bool
    seconds: float
    first: str


def ask_about(plant: Plant, seed: int, sketches: Sequence[Sketch], traces_per_day: int, days: int = 30) -> Outcome:
    """Plant an incident in a month of its own, and type its command."""
    draw = random.Random(f"{plant.number} {seed}")
    month = Month(seed * 100 + plant.number, present(draw), sketches, days=days, traces_per_day=traces_per_day)
    planted = plant.plant(month, draw)
    with tempfile.TemporaryDirectory() as folder:
        store = month.write(Path(folder))
        command = typed(planted.command)
        began = time.process_time()
        rows = asked(store, *command)
        took = time.process_time() - began
    try:
        named = bool(planted.named(rows))
    except (IndexError, StopIteration):
        # An answer without rows names nothing.
        named = False
    red = [row for row in rows if row.get("state") == "red"] or rows
    first = ", ".join(f"{key}={value}" for key, value in list(red[0].items())[:5]) if red else "no rows"
    return Outcome(planted.cause, "fr " + " ".join(command), named, took, first)


def asked(store: str, *command: str) -> list[dict[str, Any]]:
    """The rows of a command's JSON. Raises AssertionError when it fails."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main([*command, "--store", store, "--json"])
    assert code == 0, command
    rows: list[dict[str, Any]] = json.loads(out.getvalue())
    return rows


def false_alarms(
    seed: int, sketches: Sequence[Sketch], windows: Sequence[tuple[float, float]], traces_per_day: int, days: int = 30
) -> list[str]:
    """What ``fr triage`` calls red in a month in which nothing happens.

    Args:
        windows: how many hours ago each window ends, and its length in hours.
    """
    month = Month(seed, present(random.Random(seed)), sketches, days=days, traces_per_day=traces_per_day)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        store = month.write(Path(folder))
        for ago, length in windows:
            until = month.until - timedelta(hours=ago)
            since = until - timedelta(hours=length)
            rows = asked(store, "triage", "--since", since.isoformat(), "--until", until.isoformat())
            found += [f"seed {seed}, {length:g} h to {until:%a %H:%M}: {_words(row)}" for row in rows if row["state"] == "red"]
    return found


def _words(row: dict[str, Any]) -> str:
    return f"{row['signal']} {row['subject']} {row['before']} -> {row['now']} (score {row['score']})"
