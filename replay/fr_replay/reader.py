"""``fr_replay.open(store)``: a store in a program or a notebook.

::

    store = fr_replay.open()
    store.sql("SELECT model_resolved, count(*) FROM calls GROUP BY 1").pandas()
    store.ask("top-cost", since="7d").polars()
    store.trace("last")  # in a notebook: the report of the trace

pandas and polars are those of the program; fr needs neither.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from html import escape
from types import TracebackType
from typing import Any

from fr_schema.errors import BadInput
from fr_schema.ids import day_of_trace

from .narrowing import EVERYTHING, Reads, reads_of, store_within
from .questions import TIME_ARGUMENTS, find_question, values_of
from .reading import STEP_COLUMNS, Row, TraceReading, open_trace, read_trace
from .selectors import resolve_trace
from .store import Store, open_store

__all__ = ["Answer", "RecordedTrace", "StoreReader", "open_reader"]

_WHOLE_ID = re.compile("[0-9a-f]{32}")
_SHOWN_ROWS = 50
_SHOWN_CHARACTERS = 200


class Answer:
    """The rows that came of a question, held as a ``pyarrow.Table``."""

    def __init__(self, table: Any) -> None:
        self._table = table

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._table.schema.names)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __iter__(self) -> Iterator[Row]:
        """The rows as mappings."""
        for batch in self._table.to_batches():
            yield from batch.to_pylist()

    def arrow(self) -> Any:
        """A ``pyarrow.Table``."""
        return self._table

    def pandas(self) -> Any:
        """A ``pandas.DataFrame``. Raises ImportError where pandas is not installed."""
        return self._table.to_pandas()

    def polars(self) -> Any:
        """A ``polars.DataFrame``. Raises ImportError where polars is not installed."""
        import importlib

        return importlib.import_module("polars").from_arrow(self._table)

    def __repr__(self) -> str:
        return f"<{len(self)} rows: {', '.join(self.columns)}>"

    def _repr_html_(self) -> str:
        """A table of the first rows, for notebooks."""
        heads = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        rows = ("".join(f"<td>{_cell(value)}</td>" for value in row.values()) for row in self._table.slice(0, _SHOWN_ROWS).to_pylist())
        more = f"<p>{len(self) - _SHOWN_ROWS:,} more rows</p>" if len(self) > _SHOWN_ROWS else ""
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>{more}"


def _cell(value: Any) -> str:
    text = "" if value is None else value.hex() if isinstance(value, bytes) else str(value)
    return escape(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…")


class RecordedTrace:
    """One trace as it was recorded.

    Attributes:
        trace_id: 32 hex characters.
    """

    def __init__(self, store: Store, trace_id: str) -> None:
        self.trace_id = trace_id
        self._store = store

    def read(self) -> TraceReading:
        """What ran: rows of the views, with the first words of contents. Raises FlightError."""
        return read_trace(*open_trace(self._store, self.trace_id))

    @property
    def steps(self) -> list[Row]:
        """Its model calls, by number, with the columns of ``calls`` that tell what each did. Raises FlightError."""
        sql = f"SELECT {STEP_COLUMNS} FROM calls ORDER BY step"
        names, rows = self._store.rows_of_trace(self.trace_id, day_of_trace(self.trace_id), sql)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def __repr__(self) -> str:
        return f"<recorded trace {self.trace_id}>"

    def _repr_html_(self) -> str:
        """The report of the trace, in a frame of its own: its styles and the notebook's do not meet."""
        from .bundling.incident import NOTHING_FOUND, incident_report
        from .bundling.page import report_as_html
        from .decision import read_decision

        near, contents = open_trace(self._store, self.trace_id)
        reading = read_trace(near, contents)
        decisions = [read_decision(near, contents, row["step"]) for row in reading.steps[:_SHOWN_ROWS]]
        page = report_as_html(incident_report(reading, decisions, NOTHING_FOUND))
        return f'<iframe sandbox srcdoc="{escape(page)}" style="width:100%;height:40rem;border:0"></iframe>'


class StoreReader:
    """A store, opened for reading. As a context manager it is closed at the end.

    Attributes:
        path: its absolute path.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._part: tuple[Reads, Store] = (EVERYTHING, store)
        self.path = store.path

    @property
    def notes(self) -> list[str]:
        """One line per file that could not be read whole; when there are any, answers are incomplete."""
        return self._store.notes

    def sql(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Answer:
        """The answer to one statement over the views, which only reads. Raises QueryFailed, DamagedFile."""
        self._store.check_reads_only(sql)
        return Answer(self._store.arrow(sql, parameters))

    def ask(self, question: str, *, zone: tzinfo = UTC, **arguments: Any) -> Answer:
        """The answer to a saved question.

        Args:
            zone: what times without a zone mean.
            arguments: as in ``fr query NAME``; times as text (``7d``, ``2026-11-23T15:00Z``) or as ``datetime`` with a zone.

        Raises BadInput, QueryFailed, DamagedFile.
        """
        found = find_question(question)
        times = {name: value for name, value in arguments.items() if isinstance(value, datetime)}
        if wrong := next((name for name, value in times.items() if name not in TIME_ARGUMENTS or value.tzinfo is None), None):
            raise BadInput(f"{question} cannot take {times[wrong]} as {wrong}", hint="times are given with their zone")
        texts = {name: None if value is None else str(value) for name, value in arguments.items() if name not in times}
        values = values_of(found, (), texts | {name: value.isoformat() for name, value in times.items()}, zone)
        reads = reads_of(found.reads, values)
        if reads != self._part[0]:
            # The last part is kept: what its files' ends say is known then.
            self._part = (reads, store_within(self._store, reads))
        return Answer(self._part[1].arrow(found.sql, values))

    def trace(self, trace: str) -> RecordedTrace:
        """One trace, by its id, the beginning of one, or ``last``. Raises UnknownTrace, AmbiguousTrace, BadInput."""
        if _WHOLE_ID.fullmatch(trace):
            # Looking up many by their ids is to cost no more than it must.
            sql = "SELECT 1 FROM all_events WHERE kind <> 'process' LIMIT 1"
            if self._store.rows_of_trace(trace, day_of_trace(trace), sql)[1]:
                return RecordedTrace(self._store, trace)
        return RecordedTrace(self._store, resolve_trace(self._store, trace))

    def close(self) -> None:
        """Give back what is held open."""
        for store in (self._part[1], self._store):
            store.close()

    def __enter__(self) -> StoreReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<store {self.path}, {len(self._store.segments.days)} days>"


def open_reader(store: str | os.PathLike[str] | None = None) -> StoreReader:
    """Open a store: a path, else ``FR_STORE``, else ``./.flightrecorder``. It shows what was on record in this moment.

    Raises NotAStore, FormatTooNew, OSError.
    """
    return StoreReader(open_store(os.fspath(store) if store is not None else None))
