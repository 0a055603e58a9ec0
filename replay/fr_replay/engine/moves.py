"""Tolerant matching: a call that moved to another lane or place is served, if there is no doubt which recorded call it is.

A call at its recorded place is matched as always, as long as nothing in its lane has moved. Any other, and every call of a lane in
which something has moved, is matched by content among all recorded calls of the process that are not used: exactly one must be equal, or
the answers of all that are must be.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..capture import describe_location, lanes
from .tape import Event

if TYPE_CHECKING:
    from .session import ReplaySession

__all__ = ["Moves"]

_SHOWN_CANDIDATES = 4


class Moves:
    """The calls that were served out of their place.

    Attributes:
        rows: one mapping per moved call: what, and where it was recorded and made now.
    """

    def __init__(self, session: ReplaySession) -> None:
        self._session = session
        self._drifted: set[str] = set()
        self._made: dict[str, int] = {}
        self._lock = threading.Lock()
        self.rows: list[dict[str, Any]] = []

    def choose(self, at_place: Event | None, is_same: Callable[[Event], bool], location: Any) -> Event | None:
        """The recorded call that this one is, now taken; or what stands at its place, which is then not the same.

        Does not return when several recorded calls are equal to it and their answers differ.
        """
        lane = lanes.current_lane()
        with self._lock:
            self._made[lane.path] = self._made.get(lane.path, 0) + 1
            usable = at_place is not None and not at_place.used
            if usable and at_place is not None and lane.path not in self._drifted and is_same(at_place):
                at_place.used = True
                return at_place
            found = [event for event in self._session.process.events if not event.used and is_same(event)]
            if not found:
                return at_place if usable else None
            chosen = at_place if at_place in found and at_place is not None else min(found, key=lambda event: event.issue)
            if not all(self._answer_of(event) == self._answer_of(chosen) for event in found):
                self._stop(found, location)
            chosen.used = True
            if chosen is not at_place:
                self._note(chosen, lane, location)
            return chosen

    def _note(self, event: Event, lane: lanes.Lane, location: Any) -> None:
        self._drifted |= {lane.path, event.lane}
        now = {"lane": lane.path, "number": self._made[lane.path] - 1, "location": describe_location(location)}
        then = {"lane": event.lane, "number": event.lane_seq, "location": event.facts.get("location")}
        self.rows.append({"step": event.step, "kind": event.kind, "request": event.request, "recorded": then, "now": now})
        if event.lane == lane.path and lane.replay is not None:
            # The calls behind it are expected to follow it, so that one call left out does not count as many that moved.
            following = [e for e in self._session.process.by_lane[lane.path] if e.lane_seq > event.lane_seq and not e.used]
            lane.replay = [*[None] * self._made[lane.path], *following]

    def _answer_of(self, event: Event) -> Any:
        """What the program would get: headers but for the date, the body in its bytes, the error."""
        answer, content = event.answer, self._session.tape.content
        error = answer.get("error")
        return (
            event.end,
            answer.get("status"),
            answer.get("form"),
            sorted((k.lower(), v) for k, v in answer.get("headers") or () if k.lower() != "date"),
            content(answer["content"]),
            (error["class"], error["message"], content(error["state"]) if error["state"] else b"") if error else None,
        )

    def _stop(self, found: list[Event], location: Any) -> None:
        found = sorted(found, key=lambda event: event.issue)
        where = ", ".join(f"{f'step {e.step}' if e.step else e.kind} in {e.lane}" for e in found[:_SHOWN_CANDIDATES])
        more = f" and {len(found) - _SHOWN_CANDIDATES} more" if len(found) > _SHOWN_CANDIDATES else ""
        what = (
            f"the call has moved, and it cannot be told which recorded one it is: {len(found)} are equal to it"
            f" and were answered differently ({where}{more})"
        )
        self._session.stop_diverged(None, {"what": what, "differences": []}, location)
