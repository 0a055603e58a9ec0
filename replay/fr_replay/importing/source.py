"""What a parser makes of a file: traces, each a list of exchanges, model calls and tool runs, exactly as far as the file tells.

Whatever a file does not tell is None here and NULL in the store: no time, model or usage is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

__all__ = [
    "Choice",
    "HttpExchange",
    "Item",
    "ModelCall",
    "Parser",
    "Place",
    "SourceError",
    "SourceTrace",
    "Stretch",
    "ToolRun",
    "microseconds_of",
]

Headers = Sequence[tuple[str, str]]


class SourceError(ValueError):
    """A file that is not what its format says. The message names the value; ``hint`` the way out."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item stands in a foreign trace, and what is said of it there.

    Attributes:
        span_id: 16 hex characters; the item's row keeps it.
        parent_span_id: the foreign span around it; None for the trace's root.
        labels: as :attr:`SourceTrace.labels`, for this item only; ``tags`` among them is a mapping.
        columns: further columns of its row, whatever its kind; they win.
    """

    span_id: str
    parent_span_id: str | None
    labels: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpExchange:
    """One HTTP exchange with its bytes.

    Attributes:
        status: None when the file has no answer.
        missing: what keeps it from being the exact bytes; empty when they are all there.
        started_us, ended_us: microseconds since 1970 UTC.
        priced_us: a time near enough to know which prices held; None when the file has none.
    """

    method: str
    url: str
    request_headers: Headers
    request_body: bytes
    status: int | None
    response_headers: Headers
    response_body: bytes
    http_version: str = ""
    missing: tuple[str, ...] = ()
    started_us: int | None = None
    ended_us: int | None = None
    priced_us: int | None = None


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One model call of which the file has the content, and not the HTTP exchange.

    Attributes:
        shape: the API whose JSON ``request`` and ``answer`` are written in, such as ``openai.chat``: how they are read.
        provider: who answered, only where the file says so.
        request: at least the messages; empty when the file has nothing of it.
        answer: None when the file has none.
        kept: which columns of the decoded call the file really tells; see :data:`fr_replay.importing.rows.ANSWER_COLUMNS`.
        columns: columns whose value the file states outright; they win.
        answer_is_own: ``answer`` stands so in the file, and is not put together by the parser.
        error: what failed, or None.
        retries: further attempts before the answer, where the file counts them.
        missing: what keeps it from being replayed.
        started_us, ended_us, priced_us: as for :class:`HttpExchange`.
    """

    shape: str
    request: Mapping[str, Any]
    answer: Mapping[str, Any] | None
    kept: frozenset[str]
    provider: str | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    answer_is_own: bool = False
    error: str | None = None
    retries: int | None = None
    missing: tuple[str, ...] = ()
    started_us: int | None = None
    ended_us: int | None = None
    priced_us: int | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class ToolRun:
    """One run of a tool, as its framework logged it. ``result`` is None where none is on file."""

    name: str
    arguments: Any
    result: Any = None
    has_result: bool = False
    call_id: str | None = None
    kind: str = "function"
    error: str | None = None
    started_us: int | None = None
    ended_us: int | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that the agent or its framework chose, without being a model call: a handoff, a guardrail's verdict."""

    label: str
    data: Mapping[str, Any]
    started_us: int | None = None
    ended_us: int | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A named stretch of a trace: an agent, a workflow, a step, a request. ``data``: what it was given, by name; empty for nothing."""

    name: str
    place: Place
    data: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    started_us: int | None = None
    ended_us: int | None = None


Item = HttpExchange | ModelCall | ToolRun | Choice | Stretch


@dataclass(frozen=True, slots=True)
class SourceTrace:
    """One trace of a file.

    Attributes:
        name: for ``fr ls``.
        part: which of the file's traces it is: stays the same when the file is read again.
        items: in their order.
        labels: session, task, agent, agent_version; as the file has them.
        tags: further facts.
        status: ok or error, where the file tells how it ended.
        ext_trace_id: 32 hex characters of a foreign trace id.
        trace_id: 32 hex characters; the trace goes under this id, and gets no root of ours. None for a new trace with a root.
    """

    name: str
    part: str
    items: Sequence[Item]
    labels: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    status: str | None = None
    started_us: int | None = None
    ended_us: int | None = None
    ext_trace_id: str | None = None
    trace_id: str | None = None


Parser = Callable[[bytes, str], Iterator[SourceTrace]]
"""Gets a file's bytes and its name without folders; raises SourceError."""


def microseconds_of(text: Any) -> int | None:
    """Microseconds since 1970 of an ISO 8601 time with a zone; None for anything else: a time without a zone names no moment."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    try:
        microseconds = (moment - _EPOCH) // _MICROSECOND
    except OverflowError:
        return None
    return microseconds if microseconds >= 0 else None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC) - _EPOCH
