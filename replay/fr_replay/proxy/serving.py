"""Answering from a record: what a client of ``fr proxy --replay`` gets."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from ..replaying import DIVERGED
from .admission import routed
from .answers import PassedOn, refusal
from .load import Load
from .matching import Matching, Stopped
from .passed_headers import answer_headers, decoded_headers, request_headers
from .refusals import Refused
from .routes import Routing
from .served_trace import Exchange
from .upstream import failure_of

__all__ = ["Serving"]

_HUNG_UP = ("closed", "abandoned", "cancelled")
"""Ends of an answer that were the program's doing."""


class Serving:
    """Handles the requests of a replaying proxy."""

    def __init__(self, matching: Matching, routing: Routing, bound: str, load: Load, patience_s: float) -> None:
        self._matching = matching
        self._routing = routing
        self._bound = bound
        self._load = load
        self._patience_s = patience_s

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        try:
            target = routed(self._routing, request, self._bound)
            with self._load.taken() as held:
                held.expect_request(request.content_length or 0)
                body = bytearray()
                async for chunk in request.content.iter_any():
                    held.add_request(len(chunk))
                    body += chunk
                headers = request_headers(decoded_headers(request.raw_headers))
                exchange = await self._matching.ask(request.method, target.url, headers, bytes(body))
                return await self._answer(request, exchange)
        except Refused as refused:
            return refusal(refused)
        except Stopped as stopped:
            return refusal(_as_refused(stopped, self._matching.trace.trace_id))

    async def _answer(self, request: web.Request, exchange: Exchange) -> web.StreamResponse:
        """Give the recorded answer. Raises Stopped while nothing of it has been given."""
        answer = exchange.event.answer
        passed = PassedOn(answer["status"] or 502, None, answer_headers([(k, v) for k, v in answer["headers"]]))
        try:
            if answer["status"] is None:
                return await self._no_answer(exchange)
            await self._matching.give(exchange, 0)
            await passed.prepare(request)
            self._matching.given(exchange, 0)
            try:
                await self._body(request, exchange, passed)
            except Stopped:
                passed.break_off(request)
        except (asyncio.CancelledError, ConnectionError):
            self._matching.left(exchange, as_recorded=exchange.is_given_whole or exchange.event.end in _HUNG_UP)
            raise
        return passed

    async def _no_answer(self, exchange: Exchange) -> web.StreamResponse:
        """No answer came when it was recorded: it failed, or the program gave up waiting, as it is to do again."""
        error = exchange.event.answer["error"] or {"class": "", "message": ""}
        if exchange.event.end in _HUNG_UP:
            await asyncio.get_running_loop().create_future()
        last = len(exchange.given_at) - 1
        await self._matching.give(exchange, last)
        self._matching.given(exchange, last)
        code, what = failure_of(error["class"])
        name = error["class"].rpartition(".")[2]
        raise Refused(code, what, {"error": name, "message": error["message"], "url": exchange.event.request["url"]})

    async def _body(self, request: web.Request, exchange: Exchange, passed: PassedOn) -> None:
        """Give the body piece by piece, and end it as it ended. Raises Stopped."""
        matching, end = self._matching, exchange.event.end
        pieces = exchange.pieces(matching.trace.tape)
        for number, piece in enumerate(pieces, 1):
            await matching.give(exchange, number)
            await passed.write(piece)
            matching.given(exchange, number)
        exchange.is_given_whole = True
        if end in _HUNG_UP:
            # It will close the connection, which cancels this.
            await asyncio.sleep(self._patience_s)
            raise matching.stop(DIVERGED, _reads_on(exchange))
        last = len(exchange.given_at) - 1
        await matching.give(exchange, last)
        if end in ("cut", "error"):
            passed.break_off(request)
        else:
            await passed.write_eof()
        matching.given(exchange, last)


def _reads_on(exchange: Exchange) -> dict[str, Any]:
    what = "the program reads on where it hung up when it was recorded"
    event = exchange.event
    return {"what": what, "differences": [], "step": event.step, "lane_path": event.lane, "request": event.request}


def _as_refused(stopped: Stopped, trace_id: str) -> Refused:
    """The readable answer of a stop."""
    step = f" at step {stopped.facts['step']}" if stopped.facts.get("step") else ""
    facts = {key: value for key, value in stopped.facts.items() if value not in (None, [])}
    first = next(iter(stopped.facts.get("differences") or ()), None)
    at = f" at {first['path'] or 'the body'}" if first is not None else ""
    return Refused(stopped.outcome, f"replay {stopped.outcome}{step}: {stopped}{at}", {"trace": trace_id, **facts})
