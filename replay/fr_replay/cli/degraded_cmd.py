"""``fr degraded``: how calls were served, hour by hour, and which way of serving them badly rose first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from .figures import clock_time, count_of
from .options import FormatOption, OutputOption, SinceOption, StoreOption, TimeZoneOption, UntilOption, Window, window_of
from .output import measure, say, write_rows
from .saved_answer import JsonOption, SqlOption, ask, sink_of
from .sparklines import sparkline
from .table import Line, TableColumn, table_lines

__all__ = ["degraded"]

_WAYS = ("clean", "retried", "fallback", "rewritten", "otherwise", "failed")
_TABLE = (
    TableColumn("way"),
    TableColumn("first", right=True),
    TableColumn("last", right=True),
    TableColumn("least", right=True, rank=2),
    TableColumn("most", right=True, rank=1),
    TableColumn("by hour"),
)
_BARS = 48
_FIGURES = 45
"""Columns of the table in front of the bars."""


def degraded(
    *,
    first: Annotated[bool, typer.Option("--first", help="Only which way rose first: a row for each way and cause.")] = False,
    since: SinceOption = "24h",
    until: UntilOption = None,
    store: StoreOption = None,
    format_name: FormatOption = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    print_sql: SqlOption = False,
    tz: TimeZoneOption = None,
) -> None:
    """Which share of calls per hour was clean, retried, from a fallback, rewritten, served otherwise or failed; and which way rose first?

    In a terminal both answers are shown. In the other formats there is a row for each hour; with --first a row for each way and cause.
    A way has risen when its share at least doubled, by two points or more, beyond chance (a likelihood ratio of 4.3 standard errors).
    """
    window = window_of(since, until, tz)
    sink = sink_of(format_name, as_json, output, window.zone, zone_given=window.zone_given)
    values = {"since": window.since, "until": window.until}
    asked = ask("degraded-first" if first else "degraded", values, window.zone, sink, store=store, print_sql=print_sql)
    if asked is None:
        return
    if sink.format != "table":
        write_rows(sink, asked.names, asked.rows)
        return
    hours = [] if first else asked.mappings()
    found = ask("degraded-first", values, window.zone, sink, store=store, print_sql=False) if hours else asked
    risen = found.mappings() if found is not None else []

    def lines(width: int | None) -> list[Line]:
        if not asked.rows:
            return []
        return [*_risen_lines(risen, window), *(_hour_lines(hours, window, width) if hours else ())]

    write_rows(sink, asked.names, asked.rows, lines)
    if not asked.rows:
        say("no model calls in this window; --since looks further back" if not first else "every call in this window was served clean")


def _risen_lines(rows: Sequence[Mapping[str, Any]], window: Window) -> Iterator[Line]:
    risen = [row for row in rows if row["rose"]]
    for number, row in enumerate(risen, 1):
        text = f"{number}. {row['way']} {row['cause']}"
        figures = f"  {row['share_before']:.1%} -> {row['share_after']:.1%} since {clock_time(row['since'], window.zone)}"
        where = f"  {row['provider']}, {count_of(row['calls'], 'call')}, first in trace {row['first_trace']}"
        yield Line(((text, "bold red" if number == 1 else "bold"), (figures, None)))
        yield Line(((where.strip(), "dim"),), 3)
    if not risen:
        yield Line((("no way of serving calls badly rose in this window", "bold green"),))


def _hour_lines(hours: Sequence[Mapping[str, Any]], window: Window, width: int | None) -> Iterator[Line]:
    bars = _BARS if width is None else max(min(width - _FIGURES, _BARS), 8)
    cells = []
    for way in _WAYS:
        shares = [float(hour[way]) for hour in hours]
        figures = [f"{share:.1%}" for share in (shares[0], shares[-1], min(shares), max(shares))]
        cells.append([way, *figures, sparkline(shares, 1.0 if way == "clean" else max(*shares, 0.05), width=bars)])
    yield Line(())
    yield from table_lines(_TABLE, cells, width=None, measure=measure)
    ends = f"{clock_time(hours[0]['hour'], window.zone)} to {clock_time(hours[-1]['hour'], window.zone)}"
    yield Line(((f"hours {ends}, {count_of(sum(hour['calls'] for hour in hours), 'call')}; --json has each hour", "dim"),))
