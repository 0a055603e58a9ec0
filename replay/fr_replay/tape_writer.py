"""Writing the tape of a run: from the rows of the store to what the replaying processes read."""

from __future__ import annotations

import json
import os
from array import array
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, NamedTuple

from fr_schema.clock_sources import CLOCKS, CUT
from fr_schema.errors import NotReplayable

from .capture import recorded_text
from .engine.modes import STRICT, Mode
from .engine.protocol import signature
from .engine.tape import INDEX_FILE
from .replay_goal import find_goal
from .segments import lost_files
from .store import Store
from .tape_content import TapeContent, load_blobs, why_locked

__all__ = ["NOTHING_MORE", "Permissions", "RunRecord", "read_run", "write_tape"]

_CROSSINGS = ("llm_attempt", "http_call", "tool_call", "llm_call")
_COLUMNS = [
    "kind",
    "span_id",
    "parent_span_id",
    "call_span_id",
    "capture_source",
    "writer_id",
    "seq",
    "started_at",
    "duration_ms",
    "status",
    "lane",
    "lane_seq",
    "issue_no",
    "deliveries",
    "code_location",
    "request_method",
    "request_url",
    "request_headers",
    "request_parts",
    "request_sent",
    "http_status",
    "http_version",
    "response_headers",
    "response_parts",
    "response_wire_parts",
    "response_encoding",
    "response_end",
    "response_changed",
    "error_type",
    "error_message",
    "error_state_blob",
    "error_state_form",
    "tool_name",
    "side_effect",
    "tool_args_blob",
    "tool_result_parts",
    "tool_result_form",
    "replay_missing",
    "redactions",
    "operation",
    "transport",
    "phase",
    "nd_source",
    "nd_value_parts",
    "name",
    "redaction_policy",
    "redaction_key_id",
    "trace_id",
    "scope",
    "sealed_columns",
]


class RunRecord:
    """The rows of one run.

    Attributes:
        run: the row of the command: argv, cwd, env, seeds, exit_code ...
        rows: everything else, as mappings by column name.
        processes: rows of the recorded Python processes.
        traces: by lane, the ids of the traces of their own that it began, in order.
    """

    def __init__(
        self, run: dict[str, Any], processes: list[dict[str, Any]], rows: list[dict[str, Any]], traces: dict[str, list[str]]
    ) -> None:
        self.run = run
        self.traces = traces
        self.processes = processes
        self.rows = rows


def read_run(store: Store, trace_id: str) -> RunRecord:
    """All rows of a run. Raises NotReplayable when the trace is not a command under ``fr record``."""
    key = bytes.fromhex(trace_id)
    names, found = store.rows("SELECT * FROM all_events WHERE trace_id = ? AND kind = 'run'", [key])
    if not found:
        raise NotReplayable(
            f"trace {trace_id} was not recorded with fr record, so there is no command to run again",
            hint=f"fr show {trace_id} shows what it holds",
        )
    phase = names.index("phase")
    best: tuple[Any, ...] = max(found, key=lambda row: bool(row[phase] == "end"))
    run = dict(zip(names, best, strict=True))
    names, found = store.rows("SELECT * FROM all_events WHERE run_id = ? AND kind = 'process'", [key])
    processes = [dict(zip(names, row, strict=True)) for row in found]
    wanted = ", ".join(_COLUMNS)
    names, found = store.rows(
        f"SELECT {wanted} FROM all_events WHERE run_id = ? AND kind NOT IN ('process', 'span', 'run', 'tool_seen')"
        " ORDER BY writer_id, seq, kind, record_id",
        [key],
    )
    rows = [dict(zip(names, row, strict=True)) for row in found]
    refuse_locked(store, [run, *processes, *rows])
    lost = lost_files(store.path, trace_id, {row["writer_id"] for row in [run, *processes, *rows]})
    if lost:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        raise NotReplayable(
            f"part of the record of {trace_id} is missing: {lost[0]}{more} was sealed and is not there",
            hint="look in the store's quarantine folder; fr show lists what is left",
        )
    _, begun = store.rows(
        "SELECT lane, lower(hex(trace_id)) FROM all_events WHERE run_id = ? AND kind = 'span' AND parent_span_id IS NULL AND trace_id <> ?"
        " ORDER BY writer_id, seq",
        [key, key],
    )
    traces: dict[str, list[str]] = {}
    for lane, trace in begun:
        traces.setdefault(lane, []).append(trace)
    return RunRecord(run, processes, rows, traces)


def refuse_locked(store: Store, rows: Iterable[dict[str, Any]]) -> None:
    """Raise NotReplayable when withheld columns of a row cannot be opened."""
    for row in rows:
        locked = store.opener.why_locked(row["scope"], row["sealed_columns"]) if row["sealed_columns"] is not None else None
        if locked is not None:
            raise NotReplayable(why_locked(store, locked, row["scope"]))


class Permissions(NamedTuple):
    """What the replaying program may do beside what the record holds.

    Attributes:
        writes: folders in which it may write, absolute.
        subprocess: it may start programs.
    """

    writes: tuple[str, ...] = ()
    subprocess: bool = False


NOTHING_MORE = Permissions()


def write_tape(
    store: Store, record: RunRecord, folder: str, store_id: str, permissions: Permissions = NOTHING_MORE, mode: Mode = STRICT
) -> None:
    """Write a run's tape into a folder. Raises NotReplayable; BadInput when the trace has no such step as the mode names; OSError."""
    lanes = {row["writer_id"]: row["lane"] for row in record.processes}
    closed = {row["lane"]: row["phase"] == "end" for row in record.processes}
    steps = _steps(record.rows)
    seeds = json.loads(record.run["seeds"] or "{}")
    first = next((row for row in record.rows if row["redaction_policy"]), None)
    with TapeContent(store, folder, record.rows) as content:
        processes: dict[str, dict[str, Any]] = {}
        jobs: dict[str, dict[str, Any]] = {}
        for number, row in enumerate(record.rows):
            root = lanes.get(row["writer_id"])
            if root is None or _inside_tool(row["lane"]):
                continue
            process = processes.setdefault(
                root, {"events": [], "reads": {}, "clocks": {}, "stdout": None, "closed": closed.get(root, False), "started_ns": 0}
            )
            pooled = not _is_below(row["lane"], root)
            if is_crossing(row):
                event = {"number": number, **_event(row, content, steps, ordered=not pooled)}
                (jobs.setdefault(row["lane"], _no_job()) if pooled else process)["events"].append(event)
            elif row["kind"] == "env_read":
                _add_reads(jobs.setdefault(row["lane"], _no_job()) if pooled else process, row, content, pooled=pooled)
            elif row["kind"] == "output" and row["nd_source"] == "stdout":
                process["stdout"] = (process["stdout"] or []) + content.slices(row["nd_value_parts"])
        for row in record.processes:
            if row["lane"] in processes:
                processes[row["lane"]]["started_ns"] = int(row["started_at"].timestamp() * 1e9)
        goal = find_goal(store, record.run, record.rows, mode.step, is_crossing) if mode.step is not None else None
        policy = first["redaction_policy"] if first else record.run["redaction_policy"]
        index = {
            "meta": {
                **signature(),
                "mode": mode._asdict(),
                "goal": {**goal, "answer": content.slices(goal["answer"])} if goal is not None else None,
                "store_id": store_id,
                "trace": record.run["trace_id"].hex(),
                "supervisor": os.getpid(),
                "policy": policy,
                "policy_text": recorded_text(store.path, policy),
                "key_id": first["redaction_key_id"] if first else record.run["redaction_key_id"],
                "seed": seeds.get("random"),
                "clock_cut": next((s[CUT][0] for p in processes.values() for s in p["reads"].values() if CUT in s), None),
                "started_ns": int(record.run["started_at"].timestamp() * 1e9),
                "process_lanes": sorted({row["lane"] for row in record.processes if row["lane"]}),
                "permissions": {"folder": folder, "writes": list(permissions.writes), "subprocess": permissions.subprocess},
                "packages": next((dict(row["packages"]) for row in record.processes if row["packages"]), {}),
            },
            "processes": processes,
            "jobs": jobs,
            "traces": record.traces,
        }
    with open(os.path.join(folder, INDEX_FILE), "w", encoding="utf-8") as file:
        # In one piece, which C does; json.dump goes through every number in Python.
        file.write(json.dumps(index, separators=(",", ":")))


def _no_job() -> dict[str, Any]:
    return {"events": [], "reads": {}, "clocks": {}}


def _add_reads(part: dict[str, Any], row: dict[str, Any], content: TapeContent, *, pooled: bool) -> None:
    """A lane's clock values, or marks in the order, to its process's or job's part of the tape."""
    source = row["nd_source"].partition(":")[2]
    values = accumulate(json.loads(content.bytes_of(row["nd_value_parts"])))
    reads = part["reads"] if pooled else part["reads"].setdefault(row["lane"], {})
    if source in CLOCKS:
        clocks = part["clocks"] if pooled else part["clocks"].setdefault(row["lane"], {})
        clocks.setdefault(source, []).append(content.add(array("q", values).tobytes()))
    else:
        reads.setdefault(source, []).extend(values)


def _is_below(lane: str | None, root: str) -> bool:
    """False for the lane of a job that came to this process from another one's pool."""
    return lane is None or lane == root or lane.startswith(root + "/")


def stdin_of(store: Store, record: RunRecord) -> bytes | None:
    """What the program read from its standard input, or None when it read nothing."""
    parts = [part for row in record.rows if row["kind"] == "output" and row["nd_source"] == "stdin" for part in row["nd_value_parts"] or ()]
    if not parts:
        return None
    blobs = load_blobs(store, set(parts))
    return b"".join(blobs[part] for part in parts)


def _steps(rows: Iterable[dict[str, Any]]) -> dict[bytes, int]:
    """Number of each model call in its trace, as ``fr show`` numbers them, by call span."""
    calls = [row for row in rows if row["kind"] == "llm_call"]
    calls.sort(key=lambda row: (row["started_at"], row["writer_id"], row["seq"]))
    steps: dict[bytes, int] = {}
    counts: Counter[bytes] = Counter()
    for row in calls:
        if row["span_id"] not in steps:
            counts[row["trace_id"]] += 1
            steps[row["span_id"]] = counts[row["trace_id"]]
    return steps


def is_crossing(row: dict[str, Any]) -> bool:
    """True for rows that the replaying program asks for: exchanges, tools, and calls of hand-made clients, outside of tools."""
    made = row["kind"] in _CROSSINGS and (row["kind"] != "llm_call" or row["transport"] == "manual")
    return made and not _inside_tool(row["lane"])


def _inside_tool(lane: str | None) -> bool:
    """True for what happened inside a tool's body, which does not run in replay."""
    return lane is not None and "/tool:" in lane


def _event(row: dict[str, Any], content: TapeContent, steps: dict[bytes, int], *, ordered: bool) -> dict[str, Any]:
    http = row["kind"] in ("llm_attempt", "http_call")
    runs_again = row["kind"] == "tool_call" and row["capture_source"] == "framework"
    event: dict[str, Any] = {
        "kind": "http" if http else row["kind"],
        "lane": row["lane"],
        "lane_seq": row["lane_seq"],
        "issue": row["issue_no"],
        "step": steps.get(row["call_span_id"] or row["span_id"]),
        "deliveries": _deliveries(row, content),
        "end": None if row["phase"] == "begin" else (row["response_end"] if http else row["status"]),
        "facts": {
            "span": row["span_id"].hex(),
            "location": row["code_location"],
            "redacted": any(not hit["path"].startswith("headers") for hit in row["redactions"] or ()),
            "ordered": ordered and row["operation"] != "telemetry" and not runs_again,
            "runs_again": runs_again,
            "required": row["operation"] != "telemetry",
            "missing": ", ".join(row["replay_missing"] or ()) if row["phase"] == "end" else None,
            "issued_us": content.offset_us(row),
        },
    }
    if http:
        event["request"] = {
            "method": row["request_method"],
            "url": row["request_url"],
            "headers": json.loads(row["request_headers"] or "[]"),
        }
        event["body"] = content.request(row)
        event["answer"] = _http_answer(row, content)
    else:
        event["request"] = {"name": row["tool_name"] or row["name"], "side_effect": row["side_effect"], "form": "json"}
        event["body"] = content.slices([row["tool_args_blob"]] if row["tool_args_blob"] else [])
        event["answer"] = {
            "status": row["status"],
            "form": row["tool_result_form"],
            "content": content.slices(row["tool_result_parts"]),
            "error": _error(row, content),
        }
    return event


def _http_answer(row: dict[str, Any], content: TapeContent) -> dict[str, Any]:
    """Status, headers and body as they go to the program: the transferred bytes where the record has them, else the decoded body."""
    wire = row["response_wire_parts"]
    headers = json.loads(row["response_headers"] or "[]")
    parts = wire if wire is not None else row["response_parts"]
    if wire is None and row["response_encoding"]:
        headers = [[k, v] for k, v in headers if k.lower() != "content-encoding"]
    slices = content.slices(parts)
    length = sum(size for _, size in slices)
    if wire is None and (row["response_encoding"] or row["response_changed"]):
        headers = [[k, str(length)] if k.lower() == "content-length" else [k, v] for k, v in headers]
    return {
        "status": row["http_status"],
        "headers": headers,
        "http_version": row["http_version"] or "HTTP/1.1",
        "sent": bool(row["request_sent"]),
        "content": slices,
        "error": _error(row, content),
    }


def _error(row: dict[str, Any], content: TapeContent) -> dict[str, Any] | None:
    if row["error_state_blob"] is None:
        return None
    state = content.slices([row["error_state_blob"]])
    return {"class": row["error_type"], "message": row["error_message"] or "", "state": state, "form": row["error_state_form"]}


def _deliveries(row: dict[str, Any], content: TapeContent) -> list[list[int]]:
    """Absolute values again: order, microseconds after the process began, offset, turns."""
    out = []
    order, at, end, turns = row["issue_no"] or 0, content.offset_us(row), 0, 0
    for d_order, d_at, size, d_turns in json.loads(row["deliveries"] or "[]"):
        order, at, end, turns = order + d_order, at + d_at, end + size, turns + d_turns
        out.append([order, at, end, turns])
    return out
