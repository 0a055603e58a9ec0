"""``fr_replay.open(store)``: a store in a program and in a notebook."""

import sys
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

import fr_replay
from fr_replay.reader import StoreReader
from fr_schema.errors import BadInput, QueryFailed, UnknownTrace

sys.path.insert(0, str(Path(__file__).resolve().parent))

from incident_stores import START, UNTIL, Traffic


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> StoreReader:
    """A store of thirty traces."""
    return fr_replay.open(Traffic(seed=3, traces=30).write(tmp_path_factory.mktemp("reader")))


def test_sql_gives_arrow_rows_and_a_table_for_notebooks(reader: StoreReader) -> None:
    """One answer in each form; what is in a cell cannot become markup."""
    answer = reader.sql("SELECT '<b>' AS mark, count(*) AS traces FROM traces WHERE started_at < ?", [UNTIL])
    assert answer.arrow().to_pylist() == list(answer) == [{"mark": "<b>", "traces": 30}]
    assert (answer.columns, len(answer), repr(answer)) == (["mark", "traces"], 1, "<1 rows: mark, traces>")
    assert "<td>&lt;b&gt;</td><td>30</td>" in answer._repr_html_()


@pytest.mark.parametrize(("form", "module"), [("pandas", "pandas"), ("polars", "polars")])
def test_frames_are_those_of_the_program(reader: StoreReader, form: str, module: str) -> None:
    """pandas and polars where the program has them; an ImportError that names them where not."""
    answer = reader.sql("SELECT model_requested, count(*) AS n FROM calls GROUP BY 1")
    try:
        __import__(module)
    except ImportError:
        with pytest.raises(ImportError, match=module):
            getattr(answer, form)()
        return
    assert getattr(answer, form)().shape == (1, 2)


def test_it_only_reads(reader: StoreReader) -> None:
    """As the command does."""
    with pytest.raises(QueryFailed, match="only reads"):
        reader.sql("DROP VIEW calls")


def test_a_saved_question_takes_times_as_text_or_as_moments(reader: StoreReader) -> None:
    """Both give the same; a moment without a zone is refused."""
    window = {"since": START, "until": UNTIL + timedelta(hours=1)}
    by_moment = list(reader.ask("top-cost", **window, limit=3))
    assert len(by_moment) == 3
    assert list(reader.ask("top-cost", since=START.isoformat(), until=window["until"].isoformat(), limit="3")) == by_moment
    with pytest.raises(BadInput, match="top-cost cannot take"):
        reader.ask("top-cost", since=START.replace(tzinfo=None))


def test_steps_of_a_trace_are_those_of_the_view(reader: StoreReader) -> None:
    """Looking traces up one after the other gives each its own rows."""
    for row in list(reader.sql("SELECT trace_id, llm_calls FROM traces ORDER BY trace_id LIMIT 5")):
        trace = reader.trace(row["trace_id"])
        steps = list(reader.sql("SELECT step, span_id, cost_usd FROM calls WHERE trace_id = ? ORDER BY step", [row["trace_id"]]))
        assert [{name: step[name] for name in ("step", "span_id", "cost_usd")} for step in trace.steps] == steps
        assert len(steps) == row["llm_calls"] == trace.read().trace["llm_calls"]
    with pytest.raises(UnknownTrace):
        reader.trace("0" * 32)


class _Frames(HTMLParser):
    """Takes the page out of a frame."""

    page = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "iframe":
            found = dict(attrs)
            assert "sandbox" in found
            self.page = found["srcdoc"] or ""


def test_a_notebook_shows_the_trace(reader: StoreReader) -> None:
    """The report in a frame that can run nothing."""
    frames = _Frames()
    trace = reader.trace("last")
    frames.feed(trace._repr_html_())
    assert trace.trace_id in frames.page
    assert "What happened, in order" in frames.page


def test_no_star_import_hides_open() -> None:
    """``from fr_replay import *`` leaves Python's own ``open``."""
    assert "open" not in fr_replay.__all__
