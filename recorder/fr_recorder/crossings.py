"""Crossings while recording: they take note on the caller's thread and leave the work to the writer's.

What happens here is on the agent's own thread and time, so it is kept to references, counters and one hand-over;
decoding, redaction, hashing and compression are the writer thread's.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fr_schema.ids import new_trace_id

from . import real
from .boundary import RawHeaders, ToolCall
from .harmless import harmless
from .lanes import Lane, current_lane
from .location import Location
from .trace_context import TraceContext, current_context

if TYPE_CHECKING:
    from .following import Following
    from .writer import Writer

__all__ = [
    "FOLLOW_CHUNKS",
    "TRACE_LANE",
    "RecordedHttp",
    "RecordedTool",
    "RecordingBackend",
    "loop_turns",
    "next_order",
    "set_left_observer",
    "set_loop_turns",
]

_RETRYABLE_STATUSES = frozenset((408, 409, 425, 429))

TRACE_LANE = "trace"
"""The name of the lane of a trace that is not its run's."""

FOLLOW_CHUNKS = 16
"""How many chunks of an answer the writer looks through at a time: to wake it costs the program as much as the look at one or two."""

_NEVER = sys.maxsize

_order = itertools.count(1)
next_order = _order.__next__
"""The next place in the process-wide order of starts and deliveries."""


def _no_loop_turns() -> int:
    return 0


_loop_turns: Callable[[], int] = _no_loop_turns


def set_loop_turns(count: Callable[[], int]) -> None:
    """Tell where the number of turns of the running event loop is to be read."""
    global _loop_turns
    _loop_turns = count


def loop_turns() -> int:
    """How many turns the event loop of this thread has made."""
    return _loop_turns()


def _nobody_notes(lane: Lane, number: int) -> None:
    """Until a recorder runs."""


_note_left: Callable[[Lane, int], None] = _nobody_notes


def set_left_observer(note: Callable[[Lane, int], None]) -> None:
    """Tell who notes that an event loop has put away the connection of a lane's crossing of this number."""
    global _note_left
    _note_left = note


class RecordedHttp:
    """One HTTP exchange being recorded. The attributes are what the writer's encoder reads."""

    __slots__ = (
        "at",
        "attempt",
        "backoff_us",
        "body",
        "call_at",
        "call_span",
        "cause",
        "chunks",
        "context",
        "deliveries",
        "end",
        "end_at",
        "error",
        "expected",
        "failed",
        "follow_at",
        "following",
        "headers",
        "http_version",
        "issue",
        "lane",
        "lane_seq",
        "left_out",
        "location",
        "method",
        "received",
        "request_sent",
        "response_headers",
        "span",
        "start",
        "status",
        "transport",
        "upload",
        "url",
        "writer",
    )

    kind = "http"
    replays = False

    def __init__(
        self,
        writer: Writer,
        context: TraceContext,
        lane: Lane,
        transport: str,
        method: str,
        url: str,
        headers: RawHeaders,
        body: bytes | None,
        location: Location | None,
    ) -> None:
        self.writer = writer
        self.context = context
        self.lane = lane
        self.transport = transport
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.upload: list[bytes] | None = [] if body is None else None
        self.location = location
        self.span = writer.new_span_id()
        self.lane_seq = lane.next_sequence()
        self.at = real.wall_ns()
        self.start = real.monotonic_ns()
        self.status: int | None = None
        self.response_headers: RawHeaders = []
        self.http_version = ""
        self.chunks: list[bytes] = []
        self.follow_at = FOLLOW_CHUNKS
        self.following: Following | None = None
        self.deliveries: list[tuple[int, int, int, int]] = []
        self.received = 0
        self.left_out: str | None = None
        self.expected: int | None = None
        self.end: str | None = None
        self.end_at = 0
        self.error: BaseException | None = None
        self.failed = False
        self.request_sent: bool | None = None
        self._tie_to_call(lane)
        self.issue = next_order()

    def _tie_to_call(self, lane: Lane) -> None:
        """An SDK's silent retry is a further attempt of the call before it, in the same lane."""
        before: RecordedHttp | None = lane.last_attempt
        lane.last_attempt = self
        self.attempt, self.call_span, self.call_at = 1, self.writer.new_span_id(), self.at
        self.cause: str | None = None
        self.backoff_us: int | None = None
        if before is None or not before.failed or before.url != self.url or before.method != self.method:
            return
        said = _retry_count(self.headers)
        if said == 0 or (said is None and before.body != self.body):
            return
        self.attempt, self.call_span, self.call_at = before.attempt + 1, before.call_span, before.call_at
        self.cause = str(before.status) if before.status is not None else _class_name(before.error) or before.end
        self.backoff_us = (self.start - before.end_at) // 1000

    def serve(self) -> None:
        """Recording: the exchange goes live."""

    async def serve_async(self, *, hang: bool = True) -> None:
        """Recording: the exchange goes live."""

    @harmless
    def uploaded(self, data: bytes) -> None:
        if self.upload is not None:
            self.upload.append(bytes(data))

    def sent(self) -> None:
        self.request_sent = True

    def _announce_upload(self) -> None:
        """A streamed request body is complete once the answer begins, or the exchange failed."""
        self.body, self.upload = b"".join(self.upload or ()), None
        self.writer.put_begin(self, len(self.body))

    @harmless
    def answered(self, status: int, headers: RawHeaders, http_version: str) -> None:
        if self.upload is not None:
            self._announce_upload()
        self.status, self.response_headers, self.http_version = status, headers, http_version
        self.failed = status >= 500 or status in _RETRYABLE_STATUSES
        self.expected = _content_length(headers)
        if self.expected == 0 or status in (204, 304) or self.method == "HEAD":
            self.expected = None
        self.deliveries.append((next_order(), real.monotonic_ns() - self.start, 0, _loop_turns()))

    @harmless
    def chunk(self, data: bytes) -> None:
        self.chunks.append(data)
        self.received += len(data)
        self.deliveries.append((next_order(), real.monotonic_ns() - self.start, self.received, _loop_turns()))
        if self.received == self.expected:
            # The program may act on this chunk without ever asking for the end.
            self._finish("eof", None, wait=True)
        elif len(self.chunks) >= self.follow_at:
            self.follow_at = _NEVER
            self.writer.put_following(self)

    def leave_out(self, why: str) -> None:
        """The answer is not kept: its chunks are not shown any more, and the record says why it lacks them."""
        self.left_out, self.chunks, self.follow_at = why, [], _NEVER

    @harmless
    def finish(self, end: str, error: BaseException | None = None, *, wait: bool = True) -> None:
        self._finish(end, error, wait=wait)

    def _finish(self, end: str, error: BaseException | None, *, wait: bool) -> None:
        if self.end is not None:
            return
        if self.upload is not None:
            self._announce_upload()
        self.end, self.error = end, error
        self.failed = self.failed or end == "error"
        self.end_at = real.monotonic_ns()
        self.writer.put_end(self, self.received, wait=wait)

    def left(self) -> None:
        _note_left(self.lane, self.lane_seq)

    def take_end_order(self) -> None:
        """Take the end's place in the process-wide order."""
        self.deliveries.append((next_order(), self.end_at - self.start, self.received, _loop_turns()))

    def give_up(self) -> None:
        """After a failure of ours: what is on record stays without an end, also when the process says goodbye."""
        self.end, self.status = self.end or "failed", None

    def abandon(self) -> None:
        """Mark an answer as left unread. The caller writes the end."""
        if self.end is None:
            self.end = "abandoned"
            self.end_at = real.monotonic_ns()
            self.take_end_order()


class RecordedTool:
    """One tool call, or call of a hand-made client, being recorded."""

    __slots__ = (
        "arguments",
        "at",
        "body_lane",
        "call",
        "context",
        "deliveries",
        "end",
        "end_at",
        "error",
        "extra",
        "issue",
        "items",
        "lane",
        "lane_seq",
        "result",
        "span",
        "start",
        "writer",
    )

    kind = "tool"

    def __init__(self, writer: Writer, context: TraceContext, lane: Lane, call: ToolCall, arguments: Any) -> None:
        self.writer = writer
        self.context = context
        self.lane = lane
        self.call = call
        self.arguments = arguments
        self.span = writer.new_span_id()
        self.lane_seq = lane.next_sequence()
        self.body_lane = lane.child(call.body_lane_name)
        self.at = real.wall_ns()
        self.start = real.monotonic_ns()
        self.result: Any = None
        self.items: list[Any] | None = None
        self.deliveries: list[tuple[int, int, int, int]] = []
        self.error: Any = None
        self.extra: dict[str, Any] = {}
        self.end: str | None = None
        self.end_at = 0
        self.issue = next_order()

    def serve(self) -> None:
        """Recording: the body runs."""

    async def serve_async(self) -> None:
        """Recording: the body runs."""

    @harmless
    def yielded(self, item: Any) -> None:
        from .values import pack

        if self.items is None:
            self.items = []
        self.items.append(pack(item))
        self.deliveries.append((next_order(), real.monotonic_ns() - self.start, len(self.items), _loop_turns()))

    @harmless
    def returned(self, value: Any) -> None:
        from .values import pack

        if self.end is None:
            self.result = pack(value)
            self._finish("ok", len(self.result.data) if self.result.data is not None else 0)

    @harmless
    def happened(self, number: int) -> None:
        """Of a child process: a piece of what it says, or news of it, is about to reach the program."""
        self.deliveries.append((next_order(), real.monotonic_ns() - self.start, number, _loop_turns()))

    @harmless
    def returned_streams(self, streams: Any, size: int) -> None:
        """A child process is over for the program; see :mod:`fr_recorder.child_streams`."""
        from .values import Packed

        if self.end is None:
            self.result = Packed("streams", streams)
            self._finish("ok", size)

    @harmless
    def raised(self, error: BaseException) -> None:
        from .values import pack_error

        if self.end is None:
            self.error = pack_error(error)
            self._finish("cancelled" if type(error).__name__ in ("CancelledError", "GeneratorExit") else "error", 0)

    def _finish(self, end: str, size: int) -> None:
        self.end = end
        self.end_at = real.monotonic_ns()
        self.writer.put_end(self, size, wait=True)

    def give_up(self) -> None:
        """As for an HTTP exchange."""
        self.end = self.end or "failed"

    def take_end_order(self) -> None:
        """Take the end's place in the process-wide order."""
        self.deliveries.append((next_order(), self.end_at - self.start, 0, _loop_turns()))


class RecordingBackend:
    """Stands behind the boundary while recording."""

    __slots__ = ("_default_context", "_in_run", "_writer")

    def __init__(self, writer: Writer, default_context: TraceContext, *, in_run: bool) -> None:
        self._writer = writer
        self._default_context = default_context
        self._in_run = in_run

    @harmless
    def http(
        self, transport: str, method: str, url: str, headers: RawHeaders, body: bytes | None, location: Location | None
    ) -> RecordedHttp | None:
        if not self._writer.accepts(len(body) if body is not None else 0):
            return None
        context = current_context() or self._default_context
        crossing = RecordedHttp(self._writer, context, current_lane(), transport, method, url, headers, body, location)
        if body is not None:
            self._writer.put_begin(crossing, len(body))
        return crossing

    @harmless
    def tool(self, call: ToolCall) -> RecordedTool | None:
        from .values import pack

        arguments = pack(call.arguments)
        size = len(arguments.data) if arguments.data is not None else 0
        if not self._writer.accepts(size):
            return None
        crossing = RecordedTool(self._writer, current_context() or self._default_context, current_lane(), call, arguments)
        self._writer.put_begin(crossing, size)
        return crossing

    def trace_id(self, *, new: bool) -> str:
        return self._default_context.trace_id if self._in_run and not new else new_trace_id()

    def trace_lane(self, name: str, *, around: bool, new: bool) -> Lane | None:  # noqa: ARG002 - a name may be a secret, and lanes are not redacted
        return current_lane().child(TRACE_LANE) if new or not (around or self._in_run) else None


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _retry_count(headers: RawHeaders) -> int | None:
    """The attempt number that OpenAI's and Anthropic's SDKs put on the wire, or None."""
    for name, value in headers:
        if _text(name).lower() == "x-stainless-retry-count":
            try:
                return int(_text(value))
            except ValueError:
                return None
    return None


def _content_length(headers: RawHeaders) -> int | None:
    for name, value in headers:
        if len(name) == 14 and _text(name).lower() == "content-length":
            try:
                return int(_text(value))
            except ValueError:
                return None
    return None


def _class_name(error: BaseException | None) -> str | None:
    return f"{type(error).__module__}.{type(error).__qualname__}" if error is not None else None
