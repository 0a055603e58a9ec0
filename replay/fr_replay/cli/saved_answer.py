"""Commands that ask one saved question: its SQL, its values, and its rows as they come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Annotated, Any, NamedTuple

import typer

from fr_replay.filters import with_literals
from fr_replay.narrowing import reads_of, store_within
from fr_replay.questions import find_question, values_of
from fr_replay.store import Store

from .opened import mention_small_files, open_for_command
from .output import Sink, say, sink_for, write_parquet, write_rows, write_text

__all__ = ["Asked", "JsonOption", "SqlOption", "answer", "ask", "sink_of"]

JsonOption = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
SqlOption = Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")]


class Asked(NamedTuple):
    """What came of a saved question: the store, the names of the columns, the rows."""

    store: Store
    names: list[str]
    rows: list[tuple[Any, ...]]

    def mappings(self) -> list[dict[str, Any]]:
        """The rows by column."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


def sink_of(format_name: str | None, as_json: bool, output: str | None, zone: tzinfo, *, zone_given: bool) -> Sink:
    """Where the answer goes. Raises BadInput."""
    return sink_for("json" if as_json and format_name is None else format_name, output, zone, zone_given=zone_given)


def ask(name: str, values: Mapping[str, Any], zone: tzinfo, sink: Sink, *, store: str | None, print_sql: bool) -> Asked | None:
    """Ask a saved question; values that are None are left to its defaults. None when its SQL was printed instead, or Parquet written.

    Raises FlightError.
    """
    question = find_question(name)
    filled = values_of(question, (), {}, zone) | {name: value for name, value in values.items() if value is not None}
    if print_sql:
        write_text(with_literals(question.sql, filled), sink.path)
        return None
    opened = open_for_command(store)
    mention_small_files(opened)
    part = store_within(opened, reads_of(question.reads, filled))
    if sink.format == "parquet":
        write_parquet(sink, part.arrow(question.sql, filled))
        return None
    names, rows = part.rows(question.sql, filled)
    return Asked(opened, names, rows)


def answer(name: str, values: Mapping[str, Any], zone: tzinfo, sink: Sink, *, store: str | None, print_sql: bool, nothing: str) -> None:
    """Ask a saved question and write its rows as they are; where there is none, say ``nothing``. Raises FlightError."""
    asked = ask(name, values, zone, sink, store=store, print_sql=print_sql)
    if asked is None:
        return
    write_rows(sink, asked.names, asked.rows, ours=True)
    if not asked.rows and sink.format == "table":
        say(nothing)
