"""A trace as it is read from a store: what ran, its steps, tools, other calls, decisions and gaps, as rows of the views."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fr_schema.errors import BadInput

from .contents import Contents
from .fact_reading import read_facts
from .selectors import store_of_trace
from .store import Store

__all__ = ["Row", "TraceReading", "asked_tools", "open_trace", "read_trace", "rows_of"]

Row = dict[str, Any]

_ANSWER_CHARACTERS = 240

STEP_COLUMNS = (
    "step, span_id, started_at, duration_ms, status, error_type, error_message, provider, model_requested, model_resolved,"
    " model_resolved_source, tokens_in, tokens_out, cost_usd, ttft_ms, attempts, http_status, finish_reason, operation, output_blob,"
    " output_tool_calls, code_location, lane, phase"
)
_TOOL_COLUMNS = (
    "span_id, parent_span_id, started_at, duration_ms, status, error_type, error_message, tool_name, tool_call_id, side_effect,"
    " tool_args_blob, tool_result_parts, tool_result_bytes, tool_result_form, capture_source, code_location, lane, phase"
)
_HTTP_COLUMNS = (
    "span_id, started_at, duration_ms, status, error_type, error_message, request_method, request_url, http_status, response_bytes,"
    " operation, code_location, lane, phase"
)


@dataclass(frozen=True, slots=True)
class TraceReading:
    """One trace.

    Attributes:
        trace: its row of ``traces``.
        run: the row of the command under ``fr record``, or None.
        processes: rows of ``processes``.
        steps: model calls, by number; each has ``answer``: the first words of the answer, or None.
        tools: tool calls; each has ``arguments`` and ``result``: their first words, or None.
        http: other HTTP calls.
        decisions: choices that the program recorded; each has ``data``: its first words, or None.
        facts: what else only the program, or somebody after it, could tell; see :mod:`fr_replay.fact_reading`.
        spans: named stretches.
        gaps: admissions of loss.
        not_exact: why rows cannot be replayed exactly: reason and number of rows.
        exchanges: how many rows replay would serve.
    """

    trace: Row
    run: Row | None
    processes: list[Row]
    steps: list[Row]
    tools: list[Row]
    http: list[Row]
    decisions: list[Row]
    facts: list[Row]
    spans: list[Row]
    gaps: list[Row]
    not_exact: dict[str, int]
    exchanges: int


def rows_of(store: Store, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
    """Rows as mappings. Raises QueryFailed or DamagedFile."""
    names, rows = store.rows(sql, parameters)
    return [dict(zip(names, row, strict=True)) for row in rows]


def open_trace(store: Store, trace_id: str) -> tuple[Store, Contents]:
    """The part of the store that holds one trace, and its content."""
    near = store_of_trace(store, trace_id)
    return near, Contents(near, store)


def read_trace(near: Store, contents: Contents) -> TraceReading:
    """Read a whole trace, with the first words of its content. Raises BadInput when nothing but a process start is on record."""
    traces = rows_of(near, "SELECT * FROM traces")
    if not traces:
        raise BadInput("nothing of this trace is on record but that a process began")
    runs = rows_of(
        near,
        "SELECT argv, cwd, env, interpreter, seeds, started_at, duration_ms, status, exit_code, code_version, code_dirty, links"
        " FROM all_events WHERE kind = 'run'",
    )
    steps = rows_of(near, f"SELECT {STEP_COLUMNS} FROM calls ORDER BY step")
    tools = rows_of(near, f"SELECT {_TOOL_COLUMNS} FROM tools ORDER BY started_at, span_id")
    decisions = rows_of(near, "SELECT started_at, decision_label, decision_blob, code_location, lane FROM decisions ORDER BY started_at")
    http = rows_of(near, f"SELECT {_HTTP_COLUMNS} FROM http ORDER BY started_at, span_id")
    _add_first_words(steps, tools, decisions, contents)
    not_exact = rows_of(
        near,
        "SELECT coalesce(array_to_string(replay_missing, ', '), 'unknown') AS reason, count(*) AS rows, kind FROM all_events"
        " WHERE kind IN ('llm_attempt', 'http_call', 'tool_call') AND replay_level <> 'exact_io' GROUP BY ALL ORDER BY 2 DESC",
    )
    not_exact += _locked(near)
    exchanges = near.rows("SELECT count(*) FROM all_events WHERE kind IN ('llm_attempt', 'http_call', 'tool_call')")[1][0][0]
    return TraceReading(
        trace=traces[0],
        run=runs[0] if runs else None,
        processes=rows_of(near, "SELECT * FROM processes ORDER BY started_at"),
        steps=steps,
        tools=tools,
        http=http,
        decisions=decisions,
        facts=read_facts(near, contents),
        spans=rows_of(
            near,
            "SELECT name, started_at, duration_ms, status, error_type, error_message, links FROM all_events WHERE kind = 'span' ORDER BY 2",
        ),
        gaps=rows_of(near, "SELECT started_at, lost, reason FROM gaps ORDER BY started_at"),
        not_exact=_summed(not_exact),
        exchanges=exchanges,
    )


def _locked(near: Store) -> list[Row]:
    """Of the rows that replay would serve, those whose content cannot be opened, by reason."""
    if not near.encrypted:
        return []
    sql = (
        "SELECT scope, sealed_columns FROM stored_events WHERE kind IN ('llm_attempt', 'http_call', 'tool_call')"
        " AND replay_level = 'exact_io' AND sealed_columns IS NOT NULL"
    )
    words = [near.opener.why_locked(scope, envelope) for scope, envelope in near.rows(sql)[1]]
    return [{"reason": f"their content, {word}", "rows": 1} for word in words if word is not None]


def _summed(rows: Sequence[Row]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for row in rows:
        counted[row["reason"]] = counted.get(row["reason"], 0) + row["rows"]
    return counted


def asked_tools(row: Row) -> list[dict[str, Any]]:
    """The tool calls that an answer asked for: ``id``, ``name`` and ``arguments_blob``."""
    return json.loads(row["output_tool_calls"]) if row["output_tool_calls"] else []


def _add_first_words(steps: list[Row], tools: list[Row], decisions: list[Row], contents: Contents) -> None:
    ids: list[str | None] = [row["output_blob"] for row in steps]
    ids += [call["arguments_blob"] for row in steps for call in asked_tools(row)]
    ids += [blob for row in tools for blob in (row["tool_args_blob"], _first_part(row))]
    ids += [row["decision_blob"] for row in decisions]
    words = contents.beginnings(ids, _ANSWER_CHARACTERS)
    for row in steps:
        row["answer"] = words.get(row["output_blob"] or "")
        row["tool_calls"] = [{**call, "arguments": words.get(call["arguments_blob"])} for call in asked_tools(row)]
    for row in tools:
        row["arguments"], row["result"] = words.get(row["tool_args_blob"] or ""), words.get(_first_part(row) or "")
    for row in decisions:
        row["data"] = words.get(row["decision_blob"] or "")


def _first_part(row: Row) -> str | None:
    """The view shows lists of ids as bytes."""
    parts = row["tool_result_parts"]
    return bytes(parts[0]).hex() if parts else None
