"""The record of a trace that has no command: a request of a server, or what a process did outside of any request.

Such a trace ran in a lane of its own (:mod:`fr_recorder.api` gives it one), so everything in it is numbered from 0 and stands in the
rows of one process at or below that lane. What does not is refused with its reason, never guessed.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

from fr_schema.errors import NotReplayable

from .capture import crossings, manifests_of, read_manifest, values
from .proxy import TRANSPORT
from .reading import Row, rows_of
from .segments import missing_files
from .selectors import store_of_trace
from .store import Store
from .tape_writer import RunRecord, is_crossing, read_run, refuse_locked

__all__ = ["TraceRecord", "is_of_a_command", "is_proxied", "read_trace_record", "recorded_inputs"]

_TAPED = "('llm_call', 'llm_attempt', 'http_call', 'tool_call', 'env_read')"
_ASKED = "('llm_attempt', 'http_call', 'tool_call')"
_BELOW = "writer_id = ? AND (lane = ? OR starts_with(lane, ? || '/'))"


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """What replay inside a process needs of a trace.

    Attributes:
        record: its rows, in the form of a run's.
        lane: the lane that everything in it is at or below.
        name: of its root span; None for a process or a command.
        command: True for a trace of ``fr record``.
        clock: True when clock reads are on record.
        root: the row of the root span, process or run.
    """

    record: RunRecord
    lane: str
    name: str | None
    command: bool
    clock: bool
    root: Row


def is_of_a_command(store: Store, trace_id: str) -> bool:
    """True for a trace of ``fr record``."""
    near = store_of_trace(store, trace_id)
    _, found = near.rows("SELECT count(*) FROM all_events WHERE trace_id = ? AND kind = 'run'", [bytes.fromhex(trace_id)])
    return bool(found[0][0])


def is_proxied(store: Store, trace_id: str) -> bool:
    """True for a trace with requests that came through ``fr proxy``."""
    near = store_of_trace(store, trace_id)
    _, found = near.rows("SELECT count(*) FROM all_events WHERE trace_id = ? AND transport = ?", [bytes.fromhex(trace_id), TRANSPORT])
    return bool(found[0][0])


def read_trace_record(store: Store, trace_id: str) -> TraceRecord:
    """Read a trace for replay inside a process. Raises NotReplayable with the reason where that cannot be exact."""
    if is_of_a_command(store, trace_id):
        return _of_command(store, trace_id)
    if is_proxied(store, trace_id):
        raise NotReplayable(
            f"the requests of trace {trace_id} came through fr proxy, from a program that fr did not start and knows nothing else of",
            hint=f"fr proxy --replay {trace_id} serves the record to it",
        )
    key = bytes.fromhex(trace_id)
    root = _root_span(store, key) or _process(store, key)
    if root is None or root["lane"] is None:
        raise NotReplayable(
            f"trace {trace_id} does not say in which task or thread its calls were made, as imported traces do not",
            hint=f"fr replay {trace_id} checks what is stored of it",
        )
    of_process = root["kind"] == "process"
    if not of_process and not root["lane"].rpartition("/")[2].startswith(f"{crossings.TRACE_LANE}#"):
        raise NotReplayable(
            f"trace {trace_id} shares the lane {root['lane']} with other work of its process, so its calls cannot be told apart"
        )
    _refuse_elsewhere(store, trace_id, root)
    writer, lane = root["writer_id"], root["lane"]
    rows = rows_of(store, f"SELECT * FROM all_events WHERE {_BELOW} AND kind IN {_TAPED} ORDER BY seq", [writer, lane, lane])
    refuse_locked(store, [root, *rows])
    _refuse_gaps(trace_id, rows)
    _refuse_lost_files(store, trace_id, writer)
    process = rows_of(store, "SELECT * FROM all_events WHERE writer_id = ? AND kind = 'process' ORDER BY phase DESC LIMIT 1", [writer])
    # Closed means here that the work came to its end, whatever its process did later.
    seen = {**(process[0] if process else root), "lane": lane, "phase": root["phase"], "started_at": root["started_at"]}
    run = {**root, "trace_id": key, "seeds": None, "cwd": os.getcwd(), "exit_code": None}
    clock = root["run_id"] is not None
    return TraceRecord(RunRecord(run, [seen], rows, {}), lane, None if of_process else root["name"], False, clock, root)


def recorded_inputs(store: Store, record: TraceRecord) -> dict[str, Any] | None:
    """The inputs that ``fr.trace(..., inputs=...)`` was given, redacted as recorded; None when it was given none.

    Raises NotReplayable when they cannot be read back.
    """
    blob, form = record.root["inputs_blob"], record.root["inputs_form"]
    if blob is None:
        return None
    part = store.blobs([blob]).get(blob)
    try:
        if part is None or part.data is None:
            raise values.Unreadable(f"their content is {part.locked}" if part is not None else "their content is missing from the store")
        inputs = values.unpack(form, part.data.decode("utf-8", "surrogatepass"))
    except values.Unreadable as problem:
        raise NotReplayable(f"the recorded inputs of the trace cannot be read back: {problem}") from problem
    return dict(inputs)


def _of_command(store: Store, trace_id: str) -> TraceRecord:
    record = read_run(store, trace_id)
    lanes = {row["writer_id"]: row["lane"] for row in record.processes}
    first = next((row for row in record.processes if row["lane"] == "p0"), None)
    busy = sorted({lanes.get(row["writer_id"]) or "?" for row in record.rows if is_crossing(row)} - {"p0"})
    if first is None or busy:
        what = f"{len(busy)} other processes of the run made calls ({', '.join(busy[:3])})" if busy else "the run has no Python process"
        raise NotReplayable(
            f"only one process can be replayed inside another, and {what}", hint=f"fr replay {trace_id} runs the command again"
        )
    return TraceRecord(record, "p0", None, True, True, record.run)


def _root_span(store: Store, key: bytes) -> Row | None:
    """The span that is the trace. Raises NotReplayable when there are several."""
    found = rows_of(
        store, "SELECT * FROM all_events WHERE trace_id = ? AND kind = 'span' AND parent_span_id IS NULL ORDER BY phase DESC", [key]
    )
    if len({row["span_id"] for row in found}) > 1:
        raise NotReplayable(f"trace {key.hex()} has several beginnings, in different places; only one can be replayed")
    return found[0] if found else None


def _process(store: Store, key: bytes) -> Row | None:
    """The process whose own trace this is."""
    found = rows_of(store, "SELECT * FROM all_events WHERE trace_id = ? AND kind = 'process' ORDER BY started_at, phase DESC", [key])
    if len({row["writer_id"] for row in found}) > 1:
        raise NotReplayable(f"trace {key.hex()} ran in {len({row['writer_id'] for row in found})} processes; only one can be replayed")
    return found[0] if found else None


def _refuse_elsewhere(store: Store, trace_id: str, root: Row) -> None:
    """Raise NotReplayable when the trace has calls that its own code did not make."""
    sql = (
        f"SELECT DISTINCT coalesce(lane, 'an unnamed lane') FROM all_events WHERE trace_id = ? AND kind IN {_ASKED}"
        f" AND coalesce(operation, '') <> 'telemetry' AND NOT coalesce({_BELOW}, false) ORDER BY 1"
    )
    outside = [row[0] for row in store.rows(sql, [bytes.fromhex(trace_id), root["writer_id"], root["lane"], root["lane"]])[1]]
    if outside:
        raise NotReplayable(
            f"part of trace {trace_id} ran in {', '.join(outside[:3])}, which the code that opened it ({root['lane']}) did not"
            " start; which call came first cannot be repeated"
        )


def _refuse_gaps(trace_id: str, rows: list[Row]) -> None:
    """Raise NotReplayable when calls of a lane are missing."""
    numbers: dict[str, list[int]] = {}
    for row in rows:
        if is_crossing(row):
            numbers.setdefault(row["lane"], []).append(row["lane_seq"])
    for lane, found in numbers.items():
        if sorted(found) != list(range(len(found))):
            twice = [number for number, count in Counter(found).items() if count > 1]
            what = f"call {twice[0]} twice" if twice else f"{len(found)} of {max(found) + 1} calls"
            raise NotReplayable(f"the record of trace {trace_id} has {what} of {lane}, so it cannot be followed")


def _refuse_lost_files(store: Store, trace_id: str, writer: str) -> None:
    named = [name for manifest in manifests_of(store.path, writer) for name in read_manifest(manifest).files]
    lost = missing_files(store.path, named)
    if lost:
        raise NotReplayable(f"part of the record around {trace_id} is missing: {lost[0]} was sealed and is not there")
