"""What OTLP carries that concerns us: spans and log records, with plain values, whichever encoding they came in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

__all__ = [
    "CONTENT_FIELDS",
    "USER_ATTRIBUTES",
    "Happening",
    "Signal",
    "digest_of_log",
    "name_of",
    "signal_from_json",
    "signal_to_json",
]

USER_ATTRIBUTES = ("user.id", "enduser.id", "gen_ai.user", "llm.user", "traceloop.association.properties.user_id")
"""Who used the agent, the first that is there counts: only a keyed pseudonym of it is stored."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of a span."""

    name: str
    at_us: int | None
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Signal:
    """One span, or one log record.

    Attributes:
        is_log: a log record: its ``name`` is the event's, ``started_us`` its time, and ``span_id`` that of the span it was written in.
        trace_id, span_id, parent_span_id: 32, 16 and 16 hex characters; a log record outside of any span is never made one.
        ended_us: None where the span tells no end.
        error: True for a span whose status is error.
        message: the status's message.
        attributes, resource: keys as sent; values as JSON has them, bytes as base64.
        happenings: the span's events.
        body: the log record's.
        scope: the instrumentation that made it, ``name`` or ``name version``.
        links: trace ids of linked spans.
        user: the user of the attributes, or its pseudonym; see :meth:`without_user`.
        user_is_pseudonym: it is one.
    """

    is_log: bool
    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    started_us: int | None
    ended_us: int | None = None
    error: bool = False
    message: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    happenings: tuple[Happening, ...] = ()
    body: Any = None
    resource: Mapping[str, Any] = field(default_factory=dict)
    scope: str = ""
    links: tuple[str, ...] = ()
    user: str | None = None
    user_is_pseudonym: bool = False

    def without_user(self) -> Signal:
        """The same with the user taken out of its attributes."""
        named = {name: self.attributes[name] for name in USER_ATTRIBUTES if name in self.attributes}
        if not named:
            return self
        rest = {name: value for name, value in self.attributes.items() if name not in named}
        return replace(self, attributes=rest, user=str(next(iter(named.values()))))


CONTENT_FIELDS = ("name", "message", "attributes", "happenings", "body", "resource", "scope")
"""Fields that can hold what people wrote, and so pass redaction; the others are ids, times and marks."""


def signal_to_json(signal: Signal) -> dict[str, Any]:
    """As a JSON object."""
    return asdict(signal)


def signal_from_json(value: Mapping[str, Any]) -> Signal:
    """The signal that :func:`signal_to_json` made it of."""
    made = dict(value)
    made["happenings"] = tuple(Happening(**happening) for happening in made["happenings"])
    made["links"] = tuple(made["links"])
    return Signal(**made)


def name_of(signal: Signal) -> str:
    """What a signal that is sent again has in common with itself, and with no other: a span's ids, a log record's :func:`digest_of_log`."""
    return digest_of_log(signal) if signal.is_log else f"{signal.trace_id}:{signal.span_id}"


def digest_of_log(log: Signal) -> str:
    """16 hex characters that tell a log record from others."""
    said = [log.trace_id, log.span_id, log.name, log.started_us, log.body, dict(log.attributes)]
    return hashlib.sha256(b"fr:otlp:log:v1\0" + json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:16]
