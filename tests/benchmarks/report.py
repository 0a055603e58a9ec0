"""What a measure found, and how it is shown: plain text on a terminal, or Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from budgets import BUDGETS, Budget, Verdict, judge

__all__ = ["NOT_INSTALLED", "Section", "amount", "as_markdown", "as_text", "budget_rows", "signed"]

NOT_INSTALLED = "not installed"
_WIDTH = 118


@dataclass
class Section:
    """One measure's results.

    Attributes:
        name: as ``--only`` takes it.
        title: its heading.
        method: what was done, in a few sentences.
        columns: headings of the table.
        rows: its cells, as text.
        notes: what has to be said about the figures.
        facts: figures by name, which budgets refer to.
    """

    name: str
    title: str
    method: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)


def amount(value: float, digits: int = 0) -> str:
    """A figure with thousands separated."""
    return f"{value:,.{digits}f}"


def signed(value: float, digits: int = 0) -> str:
    """An added figure, with its sign."""
    return f"{value:+,.{digits}f}"


def budget_rows(sections: Iterable[Section], quick: bool) -> tuple[list[list[str]], list[str]]:
    """The table of budgets, and for each missed one what stands in the way."""
    facts = {name: value for section in sections for name, value in section.facts.items()}
    rows, obstacles = [], []
    for budget in BUDGETS:
        value = facts.get(budget.fact)
        verdict = judge(budget, value)
        shown = "not measured" if value is None else f"{amount(value, budget.digits)} {budget.unit}".strip()
        sign = "at most" if budget.at_most else "at least"
        limit = f"{sign} {amount(budget.limit, budget.digits)} {budget.unit}".strip()
        rows.append([budget.what, shown, limit, _verdict_text(budget, verdict, value)])
        if verdict is Verdict.MISSED and not quick:
            obstacles.append(f"{budget.what}: {budget.obstacle}")
    return rows, obstacles


def _verdict_text(budget: Budget, verdict: Verdict, value: float | None) -> str:
    if verdict is Verdict.MISSED and value is not None:
        by = abs(value - budget.limit)
        return f"missed by {amount(by, budget.digits)} {budget.unit}".strip()
    return verdict.value


def as_text(heading: Sequence[str], sections: Sequence[Section], *, quick: bool = False) -> str:
    """The report for a terminal."""
    lines = [*heading, ""]
    for section in sections:
        lines += [section.title, "-" * len(section.title), *_wrapped(section.method), ""]
        if section.rows:
            lines += [*_text_table(section.columns, section.rows), ""]
        for note in section.notes:
            lines += _wrapped(note, "* ", "  ")
        if section.notes:
            lines.append("")
    rows, obstacles = budget_rows(sections, quick)
    lines += ["Budgets", "-------", *_text_table(("budget", "measured", "limit", "verdict"), rows), ""]
    for obstacle in obstacles:
        lines += _wrapped(obstacle, "* ", "  ")
    return "\n".join(lines).rstrip() + "\n"


def as_markdown(heading: Sequence[str], sections: Sequence[Section]) -> str:
    """The report as a Markdown document."""
    lines = ["# Benchmarks", "", *heading, ""]
    rows, obstacles = budget_rows(sections, quick=False)
    lines += ["## Budgets", "", *_markdown_table(("budget", "measured", "limit", "verdict"), rows), ""]
    lines += [f"- {obstacle}" for obstacle in obstacles] + ([""] if obstacles else [])
    for section in sections:
        lines += [f"## {section.title}", "", section.method, ""]
        if section.rows:
            lines += [*_markdown_table(section.columns, section.rows), ""]
        lines += [f"- {note}" for note in section.notes] + ([""] if section.notes else [])
    return "\n".join(lines).rstrip() + "\n"


def _wrapped(text: str, first: str = "", following: str = "") -> list[str]:
    import textwrap

    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=following, break_long_words=False)


def _text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in [columns, *rows]) for place in range(len(columns))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        return "  ".join(cells).rstrip()

    return [line(columns), "  ".join("-" * width for width in widths), *(line(row) for row in rows)]


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    head = ["| " + " | ".join(columns) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    return head + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
