"""Amazon's binary event stream, in which Bedrock answers: frames with lengths, headers and checksums around JSON.

Format: https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream. A frame in which something is
replaced is written anew with right lengths and checksums. Bedrock's older call wraps the model's own JSON in Base64
(``{"bytes": "..."}``), which is looked into.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from struct import Struct
from typing import Any, NamedTuple
from zlib import crc32

from fr_recorder.redact.edits import ByteEdit, Edit, splice
from fr_recorder.redact.look import decode_json
from fr_recorder.redact.streams import Assembly

__all__ = ["AmazonEventReader", "DamagedFrame", "frame"]

_LENGTHS = Struct(">II")
_CHECKSUM = Struct(">I")
_PRELUDE_SIZE = 12
_SMALLEST = 16
_LARGEST = 24 << 20
_WRAPPER_MEMBERS = frozenset(("bytes", "p"))


class DamagedFrame(ValueError):
    """The bytes are not frames that can be looked into and written anew."""


class _FramePayload(NamedTuple):
    """The JSON in one frame.

    Attributes:
        text: the JSON; the one within the Base64 where the frame wraps it so.
        start: where the frame begins in the body.
        end: where it ends.
        headers: the frame's headers as they stand.
        wrapper: the JSON object around the Base64, or None.
    """

    text: str
    start: int
    end: int
    headers: bytes
    wrapper: dict[str, Any] | None

    def byte_edits(self, edits: list[Edit]) -> list[ByteEdit]:
        """The frame as a whole is written anew."""
        if not edits:
            return []
        content = splice(self.text, edits).encode("utf-8", "surrogateescape")
        if self.wrapper is not None:
            content = json.dumps({**self.wrapper, "bytes": b64encode(content).decode()}, separators=(",", ":")).encode()
        return [ByteEdit(self.start, self.end, frame(self.headers, content))]


def frame(headers: bytes, content: bytes) -> bytes:
    """One frame around encoded headers and a content."""
    lengths = _LENGTHS.pack(len(headers) + len(content) + _SMALLEST, len(headers))
    head = lengths + _CHECKSUM.pack(crc32(lengths)) + headers + content
    return head + _CHECKSUM.pack(crc32(head))


class AmazonEventReader:
    """Reads frames; see :class:`fr_recorder.redact.events.EventReader`."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._rest = bytearray()
        self._offset = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            DamagedFrame: when a length or checksum is wrong, or headers hold something to replace, which no provider puts there.
        """
        self._rest += data
        while len(self._rest) >= _PRELUDE_SIZE:
            length, header_length = _LENGTHS.unpack_from(self._rest)
            if _CHECKSUM.unpack_from(self._rest, 8)[0] != crc32(self._rest[:8]) or not _SMALLEST + header_length <= length <= _LARGEST:
                raise DamagedFrame("wrong lengths or checksum at the start of a frame")
            if len(self._rest) < length:
                return
            whole = bytes(self._rest[:length])
            del self._rest[:length]
            if _CHECKSUM.unpack(whole[-4:])[0] != crc32(whole[:-4]):
                raise DamagedFrame("wrong checksum of a frame")
            self._take(whole, header_length)
            self._offset += length

    def end(self) -> None:
        """The body is over; a frame cut short is left out, since it cannot be looked into."""
        if self._rest:
            self._assembly.leave_out(self._offset, self._offset + len(self._rest), "incomplete_frame")

    def _take(self, whole: bytes, header_length: int) -> None:
        headers = whole[_PRELUDE_SIZE : _PRELUDE_SIZE + header_length]
        if not self._assembly.is_clean_text(headers.decode("latin-1")):
            raise DamagedFrame("the headers of a frame hold something to replace")
        text = whole[_PRELUDE_SIZE + header_length : -4].decode("utf-8", "surrogateescape")
        wrapper, inner = _unwrapped(text)
        end = self._offset + len(whole)
        self._assembly.add(_FramePayload(inner, self._offset, end, headers, wrapper), "frame")


def _unwrapped(text: str) -> tuple[dict[str, Any] | None, str]:
    """The JSON object around Base64 and the text in the Base64, or None and the text itself."""
    try:
        value = decode_json(text)
        if isinstance(value, dict) and "bytes" in value and value.keys() <= _WRAPPER_MEMBERS:
            return value, b64decode(value["bytes"], validate=True).decode("utf-8", "surrogateescape")
    except (ValueError, TypeError, RecursionError):
        return None, text
    return None, text
