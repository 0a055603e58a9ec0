"""``fr replay --all``: a line for each run as it comes, and a table of outcomes at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..replay_many import ChosenRun, worst_code
from ..replaying import DIVERGED, ENDED_EARLY, IDENTICAL, MOVED, RECORD_ENDED, UNSUPPORTED, ReplayOutcome
from .cells import json_text
from .figures import one_line
from .output import measure, progress_bar, terminal_width, write_lines, write_text
from .replay_report import as_mapping, summary_of
from .table import Line, TableColumn, table_lines

__all__ = ["replay_all", "table_of_outcomes"]

_ID_SHOWN = 12
_WORDS = {
    IDENTICAL: "identical",
    MOVED: "identical except for moved calls",
    RECORD_ENDED: "identical to the end of its record",
    DIVERGED: "diverged",
    ENDED_EARLY: "ended early",
    UNSUPPORTED: "not replayable",
}
"""What is said of an outcome, the best first."""

_STYLES = {
    **dict.fromkeys((IDENTICAL, MOVED, RECORD_ENDED), "green"),
    **dict.fromkeys((DIVERGED, ENDED_EARLY), "bold red"),
    UNSUPPORTED: "yellow",
}
_WIDEST = len("not replayable")
_TABLE = (TableColumn("outcome"), TableColumn("runs", right=True), TableColumn("calls served", right=True), TableColumn("time", right=True))


def replay_all(runs: Sequence[ChosenRun], outcomes: Any, *, as_json: bool) -> int:
    """Show outcomes as they come, then the table, or all of it as JSON; returns the worst exit code.

    Args:
        outcomes: an iterator of :class:`ReplayOutcome`; closed when this is interrupted.
    """
    names = {run.trace_id: run.name for run in runs}
    found: list[ReplayOutcome] = []
    try:
        with progress_bar(len(runs), "replaying") as advance:
            for outcome in outcomes:
                found.append(outcome)
                if not as_json:
                    write_lines([_line(outcome, names[outcome.trace_id])])
                advance()
    finally:
        outcomes.close()
    code = worst_code(found)
    if as_json:
        rows = [{"name": names[outcome.trace_id], **as_mapping(outcome)} for outcome in found]
        counts = Counter(outcome.outcome for outcome in found)
        write_text(json_text({"exit": code, "outcomes": dict(counts), "runs": rows}, indent=2))
    else:
        write_lines([Line(()), *table_of_outcomes(found, terminal_width())])
    return code


def table_of_outcomes(outcomes: Sequence[ReplayOutcome], width: int | None) -> list[Line]:
    """A row for each outcome that came, the best first."""
    rows = []
    for kind, words in _WORDS.items():
        of_kind = [outcome for outcome in outcomes if outcome.outcome == kind]
        if of_kind:
            served, seconds = sum(o.served for o in of_kind), sum(o.seconds for o in of_kind)
            rows.append([words, str(len(of_kind)), f"{served:,}", f"{seconds:.1f} s"])
    return table_lines(_TABLE, rows, width=width, measure=measure)


def _line(outcome: ReplayOutcome, name: str | None) -> Line:
    words = _WORDS[outcome.outcome]
    verdict = (f"{words:<{_WIDEST}}", _STYLES[outcome.outcome])
    what = summary_of(outcome)
    return Line(
        (
            (outcome.trace_id[:_ID_SHOWN], "dim"),
            ("  ", None),
            verdict,
            (f"  {one_line(name or '')}", None),
            (f"  {what}" if what else "", None),
        )
    )
