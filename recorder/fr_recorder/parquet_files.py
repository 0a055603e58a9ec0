"""Writing sealed Parquet files: the settings that every file of a table is written with, by sealing and by compaction.

Imports pyarrow, inside its functions: it runs in the launcher and in ``fr`` commands, never in the agent's start path.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any

from fr_schema.layout import BLOBS, EVENTS

from .journal import sync_folder

__all__ = ["ROW_GROUP_ROWS", "ParquetOutput", "schema_of", "table_of", "write_parquet"]

ROW_GROUP_ROWS = {EVENTS: 65_536, BLOBS: 8_192}
"""The most rows of a row group, by table."""

_BLOOM_COLUMNS = {EVENTS: ("record_id", "ext_trace_id"), BLOBS: ("blob_id",)}
_NO_DICTIONARY = frozenset(("data", "record_id", "blob_id", "span_id", "call_span_id", "leaf_hash"))
_ROWS_FOR_BLOOM = 64

_AS_DIFFERENCES = {
    EVENTS: (
        *("segment_index", "seq", "recorded_at", "started_at", "ended_at", "lane_seq", "issue_no"),
        *("request_bytes", "response_bytes"),
    ),
    BLOBS: ("segment_index",),
}
"""Numbers that mostly differ from row to row, and little: stored as differences they take a third."""

_WITH_STATISTICS = {
    EVENTS: (
        *("trace_id", "run_id", "record_id", "span_id", "seq", "kind", "recorded_at", "started_at", "duration_ms", "status", "error_type"),
        *("session_id", "task_id", "user_ref", "tenant_id", "agent_name", "agent_version", "service", "environment", "scope"),
        *("provider", "model_requested", "model_resolved", "tool_name", "tokens_in", "tokens_out", "cost_usd"),
        *("ext_trace_id", "writer_id", "segment"),
    ),
    BLOBS: ("blob_id", "kind", "scope", "writer_id", "first_trace_id", "recorded_at", "segment"),
}
"""Columns that are asked for by value. The footer holds smallest and largest of each, and is a tenth of a small file."""

_LEVEL = {EVENTS: 6, BLOBS: 3}
_ROWS_OF_A_PAGE = 20_000
"""Arrow ends a page of numbers or ids after so many rows; an index of one page each for 150 columns finds nothing."""

_SMALL_BLOBS_BYTES = 2 << 20
_SMALL_BLOBS_LEVEL = 9
"""Content up to 2 MB is compressed harder: 6 % less for 12 ms of CPU a MB, so 24 ms at most for a process that ran."""


def schema_of(table: str) -> Any:
    """The Arrow schema of a table."""
    from fr_schema.arrow_types import BLOBS_SCHEMA, EVENTS_SCHEMA

    return EVENTS_SCHEMA if table == EVENTS else BLOBS_SCHEMA


def table_of(rows: Sequence[Mapping[str, Any]], table: str) -> Any:
    """A ``pyarrow.Table`` of rows; a column that a row does not have is NULL in it.

    Raises pyarrow.ArrowException, TypeError, or KeyError for a row with as many columns, but others.
    """
    import pyarrow as pa

    schema = schema_of(table)
    names, nothing = schema.names, dict.fromkeys(schema.names)
    # A whole row at a time, for what takes the time is to look into thousands of mappings again and again.
    cells = itemgetter(*names)
    columns = (
        zip(*(cells(row if len(row) == len(names) else {**nothing, **row}) for row in rows), strict=True) if rows else ((),) * len(names)
    )
    # More than half of the columns are NULL in all rows of a journal.
    arrays = [
        pa.nulls(len(rows), field.type) if values.count(None) == len(rows) else pa.array(values, field.type)
        for field, values in zip(schema, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


class ParquetOutput:
    """A Parquet file that is being written under a temporary name, and appears whole or not at all.

    Args:
        path: its name in the end.
        table: which table its rows are of.
        rows: about how many there will be; bloom filters are made for as many as a row group may hold of them.
        passing: the file is read once and then removed: quick to write, without an index, not synced.
        level: of zstd; None for the table's own.
        indexed: with a page index.
        empty: columns that are NULL in all rows, which need no dictionary.
    """

    def __init__(
        self,
        path: str,
        table: str,
        rows: int,
        *,
        passing: bool = False,
        level: int | None = None,
        indexed: bool = True,
        empty: frozenset[str] = frozenset(),
    ) -> None:
        import pyarrow.parquet as pq

        self.path = path
        self.rows = 0
        self._temporary = f"{path}.{os.getpid()}.tmp"
        self._group_rows = ROW_GROUP_ROWS[table]
        self._schema = schema_of(table)
        distinct = max(1, min(rows, self._group_rows))
        with_blooms = rows >= _ROWS_FOR_BLOOM and not passing
        blooms = {name: {"ndv": distinct, "fpp": 0.01} for name in _BLOOM_COLUMNS[table]} if with_blooms else None
        self._passing = passing
        self._writer = pq.ParquetWriter(
            self._temporary,
            self._schema,
            compression="zstd",
            compression_level=1 if passing else level or _LEVEL[table],
            use_dictionary=_leaf_names(self._schema, (name for name in _dictionary_columns(self._schema, table) if name not in empty)),
            column_encoding=dict.fromkeys(_AS_DIFFERENCES[table], "DELTA_BINARY_PACKED"),
            write_page_index=indexed and not passing,
            write_statistics=list(_WITH_STATISTICS[table]),
            store_schema=False,
            bloom_filter_options=blooms,
        )

    @property
    def bytes(self) -> int:
        """Bytes written so far, but for what pyarrow has still in its buffers."""
        return os.path.getsize(self._temporary)

    def write(self, batch: Any) -> None:
        """Write an Arrow table as row groups of its own. Raises OSError."""
        self._writer.write_table(batch, row_group_size=self._group_rows)
        self.rows += batch.num_rows

    def publish(self) -> None:
        """Finish, sync and name the file. Raises OSError."""
        try:
            facts = {key.decode(): value.decode() for key, value in self._schema.metadata.items()}
            self._writer.add_key_value_metadata(facts)
            self._writer.close()
            if not self._passing:
                with open(self._temporary, "rb") as file:
                    os.fsync(file.fileno())
            os.rename(self._temporary, self.path)
        except BaseException:
            self.discard()
            raise
        if not self._passing:
            sync_folder(os.path.dirname(self.path))

    def discard(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError, ValueError):
            self._writer.close()
        if os.path.exists(self._temporary):
            os.unlink(self._temporary)


def write_parquet(path: str, table: str, rows: Any) -> None:
    """Write rows, mappings or a ``pyarrow.Table``, to a Parquet file that appears whole or not at all, synced. Raises OSError."""
    import pyarrow as pa

    batch = rows if isinstance(rows, pa.Table) else table_of(rows, table)
    small = table == BLOBS and batch.nbytes <= _SMALL_BLOBS_BYTES
    indexed = table == BLOBS or batch.num_rows > _ROWS_OF_A_PAGE
    empty = frozenset(name for name, column in zip(batch.column_names, batch.columns, strict=True) if column.null_count == batch.num_rows)
    level = _SMALL_BLOBS_LEVEL if small else None
    output = ParquetOutput(path, table, batch.num_rows, level=level, indexed=indexed, empty=empty)
    try:
        output.write(batch)
    except BaseException:
        output.discard()
        raise
    output.publish()


def _dictionary_columns(schema: Any, table: str) -> list[str]:
    import pyarrow as pa

    without = {*_NO_DICTIONARY, *_AS_DIFFERENCES[table]}
    return [f.name for f in schema if f.name not in without and not pa.types.is_map(f.type) and not pa.types.is_floating(f.type)]


def _leaf_names(schema: Any, names: Iterable[str]) -> list[str]:
    """Parquet's own names of the columns: those of lists carry the path to their elements."""
    import pyarrow as pa

    leaves = []
    for name in names:
        kind = schema.field(name).type
        if pa.types.is_list(kind):
            inner = kind.value_type
            leaves += [f"{name}.list.element.{f.name}" for f in inner] if pa.types.is_struct(inner) else [f"{name}.list.element"]
        else:
            leaves.append(name)
    return leaves
