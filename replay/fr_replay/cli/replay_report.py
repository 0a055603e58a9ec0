"""How a replay ended, for people and for machines. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..replaying import DIVERGED, ENDED_EARLY, IDENTICAL, RECORD_ENDED, ReplayOutcome
from .table import Line

__all__ = ["as_mapping", "report_lines"]

_WINDOW = 64
_SHOWN_UNUSED = 5
_THEN, _NOW, _GOOD, _BAD, _QUIET = "red", "green", "bold green", "bold red", "dim"


def as_mapping(outcome: ReplayOutcome) -> dict[str, Any]:
    """The outcome for machines."""
    return {
        "outcome": outcome.outcome,
        "exit": outcome.code,
        "trace": outcome.trace_id,
        "served": outcome.served,
        "recorded": outcome.recorded,
        "tools": outcome.tools,
        "program_exit": {"recorded": outcome.exit_code[0], "replayed": outcome.exit_code[1]},
        "seconds": round(outcome.seconds, 3),
        "suspects": outcome.suspects,
        "facts": outcome.facts,
    }


def report_lines(outcome: ReplayOutcome) -> list[Line]:
    """The outcome for people."""
    if outcome.outcome == IDENTICAL:
        return [_identical(outcome)]
    if outcome.outcome == RECORD_ENDED:
        served = f"{outcome.served} of {_count(outcome.recorded, 'recorded call')} replayed, all identical"
        return [Line((("fr: ", None), ("the record ends here", "bold"), (f" ({outcome.facts['what']}); {served}", None)))]
    if outcome.outcome == ENDED_EARLY:
        return _ended_early(outcome)
    if outcome.outcome == DIVERGED:
        return _diverged(outcome)
    return [_verdict("STOPPED", outcome.facts["what"]), *_where(outcome.facts), _last(outcome)]


def _verdict(word: str, what: str) -> Line:
    return Line((("fr: ", None), (word, _BAD), (f": {what}", None)))


def _last(outcome: ReplayOutcome) -> Line:
    return Line(((f"trace {outcome.trace_id}, exit {outcome.code}", _QUIET),), 2)


def _identical(outcome: ReplayOutcome) -> Line:
    stdout = outcome.facts.get("stdout", {})
    parts = [f"{_count(outcome.served, 'call')} served"]
    if outcome.tools:
        parts.append(f"tools not run again: {', '.join(sorted(outcome.tools))}")
    if "bytes" in stdout:
        parts.append(f"stdout equal ({stdout['bytes']:,} bytes)")
    recorded, replayed = outcome.exit_code
    parts.append(f"exit code {replayed} as recorded" if recorded is not None else f"exit code {replayed}")
    parts.append(f"{outcome.seconds:.1f} s")
    return Line((("fr: ", None), ("replay identical", _GOOD), (" · " + " · ".join(parts), None)))


def _ended_early(outcome: ReplayOutcome) -> list[Line]:
    facts = outcome.facts
    lines = [_verdict("ENDED EARLY", f"{facts['what']}; {_count(facts['unused_count'], 'recorded call')} not asked for")]
    for row in facts["unused"][:_SHOWN_UNUSED]:
        step = f"step {row['step']}" if row["step"] else row["kind"]
        lines.append(Line(((f"{step} in {row['lane']}: {_asked(row['request'])}", None),), 2))
    recorded, replayed = outcome.exit_code
    if recorded != replayed:
        lines.append(Line(((f"exit code {replayed}, recorded {recorded}", None),), 2))
    return [*lines, *_suspects(outcome), _last(outcome)]


def _diverged(outcome: ReplayOutcome) -> list[Line]:
    facts = outcome.facts
    at = f" at step {facts['step']}" if facts.get("step") else ""
    lane = f" in {facts['lane_path']}" if facts.get("lane_path") else ""
    lines = [_verdict(f"DIVERGED{at}{lane}", facts["what"])]
    if facts.get("request"):
        lines.append(Line((("recorded  ", _QUIET), (_asked(facts["request"]), None)), 2))
    for difference in facts.get("differences") or ():
        lines += _difference(difference)
    more = facts.get("total", 0) - len(facts.get("differences") or ())
    if more > 0:
        lines.append(Line(((f"and {_count(more, 'more difference')}", None),), 2))
    stdout = facts.get("stdout")
    if isinstance(stdout, dict) and stdout.get("same") is False:
        lines += [
            Line(((f"at line {stdout['line']} of the standard output", None),), 2),
            _side("recorded", str(stdout["recorded"])),
            _side("replayed", str(stdout["replayed"])),
        ]
    if facts.get("redaction"):
        lines.append(Line(((facts["redaction"], None),), 2))
    return [*lines, *_where(facts), *_suspects(outcome), _last(outcome)]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _asked(request: Mapping[str, Any]) -> str:
    return f"{request['method']} {request['url']}" if "url" in request else f"tool {request['name']}"


def _where(facts: Mapping[str, Any]) -> list[Line]:
    here, then = facts.get("location"), facts.get("recorded_location")
    if not here and not then:
        return []
    return [Line((("program line: ", _QUIET), (here or "unknown", "cyan"), (f"   (recorded at {then})" if then else "", None)), 2)]


def _suspects(outcome: ReplayOutcome) -> list[Line]:
    labels = ["first suspect: ", *["also: "] * (len(outcome.suspects) - 1)]
    return [Line(((label, "bold"), (suspect, None)), 2, hang=2) for label, suspect in zip(labels, outcome.suspects, strict=False)]


def _difference(difference: Mapping[str, Any]) -> list[Line]:
    where = difference["path"] or "the body"
    who = f" ({difference['who']})" if difference.get("who") else ""
    recorded, replayed, character = difference["recorded"], difference["replayed"], difference.get("character")
    if difference["kind"] in ("dropped", "truncated"):
        return [_place(f"{difference['kind']}: {where}{who}"), _side("recorded", _window(recorded, None))]
    if difference["kind"] == "inserted":
        return [_place(f"inserted: {where}{who}"), _side("replayed", _window(replayed, None))]
    at = f", character {character + 1} of {len(recorded)}" if character is not None and isinstance(recorded, str) else ""
    return [
        _place(f"at {where}{who}{at}"),
        _side("recorded", _window(recorded, character)),
        _side("replayed", _window(replayed, character)),
    ]


def _place(text: str) -> Line:
    return Line(((text, None),), 2)


def _side(which: str, text: str) -> Line:
    sign, style = ("-", _THEN) if which == "recorded" else ("+", _NOW)
    return Line(((f"{sign} {which}: ", style), (text, style)), 4, hang=12)


def _window(value: Any, character: int | None) -> str:
    """A value on one line, cut to what surrounds the first difference."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    start = max(0, (character or 0) - _WINDOW // 2)
    shown = text[start : start + 2 * _WINDOW]
    quoted = json.dumps(shown, ensure_ascii=False)[1:-1]
    return ("…" if start else "") + quoted + ("…" if start + 2 * _WINDOW < len(text) else "")
