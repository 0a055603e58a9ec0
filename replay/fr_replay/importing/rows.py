"""Rows of imported traces: those that the events give, less everything that the file did not tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fr_schema.cells import fit_event_row, json_cell
from fr_schema.columns import EVENT_COLUMNS
from fr_schema.fold import Blob, fold_journal
from fr_schema.frames import encode_event, encode_frame
from fr_schema.prices import SOURCE as LISTED
from fr_schema.rows import RowBuilder

from .events import Cut, EncodedTrace, PlacedItem
from .source import HttpExchange, ModelCall, Stretch, ToolRun

__all__ = ["ANSWER_COLUMNS", "imported_rows"]

Row = dict[str, Any]

ANSWER_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "model": ("model_requested", "model_resolved", "model_resolved_source"),
    "params": (
        *("params_sent", "params_defaulted", "params_sha256", "temperature", "top_p", "seed", "max_output_tokens", "reasoning_level"),
        *("service_tier_requested", "stream", "tool_choice", "response_format_sha256"),
    ),
    "answer": (
        *("output_blob", "reasoning_blob", "output_sha256", "output_tool_calls", "response_shape_sha256", "refusal", "safety"),
        *("params_echoed",),
    ),
    "usage": (
        *("usage_raw", "tokens_in", "tokens_out", "tokens_cache_read", "tokens_cache_write", "tokens_reasoning", "service_tier_used"),
        *("cost_usd", "price_source", "price_version"),
    ),
    "finish": ("finish_reason", "finish_reason_raw"),
    "ids": ("response_id", "provider_request_id"),
    "fingerprint": ("system_fingerprint",),
    "tools": ("tools_sha256", "tool_names"),
}
"""What a file without exchanges may tell of a call, and the columns that are then read from it."""

_OF_EVERY_CALL = frozenset(
    (
        *("schema_version", "record_id", "kind", "phase", "trace_id", "span_id", "parent_span_id", "seq", "writer_id", "recorded_at"),
        *("started_at", "ended_at", "duration_ms", "session_id", "task_id", "user_ref", "tenant_id", "agent_name", "agent_version", "tags"),
        *("capture_source", "replay_level", "replay_missing", "salvaged", "truncated", "status", "error_type", "error_message"),
        *("system_prompt_sha256", "system_prompt_blob", "messages_sha256", "message_hashes", "message_blobs", "request_parts"),
        *("request_bytes", "api_flavor", "operation", "redaction_policy", "redaction_key_id", "redaction_status", "redactions"),
        *("sample_rule", "sample_weight", "ext_trace_id", "name"),
    )
)
_OF_THIS_PROCESS = (
    *("pid", "host", "lane", "lane_seq", "issue_no", "deliveries", "ttft_ms", "code_location", "request_sent", "run_id", "backoff_ms"),
    *("service", "environment", "region", "code_version", "code_dirty"),
)
_OF_THE_PLACE = ("capture_source", "user_ref", "service", "environment", "region", "host", "code_version")
"""Columns that a file states of a call, and that hold for what is seen in it."""

_JSON = frozenset(column.name for column in EVENT_COLUMNS if column.type == "json")
_CONTENT = tuple(column for column in EVENT_COLUMNS if column.name.endswith(("_blob", "_blobs", "_parts")))
_SEEN = ["seen in the conversation only"]
_LOGGED = "its own call: this is what its framework logged"


def imported_rows(
    encoded: EncodedTrace, records: Sequence[bytes], header: Mapping[str, Any], trace_columns: Row, first_seq: int
) -> Iterator[tuple[list[Row], list[Row]]]:
    """Events and blobs rows of a trace, some of its items at a time.

    Args:
        records: the blob records that the events refer to.
        header: writer, format, policy and key of the rows; ``at`` is the time of the import.
        trace_columns: columns of all rows of the trace; ``started_at`` and ``ended_at`` are those of the root.
        first_seq: the sequence number of its first event.
    """
    head = encode_event({"t": "header", **header, "n": 0, "trace": encoded.trace_id, "resumed": True, "started": header["at"]})
    before = Cut(0, 0, 0)
    earlier: dict[bytes, Blob] = {}
    for cut in encoded.cuts:
        numbered = ({**event, "n": first_seq + n} for n, event in enumerate(encoded.events[before.events : cut.events], before.events))
        payload = [head, *records[before.records : cut.records], *(encode_event(event) for event in numbered)]
        folded = fold_journal(b"".join(encode_frame(number, record) for number, record in enumerate(payload)))
        builder = RowBuilder(folded, earlier.get, writer=str(header["writer"]))
        rows = _truthful(builder.event_rows(), encoded, encoded.placed[before.items : cut.items], header["at"], trace_columns)
        for row in rows:
            fit_event_row(row)
        named = set(_named(rows))
        yield rows, [row | {"recorded_at": header["at"]} for row in builder.blob_rows() if row["blob_id"] in named]
        earlier.update(folded.blobs)
        before = cut


def _named(rows: Iterable[Row]) -> Iterable[bytes]:
    for row in rows:
        for column in _CONTENT:
            value = row[column.name]
            if value is not None:
                yield from value if column.type.startswith("list:") else (value,)
        for call in json.loads(row["output_tool_calls"] or "[]"):
            yield bytes.fromhex(call["arguments_blob"])


def _truthful(rows: list[Row], encoded: EncodedTrace, items: Sequence[PlacedItem], now_us: int, trace_columns: Row) -> list[Row]:
    by_span = {placed.span: placed for placed in items}
    by_call = {placed.call_span: placed for placed in items if placed.call_span is not None}
    first = {placed.call_span: placed for placed in reversed(items) if placed.call_span is not None}
    kept = []
    read = {row["span_id"].hex() for row in rows if row["kind"] == "llm_call"}
    lost = [placed for placed in items if isinstance(placed.item, ModelCall) and placed.call_span not in read]
    if lost:
        raise AssertionError(f"{len(lost)} model calls of the file became no rows")
    for row in rows:
        if row["kind"] == "process":
            continue
        row.update({**dict.fromkeys(_OF_THIS_PROCESS), "capture_source": "import", "recorded_at": now_us})
        span = row["span_id"].hex()
        if row["kind"] == "llm_call":
            placed = by_call[span]
            if isinstance(placed.item, ModelCall):
                _strip_call(row, placed, placed.item, encoded.columns[span])
            else:
                _be_honest(row, placed, first[span])
        elif row["kind"] in ("llm_attempt", "http_call", "tool_call", "decision"):
            placed = by_span[span]
            if isinstance(placed.item, ModelCall):
                # What was made an exchange only so that it could be read.
                continue
            _be_honest(row, placed, placed)
            row.update(_cells(encoded.columns.get(span, {})))
        elif row["kind"] == "tool_seen":
            above = row["parent_span_id"].hex() if row["parent_span_id"] else ""
            shown_in = by_call.get(above)
            row["started_at"] = shown_in.item.started_us if shown_in is not None else None
            row["replay_missing"] = _SEEN
            row.update({name: value for name, value in encoded.columns.get(above, {}).items() if name in _OF_THE_PLACE})
        elif span in by_span and isinstance(by_span[span].item, Stretch):
            _times(row, by_span[span], by_span[span])
            row["replay_level"] = "none"
            row.update(_cells(encoded.columns.get(span, {})))
        else:
            row.update({"started_at": None, "ended_at": None, "duration_ms": None, "replay_level": "none"})
        kept.append(row | trace_columns if span == encoded.root else row | _shared(trace_columns))
    return kept


def _cells(stated: Mapping[str, Any]) -> Row:
    """Stated columns as their cells."""
    return {name: json_cell(value) if name in _JSON and value is not None else value for name, value in stated.items()}


def _shared(columns: Row) -> Row:
    return {name: value for name, value in columns.items() if name == "ext_trace_id"}


def _times(row: Row, first: PlacedItem, last: PlacedItem) -> None:
    started, ended = first.item.started_us, last.item.ended_us
    took = (ended - started) / 1000 if started is not None and ended is not None and ended >= started else None
    row |= {"started_at": started, "ended_at": ended if row["phase"] != "begin" else None, "duration_ms": took}


def _be_honest(row: Row, placed: PlacedItem, first: PlacedItem) -> None:
    """Times, costs and replay level of an exchange, or a tool's run."""
    _times(row, first, placed)
    if row["kind"] == "decision":
        return
    missing = list(dict.fromkeys([*(row["replay_missing"] or ()), *placed.missing]))
    if isinstance(placed.item, HttpExchange):
        if placed.item.priced_us is None and placed.item.started_us is None:
            _drop_listed_cost(row)
        if row["http_version"] == "":
            row["http_version"] = None
    elif isinstance(placed.item, ToolRun):
        missing.append(_LOGGED)
    if missing:
        row["replay_missing"] = missing
        row["replay_level"] = "semantic" if row["replay_level"] == "exact_io" else row["replay_level"]


def _drop_listed_cost(row: Row) -> None:
    """A price list has prices of a time; what an answer itself states it cost needs none."""
    if row["price_source"] == LISTED:
        row |= dict.fromkeys(("cost_usd", "price_source", "price_version"))


def _strip_call(row: Row, placed: PlacedItem, item: ModelCall, stated: Mapping[str, Any]) -> None:
    """Leave of a call what its file tells, and add what it states."""
    kept = _OF_EVERY_CALL.union(*(ANSWER_COLUMNS[word] for word in item.kept))
    if item.answer_is_own:
        kept |= {"response_parts", "response_bytes"}
    if not item.request:
        kept -= {"request_parts", "request_bytes", "message_blobs", "message_hashes", "messages_sha256"}
    for column in EVENT_COLUMNS:
        if column.name not in kept:
            row[column.name] = None
    row["provider"] = item.provider
    row["model_resolved_source"] = row["model_resolved_source"] or "unknown"
    row["phase"] = "end" if item.answer is not None or item.error is not None else "begin"
    row["status"] = "error" if item.error is not None else "ok" if item.answer is not None else "open"
    row["attempts"] = item.retries + 1 if item.retries is not None else None
    if item.retries is not None and row["status"] == "ok":
        row["served_by"] = "retry" if item.retries else "primary"
    row |= _cells(stated)
    if item.provider is None or (item.priced_us is None and item.started_us is None):
        _drop_listed_cost(row)
    _times(row, placed, placed)
    row["replay_missing"] = list(placed.missing) or ["the exchange"]
    if "replay_level" not in stated:
        row["replay_level"] = "semantic" if item.answer is not None and row["request_parts"] else "none"
