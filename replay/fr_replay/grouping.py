"""Rows of a view counted and summed by some of its columns. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from fr_schema.errors import BadInput

from .filters import Selection

__all__ = ["FIGURES", "group"]

FIGURES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("rows", (), "round(sum({weight}))::BIGINT"),
    ("errors", ("status",), "round(coalesce(sum({weight}) FILTER (status = 'error'), 0))::BIGINT"),
    ("tokens_in", ("tokens_in",), "round(sum(tokens_in * {weight}))::BIGINT"),
    ("tokens_out", ("tokens_out",), "round(sum(tokens_out * {weight}))::BIGINT"),
    ("cost_usd", ("cost_usd",), "sum(cost_usd * {weight})"),
    ("first_seen", ("started_at",), "min(started_at)"),
    ("last_seen", ("started_at",), "max(started_at)"),
)
"""What is told of each group: its name, the columns that a view must have for it, and the SQL."""


def group(selection: Selection, by: str, columns: Sequence[str]) -> None:
    """Turn a selection into one row for each value of some columns, the most frequent first.

    Args:
        by: names of columns, with commas between them.
        columns: those that the view has.

    Raises:
        BadInput: a name that is none of them.
    """
    names = [name.strip() for name in by.split(",") if name.strip()]
    if not names:
        raise BadInput("--group-by names no column", hint="--group-by model_resolved,status")
    for name in names:
        if name not in columns:
            close = get_close_matches(name, columns, n=1)
            hint = f"did you mean {close[0]}?" if close else f"fr query --schema {selection.view} lists them"
            raise BadInput(f"{selection.view} has no column {name}", hint=hint)
    weight = "sample_weight" if "sample_weight" in columns else "1"
    figures = [
        f'{sql.format(weight=weight)} AS "{name}"'
        for name, needed, sql in FIGURES
        if name not in names and all(column in columns for column in needed)
    ]
    keys = [f'"{name}"' for name in dict.fromkeys(names)]
    selection.columns = ", ".join([*keys, *figures])
    selection.group = ", ".join(keys)
    selection.order = ", ".join(['"rows" DESC', *keys])
