"""Rows of the two tables from a folded journal. Pure; used by the sealer and by readers of live journals alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from .columns import BLOB_COLUMNS, EVENT_COLUMNS
from .fold import Blob, FoldedJournal, Span
from .ids import record_id
from .model_rows import ModelReader
from .version import FORMAT_VERSION

__all__ = ["BlobLookup", "RowBuilder", "Row"]

Row = dict[str, Any]
BlobLookup = Callable[[bytes], Blob | None]

_EMPTY_EVENT: Row = {column.name: None for column in EVENT_COLUMNS}
_EMPTY_BLOB: Row = {column.name: None for column in BLOB_COLUMNS}

_LABELS = {
    "session": "session_id",
    "task": "task_id",
    "user": "user_ref",
    "tenant": "tenant_id",
    "agent": "agent_name",
    "agent_version": "agent_version",
    "tags": "tags",
    "ext_trace": "ext_trace_id",
}


class RowBuilder:
    """Makes the rows of one journal file.

    Args:
        folded: the journal.
        lookup: finds a blob that this file refers to but does not hold (stored by the same writer earlier that day).
    """

    def __init__(self, folded: FoldedJournal, lookup: BlobLookup = lambda _: None) -> None:
        self._folded = folded
        self._lookup = lookup
        self._header = folded.header
        self._writer = str(folded.header.get("writer", "unknown"))
        self._derived: dict[bytes, Blob] = {}
        self._rows: list[Row] = []
        self._models = ModelReader(self.blob, self._keep)
        self._base = self._row_base()

    def blob(self, blob_id: bytes) -> Blob | None:
        """A stored or derived blob."""
        return self._folded.blobs.get(blob_id) or self._derived.get(blob_id) or self._lookup(blob_id)

    def _keep(self, blob_id: bytes, kind: str, data: bytes, trace: str, at: int) -> None:
        """Take a blob that was derived from others."""
        if blob_id not in self._folded.blobs:
            self._derived.setdefault(blob_id, Blob(kind, data, bytes.fromhex(trace), at))

    def event_rows(self) -> list[Row]:
        """All rows of the events table, in the order of their sequence numbers."""
        self._rows = []
        if self._header:
            self._process_row()
        calls: dict[tuple[str, str], list[Row]] = {}
        for span in self._folded.spans.values():
            maker = _MAKERS.get(span.begin["kind"], RowBuilder._other_row)
            row = maker(self, span)
            if row is not None and row["kind"] == "llm_attempt":
                calls.setdefault((span.begin["trace"], span.begin["call"]), []).append(row)
        for attempts in calls.values():
            self._rows.append(self._models.call_row(attempts))
        for event, salvaged in self._folded.points:
            self._point_row(event, salvaged)
        self._read_rows()
        self._output_rows()
        self._damage_rows()
        return sorted(self._rows, key=lambda row: (row["seq"], row["kind"] == "llm_call"))

    def blob_rows(self) -> list[Row]:
        """All rows of the blobs table that this file adds. Call after :meth:`event_rows`, which derives blobs."""
        rows = []
        for source in (self._folded.blobs, self._derived):
            for blob_id, blob in source.items():
                rows.append(
                    {
                        **_EMPTY_BLOB,
                        "blob_id": blob_id,
                        "kind": blob.kind,
                        "writer_id": self._writer,
                        "first_trace_id": blob.trace_id,
                        "recorded_at": blob.at or self._header.get("started", 0),
                        "size": len(blob.data),
                        "text": _is_text(blob.data),
                        "codec": "none",
                        "cipher": "none",
                        "data": blob.data,
                    }
                )
        return rows

    # -- what rows share

    def _row_base(self) -> Row:
        header = self._header
        run = header.get("run")
        return {
            **_EMPTY_EVENT,
            "schema_version": int(header.get("format", FORMAT_VERSION)),
            "run_id": bytes.fromhex(run) if run else None,
            "writer_id": self._writer,
            "service": header.get("service"),
            "environment": header.get("environment"),
            "region": header.get("region"),
            "host": header.get("host"),
            "pid": header.get("pid"),
            "code_version": header.get("code_version"),
            "code_dirty": header.get("code_dirty"),
            "redaction_policy": str(header.get("policy", "unknown")),
            "redaction_key_id": header.get("key"),
            "redaction_status": "clean",
            "capture_source": "wire",
            "replay_level": "none",
            "salvaged": False,
            "sample_rule": "all",
            "sample_weight": 1.0,
        }

    def _new_row(self, kind: str, phase: str, trace: str, seq: int, at: int) -> Row:
        return {
            **self._base,
            "kind": kind,
            "phase": phase,
            "trace_id": bytes.fromhex(trace),
            "seq": seq,
            "recorded_at": at,
            "started_at": at,
            "record_id": bytes.fromhex(record_id(self._writer, seq * 4 + _RANK.get(kind, 0), at)),
        }

    def _span_row(self, kind: str, span: Span) -> Row:
        """A row with everything that begins and ends have in common."""
        begin, end = span.begin, span.end
        # The number of the end where there is one: a later file may hold the end of a begin that is sealed already.
        row = self._new_row(kind, "end" if end else "begin", begin["trace"], (end or begin)["n"], begin["at"])
        context = begin.get("ctx") or {}
        row |= {column: context[label] for label, column in _LABELS.items() if label in context}
        row |= {
            "span_id": bytes.fromhex(begin["span"]),
            "parent_span_id": bytes.fromhex(begin["parent"]) if begin.get("parent") else None,
            "name": begin.get("name") or context.get("trace"),
            "tags": list(context["tags"].items()) if context.get("tags") else None,
            "lane": begin.get("lane"),
            "lane_seq": begin.get("lseq"),
            "issue_no": begin.get("issue"),
            "code_location": begin.get("loc"),
            "salvaged": span.salvaged,
            "status": "open",
        }
        hits = list(begin.get("redactions") or ())
        statuses = [begin.get("rstatus", "clean")]
        if end is not None:
            row |= {
                "recorded_at": end["at"],
                "ended_at": end["at"],
                "duration_ms": end.get("dur", 0) / 1000,
                "status": end.get("status"),
                "error_type": end.get("err"),
                "error_message": end.get("msg"),
                "error_blob": bytes.fromhex(end["trace_text"][0]) if end.get("trace_text") else None,
                "error_state_blob": bytes.fromhex(end["estate"][0]) if end.get("estate") else None,
                "error_state_form": end.get("eform"),
                "deliveries": _json(end["del"]) if "del" in end else None,
            }
            hits += end.get("redactions") or ()
            statuses.append(end.get("rstatus", "clean"))
        row["redaction_status"] = next((s for s in ("failed", "unscanned", "redacted") if s in statuses), "clean")
        row["redactions"] = [{"path": p, "detector": d, "count": c} for p, d, c in hits] or None
        return row

    # -- one maker per kind of span

    def _http_row(self, span: Span) -> Row:
        begin, end = span.begin, span.end or {}
        row = self._span_row("http_call", span)
        parts = [bytes.fromhex(p) for p in span.request_parts] if span.request_parts is not None else None
        row |= {
            "transport": begin.get("via"),
            "request_method": begin.get("method"),
            "request_url": begin.get("url"),
            "request_headers": _json(begin.get("headers", [])),
            "request_parts": parts,
            "request_bytes": begin.get("len"),
            "request_sent": end.get("sent"),
            "http_status": end.get("code"),
            "http_version": end.get("hv"),
            "response_headers": _json(end["rheaders"]) if "rheaders" in end else None,
            "response_parts": [bytes.fromhex(p) for p in end["rbody"]] if "rbody" in end else ([] if "rlen" in end else None),
            "response_bytes": end.get("rlen"),
            "response_wire_parts": [bytes.fromhex(p) for p in end["wire"]] if "wire" in end else None,
            "response_encoding": end.get("enc"),
            "response_end": end.get("end"),
            "response_changed": bool(end.get("changed")) if "rlen" in end else None,
            "ttft_ms": _first_byte_ms(end.get("del")),
            "call_span_id": bytes.fromhex(begin["call"]) if begin.get("call") else None,
            "attempt_no": begin.get("attempt"),
            "retry_cause": begin.get("cause"),
            "backoff_ms": begin["backoff"] / 1000 if begin.get("backoff") is not None else None,
        }
        row["replay_level"], row["replay_missing"] = _http_replay_level(row, span)
        self._models.fill(row, call_started_at=begin.get("call_at", begin.get("at")))
        self._rows.append(row)
        self._rows += self._models.shown_tool_rows(row)
        return row

    def _tool_row(self, span: Span) -> Row:
        begin, end = span.begin, span.end or {}
        row = self._span_row(begin["kind"], span)
        row["capture_source"] = "sdk"
        row |= {
            "tool_name": begin.get("name"),
            "tool_kind": begin.get("tool_kind"),
            "tool_call_id": begin.get("call_id"),
            "side_effect": begin.get("side"),
            "tool_args_blob": bytes.fromhex(begin["args"][0]) if begin.get("args") else None,
        }
        result = [bytes.fromhex(p) for p in end["result"]] if "result" in end else None
        row |= {
            "tool_result_parts": result,
            "tool_result_blob": result[0] if result and len(result) == 1 else None,
            "tool_result_bytes": end.get("len"),
            "tool_result_form": end.get("form"),
        }
        missing = _tool_missing(row, end)
        row["replay_level"], row["replay_missing"] = ("none", missing) if missing else ("exact_io", None)
        if begin["kind"] == "llm_call":
            self._models.fill_hand_made(row, begin, end)
        self._rows.append(row)
        return row

    def _other_row(self, span: Span) -> Row:
        row = self._span_row(span.begin["kind"] if span.begin["kind"] in ("span", "run") else "span", span)
        row["capture_source"] = "sdk"
        facts = span.begin.get("facts") or {}
        end_facts = (span.end or {}).get("facts") or {}
        for name, value in {**facts, **end_facts}.items():
            if name in _RUN_COLUMNS:
                row[name] = _RUN_COLUMNS[name](value)
        self._rows.append(row)
        return row

    # -- rows that are no spans

    def _process_row(self) -> None:
        header, closed, program = self._header, self._folded.closed, self._folded.program
        if header.get("role") == "launcher":
            return
        row = self._new_row("process", "end" if closed else "begin", header["trace"], header.get("n", 0), header["started"])
        ended = closed["at"] if closed else None
        row |= {
            "span_id": bytes.fromhex(f"{0xFFFF_0000_0000_0000 | header.get('pid', 0):016x}"),
            "name": header.get("argv0"),
            "lane": header.get("lane"),
            "capture_source": "sdk",
            "status": "ok" if closed else "open",
            "ended_at": ended,
            "duration_ms": (ended - header["started"]) / 1000 if ended else None,
            "interpreter": _json({k: header[k] for k in ("executable", "python") if k in header}),
            "packages": list(program["packages"].items()) if program.get("packages") else None,
            "code_files": list(program["code"].items()) if program.get("code") else None,
            "seams": list(program["seams"].items()) if program.get("seams") else None,
        }
        self._rows.append(row)

    def _point_row(self, event: dict[str, Any], salvaged: bool) -> None:
        if event["t"] == "gap":
            row = self._new_row("gap", "point", event["trace"], event["n"], event["at"])
            row |= {"span_id": bytes(8), "capture_source": "sdk", "lost_before": event["lost"], "error_message": event.get("reason")}
        else:
            row = self._span_row("decision", Span(event, None, None, salvaged))
            data = event.get("data")
            row |= {
                "phase": "point",
                "capture_source": "sdk",
                "status": None,
                "decision_label": event.get("label"),
                "decision_blob": bytes.fromhex(data[0]) if data else None,
            }
        row["salvaged"] = salvaged
        self._rows.append(row)

    def _read_rows(self) -> None:
        for (trace, lane, source), reads in self._folded.reads.items():
            row = self._new_row("env_read", "point", trace, reads.first_n, reads.at)
            text = json.dumps(_differences(reads.values), separators=(",", ":")).encode()
            blob_id = _reads_id(self._writer, lane, source, reads.first_n)
            self._keep(blob_id, "reads", text, trace, reads.at)
            row |= {
                "record_id": bytes.fromhex(record_id(f"{self._writer}/{lane}/{source}", reads.first_n, reads.at)),
                "span_id": bytes(8),
                "capture_source": "sdk",
                "replay_level": "exact_io",
                "lane": lane,
                "nd_source": f"{'clock' if source in 'wmp' else 'order'}:{source}",
                "nd_value_parts": [blob_id],
                "nd_count": len(reads.values),
            }
            self._rows.append(row)

    def _output_rows(self) -> None:
        for (trace, source), events in self._folded.outputs.items():
            row = self._new_row("output", "point", trace, events[0]["n"], self._header.get("started", 0))
            failed = any(e.get("rstatus") == "failed" for e in events)
            hits = [hit for e in events for hit in e.get("redactions") or ()]
            row |= {
                "record_id": bytes.fromhex(record_id(f"{self._writer}/{source}", events[0]["n"], row["started_at"])),
                "span_id": bytes(8),
                "capture_source": "sdk",
                "replay_level": "none" if failed else "exact_io",
                "lane": self._header.get("lane"),
                "nd_source": source,
                "nd_value_parts": [bytes.fromhex(p) for e in events for p in e["body"]],
                "nd_count": sum(e["len"] for e in events),
                "redaction_status": "failed" if failed else "redacted" if hits else "clean",
                "redactions": [{"path": p, "detector": d, "count": c} for p, d, c in hits] or None,
            }
            self._rows.append(row)

    def _damage_rows(self) -> None:
        """Stretches that could not be read are an admission of loss like any other."""
        trace = self._header.get("trace")
        if trace is None:
            return
        for number, damage in enumerate(self._folded.damage):
            row = self._new_row("gap", "point", trace, (1 << 40) + number, self._folded.last_at or self._header["started"])
            where = f"at byte {damage.offset} of the journal, {damage.length} bytes" if damage.offset >= 0 else "in the journal"
            row |= {"span_id": bytes(8), "capture_source": "sdk", "lost_before": None, "error_message": f"{damage.reason}, {where}"}
            self._rows.append(row)


_MAKERS: dict[str, Callable[[RowBuilder, Span], Row | None]] = {
    "http": RowBuilder._http_row,
    "tool_call": RowBuilder._tool_row,
    "llm_call": RowBuilder._tool_row,
}

_RANK = {"llm_call": 1, "tool_seen": 2}

_RUN_COLUMNS: dict[str, Callable[[Any], Any]] = {
    "argv": list,
    "cwd": str,
    "env": lambda v: list(v.items()),
    "interpreter": lambda v: _json(v),
    "packages": lambda v: list(v.items()),
    "seeds": lambda v: _json(v),
    "code_version": str,
    "code_dirty": bool,
    "exit_code": int,
    "links": list,
}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _differences(values: list[int]) -> list[int]:
    return [value - before for before, value in zip([0, *values], values, strict=False)]


def _reads_id(writer: str, lane: str, source: str, first_n: int) -> bytes:
    import hashlib

    return hashlib.sha256(f"fr:reads:v1\0{writer}\0{lane}\0{source}\0{first_n}".encode()).digest()


def _first_byte_ms(deliveries: Iterable[list[int]] | None) -> float | None:
    """Microseconds until the first chunk of the body: the second delivery, behind the headers."""
    rows = list(deliveries or ())
    return (rows[0][1] + rows[1][1]) / 1000 if len(rows) > 2 or len(rows) == 2 and rows[1][2] > 0 else None


def _http_replay_level(row: Row, span: Span) -> tuple[str, list[str] | None]:
    missing = []
    if row["request_parts"] is None:
        missing.append("request body")
    if span.end is None:
        missing.append("outcome")
    elif row["http_status"] is not None and row["response_parts"] is None:
        missing.append("response body")
    if row["redaction_status"] == "failed":
        missing.append("content that could not be redacted")
    return ("none", missing) if missing else ("exact_io", None)


def _tool_missing(row: Row, end: dict[str, Any]) -> list[str]:
    missing = []
    if not end:
        missing.append("outcome")
    elif end.get("form") == "repr":
        missing.append("result: its type could not be stored")
    elif row["tool_result_parts"] is None and row["error_state_blob"] is None:
        missing.append("result")
    if row["redaction_status"] == "failed":
        missing.append("content that could not be redacted")
    return missing
