"""Scores and reviews of a trace that is over, from a command."""

from __future__ import annotations

from typing import Any, NamedTuple

from fr_schema.errors import BadInput

from .capture import LateJournal, put_fact
from .reading import rows_of
from .selectors import store_of_trace
from .store import Store

__all__ = ["About", "about", "tell"]


class About(NamedTuple):
    """What a late fact is about.

    Attributes:
        trace: hex id.
        run: of the run that it is of, or None.
        scope: whose key its content is under, or None.
        step, span: the model call, by number and hex span id; None for the whole trace.
    """

    trace: str
    run: str | None
    scope: str | None
    step: int | None
    span: str | None


def about(store: Store, trace: str, step: int | None) -> About:
    """Look up what a fact is about. Raises BadInput when the trace has no such step."""
    near = store_of_trace(store, trace)
    try:
        span = _span_of(near, step) if step is not None else None
        # The scope that most of its content is under is the subject's; what is the tenant's alone has no slash.
        sql = "SELECT any_value(lower(hex(run_id))), arg_max(scope, contains(scope, '/')) FROM stored_events WHERE trace_id = unhex(?)"
        found = near.rows(sql, [trace])[1][0]
    finally:
        near.close()
    return About(trace, found[0], found[1], step, span)


def _span_of(near: Store, step: int) -> str:
    steps = rows_of(near, "SELECT step, span_id FROM calls ORDER BY step")
    span: str | None = next((row["span_id"] for row in steps if row["step"] == step), None)
    if span is None:
        have = f"it has steps 1 to {len(steps)}" if len(steps) > 1 else "it has step 1 only" if steps else "it has no model call"
        raise BadInput(f"the trace has no step {step}", hint=f"{have}; fr show TRACE lists them")
    return span


def tell(store: Store, subject: About, kind: str, name: str | None, facts: dict[str, Any], **more: Any) -> None:
    """Write one fact as a segment of its own. Raises FlightError or OSError; nothing of it is left then."""
    journal = LateJournal(store.path, subject.trace, subject.run, {"scope": subject.scope} if subject.scope else {})
    placed = {"about_step": subject.step, "about_span_id": subject.span}
    try:
        put_fact(kind, name, facts={**facts, **placed}, into=journal, **more)
    except BaseException:
        journal.abandon()
        raise
    journal.close()
