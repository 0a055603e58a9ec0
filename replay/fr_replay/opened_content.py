"""Content under keys, as DuckDB reads it: tables that are opened while they are scanned, in bounded memory.

pyarrow is imported when such a table is scanned. DuckDB hands neither filters nor columns to them, so a question over content under keys
opens all of it that lies in the files asked; lookups by id go through :meth:`fr_replay.store.Store.blobs` and open only what they name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from fr_schema.columns import BLOB_COLUMNS, EVENT_COLUMNS, EXPIRED
from fr_schema.protected import WITHHELD

from .fact_views import FACT_VIEWS

if TYPE_CHECKING:
    from .capture import Opener

__all__ = ["OpenedBlobs", "OpenedColumns", "asks_for_withheld", "withheld_select"]

_ROWS_PER_BATCH = 2_000
_BLOBS_PER_BATCH = 64
_BLOB_FILE_COLUMNS = tuple(column.name for column in BLOB_COLUMNS)
_EVENT_FILE_COLUMNS = ("record_id", "trace_id", "writer_id", "scope", "sealed_columns")

TYPES = {column.name: column.type for column in EVENT_COLUMNS if column.name in WITHHELD}

_MAPS = frozenset(name for name, kind in TYPES.items() if kind == "map")

_FILLED_WHERE = {
    "error_message": "s.status IN ('error', 'cancelled')",
    "decision_label": "s.kind = 'decision'",
    "request_url": "s.request_method IS NOT NULL",
    "argv": "s.kind = 'run'",
}
"""Columns that show a word in place of what cannot be opened, and the rows that had something there. The others show NULL: they are JSON,
maps and lists, which readers take apart."""

_SHOWS_WITHHELD = frozenset(("calls", "attempts", "tools", "http", "decisions", "processes", "events", "all_events"))
_COUNTED_STAR = re.compile(r"\(\s*\*\s*\)")
_WORD = re.compile(r"\w+")


def asks_for_withheld(sql: str | None) -> bool:
    """Whether SQL may show withheld columns. When that cannot be told, it may; what it then costs is time only."""
    if sql is None:
        return True
    text = sql.lower()
    words = _WORD.findall(text)
    if not FACT_VIEWS.keys().isdisjoint(words):
        # Their columns have names of their own for parts of withheld ones.
        return True
    if _SHOWS_WITHHELD.isdisjoint(words):
        return False
    if not set(WITHHELD).isdisjoint(words) or "*" in _COUNTED_STAR.sub("()", text) or "columns" in words:
        return True
    return words.count("from") > words.count("select")


def withheld_select(columns: tuple[str, ...], *, opened: bool) -> str:
    """The columns of ``stored_events s``, the withheld ones from ``opened_columns o``; where that is not joined, a word in their place."""
    picked = []
    for name in columns:
        kind = TYPES.get(name)
        if kind is None:
            picked.append(f's."{name}"')
            continue
        word = "o.locked" if opened else "'[encrypted]'"
        there = f'WHEN o.locked IS NULL THEN o."{name}" ' if opened else ""
        known = f"WHEN {_FILLED_WHERE[name]} THEN {f'[{word}]' if kind == 'list:text' else word} " if name in _FILLED_WHERE else ""
        picked.append(f'CASE WHEN s.sealed_columns IS NULL THEN s."{name}" {there}{known}END AS "{name}"')
    return ", ".join(picked)


class _Stream:
    """A table that is read anew for each scan (the Arrow PyCapsule interface)."""

    def __init__(self, paths: list[str], live: Any, opener: Opener) -> None:
        self._paths = paths
        self._live = live
        self._opener = opener

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        import pyarrow as pa

        schema = self._schema()
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema)).__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> Any:
        return self._schema().__arrow_c_schema__()

    def _schema(self) -> Any:
        raise NotImplementedError

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def _stored(self) -> Iterator[list[dict[str, Any]]]:
        raise NotImplementedError

    def _batches(self, schema: Any) -> Iterator[Any]:
        import pyarrow as pa

        for rows in self._stored():
            yield pa.RecordBatch.from_pylist([self._row(row) for row in rows], schema=schema)

    def _rows_of_files(
        self, columns: tuple[str, ...], keep: Callable[[dict[str, Any]], bool], at_once: int = _ROWS_PER_BATCH
    ) -> Iterator[list[dict[str, Any]]]:
        """Rows of the files and of the live journals, some at a time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        for path in self._paths:
            with pq.ParquetFile(path) as file:
                there = [name for name in columns if name in file.schema_arrow.names]
                for batch in file.iter_batches(at_once, columns=there):
                    rows = [row for row in batch.to_pylist() if keep(row)]
                    if rows:
                        yield rows
        if isinstance(self._live, pa.Table):
            for batch in self._live.select(columns).to_batches(at_once):
                rows = [row for row in batch.to_pylist() if keep(row)]
                if rows:
                    yield rows


class OpenedBlobs(_Stream):
    """The rows of stored parts under keys, opened, with ``locked``: what stands in place of content that cannot be."""

    def _schema(self) -> Any:
        import pyarrow as pa

        from fr_schema.arrow_types import BLOBS_SCHEMA

        return pa.schema([*(pa.field(field.name, field.type) for field in BLOBS_SCHEMA), ("locked", pa.string())])

    def _stored(self) -> Iterator[list[dict[str, Any]]]:
        return self._rows_of_files(_BLOB_FILE_COLUMNS, lambda row: row["cipher"] != "none", _BLOBS_PER_BATCH)

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        content, locked = self._opener.blob(row) if row["codec"] != EXPIRED else (None, f"[{EXPIRED}]")
        return {**row, "data": content, "locked": locked}


class OpenedColumns(_Stream):
    """record_id and the withheld columns of each row that has some; ``trace``: of one trace only, its hex id."""

    def __init__(self, paths: list[str], live: Any, opener: Opener, trace: str | None) -> None:
        super().__init__(paths, live, opener)
        self._trace = bytes.fromhex(trace) if trace is not None else None

    def _schema(self) -> Any:
        import pyarrow as pa

        from fr_schema.arrow_types import EVENTS_SCHEMA

        withheld = ((name, EVENTS_SCHEMA.field(name).type) for name in TYPES)
        return pa.schema([("record_id", pa.binary(16)), ("locked", pa.string()), *withheld])

    def _stored(self) -> Iterator[list[dict[str, Any]]]:
        return self._rows_of_files(_EVENT_FILE_COLUMNS, self._is_wanted)

    def _is_wanted(self, row: dict[str, Any]) -> bool:
        return row.get("sealed_columns") is not None and (self._trace is None or row["trace_id"] == self._trace)

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        found, locked = self._opener.columns(row)
        found = found or {}
        for name in _MAPS & found.keys():
            # As Arrow takes a map.
            found[name] = [(key, value) for key, value in found[name]]
        return {"record_id": row["record_id"], "locked": locked, **dict.fromkeys(TYPES), **found}
