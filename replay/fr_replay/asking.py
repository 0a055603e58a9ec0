"""From what a person asks on the command line to SQL with parameters: SQL itself, a saved question, or filters over a view. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from difflib import get_close_matches
from typing import Any, NamedTuple

from fr_schema.errors import BadInput, QueryFailed

from .fact_views import FACT_VIEW_COLUMNS
from .filters import Selection
from .narrowing import EVERYTHING, Reads, reads_of
from .questions import find_question, is_question_name, load_questions, values_of
from .store import Parameters
from .views import VIEWS

__all__ = ["VIEW_COLUMNS", "Asked", "ask_filters", "ask_question", "ask_sql", "better_refusal", "looks_like_name"]

VIEW_COLUMNS: Mapping[str, tuple[str, str]] = {
    "calls": (
        "trace_id, step, status, started_at, error_type, model_requested, model_resolved, duration_ms, cost_usd, tokens_in,"
        " tokens_out, attempts, finish_reason, provider, session_id, code_location, error_message",
        "started_at DESC, trace_id, step",
    ),
    "attempts": (
        "trace_id, attempt_no, status, started_at, http_status, error_type, provider, model_requested, duration_ms, retry_cause,"
        " backoff_ms, error_message",
        "started_at DESC, trace_id, attempt_no",
    ),
    "tools": (
        "trace_id, tool_name, status, started_at, side_effect, error_type, duration_ms, tool_result_bytes, tool_call_id,"
        " code_location, error_message",
        "started_at DESC, trace_id",
    ),
    "http": (
        "trace_id, request_method, request_url, http_status, status, started_at, duration_ms, response_bytes, error_type, code_location",
        "started_at DESC, trace_id",
    ),
    "messages": (
        "trace_id, span_id, position, role, direction, body, started_at, model_requested",
        "started_at DESC, trace_id, span_id, position",
    ),
    "traces": (
        "trace_id, name, status, started_at, duration_ms, llm_calls, tool_calls, llm_errors, tokens_in, tokens_out, cost_usd,"
        " models, session_id",
        "started_at DESC, trace_id",
    ),
    "decisions": ("trace_id, decision_label, started_at, decision_blob, code_location, session_id", "started_at DESC, trace_id"),
    "gaps": ("trace_id, started_at, lost, reason, writer_id", "started_at DESC"),
    "processes": ("trace_id, name, pid, status, started_at, duration_ms, host, code_version, lane", "started_at DESC"),
    "blobs": ("blob_id, kind, size, first_seen, content", "first_seen DESC"),
    **FACT_VIEW_COLUMNS,
    "snapshots": ("kind, sha256, first_seen, last_seen, calls, detail, blob_id", "last_seen DESC, kind, sha256"),
    "events": ("hex_id(trace_id) AS trace_id, kind, started_at, name, status, writer_id, seq", "started_at DESC, writer_id, seq"),
}
"""What a question by filters shows of a view, the most important column first, and in which order of rows."""

_NO_TABLE = re.compile(r"Table with name (\S+) does not exist")


class Asked(NamedTuple):
    """SQL to run.

    Attributes:
        sql, values: the statement and its parameters.
        ours: True when the columns were chosen by us, so that a narrow terminal may leave out the last ones.
        limit: the most rows that were asked for, when it was we who set it.
        reads: what the answer depends on.
    """

    sql: str
    values: Parameters
    ours: bool
    limit: int | None = None
    reads: Reads = EVERYTHING


def looks_like_name(text: str) -> bool:
    """True when the text can only be the name of a saved question."""
    return is_question_name(text)


def ask_sql(text: str, given: Mapping[str, Any]) -> Asked:
    """SQL as it was typed. Raises BadInput for filters beside it."""
    stray = next((name for name, value in given.items() if value), None)
    if stray is not None:
        raise BadInput(f"--{stray} does not work on SQL", hint="write it into the SQL, or leave the SQL away and use filters")
    return Asked(text.strip().rstrip(";").rstrip(), (), ours=False)


def ask_question(name: str, words: Sequence[str], given: Mapping[str, Any], zone: tzinfo) -> Asked:
    """A saved question with its arguments. Raises BadInput."""
    if name in VIEWS and name not in load_questions():
        raise BadInput(f"{name} is a view, not a question", hint=f"fr query --from {name}, or fr query 'SELECT * FROM {name}'")
    question = find_question(name)
    stray = next((option for option, value in given.items() if value and option not in question.arguments), None)
    if stray is not None:
        values_of(question, (), {stray: "given"}, zone)
    options = {option: str(value) for option, value in given.items() if option in question.arguments and value is not None}
    values = values_of(question, words, options, zone)
    return Asked(question.sql, values, ours=True, reads=reads_of(question.reads, values))


def ask_filters(
    view: str, texts: Mapping[str, str | None], *, tags: Sequence[str], since: datetime | None, until: datetime | None, where: Sequence[str]
) -> Selection:
    """A selection over a view. Raises BadInput for a view that is not there, and for a filter that it does not have."""
    if view not in VIEW_COLUMNS:
        close = get_close_matches(view, VIEW_COLUMNS, n=1)
        raise BadInput(f"there is no view {view!r}", hint=f"did you mean {close[0]}?" if close else f"views: {', '.join(VIEW_COLUMNS)}")
    columns, order = VIEW_COLUMNS[view]
    selection = Selection(view, columns, order=order)
    for option, value in texts.items():
        selection.add(option, value)
    for tag in tags:
        selection.add("tag", tag)
    selection.add("since", since)
    selection.add("until", until)
    for condition in where:
        selection.add_sql(condition)
    return selection


def better_refusal(error: QueryFailed) -> QueryFailed:
    """DuckDB's refusal; for a table that is not there with the views that are, since its own suggestion is a system table."""
    found = _NO_TABLE.search(str(error))
    if found is None:
        return error
    name = found[1].strip('"')
    close = get_close_matches(name, VIEWS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"views: {', '.join(VIEWS)}"
    return QueryFailed(f"there is no view {name}", hint=f"{hint} fr query --schema describes them")
