"""Differences between two requests or outputs, for people. Pure."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from .table import Line

__all__ = ["all_difference_lines", "difference_lines", "output_lines"]

_WINDOW = 64
_THEN, _NOW = "red", "green"
_SIDES = ("recorded", "replayed")
_CONTROLS = {"\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN"}
_KINDS = {str: "text", bool: "true or false", int: "number", float: "number", list: "list", dict: "object", type(None): "null"}


def all_difference_lines(facts: Mapping[str, Any]) -> list[Line]:
    """What a stop has found: lists that are longer or shorter, then the differences; an element that only changed its place is one."""
    lines = [
        _place(f"{row['path']}: {row['recorded']} recorded, {row['replayed']} now") for row in facts.get("lengths") or ()
    ]  # fmt: skip
    rows = list(facts.get("differences") or ())
    told = 0
    while rows:
        row = rows.pop(0)
        twin = next((other for other in rows if _moved(row, other)), None)
        told += 1
        if twin is None:
            lines += difference_lines(row)
            continue
        rows.remove(twin)
        told += 1
        dropped, inserted = (row, twin) if row["kind"] != "inserted" else (twin, row)
        lines += [
            _place(f"moved: {_path(dropped['path'])}{_who(dropped)} is now at {_path(inserted['path'])}"),
            _side("-", _SIDES[0], _window(dropped["recorded"], None)),
        ]
    more = facts.get("total", 0) - told
    if more > 0:
        lines.append(_place(f"and {more} more difference{'' if more == 1 else 's'}"))
    return lines


def _moved(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """True for the two halves of one element that went to another place in its list."""
    kinds = {row["kind"], other["kind"]}
    if "inserted" not in kinds or not kinds & {"dropped", "truncated"} or _list_of(row) != _list_of(other):
        return False
    dropped, inserted = (row, other) if row["kind"] != "inserted" else (other, row)
    return bool(dropped["recorded"] == inserted["replayed"])


def _list_of(row: Mapping[str, Any]) -> str | None:
    """The list that an element is in; None for what is no element of a list."""
    path = str(row["path"])
    return path[: path.rindex("[")] if path.endswith("]") else None


def difference_lines(difference: Mapping[str, Any], sides: tuple[str, str] = _SIDES) -> list[Line]:
    """One difference, as :mod:`fr_replay.divergence` has it: where, and what stands there on either side."""
    kind, where = difference["kind"], f"{_path(difference['path']) or 'the body'}{_who(difference)}"
    recorded, replayed, character = difference["recorded"], difference["replayed"], difference.get("character")
    if kind == "truncated":
        return [_place(f"truncated: {where} is missing at the end"), _side("-", sides[0], _window(recorded, None))]
    if kind == "dropped":
        return [_place(f"dropped: {where}"), _side("-", sides[0], _window(recorded, None))]
    if kind == "inserted":
        return [_place(f"inserted: {where}"), _side("+", sides[1], _window(replayed, None))]
    start = difference.get("cut_from", 0)
    quoted = kind == "type" or _is_faint(recorded) or _is_faint(replayed)
    shown = [_window(value, character - start if character is not None else None, quoted=quoted) for value in (recorded, replayed)]
    if start:
        shown = [text if text.startswith("…") else f"…{text}" for text in shown]
    if kind == "type":
        shown = [f"{text} ({_KINDS.get(type(value), 'value')})" for text, value in zip(shown, (recorded, replayed), strict=True)]
    lengths = difference.get("lengths") or [len(value) if isinstance(value, str) else 0 for value in (recorded, replayed)]
    at = _character(recorded, replayed, character, start, lengths) if character is not None else ""
    return [_place(f"at {where}{at}"), _side("-", sides[0], shown[0]), _side("+", sides[1], shown[1])]


def output_lines(stdout: Mapping[str, Any]) -> list[Line]:
    """The first line of the standard output that differs."""
    recorded, replayed = stdout["recorded"], stdout["replayed"]
    start, character = stdout.get("from_character", 0), stdout.get("character")
    at = f", character {character + 1}" if character is not None else ""
    if recorded is not None and recorded == replayed:
        at = ", at its end: the line break is another one, or is missing on one side"
    shown = [
        "(no such line)" if text is None else ("…" if start else "") + _window(text, None if character is None else character - start)
        for text in (recorded, replayed)
    ]
    return [
        _place(f"at line {stdout['line']} of the standard output{at}"),
        _side("-", _SIDES[0], shown[0]),
        _side("+", _SIDES[1], shown[1]),
    ]


def _character(recorded: str, replayed: str, character: int, start: int, lengths: Sequence[int]) -> str:
    """Which character differs, and its name where the eye does not tell it from another."""
    if character >= lengths[0]:
        return f", after the recorded text's end at character {lengths[0]}"
    if character >= lengths[1]:
        return f", character {character + 1} of {lengths[0]}, where the replayed text ends"
    pair = [text[character - start : character - start + 1] for text in (recorded, replayed)]
    names = f": {_name(pair[0])}, now {_name(pair[1])}" if _look_alike(pair) else ""
    return f", character {character + 1} of {lengths[0]}{names}"


def _look_alike(pair: Sequence[str]) -> bool:
    """True where the eye may not tell two characters apart: one is not ASCII, or neither has ink."""
    return any(one > "~" for one in pair) or not any(one.strip() for one in pair)


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '') or _CONTROLS.get(character, 'control character')}"


def _is_faint(value: Any) -> bool:
    """True for a short text whose beginning or end cannot be seen."""
    return isinstance(value, str) and len(value) <= 2 * _WINDOW and (value.strip() != value or not value)


def _path(path: str) -> str:
    """``arguments|json.days``, a place in a JSON text inside of a string, in words."""
    return path.replace("|json.", " (read as JSON): ").replace("|json[", " (read as JSON): [").replace("|json", " (read as JSON)")


def _who(difference: Mapping[str, Any]) -> str:
    return f" ({difference['who']})" if difference.get("who") else ""


def _place(text: str) -> Line:
    return Line(((text, None),), 2)


def _side(sign: str, which: str, text: str) -> Line:
    style = _THEN if sign == "-" else _NOW
    return Line(((f"{sign} {which}: ", style), (text, style)), 4, hang=len(which) + 4)


def _window(value: Any, character: int | None, *, quoted: bool = False) -> str:
    """A value on one line, cut to what surrounds the first difference."""
    is_text = isinstance(value, str)
    # Line breaks in a text are escaped; quotes in it need not be, and JSON is escaped already.
    text = value if is_text else json.dumps(value, ensure_ascii=False)
    start = max(0, (character or 0) - _WINDOW // 2)
    shown = text[start : start + 2 * _WINDOW]
    if is_text:
        shown = json.dumps(shown, ensure_ascii=False)[1:-1].replace('\\"', '"')
        shown = f'"{shown}"' if quoted else shown
    return ("…" if start else "") + shown + ("…" if start + 2 * _WINDOW < len(text) else "")
