"""Passing a request on and its answer back, chunk by chunk as they come, and showing both to the recorder as a seam would.

The end of an answer is on record before its last byte goes to the client. Whatever waits for the recorder's writer does so in a thread of
a pool, so that the other streams go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from ..capture import boundary, context, crossings, lanes, recorder
from ..live_http import sent_headers
from . import TRANSPORT
from .admission import routed
from .answers import PassedOn, refusal
from .client_traces import ClientTraces
from .load import Held, Load
from .passed_headers import answer_headers, decoded_headers, request_headers
from .refusals import Refused
from .routes import Routing, Target
from .upstream import failure_of, proxy_of, rest_of

__all__ = ["ClientHungUp", "Forwarder", "ProxyStopped"]

_IN_ONE_PIECE_BYTES = 1 << 20
"""Bodies of up to this size are on record before they leave."""

_BUSY_BYTES = 64 << 20
"""With more than this not yet written, a new call may have to wait for the writer."""

_WAITING_THREADS = 256
"""Made as they are needed: as many answers may end at once."""


class ClientHungUp(Exception):
    """The client closed its connection; to the record this is the program giving up."""


class ProxyStopped(Exception):
    """The proxy was stopped while the exchange went on."""


class Forwarder:
    """Handles the requests of a recording proxy.

    Args:
        recording: the recorder of this process; it must stand behind the boundary.
        bound: the address that is listened on.
        client: see :func:`fr_replay.proxy.upstream.new_client`.
    """

    def __init__(self, recording: recorder.Recorder, routing: Routing, bound: str, load: Load, client: aiohttp.ClientSession) -> None:
        self._recording = recording
        self._routing = routing
        self._bound = bound
        self._load = load
        self._client = client
        self.traces = ClientTraces(recording.trace)
        self._threads = ThreadPoolExecutor(_WAITING_THREADS, thread_name_prefix="fr-proxy-wait")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        try:
            target = routed(self._routing, request, self._bound)
            with self._load.taken() as held:
                self._load.counts["requests"] += 1
                return await self._exchange(request, target, held)
        except Refused as refused:
            self._load.counts[refused.refusal.code] += 1
            return refusal(refused)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)

    async def _exchange(self, request: web.Request, target: Target, held: Held) -> web.StreamResponse:
        held.expect_request(request.content_length or 0)
        body = await _whole_body(request, held)
        headers = decoded_headers(request.raw_headers)
        trace, within = self.traces.choose(headers)
        lane = trace.take_lane(request.method, target.url, body)
        try:
            return await self._in_lane(request, target.url, sent_headers(request_headers(headers)), body, held, (within, lane))
        finally:
            trace.give_back(lane)

    async def _in_lane(
        self,
        request: web.Request,
        url: str,
        headers: list[tuple[str, str]],
        body: bytes | None,
        held: Held,
        place: tuple[context.TraceContext, lanes.Lane],
    ) -> web.StreamResponse:
        crossing = await self._begin(place, request.method, url, headers, body)
        passing = _Passing(request, crossing, held, self._off_loop, lambda: self._load.stopping)
        upload = None if body is not None else _Upload(request, crossing, held)
        try:
            answer = await self._ask(request, url, headers, body, upload)
        except asyncio.CancelledError:
            passing.gave_up()
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if upload is not None and upload.failure is not None:
                passing.ended("error", upload.failure)
                raise upload.failure from error
            await passing.end("error", error)
            code, what = failure_of(type(error).__name__)
            raise Refused(code, what, {"error": type(error).__name__, "message": str(error), "url": url}) from error
        async with _Closing(answer):
            return await passing.answer(answer)

    async def _ask(
        self, request: web.Request, url: str, headers: list[tuple[str, str]], body: bytes | None, upload: _Upload | None
    ) -> aiohttp.ClientResponse:
        if upload is not None and request.content_length is not None:
            headers = [*headers, ("Content-Length", str(request.content_length))]
        return await self._client.request(
            request.method,
            URL(url, encoded=True),
            headers=headers,
            data=upload.chunks() if upload is not None else body or None,
            allow_redirects=False,
            proxy=proxy_of(url),
        )

    async def _begin(
        self, place: tuple[context.TraceContext, lanes.Lane], method: str, url: str, headers: list[tuple[str, str]], body: bytes | None
    ) -> crossings.RecordedHttp | None:
        """Show the request to the recorder. None where it could not be recorded, which the recorder counts."""
        begin = _begun_in(place, method, url, headers, body)
        busy = self._recording.backlog_bytes() > _BUSY_BYTES
        found = await self._off_loop(begin) if busy else begin()
        return found if isinstance(found, crossings.RecordedHttp) else None

    async def _off_loop(self, call: Callable[..., Any], *args: Any) -> Any:
        """Call what may wait for the writer, in a thread. A cancellation goes on when it has returned."""
        done = asyncio.get_running_loop().run_in_executor(self._threads, call, *args)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait((done,))
            raise


def _begun_in(
    place: tuple[context.TraceContext, lanes.Lane], method: str, url: str, headers: list[tuple[str, str]], body: bytes | None
) -> Callable[[], Any]:
    """What begins a crossing in a lane and trace of its own. No line of a program made it."""

    def begin() -> Any:
        within, lane = place
        behind = boundary.backend()
        if behind is None:
            return None
        in_lane, in_trace = lanes.enter_lane(lane), context.set_context(within)
        try:
            return behind.http(TRANSPORT, method, url, list(headers), body, None)
        finally:
            context.reset_context(in_trace)
            lanes.leave_lane(in_lane)

    return begin


async def _whole_body(request: web.Request, held: Held) -> bytes | None:
    """The body of a request, if it is of a known and moderate size; None for one that is to be passed on as it comes. Raises Refused."""
    if not request.body_exists:
        return b""
    size = request.content_length
    if size is None or size > _IN_ONE_PIECE_BYTES:
        return None
    held.add_request(size)
    return await request.content.read()


class _Upload:
    """A body that is passed on while it comes.

    Attributes:
        failure: why it was broken off, or None.
    """

    def __init__(self, request: web.Request, crossing: crossings.RecordedHttp | None, held: Held) -> None:
        self._request = request
        self._crossing = crossing
        self._held = held
        self.failure: Refused | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its chunks. Raises Refused, which aiohttp turns into an error of its own."""
        async for chunk in self._request.content.iter_any():
            try:
                self._held.add_request(len(chunk))
            except Refused as refused:
                self.failure = refused
                raise
            if self._crossing is not None:
                self._crossing.uploaded(chunk)
            yield chunk


class _Closing:
    """Gives the connection of an answer back if the answer was read to its end, and closes it otherwise."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aenter__(self) -> None:
        """Nothing is to be opened."""

    async def __aexit__(self, *_: object) -> None:
        if not self._answer.content.at_eof():
            self._answer.close()
        self._answer.release()


class _Passing:
    """One answer on its way from the upstream to the client, and to the record."""

    def __init__(
        self,
        request: web.Request,
        crossing: crossings.RecordedHttp | None,
        held: Held,
        off_loop: Callable[..., Any],
        stopping: Callable[[], bool],
    ) -> None:
        self._request = request
        self._crossing = crossing
        self._held = held
        self._off_loop = off_loop
        self._stopping = stopping

    async def answer(self, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """Pass an answer on to its end."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.raw_headers]
        version = f"HTTP/{answer.version.major}.{answer.version.minor}" if answer.version is not None else "HTTP/1.1"
        if self._crossing is not None and self._crossing.upload is not None:
            # The recorder takes the whole upload now, for which it may have to wait.
            await self._off_loop(self._crossing.answered, answer.status, headers, version)
        elif self._crossing is not None:
            self._crossing.answered(answer.status, headers, version)
        passed = PassedOn(answer.status, answer.reason, answer_headers(decoded_headers(answer.raw_headers)))
        try:
            await passed.prepare(self._request)
            if not await self._body(answer, passed):
                passed.break_off(self._request)
                return passed
            await passed.write_eof()
        except (asyncio.CancelledError, ConnectionError):
            # The client's side: the upstream's failures are dealt with where its chunks are read.
            self.gave_up()
            raise
        return passed

    async def _body(self, answer: aiohttp.ClientResponse, passed: PassedOn) -> bool:
        """Pass the chunks on; False where the upstream broke off."""
        content = answer.content
        while True:
            try:
                chunk = await content.readany()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                rest = rest_of(content)
                if rest and self._keeps(rest):
                    await self._off_loop(self._shown, rest)
                await self.end("error", error)
                if rest:
                    await passed.write(rest)
                return False
            if not chunk:
                await self.end("eof")
                return True
            over = content.at_eof()
            if self._keeps(chunk):
                if self._is_last(chunk):
                    await self._off_loop(self._shown, chunk)
                else:
                    self._shown(chunk)
            if over:
                # What came with the end is handed on when the end is on record.
                await self.end("eof")
            await passed.write(chunk)
            if over:
                return True

    def _is_last(self, chunk: bytes) -> bool:
        """True where the recorder itself sees that this is the end, and waits."""
        crossing = self._crossing
        return crossing is not None and crossing.expected is not None and crossing.received + len(chunk) >= crossing.expected

    def _keeps(self, chunk: bytes) -> bool:
        """True when a chunk is to be kept for the record."""
        crossing = self._crossing
        if crossing is None or crossing.left_out is not None:
            return False
        too_much = self._held.add_answer(len(chunk))
        if too_much is None:
            return True
        crossing.leave_out(too_much)
        self._held.drop_answer()
        return False

    def _shown(self, chunk: bytes) -> None:
        if self._crossing is not None:
            self._crossing.chunk(chunk)

    async def end(self, end: str, error: BaseException | None = None) -> None:
        """The exchange is over; returns when that is on record, or the recorder's limit of waiting is reached."""
        if self._crossing is not None and self._crossing.end is None:
            await self._off_loop(self._crossing.finish, end, error)

    def ended(self, end: str, error: BaseException | None = None) -> None:
        """The exchange is over, and nobody waits for that."""
        if self._crossing is not None:
            self._crossing.finish(end, error, wait=False)

    def gave_up(self) -> None:
        """The client has gone, or the proxy is being stopped."""
        crossing = self._crossing
        if crossing is None or crossing.end is not None:
            return
        if self._stopping():
            self.ended("cancelled", ProxyStopped("the proxy was stopped"))
        elif crossing.status is None:
            self.ended("cancelled", ClientHungUp("the client closed its connection before an answer came"))
            # SDKs try again after a timeout of their own, which is a hang-up to us.
            crossing.failed = True
        else:
            self.ended("closed")
