"""A row of figures as a row of bars in the terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["BARS", "sparkline"]

BARS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"


def sparkline(values: Sequence[float | None], most: float, *, width: int | None = None) -> str:
    """One bar for each value between 0 and ``most``; a dot where there is none. Any value above 0 is higher than 0.

    Args:
        width: where there are more values than this, neighbours share a bar, which shows their mean.
    """
    shown = list(values) if width is None or len(values) <= width else _joined(values, width)
    return "".join(_NOTHING if value is None else BARS[_height(value, most)] for value in shown)


def _height(value: float, most: float) -> int:
    if value <= 0 or most <= 0:
        return 0
    return max(1, min(round(value / most * (len(BARS) - 1)), len(BARS) - 1))


def _joined(values: Sequence[float | None], width: int) -> list[float | None]:
    joined: list[float | None] = []
    for number in range(width):
        some = [value for value in values[number * len(values) // width : (number + 1) * len(values) // width] if value is not None]
        joined.append(sum(some) / len(some) if some else None)
    return joined
