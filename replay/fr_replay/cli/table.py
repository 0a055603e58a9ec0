"""Tables of text: which columns fit, how wide they are, and the lines that come out. Pure; nothing here knows a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

__all__ = ["Line", "TableColumn", "cut_to", "fit_columns", "table_lines"]

_GAP = "  "
Measure = Callable[[str], int]
Styled = tuple[str, str | None]


class Line(NamedTuple):
    """One line of output.

    Attributes:
        spans: its texts with their styles (words of the rich library, or None).
        indent: columns of space before it, and before its continuation where it is wrapped.
        wrap: True for running text, which is broken at the terminal's edge; False for lines of a table.
        hang: further columns of space before the continuation.
    """

    spans: tuple[Styled, ...]
    indent: int = 0
    wrap: bool = True
    hang: int = 0

    @property
    def text(self) -> str:
        """The line without styles, with its indent."""
        return (" " * self.indent + "".join(text for text, _ in self.spans)).rstrip()


class TableColumn(NamedTuple):
    """One column.

    Attributes:
        header: its short name.
        right: numbers stand to the right.
        least: None when its cells are never cut (ids, numbers); else the width down to which they may be.
        rank: 0 when it is always shown; of the others the highest goes first where the terminal is narrow.
        styles: style of a cell by its text.
        wraps: a cell that is too wide goes on below, instead of being cut.
    """

    header: str
    right: bool = False
    least: int | None = None
    rank: int = 0
    styles: Mapping[str, str] = {}
    wraps: bool = False


def fit_columns(columns: Sequence[TableColumn], widths: Sequence[int], width: int | None) -> list[tuple[int, int]]:
    """Which columns to show, and how wide each is, for lines of at most ``width`` (None: as wide as they like).

    When even the columns that are always shown do not fit, the lines come out longer.
    """
    if width is None:
        return list(enumerate(widths))
    shown = list(range(len(columns)))

    def narrowest(index: int) -> int:
        least = columns[index].least
        return widths[index] if least is None else min(widths[index], max(least, len(columns[index].header)))

    def needed() -> int:
        return sum(narrowest(index) for index in shown) + len(_GAP) * (len(shown) - 1)

    while needed() > width:
        droppable = [index for index in shown if columns[index].rank > 0]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda index: (columns[index].rank, index)))
    spare = max(width - needed(), 0)
    fitted = {index: narrowest(index) for index in shown}
    growing = [index for index in shown if fitted[index] < widths[index]]
    while spare > 0 and growing:
        share = max(spare // len(growing), 1)
        for index in list(growing):
            more = min(share, widths[index] - fitted[index], spare)
            fitted[index] += more
            spare -= more
            if fitted[index] == widths[index]:
                growing.remove(index)
    return [(index, fitted[index]) for index in shown]


def cut_to(text: str, width: int, measure: Measure = len) -> str:
    """The text, cut with an ellipsis where it is wider."""
    if measure(text) <= width:
        return text
    kept = text[: max(width - 1, 0)]
    while kept and measure(kept) > width - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def table_lines(
    columns: Sequence[TableColumn], rows: Sequence[Sequence[str]], *, width: int | None = None, indent: int = 0, measure: Measure = len
) -> list[Line]:
    """A header and a line per row. Cells are text without line breaks."""
    natural = [max([measure(column.header), *(measure(row[index]) for row in rows)]) for index, column in enumerate(columns)]
    fitted = fit_columns(columns, natural, None if width is None else width - indent)
    lines = [Line(_joined([(_padded(columns[i].header, w, columns[i].right, measure), "bold") for i, w in fitted]), indent, False)]
    for row in rows:
        stacks = [_stack(row[index], columns[index], cell_width, measure) for index, cell_width in fitted]
        for depth in range(max(map(len, stacks))):
            cells = [
                (
                    _padded(stack[depth] if depth < len(stack) else "", cell_width, columns[index].right, measure),
                    columns[index].styles.get(row[index]),
                )
                for (index, cell_width), stack in zip(fitted, stacks, strict=True)
            ]
            lines.append(Line(_joined(cells), indent, False))
    return lines


def _stack(text: str, column: TableColumn, width: int, measure: Measure) -> list[str]:
    """A cell's lines: one that is cut, or as many as it takes."""
    if not column.wraps or measure(text) <= width:
        return [cut_to(text, width, measure)]
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if measure(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(cut_to(word, width, measure))
    return lines if lines[0] else lines[1:]


def _padded(text: str, width: int, right: bool, measure: Measure) -> str:
    space = " " * max(width - measure(text), 0)
    return space + text if right else text + space


def _joined(cells: Sequence[Styled]) -> tuple[Styled, ...]:
    spans: list[Styled] = []
    for number, (text, style) in enumerate(cells):
        last = number == len(cells) - 1
        spans.append((text.rstrip() if last else text, style))
        if not last:
            spans.append((_GAP, None))
    return tuple(spans)
