"""What a report is made of, whatever it is written as: sections of facts, tables and passages of text. Pure."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Block", "Facts", "Grid", "Lane", "Note", "Passage", "Report", "Section"]


class Facts(NamedTuple):
    """Labels with their values."""

    rows: tuple[tuple[str, str], ...]


class Lane(NamedTuple):
    """Where a row of a table lies in time: start and length as shares of the whole, 0 to 1."""

    start: float
    length: float


class Grid(NamedTuple):
    """A table.

    Attributes:
        headers: names of the columns; the last column may be long text.
        rows: cells.
        right: columns of numbers.
        lanes: for each row its place in time, or nothing.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()
    lanes: tuple[Lane, ...] = ()


class Passage(NamedTuple):
    """A text as it was recorded.

    Attributes:
        title: what it is, such as ``system prompt`` or ``user``.
        text: itself.
        open: shown unfolded.
    """

    title: str
    text: str
    open: bool = True


class Note(NamedTuple):
    """A sentence of the report's own; ``bad`` for one that says what is wrong."""

    text: str
    bad: bool = False


Block = Facts | Grid | Passage | Note


class Section(NamedTuple):
    """A part of the report; ``level`` 2 for a chapter, 3 for a part of one."""

    title: str
    blocks: tuple[Block, ...]
    level: int = 2


class Report(NamedTuple):
    """A whole report: its title, the lines under it, and its sections."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
