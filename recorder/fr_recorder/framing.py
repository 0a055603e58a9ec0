"""HTTP/1.1 body framing: telling the body from its transfer coding, and putting a body into one again.

For clients where only the raw stream can be seen. Incremental, and never raises: what does not parse is passed
on as body, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["BodyReader", "frame_chunk", "head_of", "is_chunked", "last_chunk"]

_MAX_LINE_BYTES = 1 << 16
_MAX_SIZE_DIGITS = 16
_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")


class BodyReader:
    """Splits a raw stream that begins right after the headers into pieces of body.

    Attributes:
        ended: True once the framing says that the body is complete.
        complete: True when the stream may end here: it has ended, or only its end can tell.
    """

    def __init__(self, headers: Sequence[tuple[str, str]], *, empty: bool = False) -> None:
        self._chunked = is_chunked(headers)
        self._left = None if self._chunked else _length(headers)
        self._line = b""
        self._in_chunk = 0
        self._state = "size" if self._chunked else "body"
        self.ended = empty or (self._left == 0 and not self._chunked)

    @property
    def complete(self) -> bool:
        return self.ended or (not self._chunked and self._left is None)

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of body in the next raw bytes; one per transfer chunk, or part of one."""
        if self.ended or not data:
            return []
        if not self._chunked:
            if self._left is not None:
                data = data[: self._left]
                self._left -= len(data)
                self.ended = self._left == 0
            return [data]
        return self._feed_chunked(data)

    def _feed_chunked(self, data: bytes) -> list[bytes]:
        pieces: list[bytes] = []
        position = 0
        while position < len(data) and not self.ended:
            if self._state == "data":
                piece = data[position : position + self._in_chunk]
                pieces.append(piece)
                position += len(piece)
                self._in_chunk -= len(piece)
                if self._in_chunk == 0:
                    self._state = "end"
                continue
            found = data.find(b"\n", position)
            if found < 0:
                self._line += data[position:]
                if len(self._line) > _MAX_LINE_BYTES:
                    pieces.append(self._give_up())
                break
            line = self._line = self._line + data[position : found + 1]
            position = found + 1
            if self._takes(line.strip()):
                self._line = b""
                continue
            pieces.append(self._give_up() + data[position:])
            break
        return pieces

    def _give_up(self) -> bytes:
        """This is no transfer coding: from here on all is body. Returns the line that was held back."""
        line, self._line = self._line, b""
        self._chunked, self._left = False, None
        return line

    def _takes(self, line: bytes) -> bool:
        """Go on to the next state; False when the line should be a chunk's size and is not."""
        if self._state == "end":
            self._state = "size"
        elif self._state == "trailer":
            self.ended = not line
        else:
            size = line.partition(b";")[0].strip()
            if not size or len(size) > _MAX_SIZE_DIGITS or not _HEX_DIGITS.issuperset(size):
                return False
            self._in_chunk = int(size, 16)
            self._state = "data" if self._in_chunk else "trailer"
        return True


def is_chunked(headers: Sequence[tuple[str, str]]) -> bool:
    """True when the headers announce the chunked transfer coding."""
    return any(name.lower() == "transfer-encoding" and "chunked" in value.lower() for name, value in headers)


def _length(headers: Sequence[tuple[str, str]]) -> int | None:
    for name, value in headers:
        if name.lower() == "content-length":
            return int(value) if value.strip().isascii() and value.strip().isdigit() else None
    return None


def head_of(status: int, headers: Sequence[tuple[str, str]], http_version: str) -> bytes:
    """A status line and header block."""
    lines = [f"{http_version or 'HTTP/1.1'} {status} {_reason(status)}".encode("latin-1", "replace")]
    lines += [f"{name}: {value}".encode("latin-1", "replace") for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _reason(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def frame_chunk(data: bytes) -> bytes:
    """One transfer chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


last_chunk = b"0\r\n\r\n"
