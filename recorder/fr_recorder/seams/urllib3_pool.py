"""The seam of urllib3 2 (requests, botocore): one attempt on a connection pool.

``HTTPConnectionPool._make_request`` is called once per attempt, below urllib3's own retries and redirects and above
the connection, which in replay is never opened. The answer's raw stream is read through a tee, so that streaming
reads keep their sizes; in replay a real ``http.client.HTTPResponse`` parses the recorded bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from http.client import HTTPResponse as ParsedResponse
from types import ModuleType
from typing import Any

from ..boundary import Answer, HttpCrossing, RecordedFailure, http
from ..framing import BodyReader, frame_chunk, head_of, is_chunked, last_chunk
from ..lanes import enter_crossing, leave_crossing
from . import SeamMissing, require

__all__ = ["install"]


def install(module: ModuleType) -> None:
    """Patch ``urllib3.connectionpool``. Raises SeamMissing for urllib3 1."""
    require(module, "HTTPConnectionPool._make_request", "HTTPConnectionPool._prepare_proxy")
    import urllib3

    if int(str(urllib3.__version__).partition(".")[0]) < 2:
        raise SeamMissing("urllib3 2 or later is needed")
    pool: Any = module.HTTPConnectionPool  # type: ignore[attr-defined]
    make_request = pool._make_request

    def _make_request(
        self: Any, conn: Any, method: str, url: str, body: Any = None, headers: Any = None, retries: Any = None, **options: Any
    ) -> Any:
        data = _body_bytes(body)
        crossing = http("urllib3", method, _absolute(self, url), list(dict(headers or {}).items()), data)
        if crossing is None:
            return make_request(self, conn, method, url, body, headers, retries, **options)
        if data is None:
            body = _teed_upload(body, crossing)
        if crossing.replays and data is None:
            for _ in body:
                pass
        try:
            answer = crossing.serve()
        except RecordedFailure as failure:
            raise _failure(module, failure, self, conn, url) from None
        if answer is not None:
            return _served(answer, self, method, url, retries, options)
        preload = options.pop("preload_content", True)
        token = enter_crossing()
        try:
            response = make_request(self, conn, method, url, body, headers, retries, preload_content=False, **options)
        except BaseException as error:
            crossing.finish("error", error)
            raise
        finally:
            leave_crossing(token)
        _tee_answer(response, crossing, method)
        if preload:
            response._body = response.read(decode_content=options.get("decode_content", True))
        return response

    pool._make_request = _make_request
    _skip_tunnel_in_replay(pool)


def _skip_tunnel_in_replay(pool: Any) -> None:
    """In replay no proxy is there to open a tunnel through."""
    from ..boundary import backend

    prepare_proxy = pool._prepare_proxy

    def _prepare_proxy(self: Any, conn: Any) -> Any:
        return None if getattr(backend(), "replays", False) else prepare_proxy(self, conn)

    pool._prepare_proxy = _prepare_proxy


def _absolute(pool: Any, url: str) -> str:
    if "://" in url:
        return url
    host = f"[{pool.host}]" if ":" in pool.host else pool.host
    default = {"http": 80, "https": 443}.get(pool.scheme)
    port = "" if pool.port in (None, default) else f":{pool.port}"
    return f"{pool.scheme}://{host}{port}{url}"


def _body_bytes(body: Any) -> bytes | None:
    """The body if it is in memory; None for files and iterators, which are shown as they go out."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode("utf-8")
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if isinstance(body, io.BytesIO):
        return body.getbuffer()[body.tell() :].tobytes()
    return None


def _teed_upload(body: Any, crossing: HttpCrossing) -> Iterator[bytes]:
    """The pieces of a file or iterator, shown to the crossing as the connection takes them."""
    pieces = iter(lambda: body.read(16384), b"") if hasattr(body, "read") else body
    for piece in pieces:
        data = piece.encode("utf-8") if isinstance(piece, str) else bytes(piece)
        if not data:
            return
        crossing.uploaded(data)
        yield data


class _TeedStream:
    """Stands in for the buffered socket file under ``http.client.HTTPResponse``: shows every byte read to the crossing."""

    def __init__(self, inner: Any, crossing: HttpCrossing, framing: BodyReader) -> None:
        self._inner = inner
        self._crossing = crossing
        self._framing = framing

    def _saw(self, data: bytes) -> bytes:
        for piece in self._framing.feed(data):
            self._crossing.chunk(piece)
        if self._framing.ended or not data:
            self._crossing.finish("eof" if self._framing.complete else "cut")
        return data

    def _reading(self, read: Any, *args: Any) -> Any:
        try:
            return read(*args)
        except BaseException as error:
            self._crossing.finish("error", error)
            raise

    def read(self, *args: Any) -> bytes:
        return self._saw(self._reading(self._inner.read, *args)) if args != (0,) else b""

    def read1(self, *args: Any) -> bytes:
        return self._saw(self._reading(self._inner.read1, *args)) if args != (0,) else b""

    def readline(self, *args: Any) -> bytes:
        return self._saw(self._reading(self._inner.readline, *args))

    def readinto(self, buffer: Any) -> int:
        count: int = self._reading(self._inner.readinto, buffer)
        self._saw(bytes(memoryview(buffer)[:count]))
        return count

    def close(self) -> None:
        self._crossing.finish("closed")
        self._inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _tee_answer(response: Any, crossing: HttpCrossing, method: str) -> None:
    original = response._original_response
    headers = [(str(k), str(v)) for k, v in original.msg.items()]
    version = {9: "HTTP/0.9", 10: "HTTP/1.0", 11: "HTTP/1.1", 20: "HTTP/2"}.get(original.version, "HTTP/1.1")
    crossing.answered(response.status, headers, version)
    empty = method == "HEAD" or response.status in (204, 304)
    framing = BodyReader(headers, empty=empty)
    if framing.ended or original.fp is None:
        crossing.finish("eof")
        return
    original.fp = _TeedStream(original.fp, crossing, framing)


class _RecordedRaw(io.RawIOBase):
    """A recorded answer as the raw stream of a socket: head, then each chunk framed as it was announced."""

    def __init__(self, pieces: Iterator[bytes], answer: Answer) -> None:
        self._pieces = pieces
        self._answer = answer
        self._rest = b""

    def close(self) -> None:
        self._answer.leave()
        super().close()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _RecordedSocket:
    """Just enough of a socket for ``http.client.HTTPResponse``."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return self._stream


def _served(answer: Answer, pool: Any, method: str, url: str, retries: Any, options: dict[str, Any]) -> Any:
    import urllib3
    from urllib3.response import HTTPResponse

    chunked = is_chunked(answer.headers)

    def pieces() -> Iterator[bytes]:
        assert answer.status is not None
        yield head_of(answer.status, answer.headers, answer.http_version)
        try:
            for chunk in answer.chunks():
                yield frame_chunk(chunk) if chunked else chunk
        except RecordedFailure as failure:
            raise failure.rebuilt() from None
        if chunked and answer.end != "cut":
            yield last_chunk

    parsed = ParsedResponse(_RecordedSocket(io.BufferedReader(_RecordedRaw(pieces(), answer))), method=method)  # type: ignore[arg-type]
    parsed.begin()
    return HTTPResponse(
        body=parsed,  # type: ignore[arg-type]
        headers=urllib3.HTTPHeaderDict(parsed.msg.items()),
        status=parsed.status,
        version=parsed.version,
        reason=parsed.reason,
        preload_content=options.get("preload_content", True),
        decode_content=options.get("decode_content", True),
        original_response=parsed,
        pool=pool,
        enforce_content_length=options.get("enforce_content_length", True),
        request_method=method,
        request_url=url,
        retries=retries,
    )


def _failure(module: Any, failure: RecordedFailure, pool: Any, conn: Any, url: str) -> BaseException:
    """The recorded exception; urllib3's own take the pool or the connection as an argument."""
    import urllib3.exceptions as known

    cls = getattr(known, failure.bare_class, None)
    message = failure.message.split(": ", 1)[1] if ": " in failure.message else failure.message
    if cls in (known.NewConnectionError, known.NameResolutionError, known.ConnectTimeoutError):
        first = cls.__new__(cls, conn, message)
        Exception.__init__(first, failure.message)
        first.conn = conn
        return first  # type: ignore[no-any-return]
    if cls is known.ReadTimeoutError:
        return known.ReadTimeoutError(pool, url, message)
    return failure.rebuilt()
