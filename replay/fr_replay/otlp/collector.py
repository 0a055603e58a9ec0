"""Taking OTLP signals: redacted, made durable, then acknowledged; rows when their trace is whole. Memory is bounded throughout."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from fr_schema.errors import FlightError

from ..capture import ContentStore, Encoder, keys_of_store, open_ring, open_store, redactor_in_force
from .pending import Patience, Pending, weight_of
from .signals import CONTENT_FIELDS, Happening, Signal
from .spool import Spool
from .wire import Received, RequestRefused
from .writing import TraceWriter

__all__ = ["Collector", "Counts"]

_EVERY_S = 0.5
_RETRY_S = 5
_LOOSE_FACTOR = 4
_LOOSE_BYTES = 4 << 20
_HURRY = 0.5


class Counts(NamedTuple):
    """What a collector did so far: spans and log records taken, rejected, outside of any trace; rows written; what waits."""

    spans: int
    logs: int
    rejected: int
    untraced: int
    rows: int
    waiting: int


class Collector:
    """Collects into one store, which is made if it is not there; one per store. Raises NotAStore, FormatTooNew, KeyUnavailable,
    BadInput or OSError.

    Args:
        most_bytes: how much may wait in memory, about; beyond it requests are answered with 429.
        tell: gets a line for a person when something goes wrong, or well again.

    Attributes:
        path: of the store.
        lasting: False when no key file could be kept, so that redaction tokens match no others'.
        left: how many signals an earlier process had acknowledged and not yet made rows of.
    """

    def __init__(self, store: str, *, settle_s: float, most_bytes: int, tell: Callable[[str], None]) -> None:
        opened = open_store(store)
        keys = keys_of_store(opened.store_id)
        assert keys is not None
        self.path = opened.path
        provider = os.environ.get("FR_ENCRYPT") or None
        if provider is not None:
            # A store that is encrypted from its first signal on.
            open_ring(opened.store_id, provider, create=True)
        self.lasting = keys.lasting
        self._redactor = redactor_in_force(keys, opened.path)
        self._encoder = Encoder(self._redactor, ContentStore(self._redactor, keys.content), keys.redaction, 0)
        self._writer = TraceWriter(opened, keys)
        self._spool = Spool(self.path)
        self._pending = Pending(Patience.of(settle_s))
        self._settle_s = settle_s
        self._written_at = -settle_s
        self._most_bytes = most_bytes
        self._tell = tell
        self._problem: str | None = None
        self._counts = Counts(0, 0, 0, 0, 0, 0)
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._stop = threading.Event()
        left = self._spool.read()
        self._pending.add(left, time.monotonic(), map(weight_of, left))
        self.left = len(left)
        if self._spool.torn is not None:
            tell(self._spool.torn)
        self._thread = threading.Thread(target=self._tend, name="fr-collect", daemon=True)
        self._thread.start()

    # -- requests

    def take(self, received: Received) -> None:
        """Take what a request holds: when this returns, it outlasts a kill. Raises RequestRefused when it cannot be taken now."""
        self._check_room()
        signals = [self._redacted(signal) for signal in received.signals]
        weights = [weight_of(signal) for signal in signals]
        with self._lock:
            if self._pending.weight + sum(weights) > self._most_bytes and self._pending.count:
                raise self._full()
            try:
                if signals:
                    self._spool.add(signals)
            except (OSError, FlightError) as error:
                raise RequestRefused(503, f"it cannot be kept: {error}", _RETRY_S) from None
            self._pending.add(signals, time.monotonic(), weights)
            logs = sum(signal.is_log for signal in signals)
            c = self._counts
            self._counts = Counts(
                c.spans + len(signals) - logs, c.logs + logs, c.rejected + received.rejected, c.untraced + received.untraced, c.rows, 0
            )

    def _check_room(self) -> None:
        if self._problem is not None and self._pending.weight > self._most_bytes * _HURRY:
            raise RequestRefused(503, f"rows cannot be written: {self._problem}", _RETRY_S)
        if self._pending.weight > self._most_bytes:
            raise self._full()

    def _full(self) -> RequestRefused:
        return RequestRefused(429, "too much waits to be written; send it again later", 1)

    def _redacted(self, signal: Signal) -> Signal:
        """A signal as it may be written: the user as a pseudonym, everything else through the one door."""
        clean = signal.without_user()
        try:
            return self._through_the_door(clean)
        except Exception as error:  # noqa: BLE001 - fail closed: that it happened, and nothing of what it says
            left_out = {"fr.content": f"left out: it could not be redacted ({type(error).__name__})"}
            nothing: dict[str, Any] = {"name": "", "message": None, "body": None, "scope": "", "resource": {}, "happenings": ()}
            nothing["attributes"] = left_out
            return replace(clean, **nothing, user=None)

    def _through_the_door(self, clean: Signal) -> Signal:
        values: dict[str, Any] = {name: getattr(clean, name) for name in CONTENT_FIELDS if name != "happenings"}
        values["happenings"] = [{"name": event.name, "attributes": dict(event.attributes)} for event in clean.happenings]
        redacted = dict(self._redactor.value(values, "otlp")[0])
        redacted["happenings"] = tuple(
            Happening(new["name"], old.at_us, new["attributes"]) for old, new in zip(clean.happenings, redacted["happenings"], strict=True)
        )
        user = self._encoder.pseudonym(clean.user) if clean.user is not None else None
        return replace(clean, **redacted, user=user, user_is_pseudonym=user is not None)

    # -- rows

    def _tend(self) -> None:
        while not self._stop.wait(_EVERY_S if self._problem is None else _RETRY_S):
            self.flush()

    def flush(self, *, all_spans: bool = False) -> None:
        """Make rows of what is ready. What cannot be written stays, is told, and is tried again."""
        with self._writing:
            with self._lock:
                hurry = self._pending.weight > self._most_bytes * _HURRY
                if not (all_spans or hurry) and time.monotonic() - self._written_at < self._settle_s:
                    # Each write is a segment of its own: few larger ones are better to read than many small ones.
                    return
                taken = self._pending.take(time.monotonic(), all_spans=all_spans or hurry)
                if hurry and not taken:
                    taken = self._pending.take(time.monotonic(), everything=True)
            if not taken:
                return
            self._written_at = time.monotonic()
            try:
                written = self._writer.write(taken)
            except Exception as error:  # noqa: BLE001 - whatever it is, what was acknowledged is kept, and the next requests are taken
                self._put_back([signal for signals in taken.values() for signal in signals], error)
                return
            if self._problem is not None:
                self._problem = None
                self._tell("rows are written again")
            for problem in written.problems:
                self._tell(problem)
            with self._lock:
                self._counts = self._counts._replace(rows=self._counts.rows + written.rows)
                self._settle([signal for signals in taken.values() for signal in signals])

    def _put_back(self, signals: Sequence[Signal], error: Exception) -> None:
        with self._lock:
            self._pending.add(signals, time.monotonic(), map(weight_of, signals))
        said = error.one_line() if isinstance(error, FlightError) else f"{type(error).__name__}: {error}"
        if said != self._problem:
            self._problem = said
            self._tell(f"rows cannot be written, and are tried again: {said}")

    def _settle(self, written: Sequence[Signal]) -> None:
        """Take what has become rows out of the spool: by a note of it, until the spool is mostly such notes and what they are about."""
        try:
            if self._pending.count and self._spool.size < _LOOSE_FACTOR * self._pending.weight + _LOOSE_BYTES:
                self._spool.mark_done(written)
            else:
                self._spool.keep_only(self._pending.signals())
        except (OSError, FlightError) as error:
            # Spans that are in it twice are recognised by their ids when it is read again.
            self._tell(f"the spool cannot be shortened: {error}")

    def counts(self) -> Counts:
        """What was done so far."""
        return self._counts._replace(waiting=self._pending.count)

    def close(self) -> None:
        """Make rows of all spans; log records without one stay in the spool for the next collector."""
        self._stop.set()
        self._thread.join()
        self.flush(all_spans=True)
        with self._lock:
            self._spool.close()
