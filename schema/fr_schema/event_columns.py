"""What the begin and end events of an exchange or a tool call say, as columns; and whether that is enough to replay it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .cells import json_cell

__all__ = ["context_columns", "http_columns", "http_replay_level", "process_columns", "tool_columns", "tool_replay_level"]

Row = dict[str, Any]
Event = Mapping[str, Any]


def _ids(parts: Iterable[str]) -> list[bytes]:
    return [bytes.fromhex(part) for part in parts]


_LABELS = {
    "session": "session_id",
    "task": "task_id",
    "user": "user_ref",
    "tenant": "tenant_id",
    "agent": "agent_name",
    "agent_version": "agent_version",
    "tags": "tags",
}
_FOREIGN = {"ext_trace": ("ext_trace_id", 16), "ext_span": ("ext_span_id", 8)}


def context_columns(context: Event) -> Row:
    """The columns of what the application said of a trace, and of the foreign trace that it goes on."""
    row: Row = {column: context[label] for label, column in _LABELS.items() if label in context}
    for label, (column, size) in _FOREIGN.items():
        if label in context:
            row[column] = _id_of(context[label], size)
    return row


def _id_of(text: Any, size: int) -> bytes | None:
    """An id in hex; None for what is none."""
    try:
        found = bytes.fromhex(text)
    except (TypeError, ValueError):
        return None
    return found if len(found) == size else None


def http_columns(begin: Event, end: Event, request_parts: Sequence[str] | None) -> Row:
    """The columns of an HTTP exchange; ``end`` is empty while there is none."""
    return {
        "transport": begin.get("via"),
        "request_method": begin.get("method"),
        "request_url": begin.get("url"),
        "request_headers": json_cell(begin.get("headers", [])),
        "request_parts": _ids(request_parts) if request_parts is not None else None,
        "request_bytes": begin.get("len"),
        "request_sent": end.get("sent"),
        "http_status": end.get("code"),
        "http_version": end.get("hv"),
        "response_headers": json_cell(end["rheaders"]) if "rheaders" in end else None,
        "response_parts": _ids(end["rbody"]) if "rbody" in end else ([] if "rlen" in end else None),
        "response_bytes": end.get("rlen"),
        "response_wire_parts": _ids(end["wire"]) if "wire" in end else None,
        "response_encoding": end.get("enc"),
        "response_end": end.get("end"),
        "response_changed": bool(end.get("changed")) if "rlen" in end else None,
        "ttft_ms": _first_byte_ms(end.get("del")),
        "call_span_id": bytes.fromhex(begin["call"]) if begin.get("call") else None,
        "attempt_no": begin.get("attempt"),
        "retry_cause": begin.get("cause"),
        "backoff_ms": begin["backoff"] / 1000 if begin.get("backoff") is not None else None,
    }


def _first_byte_ms(deliveries: Iterable[list[int]] | None) -> float | None:
    """Milliseconds until the first chunk of the body: the second delivery, behind the headers."""
    rows = list(deliveries or ())
    return (rows[0][1] + rows[1][1]) / 1000 if len(rows) > 2 or (len(rows) == 2 and rows[1][2] > 0) else None


def tool_columns(begin: Event, end: Event) -> Row:
    """The columns of a tool call but for its arguments; ``end`` is empty while there is none."""
    result = _ids(end["result"]) if "result" in end else None
    return {
        "tool_name": begin.get("name"),
        "tool_kind": begin.get("tool_kind"),
        "tool_call_id": begin.get("call_id"),
        "side_effect": begin.get("side"),
        "tool_result_parts": result,
        "tool_result_blob": result[0] if result and len(result) == 1 else None,
        "tool_result_bytes": end.get("len"),
        "tool_result_form": end.get("form"),
    }


def process_columns(header: Event, closed: Event | None, program: Mapping[str, Mapping[str, str]]) -> Row:
    """The columns of a process's row; ``closed`` is None while it has not ended in order."""
    ended = closed["at"] if closed else None
    return {
        "span_id": bytes.fromhex(f"{0xFFFF_0000_0000_0000 | header.get('pid', 0):016x}"),
        "name": header.get("argv0"),
        "lane": header.get("lane"),
        "capture_source": "sdk",
        "status": "ok" if closed else "open",
        "ended_at": ended,
        "duration_ms": (ended - header["started"]) / 1000 if ended else None,
        "interpreter": json_cell({k: header[k] for k in ("executable", "python") if k in header}),
        "packages": _pairs(program, "packages"),
        "code_files": _pairs(program, "code"),
        "input_files": _pairs(program, "files"),
        "seams": _pairs(program, "seams"),
        "scope": header.get("scope"),
        "code_diff": header.get("code_diff"),
        "container": json_cell(header["container"]) if header.get("container") else None,
    }


def _pairs(program: Mapping[str, Mapping[str, str]], name: str) -> list[tuple[str, str]] | None:
    return list(program[name].items()) if program.get(name) else None


def http_replay_level(row: Row, *, ended: bool) -> tuple[str, list[str] | None]:
    """Replay level of an exchange's row, and what keeps it from being exact."""
    missing = []
    if row["request_parts"] is None:
        missing.append("request body")
    if not ended:
        missing.append("outcome")
    elif row["http_status"] is not None and row["response_parts"] is None:
        missing.append("response body")
    return _level(row, missing)


def tool_replay_level(row: Row, end: Event) -> tuple[str, list[str] | None]:
    """Replay level of a tool call's row, and what keeps it from being exact."""
    missing = []
    if not end:
        missing.append("outcome")
    elif end.get("form") == "repr":
        missing.append("result: its type could not be stored")
    elif row["tool_result_parts"] is None and row["error_state_blob"] is None:
        missing.append("result")
    return _level(row, missing)


def _level(row: Row, missing: list[str]) -> tuple[str, list[str] | None]:
    if row["redaction_status"] == "failed":
        missing.append("content that could not be redacted")
    return ("none", missing) if missing else ("exact_io", None)
