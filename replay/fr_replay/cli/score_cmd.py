"""``fr score``: say afterwards how good something was."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from fr_replay.capture import scored
from fr_replay.late_telling import about, tell
from fr_replay.selectors import resolve_trace
from fr_schema.errors import BadInput

from .opened import open_for_command
from .options import StoreOption
from .output import write_text

__all__ = ["score"]

CONTEXT_SETTINGS = {"ignore_unknown_options": True}
"""A score below zero is no option."""

_WORDS = {"true": True, "false": False}


def score(
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="Trace id, the beginning of one, or `last`.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What was judged: helpfulness, resolved, ...")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="A number, true, false, or a word.")],
    *,
    step: Annotated[int | None, typer.Option(metavar="K", min=1, help="The step that it is about; else the whole trace.")] = None,
    comment: Annotated[str | None, typer.Option(metavar="TEXT", help="Why.")] = None,
    by: Annotated[str | None, typer.Option(metavar="ID", help="Who says so; only a keyed pseudonym of it is stored.")] = None,
    source: Annotated[str | None, typer.Option(metavar="WORD", help="What says so: human, model, program, or a name of it.")] = None,
    store: StoreOption = None,
) -> None:
    """Add a score to a trace, however long it is over. The score is a row of its own; no row of the trace is changed."""
    opened = open_for_command(store)
    subject = about(opened, resolve_trace(opened, trace), step)
    if not name.strip() or name.startswith("--"):
        raise BadInput(f"{name!r} is no name for a score", hint="fr score TRACE NAME VALUE")
    facts = {**scored(_value(value)), "reason": comment, "by_source": source or ("human" if by is not None else None)}
    tell(opened, subject, "score", name, facts, by=by)
    write_text(f"scored {subject.trace[:12]}{f' step {step}' if step is not None else ''}: {name} {value}")


def _value(text: str) -> float | bool | str:
    """What was typed. Raises BadInput for what is no score."""
    if text.startswith("--"):
        raise BadInput(f"there is no option {text}", hint="see fr score --help")
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        number = float(text)
    except ValueError:
        if not text.strip():
            raise BadInput("the score is empty", hint="a number, true, false, or a word") from None
        return text
    if not math.isfinite(number):
        raise BadInput(f"{text} is no score", hint="a finite number, true, false, or a word")
    return number
