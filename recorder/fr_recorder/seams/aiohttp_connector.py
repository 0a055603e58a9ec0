"""The seam of aiohttp: a connection taken from the connector, once per hop and attempt.

``BaseConnector.connect`` hands out a connection whose protocol turns raw bytes into answers. While recording, the bytes are
seen where the protocol receives them; in replay the connection is one whose protocol is given the recorded bytes, so
that aiohttp builds its own real ``ClientResponse``. Websockets (status 101) are noted, not captured.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from types import ModuleType
from typing import Any

from ..boundary import Answer, HttpCrossing, RecordedFailure, http
from ..framing import BodyReader, frame_chunk, head_of, is_chunked, last_chunk
from ..lanes import enter_crossing, leave_crossing
from . import require

__all__ = ["install"]

_KEY = "_fr_answer"
_SERVED = "_fr_served"

_uploading: contextvars.ContextVar[HttpCrossing | None] = contextvars.ContextVar("fr_uploading", default=None)


def install(module: ModuleType) -> None:
    """Patch ``aiohttp.connector`` and what belongs to it. Raises SeamMissing."""
    import aiohttp.client_proto as proto
    import aiohttp.client_reqrep as reqrep
    from aiohttp import http_writer

    require(module, "BaseConnector.connect", "Connection.close", "Connection.release")
    require(proto, "ResponseHandler.data_received", "ResponseHandler.set_exception")
    require(reqrep, "ClientResponse.start", "ClientRequest.send")
    _patch_connect(module, proto)
    _patch_release(module)
    _patch_protocol(proto)
    _patch_response(reqrep)
    _patch_upload(http_writer)


class _LiveAnswer:
    """What is known of the answer that a protocol is receiving."""

    __slots__ = ("crossing", "framing", "left", "raw", "starting")

    def __init__(self, crossing: HttpCrossing) -> None:
        self.crossing = crossing
        self.framing: BodyReader | None = None
        self.raw: list[bytes] = []
        self.starting = False
        self.left = False

    def received(self, data: bytes) -> None:
        """Raw bytes from the socket, head included."""
        if self.framing is None:
            # Until aiohttp has parsed the head, only it knows where the body begins.
            self.raw.append(data)
            return
        self._body(data)

    def started(self, status: int, headers: list[tuple[str, str]], version: str, *, empty: bool) -> None:
        """aiohttp has parsed the head."""
        self.crossing.answered(status, headers, version)
        self.framing = BodyReader(headers, empty=empty)
        raw, self.raw = b"".join(self.raw), []
        self._body(_after_heads(raw))
        if empty:
            self.crossing.finish("eof")
        elif self.left:
            self.crossing.finish("closed")

    def _body(self, data: bytes) -> None:
        assert self.framing is not None
        for piece in self.framing.feed(data):
            self.crossing.chunk(piece)
        if self.framing.ended:
            self.crossing.finish("eof")


def _after_heads(raw: bytes) -> bytes:
    """What follows the final answer's head; informational answers (1xx) come before it."""
    while True:
        head, found, rest = raw.partition(b"\r\n\r\n")
        if not found:
            return b""
        status = head.split(b" ", 2)[1:2]
        if not status or not status[0].startswith(b"1") or status[0] == b"101":
            return rest
        raw = rest


def _patch_connect(module: Any, proto: Any) -> None:
    connect = module.BaseConnector.connect

    async def _connect(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        body = _body_of(req)
        headers = [(str(k), str(v)) for k, v in req.headers.items()]
        crossing = http("aiohttp", req.method, str(req.url), headers, body)
        if crossing is None:
            return await connect(self, req, *args, **kwargs)
        if crossing.replays and body is None:
            await _drain_upload(req, crossing)
        try:
            answer = await crossing.serve_async(hang=False)
        except RecordedFailure as failure:
            raise _failure(failure, req) from None
        if answer is not None:
            return _served_connection(module, proto, self, req, answer)
        token = enter_crossing()
        try:
            connection = await connect(self, req, *args, **kwargs)
        except BaseException as error:
            crossing.finish("cancelled" if isinstance(error, asyncio.CancelledError) else "error", error)
            raise
        finally:
            leave_crossing(token)
        crossing.sent()
        setattr(connection.protocol, _KEY, _LiveAnswer(crossing))
        _uploading.set(crossing if body is None else None)
        return connection

    module.BaseConnector.connect = _connect


def _patch_release(module: Any) -> None:
    """A connection given back before the body's end: the program hung up."""

    def wrap(original: Any) -> Any:
        def leave(self: Any) -> Any:
            live = self._protocol.__dict__.get(_KEY) if self._protocol is not None else None
            if live is not None and live.starting:
                # A short answer is complete, and its connection given back, before its head has been shown.
                live.left = True
            elif live is not None:
                del self._protocol.__dict__[_KEY]
                live.crossing.finish("closed", _why_left())
            served = self._protocol.__dict__.get(_SERVED) if self._protocol is not None else None
            if served is not None:
                served.leave()
            return original(self)

        return leave

    module.Connection.close = wrap(module.Connection.close)
    module.Connection.release = wrap(module.Connection.release)


def _why_left() -> BaseException | None:
    """The timeout or cancellation that aiohttp is just handling by closing the connection."""
    error = sys.exc_info()[1]
    return error if isinstance(error, asyncio.CancelledError | TimeoutError) else None


def _patch_protocol(proto: Any) -> None:
    handler = proto.ResponseHandler
    data_received, set_exception, connection_lost = handler.data_received, handler.set_exception, handler.connection_lost

    def _data_received(self: Any, data: bytes) -> None:
        live = self.__dict__.get(_KEY)
        if live is not None and data:
            live.received(bytes(data))
        data_received(self, data)

    def _set_exception(self: Any, exc: Any, *args: Any, **kwargs: Any) -> None:
        live = self.__dict__.get(_KEY)
        if live is not None:
            live.crossing.finish("error", exc if isinstance(exc, BaseException) else exc())
        set_exception(self, exc, *args, **kwargs)

    def _connection_lost(self: Any, exc: BaseException | None) -> None:
        live = self.__dict__.get(_KEY)
        if live is not None and live.framing is not None and exc is None:
            live.crossing.finish("eof" if live.framing.complete else "cut")
        elif live is not None and live.framing is not None:
            live.crossing.finish("error", exc)
        connection_lost(self, exc)

    handler.data_received = _data_received
    handler.set_exception = _set_exception
    handler.connection_lost = _connection_lost


def _patch_response(reqrep: Any) -> None:
    start = reqrep.ClientResponse.start

    async def _start(self: Any, connection: Any) -> Any:
        protocol = connection.protocol
        live = protocol.__dict__.get(_KEY)
        if live is None:
            return await start(self, connection)
        live.starting = True
        try:
            await start(self, connection)
        except BaseException as error:
            live.crossing.finish("cancelled" if isinstance(error, asyncio.CancelledError) else "error", error)
            raise
        finally:
            live.starting = False
            if live.left:
                protocol.__dict__.pop(_KEY, None)
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in self.raw_headers]
        version = f"HTTP/{self.version.major}.{self.version.minor}"
        empty = self.method == "HEAD" or self.status in (101, 204, 304)
        live.started(self.status, headers, version, empty=empty)
        return self

    reqrep.ClientResponse.start = _start


def _patch_upload(http_writer: Any) -> None:
    """Bodies that are not in memory are shown as aiohttp writes them."""
    write = http_writer.StreamWriter.write

    async def _write(self: Any, chunk: Any, *args: Any, **kwargs: Any) -> Any:
        crossing = _uploading.get()
        if crossing is not None:
            crossing.uploaded(bytes(chunk))
        return await write(self, chunk, *args, **kwargs)

    http_writer.StreamWriter.write = _write


def _body_of(req: Any) -> bytes | None:
    """The request body if it is in memory; None for streams and files."""
    body = getattr(req, "body", b"")
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    value = getattr(body, "_value", None)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    return b"" if body is None else None


class _Collector:
    """Takes what a payload writes, as aiohttp's stream writer would."""

    def __init__(self, crossing: HttpCrossing) -> None:
        self._crossing = crossing

    async def write(self, chunk: Any, *_: Any, **__: Any) -> None:
        self._crossing.uploaded(bytes(chunk))


async def _drain_upload(req: Any, crossing: HttpCrossing) -> None:
    """In replay: let the program's streamed body run, as the connection would have."""
    await req.body.write(_Collector(crossing))


class _NoTransport(asyncio.Transport):
    """A transport to nowhere: takes the request, which the boundary has seen already, and closes."""

    def __init__(self) -> None:
        super().__init__()
        self._closing = False

    def write(self, data: Any) -> None:
        """The request is compared at the boundary, not here."""

    def writelines(self, list_of_data: Any) -> None:
        """The request is compared at the boundary, not here."""

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        self._closing = True

    def pause_reading(self) -> None:
        """The feeding task hands over a chunk at a time anyway."""

    def resume_reading(self) -> None:
        """See :meth:`pause_reading`."""

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return False


def _served_connection(module: Any, proto: Any, connector: Any, req: Any, answer: Answer) -> Any:
    """A connection whose protocol will receive the recorded bytes, or fail, once the request has been written."""
    loop = connector._loop
    protocol = proto.ResponseHandler(loop=loop)
    protocol.connection_made(_NoTransport())
    protocol.force_close()
    setattr(protocol, _SERVED, answer)
    connection = module.Connection(connector, req.connection_key, protocol, loop)
    set_params = protocol.set_response_params

    def set_response_params(**params: Any) -> None:
        set_params(**params)
        if answer.status is None and answer.end != "error":
            # The program gave up waiting for this answer, and will again.
            return
        token = enter_crossing()
        try:
            protocol._fr_feeding = loop.create_task(_feed(protocol, answer))
        finally:
            leave_crossing(token)

    protocol.set_response_params = set_response_params
    return connection


async def _feed(protocol: Any, answer: Answer) -> None:
    """Give the protocol the head, then each chunk in its turn, then the recorded end."""
    if answer.status is None:
        protocol.set_exception((await answer.failure()).rebuilt())
        return
    chunked = is_chunked(answer.headers)
    protocol.data_received(head_of(answer.status, answer.headers, answer.http_version))
    try:
        async for chunk in answer.achunks(pushed=True):
            protocol.data_received(frame_chunk(chunk) if chunked else chunk)
    except RecordedFailure as failure:
        error = failure.rebuilt()
        if isinstance(error, OSError):
            protocol.connection_lost(error)
        else:
            protocol.set_exception(error)
        return
    if answer.end in ("closed", "abandoned"):
        return
    if answer.end == "cut":
        protocol.connection_lost(None)
    elif chunked:
        protocol.data_received(last_chunk)
    elif not any(name.lower() == "content-length" for name, _ in answer.headers):
        protocol.connection_lost(None)


def _failure(failure: RecordedFailure, req: Any) -> BaseException:
    """The recorded exception; connector errors want the connection key that this request has."""
    error = failure.rebuilt()
    if hasattr(type(error), "host") and not hasattr(error, "_conn_key"):
        error._conn_key = req.connection_key  # type: ignore[attr-defined]
    return error
