"""Identifiers: their looks, what can be read off them, and that equal inputs give equal ids."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime

import pytest

from fr_schema.ids import (
    day_of_trace,
    derived_blob_id,
    is_trace_id,
    new_span_id,
    new_trace_id,
    new_writer_id,
    record_id,
    trace_of_writer,
    trace_time_us,
    uuid7_at,
)


def test_trace_ids_are_uuids_of_version_7() -> None:
    """Version and variant bits are those of RFC 9562, and the first 48 bits are now."""
    before = time.time_ns() // 1_000_000
    ids = [new_trace_id() for _ in range(200)]
    after = time.time_ns() // 1_000_000
    assert len(set(ids)) == 200
    for trace in ids:
        assert is_trace_id(trace)
        parsed = uuid.UUID(trace)
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
        assert before <= trace_time_us(trace) // 1000 <= after


def test_uuid7_example() -> None:
    """The example of RFC 9562, appendix A.6: 2022-02-22 14:22:22 -05:00 with its random bits."""
    assert uuid7_at(0x017F22E279B0, bytes.fromhex("0cc318c4dc0c0c07398f")) == "017f22e279b07cc398c4dc0c0c07398f"


@pytest.mark.parametrize(("unix_ms", "first"), [(-5, "000000000000"), (1 << 60, "ffffffffffff")])
def test_times_beyond_48_bits_are_kept_within(unix_ms: int, first: str) -> None:
    """A clock that is wrong must not keep a row from having an id."""
    assert uuid7_at(unix_ms, bytes(10))[:12] == first


def test_trace_ids_sort_by_time() -> None:
    """A later millisecond sorts behind, whatever the random bits."""
    assert uuid7_at(1000, b"\xff" * 10) < uuid7_at(1001, bytes(10))


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 1, 1, 23, 59, 59, 999000, UTC), "2026-01-01"),
        (datetime(2026, 1, 2, 0, 0, tzinfo=UTC), "2026-01-02"),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01"),
        (datetime(9999, 12, 31, 12, tzinfo=UTC), "9999-12-31"),
    ],
)
def test_day_follows_from_the_trace_id(moment: datetime, day: str) -> None:
    """The UTC day, whatever the zone of the machine."""
    assert day_of_trace(uuid7_at(int(moment.timestamp() * 1000), bytes(10))) == day


def test_day_of_an_impossible_time_is_the_first() -> None:
    """48 bits reach to the year 10889, which no calendar of ours knows."""
    assert day_of_trace("f" * 32) == "1970-01-01"


@pytest.mark.parametrize(("text", "is_id"), [("0" * 32, True), ("0" * 31, False), ("A" * 32, False), ("g" * 32, False), ("", False)])
def test_trace_ids_are_32_lower_case_hex_characters(text: str, is_id: bool) -> None:
    """Nothing else is taken for one."""
    assert is_trace_id(text) is is_id


def test_span_ids_are_16_hex_characters() -> None:
    """Eight bytes, as in W3C trace context."""
    ids = {new_span_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(bytes.fromhex(span)) == 8 for span in ids)


def test_writer_ids_are_unique_and_do_not_name_the_host() -> None:
    """Two lives of one process id on one host differ."""
    one, other = new_writer_id("secret-host", 17), new_writer_id("secret-host", 17)
    assert one != other and "secret" not in one
    assert one.split("-")[2] == "17" and one.split("-")[1] == other.split("-")[1]


def test_record_ids_depend_on_writer_and_number_only_and_carry_the_time() -> None:
    """Whoever seals a row gives it the same id."""
    at = 1_767_225_600_123_456
    assert record_id("w", 1, at) == record_id("w", 1, at)
    assert len({record_id(writer, seq, at) for writer in ("w", "w1", "v") for seq in range(100)}) == 300
    assert record_id("w", 1, at) != record_id("w1", 1, at)
    assert trace_time_us(record_id("w", 1, at)) == at // 1000 * 1000
    assert uuid.UUID(record_id("w", 1, at)).version == 7


def test_derived_ids_are_separated_by_label_and_source() -> None:
    """Neither can be shifted into the other."""
    assert len(derived_blob_id(b"source", "text")) == 32
    ids = {derived_blob_id(source, label) for source in (b"a", b"b", b"") for label in ("a", "text", "")}
    assert len(ids) == 9


def test_trace_of_a_writer_is_of_its_time() -> None:
    """For a loss in a journal of which nothing but the name is known."""
    writer = new_writer_id("host", 5)
    trace = trace_of_writer(writer)
    assert is_trace_id(trace) and uuid.UUID(trace).version == 7
    assert abs(trace_time_us(trace) - time.time_ns() // 1000) < 5_000_000
    assert trace_of_writer(writer) == trace != trace_of_writer(writer + "0")
    assert day_of_trace(trace_of_writer("no such name")) == "1970-01-01"
