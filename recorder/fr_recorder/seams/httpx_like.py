"""The seam of httpx and httpx2: the transport that a client picks for a URL, whatever class it is of.

``Client._transport_for_url`` is where default, proxied, mounted, retrying and custom transports all come out. It lies
above TLS and connection pools and below decoding, redirects and retries. httpx2 is a continuation of
httpx's code base, and ``httpx2.alias_httpx()`` can make both names one module, so each class is patched once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

from ..boundary import HttpCrossing, RecordedFailure, http
from ..lanes import enter_crossing, leave_crossing
from . import require

__all__ = ["install"]

_MARK = "_fr_seam"


def install(module: ModuleType) -> None:
    """Patch a module that looks like httpx. Raises SeamMissing."""
    require(module, "Client._transport_for_url", "AsyncClient._transport_for_url", "BaseTransport", "AsyncBaseTransport", "Response")
    if getattr(module.Client, _MARK, False):
        return
    sync_transport, async_transport = _transports(module)
    pick, pick_async = module.Client._transport_for_url, module.AsyncClient._transport_for_url

    def _transport_for_url(self: Any, url: Any) -> Any:
        return sync_transport(pick(self, url))

    def _async_transport_for_url(self: Any, url: Any) -> Any:
        return async_transport(pick_async(self, url))

    module.Client._transport_for_url = _transport_for_url
    module.AsyncClient._transport_for_url = _async_transport_for_url
    setattr(module.Client, _MARK, True)


def _transports(module: Any) -> tuple[type, type]:
    """The wrapping transports and streams, of the module's own base classes."""
    name = module.__name__

    class RecordedStream(module.SyncByteStream):  # type: ignore[misc]
        """Passes chunks through untouched and shows each to the crossing first."""

        def __init__(self, inner: Any, crossing: HttpCrossing) -> None:
            self._inner = inner
            self._crossing = crossing

        def __iter__(self) -> Iterator[bytes]:
            crossing = self._crossing
            try:
                for chunk in self._inner:
                    crossing.chunk(chunk)
                    yield chunk
            except GeneratorExit:
                # The program stopped reading; it may go on with another iterator, or close the stream.
                raise
            except BaseException as error:
                crossing.finish("error", error)
                raise
            crossing.finish("eof")

        def close(self) -> None:
            self._crossing.finish("closed")
            self._inner.close()

        def __del__(self) -> None:
            self._crossing.finish("abandoned")

    class RecordedAsyncStream(module.AsyncByteStream):  # type: ignore[misc]
        """Passes chunks through untouched and shows each to the crossing first."""

        def __init__(self, inner: Any, crossing: HttpCrossing) -> None:
            self._inner = inner
            self._crossing = crossing

        async def __aiter__(self) -> AsyncIterator[bytes]:
            crossing = self._crossing
            try:
                async for chunk in self._inner:
                    crossing.chunk(chunk)
                    yield chunk
            except GeneratorExit:
                # As for the synchronous stream.
                raise
            except BaseException as error:
                crossing.finish(_end_of(error), error)
                raise
            crossing.finish("eof")

        async def aclose(self) -> None:
            self._crossing.finish("closed")
            await self._inner.aclose()
            self._crossing.left()

        def __del__(self) -> None:
            self._crossing.finish("abandoned")

    class ServedStream(module.SyncByteStream, module.AsyncByteStream):  # type: ignore[misc]
        """Hands out a recorded body."""

        def __init__(self, answer: Any, request: Any) -> None:
            self._answer = answer
            self._request = request

        def __iter__(self) -> Iterator[bytes]:
            try:
                yield from self._answer.chunks()
            except RecordedFailure as failure:
                raise _failure(module, failure, self._request) from None

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for chunk in self._answer.achunks():
                    yield chunk
            except RecordedFailure as failure:
                raise _failure(module, failure, self._request) from None

        def close(self) -> None:
            self._answer.leave()

        async def aclose(self) -> None:
            self._answer.leave()
            await self._answer.left()

    def served(answer: Any, request: Any) -> Any:
        return module.Response(
            answer.status,
            headers=[(k.encode("latin-1"), v.encode("latin-1")) for k, v in answer.headers],
            stream=ServedStream(answer, request),
            request=request,
            extensions={"http_version": answer.http_version.encode("ascii", "replace") or b"HTTP/1.1"},
        )

    class RecordedTransport(module.BaseTransport):  # type: ignore[misc]
        """Shows each exchange to the boundary, and lets the inner transport do it."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def handle_request(self, request: Any) -> Any:
            crossing = http(name, request.method, str(request.url), request.headers.raw, _body_of(request))
            if crossing is None:
                return self._inner.handle_request(request)
            if crossing.replays:
                _drain_upload(request, crossing)
            try:
                answer = crossing.serve()
            except RecordedFailure as failure:
                raise _failure(module, failure, request) from None
            if answer is not None:
                return served(answer, request)
            _tee_upload(module, request, crossing)
            token = enter_crossing()
            try:
                response = self._inner.handle_request(request)
            except BaseException as error:
                crossing.finish("error", error)
                raise
            finally:
                leave_crossing(token)
            crossing.answered(response.status_code, response.headers.raw, response.http_version)
            if not _shown_whole(response, crossing):
                response.stream = RecordedStream(response.stream, crossing)
            return response

        def close(self) -> None:
            self._inner.close()

    class RecordedAsyncTransport(module.AsyncBaseTransport):  # type: ignore[misc]
        """Shows each exchange to the boundary, and lets the inner transport do it."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        async def handle_async_request(self, request: Any) -> Any:
            crossing = http(name, request.method, str(request.url), request.headers.raw, _body_of(request))
            if crossing is None:
                return await self._inner.handle_async_request(request)
            if crossing.replays:
                await _drain_async_upload(request, crossing)
            try:
                answer = await crossing.serve_async()
            except RecordedFailure as failure:
                raise _failure(module, failure, request) from None
            if answer is not None:
                return served(answer, request)
            _tee_upload(module, request, crossing)
            token = enter_crossing()
            try:
                response = await self._inner.handle_async_request(request)
            except BaseException as error:
                crossing.finish(_end_of(error), error)
                raise
            finally:
                leave_crossing(token)
            crossing.answered(response.status_code, response.headers.raw, response.http_version)
            if not _shown_whole(response, crossing):
                response.stream = RecordedAsyncStream(response.stream, crossing)
            return response

        async def aclose(self) -> None:
            await self._inner.aclose()

    return RecordedTransport, RecordedAsyncTransport


def _shown_whole(response: Any, crossing: HttpCrossing) -> bool:
    """Show the body of an answer that a transport made in memory: its stream will never be read. False for any other."""
    content: bytes | None = getattr(response, "_content", None)
    if content is None:
        return False
    if content:
        crossing.chunk(content)
    crossing.finish("eof")
    return True


def _end_of(error: BaseException) -> str:
    return "cancelled" if type(error).__name__ == "CancelledError" else "error"


def _body_of(request: Any) -> bytes | None:
    """The body where it is in memory already, else None: a streamed upload is shown as it goes out."""
    content: bytes | None = getattr(request, "_content", None)
    return content


def _failure(module: Any, failure: RecordedFailure, request: Any) -> BaseException:
    """The recorded exception, of the module's own class where it has one of that name."""
    cls = getattr(module, failure.bare_class, None)
    if isinstance(cls, type) and issubclass(cls, module.RequestError):
        error: BaseException = cls(failure.message, request=request)
        return error
    return failure.rebuilt()


def _tee_upload(module: Any, request: Any, crossing: HttpCrossing) -> None:
    """Show a streamed upload to the crossing chunk by chunk as the transport takes it."""
    if _body_of(request) is not None:
        return
    inner = request.stream

    class TeedUpload(module.SyncByteStream, module.AsyncByteStream):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            for chunk in inner:
                crossing.uploaded(chunk)
                yield chunk

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for chunk in inner:
                crossing.uploaded(chunk)
                yield chunk

    request.stream = TeedUpload()


def _drain_upload(request: Any, crossing: HttpCrossing) -> None:
    """In replay: run the program's upload generator as the transport would have, and show what it gives."""
    if _body_of(request) is None:
        for chunk in request.stream:
            crossing.uploaded(chunk)


async def _drain_async_upload(request: Any, crossing: HttpCrossing) -> None:
    """:func:`_drain_upload` for an event loop."""
    if _body_of(request) is None:
        async for chunk in request.stream:
            crossing.uploaded(chunk)
