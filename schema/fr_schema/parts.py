"""Cutting a serialised JSON body at element boundaries, so that resent history is stored once.

A body is never parsed and written anew: it is cut into the exact stretches of text that hold one message,
one tool schema or the system prompt, and the stretches between them. Joined in order, the stretches are the
body, byte for byte.

Cutting yields *segments*, fine and with decoded values, for redaction; the recorder joins the small ones into the
*parts* that are stored.
"""

from __future__ import annotations

import json
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner behind json.loads, in the library since 2.6
from typing import Any, NamedTuple

__all__ = ["ELEMENT_KINDS", "GLUE", "VALUE_KINDS", "ListCursor", "Segment", "byte_offset", "cut_body", "cut_list"]

GLUE = "glue"

ELEMENT_KINDS = {"messages": "message", "input": "message", "contents": "message", "tools": "tool", "documents": "document"}
"""Top-level arrays whose every element is a part of its own, and what such a part is called."""

VALUE_KINDS = {
    "system": "system",
    "instructions": "system",
    "systemInstruction": "system",
    "system_instruction": "system",
    "input": "message",
    "prompt": "message",
}
"""Top-level values that are one part, whatever their size."""

_OWN_PART_FROM_CHARACTERS = 1024

_scan = json.JSONDecoder(strict=False).scan_once  # type: ignore[attr-defined]  # as scanstring
_SPACE = " \t\n\r"


class Segment(NamedTuple):
    """One stretch of a body.

    Attributes:
        kind: ``glue`` for punctuation and keys; ``value`` for a small top-level value; else the part's kind.
        text: the exact text.
        key: the top-level key that the value stands under, None for glue.
        value: the decoded value, None for glue.
    """

    kind: str
    text: str
    key: str | None
    value: Any


class ListCursor(NamedTuple):
    """Where the last element of a body's longest-growing list ends: enough to go on from there.

    Attributes:
        key: the top-level key of the list.
        segments: how many segments come before the end of the list's last element, that one included.
        offset: the character offset just behind that element.
    """

    key: str
    segments: int
    offset: int


def byte_offset(text: str, body: bytes, offset: int) -> int:
    """Where a character stands in ``body``, which ``text`` was decoded from. Only the shorter side is encoded: wide text takes long."""
    if len(text) == len(body):
        return offset
    if 2 * offset < len(text):
        return len(text[:offset].encode())
    return len(body) - len(text[offset:].encode())


def cut_body(text: str) -> tuple[list[Segment], ListCursor | None] | None:
    """Cut a JSON object into segments; None when the text is not one JSON object.

    The cursor stands behind the last element of the last list of messages that has any, or is None.
    """
    try:
        return _cut_object(text)
    except (StopIteration, ValueError, IndexError, RecursionError):
        return None


def cut_list(text: str, cursor_key: str) -> tuple[list[Segment], ListCursor | None] | None:
    """Go on cutting just behind an element of the list under ``cursor_key``: ``text`` is the rest of the body.

    Segment counts and offsets of the returned cursor are relative to ``text``. None when the text cannot be
    such a rest, and also when no element is added.
    """
    try:
        segments: list[Segment] = []
        end, cursor = _cut_elements(text, 0, 0, cursor_key, segments, first=False)
        if cursor is None:
            return None
        _cut_members(text, end, end, segments, after_value=True)
        return segments, cursor
    except (StopIteration, ValueError, IndexError, RecursionError):
        return None


def _skip_space(text: str, position: int) -> int:
    while text[position] in _SPACE:
        position += 1
    return position


def _cut_object(text: str) -> tuple[list[Segment], ListCursor | None] | None:
    start = _skip_space(text, 0)
    if text[start] != "{":
        return None
    segments: list[Segment] = []
    cursor = _cut_members(text, start + 1, 0, segments, after_value=False)
    return segments, cursor


def _cut_members(text: str, position: int, glue_start: int, segments: list[Segment], *, after_value: bool) -> ListCursor | None:
    """Cut ``"key": value`` members up to the closing brace and whatever space follows it."""
    cursor: ListCursor | None = None
    position = _skip_space(text, position)
    while True:
        if text[position] == "}":
            break
        if after_value:
            if text[position] != ",":
                raise ValueError("a comma is missing")
            position = _skip_space(text, position + 1)
        if text[position] != '"':
            raise ValueError("a key is missing")
        key, position = scanstring(text, position + 1, False)
        position = _skip_space(text, position)
        if text[position] != ":":
            raise ValueError("a colon is missing")
        position = _skip_space(text, position + 1)
        if key in ELEMENT_KINDS and text[position] == "[":
            position, found = _cut_elements(text, position + 1, glue_start, key, segments, first=True)
            if found is not None:
                glue_start = position
                if ELEMENT_KINDS[key] == "message":
                    cursor = found
        else:
            value, end = _scan(text, position)
            kind = VALUE_KINDS.get(key) or ("large" if end - position >= _OWN_PART_FROM_CHARACTERS else "value")
            if position > glue_start:
                segments.append(Segment(GLUE, text[glue_start:position], None, None))
            segments.append(Segment(kind, text[position:end], key, value))
            position = glue_start = end
        position = _skip_space(text, position)
        after_value = True
    if text[position + 1 :].strip(_SPACE):
        raise ValueError("text follows the object")
    segments.append(Segment(GLUE, text[glue_start:], None, None))
    return cursor


def _cut_elements(
    text: str, position: int, glue_start: int, key: str, segments: list[Segment], *, first: bool
) -> tuple[int, ListCursor | None]:
    """Cut the elements of an array; returns the offset behind its closing bracket, and the cursor behind its last element.

    Without elements the cursor is None, nothing is appended, and the caller's glue goes on across the brackets.
    """
    kind = ELEMENT_KINDS[key]
    before = len(segments)
    while True:
        character = text[position]
        if character in _SPACE:
            position = _skip_space(text, position)
            character = text[position]
        if character == "]":
            break
        if not first:
            if character != ",":
                raise ValueError("a comma is missing")
            position += 1
            if text[position] in _SPACE:
                position = _skip_space(text, position)
        value, end = _scan(text, position)
        if position > glue_start:
            segments.append(Segment(GLUE, text[glue_start:position], None, None))
        segments.append(Segment(kind, text[position:end], key, value))
        position = glue_start = end
        first = False
    if len(segments) == before:
        return position + 1, None
    cursor = ListCursor(key, len(segments), glue_start)
    segments.append(Segment(GLUE, text[glue_start : position + 1], None, None))
    return position + 1, cursor
