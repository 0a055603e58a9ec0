"""Late facts: rows that are written after the event, by a command, as a small sealed segment of their own. Nothing is ever updated.

A hold, its release, what a policy took away: each is a row of the trace that it is about, or of today where it is about many.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fr_schema.columns import EVENT_COLUMNS
from fr_schema.ids import new_writer_id, record_id, trace_of_writer
from fr_schema.version import FORMAT_VERSION

from .capture import Origin, keys_of_store, read_format, recorder, redactor_in_force, write_segment

__all__ = ["STATEMENT_KINDS", "LateFacts", "pairs"]

STATEMENT_KINDS = ("hold", "expiry", "erasure")
"""Kinds of rows that are about the record itself: no policy takes them away."""


class LateFacts:
    """Gathers rows, then writes them as one segment of a new writer.

    Args:
        store: path of the store.
    """

    def __init__(self, store: str) -> None:
        self._store = store
        self._writer = new_writer_id(recorder.host_name(), os.getpid())
        self._rows: list[dict[str, Any]] = []
        keys = keys_of_store(read_format(store).store_id)
        assert keys is not None
        self._redactor = redactor_in_force(keys, store)

    def add(self, kind: str, facts: Mapping[str, Any], *, trace: str | None = None) -> None:
        """Add a row.

        Args:
            facts: further columns; the texts among them are redacted.
            trace: the trace that it is about; None for one of today that holds nothing else.
        """
        now = time.time_ns() // 1000
        seq = len(self._rows)
        clean = {}
        redactions = []
        for name, value in facts.items():
            clean[name] = value
            if isinstance(value, str) and name in ("reason", "error_message"):
                clean[name], hits = self._redactor.text(value, name)
                redactions += [{"path": hit.path, "detector": hit.detector, "count": hit.count} for hit in hits]
        row: dict[str, Any] = {column.name: None for column in EVENT_COLUMNS}
        row |= {
            "schema_version": FORMAT_VERSION,
            "record_id": bytes.fromhex(record_id(self._writer, seq, now)),
            "kind": kind,
            "phase": "point",
            "trace_id": bytes.fromhex(trace or trace_of_writer(self._writer)),
            "span_id": bytes(8),
            "seq": seq,
            "writer_id": self._writer,
            "recorded_at": now,
            "started_at": now,
            "host": recorder.host_name(),
            "pid": os.getpid(),
            "capture_source": "sdk",
            "replay_level": "none",
            "salvaged": False,
            "redaction_policy": self._redactor.policy_id,
            "redaction_status": "redacted" if redactions else "clean",
            "redactions": redactions or None,
            "sample_rule": "all",
            "sample_weight": 1.0,
        }
        self._rows.append({**row, **clean})

    def write(self) -> int:
        """Write the rows, if there are any; returns how many. Raises OSError."""
        if self._rows:
            write_segment(self._store, self._writer, 0, self._rows, [], Origin(None, True))
        return len(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def pairs(values: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """A map column's value."""
    return [(name, str(value)) for name, value in values.items()]
