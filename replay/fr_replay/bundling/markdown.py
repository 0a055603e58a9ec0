"""A report as Markdown whose lines have at most 80 columns, but for words that are longer themselves. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from .document import Block, Facts, Grid, Note, Passage, Report

__all__ = ["COLUMNS", "report_as_markdown"]

COLUMNS = 80
_NARROWEST = 8
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")
_GAP = 2


def report_as_markdown(report: Report) -> str:
    """The report; what was recorded stands in indented blocks, so that nothing in it is taken for Markdown."""
    lines = [f"# {_escaped(report.title)}", "", *_wrapped(_escaped(report.subtitle))]
    for section in report.sections:
        lines += ["", f"{'#' * section.level} {_escaped(section.title)}"]
        for block in section.blocks:
            lines += ["", *_block(block)]
    return "\n".join(lines) + "\n"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Facts):
        for label, value in block.rows:
            yield from _wrapped(f"{_escaped(label)}: {_escaped(value)}", "- ", "  ")
    elif isinstance(block, Grid):
        yield from (f"    {line}" for line in _table(block))
    elif isinstance(block, Passage):
        yield f"**{_escaped(block.title)}**"
        yield ""
        for line in block.text.splitlines() or [""]:
            for piece in textwrap.wrap(line, COLUMNS - 4, drop_whitespace=False, break_on_hyphens=False) or [""]:
                yield f"    {piece}".rstrip()
    elif isinstance(block, Note):
        yield from _wrapped(_escaped(block.text), "> ", "> ")


def _table(grid: Grid) -> Iterator[str]:
    """Columns of text in a block of code: Markdown's own tables cannot be wrapped. The last column takes what is left, and is cut there."""
    room = COLUMNS - 4
    widths = [max([len(header), *(len(row[at]) for row in grid.rows)]) for at, header in enumerate(grid.headers)]
    left = room - sum(widths[:-1]) - _GAP * (len(widths) - 1)
    while left < _NARROWEST and max(widths[:-1], default=0) > _NARROWEST:
        widest = max(range(len(widths) - 1), key=lambda at: widths[at])
        widths[widest] -= 1
        left += 1
    widths[-1] = max(min(widths[-1], left), 1)
    for row in (grid.headers, *grid.rows):
        cells = [_cut(cell, width) for cell, width in zip(row, widths, strict=True)]
        placed = (
            f"{cell:>{width}}" if at in grid.right else f"{cell:<{width}}"
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        yield (" " * _GAP).join(placed).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _wrapped(text: str, first: str = "", later: str = "") -> list[str]:
    return textwrap.wrap(text, COLUMNS, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False) or [
        first
    ]


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
