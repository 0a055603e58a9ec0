"""Answers of ``http.client``, which urllib3 and urllib.request stand on: shown while they are read, and rebuilt in replay.

While recording, the buffered stream under an ``http.client.HTTPResponse`` is read through a tee, so that every reader above keeps its
own sizes and rhythm. In replay a real ``HTTPResponse`` parses the recorded bytes.
"""

from __future__ import annotations

import http.client
import io
from collections.abc import Iterator
from typing import Any

from ..boundary import Answer, HttpCrossing, RecordedFailure
from ..framing import BodyReader, frame_chunk, head_of, is_chunked, last_chunk

__all__ = ["recorded_response", "tee_response"]

_VERSIONS = {9: "HTTP/0.9", 10: "HTTP/1.0", 11: "HTTP/1.1", 20: "HTTP/2"}


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


def tee_response(response: Any, crossing: HttpCrossing, method: str) -> None:
    """Show a fresh ``http.client.HTTPResponse`` to the crossing: its head now, its body as it is read."""
    headers = [(str(k), str(v)) for k, v in response.msg.items()]
    crossing.answered(response.status, headers, _VERSIONS.get(response.version, "HTTP/1.1"))
    framing = BodyReader(headers, empty=method == "HEAD" or response.status in (204, 304))
    if framing.ended or response.fp is None:
        crossing.finish("eof")
        return
    response.fp = _TeedStream(response.fp, crossing, framing)


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


def recorded_response(answer: Answer, method: str) -> http.client.HTTPResponse:
    """A real response over a recorded answer; each recorded chunk is framed as one transfer chunk where the head says chunked."""
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

    stream = io.BufferedReader(_RecordedRaw(pieces(), answer))
    response = http.client.HTTPResponse(_RecordedSocket(stream), method=method)  # type: ignore[arg-type]
    response.begin()
    return response
