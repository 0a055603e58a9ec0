"""Child processes in replay: handed out from the record piece by piece; started again where they are Pythons that recorded themselves."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from ..capture import boundary, child_streams, lanes
from .crossings import ReplayTool
from .tape import Event

if TYPE_CHECKING:
    from .session import ReplaySession

__all__ = ["Communicated", "ReplayChild", "ServedChild", "begin_child"]

_STREAM_OF = {"i": 0, "o": 1, "e": 2}
_MOST_NOTES = 5
_ENDS_IT = ("c", "t", "x", "w")


class Communicated(NamedTuple):
    """What ``communicate`` gave: bytes, text or None for each stream, and the exit code; or what it had when it timed out."""

    code: int | None
    out: Any
    err: Any
    timed_out: bool


def begin_child(session: ReplaySession, event: Event | None, call: boundary.ToolCall) -> ReplayChild | None:
    """The crossing of a child that is about to start; None when it is to be started. Does not return where neither can be."""
    found = session.compare_tool(event, call)
    lane = call.facts["lane"]
    recorded_itself = lane is not None and session.tape.has_process(lane)
    permissions = session.tape.meta.get("permissions") or {}
    if recorded_itself and (call.facts["python"] or permissions.get("subprocess")):
        _start_again(session, found)
        return None
    if recorded_itself:
        session.unsupported(found, f"{_shown(call)} started a Python that recorded itself, and is none: {_WAY_OUT}", call.location)
    session.take(found, call.location)
    if found.answer["status"] == "error":
        return ReplayChild(session, found, call, None)
    streams = child_streams.read_streams(session.tape.content(found.answer["content"]))
    lost = streams.facts["lost"]
    if lost is not None and permissions.get("subprocess"):
        _start_again(session, found)
        return None
    if lost is not None:
        session.unsupported(found, f"{_shown(call)} cannot be handed out from the record: {lost}; {_WAY_OUT}", call.location)
    note = f"what {_shown(call)} itself wrote to stdout is not on record"
    if streams.facts["shared"] and note not in session.notes and len(session.notes) < _MOST_NOTES:
        session.notes.append(note)
    return ReplayChild(session, found, call, ServedChild(session, found, streams))


_WAY_OUT = "fr replay --allow-subprocess starts it"


def _shown(call: boundary.ToolCall) -> str:
    args = call.arguments["args"]
    return f"`{' '.join(map(str, args)) if isinstance(args, list) else args}`"[:200]


def _start_again(session: ReplaySession, event: Event) -> None:
    """Nothing waits for what the program got from the child when it was recorded: it comes by itself."""
    event.used = True
    gate = session.gate_of(event)
    gate.passed(event.issue)
    for delivery in event.deliveries:
        gate.passed(delivery.order)


class ReplayChild(ReplayTool):
    """The crossing of one child that is not started."""

    def __init__(self, session: ReplaySession, event: Event, call: boundary.ToolCall, served: ServedChild | None) -> None:
        super().__init__(session, event, lanes.current_lane(), call)
        self._served = served

    def serve(self) -> boundary.ToolAnswer:
        """The child to be handed out, or what its start raised."""
        if self._served is not None:
            return boundary.ToolAnswer(self._served, None)
        return super().serve()

    async def serve_async(self) -> boundary.ToolAnswer:
        """:meth:`serve`, for an event loop."""
        if self._served is not None:
            return boundary.ToolAnswer(self._served, None)
        return await super().serve_async()


class ServedChild:
    """A child's pieces and news, each handed out in its turn.

    Attributes:
        pid: as recorded. No process has it, or a foreign one: signals to it are held back.
    """

    def __init__(self, session: ReplaySession, event: Event, streams: Any) -> None:
        self._session = session
        self._event = event
        self._gate = session.gate_of(event)
        self._data: tuple[bytes, bytes, bytes] = streams.data
        self._items: list[list[Any]] = streams.facts["items"]
        self._used = [False] * len(self._items)
        self._left = len(self._items)
        self._at = [0, 0, 0]
        self._sent = b""
        self._polls = 0
        self._last_polls: int = streams.facts["polls"]
        self._lock = threading.Lock()
        self.pid: int = streams.facts["pid"]
        if not self._items:
            self._gate.passed(event.deliveries[-1].order)

    # -- what the program does

    def read(self, stream: str) -> bytes:
        """The next piece of ``out`` or ``err``; empty at the end."""
        letter = "o" if stream == "out" else "e"
        number = self._next((letter,))
        if number is None:
            self._differs(f"the program reads on in std{stream} of {self._name()}, where it stopped reading when it was recorded")
        item = self._items[number]
        self._hand_out(number)
        return self._piece(_STREAM_OF[letter], item[1])

    def write(self, data: bytes) -> None:
        """The program writes to stdin: it must be what it wrote then."""
        number = self._next(("i",))
        if number is None:
            self._differs(f"the program writes to {self._name()}, which it did not when it was recorded")
        self._check_sent(self._piece(0, self._items[number][1]), data)
        self._used_up(number)

    def communicate(self, given: Any) -> Communicated:
        """What ``communicate`` returned, or had when it timed out."""
        number = self._next(_ENDS_IT)
        if number is None or self._items[number][0] not in "ct":
            self._differs(f"the program communicates with {self._name()}, which it did not when it was recorded")
        item = self._items[number]
        timed_out = item[0] == "t"
        ends, text = (item[2:5], False) if timed_out else (item[3:6], item[6])
        sent = (
            b""
            if given is None
            else given.encode("utf-8", "surrogatepass")
            if isinstance(given, str)
            else bytes(memoryview(given).cast("B"))
        )
        self._check_sent(self._piece(0, ends[0]) if ends[0] >= 0 else b"", sent)
        self._hand_out(number)
        self._polls = 0
        pieces = [self._piece(stream, end) if end >= 0 else None for stream, end in ((1, ends[1]), (2, ends[2]))]
        out, err = (piece.decode("utf-8", "surrogatepass") if text and piece is not None else piece for piece in pieces)
        return Communicated(None if timed_out else item[1], out, err, timed_out)

    def wait(self) -> int | None:
        """The exit code; None when waiting for it timed out."""
        number = self._next(_ENDS_IT)
        if number is None or self._items[number][0] not in "xw":
            self._differs(f"the program waits for the end of {self._name()}, which it did not when it was recorded")
        self._hand_out(number)
        self._polls = 0
        return int(self._items[number][1]) if self._items[number][0] == "x" else None

    def poll(self) -> int | None:
        """The exit code, or None as often as the program was told so."""
        number = self._next(_ENDS_IT)
        item = self._items[number] if number is not None else None
        in_vain = self._last_polls if item is None else item[1] if item[0] in "tw" else item[2]
        if self._polls < in_vain:
            self._polls += 1
            return None
        if number is None or item is None or item[0] != "x":
            self._differs(f"the program asks for the end of {self._name()} more often than when it was recorded")
        return self.wait()

    async def news(self) -> AsyncIterator[tuple[str, Any]]:
        """For an event loop: letter and piece, or exit code, of all that came from the child, each in its turn."""
        for number, item in enumerate(self._items):
            if item[0] in "ik":
                continue
            delivery = self._event.deliveries[number]
            await self._gate.wait_async(delivery.order, delivery.turns, delivery.at_us)
            self._session.time_is(delivery.at_us)
            self._used_up(number)
            yield item[0], item[1] if item[0] == "x" else self._piece(_STREAM_OF[item[0]], item[1])

    def signal(self, how: str) -> None:
        """The program of an event loop sends a signal."""
        number = self._next(("k",))
        if number is None or self._items[number][1] != how:
            self._differs(f"the program ends {self._name()} by {how}, which it did not when it was recorded")
        self._used_up(number)

    def no_descriptor(self) -> NoReturn:
        """The program wants a descriptor of a pipe, which there is none of."""
        self._session.unsupported(
            self._event, f"the program takes the descriptor of a pipe from {self._name()}, which replay does not start"
        )

    # -- the record

    def _name(self) -> str:
        return "its child process"

    def _next(self, letters: tuple[str, ...]) -> int | None:
        with self._lock:
            return next((n for n, item in enumerate(self._items) if not self._used[n] and item[0] in letters), None)

    def _hand_out(self, number: int) -> None:
        delivery = self._event.deliveries[number]
        self._gate.wait(delivery.order, delivery.at_us)
        self._session.time_is(delivery.at_us)
        self._used_up(number)

    def _used_up(self, number: int) -> None:
        delivery = self._event.deliveries[number]
        self._gate.passed(delivery.order, delivery.turns, delivery.at_us)
        with self._lock:
            self._left -= not self._used[number]
            self._used[number] = True
        if self._left == 0:
            end = self._event.deliveries[-1]
            self._gate.passed(end.order, end.turns, end.at_us)

    def _piece(self, stream: int, end: int) -> bytes:
        """From where the last piece of the stream ended."""
        start, self._at[stream] = self._at[stream], end
        return self._data[stream][start:end]

    def _check_sent(self, recorded: bytes, data: bytes) -> None:
        """Compare what the program writes: as it is, or redacted with all that it wrote before."""
        self._sent += data
        if recorded != data and self._session.redacting.output(self._sent) != self._data[0][: self._at[0]]:
            before, now = recorded.decode("utf-8", "replace"), data.decode("utf-8", "replace")
            self._session.differs(self._event, {"stdin": before}, {"stdin": now}, None)

    def _differs(self, what: str) -> NoReturn:
        self._session.stop_diverged(self._event, {"what": what, "differences": []}, None)
