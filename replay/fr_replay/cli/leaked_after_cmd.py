"""``fr leaked-after``: what models were asked, and what was done, while a control was off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from fr_schema.errors import BadInput

from .figures import clock_time, count_of, one_line, span_of_time
from .options import FormatOption, OutputOption, SinceOption, StoreOption, TimeZoneOption, UntilOption, Window, window_of
from .output import measure, say, write_rows
from .saved_answer import JsonOption, SqlOption, ask, sink_of
from .table import Line, TableColumn, table_lines

__all__ = ["leaked_after"]

_SHOWN = 30
_TABLE = (
    TableColumn("trace"),
    TableColumn("first call"),
    TableColumn("after", right=True),
    TableColumn("calls", right=True),
    TableColumn("irreversible", right=True),
    TableColumn("agent", least=6, rank=1),
    TableColumn("process", least=8, rank=2),
    TableColumn("tools", least=8, rank=3),
)


def leaked_after(
    *,
    control: Annotated[str | None, typer.Option("--control", metavar="NAME", help="The control, as fr.control() named it.")] = None,
    state: Annotated[str, typer.Option("--state", metavar="WORD", help="The state in which nothing should come through.")] = "off",
    agent: Annotated[str | None, typer.Option("--agent", metavar="NAME", help="Only calls of this agent; * stands for anything.")] = None,
    since: SinceOption = "7d",
    until: UntilOption = None,
    store: StoreOption = None,
    format_name: FormatOption = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    print_sql: SqlOption = False,
    tz: TimeZoneOption = None,
) -> None:
    """Which model calls and effects came after a control went off?

    From a change to --state, told by any process, up to the next change to another state, told by any. The record does not say which
    calls a control is to stop: all count, or those of --agent. What began before the change is not counted.
    """
    if control is None:
        raise BadInput("which control?", hint="--control NAME (fr query --from controls lists them)")
    window = window_of(since, until, tz)
    sink = sink_of(format_name, as_json, output, window.zone, zone_given=window.zone_given)
    values = {"since": window.since, "until": window.until, "control": control, "state": state, "agent": agent}
    asked = ask("leaked-after", values, window.zone, sink, store=store, print_sql=print_sql)
    if asked is None:
        return
    rows = asked.mappings()
    write_rows(sink, asked.names, asked.rows, lambda width: _lines(rows, window, width))
    if not rows and sink.format == "table":
        known = sorted({str(name) for (name,) in asked.store.rows("SELECT DISTINCT name FROM controls")[1]})
        if control in known:
            say(f"nothing came through while {control} was {state} in this window")
        else:
            say(f"no control is named {control}" + (f"; there are {', '.join(known)}" if known else "; fr.control() records them"))


def _lines(rows: Sequence[Mapping[str, Any]], window: Window, width: int | None) -> list[Line]:
    if not rows:
        return []
    irreversible = sum(row["irreversible"] for row in rows)
    head = f"{count_of(sum(row['calls'] for row in rows), 'model call')} in {count_of(len({row['trace_id'] for row in rows}), 'trace')}"
    offs = ", ".join(clock_time(moment, window.zone) for moment in sorted({row["off_at"] for row in rows})[:3])
    cells = [
        [
            row["trace_id"],
            clock_time(row["first_call"], window.zone),
            span_of_time(row["seconds_after"] * 1000),
            f"{row['calls']:,}",
            str(row["irreversible"] or ""),
            one_line(row["agent_name"] or ""),
            one_line(f"{row['host'] or ''} {row['pid'] or ''}".strip()),
            ", ".join(row["tools"] or ()),
        ]
        for row in rows[:_SHOWN]
    ]
    lines = [
        Line(((f"{head} after it went off at {offs}", "bold red"),)),
        Line(((count_of(irreversible, "irreversible effect"), "bold red" if irreversible else None),)),
        *table_lines(_TABLE, cells, width=width, measure=measure),
    ]
    more = len(rows) - _SHOWN
    return [*lines, Line(((f"and {count_of(more, 'more row')}; --json has all", "dim"),))] if more > 0 else lines
