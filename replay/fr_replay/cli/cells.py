"""Values of query results as JSON, as CSV fields and as cells of a table. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from .figures import visible

__all__ = ["LONGEST_CELL", "cell_text", "field_text", "iso_time", "json_text", "json_value", "unique_names"]

LONGEST_CELL = 200
"""Characters of a cell in a table; the other formats cut nothing."""


def iso_time(moment: datetime, zone: tzinfo | None) -> str:
    """ISO 8601 to the microsecond: with ``Z`` in UTC, else with the zone's offset. A time without a zone is left without one."""
    if moment.tzinfo is None:
        return moment.isoformat(timespec="microseconds")
    here = moment.astimezone(zone or UTC)
    text = here.isoformat(timespec="microseconds")
    return f"{text.removesuffix('+00:00')}Z" if here.utcoffset() == timedelta(0) else text


def json_value(value: Any, zone: tzinfo | None = None) -> Any:
    """A value that JSON has: bytes as hex, times as ISO 8601, numbers that JSON lacks (NaN, infinities) as null."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime):
        return iso_time(value, zone)
    if isinstance(value, Mapping):
        return {str(json_value(key, zone)): json_value(item, zone) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [json_value(item, zone) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """JSON text, with every character as it is; a lone surrogate, which UTF-8 cannot hold, is escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=True, indent=indent)
    return text


def field_text(value: Any, zone: tzinfo | None = None) -> str:
    """A value as one field of CSV: text as it is, NULL empty, lists and maps as JSON."""
    plain = json_value(value, zone)
    if plain is None:
        return ""
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return json_text(plain) if isinstance(plain, list | dict) else str(plain)


def cell_text(value: Any, zone: tzinfo, *, longest: int = LONGEST_CELL, short_in: int | None = None) -> str:
    """A value as one cell of a table, without line breaks: times in the zone, floats to six digits, long texts cut.

    Times in the year ``short_in`` are shown to the second and without the year.
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, datetime):
        here = value.astimezone(zone) if value.tzinfo is not None else value
        if here.year == short_in:
            return here.strftime("%m-%d %H:%M:%S")
        return here.strftime("%Y-%m-%d %H:%M:%S") + (f".{here.microsecond // 1000:03}" if here.microsecond else "")
    if isinstance(value, Mapping):
        text = " ".join(f"{key}={cell_text(item, zone)}" for key, item in value.items())
    elif isinstance(value, list | tuple):
        text = ", ".join("null" if item is None else cell_text(item, zone) for item in value[:longest])
    else:
        text = field_text(value, zone)
    if len(text) > 4 * longest:
        text = text[: 4 * longest]
    line = visible(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def _float_text(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.1f}" if abs(value) >= 1e6 else f"{value:.6g}"


def unique_names(names: Sequence[str]) -> list[str]:
    """Column names, with ``_1``, ``_2`` ... behind those that came before: an object cannot have a key twice."""
    taken: set[str] = set()
    unique = []
    for name in names:
        chosen, number = name, 0
        while chosen in taken or (number and chosen in names):
            number += 1
            chosen = f"{name}_{number}"
        taken.add(chosen)
        unique.append(chosen)
    return unique
