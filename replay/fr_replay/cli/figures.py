"""Numbers, times and texts as people read them: short, with the unit, and safe to print. Pure."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, tzinfo
from typing import Any

__all__ = ["age", "clock_time", "count_of", "first_words", "money", "offset", "one_line", "size", "span_of_time", "tokens", "visible"]

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SPACE = re.compile(r"\s+")


def visible(text: str) -> str:
    """The text with every control character written out: what a model answered must not steer the terminal that shows it."""
    return _UNPRINTABLE.sub(lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(value: Any) -> str:
    """Any text or JSON value on one line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return visible(_SPACE.sub(" ", text).strip())


def first_words(value: Any, characters: int) -> str:
    """The beginning of a text on one line, of at most so many characters."""
    text = value if isinstance(value, str) else one_line(value)
    line = one_line(text[: 4 * characters + 16])
    return line if len(line) <= characters and len(text) <= 4 * characters + 16 else f"{line[: max(characters - 1, 0)].rstrip()}…"


def count_of(number: int, singular: str, plural: str | None = None) -> str:
    """``1 call``, ``12 calls``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def tokens(count: int | None) -> str:
    """A number of tokens: exact up to 99,999, then in thousands or millions."""
    if count is None:
        return ""
    if abs(count) < 100_000:
        return f"{count:,}"
    return f"{count / 1e3:,.0f}k" if abs(count) < 1_000_000 else f"{count / 1e6:,.1f}M"


def money(usd: float | None) -> str:
    """US dollars: cents from one dollar up, else enough digits to tell small sums apart; empty when not known."""
    if usd is None or not math.isfinite(usd):
        return ""
    if abs(usd) >= 1 or usd == 0:
        return f"${usd:,.2f}"
    return f"${usd:.4f}" if abs(usd) >= 0.001 else f"${usd:.2g}" if abs(usd) >= 0.0001 else f"${usd:.7f}".rstrip("0")


def span_of_time(milliseconds: float | None) -> str:
    """A duration: ``<0.1ms``, ``1.5ms``, ``850ms``, ``3.2s``, ``2m05s``, ``1h02m``, ``3d04h``; empty when not known."""
    if milliseconds is None or not math.isfinite(milliseconds):
        return ""
    if milliseconds < 0.05:
        return "<0.1ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f}ms" if milliseconds >= 10 else f"{milliseconds:.1f}ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    for size, above, unit, below in ((60, 3600, "m", "s"), (3600, 86400, "h", "m")):
        if whole < above:
            return f"{whole // size}{unit}{whole % size * 60 // size:02}{below}"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def offset(milliseconds: float) -> str:
    """Time since the start of a trace: ``+0.12s``, ``+2m05s``."""
    seconds = milliseconds / 1000
    return f"+{seconds:.2f}s" if seconds < 60 else f"+{span_of_time(milliseconds)}"


def size(count: int | None) -> str:
    """A number of bytes: ``412 B``, ``30.1 KB``, ``48.0 MB``."""
    if count is None:
        return ""
    if count < 1000:
        return f"{count} B"
    for divisor, unit in ((1e3, "KB"), (1e6, "MB")):
        if count < divisor * 999.95:
            return f"{count / divisor:.1f} {unit}"
    return f"{count / 1e9:.1f} GB"


def clock_time(moment: datetime | None, zone: tzinfo, *, date: bool = True) -> str:
    """A moment in a zone, to the second: ``2026-11-23 16:20:05``."""
    return "" if moment is None else moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S" if date else "%H:%M:%S")


def age(moment: datetime, now: datetime) -> str:
    """How long ago: ``3m05s ago``."""
    return f"{span_of_time(max((now - moment).total_seconds(), 0) * 1000)} ago"
