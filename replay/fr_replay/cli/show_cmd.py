"""``fr show``: a trace, or one decision in it as the model saw it."""

from __future__ import annotations

from datetime import tzinfo
from typing import Annotated

import typer

from fr_replay.contents import Contents
from fr_replay.reading import open_trace, read_trace, rows_of
from fr_replay.selectors import resolve_trace
from fr_replay.store import Store

from .cells import json_text, json_value
from .opened import open_for_command
from .options import OutputOption, StoreOption, TimeZoneOption, window_of
from .output import measure, terminal_width, write_lines, write_text
from .table import Line

__all__ = ["show", "step_lines"]


def show(
    *,
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="Trace id, the beginning of one (4 characters or more), or `last`.")],
    step: Annotated[int | None, typer.Argument(metavar="STEP", min=1, help="Number of a model call in the trace.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Fold nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object, nothing folded.")] = False,
    store: StoreOption = None,
    output: OutputOption = None,
    tz: TimeZoneOption = None,
) -> None:
    """Read a trace, or one decision in it as the model saw it.

    Without STEP: what ran, and a line for each model call, tool call, other HTTP call and decision. With STEP: the model and its
    parameters, the system prompt, the tools offered, every message, the answer, and what became of the tools that it asked for.
    """
    window = window_of(None, None, tz)
    opened = open_for_command(store)
    near, contents = open_trace(opened, resolve_trace(opened, trace))
    try:
        if as_json:
            from fr_replay.decision import read_decision

            from .show_json import decision_object, trace_object

            found = trace_object(read_trace(near, contents)) if step is None else decision_object(read_decision(near, contents, step))
            write_text(json_text(json_value(found, window.zone if window.zone_given else None), indent=2), output)
        else:
            write_lines(_lines(near, contents, step, zone=window.zone, width=terminal_width(output), full=full), output)
    finally:
        near.close()


def _lines(near: Store, contents: Contents, step: int | None, *, zone: tzinfo, width: int | None, full: bool) -> list[Line]:
    if step is None:
        # Each is imported where it is wanted: reading one step needs the providers' tables, reading a trace does not.
        from .show_trace import trace_lines

        return trace_lines(read_trace(near, contents), zone, width=width, full=full, measure=measure)
    return step_lines(near, contents, step, zone=zone, width=width, full=full)


def step_lines(near: Store, contents: Contents, step: int, *, zone: tzinfo, width: int | None, full: bool = False) -> list[Line]:
    """One decision. Raises BadInput when there is no such step."""
    from fr_replay.decision import read_decision

    from .show_decision import decision_lines

    decision = read_decision(near, contents, step)
    start = rows_of(near, "SELECT min(started_at) AS started_at FROM all_events WHERE kind <> 'process'")[0]["started_at"]
    return decision_lines(decision, start, zone, width=width, full=full, measure=measure)
