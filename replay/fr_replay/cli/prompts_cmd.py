"""``fr prompts``: the system prompts in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from .figures import clock_time, first_words
from .options import FormatOption, OutputOption, SinceOption, StoreOption, TimeZoneOption, UntilOption, Window, window_of
from .output import measure, say, write_rows
from .saved_answer import JsonOption, SqlOption, ask, sink_of
from .table import Line, TableColumn, table_lines

__all__ = ["prompts"]

_TABLE = (
    TableColumn("prompt"),
    TableColumn("first seen", rank=2),
    TableColumn("last seen"),
    TableColumn("calls", right=True),
    TableColumn("traces", right=True, rank=1),
    TableColumn("errors", right=True, rank=3),
    TableColumn("text", least=20),
)
_HASH = 12
_TEXT = 160


def prompts(
    *,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many, those in use last first.")] = 50,
    since: SinceOption = "7d",
    until: UntilOption = None,
    store: StoreOption = None,
    format_name: FormatOption = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    print_sql: SqlOption = False,
    tz: TimeZoneOption = None,
) -> None:
    """Which system prompts were in use, from when to when, and by how many calls?

    First and last seen are within the window. fr diff-prompt A B shows two of them word by word; the beginning of a hash names one.
    """
    window = window_of(since, until, tz)
    sink = sink_of(format_name, as_json, output, window.zone, zone_given=window.zone_given)
    values = {"since": window.since, "until": window.until, "limit": limit}
    asked = ask("prompts", values, window.zone, sink, store=store, print_sql=print_sql)
    if asked is None:
        return
    rows = asked.mappings()
    write_rows(sink, asked.names, asked.rows, lambda width: _lines(rows, window, width))
    if sink.format == "table":
        if not rows:
            say("no system prompt in this window; --since looks further back")
        elif len(rows) == limit:
            say(f"the {limit} in use last; --limit N shows more")


def _lines(rows: Sequence[Mapping[str, Any]], window: Window, width: int | None) -> list[Line]:
    cells = []
    for row in rows:
        seen = [clock_time(row[name], window.zone) for name in ("first_seen", "last_seen")]
        counts = [f"{row[name]:,}" for name in ("calls", "traces", "errors")]
        cells.append([row["system_prompt_sha256"][:_HASH], *seen, *counts, first_words(row["system_prompt"] or "(not on record)", _TEXT)])
    return table_lines(_TABLE, cells, width=width, measure=measure) if cells else []
