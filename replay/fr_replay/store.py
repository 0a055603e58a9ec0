"""Opening a store for reading: one logical set of rows over sealed Parquet and live journals, for DuckDB.

duckdb is imported when a store is opened; pyarrow only when there are live journals to read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from fr_schema.columns import BLOB_COLUMNS, EVENT_COLUMNS, EXPIRED, Column
from fr_schema.errors import DamagedFile, QueryFailed
from fr_schema.ids import day_of_trace
from fr_schema.layout import BLOBS, EVENTS, TABLES, encrypted_path

from .capture import Opener, chosen_store, read_format
from .live import live_tables
from .opened_content import OpenedBlobs, OpenedColumns, asks_for_withheld, withheld_select
from .segments import Segments, fault_of_parquet, find_segments, set_aside
from .views import statements_for

if TYPE_CHECKING:
    import duckdb

__all__ = ["Parameters", "Store", "StoredPart", "open_store"]

Parameters = Sequence[Any] | Mapping[str, Any]
"""Values for ``?`` in SQL, in order, or for ``$name``, by name."""

_Result = TypeVar("_Result")

_DUCKDB_TYPES = {
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "text": "VARCHAR",
    "term": "VARCHAR",
    "json": "VARCHAR",
    "bytes": "BLOB",
    "ts": "TIMESTAMPTZ",
    "id16": "BLOB",
    "id8": "BLOB",
    "sha": "BLOB",
    "map": "MAP(VARCHAR, VARCHAR)",
    "redaction": 'STRUCT("path" VARCHAR, detector VARCHAR, "count" INTEGER)',
}
_LISTINGS = 5
"""How often a query may begin anew because files were replaced under it, and one more."""

_EXPLAIN = re.compile(r"(?is)\s*EXPLAIN\b\s*(\([^()]*\)\s*|(ANALYZE|ANALYSE|VERBOSE)\b\s*)*")


_IDS_PER_QUERY = 2_000


class StoredPart(NamedTuple):
    """A stored part: its kind, its content or what stands in its place, and whose key it is under."""

    kind: str
    data: bytes | None
    locked: str | None
    scope: str | None


class Store:
    """A store opened for reading.

    Attributes:
        path: its absolute path.
        notes: one line per file that could not be read whole; when there are any, answers are incomplete.
        opener: opens content under keys.
        encrypted: True when content of it may be under keys.
        while_asking: entered around each query, in which Python sees no signal.
    """

    def __init__(
        self,
        path: str,
        segments: Segments,
        *,
        trace: str | None = None,
        live: dict[str, Any] | None = None,
        opener: Opener | None = None,
        lookup: bool = False,
    ) -> None:
        self.path = path
        self.opener = opener or Opener(path)
        self.encrypted = os.path.exists(encrypted_path(path))
        self._opened_events = False
        self._segments = segments
        self._trace = trace
        self._lookup = lookup
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._made: set[str] = set()
        self._connected_files = 0
        self._live = live
        self._last_trace: tuple[str, Store] | None = None
        self._last_day: tuple[str, Store] | None = None
        self.while_asking: Callable[[], AbstractContextManager[Any]] = nullcontext

    @property
    def notes(self) -> list[str]:
        return [*self._segments.notes, *self.opener.notes]

    @property
    def segments(self) -> Segments:
        """The files behind the store."""
        return self._segments

    def connection(self, sql: str | None = None) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection that can reach nothing but the store's files, with the views that the SQL needs (None: with all of them).

        Making a view reads the end of every file behind it, so none is made in vain. Raises duckdb.Error for a damaged file.
        """
        self._live_rows()
        files = self._segments.count
        if self._connection is not None and files != self._connected_files:
            # A narrowed store of ours has set a file aside.
            self.close()
        opened = self.encrypted and (self._trace is not None or asks_for_withheld(sql))
        if opened and not self._opened_events and "all_events" in self._made:
            self.close()
        if self._connection is None:
            self._made = set()
            self._connected_files = files
            self._connection = self._connect()
        if "all_events" not in self._made:
            self._opened_events = opened
        for name, statement in statements_for(sql):
            if name not in self._made:
                self._connection.execute(statement or self._base_view(self._connection, name))
                self._made.add(name)
        return self._connection

    def narrowed(self, *, days: frozenset[str] | None = None, trace: str | None = None, all_blobs: bool = False) -> Store:
        """This store with only some days' sealed files, or only the events of one trace: the views then cost no more than that.

        Blobs are those of the days too, or ``all_blobs``; notes are shared.
        """
        live = self._live_rows()
        segments = self._segments if days is None else self._segments.of_days(days, (EVENTS,) if all_blobs else TABLES)
        narrow = Store(self.path, segments, trace=trace or self._trace, live=live, opener=self.opener)
        narrow.while_asking = self.while_asking
        return narrow

    def of_trace(self, trace: str, day: str) -> Store:
        """This store with only the events of one trace, given as hex, and the files of its day. The last one is kept, with its rows."""
        kept = self._last_trace
        if kept is None or kept[0] != trace:
            kept = self._last_trace = (trace, self.narrowed(days=frozenset((day,)), trace=trace))
        return kept[1]

    def rows_of_trace(self, trace: str, day: str, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """One question about one trace, by its id and day, with as little as it takes: for looking up many. Raises as :meth:`rows`.

        The views of a day are made once, over the rows of whichever trace a variable names; only the columns asked for are read.
        """
        if self.encrypted:
            # What is under keys is opened for a day as a whole, or for one trace.
            return self.of_trace(trace, day).rows(sql)
        if self._last_day is None or self._last_day[0] != day:
            if self._last_day is not None:
                self._last_day[1].close()
            segments = self._segments.of_days(frozenset((day,)))
            self._last_day = (day, Store(self.path, segments, live=self._live_rows(), opener=self.opener, lookup=True))
        near = self._last_day[1]
        near.while_asking = self.while_asking

        def ask(connection: duckdb.DuckDBPyConnection, text: str, values: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
            connection.execute("SET VARIABLE trace = ?", [bytes.fromhex(trace)])
            return _rows_of(connection, text, values)

        return near._asked(sql, (), ask)

    def rows(self, sql: str, parameters: Parameters = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a query over the views and ``all_events`` / ``all_blobs``.

        Raises QueryFailed; DamagedFile when a Parquet file turns out to be damaged inside.
        """
        return self._asked(sql, parameters, _rows_of)

    def arrow(self, sql: str, parameters: Parameters = ()) -> Any:
        """The same as a ``pyarrow.Table``, with the types that DuckDB gives the columns. Raises as :meth:`rows`."""
        return self._asked(sql, parameters, lambda connection, text, values: connection.sql(text, params=values).to_arrow_table())

    def _asked(self, sql: str, parameters: Parameters, ask: Callable[[duckdb.DuckDBPyConnection, str, Any], _Result]) -> _Result:
        """Run a query; a damaged file that it meets is set aside, and the query is asked again."""
        import duckdb

        values = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
        for _ in range(len(self._segments.paths(EVENTS)) + len(self._segments.paths(BLOBS)) + _LISTINGS):
            try:
                with self.while_asking():
                    return ask(self.connection(sql), sql, values)
            except duckdb.Error as error:
                if self._list_again():
                    continue
                # Errors of the Thrift decoder come without a class of their own, and without the file that they met.
                if not self._set_damaged_aside(None if type(error) is duckdb.Error else str(error)):
                    raise QueryFailed(_first_line(error)) from error
            except RuntimeError as error:
                # Ctrl-C while DuckDB works arrives as this.
                if "interrupt" in str(error).lower():
                    raise KeyboardInterrupt from error
                raise
        raise DamagedFile(f"the Parquet files of {self.path} cannot be read")

    def live_days(self) -> frozenset[str]:
        """The days of the traces in journals that are not sealed."""
        live = self._live_rows()[EVENTS]
        if live is None:
            return frozenset()
        return frozenset(day_of_trace(trace.hex()) for trace in live.column("trace_id").unique().to_pylist())

    def check_reads_only(self, sql: str) -> None:
        """Raise QueryFailed unless the SQL is one statement that only reads."""
        import duckdb

        try:
            statements = self.connection("").extract_statements(sql)
        except duckdb.Error as error:
            raise QueryFailed(_first_line(error)) from error
        if len(statements) != 1:
            raise QueryFailed(f"one statement at a time, not {len(statements)}")
        kind = statements[0].type.name
        explained = _EXPLAIN.match(statements[0].query) if kind == "EXPLAIN" else None
        if explained is not None:
            # EXPLAIN ANALYZE runs what it explains.
            self.check_reads_only(statements[0].query[explained.end() :])
        elif kind not in ("SELECT", "RELATION"):
            raise QueryFailed(f"{kind} is not a question: fr query only reads", hint="to write results, use -o FILE")

    def _connect(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        connection = duckdb.connect(":memory:")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET python_enable_replacements = false")
        # It would be drawn on standard output, among the data.
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET parquet_metadata_cache = true")
        # Nothing outside of the store can be reached, whatever SQL comes.
        connection.execute(
            f"SET allowed_directories = [{_quote(os.path.join(self.path, EVENTS))}, {_quote(os.path.join(self.path, BLOBS))}]"
        )
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def _base_view(self, connection: duckdb.DuckDBPyConnection, name: str) -> str:
        """The statement that makes ``all_events``, ``all_blobs``, or one of the same as it is stored (``stored_events``, ``stored_blobs``).

        The events of one trace are read once, and kept in memory.
        """
        state, _, table = name.partition("_")
        stored = self._union(connection, table, EVENT_COLUMNS if table == EVENTS else BLOB_COLUMNS)
        kind = "TABLE" if self._trace is not None and table == EVENTS else "VIEW"
        if state == "stored":
            return f"CREATE {kind} {name} AS {stored}"
        if table == BLOBS:
            return f"CREATE {kind} {name} AS {self._opened_blobs(connection, stored)}"
        return f"CREATE {kind} {name} AS {self._with_withheld(connection, stored) if self.encrypted else stored}"

    def _opened_blobs(self, connection: duckdb.DuckDBPyConnection, stored: str) -> str:
        """Stored parts in clear, and those under keys as they are opened."""
        shown = (
            f"* REPLACE (CASE WHEN cipher = 'none' AND codec <> '{EXPIRED}' THEN data END AS data),"
            f" CASE WHEN codec = '{EXPIRED}' THEN '[{EXPIRED}]' WHEN cipher <> 'none' THEN '[encrypted]' END AS locked"
        )
        if not self.encrypted:
            return f"SELECT {shown} FROM ({stored})"
        connection.register("opened_blobs", OpenedBlobs(self._segments.paths(BLOBS), self._live_rows()[BLOBS], self.opener))
        return f"SELECT {shown} FROM ({stored}) WHERE cipher = 'none' UNION ALL BY NAME FROM opened_blobs"

    def _with_withheld(self, connection: duckdb.DuckDBPyConnection, stored: str) -> str:
        """Stored rows, with the columns that they withhold where the query may show them."""
        columns = withheld_select(tuple(column.name for column in EVENT_COLUMNS), opened=self._opened_events)
        if not self._opened_events:
            return f"SELECT {columns} FROM ({stored}) s"
        table = OpenedColumns(self._segments.paths(EVENTS), self._live_rows()[EVENTS], self.opener, self._trace)
        connection.register("opened_columns", table)
        return f"SELECT {columns} FROM ({stored}) s LEFT JOIN opened_columns o USING (record_id)"

    def blobs(self, ids: Collection[bytes]) -> dict[bytes, StoredPart]:
        """Stored parts by id, opened; ids that no file has are left out. Raises as :meth:`rows`."""
        found: dict[bytes, StoredPart] = {}
        wanted = sorted(ids)
        for start in range(0, len(wanted), _IDS_PER_QUERY):
            some = wanted[start : start + _IDS_PER_QUERY]
            marks = ", ".join("?" * len(some))
            sql = f"SELECT blob_id, kind, scope, writer_id, codec, cipher, data FROM stored_blobs WHERE blob_id IN ({marks})"
            names, rows = self.rows(sql, some)
            for values in rows:
                row = dict(zip(names, values, strict=True))
                known = found.get(row["blob_id"])
                if known is None or known.data is None:
                    found[row["blob_id"]] = self._part(row)
        return found

    def _part(self, row: dict[str, Any]) -> StoredPart:
        if row["codec"] == EXPIRED:
            return StoredPart(row["kind"], None, f"[{EXPIRED}]", row["scope"])
        data, locked = self.opener.blob(row)
        return StoredPart(row["kind"], data, locked, row["scope"])

    def _union(self, connection: duckdb.DuckDBPyConnection, table: str, columns: tuple[Column, ...]) -> str:
        """All rows of a table, with today's columns whatever the age of the files."""
        names = ", ".join(f'"{c.name}"' for c in columns)
        typed = ", ".join(f'NULL::{duckdb_type(c.type)} AS "{c.name}"' for c in columns)
        parts = [f"SELECT {typed} WHERE false"]
        files = self._segments.paths(table)
        if files:
            listed = ", ".join(map(_quote, files))
            parts.append(f"FROM read_parquet([{listed}], union_by_name = true, hive_partitioning = false)")
        live = self._live_rows()[table]
        if live is not None:
            connection.register(f"live_{table}", live)
            parts.append(f"FROM live_{table}")
        only = f" WHERE trace_id = '{_blob_literal(self._trace)}'::BLOB" if self._trace is not None and table == EVENTS else ""
        only = " WHERE trace_id = getvariable('trace')" if self._lookup and table == EVENTS else only
        return f"SELECT {names} FROM ({' UNION ALL BY NAME '.join(f'({p})' for p in parts)}){only}"

    def _live_rows(self) -> dict[str, Any]:
        """Arrow tables of the journals that are not sealed yet; None where there are none."""
        if self._live is None:
            self._live = live_tables(self.path, self._segments, self.opener)
        return self._live

    def _list_again(self) -> bool:
        """After a failed query: True when files had been replaced since they were listed, and the store was listed anew."""
        if not self._segments.list_again(self.path):
            return False
        # A journal that was live then may be sealed now.
        self._live = None
        self.close()
        return True

    def _set_damaged_aside(self, message: str | None) -> bool:
        """After a failed query: leave out the damaged Parquet file that the message names (None: any). True when there was one."""
        for table in (EVENTS, BLOBS):
            for day, paths in self._segments.files[table].items():
                for path in paths:
                    if (message is None or path in message) and (fault_of_parquet(path) or _is_unreadable(path)):
                        paths.remove(path)
                        self._segments.notes.append(set_aside(self.path, path, "it is damaged inside"))
                        self._segments.files[table][day] = paths
                        if self._connection is not None:
                            self._connection.close()
                            self._connection = None
                        return True
        return False

    def close(self) -> None:
        """Close the connection, and those of the last trace and day."""
        for kept in (self._last_trace, self._last_day):
            if kept is not None:
                kept[1].close()
        self._last_trace = self._last_day = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _rows_of(connection: duckdb.DuckDBPyConnection, sql: str, values: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    cursor = connection.execute(sql, values)
    return [column[0] for column in cursor.description or ()], cursor.fetchall()


def open_store(path: str | None = None) -> Store:
    """Open the store at a path (else ``FR_STORE``, else ``./.flightrecorder``) for reading.

    Journals of ended processes are sealed first. Raises NotAStore, FormatTooNew, or OSError.
    """
    store = read_format(chosen_store(path))
    return Store(store.path, find_segments(store.path))


def duckdb_type(name: str) -> str:
    """The DuckDB type of a column type's name."""
    return f"{_DUCKDB_TYPES[name.removeprefix('list:')]}[]" if name.startswith("list:") else _DUCKDB_TYPES[name]


def _is_unreadable(path: str) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException):
        return True
    return False


def _blob_literal(hex_text: str) -> str:
    """The content of a BLOB literal: a constant, which unlike ``unhex()`` is compared with a file's statistics before it is read."""
    return "".join(f"\\x{byte:02X}" for byte in bytes.fromhex(hex_text))


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    """DuckDB's message without its drawing of the place."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.strip().startswith(("LINE", "^"))]
    return " ".join(lines[:3])
