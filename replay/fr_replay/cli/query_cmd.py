"""``fr query``: SQL over the views, a saved question by name, or filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from fr_replay.asking import Asked, ask_filters, ask_question, ask_sql, better_refusal, looks_like_name
from fr_replay.capture import chosen_store
from fr_replay.filters import with_literals
from fr_replay.grouping import group
from fr_replay.narrowing import EVERYTHING, Reads, Span, store_within
from fr_replay.pseudonyms import user_ref_of
from fr_replay.questions import BUILT_IN, load_questions
from fr_replay.segments import Segments
from fr_replay.store import Store
from fr_replay.views import MACROS, VIEWS, view_columns
from fr_schema.errors import BadInput, QueryFailed

from .narrower_options import AgentOption, ErrorOption, GroupByOption, MinCostOption, PromptHashOption, TenantOption, WatchOption
from .opened import mention_small_files, open_for_command
from .options import (
    FormatOption,
    ModelOption,
    OutputOption,
    SessionOption,
    SinceOption,
    StatusOption,
    StoreOption,
    TagOption,
    TimeZoneOption,
    UntilOption,
    UserOption,
    Window,
    window_of,
)
from .output import Sink, say, sink_for, write_parquet, write_rows, write_text
from .watching import again_and_again

__all__ = ["TABLE_LIMIT", "query"]

TABLE_LIMIT = 100
"""Rows of a table when filters ask and ``--limit`` does not say; the other formats have no such limit."""

_TEXT_FILTERS = ("model", "provider", "status", "tool", "session", "user", "error", "agent", "tenant", "prompt-hash", "min-cost")
_LIMIT_HELP = f"At most so many rows.  [default: {TABLE_LIMIT} in a table by filters]"


def query(
    *,
    question: Annotated[str | None, typer.Argument(metavar="SQL|NAME", help="SQL in quotes, or the name of a saved question.")] = None,
    arguments: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Arguments of the question.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the saved questions.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Describe the views; with a view's name, its columns.")] = False,
    print_sql: Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")] = False,
    view: Annotated[str | None, typer.Option("--from", metavar="VIEW", help="View that the filters ask.  [default: calls]")] = None,
    model: ModelOption = None,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="openai, anthropic, gemini, ...")] = None,
    status: StatusOption = None,
    tool: Annotated[str | None, typer.Option(metavar="NAME", help="A tool; of calls, one that the answer asks for.")] = None,
    error: ErrorOption = None,
    agent: AgentOption = None,
    tenant: TenantOption = None,
    session: SessionOption = None,
    user: UserOption = None,
    tag: TagOption = None,
    prompt_hash: PromptHashOption = None,
    min_cost: MinCostOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    where: Annotated[list[str] | None, typer.Option(metavar="SQL", help="A condition in SQL; may be repeated.")] = None,
    group_by: GroupByOption = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help=_LIMIT_HELP)] = None,
    watch: WatchOption = None,
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
    fr query --since 24h --group-by tenant_id,model_resolved

    It only reads, and includes what running programs have recorded up to this second.
    """
    by_filters = question is None
    filters: dict[str, Any] = {"model": model, "provider": provider, "status": status, "tool": tool, "session": session, "error": error}
    filters |= {"agent": agent, "tenant": tenant, "prompt-hash": prompt_hash, "min-cost": min_cost, "user": user, "tag": tag}
    filters |= {"where": where, "from": view, "group-by": group_by}

    def once() -> None:
        window = window_of(since if by_filters else None, until if by_filters else None, tz)
        sink = sink_for(format_name, output, window.zone, zone_given=window.zone_given)
        if listing or schema:
            _write_catalogue(sink, question, listing=listing)
            return
        if question is not None:
            asked = _by_words(question, arguments or [], filters | {"since": since, "until": until, "limit": limit}, window)
        else:
            whose = {"user": user_ref_of(chosen_store(store), user) if user is not None else None}
            cut = limit is None and sink.format == "table" and output is None and not print_sql
            asked = _by_filters(filters | whose, window, limit, cut=cut)
        if print_sql:
            write_text(with_literals(asked.sql, asked.values), output)
        else:
            opened = open_for_command(store)
            mention_small_files(opened)
            _answer(opened, sink, asked)

    if watch is None:
        once()
    else:
        again_and_again(once, watch, output)


def _by_words(question: str, arguments: list[str], beside: dict[str, Any], window: Window) -> Asked:
    """SQL, or a saved question with its arguments. Raises BadInput for what does not go with it."""
    if looks_like_name(question):
        return ask_question(question, arguments, beside, window.zone)
    if arguments:
        raise BadInput(f"{arguments[0]!r} stands behind the SQL", hint="put the whole SQL between quotes")
    return ask_sql(question, beside)


def _by_filters(filters: dict[str, Any], window: Window, limit: int | None, *, cut: bool) -> Asked:
    """A selection over a view; ``cut`` to the rows of a table. Raises BadInput when nothing at all is asked."""
    if not any(filters.values()) and window.since is None and window.until is None and limit is None:
        hint = "fr query 'SQL', fr query NAME (--list shows the names), or filters: see fr query --help"
        raise BadInput("what is the question?", hint=hint)
    texts = {name: None if filters[name] is None else str(filters[name]) for name in _TEXT_FILTERS}
    selection = ask_filters(
        filters["from"] or "calls", texts, tags=filters["tag"] or (), since=window.since, until=window.until, where=filters["where"] or ()
    )
    if filters["group-by"] is not None:
        group(selection, filters["group-by"], [str(row[0]) for row in Store("", Segments()).rows(f"DESCRIBE {selection.view}")[1]])
    selection.limit = TABLE_LIMIT + 1 if cut else limit
    # A condition in SQL may ask other rows than those of the window; and when a snapshot was first seen, rows before it tell.
    nested = any("select" in condition.lower() for condition in filters["where"] or ())
    reads = Reads((Span(window.since, window.until),)) if not nested and selection.view not in ("blobs", "snapshots") else EVERYTHING
    return Asked(selection.sql(), selection.values, ours=True, limit=TABLE_LIMIT if cut else None, reads=reads)


def _answer(store: Store, sink: Sink, asked: Asked) -> None:
    """Run the SQL and write what comes out. Raises QueryFailed."""
    try:
        part = store_within(store, asked.reads)
        part.check_reads_only(asked.sql)
        if sink.format == "parquet":
            write_parquet(sink, part.arrow(asked.sql, asked.values))
            return
        names, rows = part.rows(asked.sql, asked.values)
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
