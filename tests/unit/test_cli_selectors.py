"""TRACE arguments: full ids, prefixes, `last`, and what is said when they name nothing or too much."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest

from fr_replay.selectors import days_of_prefix, newest_days, resolve_trace, store_of_trace
from fr_replay.store import Store, open_store
from fr_schema.errors import AmbiguousTrace, BadInput, UnknownTrace

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_stores import planted


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """The planted store, opened."""
    found = planted()
    monkeypatch.setenv("FR_KEYS", found.keys)
    return open_store(found.store)


@pytest.mark.parametrize(
    "change", [str, str.upper, lambda t: f" {t} ", lambda t: t[:20], lambda t: "-".join((t[:8], t[8:12], t[12:16], t[16:20], t[20:]))]
)
def test_id_is_found(change: object, store: Store) -> None:
    """A full id in any case, a prefix, and the form with dashes all name the trace."""
    run = planted().run
    assert callable(change)
    assert resolve_trace(store, change(run)) == run


def test_last_is_the_trace_that_began_last(store: Store) -> None:
    """`last` needs no id."""
    assert resolve_trace(store, "last") == planted().run


def test_prefix_of_several_lists_them(store: Store) -> None:
    """Up to five full ids are listed."""
    with pytest.raises(AmbiguousTrace) as refused:
        resolve_trace(store, planted().run[:4])
    assert str(refused.value).startswith("5 traces begin with ")
    assert planted().run in str(refused.value) and planted().killed in str(refused.value)


def test_unknown_id_says_how_many_there_are_and_what_is_near(store: Store) -> None:
    """One wrong character gives the trace that was meant; `fr ls` is named."""
    run = planted().run
    wrong = run[:-1] + ("0" if run[-1] != "0" else "1")
    with pytest.raises(UnknownTrace) as refused:
        resolve_trace(store, wrong)
    assert "among the 5 traces of" in str(refused.value)
    assert f"did you mean {run}" in (refused.value.hint or "") and "fr ls" in (refused.value.hint or "")


def test_unknown_id_of_another_day_has_no_near_miss(store: Store) -> None:
    """What resembles nothing suggests nothing."""
    with pytest.raises(UnknownTrace) as refused:
        resolve_trace(store, "f" * 32)
    assert refused.value.hint == "fr ls lists them"


@pytest.mark.parametrize("text", ["", "latest", "xyz12345", "0" * 33, "-"])
def test_text_that_can_be_no_id_is_refused(text: str, store: Store) -> None:
    """Other letters and too many of them are bad input, not an unknown trace."""
    with pytest.raises(BadInput, match="is not a trace id"):
        resolve_trace(store, text)


def test_short_prefix_is_refused(store: Store) -> None:
    """Three characters are too few."""
    with pytest.raises(BadInput, match="too short"):
        resolve_trace(store, "01a")


def test_full_id_reads_one_day(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The day follows from the id: files of other days are not opened."""
    run = planted().run
    near = store_of_trace(store, run)
    assert near.segments.days == [days_of_prefix(run)[0]]
    assert days_of_prefix(run)[0] == days_of_prefix(run)[1]
    store.segments.files["events"]["2020-01-01"] = ["/nonexistent/other-day.parquet"]
    assert resolve_trace(store, run) == run
    assert store_of_trace(store, run).rows("SELECT llm_calls FROM traces")[1] == [(7,)]


# The first 12 hex digits of an id are milliseconds since 1970: 0x01930000_0000 is 2024-11-06T05:43:40Z.
DAYS = (
    ("0193", ("2024-11-06", "2024-12-25")),
    ("01935b8a0000", ("2024-11-24", "2024-11-24")),
    ("ffff", ("1970-01-01", "9999-12-31")),
)


@pytest.mark.parametrize(("prefix", "days"), DAYS)
def test_days_of_a_prefix(prefix: str, days: tuple[str, str]) -> None:
    """A prefix of an id bounds the days that it can lie in; one beyond the calendar bounds nothing."""
    assert days_of_prefix(prefix) == days


def test_newest_days_come_in_growing_sets(store: Store) -> None:
    """One day, then three, then seven, up to all; days before the time that was asked for are left out."""
    from datetime import UTC, datetime

    for day in range(1, 10):
        store.segments.files["events"][f"2020-01-{day:02}"] = []
    sets = list(newest_days(store))
    assert [len(days) for days in sets] == [1, 3, 7, 10]
    assert all(a < b for a, b in pairwise(sets))
    recent = list(newest_days(store, since=datetime(2020, 1, 9, tzinfo=UTC)))
    assert recent[-1] == {"2020-01-08", "2020-01-09", *sets[0]}
