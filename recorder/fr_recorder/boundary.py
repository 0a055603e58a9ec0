"""The boundary: the one API behind all seams, between the program and the world outside of it.

A seam calls :func:`http` or :func:`tool` when the program is about to ask the world for something. What comes
back is a *crossing*. When recording, the crossing takes note of what the world answers; in replay the same
crossing hands out the recorded answer, and the world is not asked. Seams do not know which of the two it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple, Protocol

from .lanes import Lane, inside_crossing
from .location import Location, calling_location

__all__ = ["Answer", "Backend", "HttpCrossing", "RecordedFailure", "ToolAnswer", "ToolCrossing", "backend", "http", "install", "tool"]

RawHeaders = list[tuple[Any, Any]]
"""Header names and values, as bytes or text, as the client library has them."""


class RecordedFailure(Exception):
    """In replay: the recorded exchange ended in this exception at this point; the seam raises its own class.

    Attributes:
        class_name: the recorded class, with its module: ``httpx2.ReadTimeout``.
        message: its text.
        state: form and text of its arguments and attributes, as :mod:`fr_recorder.values` packed them.
    """

    def __init__(self, class_name: str, message: str, state: tuple[str, str]) -> None:
        super().__init__(message)
        self.class_name = class_name
        self.message = message
        self.state = state

    def rebuilt(self) -> BaseException:
        """An exception of the recorded class with the recorded arguments; of a stand-in class where it cannot be had."""
        from .values import unpack_error

        return unpack_error(self.class_name, self.message, *self.state)

    @property
    def bare_class(self) -> str:
        """The class name without its module."""
        return self.class_name.rpartition(".")[2]


class Answer(Protocol):
    """A recorded answer, handed out in the recorded order.

    Attributes:
        status: None when the program gave up before an answer came.
        headers: as recorded; where redaction changed the body, its length and encoding are set right.
        end: how the body ended; see ``HttpCrossing.finish``.
    """

    status: int | None
    headers: list[tuple[str, str]]
    http_version: str
    end: str

    def chunks(self) -> Iterator[bytes]:
        """The body, chunk by chunk as recorded; raises RecordedFailure where the recorded body broke off."""
        ...

    def achunks(self, *, pushed: bool = False) -> AsyncIterator[bytes]:
        """The same, for an event loop. ``pushed``: the seam hands chunks over whether or not the program reads them."""
        ...

    async def failure(self) -> RecordedFailure:
        """Where no answer came: the failure, when its turn has come."""
        ...

    async def left(self) -> None:
        """The event loop has put the connection away: waits until it had done so in the record."""
        ...

    def leave(self) -> None:
        """The program closes the answer: what it has not read will not be waited for."""
        ...


class HttpCrossing(Protocol):
    """One HTTP exchange.

    Attributes:
        replays: True when the answer will come from a record, which needs the whole request first.
    """

    replays: bool

    def serve(self) -> Answer | None:
        """In replay the recorded answer, when its turn has come; None when the exchange is to go live.

        Raises RecordedFailure when the recorded exchange failed before an answer came.
        """
        ...

    async def serve_async(self, *, hang: bool = True) -> Answer | None:
        """:meth:`serve`, for an event loop.

        Where the program gave up before an answer came, this waits to be cancelled; or, without ``hang``, returns an answer
        whose status is None, and the seam does the waiting. So too for a failure after the request had left.
        """
        ...

    def uploaded(self, data: bytes) -> None:
        """One chunk of a streamed request body went out."""
        ...

    def sent(self) -> None:
        """The connection is there, and the request leaves now. Reported by seams that can tell."""
        ...

    def answered(self, status: int, headers: RawHeaders, http_version: str) -> None:
        """Status and headers are there, and go to the program next."""
        ...

    def chunk(self, data: bytes) -> None:
        """A chunk of the body goes to the program next. Returns once it is safe to hand it on."""
        ...

    def finish(self, end: str, error: BaseException | None = None) -> None:
        """The exchange is over: ``eof``, ``cut`` (by the other side), ``closed`` (by the program), ``abandoned`` (left unread),
        ``cancelled`` or ``error``. Later calls do nothing.
        """
        ...

    def left(self) -> None:
        """An event loop has put the connection away, which took some of its turns, and the program goes on."""
        ...


class ToolAnswer(NamedTuple):
    """A recorded tool result: a value to return, or an exception to raise.

    For a generator tool the value can be iterated over, with ``for`` and with ``async for``, and raises at its end
    what the generator raised.
    """

    value: Any
    error: BaseException | None


class ToolCrossing(Protocol):
    """One call of a tool, or of a hand-made client.

    Attributes:
        span: id of the span; what the body does hangs under it.
        body_lane: the lane that the body runs in.
    """

    span: str
    body_lane: Lane

    def serve(self) -> ToolAnswer | None:
        """In replay the recorded result, when its turn has come; None when the body is to run."""
        ...

    async def serve_async(self) -> ToolAnswer | None:
        """:meth:`serve`, for an event loop."""
        ...

    def yielded(self, item: Any) -> None:
        """A generator tool is about to hand on this item."""
        ...

    def returned(self, value: Any) -> None:
        """The body returned this value."""
        ...

    def raised(self, error: BaseException) -> None:
        """The body raised."""
        ...


class Backend(Protocol):
    """What stands behind the boundary: the recorder, or the replay engine."""

    def http(
        self, transport: str, method: str, url: str, headers: RawHeaders, body: bytes | None, location: Location | None
    ) -> HttpCrossing | None: ...

    def tool(self, call: ToolCall) -> ToolCrossing | None: ...

    def trace_id(self, *, new: bool) -> str:
        """The id of a trace that begins outside of any other: the run's, or one of its own when ``new`` or where there is no run."""
        ...

    def trace_lane(self, name: str, *, around: bool, new: bool) -> Lane | None:
        """The lane that a trace of its own runs in; None for what stays in its caller's: part of the trace ``around``, or of the run.

        A lane of its own numbers what happens in a request from 0, whatever the process did before, so that it can be replayed alone.
        """
        ...


class ToolCall(NamedTuple):
    """A tool about to be called.

    Attributes:
        kind: ``tool_call``, or ``llm_call`` for a hand-made client.
        arguments: by parameter name.
        facts: further facts for the record, by event key. ``framework``: a framework called the tool, and replay runs it again.
    """

    kind: str
    name: str
    arguments: dict[str, Any]
    side_effect: str
    tool_kind: str
    location: Location | None
    facts: dict[str, Any]

    @property
    def body_lane_name(self) -> str:
        """What the lane of the body is called. In replay there is nothing below a lane ``tool:``, for such a body does not run."""
        return f"{'framework-tool' if 'framework' in self.facts else 'tool'}:{self.name}"


_backend: Backend | None = None


def install(new: Backend | None) -> None:
    """Put a recorder or a replay engine behind the boundary, or nothing."""
    global _backend
    _backend = new


def backend() -> Backend | None:
    """What stands behind the boundary now."""
    return _backend


def http(transport: str, method: str, url: str, headers: RawHeaders, body: bytes | None) -> HttpCrossing | None:
    """An HTTP request is about to leave. None: nothing records, or this is below a recorded call; go on as if unpatched.

    ``body`` is None for an upload that is streamed; its chunks are reported with ``uploaded``.
    """
    behind = _backend
    if behind is None or inside_crossing():
        return None
    return behind.http(transport, method, url, headers, body, calling_location(2))


def tool(call: ToolCall) -> ToolCrossing | None:
    """A tool is about to be called. None: nothing records."""
    behind = _backend
    if behind is None or inside_crossing():
        return None
    return behind.tool(call)
