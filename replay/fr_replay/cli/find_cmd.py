"""``fr find``: where a text is on record, and which decision made an effect."""

from __future__ import annotations

from typing import Annotated

import typer

from fr_schema.errors import BadInput

from .options import FormatOption, OutputOption, SinceOption, StoreOption, TimeZoneOption, UntilOption, window_of
from .output import say, write_rows
from .saved_answer import JsonOption, SqlOption, ask, sink_of
from .unsearched import say_what_was_not_searched

__all__ = ["find"]


def find(
    *,
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="What to look for; upper and lower case are the same.")] = None,
    effect: Annotated[
        str | None, typer.Option("--effect", metavar="REF", help="Instead: which tool call made this effect, such as a refund by its id.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many places, the newest first.")] = 50,
    since: SinceOption = "7d",
    until: UntilOption = None,
    store: StoreOption = None,
    format_name: FormatOption = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    print_sql: SqlOption = False,
    tz: TimeZoneOption = None,
) -> None:
    """Where on record does a text occur: in prompts, messages, answers, tool arguments and results? Or: which decision made an effect?

    One row for each stored part and trace, with the first call that held it. Every part in the store is read: there is no index. A text
    that a provider streamed is found in the joined answer; one that runs over two messages is not. What was redacted is not on record.

    --effect REF looks in tool calls and other requests only: those that cannot be taken back first, each with the step that came before it.
    """
    if (text is None) == (effect is None) or not (text or effect or "").strip():
        raise BadInput("what is to be found?", hint="fr find 'order o-1', or fr find --effect re_123")
    window = window_of(since, until, tz)
    sink = sink_of(format_name, as_json, output, window.zone, zone_given=window.zone_given)
    values = {"since": window.since, "until": window.until, "limit": limit} | ({"ref": effect} if text is None else {"text": text})
    asked = ask("effect" if text is None else "find", values, window.zone, sink, store=store, print_sql=print_sql)
    if asked is None:
        return
    write_rows(sink, asked.names, asked.rows, ours=True)
    if sink.format == "table":
        if not asked.rows:
            say("not found in this window; --since looks further back")
        elif len(asked.rows) == limit:
            say(f"the newest {limit} places; --limit N shows more")
        say_what_was_not_searched(asked.store)
