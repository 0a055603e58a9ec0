"""How an exchange or a call came out, as events have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .crossings import RecordedHttp

__all__ = ["delivery_differences", "http_outcome"]


def http_outcome(crossing: RecordedHttp) -> str:
    """The status of an exchange: what the program got, not whether it was pleased."""
    if crossing.end == "cancelled":
        return "cancelled"
    if crossing.end in ("error", "cut") or crossing.error is not None:
        return "error"
    if crossing.status is None or crossing.status >= 400:
        return "error"
    return "abandoned" if crossing.end == "abandoned" else "ok"


def delivery_differences(deliveries: list[tuple[int, int, int, int]], issue: int, ends: list[int] | None) -> list[list[int]]:
    """Deliveries as differences to the one before; ``ends`` replaces the chunks' offsets after redaction moved them.

    The first entry is the headers (offset 0) and the last is the end of the body, so ``ends`` belong to what is between.
    """
    rows: list[list[int]] = []
    order, at, offset, turns = issue, 0, 0, 0
    for position, (next_order, ns, end, turn) in enumerate(deliveries):
        if ends is not None:
            chunk = min(position, len(ends))
            end = ends[chunk - 1] if chunk > 0 and ends else 0  # noqa: PLW2901 - the moved offset stands in for the old one
        us = ns // 1000
        rows.append([next_order - order, us - at, end - offset, turn - turns])
        order, at, offset, turns = next_order, us, end, turn
    return rows
