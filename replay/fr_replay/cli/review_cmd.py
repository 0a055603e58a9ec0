"""``fr review``: say afterwards what a reviewer decided."""

from __future__ import annotations

from typing import Annotated

import typer

from fr_replay.late_telling import about, tell
from fr_replay.selectors import resolve_trace
from fr_schema.errors import BadInput

from .opened import open_for_command
from .options import StoreOption
from .output import write_text

__all__ = ["review"]


def review(
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="Trace id, the beginning of one, or `last`.")],
    verdict: Annotated[str, typer.Argument(metavar="VERDICT", help="approved, rejected, edited, escalated, or another word.")],
    *,
    step: Annotated[int | None, typer.Option(metavar="K", min=1, help="The step that it is about; else the whole trace.")] = None,
    tool: Annotated[str | None, typer.Option(metavar="NAME", help="The tool whose call was up for approval.")] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, in the reviewer's words.")] = None,
    seconds: Annotated[float | None, typer.Option(metavar="N", min=0, help="How long the reviewer took.")] = None,
    by: Annotated[str | None, typer.Option(metavar="ID", help="Who decided; only a keyed pseudonym of it is stored.")] = None,
    source: Annotated[str | None, typer.Option(metavar="WORD", help="What decided: human, model, program, or a name of it.")] = None,
    store: StoreOption = None,
) -> None:
    """Add a review to a trace, however long it is over. The review is a row of its own; no row of the trace is changed."""
    opened = open_for_command(store)
    subject = about(opened, resolve_trace(opened, trace), step)
    if not verdict.strip():
        raise BadInput("the verdict is empty", hint="approved, rejected, edited, escalated, or another word")
    facts = {"fact_value": verdict, "reason": reason, "tool_name": tool, "by_source": source or ("human" if by is not None else None)}
    tell(opened, subject, "review", None, facts, detail={"seconds": seconds}, by=by)
    write_text(f"reviewed {subject.trace[:12]}{f' step {step}' if step is not None else ''}: {verdict}")
