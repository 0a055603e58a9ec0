"""Filters of the command line as SQL."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fr_replay.asking import VIEW_COLUMNS, ask_filters, better_refusal
from fr_replay.filters import FILTERS, Filter, Selection, literal, with_literals
from fr_replay.segments import Segments
from fr_replay.store import Store
from fr_replay.views import VIEWS
from fr_schema.errors import BadInput, QueryFailed

sys.path.insert(0, str(Path(__file__).resolve().parent))

MOMENT = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
VALUES: dict[str, Any] = {"since": MOMENT, "until": MOMENT, "tag": "plan=pro"}


def _empty_store() -> Store:
    return Store("", Segments())


@pytest.mark.parametrize(
    ("row", "view"),
    [(row, view) for row in FILTERS for view in row.views],
    ids=lambda value: value if isinstance(value, str) else value.option,
)
@pytest.mark.parametrize("wild", [False, True], ids=["equal", "glob"])
def test_filter_is_sql_that_its_view_understands(row: Filter, view: str, wild: bool) -> None:
    """Each row of the table runs on each of its views, with a plain value and with one that holds a star."""
    selection = Selection(view)
    value = VALUES.get(row.option, "x*" if wild else "x")
    selection.add(row.option, value)
    assert _empty_store().rows(selection.sql(), selection.values)[1] == []
    assert selection.sql().count("?") == len(selection.values)


@pytest.mark.parametrize("view", VIEW_COLUMNS)
def test_columns_and_order_of_a_view_exist(view: str) -> None:
    """What filters show of a view is there, and nothing is shown twice."""
    columns, order = VIEW_COLUMNS[view]
    names = _empty_store().rows(f"SELECT {columns} FROM {view} ORDER BY {order}")[0]
    assert len(names) == len(set(names))


def test_every_view_can_be_asked_by_filters() -> None:
    """No view is left out of the table."""
    assert VIEW_COLUMNS.keys() == VIEWS.keys()


def test_values_are_never_pasted() -> None:
    """A value that is SQL stays a value."""
    selection = ask_filters("calls", {"model": "x' OR 1=1 --"}, tags=(), since=None, until=None, where=())
    assert "OR 1=1" not in selection.sql()
    assert selection.values == ["x' OR 1=1 --"] * 2


def test_condition_in_sql_cannot_swallow_what_follows() -> None:
    """A comment at its end ends with it; conditions are joined by AND whatever is in them."""
    selection = ask_filters("calls", {"status": "ok"}, tags=(), since=None, until=None, where=("attempts > 1 OR true -- note",))
    selection.limit = 5
    assert _empty_store().rows(selection.sql(), selection.values)[1] == []
    assert "\n)\n" in selection.sql() + "\n"


def test_filter_that_a_view_lacks_names_those_that_have_it() -> None:
    """--provider on gaps says where it works."""
    with pytest.raises(BadInput) as refused:
        ask_filters("gaps", {"provider": "openai"}, tags=(), since=None, until=None, where=())
    assert "--provider does not work on gaps" in str(refused.value)
    assert "calls" in (refused.value.hint or "")


@pytest.mark.parametrize(("view", "hint"), [("call", "did you mean calls?"), ("zzz", "views: calls")])
def test_unknown_view_is_refused_with_those_that_are(view: str, hint: str) -> None:
    """A near miss is suggested; otherwise all are listed."""
    with pytest.raises(BadInput) as refused:
        ask_filters(view, {}, tags=(), since=None, until=None, where=())
    assert hint in (refused.value.hint or "")


def test_tag_without_a_name_is_refused() -> None:
    """`--tag =x` names nothing."""
    with pytest.raises(BadInput, match="is not a tag"):
        ask_filters("calls", {}, tags=("=x",), since=None, until=None, where=())


LITERALS = ((None, "NULL"), (True, "true"), (5, "5"), (0.5, "0.5"), ("it's", "'it''s'"), (["a", "b"], "['a', 'b']"))


@pytest.mark.parametrize(("value", "text"), LITERALS)
def test_literal(value: Any, text: str) -> None:
    """Values as SQL, quoted."""
    assert literal(value) == text
    assert duckdb.connect().execute(f"SELECT {text}").fetchall()[0][0] == value


def test_literal_time_keeps_its_moment() -> None:
    """A time goes back and forth with its zone."""
    assert duckdb.connect().execute(f"SELECT {literal(MOMENT)} = TIMESTAMPTZ '2026-11-23 14:30:00Z'").fetchall() == [(True,)]


def test_printed_sql_leaves_strings_and_comments_alone() -> None:
    """Only marks that are parameters are filled in."""
    sql = "SELECT '?', \"$a\", ? -- ? $a\n, $a, '$a', ? /* ? */"
    assert with_literals(sql, [1, "b"]) == "SELECT '?', \"$a\", 1 -- ? $a\n, $a, '$a', 'b' /* ? */"
    assert with_literals("SELECT $a, $ab, '$a'", {"a": "it's"}) == "SELECT 'it''s', $ab, '$a'"


def test_refusal_of_a_table_suggests_our_views() -> None:
    """DuckDB's suggestion of a system table is replaced by ours."""
    refused = better_refusal(QueryFailed('Catalog Error: Table with name callz does not exist! Did you mean "pg_collation"?'))
    assert refused.one_line() == "there is no view callz (did you mean calls? fr query --schema describes them)"
    other = QueryFailed("Binder Error: x")
    assert better_refusal(other) is other
