"""The shape of traces: which calls and tools follow each other, and how many tokens they take.

From the real runs of tau-bench where the shared data lies beside the repository, else from a generator of about the same shape.
"""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["DATA", "Sketch", "Step", "built_in_sketches", "sketches", "tau_bench_sketches"]

DATA = Path(__file__).resolve().parents[2] / "../shared/data/tau-bench-airline-gpt-4o.json"
_CHARACTERS_PER_TOKEN = 4
_LONGEST = 8
"""Model calls of a trace that are taken over: thirty days of whole runs would only take longer to write."""

_TOOLS = ("get_reservation_details", "search_direct_flight", "get_user_details", "update_reservation_flights", "cancel_reservation")


class Step(NamedTuple):
    """A model call, with the tools that its answer asks for; tokens of its prompt and of its answer."""

    tokens_in: int
    tokens_out: int
    tools: tuple[str, ...]


Sketch = tuple[Step, ...]


@cache
def tau_bench_sketches() -> tuple[Sketch, ...]:
    """One for each real run. Raises OSError where the data is not there."""
    return tuple(_sketch(run["traj"]) for run in json.loads(DATA.read_text(encoding="utf-8")))


def _sketch(messages: list[dict[str, object]]) -> Sketch:
    steps, seen = [], 0
    for message in messages:
        length = len(json.dumps(message)) // _CHARACTERS_PER_TOKEN
        if message["role"] == "assistant":
            asked = message.get("tool_calls") or []
            assert isinstance(asked, list)
            steps.append(Step(seen, length, tuple(call["function"]["name"] for call in asked)))
        seen += length
    return tuple(steps[:_LONGEST])


@cache
def built_in_sketches() -> tuple[Sketch, ...]:
    """Two hundred that look about like those: a few calls, two in three of which ask for a tool, and a prompt that grows."""
    draw = random.Random(20)
    made = []
    for _ in range(200):
        seen, steps = 1500 + draw.randrange(200), []
        for _ in range(draw.choice((1, 2, 2, 3, 4, 6, 8))):
            answer = int(draw.lognormvariate(4, 0.6)) + 5
            steps.append(Step(seen, answer, (draw.choice(_TOOLS),) if draw.random() < 0.65 else ()))
            seen += answer + int(draw.lognormvariate(4.5, 0.8))
        made.append(tuple(steps))
    return tuple(made)


def sketches() -> tuple[str, tuple[Sketch, ...]]:
    """Where they come from, and the sketches."""
    return ("tau-bench", tau_bench_sketches()) if DATA.is_file() else ("built in", built_in_sketches())
