"""The column tables, and the Arrow and Parquet types that follow from them."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fr_schema.arrow_types import BLOBS_SCHEMA, EVENTS_SCHEMA, arrow_type
from fr_schema.cells import DoesNotFit, fit_of
from fr_schema.columns import BLOB_COLUMNS, EVENT_COLUMNS, KINDS, Column

ALL = (*EVENT_COLUMNS, *BLOB_COLUMNS)
TYPES = sorted({column.type for column in ALL})

ARROW: dict[str, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "term": pa.string(),
    "json": pa.string(),
    "bytes": pa.binary(),
    "ts": pa.timestamp("us", tz="UTC"),
    "id16": pa.binary(16),
    "id8": pa.binary(8),
    "sha": pa.binary(32),
    "map": pa.map_(pa.string(), pa.string()),
    "list:sha": pa.list_(pa.binary(32)),
    "list:text": pa.list_(pa.string()),
    "list:redaction": pa.list_(pa.struct([("path", pa.string()), ("detector", pa.string()), ("count", pa.int32())])),
}
"""What schema/FORMAT.md promises of each type."""

PARQUET: dict[str, tuple[str, str, int | None]] = {
    # physical type, logical type, length
    "int": ("INT64", "None", None),
    "float": ("DOUBLE", "None", None),
    "bool": ("BOOLEAN", "None", None),
    "text": ("BYTE_ARRAY", "String", None),
    "bytes": ("BYTE_ARRAY", "None", None),
    "ts": ("INT64", "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds", None),
    "id16": ("FIXED_LEN_BYTE_ARRAY", "None", 16),
    "id8": ("FIXED_LEN_BYTE_ARRAY", "None", 8),
    "sha": ("FIXED_LEN_BYTE_ARRAY", "None", 32),
}


@pytest.mark.parametrize("columns", [EVENT_COLUMNS, BLOB_COLUMNS], ids=["events", "blobs"])
def test_columns_are_unique_and_documented(columns: tuple[Column, ...]) -> None:
    """Every column has a name in lower case and says what it holds."""
    names = [column.name for column in columns]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert all(len(column.doc) > 3 for column in columns)


@pytest.mark.parametrize("name", TYPES)
def test_type_is_the_promised_arrow_type(name: str) -> None:
    """The types of the small language are exactly those."""
    assert arrow_type(name) == ARROW[name]


@pytest.mark.parametrize(("schema", "columns", "table"), [(EVENTS_SCHEMA, EVENT_COLUMNS, "events"), (BLOBS_SCHEMA, BLOB_COLUMNS, "blobs")])
def test_schema_follows_from_the_columns(schema: pa.Schema, columns: tuple[Column, ...], table: str) -> None:
    """Names, order, NULLs and meaning, with the version of the format in the file itself."""
    assert schema.names == [column.name for column in columns]
    for column in columns:
        field = schema.field(column.name)
        assert field.type == ARROW[column.type]
        assert field.nullable is not column.required
        assert field.metadata[b"doc"].decode() == column.doc
    assert schema.metadata == {b"fr.format_version": b"1", b"fr.table": table.encode()}


@pytest.mark.parametrize("name", PARQUET)
def test_parquet_type_is_one_that_every_reader_knows(name: str, tmp_path: Path) -> None:
    """No UUID type, no nanoseconds: Spark refuses both."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"x": pa.array([], ARROW[name])}), path)
    column = pq.ParquetFile(path).schema.column(0)
    physical, logical, length = PARQUET[name]
    assert column.physical_type == physical
    assert str(column.logical_type).startswith(logical)
    assert length is None or column.length == length


def test_kinds_are_documented() -> None:
    """Every kind of row says what one row is."""
    assert all(re.fullmatch(r"[a-z_]+", kind) and doc for kind, doc in KINDS.items())


FITS: tuple[tuple[str, object, object], ...] = (
    # type, value, what the column holds (DoesNotFit: NULL)
    ("int", 5, 5),
    ("int", -(2**63), -(2**63)),
    ("int", 2**63, DoesNotFit),
    ("int", True, DoesNotFit),
    ("int", 1.0, DoesNotFit),
    ("int", "5", DoesNotFit),
    ("float", 1, 1.0),
    ("float", 0.5, 0.5),
    ("float", 10**400, DoesNotFit),
    ("float", False, DoesNotFit),
    ("float", "1", DoesNotFit),
    ("bool", True, True),
    ("bool", 1, DoesNotFit),
    ("text", "ä", "ä"),
    ("text", "caf\udce9", "caf\\udce9"),
    ("text", 17, "17"),
    ("text", {"a": [1]}, '{"a": [1]}'),
    ("term", [1], "[1]"),
    ("json", '{"a":"\ud800"}', '{"a":"\\ud800"}'),
    ("bytes", b"x", b"x"),
    ("bytes", "x", DoesNotFit),
    ("ts", 0, 0),
    ("ts", 253_402_300_799_999_999, 253_402_300_799_999_999),
    ("ts", 253_402_300_800_000_000, DoesNotFit),
    ("ts", -1, DoesNotFit),
    ("ts", 1.5, DoesNotFit),
    ("id16", bytes(16), bytes(16)),
    ("id16", bytes(15), DoesNotFit),
    ("id8", bytes(8), bytes(8)),
    ("id8", "0" * 16, DoesNotFit),
    ("sha", bytes(32), bytes(32)),
    ("sha", bytes(33), DoesNotFit),
    ("map", {"a": 1}, [("a", "1")]),
    ("map", [("a", "b")], [("a", "b")]),
    ("list:text", ["a", 1], ["a", "1"]),
    ("list:sha", [bytes(32)], [bytes(32)]),
    ("list:sha", [bytes(32), b""], DoesNotFit),
    ("list:redaction", [{"path": "p", "detector": "d", "count": 1}], [{"path": "p", "detector": "d", "count": 1}]),
)


@pytest.mark.parametrize(("name", "value", "expected"), FITS)
def test_values_fit_their_column_or_do_not(name: str, value: object, expected: object) -> None:
    """A value of the column's type stays; text is made of what has none; anything else is refused."""
    if expected is DoesNotFit:
        with pytest.raises(DoesNotFit):
            fit_of(name)(value)
    else:
        found = fit_of(name)(value)
        assert found == expected
        assert pa.array([found], ARROW[name]).to_pylist()


@pytest.mark.parametrize("name", TYPES)
def test_every_type_refuses_or_words_a_foreign_object(name: str) -> None:
    """No type lets an object of the program's through as it is."""
    try:
        found = fit_of(name)(object())
    except (DoesNotFit, TypeError):
        return
    assert type(found) is str
