"""The report on one trace: what happened in which order, what each model call saw and answered, how far it can be relied upon."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..cli.figures import clock_time, count_of, first_words, money, offset, one_line, size, span_of_time, tokens
from ..cli.show_trace import trace_facts
from ..decision import Decision
from ..messages import Message, call_text
from ..reading import Row, TraceReading
from .document import Block, Facts, Grid, Lane, Note, Passage, Report, Section

__all__ = ["NOTHING_FOUND", "Findings", "incident_report"]

_LONGEST_PASSAGE = 20_000
_WORDS = 160
_MOST_ROWS = 500


class Findings(NamedTuple):
    """What was found out about the trace besides its record.

    Attributes:
        integrity: what can be proved of its rows, in sentences; those that begin with ``!`` are bad news.
        redaction: what was redacted and scanned, in sentences, likewise.
        replay: how a replay went, or how to make one, in lines.
        files: name, size in bytes and SHA-256 of each file of the bundle.
        left_out: hex ids of stored parts that are not shown, with the reason.
    """

    integrity: tuple[str, ...]
    redaction: tuple[str, ...]
    replay: tuple[str, ...]
    files: tuple[tuple[str, int, str], ...]
    left_out: dict[str, str]


NOTHING_FOUND = Findings((), (), (), (), {})
"""For a report on the record alone."""


def incident_report(reading: TraceReading, decisions: Sequence[Decision], findings: Findings) -> Report:
    """The report of a trace. Times are UTC: it is read in many places."""
    trace = reading.trace
    start = trace["started_at"]
    at = clock_time(start, UTC) + " UTC" if start is not None else "at a time that is not on record"
    sections = [
        Section("What ran", (Facts(tuple((label, text) for label, text in trace_facts(reading, UTC) if text)), *_troubles(reading))),
        Section("What happened, in order", tuple(_timeline(reading, start))),
        *_steps(decisions, start, findings.left_out),
        Section("Environment", tuple(_environment(reading))),
    ]
    if findings is not NOTHING_FOUND:
        sections += [
            Section("Replay", tuple(Note(line) for line in findings.replay)),
            Section("What can be proved", _notes(findings.integrity)),
            Section("Redaction", _notes(findings.redaction)),
            Section("In this bundle", tuple(_files(findings))),
        ]
    named = f" {one_line(trace['name'])}" if trace["name"] else ""
    title = f"Trace {trace['trace_id']}{named}"
    return Report(
        title, f"{trace['status'] or 'no status'}, {at}. Recorded by fr; this report fetches nothing and needs no network.", tuple(sections)
    )


def _notes(sentences: Sequence[str]) -> tuple[Note, ...]:
    return tuple(Note(sentence.removeprefix("!"), sentence.startswith("!")) for sentence in sentences)


# -- what happened


def _troubles(reading: TraceReading) -> Iterator[Block]:
    """What went wrong by the record's own account, before anything else."""
    kinds = (("model call", reading.steps), ("tool call", reading.tools), ("HTTP call", reading.http))
    rows = [(kind, row) for kind, of_kind in kinds for row in of_kind if row["status"] not in (None, "ok")]
    for kind, row in rows[:_MOST_ROWS]:
        name = f"step {row['step']}" if kind == "model call" else one_line(row.get("tool_name") or row.get("request_url") or "")
        why = one_line(f"{row['error_type'] or ''} {row['error_message'] or ''}")
        yield Note(f"{kind} {name}: {row['status']}{f', {why}' if why else ''}", bad=True)
    for gap in reading.gaps:
        lost = f" ({count_of(gap['lost'], 'record')})" if gap["lost"] else ""
        yield Note(f"the record has a gap{lost}: {one_line(gap['reason'] or 'no reason on record')}", bad=True)


def _timeline(reading: TraceReading, start: datetime | None) -> Iterator[Block]:
    """Everything in one table, by time; the bar shows when within the trace."""
    found = [
        *((row, "model", _of_step(row), row["answer"] or _asked(row)) for row in reading.steps),
        *((row, "tool", _of_tool(row), f"{row['arguments'] or ''} -> {row['result'] or ''}") for row in reading.tools),
        *((row, "http", f"{row['request_method'] or ''} {row['http_status'] or ''}", row["request_url"] or "") for row in reading.http),
        *(
            ({**row, "duration_ms": None, "status": None}, "decision", row["decision_label"] or "", row["data"] or "")
            for row in reading.decisions
        ),
    ]
    found.sort(key=lambda entry: (entry[0]["started_at"] is None, entry[0]["started_at"] or datetime.max.replace(tzinfo=UTC)))
    if not found:
        yield Note("nothing but that it began")
        return
    whole = max(reading.trace["duration_ms"] or 0.0, 0.001)
    rows, lanes = [], []
    for row, kind, what, words in found[:_MOST_ROWS]:
        after = _after(row, start)
        rows.append(
            (
                "" if after is None else offset(after),
                kind,
                one_line(what),
                span_of_time(row["duration_ms"]),
                row["status"] or "",
                first_words(words, _WORDS),
            )
        )
        lanes.append(Lane((after or 0.0) / whole, (row["duration_ms"] or 0.0) / whole))
    yield Grid(("at", "kind", "what", "took", "status", "words"), tuple(rows), frozenset((0, 3)), tuple(lanes))
    if len(found) > _MOST_ROWS:
        yield Note(f"the first {_MOST_ROWS} of {len(found):,}; trace/events.parquet has all")


def _after(row: Row, start: datetime | None) -> float | None:
    return None if row["started_at"] is None or start is None else (row["started_at"] - start).total_seconds() * 1000


def _of_step(row: Row) -> str:
    return f"{row['step']}: {row['model_resolved'] or row['model_requested'] or 'unknown model'}"


def _of_tool(row: Row) -> str:
    effect = row["side_effect"]
    return f"{row['tool_name'] or '?'}{f' ({effect})' if effect in ('write', 'irreversible') else ''}"


def _asked(row: Row) -> str:
    return "; ".join(call_text(call["name"], call["arguments"] or "") for call in row["tool_calls"])


# -- each model call


def _steps(decisions: Sequence[Decision], start: datetime | None, left_out: dict[str, str]) -> Iterator[Section]:
    if not decisions:
        return
    yield Section(
        "Model calls",
        (Note("Each as the model saw it. A system prompt or message that stood in an earlier call already is not repeated."),),
    )
    shown: set[str] = set()
    for decision in decisions:
        yield Section(f"Step {decision.step} of {decision.steps}", tuple(_step(decision, start, shown, left_out)), 3)


def _step(decision: Decision, start: datetime | None, shown: set[str], left_out: dict[str, str]) -> Iterator[Block]:
    call = decision.call
    yield Facts(tuple((label, value) for label, value in _step_facts(decision, start) if value))
    if decision.system_prompt is not None:
        prompt = _hex(call["system_prompt_sha256"])
        if prompt not in shown:
            yield _passage("system prompt", decision.system_prompt, _hex(call["system_prompt_blob"]), left_out)
        shown.add(prompt)
    repeated = [message for message in decision.messages if message.blob_id is not None and message.blob_id in shown]
    if repeated:
        yield Note(f"{count_of(len(repeated), 'message')} as in earlier steps")
    for message in decision.messages:
        # The system prompt stands above already.
        is_prompt = message.text is not None and message.text == decision.system_prompt
        if message not in repeated and not is_prompt:
            yield _passage(message.role, _message_text(message), message.blob_id, left_out)
        shown.add(message.blob_id or "")
    if decision.request_body is not None:
        yield _passage("request", decision.request_body, None, left_out)
    if decision.reasoning is not None:
        yield _passage("reasoning", decision.reasoning, _hex(call["reasoning_blob"]), left_out)
    if decision.output is not None:
        yield _passage("answer", decision.output, _hex(call["output_blob"]), left_out)
    for asked in decision.asked:
        made = asked.made
        became = f"{made['status']}, {made['side_effect'] or 'effect not declared'}" if made is not None else "not seen to be made"
        yield Note(f"asked for {first_words(call_text(asked.name, asked.arguments), 400)}: {became}")
        if asked.result is not None:
            yield _passage(f"result of {asked.name or '?'}", asked.result, None, left_out)
    if call["status"] not in (None, "ok"):
        yield Note(one_line(f"{call['status']}: {call['error_type'] or ''} {call['error_message'] or ''}"), bad=True)


def _step_facts(decision: Decision, start: datetime | None) -> list[tuple[str, str]]:
    call = decision.call
    after = _after(call, start)
    ran = call["model_resolved"] or "not named by the provider"
    return [
        ("at", f"{offset(after)}, took {span_of_time(call['duration_ms'])}" if after is not None else ""),
        ("model", f"{call['model_requested'] or 'unknown'}, ran {ran} ({call['model_resolved_source']})"),
        ("provider", " ".join(filter(None, (call["provider"], call["server_address"])))),
        ("tokens", f"{tokens(call['tokens_in'])} in, {tokens(call['tokens_out'])} out" if call["tokens_in"] is not None else ""),
        ("cost", money(call["cost_usd"])),
        ("parameters", one_line(json.loads(call["params_sent"])) if call["params_sent"] else ""),
        ("tools", ", ".join(call["tool_names"] or ())),
        ("attempts", str(len(decision.attempts)) if len(decision.attempts) > 1 else ""),
        ("finish", call["finish_reason"] or ""),
        ("code", call["code_location"] or ""),
        ("prompt", _hex(call["system_prompt_sha256"])),
    ]


def _message_text(message: Message) -> str:
    pieces = [message.text] if message.text is not None else []
    pieces += [f"calls {call_text(call.name, call.arguments)}" for call in message.calls]
    pieces += [f"result of {result.name or result.id or '?'}: {result.content}" for result in message.results]
    return "\n".join([*pieces, *(f"[{other}]" for other in message.other)])


def _passage(title: str, text: str, part: str | None, left_out: dict[str, str]) -> Passage | Note:
    if part is not None and part in left_out:
        return Note(f"{title}: left out, {left_out[part]}", bad=True)
    if len(text) > _LONGEST_PASSAGE:
        rest = len(text) - _LONGEST_PASSAGE
        return Passage(title, f"{text[:_LONGEST_PASSAGE]}\n[{rest:,} more characters, in trace/content.parquet]", open=False)
    return Passage(title, text, open=title != "system prompt")


def _hex(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else bytes(value).hex()


# -- around it


def _environment(reading: TraceReading) -> Iterator[Block]:
    run = reading.run or {}
    facts: list[tuple[str, str]] = [("command", one_line(" ".join(run.get("argv") or ()))), ("folder", run.get("cwd") or "")]
    for process in reading.processes:
        python = json.loads(process["interpreter"] or "{}")
        told = (
            process["host"],
            f"pid {process['pid']}",
            f"Python {python['python']}" if python.get("python") else None,
            python.get("platform"),
        )
        facts.append(("process", ", ".join(part for part in told if part)))
    facts += [(name, value) for name, value in sorted((run.get("env") or {}).items())]
    if any(value for _, value in facts):
        yield Facts(tuple((label, one_line(value)) for label, value in facts if value))
    packages = {name: version for process in reading.processes for name, version in (process["packages"] or {}).items()}
    if packages:
        yield Passage(
            count_of(len(packages), "package"), "\n".join(f"{name}=={version}" for name, version in sorted(packages.items())), open=False
        )
    if not packages and not any(value for _, value in facts):
        yield Note("not on record with this trace: it ran in a process that has a trace of its own, or was imported")


def _files(findings: Findings) -> Iterator[Block]:
    yield Facts(tuple((name, f"{size(count)}, SHA-256 {digest}") for name, count, digest in findings.files))
    yield Note("The Parquet files open in any reader; schema/FORMAT.md of the project says what their columns hold.")
