"""Copying one trace into a small store of its own, for a repository's tests or a bug report: ``fr extract``.

Rows and content are copied as they are, redaction included; the copy keeps the id of the store that it comes from, so the same keys
(which no store holds) compare its redacted values.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from fr_schema.columns import BLOB_COLUMNS, EVENT_COLUMNS
from fr_schema.envelope import BLOB, CIPHER
from fr_schema.errors import BadInput, DamagedFile, UnknownTrace
from fr_schema.layout import format_path

from .capture import (
    Opener,
    Origin,
    digest_in,
    keep_policy,
    kept_policy,
    manifests_of,
    mark_encrypted,
    open_store,
    read_format,
    recorded_text,
    write_segment,
)
from .reading import Row, rows_of
from .store import Store
from .store import open_store as open_for_reading
from .trace_record import is_of_a_command

__all__ = ["Extracted", "extract_trace"]

_CONTENT_COLUMNS = tuple(c for c in EVENT_COLUMNS if c.name.endswith(("_blob", "_blobs", "_parts")))
_MAPS = {"events": [c.name for c in EVENT_COLUMNS if c.type == "map"], "blobs": [c.name for c in BLOB_COLUMNS if c.type == "map"]}


class Extracted(NamedTuple):
    """What was copied.

    Attributes:
        folder: the store that it is in now.
        events, blobs: how many rows.
        size: bytes of the files that were written.
        redacted: True when values of it are replaced by tokens, so that comparing them needs the store's key.
    """

    folder: str
    events: int
    blobs: int
    size: int
    redacted: bool


def extract_trace(store: Store, trace_id: str, folder: str) -> Extracted:
    """Copy a trace and all that its replay needs into the store at ``folder``, which is made if it is not there.

    Raises BadInput when the folder holds a store of other keys, or the trace already; UnknownTrace; NotAStore; DamagedFile when content
    is missing; OSError.
    """
    store_id = read_format(store.path).store_id
    target = os.path.abspath(folder)
    if os.path.exists(format_path(target)) and read_format(target).store_id != store_id:
        raise BadInput(
            f"{folder} holds traces of another store, whose values were redacted with other keys", hint="name an empty or new folder"
        )
    rows = _rows(store, trace_id)
    if not rows:
        raise UnknownTrace(f"there is no trace {trace_id} in {store.path}", hint="fr ls lists them")
    blobs = _blobs(store, rows, bytes.fromhex(trace_id))
    opened = open_store(target, store_id)
    if store.encrypted:
        mark_encrypted(opened.path)
        _put_under_keys(store.opener, rows, blobs)
    there = _there(opened.path)
    if trace_id in there.values():
        raise BadInput(f"{folder} has trace {trace_id} already")
    for policy in {row["redaction_policy"] for row in rows}:
        if recorded_text(store.path, policy):
            keep_policy(opened.path, kept_policy(store.path, digest_in(policy)))
    # The row of a process is shared by the traces that ran in it.
    rows = [row for row in rows if row["record_id"] not in there]
    by_writer: dict[str, list[Row]] = {}
    for row in rows:
        by_writer.setdefault(row["writer_id"], []).append(row)
    size = 0
    for number, (writer, of_writer) in enumerate(sorted(by_writer.items())):
        run = next((row["run_id"] for row in of_writer if row["run_id"] is not None), None)
        closed = all(row["phase"] == "end" for row in of_writer if row["kind"] == "process")
        origin = Origin(run.hex() if run is not None else None, closed, copy=True)
        seq = len(manifests_of(opened.path, writer))
        files = write_segment(opened.path, writer, seq, of_writer, blobs if number == 0 else [], origin)
        size += sum(os.path.getsize(os.path.join(opened.path, name)) for name in files)
    return Extracted(opened.path, len(rows), len(blobs), size, any(_is_redacted(row) for row in rows))


def _rows(store: Store, trace_id: str) -> list[Row]:
    """All rows of a trace: its own, those of its command's processes, and what its lane read of clock and order in its process."""
    key = bytes.fromhex(trace_id)
    if is_of_a_command(store, trace_id):
        return _copied(
            "events",
            rows_of(
                store, "SELECT * FROM stored_events WHERE run_id = ? OR trace_id = ? ORDER BY writer_id, seq, kind, record_id", [key, key]
            ),
        )
    sql = (
        "SELECT DISTINCT writer_id, lane FROM all_events"
        " WHERE trace_id = ? AND kind = 'span' AND parent_span_id IS NULL AND lane IS NOT NULL"
    )
    roots = rows_of(store, sql, [key])
    below = " OR ".join("(writer_id = ? AND (kind = 'process' OR lane = ? OR starts_with(lane, ? || '/')))" for _ in roots)
    values = [value for root in roots for value in (root["writer_id"], root["lane"], root["lane"])]
    return _copied(
        "events",
        rows_of(
            store,
            f"SELECT * FROM stored_events WHERE trace_id = ?{' OR ' + below if below else ''} ORDER BY writer_id, seq, kind, record_id",
            [key, *values],
        ),
    )


def _blobs(store: Store, rows: list[Row], key: bytes) -> list[Row]:
    """The content that rows name, each part once, filed under the trace. Raises DamagedFile when a part is missing."""
    wanted = set(_named_content(rows))
    if not wanted:
        return []
    found = rows_of(store, "SELECT * FROM stored_blobs WHERE blob_id IN (SELECT unnest(?)) ORDER BY blob_id, writer_id", [sorted(wanted)])
    by_id = {row["blob_id"]: {**row, "first_trace_id": key} for row in found}
    if len(by_id) < len(wanted):
        missing = sorted(wanted - by_id.keys())
        raise DamagedFile(f"{len(missing)} parts of the trace's content are not in the store, the first is {missing[0].hex()}")
    return _copied("blobs", by_id.values())


def _put_under_keys(opener: Opener, rows: list[Row], blobs: list[Row]) -> None:
    """What was read of a live journal is in clear, and goes under its scope's key as the sealer would put it. Raises KeyUnavailable."""
    for row in rows:
        opener.withhold(row)
    for blob in blobs:
        if blob["scope"] is not None and blob["cipher"] == "none" and blob["codec"] == "none":
            sealed = opener.seal(blob["scope"], blob["writer_id"], BLOB, blob["blob_id"], blob["data"])
            blob |= {"data": sealed, "codec": "zstd", "cipher": CIPHER}


def _named_content(rows: Iterable[Row]) -> Iterable[bytes]:
    for row in rows:
        for column in _CONTENT_COLUMNS:
            value = row[column.name]
            if value is not None:
                yield from value if column.type.startswith("list:") else (value,)
        for call in json.loads(row["output_tool_calls"] or "[]"):
            if call.get("arguments_blob"):
                yield bytes.fromhex(call["arguments_blob"])


def _copied(table: str, rows: Iterable[Row]) -> list[Row]:
    """Rows as Arrow takes them: maps as pairs."""
    return [{**row, **{name: list(row[name].items()) for name in _MAPS[table] if row[name] is not None}} for row in rows]


def _there(path: str) -> dict[bytes, str]:
    """Record id and trace of the rows that a store has already; the rows of processes as of no trace."""
    target = open_for_reading(path)
    try:
        return dict(target.rows("SELECT record_id, CASE WHEN kind = 'process' THEN '' ELSE lower(hex(trace_id)) END FROM all_events")[1])
    finally:
        target.close()


def _is_redacted(row: Row) -> bool:
    return row["sealed_columns"] is not None or any(not hit["path"].startswith("headers") for hit in row["redactions"] or ())
