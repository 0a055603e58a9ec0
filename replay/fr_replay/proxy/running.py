"""One run of a proxy, from the first request to its last word: recording, or serving a record."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from fr_schema.errors import BadInput, FlightError

from ..capture import boundary, recorder, temporary_folder
from ..replaying import ENDED_EARLY, IDENTICAL, ReplayOutcome
from ..store import Store
from .load import Load, LoadLimits
from .routes import Routing

if TYPE_CHECKING:
    from .matching import Matching

__all__ = ["Address", "ProxyMissing", "Recorded", "Served", "record_through", "serve_trace"]

_WAIT_S = 0.5
"""The longest that the end of an answer waits for its record. Others are not held up by it."""

_SWITCH_S = 0.001
"""How long the recorder's writer may keep the interpreter from the streams."""

_LISTED_UNUSED = 20


class ProxyMissing(FlightError):
    """What the proxy needs beside fr is not installed."""

    code = "proxy-missing"


class Address(NamedTuple):
    """Where to listen. Port 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a recording run went.

    Attributes:
        store: path of the store.
        trace: id of the trace of requests that named none.
        requests: how many came.
        traces: how many traces were told apart.
        refused: by code, what the proxy answered by itself.
        lost: records that are not on disk.
        late: answers that went on before their record was written.
    """

    store: str
    trace: str
    requests: int
    traces: int
    refused: dict[str, int]
    lost: int
    late: int


@dataclass(frozen=True, slots=True)
class Served:
    """How a serving run went.

    Attributes:
        outcome: as of ``fr replay``: identical, diverged, ended-early, record-ended or unsupported.
        notes: what is to be said beside it.
    """

    outcome: ReplayOutcome
    notes: list[str] = field(default_factory=list)


@contextmanager
def _quick_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _need_aiohttp() -> None:
    try:
        import aiohttp  # noqa: F401 - whether it can be imported is the question
    except ImportError as error:
        raise ProxyMissing(
            f"fr proxy needs aiohttp, which cannot be imported here ({error})", hint="pip install 'fr-flight-recorder[proxy]'"
        ) from error


def record_through(
    config: recorder.Config, address: Address, routing: Routing, limits: LoadLimits, on_ready: Callable[[str, int], None]
) -> Recorded:
    """Run a recording proxy until SIGINT or SIGTERM.

    Args:
        on_ready: called with the run's trace id and the port once it listens.

    Raises BadInput where it cannot listen or record, ProxyMissing.
    """
    _need_aiohttp()
    if boundary.backend() is not None:
        raise BadInput("this process is being recorded itself", hint="run fr proxy outside of fr record")
    recording = recorder.start(config._replace(limits=config.limits._replace(wait_s=_WAIT_S)))
    if recording is None:
        raise BadInput(f"nothing could be recorded in {config.store}, so the proxy does not start")
    load = Load(limits)
    try:
        with _quick_switching():
            traces = asyncio.run(_forward(recording, address, routing, load, on_ready))
    finally:
        recorder.stop()
    status = recording.status()
    refused = {code: count for code, count in sorted(load.counts.items()) if code != "requests"}
    return Recorded(config.store, recording.trace, load.counts["requests"], traces, refused, status.lost, status.late)


async def _forward(
    recording: recorder.Recorder, address: Address, routing: Routing, load: Load, on_ready: Callable[[str, int], None]
) -> int:
    from .forwarding import Forwarder
    from .listening import listen
    from .upstream import new_client

    def stopping() -> None:
        load.stopping = True

    async with new_client() as client:
        forwarder = Forwarder(recording, routing, address.host, load, client)
        try:
            await listen(
                forwarder.handle,
                address.host,
                address.port,
                in_work=lambda: load.streams,
                on_ready=lambda port: on_ready(recording.trace, port),
                on_stopping=stopping,
            )
        finally:
            forwarder.close()
    return forwarder.traces.begun


def serve_trace(
    store: Store,
    trace_id: str,
    address: Address,
    routing: Routing,
    limits: LoadLimits,
    patience_s: float,
    on_ready: Callable[[int, int], None],
) -> Served:
    """Serve a recorded trace until SIGINT or SIGTERM.

    Args:
        patience_s: how long a request waits for what came before it in the record.
        on_ready: called with the number of recorded exchanges and the port once it listens.

    Raises NotReplayable; BadInput where it cannot listen; ProxyMissing.
    """
    _need_aiohttp()
    from .matching import Matching
    from .served_trace import read_served_trace

    with temporary_folder() as folder:
        matching = Matching(read_served_trace(store, trace_id, folder), patience_s)
        count = len(matching.trace.exchanges)
        started = time.monotonic()
        asyncio.run(_serve(matching, address, routing, Load(limits), patience_s, lambda port: on_ready(count, port)))
        stopped, unasked = matching.stopped, matching.unasked()
        outcome = ReplayOutcome(IDENTICAL, trace_id, served=matching.served, recorded=count, seconds=time.monotonic() - started)
        if stopped is not None:
            outcome.outcome, outcome.facts = stopped.outcome, stopped.facts
        elif unasked:
            events = [exchange.event for exchange in unasked]
            listed = [{"step": e.step, "kind": e.kind, "lane": e.lane, "request": e.request} for e in events[:_LISTED_UNUSED]]
            outcome.outcome = ENDED_EARLY
            outcome.facts = {
                "what": "the proxy was stopped before its record was at its end",
                "unused": listed,
                "unused_count": len(unasked),
            }
        return Served(outcome, _notes(matching))


def _notes(matching: Matching) -> list[str]:
    notes = []
    redacted = sum(1 for exchange in matching.trace.exchanges if exchange.is_given_whole and exchange.event.facts["redacted"])
    if redacted:
        notes.append(f"{redacted} of them hold tokens in place of redacted values, in the request or in the answer that the program got")
    if matching.ambiguous:
        notes.append(
            f"{matching.ambiguous} requests were equal to another that was on its way at the same time and was answered differently:"
            " which of the two asked first is not known to be as recorded"
        )
    if matching.left_early:
        notes.append(f"{matching.left_early} answers were not read to where they had been read when they were recorded")
    return notes


async def _serve(
    matching: Matching, address: Address, routing: Routing, load: Load, patience_s: float, on_ready: Callable[[int], None]
) -> None:
    from .listening import listen
    from .serving import Serving

    def stopping() -> None:
        load.stopping = True

    serving = Serving(matching, routing, address.host, load, patience_s)
    await listen(serving.handle, address.host, address.port, in_work=lambda: load.streams, on_ready=on_ready, on_stopping=stopping)
