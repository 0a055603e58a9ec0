"""A JSON parser that remembers where everything stands, so that a value can be replaced in the text and the rest stays as it was.

It gives ordinary dictionaries and lists whose strings, numbers and lists carry their place. Pure Python, hence about forty times
slower than ``json``: used only on a document in which something has to be replaced.
"""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import Any, NamedTuple

__all__ = ["DEEPEST", "Document", "PlacedFloat", "PlacedInt", "PlacedList", "PlacedText", "json_literal", "parse_with_places", "place_of"]


class PlacedText(str):
    """A string with the place of its literal, quotes included."""

    __slots__ = ("end", "start")
    start: int
    end: int


class PlacedInt(int):
    """An integer with the place of its literal."""

    start: int
    end: int


class PlacedFloat(float):
    """A float with the place of its literal."""

    start: int
    end: int


class PlacedList(list[Any]):
    """A list with the place of its brackets."""

    start: int
    end: int


DEEPEST = 200
"""Nesting beyond this is refused, so that a document can always be walked."""

Placed = PlacedText | PlacedInt | PlacedFloat | PlacedList


class Document(NamedTuple):
    """A parsed text.

    Attributes:
        root: the value.
        shadowed: ``(key, value)`` of members that a later member of the same name hides; they are in the text all the same.
    """

    root: Any
    shadowed: list[tuple[str, Any]]


_ATOM = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false|null|NaN|-?Infinity")
_CONSTANTS = {"true": True, "false": False, "null": None}


def place_of(value: Any) -> tuple[int, int] | None:
    """Start and end of a value's literal in the parsed text, or None for a value that was not parsed by this module."""
    return (value.start, value.end) if isinstance(value, Placed) else None


def json_literal(value: str) -> str:
    """A string as a JSON literal: not escaped beyond need, but for lone surrogates, which UTF-8 cannot carry."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return json.dumps(value, ensure_ascii=False)


def parse_with_places(text: str) -> Document:
    """Parse one JSON text.

    Raises:
        ValueError: when the text is not JSON, or is nested more than :data:`DEEPEST` levels deep.
    """
    shadowed: list[tuple[str, Any]] = []
    try:
        root, end = _value(text, _skip(text, 0), shadowed, 0)
    except (IndexError, StopIteration) as error:
        raise ValueError("the text ends within a value") from error
    if text[end:].strip(" \t\n\r"):
        raise ValueError("text follows the value")
    return Document(root, shadowed)


def _skip(text: str, position: int) -> int:
    while text[position] in " \t\n\r":
        position += 1
    return position


def _value(text: str, position: int, shadowed: list[tuple[str, Any]], depth: int) -> tuple[Any, int]:
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    character = text[position]
    if character == '"':
        return _text(text, position)
    if character == "{":
        return _object(text, position, shadowed, depth + 1)
    if character == "[":
        return _list(text, position, shadowed, depth + 1)
    match = _ATOM.match(text, position)
    if match is None:
        raise ValueError(f"no value at character {position}")
    literal = match[0]
    if literal in _CONSTANTS:
        return _CONSTANTS[literal], match.end()
    is_integer = not match[1] and not match[2] and literal[-1].isdigit()
    number: PlacedInt | PlacedFloat = PlacedInt(literal) if is_integer else PlacedFloat(literal)
    number.start, number.end = match.span()
    return number, match.end()


def _text(text: str, position: int) -> tuple[PlacedText, int]:
    value, end = scanstring(text, position + 1, False)
    placed = PlacedText(value)
    placed.start, placed.end = position, end
    return placed, end


def _object(text: str, position: int, shadowed: list[tuple[str, Any]], depth: int) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    position = _skip(text, position + 1)
    if text[position] == "}":
        return members, position + 1
    while True:
        if text[position] != '"':
            raise ValueError(f"a key is missing at character {position}")
        key, position = _text(text, position)
        position = _skip(text, position)
        if text[position] != ":":
            raise ValueError(f"a colon is missing at character {position}")
        value, position = _value(text, _skip(text, position + 1), shadowed, depth)
        if key in members:
            earlier = next(known for known in members if known == key)
            shadowed.append((earlier, members.pop(key)))
        members[key] = value
        position = _skip(text, position)
        if text[position] == "}":
            return members, position + 1
        if text[position] != ",":
            raise ValueError(f"a comma is missing at character {position}")
        position = _skip(text, position + 1)


def _list(text: str, position: int, shadowed: list[tuple[str, Any]], depth: int) -> tuple[PlacedList, int]:
    items = PlacedList()
    items.start = position
    position = _skip(text, position + 1)
    while text[position] != "]":
        value, position = _value(text, position, shadowed, depth)
        items.append(value)
        position = _skip(text, position)
        if text[position] == ",":
            position = _skip(text, position + 1)
            if text[position] == "]":
                raise ValueError(f"a value is missing at character {position}")
        elif text[position] != "]":
            raise ValueError(f"a comma is missing at character {position}")
    items.end = position + 1
    return items, position + 1
