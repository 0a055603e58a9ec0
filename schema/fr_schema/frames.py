"""The frame of a journal file: how bytes are wrapped so that a torn tail can be told from a record.

One frame, little endian::

    magic      4   b"FRJ1"
    length     u32 bytes of payload that follow the header
    flags      u32 bit 0: the payload is one zstd frame; bit 1: reserved for encryption
    kind       u16 what the payload is; 1 = a batch of records
    version    u16 format version of the payload
    seq        u64 0, 1, 2 ... in one file; a jump says that frames are missing
    checksum   u64 xxh3-64 over the 24 bytes before it and the payload

A batch payload, once decompressed, is records back to back: ``type u8 | length u32 | bytes``.
Type 1 is a JSON event (UTF-8), type 2 a blob: ``id 32 bytes | trace 16 bytes | kind length u8 |
kind | content``, the trace being the one that the blob was first needed for.

Writing and reading stay together here so that they cannot drift apart. Everything is pure: bytes in,
values out; no file is opened.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .version import FORMAT_VERSION

__all__ = [
    "HEADER",
    "MAGIC",
    "MAX_PAYLOAD_BYTES",
    "BlobRecord",
    "Damage",
    "EventRecord",
    "Frame",
    "encode_blob",
    "encode_event",
    "encode_frame",
    "read_frames",
    "read_records",
]

MAGIC = b"FRJ1"
HEADER = struct.Struct("<4sIIHHQQ")
_UNCHECKED_HEADER = struct.Struct("<4sIIHHQ")
_RECORD = struct.Struct("<BI")
_BLOB_HEAD_BYTES = 32 + 16 + 1

BATCH = 1
FLAG_ZSTD = 1
EVENT = 1
BLOB = 2

MAX_PAYLOAD_BYTES = 256 * 1024 * 1024
"""No length field above this is believed, before or after decompression: a damaged or hostile one must
not make a reader allocate gigabytes."""

_COMPRESS_FROM_BYTES = 256


@dataclass(frozen=True, slots=True)
class Frame:
    """One good frame: where it lay, its number, its decompressed payload, and how far to trust it.

    ``salvaged`` is True for a frame found by searching behind damage.
    """

    offset: int
    seq: int
    version: int
    payload: bytes
    salvaged: bool


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a journal that is not a good frame: ``[offset, offset + length)``, and why."""

    offset: int
    length: int
    reason: str


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One event of a batch, as the mapping that the writer encoded."""

    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BlobRecord:
    """One stored part of a batch."""

    blob_id: bytes
    trace_id: bytes
    kind: str
    data: bytes


_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def encode_event(event: dict[str, Any]) -> bytes:
    """One event record. Raises TypeError or ValueError for values that JSON does not have.

    A lone surrogate (half of a UTF-16 pair, legal in a Python string) cannot be UTF-8; such an event is
    written with JSON escapes throughout.
    """
    text = _encode_json(event)
    try:
        body = text.encode()
    except UnicodeEncodeError:
        body = json.dumps(event, ensure_ascii=True, separators=(",", ":")).encode()
    return _RECORD.pack(EVENT, len(body)) + body


def encode_blob(blob_id: bytes, trace_id: bytes, kind: str, data: bytes) -> bytes:
    """One blob record. ``kind`` is ASCII of at most 255 characters."""
    name = kind.encode("ascii")
    head = _RECORD.pack(BLOB, _BLOB_HEAD_BYTES + len(name) + len(data))
    return b"".join((head, blob_id, trace_id, bytes((len(name),)), name, data))


def encode_frame(seq: int, payload: bytes, compressor: Any = None) -> bytes:
    """One frame around a batch payload. ``compressor`` has zstandard's one-shot ``compress(bytes)``.

    Raises ValueError when the payload is larger than a reader would believe.
    """
    import xxhash

    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a frame holds at most {MAX_PAYLOAD_BYTES} bytes, not {len(payload)}")
    flags = 0
    if compressor is not None and len(payload) >= _COMPRESS_FROM_BYTES:
        packed = compressor.compress(payload)
        if len(packed) < len(payload):
            payload, flags = packed, FLAG_ZSTD
    head = _UNCHECKED_HEADER.pack(MAGIC, len(payload), flags, BATCH, FORMAT_VERSION, seq)
    checksum = xxhash.xxh3_64_intdigest(head + payload)
    return b"".join((head, checksum.to_bytes(8, "little"), payload))


def read_frames(data: bytes | memoryview) -> Iterator[Frame | Damage]:
    """Every good frame of a journal in order, and every stretch that is not one.

    After damage the next magic number that begins a good frame is searched for, and frames from there on
    are marked ``salvaged``. Never raises for any content; memory stays within one decompressed frame.
    """
    view = memoryview(data)
    position, salvaged = 0, False
    while position < len(view):
        frame = _frame_at(view, position, salvaged)
        if isinstance(frame, Frame):
            yield frame
            position += HEADER.size + _length_at(view, position)
            continue
        following = _next_good_frame(view, position + 1)
        yield Damage(position, following - position, frame)
        position, salvaged = following, True


def read_records(frame: Frame) -> Iterator[EventRecord | BlobRecord | Damage]:
    """The records of a good frame, in order. A record that cannot be read ends the frame with a Damage."""
    payload, position = memoryview(frame.payload), 0
    while position < len(payload):
        record = _record_at(payload, position)
        if isinstance(record, str):
            yield Damage(frame.offset, len(payload) - position, record)
            return
        position += _RECORD.size + _RECORD.unpack_from(payload, position)[1]
        if record is not None:
            yield record


def _record_at(payload: memoryview, position: int) -> EventRecord | BlobRecord | None | str:
    """The record at a position, None for a type of a later version, or the reason it cannot be read."""
    if position + _RECORD.size > len(payload):
        return "a record header is cut short"
    kind, length = _RECORD.unpack_from(payload, position)
    start = position + _RECORD.size
    if start + length > len(payload):
        return "a record is longer than its frame"
    body = bytes(payload[start : start + length])
    if kind == EVENT:
        try:
            event = json.loads(body)
        except (ValueError, RecursionError):
            return "an event is not JSON"
        return EventRecord(event) if isinstance(event, dict) else "an event is not a JSON object"
    if kind == BLOB:
        if length < _BLOB_HEAD_BYTES or length < _BLOB_HEAD_BYTES + body[_BLOB_HEAD_BYTES - 1]:
            return "a blob is cut short"
        name_end = _BLOB_HEAD_BYTES + body[_BLOB_HEAD_BYTES - 1]
        kind_name = body[_BLOB_HEAD_BYTES:name_end].decode("ascii", "replace")
        return BlobRecord(body[:32], body[32:48], kind_name, body[name_end:])
    return None


def _length_at(view: memoryview, position: int) -> int:
    length: int = HEADER.unpack_from(view, position)[1]
    return length


def _frame_at(view: memoryview, position: int, salvaged: bool) -> Frame | str:
    """The good frame at a position, or the reason why there is none."""
    import xxhash

    if position + HEADER.size > len(view):
        return "the file ends inside a frame header"
    magic, length, flags, kind, version, seq, checksum = HEADER.unpack_from(view, position)
    if magic != MAGIC:
        return "no frame begins here"
    if length > MAX_PAYLOAD_BYTES:
        return f"a frame claims {length} bytes"
    start = position + HEADER.size
    if start + length > len(view):
        return "the file ends inside a frame"
    digest = xxhash.xxh3_64()
    digest.update(view[position : position + _UNCHECKED_HEADER.size])
    digest.update(view[start : start + length])
    if digest.intdigest() != checksum:
        return "a frame does not match its checksum"
    if kind != BATCH:
        return f"a frame is of the unknown kind {kind}"
    payload = bytes(view[start : start + length])
    if flags & FLAG_ZSTD:
        unpacked = decompress_bounded(payload)
        if unpacked is None:
            return "a frame cannot be decompressed within its limit"
        payload = unpacked
    elif flags:
        return f"a frame has unknown flags {flags}"
    return Frame(position, seq, version, payload, salvaged)


def _next_good_frame(view: memoryview, position: int) -> int:
    """The offset of the next good frame, or the end of the file."""
    raw = view.obj if isinstance(view.obj, bytes) and len(view.obj) == len(view) else None
    while True:
        found = raw.find(MAGIC, position) if raw is not None else _find(view, position)
        if found < 0:
            return len(view)
        if isinstance(_frame_at(view, found, True), Frame):
            return found
        position = found + 1


def _find(view: memoryview, position: int, window: int = 1 << 20) -> int:
    """``bytes.find`` for a memoryview that is not backed by bytes (an mmap), window by window."""
    while position < len(view):
        found = bytes(view[position : position + window + len(MAGIC) - 1]).find(MAGIC)
        if found >= 0:
            return position + found
        position += window
    return -1


def decompress_bounded(data: bytes, limit: int = MAX_PAYLOAD_BYTES) -> bytes | None:
    """One zstd frame, decompressed; None when it is damaged or would exceed the limit in bytes."""
    import zstandard

    try:
        size = zstandard.frame_content_size(data)
        if size < 0 or size > limit:
            return None
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError:
        return None
