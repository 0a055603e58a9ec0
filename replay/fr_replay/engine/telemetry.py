"""Reports that libraries send about the program: never compared, never waited for, and never a reason to stop.

How many there are, what they hold and when they leave depends on timing (batches, flushes at exit), so the record is no
measure for them. They get the recorded answer while there is one for the same address in the same lane, and an empty 200 after that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tape import Delivery, Event

if TYPE_CHECKING:
    from .tape import ProcessTape

__all__ = ["Telemetry"]


class Telemetry:
    """The recorded answers to one process's telemetry, by lane and address."""

    def __init__(self, process: ProcessTape) -> None:
        self._left: dict[tuple[str, str, str], list[Event]] = {}
        # The tables of hosts take 20 ms to import, which a program that asks what it asked then need not wait for.
        self._calls = {event.request["url"] for events in process.by_lane.values() for event in events if event.kind == "http"}
        for event in reversed(process.telemetry):
            if event.deliveries and event.end is not None and not event.facts.get("missing"):
                self._left.setdefault(_key(event.lane, event.request["method"], event.request["url"]), []).append(event)

    def answer(self, lane: str, method: str, url: str) -> Event | None:
        """The event to answer a request with; None when the request is no telemetry."""
        if url in self._calls:
            return None
        from fr_schema.providers.hosts import is_telemetry

        if not is_telemetry(url):
            return None
        left = self._left.get(_key(lane, method, url))
        return left.pop() if left else _accepted(lane, method, url)


def _key(lane: str, method: str, url: str) -> tuple[str, str, str]:
    return lane, method, url.partition("?")[0]


def _accepted(lane: str, method: str, url: str) -> Event:
    """An answer of our own: 200, and nothing in it."""
    places = [Delivery(0, 0, 0, 0), Delivery(0, 0, 0, 0)]
    answer = {"status": 200, "headers": [["content-length", "0"]], "http_version": "HTTP/1.1", "sent": True, "content": [], "error": None}
    facts = {"span": "", "ordered": False, "required": False, "redacted": False}
    return Event(-1, None, "http", lane, -1, 0, {"method": method, "url": url, "headers": []}, [], places, "eof", answer, facts)
