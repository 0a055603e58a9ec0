"""``fr query``: SQL over the views, a saved question by name, or filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from fr_replay.asking import Asked, ask_filters, ask_question, ask_sql, better_refusal, looks_like_name
from fr_replay.filters import with_literals
from fr_replay.pseudonyms import user_ref_of
from fr_replay.questions import BUILT_IN, load_questions
from fr_replay.segments import Segments
from fr_replay.store import Store
from fr_replay.views import MACROS, VIEWS, view_columns
from fr_schema.errors import BadInput, QueryFailed

from .opened import open_for_command
from .options import FormatOption, OutputOption, SinceOption, StoreOption, TimeZoneOption, UntilOption, window_of
from .output import Sink, say, sink_for, write_parquet, write_rows, write_text

__all__ = ["TABLE_LIMIT", "query"]

TABLE_LIMIT = 100
"""Rows of a table when filters ask and ``--limit`` does not say; the other formats have no such limit."""


def query(
    *,
    question: Annotated[str | None, typer.Argument(metavar="SQL|NAME", help="SQL in quotes, or the name of a saved question.")] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Arguments of the question, such as since=7d.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the saved questions.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Describe the views; with a view's name, its columns.")] = False,
    print_sql: Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")] = False,
    view: Annotated[str | None, typer.Option("--from", metavar="VIEW", help="View that the filters ask.  [default: calls]")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Filter: model asked for, or the version that ran. * stands for anything.")
    ] = None,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="Filter: openai, anthropic, gemini, ...")] = None,
    status: Annotated[str | None, typer.Option(metavar="WORD", help="Filter: ok, error, cancelled, abandoned or open.")] = None,
    tool: Annotated[
        str | None, typer.Option(metavar="NAME", help="Filter: a tool that was called; of calls, that the answer asks for.")
    ] = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="Filter: session that the application gave.")] = None,
    user: Annotated[
        str | None, typer.Option(metavar="ID", help="Filter: user that the application gave, or its stored name (u_...).")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Filter: tag that the application gave; may be repeated.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    where: Annotated[list[str] | None, typer.Option(metavar="SQL", help="Filter: a condition in SQL; may be repeated.")] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help=f"At most so many rows.  [default: {TABLE_LIMIT} in a table by filters]")
    ] = None,
    store: StoreOption = None,
    format_name: FormatOption = None,
    output: OutputOption = None,
    tz: TimeZoneOption = None,
) -> None:
    """Ask with SQL over the views, with a saved question by name, or with filters.

    \b
    fr query "SELECT model_resolved, count(*) FROM calls GROUP BY 1"
    fr query top-cost since=7d
    fr query --status error --since 2h --model 'gpt-*'

    It only reads, and includes what running programs have recorded up to this second.
    """
    window = window_of(since if question is None else None, until if question is None else None, tz)
    sink = sink_for(format_name, output, window.zone, zone_given=window.zone_given)
    if listing or schema:
        _write_catalogue(sink, question, listing=listing)
        return
    texts = {"model": model, "provider": provider, "status": status, "tool": tool, "session": session, "user": user}
    beside: dict[str, Any] = {**texts, "from": view, "tag": tag, "where": where, "since": since, "until": until, "limit": limit}
    if question is None and not any(beside.values()):
        raise BadInput(
            "what is the question?", hint="fr query 'SQL', fr query NAME (--list shows the names), or filters: see fr query --help"
        )
    if question is not None:
        asked = ask_question(question, arguments or (), beside, window.zone) if looks_like_name(question) else ask_sql(question, beside)
        if arguments and not looks_like_name(question):
            raise BadInput(f"{arguments[0]!r} stands behind the SQL", hint="put the whole SQL between quotes")
    else:
        if user is not None and not print_sql:
            texts["user"] = user_ref_of(open_for_command(store).path, user)
        selection = ask_filters(view or "calls", texts, tags=tag or (), since=window.since, until=window.until, where=where or ())
        ours = limit is None and sink.format == "table" and output is None and not print_sql
        selection.limit = TABLE_LIMIT + 1 if ours else limit
        asked = Asked(selection.sql(), selection.values, True, TABLE_LIMIT if ours else None)
    if print_sql:
        write_text(with_literals(asked.sql, asked.values), output)
        return
    _answer(open_for_command(store), sink, asked)


def _answer(store: Store, sink: Sink, asked: Asked) -> None:
    """Run the SQL and write what comes out. Raises QueryFailed."""
    try:
        store.check_reads_only(asked.sql)
        if sink.format == "parquet":
            write_parquet(sink, store.arrow(asked.sql, asked.values))
            return
        names, rows = store.rows(asked.sql, asked.values)
    except QueryFailed as error:
        raise better_refusal(error) from error
    shown = rows if asked.limit is None else rows[: asked.limit]
    write_rows(sink, names, shown, ours=asked.ours)
    if len(shown) < len(rows):
        say(f"only the first {asked.limit} rows; --limit N shows more, and the other formats show all")
    elif not rows and sink.format == "table":
        say(_nothing(asked))


def _nothing(asked: Asked) -> str:
    since = asked.values.get("since") if isinstance(asked.values, dict) else None
    return f"no rows since {since:%Y-%m-%d %H:%M}; since=30d looks further back" if since is not None else "no rows"


def _write_catalogue(sink: Sink, view: str | None, *, listing: bool) -> None:
    """The saved questions, the views, or the columns of one view. Needs no store."""
    if listing:
        questions = load_questions().values()
        rows: list[Sequence[Any]] = [(q.name, q.text, " ".join(f"{n}={d}" for n, d in q.arguments.items()), q.source) for q in questions]
        names: Sequence[str] = ("name", "question", "args", "source")
        if sink.format == "table" and all(row[-1] == BUILT_IN for row in rows):
            names, rows = names[:-1], [row[:-1] for row in rows]
        write_rows(sink, names, rows, wraps=True)
        return
    if view is None:
        rows = [
            *((name, found.doc) for name, found in VIEWS.items()),
            *((text.partition(":")[0], text.partition(":")[2].strip()) for text, _ in MACROS.values()),
        ]
        write_rows(sink, ("view", "one row is"), rows, wraps=True)
        say("fr query --schema VIEW describes the columns of one")
        return
    if view not in VIEWS:
        raise better_refusal(QueryFailed(f"Table with name {view} does not exist"))
    described = Store("", Segments()).rows(f"DESCRIBE {view}")[1]
    write_rows(sink, ("column", "type", "meaning"), [(row[0], row[1], view_columns(view, row[0])) for row in described], wraps=True)
