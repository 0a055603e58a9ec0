"""Options that several commands share: one wording, one meaning."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated, NamedTuple

import typer

from fr_replay.times import FORMS, parse_time, zone_of
from fr_schema.errors import BadInput

__all__ = [
    "FormatOption",
    "ModelOption",
    "OutputOption",
    "SessionOption",
    "SinceOption",
    "StatusOption",
    "StoreOption",
    "TagOption",
    "TimeZoneOption",
    "UntilOption",
    "UserOption",
    "Window",
    "window_of",
]

StoreOption = Annotated[str | None, typer.Option("--store", metavar="PATH", help="The store; else FR_STORE, else ./.flightrecorder.")]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format", "-f", metavar="FORMAT", help="table, json, jsonl, csv, parquet or markdown; else by the file's ending, else table."
    ),
]
OutputOption = Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file instead of the terminal.")]
SinceOption = Annotated[str | None, typer.Option("--since", metavar="TIME", help=f"From then on: {FORMS}.")]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Up to then; written like --since.")]
TimeZoneOption = Annotated[
    str | None,
    typer.Option("--tz", metavar="ZONE", help="Time zone of times read and shown, such as UTC or Europe/Berlin; else this machine's."),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Model asked for, or the version that ran. * stands for anything.")
]
StatusOption = Annotated[str | None, typer.Option("--status", metavar="WORD", help="ok, error, cancelled, abandoned or open.")]
SessionOption = Annotated[str | None, typer.Option("--session", metavar="ID", help="Session that the application gave.")]
UserOption = Annotated[str | None, typer.Option("--user", metavar="ID", help="User that the application gave, or its stored name (u_...).")]
TagOption = Annotated[list[str] | None, typer.Option("--tag", metavar="NAME=VALUE", help="Tag that the application gave; may be repeated.")]


class Window(NamedTuple):
    """A stretch of time; None is open. ``zone`` is for showing times; ``zone_given`` says that a person chose it."""

    since: datetime | None
    until: datetime | None
    zone: tzinfo
    zone_given: bool


def window_of(since: str | None, until: str | None, zone_name: str | None) -> Window:
    """The options as a window. Raises BadInput for what is no time or zone, and for a window that ends before it begins."""
    zone, now = zone_of(zone_name), datetime.now(UTC)
    first = parse_time(since, zone, now) if since is not None else None
    last = parse_time(until, zone, now) if until is not None else None
    if first is not None and last is not None and last < first:
        raise BadInput(f"--until {until} is before --since {since}", hint="swap them")
    return Window(first, last, zone, zone_name is not None)
