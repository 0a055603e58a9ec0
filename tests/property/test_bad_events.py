"""Events of the wrong shape behind a right checksum: reading never raises, the rows fit their columns, and what is left out is told."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fr_schema.arrow_types import BLOBS_SCHEMA, EVENTS_SCHEMA
from fr_schema.fold import fold_journal
from fr_schema.frames import BlobRecord, EventRecord, Frame, encode_blob, encode_event, encode_frame, read_frames, read_records
from fr_schema.rows import RowBuilder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))

from recorder_rig import Rig

WRITER = "w00000000001-aaaaaa-7-00000001"
Record = EventRecord | BlobRecord
ODD = st.one_of(
    st.sampled_from(
        [None, True, -1, 0, 2**31, 2**63, -(2**63) - 1, 10**30, 1e308, float("nan"), "", "x" * 300, "\0", [], {}, [[]], {"": None}]
    ),
    st.text(max_size=20),
    st.integers(),
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4), max_leaves=8),
)


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """All records of a journal with calls that share a conversation, a failure, tools, a decision and an answer that is not there yet."""
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        rig.http(b'{"model":"gpt-4o","messages":[{"role":"user","content":"one"}]}')
        rig.http(b'{"model":"gpt-4o","messages":[{"role":"user","content":"one"},{"role":"user","content":"two"}]}')
        rig.http(b'{"model":"gpt-4o","messages":[]}', status=429)
        rig.tool({"order": "o-1"}, {"done": True})
        rig.begin_http()
        rig.write([{"t": "reads", "trace": rig.folded().header["trace"], "at": 5, "lanes": {"p0": {"w": [1, 2], "b": [3]}}}])
        rig.write([{"t": "gap", "trace": rig.folded().header["trace"], "at": 5, "lost": 2, "reason": "full"}])
        rig.close()
        frames = [frame for frame in read_frames(rig.files()[0].read_bytes()) if isinstance(frame, Frame)]
        found = [record for frame in frames for record in read_records(frame)]
    assert len(found) > 20 and all(isinstance(record, Record) for record in found)
    return found  # type: ignore[return-value]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a JSON value, that of the value itself left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, of in inner for place in ((*path, key), *places(of, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any, *, remove: bool) -> Any:
    """A copy with another value at a path, or without one."""
    copy = dict(value) if isinstance(value, dict) else list(value)
    key = path[0]
    if len(path) > 1:
        copy[key] = changed(copy[key], path[1:], new, remove=remove)
    elif remove:
        del copy[key]
    else:
        copy[key] = new
    return copy


def _is_behind(number: Any) -> bool:
    return isinstance(number, int) and number >= 1 << 40


def encoded(records: list[Record]) -> bytes:
    """A journal of these records, a frame each."""
    payloads = (
        encode_event(record.event)
        if isinstance(record, EventRecord)
        else encode_blob(record.blob_id, record.trace_id, record.kind, record.data)
        for record in records
    )
    return b"".join(encode_frame(number, payload) for number, payload in enumerate(payloads))


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_odd_events_become_rows_or_gaps(records: list[Record], data: st.DataObject) -> None:
    """Up to three values of the journal are odd, or missing, or whole records are elsewhere or doubled."""
    odd = list(records)
    for _ in range(data.draw(st.integers(1, 3))):
        number = data.draw(st.integers(0, len(odd) - 1))
        record = odd[number]
        act = data.draw(st.sampled_from(["change", "change", "change", "remove", "move", "double"]))
        if act == "move":
            odd.insert(data.draw(st.integers(0, len(odd) - 1)), odd.pop(number))
        elif act == "double" or isinstance(record, BlobRecord):
            odd.insert(data.draw(st.integers(0, len(odd))), record)
        elif found := places(record.event):
            path = data.draw(st.sampled_from(found))
            odd[number] = EventRecord(changed(record.event, path, data.draw(ODD), remove=act == "remove"))
    builder = RowBuilder(fold_journal(encoded(odd)), lambda _: None, writer=WRITER)
    events, blobs = builder.event_rows(), builder.blob_rows()
    pa.Table.from_pylist(events, schema=EVENTS_SCHEMA)
    pa.Table.from_pylist(blobs, schema=BLOBS_SCHEMA)
    # Gaps of damage are numbered behind everything that a journal holds, unless one of its own gaps has an odd number.
    behind = sum(row["kind"] == "gap" and row["seq"] >= 1 << 40 for row in events)
    odd_numbers = sum(
        isinstance(record, EventRecord) and record.event.get("t") == "gap" and _is_behind(record.event.get("n")) for record in odd
    )
    assert len(builder.damage) <= behind <= len(builder.damage) + odd_numbers
