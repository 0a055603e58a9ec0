"""``fr malformed``: who gives answers that cannot be used."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fr_schema.errors import BadInput

from .options import FormatOption, OutputOption, SinceOption, StoreOption, TimeZoneOption, UntilOption, window_of
from .output import say, write_rows
from .saved_answer import JsonOption, SqlOption, ask, sink_of

__all__ = ["GROUPINGS", "malformed"]

GROUPINGS = ("provider", "endpoint", "model", "prompt", "agent", "tenant", "region", "sdk")


def malformed(
    *,
    by: Annotated[str, typer.Option("--by", metavar="WORD", help=f"{', '.join(GROUPINGS)}.")] = "provider",
    first: Annotated[bool, typer.Option("--first", help="Only the one that stands out most, with the first bad answer it gave.")] = False,
    contents: Annotated[
        bool, typer.Option("--contents", help="Also read answers that were to be JSON, and count those that are not.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many rows.")] = 20,
    since: SinceOption = "24h",
    until: UntilOption = None,
    store: StoreOption = None,
    format_name: FormatOption = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    print_sql: SqlOption = False,
    tz: TimeZoneOption = None,
) -> None:
    """Which provider, endpoint or model gives malformed answers, since when, and whom did they reach?

    Malformed: cut off, refused, filtered, broken off, without an end, empty; with --contents also what is not the JSON that was asked for.
    The one whose share stands out most from the others, and from its own before, comes first. first_trace is its first bad answer.
    """
    if by not in GROUPINGS:
        raise BadInput(f"--by is {by!r}", hint=f"it is one of {', '.join(GROUPINGS)}")
    window = window_of(since, until, tz)
    sink = sink_of(format_name, as_json, output, window.zone, zone_given=window.zone_given)
    values: dict[str, Any] = {"since": window.since, "until": window.until, "by": by, "limit": 1 if first else limit}
    values["contents"] = "yes" if contents else "no"
    asked = ask("malformed", values, window.zone, sink, store=store, print_sql=print_sql)
    if asked is None:
        return
    write_rows(sink, asked.names, asked.rows, ours=True)
    if sink.format != "table":
        return
    if not asked.rows:
        say("no answers in this window; --since looks further back")
    elif first and asked.mappings()[0]["first_trace"] is not None:
        row = asked.mappings()[0]
        say(f"its first bad answer: fr show {row['first_trace']} {row['first_step']}")
