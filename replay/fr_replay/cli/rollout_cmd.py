"""``fr rollout``: who still runs a version or a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from fr_replay.incidents.hashes import beginning_of_hash
from fr_schema.errors import BadInput

from .figures import clock_time, count_of, one_line
from .options import FormatOption, OutputOption, SinceOption, StoreOption, TimeZoneOption, UntilOption, Window, window_of
from .output import measure, say, write_rows
from .saved_answer import JsonOption, SqlOption, ask, sink_of
from .sparklines import sparkline
from .table import Line, TableColumn, table_lines

__all__ = ["GROUPINGS", "rollout"]

GROUPINGS = ("tenant", "user", "region", "agent", "service", "environment", "host", "code", "session", "all")
_SHOWN = 30
_BARS = 24


def rollout(
    *,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Version that ran, or model asked for; * stands for anything.")
    ] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", metavar="HASH", help="Hash of a system prompt, or its beginning.")] = None,
    by: Annotated[str, typer.Option("--by", metavar="WORD", help=f"{', '.join(GROUPINGS)}.")] = "tenant",
    step: Annotated[int, typer.Option("--step", metavar="MINUTES", min=1, max=1440, help="Length of a step.")] = 15,
    since: SinceOption = "24h",
    until: UntilOption = None,
    store: StoreOption = None,
    format_name: FormatOption = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    print_sql: SqlOption = False,
    tz: TimeZoneOption = None,
) -> None:
    """Who still runs a model version or a system prompt: which tenants, users, regions or agents, in steps of 15 minutes?

    Those who still do come first: whose latest call was under it, or any in the last hour of the window. Shares are of calls by the same
    agents (for a model: under the same name, with a version told). The steps are bars in a terminal; --json has their counts.
    """
    if model is None and prompt is None:
        raise BadInput("which version or prompt?", hint="--model NAME (fr aliases lists versions) or --prompt HASH (fr prompts lists them)")
    if by not in GROUPINGS:
        raise BadInput(f"--by is {by!r}", hint=f"it is one of {', '.join(GROUPINGS)}")
    hashed = None if prompt is None else beginning_of_hash(prompt, "--prompt", "fr prompts lists them")
    window = window_of(since, until, tz)
    sink = sink_of(format_name, as_json, output, window.zone, zone_given=window.zone_given)
    values = {"since": window.since, "until": window.until, "model": model, "prompt": hashed, "by": by, "step": step}
    asked = ask("rollout", values, window.zone, sink, store=store, print_sql=print_sql)
    if asked is None:
        return
    rows = asked.mappings()
    write_rows(sink, asked.names, asked.rows, lambda width: _lines(rows, by, window, width))
    if not rows and sink.format == "table":
        say("no call under it in this window; --since looks further back")


def _lines(rows: Sequence[Mapping[str, Any]], by: str, window: Window, width: int | None) -> list[Line]:
    if not rows:
        return []
    still = sum(row["still"] for row in rows)
    head = f"{still:,} of {count_of(len(rows), by if by != 'all' else 'group')} still on it" if still else "nobody is on it any more"
    columns = (
        TableColumn(by, least=8),
        TableColumn("still"),
        TableColumn("last hour", right=True),
        TableColumn("share", right=True, rank=2),
        TableColumn("calls", right=True, rank=1),
        TableColumn("last seen"),
        TableColumn("by step", rank=3),
    )
    cells = []
    for row in rows[:_SHOWN]:
        share = "" if row["share_last_hour"] is None else f"{row['share_last_hour']:.0%}"
        bars = sparkline([step["under"] / step["calls"] if step["calls"] else None for step in row["steps"]], 1.0, width=_BARS)
        last = clock_time(row["last_seen"], window.zone)
        figures = [share, f"{row['share']:.0%}", f"{row['calls_under']:,}"]
        cells.append([one_line(row["by"]), "yes" if row["still"] else "no", *figures, last, bars])
    lines = [Line(((head, "bold red" if still else "bold green"),)), *table_lines(columns, cells, width=width, measure=measure)]
    more = len(rows) - _SHOWN
    return [*lines, Line(((f"and {count_of(more, 'more row')}; --json has all", "dim"),))] if more > 0 else lines
