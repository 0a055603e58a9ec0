"""The options of ``fr replay``, and what they ask for together."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from fr_replay.engine.modes import AFTER, AT, PROMPT, Mode
from fr_schema.errors import BadInput

__all__ = [
    "AllOption",
    "AllowSubprocessOption",
    "AllowWritesOption",
    "BreakOption",
    "FillOption",
    "HandlerOption",
    "JobsOption",
    "JsonOption",
    "LiveOption",
    "MaxCostOption",
    "NameOption",
    "RealtimeOption",
    "StepOption",
    "TimesOption",
    "ToOption",
    "TolerantOption",
    "TraceArgument",
    "WhereOption",
    "YesOption",
    "asked_mode",
]

TraceArgument = Annotated[
    str | None,
    typer.Argument(metavar="TRACE", help="Trace id, the beginning of one (4 characters or more), or `last`.  [default: last]"),
]
ToOption = Annotated[int | None, typer.Option("--to", metavar="K", min=1, help="Stop once step K is answered and the program goes on.")]
StepOption = Annotated[int | None, typer.Option("--step", metavar="K", min=1, help="Stop at step K; check its request, and show it.")]
BreakOption = Annotated[
    int | None, typer.Option("--break", metavar="K", min=1, help="Open a Python prompt at step K, in the program's frame.")
]
TolerantOption = Annotated[
    bool, typer.Option("--tolerant", help="Serve calls that have moved to another place or task, where there is no doubt; list them.")
]
RealtimeOption = Annotated[bool, typer.Option("--realtime", help="Let answers, chunks and sleeps take as long as they took.")]
HandlerOption = Annotated[
    str | None,
    typer.Option("--handler", metavar="MODULE:FUNCTION", help="For a server's trace: call this with the recorded inputs, served."),
]
LiveOption = Annotated[bool, typer.Option("--live", help="With --step K: send its request again, today, as fr reissue does.")]
TimesOption = Annotated[int | None, typer.Option("-n", metavar="N", min=1, max=10_000, help="With --live: how many times.")]
FillOption = Annotated[
    list[str] | None, typer.Option("--fill", metavar="TOKEN=VALUE", help="With --live: put VALUE where redaction left TOKEN.")
]
MaxCostOption = Annotated[
    float | None, typer.Option("--max-cost", metavar="USD", min=0, help="With --live: send no more than this pays for.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="With --live: do not ask before sending.")]
AllOption = Annotated[bool, typer.Option("--all", help="Replay all recorded runs, or those that --where, --since, ... choose.")]
WhereOption = Annotated[
    list[str] | None, typer.Option("--where", metavar="SQL", help="With --all: a condition on the view traces; may be repeated.")
]
NameOption = Annotated[str | None, typer.Option("--name", metavar="NAME", help="With --all: name of the run; * stands for anything.")]
JobsOption = Annotated[int, typer.Option("--jobs", "-j", metavar="N", min=1, help="With --all: so many at once.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Say how it ended as JSON, on stderr: stdout is the program's. With --all, on stdout.")
]
AllowWritesOption = Annotated[
    list[str] | None,
    typer.Option("--allow-writes", metavar="DIR", help="Let the program write in this folder; may be given several times."),
]
AllowSubprocessOption = Annotated[
    bool, typer.Option("--allow-subprocess", help="Let the program start programs whose results the record does not hold.")
]


def asked_mode(to: int | None, step: int | None, break_at: int | None, *, tolerant: bool, realtime: bool) -> Mode:
    """The mode that options name. Raises BadInput where they do not go together, and for a prompt without a terminal."""
    given = [
        (kind, name, number) for kind, name, number in ((AFTER, "--to", to), (AT, "--step", step), (PROMPT, "--break", break_at)) if number
    ]
    if len(given) > 1:
        raise BadInput(f"{given[0][1]} and {given[1][1]} do not go together", hint="choose one of them")
    if break_at is not None:
        _check_terminal()
    if not given:
        return Mode(tolerant=tolerant, realtime=realtime)
    kind, _, number = given[0]
    return Mode(number, kind, tolerant=tolerant, realtime=realtime)


def _check_terminal() -> None:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        raise BadInput("--break opens a prompt, and there is no terminal", hint="run it in a terminal, or use --step K") from None
