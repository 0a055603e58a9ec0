"""What a trace without a command allows, and what was checked of it, for people and for machines. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..handler import HandlerOutcome
from ..rechecking import Recheck
from .replay_report import as_mapping
from .table import Line

__all__ = ["ByProxy", "handler_lines", "handler_mapping", "recheck_lines", "recheck_mapping"]

_SHOWN_FAULTS = 10


class ByProxy(NamedTuple):
    """What ``fr proxy --replay`` can do with a trace that came through it. ``reason``: why it cannot be served; None when it can."""

    reason: str | None


def recheck_mapping(found: Recheck, trace_id: str, reason: str | None, served: ByProxy | None = None) -> dict[str, Any]:
    """For machines. ``reason``: why the trace cannot be replayed around a handler; None when it can.

    ``proxy`` is None for a trace that did not come through ``fr proxy``.
    """
    return {
        "outcome": "checked" if not found.faults else "damaged",
        "trace": trace_id,
        "requests": found.requests,
        "answers": found.answers,
        "decoded": found.decoded,
        "unanswered": found.unanswered,
        "compared_by_content": found.by_content,
        "faults": [fault._asdict() for fault in found.faults],
        "notes": [note._asdict() for note in found.notes],
        "handler": reason is None,
        "handler_reason": reason,
        "proxy": None if served is None else served.reason is None,
        "proxy_reason": None if served is None else served.reason,
    }


def recheck_lines(found: Recheck, trace_id: str, reason: str | None, steps: int, served: ByProxy | None = None) -> list[Line]:
    """For people: what was verified, what was not, and what else this record allows."""
    word, style = ("verified", "bold green") if not found.faults else ("DAMAGED", "bold red")
    counts = f" {_count(found.requests, 'request')}, {_count(found.answers, 'answer')}; no command on record, so no program was run"
    lines = [Line((("fr: ", None), (word, style), (f":{counts}" if found.faults else counts, None)))]
    lines += [Line(((f"{fault.where}: {fault.what}", None),), 2) for fault in found.faults[:_SHOWN_FAULTS]]
    if len(found.faults) > _SHOWN_FAULTS:
        lines.append(Line(((f"and {_count(len(found.faults) - _SHOWN_FAULTS, 'more fault')}", None),), 2))
    lines += [Line(((f"{note.where}: {note.what}", None),), 2) for note in found.notes[:_SHOWN_FAULTS]]
    named = (
        "names its own content" if found.by_content else "is there; whether it was changed cannot be told without the store's key (FR_KEYS)"
    )
    lines.append(Line(((f"every part {named}; {_count(found.decoded, 'model call')} read again by the decoders", "dim"),), 2))
    if found.unanswered:
        lines.append(Line(((f"{_count(found.unanswered, 'request')} without an answer on record", None),), 2))
    if reason is None:
        lines.append(_offer(f"fr replay {trace_id} --handler module:function", "runs its code again, served from the record"))
    else:
        lines.append(Line(((f"its code cannot be run again from the record: {reason}", None),), 2))
    if served is not None and served.reason is None:
        does = "serves these answers to the program that is started again; its clock, files and tools are its own"
        lines.append(_offer(f"fr proxy --replay {trace_id}", does))
    elif served is not None:
        lines.append(Line(((f"fr proxy cannot serve it: {served.reason}", None),), 2))
    if steps:
        lines.append(_offer(f"fr reissue {trace_id} K", f"asks the provider again, K from 1 to {steps}"))
    return lines


def handler_mapping(outcome: HandlerOutcome) -> dict[str, Any]:
    """A handler's replay for machines."""
    mapping = as_mapping(outcome.replayed)
    del mapping["program_exit"]
    given = {"handler": outcome.handler, "inputs": outcome.inputs, "returned": outcome.returned, "raised": outcome.raised}
    return {**mapping, **given, "not_restored": outcome.limits}


def handler_lines(outcome: HandlerOutcome) -> list[Line]:
    """An identical replay of a handler for people, and what it did not restore."""
    replayed = outcome.replayed
    parts = [_count(replayed.served, "call") + " served"]
    if replayed.tools:
        parts.append(f"tools not run again: {', '.join(sorted(replayed.tools))}")
    parts.append(f"raised {outcome.raised} as recorded" if outcome.raised else f"returned {outcome.returned}")
    parts.append(f"{replayed.seconds:.1f} s")
    lines = [Line((("fr: ", None), ("handler identical", "bold green"), (" · " + " · ".join(parts), None)))]
    return lines + [Line((("not restored: ", "dim"), (limit, "dim")), 2, hang=2) for limit in outcome.limits]


def _offer(command: str, does: str) -> Line:
    return Line(((command, "cyan"), (f"   {does}", None)), 2)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
