"""Crossings in replay: each is checked against the tape when it begins, and gets the recorded outcome in its turn."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from ..capture import boundary, values
from .tape import Delivery, Event

if TYPE_CHECKING:
    from .session import ReplaySession

__all__ = ["RecordedAnswer", "ReplayHttp", "ReplayTool"]


class RecordedAnswer:
    """A recorded HTTP answer, handed out delivery by delivery."""

    def __init__(self, session: ReplaySession, event: Event, pieces: list[bytes]) -> None:
        self._session = session
        self._event = event
        self._gate = session.gate_of(event)
        self._pieces = pieces
        self._handed = 0 if event.answer["status"] is not None else -1
        self._left = False
        self.status: int | None = event.answer["status"]
        self.headers: list[tuple[str, str]] = [(k, v) for k, v in event.answer["headers"]]
        self.http_version: str = event.answer["http_version"]
        self.end: str = event.end or "eof"

    def chunks(self) -> Iterator[bytes]:
        gate, event = self._gate, self._event
        while (delivery := self._following()) is not None:
            gate.wait(delivery.order, delivery.at_us)
            yield self._hand_out(delivery)
        if event.end in ("closed", "abandoned") and not self._left:
            self._session.read_on(event)
        gate.wait(event.deliveries[-1].order, event.deliveries[-1].at_us)
        self.leave()
        if event.end not in ("eof", "cut"):
            raise self._session.failure_of(event)

    async def achunks(self, *, pushed: bool = False) -> AsyncIterator[bytes]:
        gate, event = self._gate, self._event
        while (delivery := self._following()) is not None:
            await gate.wait_async(delivery.order, delivery.turns, delivery.at_us)
            yield self._hand_out(delivery)
        if event.end in ("closed", "abandoned") and not self._left:
            if pushed:
                return
            self._session.read_on(event)
        end = event.deliveries[-1]
        if event.end == "cancelled":
            await self._session.wait_for_cancel(event)
        await gate.wait_async(end.order, end.turns, end.at_us)
        self.leave()
        if event.end not in ("eof", "cut"):
            raise self._session.failure_of(event)

    def _following(self) -> Delivery | None:
        """The next chunk. A program may stop reading and go on later, from where it was."""
        body = self._event.deliveries[1:-1]
        return body[self._handed] if self._handed < len(body) and not self._left else None

    def _hand_out(self, delivery: Delivery) -> bytes:
        piece = self._pieces[self._handed]
        self._handed += 1
        self._gate.passed(delivery.order, delivery.turns, delivery.at_us)
        end = self._event.deliveries[-1]
        last = self._handed == len(self._event.deliveries) - 2 and self._event.end in ("eof", "cut")
        if last and (end.order, end.turns) == (delivery.order + 1, delivery.turns):
            # A body of known length ends with its last byte: nobody may ever ask for the end itself.
            self._gate.passed(end.order, end.turns, end.at_us)
        return piece

    async def failure(self) -> boundary.RecordedFailure:
        end = self._event.deliveries[-1]
        await self._gate.wait_async(end.order, end.turns, end.at_us)
        self.leave()
        return self._session.failure_of(self._event)

    def leave(self) -> None:
        if not self._left:
            self._left = True
            for delivery in self._event.deliveries[1 + self._handed :]:
                self._gate.passed(delivery.order, delivery.turns, delivery.at_us)

    async def left(self) -> None:
        place = self._session.left_at(self._event)
        if place is not None:
            try:
                await self._gate.wait_async(*place)
            finally:
                self._gate.passed(*place)


class ReplayHttp:
    """One HTTP exchange of the replaying program."""

    replays = True

    def __init__(
        self, session: ReplaySession, event: Event | None, method: str, url: str, headers: Any, body: bytes | None, location: Any
    ) -> None:
        self._session = session
        self._event = event
        self._method = method
        self._url = url
        self._headers = headers
        self._body = body
        self._upload: list[bytes] = []
        self._location = location

    def uploaded(self, data: bytes) -> None:
        self._upload.append(bytes(data))

    def _check(self) -> Event:
        body = self._body if self._body is not None else b"".join(self._upload)
        return self._session.check_http(self._event, self._method, self._url, self._headers, body, self._location)

    def serve(self) -> RecordedAnswer:
        if self._session.waits_for_end(self._event):
            self._session.gate.wait_for_end()
        event = self._check()
        first, gate = event.deliveries[0], self._session.gate_of(event)
        gate.wait(first.order, first.at_us)
        gate.passed(first.order, first.turns, first.at_us)
        return self._answer(event)

    async def serve_async(self, *, hang: bool = True) -> RecordedAnswer:
        if self._session.waits_for_end(self._event):
            await self._session.gate.wait_for_end_async()
        event = self._check()
        first = event.deliveries[0]
        unanswered = event.answer["status"] is None
        if unanswered and not hang and (event.end != "error" or event.answer["sent"]):
            return RecordedAnswer(self._session, event, [])
        if unanswered and event.end != "error":
            # The program gave up before an answer came, and will do so again.
            await self._session.wait_for_cancel(event)
        gate = self._session.gate_of(event)
        await gate.wait_async(first.order, first.turns, first.at_us)
        gate.passed(first.order, first.turns, first.at_us)
        return self._answer(event)

    def _answer(self, event: Event) -> RecordedAnswer:
        self._session.time_is(event.deliveries[0].at_us)
        if event.answer["status"] is None:
            raise self._session.failure_of(event)
        return RecordedAnswer(self._session, event, self._session.pieces_of(event))

    def sent(self) -> None:
        """See :meth:`answered`."""

    def answered(self, status: int, headers: Any, http_version: str) -> None:
        """The seam answers from :meth:`serve`; nothing is to be noted."""

    def chunk(self, data: bytes) -> None:
        """See :meth:`answered`."""

    def finish(self, end: str, error: BaseException | None = None) -> None:
        """See :meth:`answered`."""

    def left(self) -> None:
        """See :meth:`answered`."""


class ReplayTool:
    """One tool call of the replaying program. Its body does not run, unless a framework called it: then nothing is handed out."""

    def __init__(self, session: ReplaySession, event: Event, lane: Any, call: Any) -> None:
        self._session = session
        self._event = event
        self.span: str = event.facts["span"]
        # Named as while recording, so that further calls of the same tool get the same lanes.
        self.body_lane = lane.child(call.body_lane_name)
        self.extra: dict[str, Any] = {}

    def serve(self) -> boundary.ToolAnswer:
        if self._event.answer.get("form") == "iterator":
            return boundary.ToolAnswer(_RecordedItems(self._session, self._event), None)
        end, gate = self._event.deliveries[-1], self._session.gate_of(self._event)
        gate.wait(end.order, end.at_us)
        gate.passed(end.order, end.turns, end.at_us)
        return self._answer(end)

    async def serve_async(self) -> boundary.ToolAnswer:
        if self._event.answer.get("form") == "iterator":
            return boundary.ToolAnswer(_RecordedItems(self._session, self._event), None)
        end = self._event.deliveries[-1]
        if self._event.end == "cancelled":
            await self._session.wait_for_cancel(self._event)
        gate = self._session.gate_of(self._event)
        await gate.wait_async(end.order, end.turns, end.at_us)
        gate.passed(end.order, end.turns, end.at_us)
        return self._answer(end)

    def _answer(self, end: Delivery) -> boundary.ToolAnswer:
        self._session.time_is(end.at_us)
        answer = self._event.answer
        if answer["status"] == "error":
            return boundary.ToolAnswer(None, self._session.failure_of(self._event).rebuilt())
        try:
            value = values.unpack(answer["form"], _content(answer["form"], self._session.tape.content(answer["content"])))
        except values.Unreadable as problem:
            self._session.unsupported(self._event, f"the result of the tool {self._event.request['name']} cannot be handed out: {problem}")
        return boundary.ToolAnswer(value, None)

    def yielded(self, item: Any) -> None:
        """The items come from :meth:`serve`."""

    def returned(self, value: Any) -> None:
        """The value came from :meth:`serve`."""

    def raised(self, error: BaseException) -> None:
        """The error came from :meth:`serve`."""


class _RecordedItems:
    """What a generator tool yielded, item by item in the recorded order; then its end, or the exception that ended it."""

    def __init__(self, session: ReplaySession, event: Event) -> None:
        self._session = session
        self._event = event
        rows = json.loads(session.tape.content(event.answer["content"]))
        self._items = [base64.b64decode(item) if form == "bytes" else values.unpack(form, item) for form, item in rows]

    def __iter__(self) -> Iterator[Any]:
        gate = self._session.gate_of(self._event)
        *items, end = self._event.deliveries
        handed = 0
        try:
            for delivery, item in zip(items, self._items, strict=True):
                gate.wait(delivery.order, delivery.at_us)
                gate.passed(delivery.order, delivery.turns, delivery.at_us)
                handed += 1
                yield item
            gate.wait(end.order, end.at_us)
            self._raise_recorded_error()
        finally:
            for delivery in (*items[handed:], end):
                gate.passed(delivery.order, delivery.turns, delivery.at_us)

    async def __aiter__(self) -> AsyncIterator[Any]:
        gate = self._session.gate_of(self._event)
        *items, end = self._event.deliveries
        handed = 0
        try:
            for delivery, item in zip(items, self._items, strict=True):
                await gate.wait_async(delivery.order, delivery.turns, delivery.at_us)
                gate.passed(delivery.order, delivery.turns, delivery.at_us)
                handed += 1
                yield item
            await gate.wait_async(end.order, end.turns, end.at_us)
            self._raise_recorded_error()
        finally:
            for delivery in (*items[handed:], end):
                gate.passed(delivery.order, delivery.turns, delivery.at_us)

    def _raise_recorded_error(self) -> None:
        if self._event.answer["status"] == "error":
            raise self._session.failure_of(self._event).rebuilt()


def _content(form: str, data: bytes) -> str | bytes:
    return data if form == "bytes" else data.decode("utf-8", "surrogatepass")
