"""Facts of a trace, or about one decision of it, with the first words of what they hold."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .contents import Contents
from .store import Store

__all__ = ["about_call", "held_by_call", "read_facts"]

Row = dict[str, Any]

_COLUMNS = (
    "kind, span_id, name, fact, started_at, about_span_id, about_step, by_ref, by_source, reason, detail, fact_blob, before_blob,"
    " after_blob, code_location, lane"
)
_CHARACTERS = 160
_CONTENT = ("fact_blob", "before_blob", "after_blob")


def read_facts(near: Store, contents: Contents) -> list[Row]:
    """The facts of a trace in the order of time; each has ``words``: the beginnings of its contents by column, and ``detail`` parsed."""
    names, found = near.rows(f"SELECT {_COLUMNS} FROM facts ORDER BY started_at, span_id")
    rows = [dict(zip(names, row, strict=True)) for row in found]
    words = contents.beginnings([row[column] for row in rows for column in _CONTENT], _CHARACTERS)
    for row in rows:
        row["words"] = {column.removesuffix("_blob"): words.get(row[column]) for column in _CONTENT if row[column]}
        row["detail"] = json.loads(row["detail"]) if row["detail"] else None
    return rows


def about_call(facts: Iterable[Row], call: Row, step: int) -> list[Row]:
    """Those that are about a call, by its span or its number."""
    return [row for row in facts if row["about_span_id"] == call["span_id"].hex() or row["about_step"] == step]


def held_by_call(call: Row) -> list[tuple[str, str]]:
    """What of the program's own facts a call's request holds, or was made under: labels and texts."""
    return [
        ("templates", ", ".join(call["prompt_templates"] or ())),
        ("documents", ", ".join(call["retrieved_ids"] or ())),
        ("config", "  ".join(f"{name}={digest}" for name, digest in _pairs(call["config"]))),
        ("flags", "  ".join(f"{name}={value}" for name, value in _pairs(call["flags"]))),
    ]


def _pairs(value: Any) -> Iterable[tuple[str, str]]:
    return value.items() if isinstance(value, dict) else value or ()
