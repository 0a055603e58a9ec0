"""What kind of replay is asked for, and what the tape says of the step at which it is to stop."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["AFTER", "AT", "PROMPT", "STRICT", "Goal", "Mode", "goal_of", "mode_of"]

AFTER = "after"
AT = "at"
PROMPT = "prompt"


class Mode(NamedTuple):
    """How to replay.

    Attributes:
        step: number of a model call in the trace, as ``fr show TRACE K`` counts, at which something is to happen; else None.
        stop: what: ``after`` stops once its answer was handed out, ``at`` stops when its request has been compared, ``prompt`` opens
            a Python prompt there and goes on.
        tolerant: a call may have moved to another lane or place, if there is no doubt which recorded call it is.
        realtime: recorded delays are restored.
    """

    step: int | None = None
    stop: str = ""
    tolerant: bool = False
    realtime: bool = False


STRICT = Mode()
"""To the end, and nothing but the record."""


class Goal(NamedTuple):
    """The step at which something is to happen.

    Attributes:
        step, steps: its number, and how many the trace has.
        last: number of the event on the tape that got the answer: of the step's attempts the last.
        events: numbers of all attempts of the step.
        before: numbers of the events of the steps before it.
        answer: slices of the answer's body, decoded.
    """

    step: int
    steps: int
    last: int
    events: list[int]
    before: list[int]
    answer: list[tuple[int, int]]


def mode_of(meta: dict[str, Any]) -> Mode:
    """The mode in a tape's meta."""
    return Mode(**meta.get("mode", {}))


def goal_of(meta: dict[str, Any]) -> Goal | None:
    """The goal in a tape's meta, or None."""
    raw = meta.get("goal")
    return Goal(**{**raw, "answer": [(a, b) for a, b in raw["answer"]]}) if raw else None
