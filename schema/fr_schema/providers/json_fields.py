"""Reading fields of JSON that somebody else wrote: the wrong type is the same as a missing field, never an error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

__all__ = ["Path", "compact_json", "count", "dig", "first", "flag", "mapping", "number", "parse_json", "sequence", "text"]

Path = tuple[str | int, ...]
"""Keys and indexes from a JSON value down to a field in it."""

_Wanted = TypeVar("_Wanted")

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode
_decode = json.JSONDecoder(strict=False).decode


def mapping(value: Any) -> Mapping[str, Any]:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else _NOTHING


def sequence(value: Any) -> Sequence[Any]:
    """The value when it is an array, else an empty one."""
    return value if isinstance(value, list | tuple) else ()


def text(value: Any) -> str | None:
    """The value when it is a string with something in it; some servers write ``""`` for what they do not know."""
    return value if isinstance(value, str) and value else None


def flag(value: Any) -> bool | None:
    """The value when it is true or false."""
    return value if isinstance(value, bool) else None


def count(value: Any) -> int | None:
    """A number of things: an integer that is not negative, also when written as ``12.0``."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    if isinstance(value, float) and value >= 0 and value.is_integer():
        return int(value)
    return None


def number(value: Any) -> float | None:
    """The value as a float when it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if result - result == 0 else None


def dig(value: Any, path: Path) -> Any:
    """The field at a path, or None when any step of it is missing."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, Mapping) else None
        else:
            items = sequence(value)
            value = items[step] if -len(items) <= step < len(items) else None
        if value is None:
            return None
    return value


def first(value: Any, paths: Sequence[Path]) -> Any:
    """The field at the first of several paths that leads to something, or None."""
    for path in paths:
        found = dig(value, path)
        if found is not None:
            return found
    return None


def compact_json(value: Any) -> str:
    """JSON text of a parsed value, keys in their order and no spaces: the one form for tool arguments that came as JSON."""
    try:
        return _encode(value)
    except (ValueError, RecursionError):
        return str(value)


def parse_json(data: str | bytes) -> tuple[bool, Any]:
    """``(True, value)``, or ``(False, None)`` when the data is not one JSON value.

    Bytes are read as UTF-8; what is not becomes U+FFFD, since redaction and cuts may have left anything.
    """
    if isinstance(data, bytes):
        data = data.decode("utf-8", "replace")
    try:
        return True, _decode(data)
    except (ValueError, RecursionError):
        return False, None
