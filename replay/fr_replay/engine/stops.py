"""Stopping at a step that was asked for: after its answer, at its request, or with a prompt there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .modes import AFTER, AT, PROMPT, Goal, Mode
from .tape import Event, places_of
from .verdict import REACHED

if TYPE_CHECKING:
    from .session import ReplaySession

__all__ = ["Stops"]


class Stops:
    """Watches for the step that is to be stopped at.

    Args:
        goal: None when the replay goes to the end.

    Attributes:
        output: compares what the program has written so far with the record; set when the replay begins.
    """

    def __init__(self, session: ReplaySession, mode: Mode, goal: Goal | None) -> None:
        self._session = session
        self._kind = mode.stop if goal is not None else ""
        self._goal = goal
        self._exact = True
        self.output: Callable[[], dict[str, Any]] | None = None

    @property
    def before_the_end(self) -> bool:
        """True when the replay is to go on only until the step's answer."""
        return self._kind == AFTER

    def before_request(self, event: Event | None) -> None:
        """The program asks for something more. Does not return when the step's answer has been handed out before."""
        if self._kind != AFTER or (event is not None and not event.facts["required"]):
            return
        step = next((e for e in self._session.process.events if self._goal is not None and e.number == self._goal.last), None)
        if step is None or not step.used or not self._session.place_has_passed(step, places_of(step)[-1]):
            return
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        written = self.output() if self.output is not None else {}
        if written.get("same") is False:
            what = "all requests so far were the same, and the standard output is not"
            self._session.stop_diverged(None, {"what": what, "stdout": written, "differences": []}, None)
        self._session.stop(REACHED, step, {"what": "replayed to the step", "stdout": written, **self._facts()}, None)

    def checked(self, event: Event, body: bytes | None, *, exact: bool, location: Any) -> None:
        """A request was compared with the record and is the same. Does not return at the step that is to be stopped at.

        Args:
            body: of the request as the program sends it; None for a tool or a hand-made client.
            exact: same byte for byte, not only in the canonical form.
        """
        goal = self._goal
        if goal is None or event.number not in goal.events:
            return
        self._exact = self._exact and exact
        if event.number != goal.last:
            return
        if self._kind == AT:
            self._session.stop(REACHED, event, {"what": "the request is the recorded one", **self._facts()}, location)
        elif self._kind == PROMPT:
            from .prompt import converse

            converse(self._session, goal, event, body)

    def _facts(self) -> dict[str, Any]:
        assert self._goal is not None
        return {"stop": self._kind, "steps": self._goal.steps, "exact": self._exact, "used": self._session.used()}
