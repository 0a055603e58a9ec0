"""How a replay ended, for people and for machines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine.modes import AT
from ..replaying import DIVERGED, ENDED_EARLY, IDENTICAL, MOVED, REACHED, RECORD_ENDED, ReplayOutcome
from .differences import all_difference_lines, output_lines
from .table import Line

__all__ = ["as_mapping", "report_lines", "summary_of"]

_SHOWN_UNUSED = 5
_SHOWN_MOVED = 20
_GOOD, _BAD, _QUIET = "bold green", "bold red", "dim"


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
    if outcome.outcome in (IDENTICAL, MOVED):
        return [_identical(outcome), *_moved(outcome), *_notes(outcome)]
    if outcome.outcome == REACHED:
        return [_reached(outcome), *_moved(outcome)]
    if outcome.outcome == RECORD_ENDED:
        served = f"{outcome.served} of {_count(outcome.recorded, 'recorded call')} replayed, all identical"
        ends = Line((("fr: ", None), ("the record ends here", "bold"), (f" ({outcome.facts['what']}); {served}", None)))
        return [ends, *_moved(outcome)]
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
    for grade, said in (("served", "tools not run again"), ("re-run", "tools run again")):
        names = sorted(name for name, given in outcome.tools.items() if given == grade)
        if names:
            parts.append(f"{said}: {', '.join(names)}")
    if "bytes" in stdout:
        parts.append(f"stdout equal ({stdout['bytes']:,} bytes)")
    recorded, replayed = outcome.exit_code
    parts.append(f"exit code {replayed} as recorded" if recorded is not None else f"exit code {replayed}")
    parts.append(f"{outcome.seconds:.1f} s")
    moved = outcome.facts.get("moved") or ()
    verdict = f"replay identical except for {_count(len(moved), 'moved call')}" if moved else "replay identical"
    return Line((("fr: ", None), (verdict, _GOOD), (" · " + " · ".join(parts), None)))


def _reached(outcome: ReplayOutcome) -> Line:
    facts = outcome.facts
    step = f"step {facts['step']} of {facts['steps']}"
    parts = [f"{_count(outcome.served, 'call')} served"]
    if facts["stop"] == AT:
        equal = (
            "is the recorded one, byte for byte" if facts["exact"] else "says the same as the recorded one, in other bytes (key order, say)"
        )
        verdict = f"{step}: the request {equal}" + (" (redacted values as tokens)" if facts.get("redaction") else "")
        parts[0] += " before it"
    elif facts["not_seen"]:
        steps = ", ".join(map(str, facts["not_seen"]))
        verdict = f"replayed to {step}, all identical but for step {steps}, which another process had not come to"
    else:
        verdict = f"replayed to {step}, all identical"
    if facts.get("stdout", {}).get("same"):
        parts.append(f"stdout so far equal ({facts['stdout']['bytes']:,} bytes)")
    parts.append(f"{outcome.seconds:.1f} s")
    return Line((("fr: ", None), (verdict, _GOOD), (" · " + " · ".join(parts), None)))


def _moved(outcome: ReplayOutcome) -> list[Line]:
    """The calls that a tolerant replay served out of their place."""
    rows = outcome.facts.get("moved") or ()
    lines = []
    for row in rows[:_SHOWN_MOVED]:
        what = f"step {row['step']}" if row["step"] else row["kind"]
        here = f" ({row['now']['location']})" if row["now"]["location"] else ""
        then, now = (f"call {side['number'] + 1} of {side['lane']}" for side in (row["recorded"], row["now"]))
        lines.append(Line(((f"moved: {what}, {_asked(row['request'])}, was {then}, is {now}{here}", None),), 2))
    if len(rows) > _SHOWN_MOVED:
        lines.append(Line(((f"and {len(rows) - _SHOWN_MOVED} more; --json lists them all", None),), 2))
    if outcome.facts.get("order_given_up"):
        lines.append(Line((("the recorded order of answers could not be kept to the end", _QUIET),), 2))
    return lines


def summary_of(outcome: ReplayOutcome) -> str:
    """The outcome in some words, for a line among many."""
    facts, step = outcome.facts, f"step {outcome.facts['step']}: " if outcome.facts.get("step") else ""
    if outcome.outcome == DIVERGED:
        first = next(iter(facts.get("differences") or ()), None)
        place = f" at {first['path'] or 'the body'}" if first is not None else ""
        return f"{step}{facts['what']}{place}"
    if outcome.outcome == ENDED_EARLY:
        return f"{facts['what']}; {_count(facts['unused_count'], 'recorded call')} not asked for"
    if outcome.outcome == MOVED:
        return f"{_count(len(facts['moved']), 'moved call')}"
    return "" if outcome.outcome == IDENTICAL else str(facts.get("what", ""))


def _notes(outcome: ReplayOutcome) -> list[Line]:
    return [Line(((note, _QUIET),), 2) for note in outcome.facts.get("notes") or ()]


def _ended_early(outcome: ReplayOutcome) -> list[Line]:
    facts = outcome.facts
    lines = [_verdict("ENDED EARLY", f"{facts['what']}; {_count(facts['unused_count'], 'recorded call')} not asked for")]
    for row in facts["unused"][:_SHOWN_UNUSED]:
        step = f"step {row['step']}" if row["step"] else row["kind"]
        lines.append(Line(((f"{step} in {row['lane']}: {_asked(row['request'])}", None),), 2))
    recorded, replayed = outcome.exit_code
    if recorded != replayed:
        lines.append(Line(((f"exit code {replayed}, recorded {recorded}", None),), 2))
    return [*lines, *_moved(outcome), *_suspects(outcome), _last(outcome)]


def _diverged(outcome: ReplayOutcome) -> list[Line]:
    facts = outcome.facts
    at = f" at step {facts['step']}" if facts.get("step") else ""
    lane = f" in {facts['lane_path']}" if facts.get("lane_path") else ""
    lines = [_verdict(f"DIVERGED{at}{lane}", facts["what"])]
    if facts.get("request"):
        lines.append(Line((("recorded  ", _QUIET), (_asked(facts["request"]), None)), 2))
    lines += all_difference_lines(facts)
    stdout = facts.get("stdout")
    if isinstance(stdout, dict) and stdout.get("same") is False:
        lines += output_lines(stdout)
    if facts.get("redaction"):
        lines.append(Line(((facts["redaction"], None),), 2))
    return [*lines, *_where(facts), *_moved(outcome), *_suspects(outcome), _last(outcome)]


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
