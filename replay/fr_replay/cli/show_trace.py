"""The lines of ``fr show TRACE``: what ran, and everything that it did, in the order of time."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo

from fr_replay.messages import call_text
from fr_replay.reading import Row, TraceReading

from .figures import clock_time, count_of, first_words, money, offset, one_line, size, span_of_time, tokens
from .folding import FOLD_HINT, fold_items
from .show_facts import FACT_TABLE, fact_cells
from .table import Line, TableColumn, table_lines

__all__ = ["NO_END", "STATUS_STYLES", "model_text", "trace_facts", "trace_lines"]

STATUS_STYLES = {"error": "red", "open": "yellow", "cancelled": "yellow", "abandoned": "yellow"}
_EFFECTS = {"write": "yellow", "irreversible": "bold red"}
_WORDS = 120
_WIDE = 110
_ROWS_HEAD = 40
_ROWS_TAIL = 40
NO_END = "no answer on record: the process was killed or still runs"

_STEP_TABLE = (
    TableColumn("step", right=True),
    TableColumn("at", right=True),
    TableColumn("model", least=18),
    TableColumn("in", right=True, rank=3),
    TableColumn("out", right=True, rank=3),
    TableColumn("cost", right=True, rank=2),
    TableColumn("time", right=True),
    TableColumn("tries", right=True, rank=4),
    TableColumn("status", styles=STATUS_STYLES),
    TableColumn("answer", least=20),
)
_TOOL_TABLE = (
    TableColumn("at", right=True),
    TableColumn("effect", styles=_EFFECTS),
    TableColumn("time", right=True),
    TableColumn("status", styles=STATUS_STYLES),
    TableColumn("call", least=20),
    TableColumn("result", least=16),
)
_HTTP_TABLE = (
    TableColumn("at", right=True),
    TableColumn("time", right=True),
    TableColumn("http", right=True),
    TableColumn("size", right=True, rank=1),
    TableColumn("request", least=30),
    TableColumn("error", least=10, rank=2, styles={}),
)
_DECISION_TABLE = (
    TableColumn("at", right=True),
    TableColumn("decision", least=12),
    TableColumn("from", least=20),
    TableColumn("code", least=16, rank=1),
)

Measure = Callable[[str], int]


def trace_lines(reading: TraceReading, zone: tzinfo, *, width: int | None, full: bool, measure: Measure) -> list[Line]:
    """The header of a trace, and a table of each kind of thing that happened."""
    start = reading.trace["started_at"]
    lines = _header(reading, zone)
    model = None if _only_model(reading.steps) else model_text if width is None or width >= _WIDE else _short_model
    tables: tuple[tuple[str, Sequence[TableColumn], list[Row], Callable[[Row, datetime | None], list[str]]], ...] = (
        ("steps", _STEP_TABLE, reading.steps, lambda row, at: _step_cells(row, at, model)),
        ("tools", _TOOL_TABLE, reading.tools, _tool_cells),
        ("other HTTP calls", _HTTP_TABLE, reading.http, _http_cells),
        ("decisions of the program", _DECISION_TABLE, reading.decisions, _decision_cells),
        ("facts", FACT_TABLE, reading.facts, fact_cells),
    )
    for title, columns, rows, cells in tables:
        if rows:
            lines += [Line(()), Line(((title, "bold cyan"),))]
            lines += _table(columns, [cells(row, start) for row in rows], width, full, measure)
    if reading.steps:
        lines += [Line(()), Line(((f"fr show {reading.trace['trace_id'][:12]} STEP shows a step as the model saw it", "dim"),))]
    return lines


def _table(columns: Sequence[TableColumn], cells: list[list[str]], width: int | None, full: bool, measure: Measure) -> list[Line]:
    """A table without the columns that would be empty, folded in the middle when it is long."""
    used = [index for index in range(len(columns)) if any(row[index] for row in cells)]
    head, folded, tail = (cells, 0, ()) if full else fold_items(cells, _ROWS_HEAD, _ROWS_TAIL)
    kept = [[row[index] for index in used] for row in (*head, *tail)]
    lines = table_lines([columns[index] for index in used], kept, width=width, indent=2, measure=measure)
    if folded:
        lines.insert(1 + len(head), Line(((f"... {folded:,} rows folded, {FOLD_HINT}", "dim italic"),), 2))
    return lines


# -- the header


def _header(reading: TraceReading, zone: tzinfo) -> list[Line]:
    trace = reading.trace
    status = trace["status"] or ""
    title: list[tuple[str, str | None]] = [("trace ", "bold"), (trace["trace_id"], "bold")]
    title += [(f"  {one_line(trace['name'])}", "bold cyan")] if trace["name"] else []
    title += [("  ", None), (status, STATUS_STYLES.get(status, "green"))]
    return [Line(tuple(title))] + [
        Line(((f"{label:<9}", "dim"), (text, None)), 2, hang=9) for label, text in trace_facts(reading, zone) if text
    ]


def trace_facts(reading: TraceReading, zone: tzinfo) -> list[tuple[str, str]]:
    """What is said of a trace as a whole: labels and values, some empty."""
    trace, run = reading.trace, reading.run or {}
    return [
        ("command", one_line(" ".join(run.get("argv") or ()))),
        ("cwd", one_line(run.get("cwd") or "")),
        ("started", _started(trace, run, zone)),
        ("did", _totals(trace)),
        ("model", _only_model(reading.steps) or ""),
        ("code", _code(trace, reading)),
        ("python", _python(reading)),
        ("host", _host(trace)),
        ("labels", _labels(trace)),
        ("gaps", "; ".join(one_line(f"{gap['reason']} ({gap['lost']} records)" if gap["lost"] else gap["reason"]) for gap in reading.gaps)),
        ("links", ", ".join(dict.fromkeys(link for row in (run, *reading.spans) for link in row.get("links") or ()))),
        ("replay", _replay(reading)),
    ]


def _started(trace: Row, run: Row, zone: tzinfo) -> str:
    at = trace["started_at"]
    if at is None:
        return "not on record: it was imported from a file that does not tell"
    return f"{clock_time(at, zone)} {at.astimezone(zone):%Z}, {_how_it_ended(trace, run)}"


def _how_it_ended(trace: Row, run: Row) -> str:
    took = f"took {span_of_time(trace['duration_ms'])}" if trace["duration_ms"] is not None else ""
    if not run:
        return took
    if run["status"] == "open":
        return "not ended: it still runs, or the launcher was killed"
    code = run["exit_code"]
    return f"{took}, {f'ended by signal {-code}' if code is not None and code < 0 else f'exit code {code}'}"


def _totals(trace: Row) -> str:
    parts = [count_of(trace["llm_calls"], "llm call")]
    if trace["llm_errors"]:
        parts[0] += f" ({trace['llm_errors']} failed)"
    parts += [count_of(trace["tool_calls"], "tool call")] if trace["tool_calls"] else []
    parts += [count_of(trace["http_calls"], "other HTTP call")] if trace["http_calls"] else []
    if trace["tokens_in"] or trace["tokens_out"]:
        parts.append(f"{tokens(trace['tokens_in'])} tokens in, {tokens(trace['tokens_out'])} out")
    if trace["cost_usd"] is not None:
        unpriced = trace["calls_without_cost"]
        parts.append(money(trace["cost_usd"]) + (f" ({count_of(unpriced, 'call')} without a known price not in it)" if unpriced else ""))
    return " · ".join(parts)


def _code(trace: Row, reading: TraceReading) -> str:
    commit = trace["code_version"] or (reading.run or {}).get("code_version")
    if not commit:
        return ""
    dirty = next((row["code_dirty"] for row in (reading.run, *reading.processes) if row and row["code_dirty"] is not None), None)
    return f"{commit}{' with uncommitted changes' if dirty else ''}"


def _python(reading: TraceReading) -> str:
    """Versions of the processes, with how many packages are installed."""
    seen: dict[str, int] = {}
    for process in reading.processes:
        facts = json.loads(process["interpreter"] or "{}")
        seen[facts.get("python", "?")] = max(seen.get(facts.get("python", "?"), 0), len(process["packages"] or ()))
    text = ", ".join(f"{version} with {count_of(count, 'package')}" for version, count in seen.items())
    return f"{text} · {count_of(len(reading.processes), 'process', 'processes')}" if len(reading.processes) > 1 else text


def _host(trace: Row) -> str:
    labelled = [f"{name} {trace[name]}" for name in ("service", "environment", "region") if trace[name]]
    return one_line(" · ".join([trace["host"] or "", *labelled]).strip(" ·"))


def _labels(trace: Row) -> str:
    names = (("session", "session_id"), ("task", "task_id"), ("user", "user_ref"), ("tenant", "tenant_id"), ("agent", "agent_name"))
    labels = [f"{label}={trace[column]}" for label, column in names if trace[column]]
    labels += [f"{key}={value}" if value else key for key, value in (trace["tags"] or {}).items()]
    return one_line(" ".join(labels))


def _replay(reading: TraceReading) -> str:
    if reading.run is None:
        return "not a command under fr record, so fr replay cannot start it"
    if not reading.not_exact:
        return f"all {count_of(reading.exchanges, 'exchange')} on record exactly" if reading.exchanges else ""
    lacking = ", ".join(f"{count} without {reason}" for reason, count in reading.not_exact.items())
    return f"{sum(reading.not_exact.values())} of {count_of(reading.exchanges, 'exchange')} not exactly on record: {one_line(lacking)}"


# -- the rows of the tables


def _at(row: Row, start: datetime | None) -> str:
    return "" if row["started_at"] is None or start is None else offset((row["started_at"] - start).total_seconds() * 1000)


def model_text(row: Row) -> str:
    """``asked -> ran``; one name where they are equal, or where the answer did not name the version."""
    asked, ran = row["model_requested"], row["model_resolved"]
    if ran is None or ran == asked:
        return one_line(asked or ran or "?")
    return one_line(f"{asked or '?'} -> {ran}")


def _only_model(steps: Sequence[Row]) -> str | None:
    """The one model of all steps, which then stands above the table; a failed call, which resolves to nothing, may be any."""
    told = {model_text(row) for row in steps if row["model_resolved"] is not None}
    asked = {row["model_requested"] for row in steps}
    return told.pop() if len(told) == 1 and len(asked) == 1 else None


def _short_model(row: Row) -> str:
    """What ran, for narrow terminals; a question mark where the answer did not name the version."""
    return one_line(row["model_resolved"] or f"{row['model_requested'] or ''}?")


def _step_cells(row: Row, start: datetime | None, model: Callable[[Row], str] | None) -> list[str]:
    return [
        str(row["step"]),
        _at(row, start),
        model(row) if model is not None else "",
        tokens(row["tokens_in"]),
        tokens(row["tokens_out"]),
        money(row["cost_usd"]),
        span_of_time(row["duration_ms"]),
        str(row["attempts"]) if (row["attempts"] or 1) > 1 else "",
        row["status"] or "",
        _answer_words(row),
    ]


def _answer_words(row: Row) -> str:
    """What the model answered, in a few words: its text, the tools that it asked for, or why there is nothing."""
    if row["phase"] == "begin":
        return NO_END
    if row["status"] == "error" and (row["error_type"] or row["error_message"]):
        return first_words(f"{row['error_type'] or 'error'}: {row['error_message'] or ''}", _WORDS)
    asked = ", ".join(call_text(call["name"], call["arguments"] or "") for call in row["tool_calls"])
    said = row["answer"] or ""
    ended = f"[{row['finish_reason']}] " if row["finish_reason"] not in (None, "stop", "tool_calls") else ""
    operation = f"({row['operation']})" if not said and not asked and row["operation"] not in (None, "chat") else ""
    return first_words(ended + " ".join(part for part in (said, f"→ {asked}" if asked else "", operation) if part), _WORDS)


def _tool_cells(row: Row, start: datetime | None) -> list[str]:
    result = f"{row['error_type'] or 'error'}: {row['error_message'] or ''}" if row["error_type"] else row["result"] or ""
    seen = row["capture_source"] != "sdk"
    return [
        _at(row, start),
        "" if row["side_effect"] == "unknown" else row["side_effect"] or "",
        "" if seen else span_of_time(row["duration_ms"]),
        row["status"] or "",
        first_words(call_text(row["tool_name"], row["arguments"] or ""), _WORDS),
        first_words(result, _WORDS),
    ]


def _http_cells(row: Row, start: datetime | None) -> list[str]:
    error = f"{row['error_type'] or ''} {row['error_message'] or ''}".strip()
    return [
        _at(row, start),
        span_of_time(row["duration_ms"]),
        str(row["http_status"] or "-"),
        size(row["response_bytes"]),
        one_line(f"{row['request_method'] or ''} {row['request_url'] or ''}{' (telemetry)' if row['operation'] == 'telemetry' else ''}"),
        first_words(error, _WORDS),
    ]


def _decision_cells(row: Row, start: datetime | None) -> list[str]:
    data = row["data"] or ""
    return [
        _at(row, start),
        one_line(row["decision_label"] or ""),
        first_words("" if data == "{}" else data, _WORDS),
        one_line(row["code_location"] or ""),
    ]
