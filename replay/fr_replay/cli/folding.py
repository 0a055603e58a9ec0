"""Long texts and lists, folded to head and tail with a line that says how much is between. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from .figures import visible
from .table import Line

__all__ = ["FOLD_HINT", "fold_items", "fold_text", "text_lines"]

FOLD_HINT = "--full shows them"

_MOST_CHARACTERS = 2_400
_MOST_LINES = 40
_HEAD_CHARACTERS = 1_200
_TAIL_CHARACTERS = 500
_HEAD_LINES = 24
_TAIL_LINES = 8

T = TypeVar("T")


def fold_text(text: str) -> tuple[str, int, str]:
    """Head, number of characters folded away, and tail; ``(text, 0, "")`` for a text that is short enough."""
    if len(text) <= _MOST_CHARACTERS and text.count("\n") < _MOST_LINES:
        return text, 0, ""
    head = _first_lines(text[:_HEAD_CHARACTERS], _HEAD_LINES)
    tail = _last_lines(text[len(head) :][-_TAIL_CHARACTERS:], _TAIL_LINES)
    return head, len(text) - len(head) - len(tail), tail


def _first_lines(text: str, count: int) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(lines[:count])


def _last_lines(text: str, count: int) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(lines[-count:])


def fold_items(items: Sequence[T], head: int, tail: int) -> tuple[Sequence[T], int, Sequence[T]]:
    """The first and last items, and how many are between; all of them as head when nothing is worth folding."""
    if len(items) <= head + tail + 1:
        return items, 0, ()
    return items[:head], len(items) - head - tail, items[-tail:]


def text_lines(text: str, *, indent: int, full: bool, style: str | None = None) -> list[Line]:
    """A text as lines, folded unless ``full``."""
    head, folded, tail = (text, 0, "") if full else fold_text(text)
    lines = [Line(((visible(line), style),), indent) for line in head.splitlines() or [""]]
    if folded:
        lines.append(Line(((f"... {folded:,} characters folded, {FOLD_HINT}", "dim italic"),), indent))
        lines += [Line(((visible(line), style),), indent) for line in tail.splitlines()]
    return lines
