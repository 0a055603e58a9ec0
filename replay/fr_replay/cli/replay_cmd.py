"""``fr replay TRACE``: run a recorded command again, offline, and stop at the first difference."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from ..replaying import DIVERGED, ENDED_EARLY, IDENTICAL, RECORD_ENDED, ReplayOutcome, replay_trace
from ..selectors import resolve_trace
from ..store import open_store

__all__ = ["replay", "report"]

_WINDOW = 64


def replay(
    trace: Annotated[str, typer.Argument(help="Trace id, a unique prefix of one, or 'last'.")] = "last",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as JSON on stderr's place: stdout stays the program's.")
    ] = False,
    store: Annotated[str | None, typer.Option("--store", help="The store.")] = None,
) -> None:
    """Run a recorded command again with the recorded world: no network, no keys, no tool that writes.

    The program's own output goes to stdout, what fr has to say to stderr. Exit status: 0 identical (requests, standard output
    and exit code); 86 diverged; 87 something that the record does not hold, or a refused side effect; 88 the program ended
    before its record did; 2 bad usage.
    """
    opened = open_store(store)
    trace_id = resolve_trace(opened, trace)
    outcome = replay_trace(opened, trace_id)
    sys.stdout.flush()
    if as_json:
        print(json.dumps(as_mapping(outcome), ensure_ascii=False, indent=1), file=sys.stderr)  # noqa: T201 - the command's output
    else:
        for line in report(outcome):
            print(line, file=sys.stderr)  # noqa: T201 - the command's output
    raise typer.Exit(outcome.code)


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


def report(outcome: ReplayOutcome) -> list[str]:
    """The outcome for people, line by line."""
    if outcome.outcome == IDENTICAL:
        return [_identical(outcome)]
    if outcome.outcome == RECORD_ENDED:
        what = outcome.facts["what"]
        return [f"fr: the record ends here ({what}); {outcome.served} of {outcome.recorded} recorded calls replayed, all identical"]
    if outcome.outcome == ENDED_EARLY:
        return _ended_early(outcome)
    if outcome.outcome == DIVERGED:
        return _diverged(outcome)
    return [f"fr: STOPPED: {outcome.facts['what']}", *_where(outcome.facts), f"  trace {outcome.trace_id}, exit 87"]


def _identical(outcome: ReplayOutcome) -> str:
    stdout = outcome.facts.get("stdout", {})
    parts = [f"fr: replay identical · {_count(outcome.served, 'call')} served"]
    if outcome.tools:
        parts.append(f"tools not run again: {', '.join(sorted(outcome.tools))}")
    if "bytes" in stdout:
        parts.append(f"stdout equal ({stdout['bytes']:,} bytes)")
    parts.append(
        f"exit code {outcome.exit_code[1]} as recorded" if outcome.exit_code[0] is not None else f"exit code {outcome.exit_code[1]}"
    )
    parts.append(f"{outcome.seconds:.1f} s")
    return " · ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _ended_early(outcome: ReplayOutcome) -> list[str]:
    lines = [f"fr: ENDED EARLY: {outcome.facts['what']}; {_count(outcome.facts['unused_count'], 'recorded call')} not asked for"]
    for row in outcome.facts["unused"][:5]:
        step = f"step {row['step']}" if row["step"] else row["kind"]
        lines.append(f"  {step} in {row['lane']}: {_asked(row['request'])}")
    if outcome.exit_code[0] != outcome.exit_code[1]:
        lines.append(f"  exit code {outcome.exit_code[1]}, recorded {outcome.exit_code[0]}")
    return [*lines, *_suspect_lines(outcome), f"  trace {outcome.trace_id}, exit 88"]


def _diverged(outcome: ReplayOutcome) -> list[str]:
    facts = outcome.facts
    at = f" at step {facts['step']}" if facts.get("step") else ""
    lane = f" in {facts['lane_path']}" if facts.get("lane_path") else ""
    lines = [f"fr: DIVERGED{at}{lane}: {facts['what']}"]
    if facts.get("request"):
        lines.append(f"  recorded  {_asked(facts['request'])}")
    for difference in facts.get("differences") or ():
        lines += _difference(difference)
    more = facts.get("total", 0) - len(facts.get("differences") or ())
    if more > 0:
        lines.append(f"  and {_count(more, 'more difference')}")
    stdout = facts.get("stdout")
    if isinstance(stdout, dict) and stdout.get("same") is False:
        lines += [
            f"  at line {stdout['line']} of the standard output",
            f"    - recorded: {stdout['recorded']}",
            f"    + replayed: {stdout['replayed']}",
        ]
    if facts.get("redaction"):
        lines.append(f"  {facts['redaction']}")
    return [*lines, *_where(facts), *_suspect_lines(outcome), f"  trace {outcome.trace_id}, exit 86"]


def _asked(request: dict[str, Any]) -> str:
    return f"{request['method']} {request['url']}" if "url" in request else f"tool {request['name']}"


def _where(facts: dict[str, Any]) -> list[str]:
    here, then = facts.get("location"), facts.get("recorded_location")
    if not here and not then:
        return []
    return [f"  program line: {here or 'unknown'}" + (f"   (recorded at {then})" if then else "")]


def _suspect_lines(outcome: ReplayOutcome) -> list[str]:
    return [f"  first suspect: {outcome.suspects[0]}", *(f"  also: {s}" for s in outcome.suspects[1:])] if outcome.suspects else []


def _difference(difference: dict[str, Any]) -> list[str]:
    where = difference["path"] or "the body"
    who = f" ({difference['who']})" if difference.get("who") else ""
    recorded, replayed, character = difference["recorded"], difference["replayed"], difference.get("character")
    if difference["kind"] in ("dropped", "truncated"):
        return [f"  {difference['kind']}: {where}{who}", f"    - recorded: {_window(recorded, None)}"]
    if difference["kind"] == "inserted":
        return [f"  inserted: {where}{who}", f"    + replayed: {_window(replayed, None)}"]
    at = f", character {character + 1} of {len(recorded)}" if character is not None and isinstance(recorded, str) else ""
    return [f"  at {where}{who}{at}", f"    - recorded: {_window(recorded, character)}", f"    + replayed: {_window(replayed, character)}"]


def _window(value: Any, character: int | None) -> str:
    """A value on one line, cut to what surrounds the first difference."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    start = max(0, (character or 0) - _WINDOW // 2)
    shown = text[start : start + 2 * _WINDOW]
    quoted = json.dumps(shown, ensure_ascii=False)[1:-1]
    return ("…" if start else "") + quoted + ("…" if start + 2 * _WINDOW < len(text) else "")
