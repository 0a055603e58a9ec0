"""Questions that read only the days they depend on answer as if they had read all."""

import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fr_replay.narrowing import EVERYTHING, Reads, Span, can_read, reads_of, store_within
from fr_replay.questions import BUILT_IN, Question, load_questions, parse_question, values_of
from fr_replay.store import Store, open_store
from fr_schema.errors import BadInput
from fr_schema.ids import uuid7_at

sys.path.insert(0, str(Path(__file__).resolve().parent))

from incident_stores import START, Habits, Traffic

from fr_recorder.seal import Origin, write_segment
from fr_recorder.store import open_store as make_store

DAYS = 10
ASKED = [question for question in load_questions("").values() if question.source == BUILT_IN and question.reads is not None]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "find": {"text": "refund agent"},
    "who-saw": {"text": "refund agent"},
    "effect": {"ref": "refund"},
    "blast": {"model": "gpt-4o*"},
    "rollout": {"model": "gpt-4o*"},
    "heatmap": {"tz": "UTC"},
}


def at(day: float, hours: float = 0.0) -> datetime:
    """A moment of the store: days after its first trace."""
    return START + timedelta(days=day, hours=hours)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Ten days of traffic, whose prompt is stored on the first day only; a trace of the first day goes on until the last."""
    traffic = Traffic(seed=5)
    draw = random.Random(5)
    long_trace = uuid7_at(int(START.timestamp() * 1000), b"long-trace")
    for day in range(DAYS):
        for number in range(15):
            began = int(at(day, draw.random() * 8).timestamp() * 1e6)
            traffic._trace(draw, number, began, Habits(prompt=f"You are a refund agent, day {day // 4}."))
        whose = {"user_ref": "u_long", "tenant_id": "org-long", "provider": "openai", "status": "error", "error_type": "slow_trace"}
        traffic._add("llm_call", long_trace, int(at(day, 1).timestamp() * 1e6), 50.0, {**whose, "attempts": 1, "model_requested": "gpt-4o"})
    path = make_store(str(tmp_path_factory.mktemp("days") / "store")).path
    write_segment(path, traffic.writer, 0, traffic.rows, list(traffic.blobs.values()), Origin(None, True))
    return open_store(path)


def _answer(part: Store, question: Question, values: dict[str, Any]) -> list[str]:
    """Rows as text, floats rounded: sums come in another order."""
    rounded = [[round(value, 6) if isinstance(value, float) else value for value in row] for row in part.rows(question.sql, values)[1]]
    return sorted(map(repr, rounded))


@pytest.mark.parametrize("question", ASKED, ids=[question.name for question in ASKED])
def test_answer_is_that_of_the_whole_store(store: Store, question: Question) -> None:
    """For each saved question that says what it reads, over a window in the middle, the whole store answers the same."""
    values = values_of(question, (), {}, UTC) | {"since": at(5), "until": at(6, 2)}
    values |= {name: value for name, value in ARGUMENTS.get(question.name, {}).items() if name in question.arguments}
    part = store_within(store, reads_of(question.reads, values))
    assert _answer(part, question, values) == _answer(store, question, values)


def test_most_questions_say_what_they_read() -> None:
    """The line is there for all that take a window and hold themselves to it."""
    assert {"errors", "slow", "cost", "triage", "changes", "find", "models", "tools"} <= {question.name for question in ASKED}


def test_days_without_a_row_in_the_window_are_left_out(store: Store) -> None:
    """Only the window's days, and the first, whose long trace has rows in it, are read."""
    part = store_within(store, Reads((Span(at(5), at(6)),)))
    assert part.segments.days == ["2026-03-02", "2026-03-07", "2026-03-08"]


def test_a_trace_that_began_days_before_is_seen(store: Store) -> None:
    """Its rows in the window are in the answer."""
    part = store_within(store, Reads((Span(at(5, 0.9), at(5, 1.1)),)))
    rows = part.rows("SELECT user_ref FROM calls WHERE started_at >= $a AND started_at < $b", {"a": at(5, 0.9), "b": at(5, 1.1)})[1]
    assert ("u_long",) in rows


def test_parts_of_another_day_are_found_nonetheless(store: Store) -> None:
    """A trace whose part is stored on another day, which our sealer does not do, makes the parts of all days be read."""
    part = store_within(store, Reads((Span(at(2), at(3)),), own_parts=True))
    assert part.segments.files["blobs"] == store.segments.files["blobs"]
    assert len(part.segments.files["events"]) < DAYS


@pytest.mark.parametrize(
    ("span", "days"),
    [(Span(None, None), DAYS), (Span(at(8), None), 3), (Span(None, at(0, 12)), 1), (Span(at(300), at(301)), 0), (Span(at(-9), at(-8)), 0)],
)
def test_open_ends(store: Store, span: Span, days: int) -> None:
    """A window without an end reaches as far as the store; one outside of it reads nothing."""
    assert len(store_within(store, Reads((span,))).segments.days) == days


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("since..until", True),
        ("before-24h..until since-168h..until-168h", True),
        ("since..until before..before_until parts", True),
        ("since..until parts more", False),
        ("until..since", False),
        ("parts", False),
        ("", False),
    ],
)
def test_what_a_question_may_say(text: str, possible: bool) -> None:
    """Stretches between its moments, and that it looks at its traces' own parts."""
    assert can_read(text) is possible


def test_stretches_follow_from_the_values() -> None:
    """The window before is as long, or the one that is given."""
    values = {"since": at(5), "until": at(6), "baseline_since": None, "baseline_until": None}
    assert reads_of("before-24h..until", values).spans == (Span(at(3), at(6)),)
    given = values | {"baseline_since": at(1), "baseline_until": at(2)}
    assert reads_of("since..until before..before_until", given).spans == (Span(at(5), at(6)), Span(at(1), at(2)))
    assert reads_of(None, values) == EVERYTHING
    assert reads_of("since..until parts", values).own_parts


def test_a_question_that_says_nonsense_is_refused() -> None:
    """The file is named, and what to write."""
    text = "-- name: a\n-- question: b?\n-- args: since=1h until=now\n-- reads: yesterday\nSELECT 1"
    with pytest.raises(BadInput, match=r"mine\.sql says that it reads 'yesterday'"):
        parse_question(text, "mine.sql")
