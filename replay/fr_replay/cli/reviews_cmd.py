"""``fr reviews``: decisions of reviewers, made and waited for."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import FormatOption, OutputOption, SinceOption, StoreOption, TimeZoneOption, UntilOption, window_of
from .saved_answer import JsonOption, SqlOption, answer, sink_of

__all__ = ["reviews"]


def reviews(
    *,
    oldest: Annotated[bool, typer.Option("--oldest", help="Those that are waited for, the oldest first.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="With --oldest: at most so many.")] = 20,
    since: SinceOption = "30d",
    until: UntilOption = None,
    store: StoreOption = None,
    format_name: FormatOption = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    print_sql: SqlOption = False,
    tz: TimeZoneOption = None,
) -> None:
    """How many decisions of reviewers are waited for, for how long, and how did they decide? With --oldest: which are waited for longest?

    What fr.review() and fr review told, by queue (queue=... of fr.review(), else the tool). Waited for is what was told as requested,
    pending, waiting or escalated, without another verdict after it on the same tool call, step or trace.
    """
    window = window_of(since, until, tz)
    sink = sink_of(format_name, as_json, output, window.zone, zone_given=window.zone_given)
    values: dict[str, Any] = {"since": window.since, "until": window.until}
    name, nothing = "reviews", "no reviews in this window; fr.review() and fr review record them"
    if oldest:
        name, nothing = "reviews-waiting", "nothing is waited for in this window; --since looks further back"
        values["limit"] = limit
    answer(name, values, window.zone, sink, store=store, print_sql=print_sql, nothing=nothing)
