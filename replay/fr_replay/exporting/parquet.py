"""Parquet: a trace's rows and its content as two files that can be read alone, with the columns of schema/FORMAT.md."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ..store import Store
from .trace_content import ids_in, trace_rows

__all__ = ["content_file", "export_tables"]

_IDS_PER_QUERY = 2_000


def content_file(path: str) -> str:
    """The file for the content beside the file for the rows: ``x.parquet`` and ``x.blobs.parquet``."""
    stem, ending = os.path.splitext(path)
    return f"{stem}.blobs{ending or '.parquet'}"


def export_tables(store: Store, trace_ids: Sequence[str]) -> tuple[Any, Any]:
    """Rows and content of some traces as two ``pyarrow.Table``: each row once, each part once."""
    import pyarrow as pa

    rows = [row for trace_id in trace_ids for row in trace_rows(store, trace_id)]
    records = sorted({row["record_id"] for row in rows})
    parts = sorted(ids_in(rows))
    events = [
        store.arrow(
            "SELECT * FROM all_events WHERE record_id IN (SELECT unnest(?)) ORDER BY trace_id, writer_id, seq, kind, record_id", [some]
        )
        for some in _slices(records)
    ]
    contents = [
        store.arrow(
            "SELECT DISTINCT ON (blob_id) * FROM all_blobs WHERE blob_id IN (SELECT unnest(?)) ORDER BY blob_id, writer_id, segment", [some]
        )
        for some in _slices(parts)
    ]
    return pa.concat_tables(events), pa.concat_tables(contents)


def _slices(ids: list[bytes]) -> list[list[bytes]]:
    """Some ids at a time, and at least one list: an empty table has columns too."""
    return [ids[start : start + _IDS_PER_QUERY] for start in range(0, max(len(ids), 1), _IDS_PER_QUERY)]
