"""Arrow schemas of the tables, derived from the column tables. The only module of this room that imports pyarrow."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from .columns import BLOB_COLUMNS, EVENT_COLUMNS, Column
from .version import FORMAT_VERSION

__all__ = ["BLOBS_SCHEMA", "EVENTS_SCHEMA", "arrow_type"]

_REDACTION = pa.struct([("path", pa.string()), ("detector", pa.string()), ("count", pa.int32())])

_TYPES: dict[str, Any] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "term": pa.string(),
    "json": pa.string(),
    "bytes": pa.binary(),
    "ts": pa.timestamp("us", tz="UTC"),
    # Fixed binary, not the Parquet UUID type and not nanoseconds: Spark refuses both of those.
    "id16": pa.binary(16),
    "id8": pa.binary(8),
    "sha": pa.binary(32),
    "map": pa.map_(pa.string(), pa.string()),
    "redaction": _REDACTION,
}


def arrow_type(name: str) -> Any:
    """The Arrow type of a column type's name."""
    if name.startswith("list:"):
        return pa.list_(_TYPES[name.removeprefix("list:")])
    return _TYPES[name]


def _schema(columns: tuple[Column, ...], table: str) -> Any:
    fields = [pa.field(c.name, arrow_type(c.type), nullable=not c.required, metadata={"doc": c.doc}) for c in columns]
    return pa.schema(fields, metadata={"fr.format_version": str(FORMAT_VERSION), "fr.table": table})


EVENTS_SCHEMA = _schema(EVENT_COLUMNS, "events")
BLOBS_SCHEMA = _schema(BLOB_COLUMNS, "blobs")
