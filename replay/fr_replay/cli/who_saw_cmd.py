"""``fr who-saw``: whom a content reached."""

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
from .table import Line, TableColumn, table_lines
from .unsearched import say_what_was_not_searched

__all__ = ["who_saw"]

_SHOWN = 30
_TABLE = (
    TableColumn("trace"),
    TableColumn("step", right=True),
    TableColumn("first seen"),
    TableColumn("user", least=8, rank=1),
    TableColumn("tenant", least=6, rank=2),
    TableColumn("where", least=8, rank=3),
)


def who_saw(
    *,
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Text to look for; upper and lower case are the same.")] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", metavar="HASH", help="Hash of a system prompt, or its beginning.")] = None,
    part: Annotated[
        str | None, typer.Option("--part", metavar="ID", help="Id of a stored part, such as a tool result's, or its beginning.")
    ] = None,
    since: SinceOption = "7d",
    until: UntilOption = None,
    store: StoreOption = None,
    format_name: FormatOption = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    print_sql: SqlOption = False,
    tz: TimeZoneOption = None,
) -> None:
    """Which traces, users and tenants had a text, a system prompt or a tool result before the model, or in an answer?

    \b
    fr who-saw 'IBAN of tenant-4'
    fr who-saw --prompt c862
    fr who-saw --part 91b0                 (fr find and fr show --json give ids of parts)

    A row for each trace, in the order of time. places says where: system prompt, message, answer, tool arguments, tool result.
    """
    if sum(value is not None for value in (text, prompt, part)) != 1 or (text is not None and not text.strip()):
        raise BadInput("who saw what?", hint="a TEXT, --prompt HASH, or --part ID: one of them")
    values: dict[str, Any] = {"text": text}
    values["prompt"] = None if prompt is None else beginning_of_hash(prompt, "--prompt", "fr prompts lists them")
    values["part"] = None if part is None else beginning_of_hash(part, "--part", "fr find gives ids of parts")
    window = window_of(since, until, tz)
    sink = sink_of(format_name, as_json, output, window.zone, zone_given=window.zone_given)
    asked = ask("who-saw", values | {"since": window.since, "until": window.until}, window.zone, sink, store=store, print_sql=print_sql)
    if asked is None:
        return
    rows = asked.mappings()
    write_rows(sink, asked.names, asked.rows, lambda width: _lines(rows, window, width))
    if sink.format == "table":
        if not rows:
            say("nobody in this window; --since looks further back")
        if text is not None:
            say_what_was_not_searched(asked.store)


def _lines(rows: Sequence[Mapping[str, Any]], window: Window, width: int | None) -> list[Line]:
    if not rows:
        return []
    users, tenants = ({row[name] for row in rows} - {None} for name in ("user_ref", "tenant_id"))
    least = "at least " if any(row["stands_for"] > 1 for row in rows) else ""
    head = ", ".join(
        [
            count_of(round(sum(row["stands_for"] for row in rows)), "trace"),
            f"{least}{count_of(len(users), 'user')}",
            f"{least}{count_of(len(tenants), 'tenant')}",
            count_of(sum(row["calls"] for row in rows), "model call"),
        ]
    )
    lines = [Line(((head, "bold"),))]
    nameless = sum(row["user_ref"] is None for row in rows)
    if nameless:
        lines.append(Line(((f"{count_of(nameless, 'trace')} without a user on record", "yellow"),)))
    cells = [
        [
            row["trace_id"],
            "" if row["first_step"] is None else str(row["first_step"]),
            clock_time(row["first_seen"], window.zone),
            one_line(row["user_ref"] or ""),
            one_line(row["tenant_id"] or ""),
            ", ".join(row["places"]),
        ]
        for row in rows[:_SHOWN]
    ]
    lines += table_lines(_TABLE, cells, width=width, measure=measure)
    more = len(rows) - _SHOWN
    return [*lines, Line(((f"and {count_of(more, 'more trace')}; --json has all", "dim"),))] if more > 0 else lines
