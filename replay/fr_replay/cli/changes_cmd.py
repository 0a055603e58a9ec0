"""``fr changes``: what differs between two windows, ranked by how well it tells them apart."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import groupby, islice
from typing import Annotated, Any

import typer

from fr_replay.contents import Contents
from fr_replay.divergence import text_difference
from fr_replay.incidents.windows import Windows, windows_of
from fr_replay.store import Store
from fr_replay.times import FORMS, zone_of
from fr_schema.errors import BadInput

from .figures import clock_time, count_of, first_words, money, one_line, span_of_time, visible
from .options import FormatOption, OutputOption, StoreOption, TimeZoneOption
from .output import measure, say, terminal_width, write_lines, write_rows
from .saved_answer import JsonOption, SqlOption, ask, sink_of
from .table import Line, TableColumn, table_lines

__all__ = ["METRICS", "changes"]

METRICS = ("errors", "cost", "latency", "score")

_PROMPT = "system prompt"
_SHOWN_VALUES = 4
_DIFF_LINES = 24
_CONTEXT = 1
_VALUE = 64
_SENTENCE = re.compile(r"(?<=[.!?]) +")
_FAR = "..."
_STYLES = {"+": "green", "-": "red"}
_TABLE = (
    TableColumn("before", right=True),
    TableColumn("after", right=True),
    TableColumn("calls", right=True, rank=1),
    TableColumn("metric", right=True),
    TableColumn("first seen", rank=2),
    TableColumn("value", least=16),
)


def changes(
    *,
    first: Annotated[str | None, typer.Option("--from", metavar="TIME|A..B", help=f"Begin of the window, or a window: {FORMS}.")] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="TIME|A..B", help="End of the window, or the other window.  [default: now]")
    ] = None,
    around: Annotated[
        str | None, typer.Option("--around", metavar="TIME", help="Compare what was before this time with what came after.")
    ] = None,
    span: Annotated[str | None, typer.Option("--span", metavar="LENGTH", help="Length on each side of --around.  [default: 1h]")] = None,
    metric: Annotated[str | None, typer.Option("--metric", metavar="NAME", help="Rank by what explains errors, cost or latency.")] = None,
    score: Annotated[
        str | None, typer.Option("--score", metavar="NAME", help="Rank by what explains a score of fr.score() or fr score.")
    ] = None,
    store: StoreOption = None,
    format_name: FormatOption = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    print_sql: SqlOption = False,
    tz: TimeZoneOption = None,
) -> None:
    """What changed between two windows: prompt, tools, parameters, model asked for and version that ran, code, SDK, flags, index?

    \b
    fr changes --around 15:00
    fr changes --from 15:00 --to 17:00               (against the two hours before)
    fr changes --from 13:00..14:00 --to 15:00..16:00 --metric errors

    Ranked by how well each tells the windows apart: 1 is a value for each window, 0 is chance. With --metric, also by how much of that
    figure's spread it accounts for. What happens at the same time need not be the cause.
    """
    zone = zone_of(tz)
    windows = windows_of(first, last, around, span, zone, datetime.now(UTC))
    if metric is not None and metric not in METRICS:
        raise BadInput(f"--metric is {metric!r}", hint=f"it is one of {', '.join(METRICS)}")
    if (metric == "score" and score is None) or (metric not in (None, "score") and score is not None):
        raise BadInput("--score NAME is a metric of its own", hint="--score helpfulness, without --metric")
    metric = metric if score is None else "score"
    sink = sink_of(format_name, as_json, output, zone, zone_given=tz is not None)
    asked = ask("changes", windows.values | {"metric": metric, "score": score}, zone, sink, store=store, print_sql=print_sql)
    if asked is None:
        return
    rows = asked.mappings()
    if sink.format != "table":
        write_rows(sink, asked.names, asked.rows, ours=True)
        return
    write_lines(_lines(rows, windows, zone, metric, terminal_width(output), lambda: _prompts(asked.store, rows)), output)
    if not rows:
        say(_nothing(asked.store, windows))


def _nothing(store: Store, windows: Windows) -> str:
    """Why there are no rows: nothing to compare, or nothing that changed."""
    before, after = store.rows(
        "SELECT coalesce(round(sum(sample_weight) FILTER (started_at >= $before_since AND started_at < $before_until)), 0)::BIGINT,"
        " coalesce(round(sum(sample_weight) FILTER (started_at >= $since AND started_at < $until)), 0)::BIGINT FROM calls",
        windows._asdict(),
    )[1][0]
    if not before or not after:
        return f"nothing to compare: {count_of(before, 'call')} in the first window, {count_of(after, 'call')} in the second"
    return f"nothing changed beyond chance: {count_of(before, 'call')} in the first window, {count_of(after, 'call')} in the second"


def _prompts(store: Store, rows: Sequence[Mapping[str, Any]]) -> tuple[str | None, str | None]:
    """The texts of the system prompt that lost most and of the one that gained most."""
    of_prompts = [row for row in rows if row["dimension"] == _PROMPT]
    # Of the agent whose prompt changed most: that another agent was asked less is no change of a prompt.
    agent = max(of_prompts, key=lambda row: abs(row["moved"] or 0))["agent"]
    own = [row for row in of_prompts if row["agent"] == agent]
    lost, gained = (choose(own, key=lambda row: row["moved"] or 0) for choose in (min, max))
    contents = Contents(store, store)
    contents.fetch(row["detail"] for row in (lost, gained))
    before, after = ("" if row["value"] == "(none)" else contents.text(row["detail"]) for row in (lost, gained))
    return before, after


# -- for people


def _lines(
    rows: Sequence[Mapping[str, Any]], windows: Windows, zone: tzinfo, metric: str | None, width: int | None, prompts: Any
) -> Iterable[Line]:
    for label, since, until in (("before", windows.before_since, windows.before_until), ("after", windows.since, windows.until)):
        yield Line(((f"{label:<8}", "dim"), (f"{clock_time(since, zone)} to {clock_time(until, zone)}", None)))
    for rank, group in groupby(rows, key=lambda row: row["rank"]):
        some = list(group)
        yield Line(())
        yield _heading(rank, some[0], metric)
        columns = [column for column in _TABLE if metric is not None or column.header != "metric"]
        cells = [_cells(row, zone, metric) for row in some[:_SHOWN_VALUES]]
        yield from table_lines(columns, cells, width=width, indent=2, measure=measure)
        more = some[0]["distinct_values"] - len(cells)
        if more > 0:
            yield Line(((f"and {count_of(more, 'more value')}; --json has the first six", "dim"),), 2)
        if some[0]["dimension"] == _PROMPT:
            yield from _prompt_lines(*prompts())


def _heading(rank: int, row: Mapping[str, Any], metric: str | None) -> Line:
    told = f"  tells the windows apart: {row['split']:.2f}"
    if metric is not None:
        told += f", accounts for {row['explains'] or 0:.0%} of the spread of {metric}"
    return Line(((f"{rank}. {row['dimension']}", "bold"), (told, "dim")))


def _cells(row: Mapping[str, Any], zone: tzinfo, metric: str | None) -> list[str]:
    value = row["detail"] if row["dimension"] in ("parameters", "tool schemas") and row["detail"] else row["value"]
    named = f"{value[:12]}" if value == row["value"] and len(value) == 64 else first_words(value, _VALUE)
    cells = [f"{row['share_before']:.0%}", f"{row['share_after']:.0%}", f"{row['calls_before']:,} -> {row['calls_after']:,}"]
    cells += [_figure(row["metric"], metric)] if metric is not None else []
    whose = f"{row['agent']}: " if row["agent"] else ""
    return [*cells, clock_time(row["first_seen"], zone), one_line(f"{whose}{named}")]


def _figure(value: float | None, metric: str) -> str:
    if value is None:
        return ""
    return {"errors": f"{value:.1%}", "cost": money(value), "latency": span_of_time(value), "score": f"{value:.3g}"}[metric]


def _prompt_lines(before: str | None, after: str | None) -> Iterable[Line]:
    """What the two prompts do not share, by sentence."""
    if before is None or after is None:
        yield Line((("the text of one of the prompts is not on record", "dim"),), 2)
        return
    found = list(islice(difflib.unified_diff(_sentences(before), _sentences(after), lineterm="", n=_CONTEXT), 2, None))
    if not found:
        at = text_difference(before, after) + 1
        yield Line(((f"the prompts differ in white space alone, first at character {at}", None),), 4)
    for line in islice(found, _DIFF_LINES):
        shown = _FAR if line.startswith("@@") else f"{line[:1]} {line[1:]}"
        yield Line(((visible(shown), _STYLES.get(line[:1], "dim")),), 4, hang=2)
    if len(found) > _DIFF_LINES:
        yield Line(((f"and {count_of(len(found) - _DIFF_LINES, 'more line')} of the difference; fr query prompts shows both", "dim"),), 4)


def _sentences(text: str) -> list[str]:
    return [part for line in text.splitlines() for part in _SENTENCE.split(line)]
