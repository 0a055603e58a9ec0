"""Rows of the two tables from a folded journal. Pure; used by the sealer and by readers of live journals alike."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable
from operator import sub
from typing import Any

from .blob_rows import SealBlob, blob_row, locked_blob_row
from .cells import fit_event_row, json_cell
from .clock_sources import CLOCKS, CUT
from .columns import EVENT_COLUMNS
from .event_columns import context_columns, http_columns, http_replay_level, process_columns, tool_columns, tool_replay_level
from .fact_rows import FACT_KINDS, LAST_CALL, fact_columns, link_columns, tie_to_calls
from .fold import Blob, FoldedJournal, Span, keep_blob
from .frames import Damage
from .ids import derived_blob_id, is_trace_id, record_id, trace_of_writer
from .model_rows import ModelReader
from .version import FORMAT_VERSION

__all__ = ["BlobLookup", "Row", "RowBuilder"]

Row = dict[str, Any]
BlobLookup = Callable[[bytes], Blob | None]

_EMPTY_EVENT: Row = {column.name: None for column in EVENT_COLUMNS}

_AT_ONCE = 65_536


class RowBuilder:
    """Makes the rows of one journal file.

    Args:
        folded: the journal.
        lookup: finds a blob that this file refers to but does not hold (stored by the same writer earlier that day).
        writer: the writer's id, for when the header that names it is lost.
        continued: True when the writer went on in a next file, which repeats what was open at the end of this one; None to believe
            what the file itself says.
    """

    def __init__(
        self, folded: FoldedJournal, lookup: BlobLookup = lambda _: None, *, writer: str = "unknown", continued: bool | None = None
    ) -> None:
        self._folded = folded
        self._lookup = lookup
        self._header = folded.header
        self._writer = str(folded.header.get("writer", writer))
        said = folded.closed is not None and folded.closed.get("next") is not None
        self._continued = said if continued is None else continued
        self._derived: dict[bytes, Blob] = {}
        self._derived_for_other_days: dict[tuple[bytes, str], Blob] = {}
        self._rows: list[Row] = []
        self._unfit: list[Damage] = []
        self._about_last_call: list[Row] = []
        self._models = ModelReader(self.blob, self._keep, self._earlier)
        self._base = self._row_base()

    @property
    def damage(self) -> list[Damage]:
        """What could not be read of the file, and, after :meth:`event_rows`, what of it could not be made into rows."""
        return [*self._folded.damage, *self._unfit]

    def blob(self, blob_id: bytes) -> Blob | None:
        """A stored or derived blob."""
        return self._folded.blobs.get(blob_id) or self._derived.get(blob_id) or self._lookup(blob_id)

    def _earlier(self, blob_id: bytes) -> Blob | None:
        """A blob of an earlier file of this writer."""
        return self._lookup(blob_id) if blob_id not in self._folded.blobs else None

    def _whole(self, parts: list[str] | None, kind: str, trace: str, at: int) -> bytes | None:
        """The blob that holds all of a value: its only part, or one made of its parts; None when one of them is not to be had."""
        ids = [bytes.fromhex(part) for part in parts or ()]
        if len(ids) < 2:
            return ids[0] if ids else None
        blobs = [self.blob(blob_id) for blob_id in ids]
        if any(blob is None for blob in blobs):
            return None
        joined = derived_blob_id(b"".join(ids), "joined")
        scope = next((blob.scope for blob in blobs if blob is not None), None)
        self._keep(joined, kind, b"".join(blob.data for blob in blobs if blob is not None), trace, at, scope)
        return joined

    def _keep(self, blob_id: bytes, kind: str, data: bytes, trace: str, at: int, scope: str | None = None) -> None:
        """Take a blob that was derived from others."""
        if blob_id not in self._folded.blobs:
            keep_blob(self._derived, self._derived_for_other_days, blob_id, Blob(kind, data, bytes.fromhex(trace), at, scope))

    def event_rows(self) -> list[Row]:
        """All rows of the events table, in the order of their sequence numbers. What cannot be made into a row becomes a gap."""
        self._rows, self._unfit, self._about_last_call = [], [], []
        if self._header and not self._continued:
            self._guarded("the header", self._process_row)
        calls: dict[tuple[str, str], list[Row]] = {}
        for span in self._folded.spans.values():
            if span.end is None and self._continued:
                continue
            row = self._guarded(f"span {span.begin['span']}", _MAKERS.get(span.begin["kind"], RowBuilder._other_row), self, span)
            if row is not None and row["kind"] == "llm_attempt":
                calls.setdefault((span.begin["trace"], row["call_span_id"].hex()), []).append(row)
        for attempts in calls.values():
            self._guarded("a call", lambda attempts: self._rows.append(self._models.call_row(attempts)), attempts)
        for end, salvaged in self._folded.orphan_ends.values():
            self._guarded(f"span {end['span']}", self._orphan_row, end, salvaged)
        for event, salvaged in self._folded.points:
            self._guarded(f"event {event['n']}", self._point_row, event, salvaged)
        self._read_rows()
        self._output_rows()
        self._guarded("what facts are about", tie_to_calls, self._rows, self._about_last_call)
        self._rows = [row for row in self._rows if self._guarded(f"record {row['seq']}", self._fits, row)]
        self._damage_rows()
        return sorted(self._rows, key=lambda row: (row["seq"], row["kind"] == "llm_call"))

    def _guarded(self, what: str, make: Callable[..., Any], *args: Any) -> Any:
        """What ``make`` returns. When it cannot cope with what a journal holds, that is an admission of loss, and the other rows stay."""
        try:
            return make(*args)
        except Exception as error:  # noqa: BLE001 - one odd record must not keep a whole journal from being read
            self._unfit.append(Damage(-1, 0, f"{what} could not be read: {type(error).__name__}"))
            return None

    def _fits(self, row: Row) -> bool:
        fit_event_row(row)
        return True

    def blob_rows(self, seal: SealBlob | None = None) -> list[Row]:
        """All rows of the blobs table that this file adds. Call after :meth:`event_rows`, which derives blobs.

        Args:
            seal: makes the envelope of a derived part: scope, blob id, content. Without it the rows hold content in clear, for readers of
                live journals; parts that could not be opened are under their keys in any case.
        """
        stored = [*self._folded.blobs.items(), *self._derived.items()]
        for again in (self._folded.blobs_of_other_days, self._derived_for_other_days):
            stored += [(blob_id, blob) for (blob_id, _), blob in again.items()]
        started = self._header.get("started")
        common = {"writer_id": self._writer, "recorded_at": started if isinstance(started, int) else 0}
        rows = [blob_row(common, blob_id, blob, seal) for blob_id, blob in stored]
        return rows + [locked_blob_row(common, locked) for locked in self._folded.locked.values()]

    # -- what rows share

    def _row_base(self) -> Row:
        header = self._header
        run, version = header.get("run"), header.get("format")
        return {
            **_EMPTY_EVENT,
            "schema_version": version if type(version) is int and 0 < version <= FORMAT_VERSION else FORMAT_VERSION,
            "run_id": bytes.fromhex(run) if isinstance(run, str) and is_trace_id(run) else None,
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
        row |= context_columns(context)
        row |= {
            "span_id": bytes.fromhex(begin["span"]),
            "parent_span_id": bytes.fromhex(begin["parent"]) if begin.get("parent") else None,
            "name": begin.get("name") or context.get("trace"),
            "tags": list(context["tags"].items()) if context.get("tags") else None,
            "links": context["links"].split() if kind == "span" and context.get("links") else None,
            "lane": begin.get("lane"),
            "lane_seq": begin.get("lseq"),
            "issue_no": begin.get("issue"),
            "code_location": begin.get("loc"),
            "salvaged": span.salvaged,
            "status": "open",
            "scope": begin.get("scope") or (end or {}).get("scope"),
            "sealed_columns": _locked(begin, end),
        }
        hits = list(begin.get("redactions") or ())
        statuses = [begin.get("rstatus", "clean")]
        if end is not None:
            row |= self._outcome(end)
            hits += end.get("redactions") or ()
            statuses.append(end.get("rstatus", "clean"))
        row["redaction_status"] = next((s for s in ("failed", "unscanned", "redacted") if s in statuses), "clean")
        row["redactions"] = [{"path": p, "detector": d, "count": c} for p, d, c in hits] or None
        return row

    def _outcome(self, end: dict[str, Any]) -> Row:
        """What an end event says, whatever it ends."""
        return {
            "recorded_at": end["at"],
            "ended_at": end["at"],
            "duration_ms": end.get("dur", 0) / 1000,
            "status": end.get("status"),
            "error_type": end.get("err"),
            "error_message": end.get("msg"),
            "error_blob": self._whole(end.get("trace_text"), "traceback", end["trace"], end["at"]),
            "error_state_blob": self._whole(end.get("estate"), "error", end["trace"], end["at"]),
            "error_state_form": end.get("eform"),
            "deliveries": json_cell(end["del"]) if "del" in end else None,
        }

    # -- one maker per kind of span

    def _http_row(self, span: Span) -> Row:
        begin, end = span.begin, span.end or {}
        row = self._span_row("http_call", span)
        row |= http_columns(begin, end, span.request_parts)
        row["replay_level"], row["replay_missing"] = http_replay_level(row, ended=span.end is not None)
        self._rows.append(row)
        if row["call_span_id"] is not None:
            self._guarded(f"the model columns of span {begin['span']}", self._fill_model_columns, row, begin)
        return row

    def _fill_model_columns(self, row: Row, begin: dict[str, Any]) -> None:
        self._models.fill(row, call_started_at=begin.get("call_at", begin["at"]))
        if row["kind"] == "llm_attempt":
            row |= link_columns(begin)
        self._rows += self._models.shown_tool_rows(row)

    def _tool_row(self, span: Span) -> Row:
        begin, end = span.begin, span.end or {}
        row = self._span_row(begin["kind"], span)
        framework = (begin.get("facts") or {}).get("framework")
        row |= {"capture_source": "framework", "sdk_name": framework} if framework else {"capture_source": "sdk"}
        row |= tool_columns(begin, end)
        row["tool_args_blob"] = self._whole(begin.get("args"), "args", begin["trace"], begin["at"])
        row["replay_level"], row["replay_missing"] = tool_replay_level(row, end)
        self._rows.append(row)
        if begin["kind"] == "llm_call":
            self._guarded(f"the links of span {begin['span']}", lambda: row.update(link_columns(begin)))
            self._guarded(f"the model columns of span {begin['span']}", self._models.fill_hand_made, row, begin, end)
        return row

    def _other_row(self, span: Span) -> Row:
        row = self._span_row(span.begin["kind"] if span.begin["kind"] in ("span", "run") else "span", span)
        row["capture_source"] = "sdk"
        row["inputs_blob"] = self._whole(span.begin.get("inputs"), "inputs", span.begin["trace"], span.begin["at"])
        row["inputs_form"] = span.begin.get("iform")
        facts = span.begin.get("facts") or {}
        end_facts = (span.end or {}).get("facts") or {}
        for name, value in {**facts, **end_facts}.items():
            if name in _RUN_COLUMNS:
                row[name] = _RUN_COLUMNS[name](value)
        self._rows.append(row)
        return row

    def _orphan_row(self, end: dict[str, Any], salvaged: bool) -> None:
        """An outcome whose beginning is lost: what was answered, without what was asked."""
        http = "end" in end
        span = {"span": end["span"], "trace": end["trace"], "n": end["n"], "at": end["at"] - end.get("dur", 0)}
        begin = {**span, "kind": "http" if http else "tool_call" if "del" in end else "span", "rstatus": end.get("rstatus", "clean")}
        row = _MAKERS.get(begin["kind"], RowBuilder._other_row)(self, Span(begin, end, None, salvaged))
        if row is not None:
            row["replay_level"], row["replay_missing"] = "none", [*(row["replay_missing"] or ()), "its beginning"]

    # -- rows that are no spans

    def _process_row(self) -> None:
        header, closed, program = self._header, self._folded.closed, self._folded.program
        if header.get("role") is not None or header.get("resumed"):
            return
        row = self._new_row("process", "end" if closed else "begin", header["trace"], header.get("n", 0), header["started"])
        row |= process_columns(header, closed, program)
        self._rows.append(row)

    def _point_row(self, event: dict[str, Any], salvaged: bool) -> None:
        if event["t"] == "gap":
            row = self._new_row("gap", "point", event["trace"], event["n"], event["at"])
            row |= {"span_id": bytes(8), "capture_source": "sdk", "lost_before": event["lost"], "error_message": event.get("reason")}
        elif event.get("kind") in FACT_KINDS:
            row = self._fact_row(event, salvaged)
        else:
            row = self._span_row("decision", Span(event, None, None, salvaged))
            row |= {
                "phase": "point",
                "capture_source": "sdk",
                "status": None,
                "decision_label": event.get("label"),
                "decision_blob": self._whole(event.get("data"), "decision", event["trace"], event["at"]),
            }
        row["salvaged"] = salvaged
        self._rows.append(row)

    def _fact_row(self, event: dict[str, Any], salvaged: bool) -> Row:
        row = self._span_row(event["kind"], Span(event, None, None, salvaged))
        row |= {"phase": "point", "capture_source": "sdk", "status": None, "name": event.get("name")}
        if event.get("elsewhere"):
            # It is about a trace that need not be of this run.
            row["run_id"] = None
        row |= fact_columns(event, lambda parts, kind: self._whole(list(parts or ()), kind, event["trace"], event["at"]), self.blob)
        if event.get("about") == LAST_CALL:
            self._about_last_call.append(row)
        return row

    def _read_rows(self) -> None:
        for (trace, lane, source), reads in self._folded.reads.items():
            row = self._new_row("env_read", "point", trace, reads.first_n, reads.at)
            text = _differences(reads.values)
            blob_id = _reads_id(self._writer, lane, source, reads.first_n)
            self._keep(blob_id, "reads", text, trace, reads.at)
            missing = ["values lost to damage"] if reads.salvaged else []
            if source == CUT:
                missing.append(f"clock reads after the first {reads.values[-1]:,} of the process")
            row |= {
                "record_id": bytes.fromhex(record_id(f"{self._writer}/{lane}/{source}", reads.first_n, reads.at)),
                "span_id": bytes(8),
                "capture_source": "sdk",
                "replay_level": "none" if missing else "exact_io",
                "replay_missing": missing or None,
                "salvaged": reads.salvaged,
                "lane": lane,
                "nd_source": f"{'clock' if source in (*CLOCKS, CUT) else 'order'}:{source}",
                "nd_value_parts": [blob_id],
                "nd_count": len(reads.values),
            }
            self._rows.append(row)

    def _output_rows(self) -> None:
        for (trace, source), events in self._folded.outputs.items():
            self._guarded(f"the {source} of trace {trace}", self._output_row, trace, source, events)

    def _output_row(self, trace: str, source: str, events: list[tuple[dict[str, Any], bool]]) -> None:
        first = events[0][0]
        row = self._new_row("output", "point", trace, first["n"], self._header.get("started", 0))
        failed = any(event.get("rstatus") == "failed" for event, _ in events)
        salvaged = any(salvaged for _, salvaged in events)
        hits = [hit for event, _ in events for hit in event.get("redactions") or ()]
        row |= {
            "record_id": bytes.fromhex(record_id(f"{self._writer}/{source}", first["n"], row["started_at"])),
            "span_id": bytes(8),
            "capture_source": "sdk",
            "replay_level": "none" if failed or salvaged else "exact_io",
            "salvaged": salvaged,
            "lane": self._header.get("lane"),
            "nd_source": source,
            "nd_value_parts": [bytes.fromhex(part) for event, _ in events for part in event["body"]],
            "nd_count": sum(event["len"] for event, _ in events),
            "redaction_status": "failed" if failed else "redacted" if hits else "clean",
            "redactions": [{"path": p, "detector": d, "count": c} for p, d, c in hits] or None,
            "scope": first.get("scope"),
            "sealed_columns": _locked(*(event for event, _ in events)),
        }
        self._rows.append(row)

    def _damage_rows(self) -> None:
        """Stretches and records that could not be read are an admission of loss like any other."""
        at = self._folded.last_at
        for number, damage in enumerate(self.damage):
            row = self._new_row("gap", "point", self._some_trace(), (1 << 40) + number, at)
            where = f"at byte {damage.offset} of the journal, {damage.length} bytes" if damage.offset >= 0 else "in the journal"
            row |= {"span_id": bytes(8), "capture_source": "sdk", "lost_before": None, "error_message": f"{damage.reason}, {where}"}
            fit_event_row(row)
            self._rows.append(row)

    def _some_trace(self) -> str:
        """The trace that a loss is reported in: the process's own, else the first that is known, else one made of the writer's name."""
        begins = (span.begin for span in self._folded.spans.values())
        ends = (end for end, _ in self._folded.orphan_ends.values())
        for event in (self._header, *begins, *ends):
            trace = event.get("trace")
            if isinstance(trace, str) and is_trace_id(trace):
                return trace
        return trace_of_writer(self._writer)


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
    "interpreter": json_cell,
    "packages": lambda v: list(v.items()),
    "seeds": json_cell,
    "code_version": str,
    "code_dirty": bool,
    "code_diff": str,
    "exit_code": int,
    "request_method": str,
    "request_route": str,
    "http_status": int,
    "links": list,
}


def _locked(*events: dict[str, Any] | None) -> bytes | None:
    """The head of the envelope of the first event that could not be opened."""
    return next((bytes.fromhex(event["locked"]) for event in events if event and "locked" in event), None)


def _differences(values: array[int]) -> bytes:
    """The first value, then each as the difference to the one before, as a JSON list. Millions of values are not numbers all at once."""
    texts, before = [], array("q", [0])
    for start in range(0, len(values), _AT_ONCE):
        some = values[start : start + _AT_ONCE]
        texts.append(json.dumps(list(map(sub, some, before + some)), separators=(",", ":"))[1:-1])
        before = some[-1:]
    return f"[{','.join(texts)}]".encode()


def _reads_id(writer: str, lane: str, source: str, first_n: int) -> bytes:
    return hashlib.sha256(f"fr:reads:v1\0{writer}\0{lane}\0{source}\0{first_n}".encode()).digest()
