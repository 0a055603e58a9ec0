"""What the SQL views are made of: how a view is written down, and groups of columns that several show."""

from __future__ import annotations

from typing import NamedTuple

from fr_schema.columns import BLOB_COLUMNS, EVENT_COLUMNS

__all__ = ["IDENTITY", "OUTCOME", "TRUTH", "WHOSE", "View", "pick"]

_HEX = {c.name for c in (*EVENT_COLUMNS, *BLOB_COLUMNS) if c.type in ("id16", "id8", "sha")}

OUTCOME = "started_at ended_at duration_ms status error_type error_message"
IDENTITY = f"trace_id span_id parent_span_id run_id {OUTCOME}"
WHOSE = (
    "name session_id task_id user_ref tenant_id agent_name agent_version tags service environment region host pid code_version code_dirty"
    " code_location lane"
)
TRUTH = (
    "phase capture_source replay_level replay_missing redaction_status redactions redaction_policy salvaged sample_weight writer_id seq"
    " record_id"
)


class View(NamedTuple):
    """One view.

    Attributes:
        doc: one row is what.
        sql: the body of CREATE VIEW.
        extra: meaning of columns that are not columns of the tables.
    """

    doc: str
    sql: str
    extra: dict[str, str]


def pick(*groups: str) -> str:
    """Columns of ``all_events`` as the views show them: ids as hex text."""
    names = " ".join(groups).split()
    return ", ".join(f"lower(hex({n})) AS {n}" if n in _HEX else n for n in names)
