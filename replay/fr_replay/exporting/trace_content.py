"""What exports are made of: the rows of a trace and the content that they name."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

from fr_schema.columns import EVENT_COLUMNS

from ..contents import Contents
from ..reading import Row, rows_of
from ..selectors import store_of_trace
from ..store import Store
from ..trace_record import is_of_a_command

__all__ = ["CONTENT_COLUMNS", "bytes_of", "content_value", "ids_in", "load_contents", "parts_of", "trace_rows"]

CONTENT_COLUMNS = {
    column.name: column.name.removesuffix("_blob").removesuffix("_blobs").removesuffix("_parts")
    for column in EVENT_COLUMNS
    if column.name.endswith(("_blob", "_blobs", "_parts"))
}
"""Columns that name stored parts, and what their content is called in an export."""

_ONE_BY_ONE = "_blobs"


def trace_rows(store: Store, trace_id: str) -> list[Row]:
    """All rows of a trace, those of a command's processes included, in their order. Ids are bytes. Raises QueryFailed or DamagedFile."""
    key = bytes.fromhex(trace_id)
    near = store_of_trace(store, trace_id)
    where, values = ("run_id = ? OR trace_id = ?", [key, key]) if is_of_a_command(store, trace_id) else ("trace_id = ?", [key])
    return rows_of(
        near if len(values) == 1 else store,
        f"SELECT * FROM all_events WHERE {where} ORDER BY started_at, writer_id, seq, kind, record_id",
        values,
    )


def parts_of(row: Row, column: str) -> list[bytes]:
    """The parts that a column of a row names."""
    value = row.get(column)
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def ids_in(rows: Iterable[Row]) -> set[bytes]:
    """All parts that rows name."""
    found = {part for row in rows for column in CONTENT_COLUMNS for part in parts_of(row, column)}
    for row in rows:
        for call in json.loads(row.get("output_tool_calls") or "[]"):
            if call.get("arguments_blob"):
                found.add(bytes.fromhex(call["arguments_blob"]))
    return found


def load_contents(store: Store, trace_id: str, rows: Sequence[Row]) -> Contents:
    """The content that rows name."""
    contents = Contents(store_of_trace(store, trace_id), store)
    contents.fetch(ids_in(rows))
    return contents


def bytes_of(contents: Contents, parts: Sequence[bytes]) -> bytes | None:
    """Parts joined; None when one of them is missing."""
    pieces = [contents.data(part) for part in parts]
    return None if any(piece is None for piece in pieces) else b"".join(piece or b"" for piece in pieces)


def content_value(contents: Contents, row: Row, column: str) -> Any:
    """The content of a column: text, or ``{"base64": ...}`` where it is none; a list for parts that stand for themselves.

    None where the row names none; ``{"missing": n}`` where parts are not in the store.
    """
    if row.get(column) is None:
        return None
    parts = parts_of(row, column)
    if column.endswith(_ONE_BY_ONE):
        return [_value(bytes_of(contents, [part]), 1) for part in parts]
    return _value(bytes_of(contents, parts), len(parts))


def _value(data: bytes | None, parts: int) -> Any:
    if data is None:
        return {"missing": parts}
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
