"""``fr replay TRACE``: run a recorded command again, offline, and stop at the first difference."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fr_schema.ids import day_of_trace

from ..replaying import replay_trace
from ..selectors import resolve_trace
from .cells import json_text
from .opened import open_for_command
from .options import StoreOption
from .output import write_lines
from .replay_report import as_mapping, report_lines
from .table import Line

__all__ = ["replay"]


def replay(
    trace: Annotated[
        str, typer.Argument(metavar="TRACE", help="Trace id, the beginning of one (4 characters or more), or `last`.")
    ] = "last",
    as_json: Annotated[bool, typer.Option("--json", help="Say how it ended as JSON, on stderr: stdout is the program's.")] = False,
    store: StoreOption = None,
) -> None:
    """Run a recorded command again with the recorded world: no network, no keys, no tool that writes.

    The program's own output goes to stdout, what fr has to say to stderr. Exit status: 0 identical (requests, standard output
    and exit code); 86 diverged; 87 something that the record does not hold, or a refused side effect; 88 the program ended
    before its record did; 2 bad usage.
    """
    opened = open_for_command(store)
    trace_id = resolve_trace(opened, trace)
    begun = day_of_trace(trace_id)
    # A run may go on past midnight, in traces of its own; it has nothing from before it began.
    near = opened.narrowed(days=frozenset(day for day in opened.segments.days if day >= begun))
    try:
        outcome = replay_trace(near, trace_id)
    finally:
        near.close()
    sys.stdout.flush()
    if as_json:
        write_lines([Line(((json_text(as_mapping(outcome), indent=2), None),), wrap=False)], aside=True)
    else:
        write_lines(report_lines(outcome), aside=True)
    raise typer.Exit(outcome.code)
