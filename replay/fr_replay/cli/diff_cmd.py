"""``fr diff A B``: two traces side by side, the step where they stop being the same run, and what differs there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from fr_schema.errors import BadInput

from ..comparing import ONLY_FIRST, ONLY_SECOND, SAME, Comparison, Decided, Pair, compare, read_decided, shared_steps
from ..reading import open_trace
from ..selectors import resolve_trace
from ..store import Store
from .cells import json_text
from .differences import difference_lines
from .figures import count_of, first_words, one_line
from .folding import fold_items
from .opened import open_for_command
from .options import OutputOption, StoreOption
from .output import measure, terminal_width, write_lines, write_text
from .table import Line, TableColumn, table_lines

__all__ = ["diff"]

EXIT_EQUAL = 0
EXIT_DIFFERENT = 1

_WORDS = 160
_ROWS_HEAD = 40
_ROWS_TAIL = 40
_STYLES = {SAME: "green", ONLY_FIRST: "yellow", ONLY_SECOND: "yellow", "request differs": "red", "answer differs": "red"}
_TABLE = (
    TableColumn("first", right=True),
    TableColumn("second", right=True),
    TableColumn("outcome", styles=_STYLES),
    TableColumn("model", least=10, rank=1),
    TableColumn("answer of the first", least=16),
    TableColumn("of the second", least=16),
)


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="Trace id, the beginning of one (4 characters or more), or `last`.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The trace to compare it with.")],
    *,
    full: Annotated[bool, typer.Option("--full", help="Fold nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
    store: StoreOption = None,
    output: OutputOption = None,
) -> int:
    """Compare two traces decision by decision.

    Decisions are aligned lane by lane. Requests are compared as replay compares them, answers by text, tool calls and reason of their
    end; ids, times and token counts do not count. Steps that a what-if was served from its parent are the same. Exit status: 0 the
    same decisions; 1 they differ; 2 bad usage.
    """
    opened = open_for_command(store)
    ids = resolve_trace(opened, first), resolve_trace(opened, second)
    if ids[0] == ids[1]:
        raise BadInput(f"both are trace {ids[0]}", hint="name two traces; fr ls lists them")
    one, other = _read(opened, ids[0]), _read(opened, ids[1], parent=ids[0])
    comparison = compare(one[0], other[0], other[1])
    if not comparison.pairs:
        raise BadInput("neither trace has a model call to compare")
    if as_json:
        write_text(json_text(_as_mapping(ids, comparison), indent=2), output)
    else:
        write_lines(_lines(ids, comparison, width=terminal_width(output), full=full, measured=measure), output)
    return EXIT_EQUAL if comparison.equal else EXIT_DIFFERENT


def _read(opened: Store, trace_id: str, parent: str = "") -> tuple[list[Decided], int]:
    """The decisions of a trace, and how many steps of its parent it was served."""
    near, contents = open_trace(opened, trace_id)
    try:
        return read_decided(near, contents), shared_steps(near, parent)
    finally:
        near.close()


# -- for people


def _lines(ids: tuple[str, str], comparison: Comparison, *, width: int | None, full: bool, measured: Callable[[str], int]) -> list[Line]:
    lines = [Line((("first   ", "dim"), (ids[0], None))), Line((("second  ", "dim"), (ids[1], None)))]
    if comparison.parting is None:
        equal = f"the same {count_of(len(comparison.pairs), 'decision')}: every request and every answer"
        return [*lines, Line(((equal, "bold green"),))]
    pair = comparison.pairs[comparison.parting]
    lines.append(Line(((_parting(pair, comparison.parting), "bold red"),)))
    for title, shown, total in (
        ("request", comparison.request, comparison.request_total),
        ("answer", comparison.answer, comparison.answer_total),
    ):
        lines += [Line(((f"the {title}s", "bold"),), 2)] if shown else []
        for difference in shown:
            lines += difference_lines(difference._asdict(), ("first", "second"))
        more = total - len(shown)
        lines += [Line(((f"and {count_of(more, 'more difference')}", None),), 2)] if more > 0 else []
    lines += [Line(((label, "dim"), (text, "cyan"))) for label, text in _locations(pair)]
    head, folded, tail = (comparison.pairs, 0, ()) if full else fold_items(comparison.pairs, _ROWS_HEAD, _ROWS_TAIL)
    lines += [Line(()), *table_lines(_TABLE, [_cells(pair) for pair in (*head, *tail)], width=width, measure=measured)]
    return [*lines, Line(((f"{count_of(folded, 'row')} of the middle left out; --full shows them", "dim italic"),))] if folded else lines


def _parting(pair: Pair, before: int) -> str:
    same = f"{count_of(before, 'decision')} the same, then " if before else ""
    if pair.first is None and pair.second is not None:
        return f"{same}step {pair.second.step} of the second has no counterpart in the first"
    if pair.second is None and pair.first is not None:
        return f"{same}step {pair.first.step} of the first has no counterpart in the second"
    steps = f"step {pair.first.step if pair.first else 0}"
    if pair.first and pair.second and pair.first.step != pair.second.step:
        steps += f" ({pair.second.step} in the second)"
    why = "the same request was answered otherwise" if pair.verdict == "answer differs" else "another request was sent"
    return f"{same}they stop being the same run at {steps}: {why}"


def _locations(pair: Pair) -> list[tuple[str, str]]:
    found = [("  first asked at   ", pair.first), ("  second asked at  ", pair.second)]
    return [(label, one_line(side.location)) for label, side in found if side is not None and side.location]


def _cells(pair: Pair) -> list[str]:
    first, second = pair
    models = list(dict.fromkeys(side.model or "" for side in pair if side is not None))
    return [
        str(first.step) if first else "",
        (str(second.step) if second.step else "-") if second else "",
        pair.verdict,
        " -> ".join(models),
        first_words(first.told, _WORDS) if first else "",
        first_words(_same_or_other(pair.verdict, second), _WORDS) if second else "",
    ]


def _same_or_other(verdict: str, second: Decided) -> str:
    if verdict != SAME:
        return second.told
    return "the same" if second.step else "served from the first"


# -- for machines


def _as_mapping(ids: tuple[str, str], comparison: Comparison) -> dict[str, Any]:
    parting = comparison.pairs[comparison.parting] if comparison.parting is not None else None
    return {
        "first": ids[0],
        "second": ids[1],
        "equal": comparison.equal,
        "parting": None
        if parting is None
        else {
            **_steps(parting),
            "request": [difference._asdict() for difference in comparison.request],
            "request_differences": comparison.request_total,
            "answer": [difference._asdict() for difference in comparison.answer],
            "answer_differences": comparison.answer_total,
        },
        "steps": [{**_steps(pair), "answers": [side.answer if side else None for side in pair]} for pair in comparison.pairs],
    }


def _steps(pair: Pair) -> dict[str, Any]:
    first, second = pair
    return {"first": first.step if first else None, "second": second.step or None if second else None, "outcome": pair.verdict}
