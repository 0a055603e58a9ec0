"""The seam of urllib3 2 (requests, botocore): one attempt on a connection pool.

``HTTPConnectionPool._make_request`` is called once per attempt, below urllib3's own retries and redirects and above
the connection, which in replay is never opened. The answer's raw stream is read through a tee, so that streaming
reads keep their sizes; in replay a real ``http.client.HTTPResponse`` parses the recorded bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ..boundary import Answer, HttpCrossing, RecordedFailure, http
from ..lanes import enter_crossing, leave_crossing
from . import SeamMissing, require
from .http_client_response import recorded_response, tee_response

__all__ = ["install"]


def install(module: ModuleType) -> None:
    """Patch ``urllib3.connectionpool``. Raises SeamMissing for urllib3 1."""
    require(module, "HTTPConnectionPool._make_request", "HTTPConnectionPool._prepare_proxy")
    import urllib3

    version = getattr(urllib3, "__version__", "0")
    if int(str(version).partition(".")[0]) < 2:
        raise SeamMissing("urllib3 2 or later is needed")
    pool: Any = module.HTTPConnectionPool
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
            raise _failure(failure, self, conn, url) from None
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
        tee_response(response._original_response, crossing, method)
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


def _served(answer: Answer, pool: Any, method: str, url: str, retries: Any, options: dict[str, Any]) -> Any:
    import urllib3
    from urllib3.response import HTTPResponse

    parsed = recorded_response(answer, method)
    return HTTPResponse(
        body=parsed,
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


def _failure(failure: RecordedFailure, pool: Any, conn: Any, url: str) -> BaseException:
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
