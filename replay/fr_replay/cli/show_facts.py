"""Facts that only the program, or somebody after it, could tell, as lines of ``fr show``."""

from __future__ import annotations

import json
from datetime import datetime

from fr_replay.reading import Row

from .figures import first_words, offset, one_line
from .table import Line, TableColumn

__all__ = ["FACT_TABLE", "fact_cells", "fact_lines"]

FACT_TABLE = (
    TableColumn("at", right=True),
    TableColumn("fact"),
    TableColumn("name", least=10),
    TableColumn("is", least=8),
    TableColumn("by", rank=2),
    TableColumn("said", least=16),
)
_WORDS = 120


def fact_cells(row: Row, start: datetime | None) -> list[str]:
    """A fact in one row of the table."""
    at = "" if row["started_at"] is None or start is None else offset((row["started_at"] - start).total_seconds() * 1000)
    said = [f"step {row['about_step']}:"] if row["about_step"] is not None else []
    said += [row["reason"]] if row["reason"] else []
    said += [f"{name}={_plain(value)}" for name, value in (row["detail"] or {}).items() if value is not None]
    said += [words for words in row["words"].values() if words]
    who = " ".join(part for part in (row["by_source"], row["by_ref"]) if part)
    cells = (row["kind"], one_line(row["name"] or ""), one_line(row["fact"] or ""), one_line(who), first_words(" ".join(said), _WORDS))
    return [at, *cells]


def fact_lines(rows: list[Row], start: datetime | None) -> list[Line]:
    """Facts about one decision, a line each."""
    told = (fact_cells(row, start) for row in rows)
    return [Line(((f"{kind:<13}", "dim"), ("  ".join(part for part in rest if part), None)), 2, hang=13) for _, kind, *rest in told]


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
