"""Frames under any damage: never an exception, never a record that was not written, never a gap in what is accounted for."""

from __future__ import annotations

import json
import struct
from typing import Any

import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from fr_schema.frames import (
    HEADER,
    MAX_PAYLOAD_BYTES,
    BlobRecord,
    Damage,
    EventRecord,
    Frame,
    decompress_bounded,
    encode_blob,
    encode_event,
    encode_frame,
    read_frames,
    read_records,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.dictionaries(st.text(), JSON, max_size=5)
BLOBS = st.tuples(
    st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16), st.sampled_from(["message", "", "x" * 255]), st.binary()
)
RECORDS = st.one_of(EVENTS, BLOBS)
COMPRESSOR = zstandard.ZstdCompressor(level=1)


def encode(record: Any) -> bytes:
    return encode_event(record) if isinstance(record, dict) else encode_blob(*record)


def decoded(record: EventRecord | BlobRecord | Damage) -> Any:
    return (
        record.event
        if isinstance(record, EventRecord)
        else tuple(record.__getattribute__(n) for n in ("blob_id", "trace_id", "kind", "data"))
    )


@given(st.lists(st.lists(RECORDS, max_size=4), max_size=5), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_records_come_back(batches: list[list[Any]], compress: bool) -> None:
    """Whatever JSON has, and any bytes, survive in order."""
    data = b"".join(encode_frame(n, b"".join(map(encode, batch)), COMPRESSOR if compress else None) for n, batch in enumerate(batches))
    found = list(read_frames(data))
    assert all(isinstance(frame, Frame) and not frame.salvaged for frame in found)
    back = [[decoded(record) for record in read_records(frame)] for frame in found if isinstance(frame, Frame)]
    assert back == [[json.loads(json.dumps(r)) if isinstance(r, dict) else r for r in batch] for batch in batches]


@st.composite
def damaged_journals(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Payloads, and their journal after some strokes of bad luck."""
    payloads = draw(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
    data = bytearray(b"".join(encode_frame(n, payload, COMPRESSOR) for n, payload in enumerate(payloads)))
    for _ in range(draw(st.integers(0, 3))):
        stroke = draw(st.sampled_from(["flip", "cut", "zero", "insert", "delete", "move", "double"]))
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 200)))
        if stroke == "flip" and start < len(data):
            data[start] ^= draw(st.integers(1, 255))
        elif stroke == "cut":
            del data[start:]
        elif stroke == "zero":
            data[start:end] = bytes(end - start)
        elif stroke == "insert":
            data[start:start] = draw(st.binary(max_size=80) | st.just(encode_frame(7, b"foreign")))
        elif stroke == "delete":
            del data[start:end]
        elif stroke == "move":
            piece = bytes(data[start:end])
            del data[start:end]
            data += piece
        else:
            data[start:start] = data[start:end]
    return payloads, bytes(data)


@given(damaged_journals())
@settings(max_examples=400, deadline=None)
def test_damage_is_accounted_for(journal: tuple[list[bytes], bytes]) -> None:
    """Items cover the file; frames are true ones, each once; nothing behind damage is trusted."""
    payloads, data = journal
    position, trusted, numbers = 0, True, []
    for item in read_frames(data):
        assert item.offset == position
        if isinstance(item, Damage):
            position += item.length
            trusted = False
            continue
        position += HEADER.size + struct.unpack_from("<I", data, item.offset + 4)[0]
        assert item.payload == (payloads[item.seq] if item.seq < len(payloads) and item.payload != b"foreign" else b"foreign")
        assert item.salvaged is not trusted
        if trusted:
            assert item.seq == len(numbers)
        numbers.append(item.seq)
    assert position == len(data)
    assert len(set(numbers)) == len(numbers)


@given(st.binary(max_size=400), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_without_an_exception(data: bytes, times: int) -> None:
    """As a file, as a payload with the right checksum, as a compressed payload."""
    list(read_frames(data))
    list(read_frames((b"FRJ1" + data) * times))
    frame = Frame(0, 0, 1, data, False)
    assert sum(isinstance(record, Damage) for record in read_records(frame)) <= 1
    unpacked = decompress_bounded(data)
    assert unpacked is None or len(unpacked) <= MAX_PAYLOAD_BYTES


@given(st.binary(max_size=2000), st.integers(0, 4000))
@settings(max_examples=200, deadline=None)
def test_decompression_keeps_its_limit(data: bytes, limit: int) -> None:
    """All of it, or None when it is more than the limit."""
    assert decompress_bounded(COMPRESSOR.compress(data), limit) == (data if len(data) <= limit else None)
