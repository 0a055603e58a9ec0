"""What came of re-issuing a request, for people and for machines. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..reissue import RecordedRequest, Sending
from ..reissue_groups import ERROR, REFUSAL, Answer, AskedCall, Group, Summary, meaning_of_share
from .figures import count_of, first_words, money, one_line, span_of_time
from .table import Line, TableColumn, table_lines

__all__ = ["as_mapping", "report_lines"]

_WORDS = 400
_SHOWN_STEPS = 6
_GROUPS = (
    TableColumn("answers", right=True),
    TableColumn("share", right=True),
    TableColumn("95 %"),
    TableColumn("recorded", styles={"yes": "bold green"}),
    TableColumn("steps"),
    TableColumn("decision", least=24),
)
_NOT_SAID = "not said"


def as_mapping(request: RecordedRequest, sending: Sending, summary: Summary, estimate: float | None) -> dict[str, Any]:
    """The outcome for machines; shares from 0 to 1, costs in US dollars, times in milliseconds."""
    return {
        "trace": sending.trace_id,
        "parent": {"trace": request.trace_id, "step": request.step, "span": request.span_id},
        "sent": sending.sent,
        "answered": summary.answered,
        "stopped": sending.stopped,
        "groups": [_group_mapping(group) for group in summary.groups],
        "recorded": _answer_mapping(request.recorded),
        "recorded_seen": summary.recorded_seen,
        "meaning": meaning_of_share(summary),
        "errors": [{"error": error, "count": count} for error, count in summary.errors],
        "models": _counts(summary.models),
        "fingerprints": _counts(summary.fingerprints),
        "finish_reasons": _counts(summary.finish_reasons),
        "latency_ms_median": summary.latency_ms,
        "cost_usd": summary.cost_usd,
        "answers_without_cost": summary.without_cost,
        "estimated_cost_usd": estimate,
    }


def _counts(counted: Sequence[tuple[str | None, int]]) -> list[dict[str, Any]]:
    return [{"value": value, "count": count} for value, count in counted]


def _group_mapping(group: Group) -> dict[str, Any]:
    return {
        "kind": group.kind,
        "count": group.count,
        "share": group.share,
        "low": group.interval.low,
        "high": group.interval.high,
        "recorded": group.recorded,
        "steps": list(group.steps),
        "text": group.example.text,
        "tool_calls": _calls(group.example.calls),
    }


def _answer_mapping(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    return {
        "kind": answer.kind,
        "text": answer.text,
        "tool_calls": _calls(answer.calls),
        "finish_reason": answer.finish_reason,
        "model": answer.model,
        "fingerprint": answer.fingerprint,
        "error": answer.error,
    }


def _calls(calls: Sequence[AskedCall]) -> list[dict[str, str]]:
    return [call._asdict() for call in calls]


def report_lines(
    request: RecordedRequest, sending: Sending, summary: Summary, *, width: int | None, measure: Callable[[str], int]
) -> list[Line]:
    """The outcome for people."""
    head = f"step {request.step} of {request.trace_id[:12]} sent {count_of(sending.sent, 'time')}, answered {summary.answered}"
    lines = [Line(((head, "bold"), (f"; stopped early: {sending.stopped}" if sending.stopped else "", "yellow")))]
    if summary.groups:
        lines += [Line(()), *table_lines(_GROUPS, [_cells(group) for group in summary.groups], width=width, measure=measure)]
    lines += [Line(()), Line(((meaning_of_share(summary), "bold"),))]
    lines += [Line(((label, "dim"), (text, style)), 2, hang=len(label)) for label, text, style in _facts(request, summary) if text]
    lines.append(Line((("answers      ", "dim"), (f"trace {sending.trace_id}: fr show {sending.trace_id[:12]} STEP reads each", None)), 2))
    return lines


def _cells(group: Group) -> list[str]:
    steps = ", ".join(map(str, group.steps[:_SHOWN_STEPS])) + (", …" if group.count > _SHOWN_STEPS else "")
    decision = f"refused: {group.decision}".rstrip(": ") if group.kind == REFUSAL else group.decision
    return [
        str(group.count),
        f"{100 * group.share:.0f} %",
        f"{100 * group.interval.low:.0f} to {100 * group.interval.high:.0f} %",
        "yes" if group.recorded else "",
        steps,
        first_words(decision.replace("\n", " + ") or "(no text and no tool call)", _WORDS),
    ]


def _facts(request: RecordedRequest, summary: Summary) -> list[tuple[str, str, str | None]]:
    recorded = request.recorded
    cost = money(summary.cost_usd)
    if summary.without_cost and cost:
        cost += f", without {count_of(summary.without_cost, 'answer')} whose cost is not known"
    rows = [
        ("recorded     ", _about_recorded(recorded, summary), "yellow" if summary.recorded_seen is False else None),
        ("errors       ", "; ".join(f"{count} times {one_line(error)}" for error, count in summary.errors), "red"),
        ("model        ", _spread(summary.models, recorded.model if recorded else None), None),
        ("fingerprint  ", _spread(summary.fingerprints, recorded.fingerprint if recorded else None), None),
        ("finish       ", _spread(summary.finish_reasons, None), None),
        ("time         ", f"{span_of_time(summary.latency_ms)} (median)" if summary.latency_ms is not None else "", None),
        ("cost         ", cost or ("not known" if summary.answered else ""), None),
    ]
    return list(rows)


def _about_recorded(recorded: Answer | None, summary: Summary) -> str:
    if recorded is None:
        return "the record has no answer to this request"
    if recorded.kind == ERROR:
        return f"the record has an error, no decision: {recorded.error}"
    if summary.recorded_seen is None or not summary.answered:
        return ""
    return "the recorded decision came again" if summary.recorded_seen else "the recorded decision did not come again"


def _spread(counted: Sequence[tuple[str | None, int]], recorded: str | None) -> str:
    """Values with their counts, the most frequent first; nothing where no answer says anything."""
    if not any(value is not None for value, _ in counted):
        return ""
    shown = [f"{value or _NOT_SAID} ({count})" for value, count in counted[:_SHOWN_STEPS]]
    more = len(counted) - len(shown)
    shown += [f"and {more} more"] if more > 0 else []
    changed = recorded is not None and {value for value, _ in counted} != {recorded}
    return ", ".join(shown) + (f"; recorded: {recorded}" if changed else "")
