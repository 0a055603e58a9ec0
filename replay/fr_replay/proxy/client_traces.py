"""Which trace a request belongs to, by what its client says of it, and which lane of the trace it gets.

A client that says nothing shares the trace of the proxy's run. ``X-FR-Trace`` names a trace: by the id of one, or by any other text, which
then stands for a new trace as long as the proxy runs. Without it the trace id of a W3C ``traceparent`` does the same. Other ``X-FR-…``
headers are labels.

Requests that are on their way at once are in lanes of their own. One after the other they are in the same, where the recorder finds that a
request is the silent retry of the one before it; a lane whose last request failed is kept for that retry for a while.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from fr_schema.ids import is_trace_id, new_trace_id, trace_time_us

from ..capture import context, lanes

__all__ = ["LABEL_HEADERS", "TRACE_HEADER", "ClientTrace", "ClientTraces", "named_trace"]

TRACE_HEADER = "x-fr-trace"
LABEL_HEADERS = {
    "x-fr-session": "session",
    "x-fr-user": "user",
    "x-fr-task": "task",
    "x-fr-tenant": "tenant",
    "x-fr-agent": "agent",
    "x-fr-agent-version": "agent_version",
}
"""Header to label; what a label is, :func:`fr_recorder.trace` says."""

NAME_TAG = "trace"
"""The tag that holds what a client calls its trace."""

FOREIGN_TAG = "w3c-trace"
"""The tag that holds the trace id of a ``traceparent``."""

_LANE = "client"
_MOST_TRACES = 4096
_MOST_LANES = 1024
_RETRY_WITHIN_S = 120.0
_LARGEST_KEPT_BYTES = 4 << 20
"""A failed request with more than this is not kept to be compared with its retry."""

_LONGEST_NAME = 200
_EARLIEST_US = 1_577_836_800_000_000
"""2020: a version 7 UUID of before it was not made by us."""


class Named(NamedTuple):
    """What the headers of a request say of its trace.

    Attributes:
        trace_id: an id of ours, or None.
        name: what the client called it; None for a W3C id and where it says nothing.
        foreign: the trace id of a ``traceparent``.
    """

    trace_id: str | None = None
    name: str | None = None
    foreign: str | None = None


def named_trace(headers: Iterable[tuple[str, str]]) -> Named:
    """Which trace a request says it belongs to."""
    found = {name.lower(): value.strip() for name, value in headers if name.lower() in (TRACE_HEADER, "traceparent")}
    given = found.get(TRACE_HEADER)
    if given:
        own = given.replace("-", "").lower()
        return Named(own) if _is_ours(own) else Named(name=given)
    parts = found.get("traceparent", "").lower().split("-")
    if len(parts) >= 4 and is_trace_id(parts[1]) and set(parts[1]) != {"0"}:
        return Named(foreign=parts[1])
    return Named()


def _is_ours(text: str) -> bool:
    """True for a version 7 UUID of our time, which is what the store files a trace by."""
    return is_trace_id(text) and text[12] == "7" and _EARLIEST_US < trace_time_us(text) < time.time_ns() // 1000 + 86_400_000_000


class ClientTrace:
    """A trace, and its lanes that no request is in."""

    def __init__(self, within: context.TraceContext, new_lane: Callable[[], lanes.Lane]) -> None:
        self.within = within
        self._new_lane = new_lane
        self._free: list[lanes.Lane] = []
        self._made = 0

    def take_lane(self, method: str, url: str, body: bytes | None) -> lanes.Lane:
        """A lane for a request: that of the failed one which it repeats, else the one used last that waits for no retry, else a new one."""
        chosen = next((lane for lane in reversed(self._free) if _is_repeated(lane.last_attempt, method, url, body)), None)
        if chosen is None:
            chosen = next((lane for lane in reversed(self._free) if _waits_no_more(lane.last_attempt)), None)
        if chosen is None and self._free and self._made >= _MOST_LANES:
            chosen = self._free[0]
        if chosen is None:
            self._made += 1
            return self._new_lane()
        self._free.remove(chosen)
        return chosen

    def give_back(self, lane: lanes.Lane) -> None:
        """The lane's request is over."""
        before = lane.last_attempt
        if before is not None and not (before.failed and len(before.body or b"") <= _LARGEST_KEPT_BYTES):
            # Its body and answer need not, or should not, be kept until the next request.
            lane.last_attempt = None
        self._free.append(lane)


def _is_repeated(before: Any, method: str, url: str, body: bytes | None) -> bool:
    return before is not None and before.method == method and before.url == url and before.body == body and before.failed


def _waits_no_more(before: Any) -> bool:
    return before is None or (before.end_at > 0 and time.monotonic_ns() - before.end_at > _RETRY_WITHIN_S * 1e9)


class ClientTraces:
    """The traces of one run of the proxy.

    Args:
        run_trace: id of the trace of requests that name none.
    """

    def __init__(self, run_trace: str) -> None:
        self._root = lanes.root_lane()
        self._run = ClientTrace(context.TraceContext(run_trace), self._new_lane)
        self._named: OrderedDict[bytes, ClientTrace] = OrderedDict()
        self.begun = 1

    def _new_lane(self) -> lanes.Lane:
        return self._root.child(_LANE)

    def choose(self, headers: list[tuple[str, str]]) -> tuple[ClientTrace, context.TraceContext]:
        """The trace of a request, and the context with the labels that the request gives."""
        named = named_trace(headers)
        trace = self._run if named == Named() else self._of(named)
        labels = {LABEL_HEADERS[low]: value for name, value in headers if (low := name.lower()) in LABEL_HEADERS and value}
        within = trace.within
        return trace, within._replace(labels={**within.labels, **labels}) if labels else within

    def _of(self, named: Named) -> ClientTrace:
        key = hashlib.sha256(repr(named).encode("utf-8", "surrogatepass")).digest()
        trace = self._named.get(key)
        if trace is None:
            labels: dict[str, Any] = {}
            if named.name is not None:
                labels["tags"] = {NAME_TAG: named.name[:_LONGEST_NAME]}
            if named.foreign is not None:
                labels["tags"] = {FOREIGN_TAG: named.foreign}
            within = context.TraceContext(named.trace_id or new_trace_id(), None, labels)
            trace = self._named[key] = ClientTrace(within, self._new_lane)
            self.begun += 1
            while len(self._named) > _MOST_TRACES:
                self._named.popitem(last=False)
        self._named.move_to_end(key)
        return trace
