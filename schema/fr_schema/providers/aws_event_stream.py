"""The binary framing of Amazon's event streams (``application/vnd.amazon.eventstream``), with its checksums.

A message is, big-endian: total length (4 bytes), length of the headers (4), CRC-32 of these eight bytes (4), headers,
payload, CRC-32 of everything before (4). A header is: length of the name (1), name, type (1), value.
Source: https://smithy.io/2.0/aws/amazon-eventstream.html; checked against recorded streams.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

__all__ = ["EventMessage", "MessageFault", "looks_like_event_stream", "parse_messages"]

_PRELUDE = struct.Struct(">III")
_PRELUDE_BYTES = 12
_CHECKSUM_BYTES = 4
_SMALLEST = _PRELUDE_BYTES + _CHECKSUM_BYTES

# Header value types: 0 and 1 are true and false without a value, the rest have these sizes or a 16-bit length before them.
_FIXED_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_SIZED_TYPES = (6, 7)
_TEXT_TYPE = 7


class EventMessage(NamedTuple):
    """One message: its text headers (``:event-type``, ``:message-type``, ``:exception-type``, ...) and its payload."""

    headers: dict[str, str]
    payload: bytes


class MessageFault(NamedTuple):
    """Why reading stopped before the end.

    Attributes:
        reason: ``truncated`` (the body ends inside a message), ``checksum`` or ``malformed``.
        offset: where in the body, in bytes, the message that could not be read begins.
    """

    reason: str
    offset: int


def parse_messages(body: bytes) -> tuple[list[EventMessage], MessageFault | None]:
    """All messages up to the end or to the first fault. After a fault nothing is taken: lengths can't be trusted."""
    messages: list[EventMessage] = []
    offset = 0
    size = len(body)
    while offset < size:
        if size - offset < _PRELUDE_BYTES:
            return messages, MessageFault("truncated", offset)
        total, header_bytes, prelude_checksum = _PRELUDE.unpack_from(body, offset)
        if zlib.crc32(body[offset : offset + 8]) != prelude_checksum:
            return messages, MessageFault("checksum", offset)
        if total < _SMALLEST or header_bytes > total - _SMALLEST:
            return messages, MessageFault("malformed", offset)
        end = offset + total
        if end > size:
            return messages, MessageFault("truncated", offset)
        checksum_at = end - _CHECKSUM_BYTES
        if zlib.crc32(body[offset:checksum_at]) != int.from_bytes(body[checksum_at:end], "big"):
            return messages, MessageFault("checksum", offset)
        headers_at = offset + _PRELUDE_BYTES
        headers = _parse_headers(body[headers_at : headers_at + header_bytes])
        if headers is None:
            return messages, MessageFault("malformed", offset)
        messages.append(EventMessage(headers, body[headers_at + header_bytes : checksum_at]))
        offset = end
    return messages, None


def looks_like_event_stream(body: bytes) -> bool:
    """True when the body begins with the prelude of a message, by its checksum."""
    if len(body) < _PRELUDE_BYTES:
        return False
    return bool(zlib.crc32(body[:8]) == _PRELUDE.unpack_from(body)[2])


def _parse_headers(data: bytes) -> dict[str, str] | None:
    headers: dict[str, str] = {}
    position = 0
    size = len(data)
    while position < size:
        name_end = position + 1 + data[position]
        if name_end >= size:
            return None
        name = data[position + 1 : name_end].decode("utf-8", "replace")
        kind = data[name_end]
        position = name_end + 1
        if kind in _SIZED_TYPES:
            if position + 2 > size:
                return None
            length = int.from_bytes(data[position : position + 2], "big")
            position += 2
        elif kind in _FIXED_SIZES:
            length = _FIXED_SIZES[kind]
        else:
            return None
        if position + length > size:
            return None
        if kind == _TEXT_TYPE:
            headers[name] = data[position : position + length].decode("utf-8", "replace")
        position += length
    return headers
