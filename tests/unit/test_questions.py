"""Saved questions: the format of their files, and each built-in one on a store with planted incidents."""

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fr_replay.cli.main import main
from fr_replay.questions import BUILT_IN, Question, find_question, is_question_name, load_questions, parse_question, values_of
from fr_schema.errors import BadInput

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_stores import SLOW_S, SYSTEM_PROMPT, Planted, planted

FIRST_SET = frozenset(
    ["top-cost", "errors", "aliases", "slow", "retries", "prompts", "tools", "unanswered", "models", "side-effects", "gaps"]
)
OURS = [question for question in load_questions("").values() if question.source == BUILT_IN]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Planted:
    """The planted store, in this process's environment."""
    found = planted()
    for name, value in found.env.items():
        if name.startswith("FR_") or name == "TZ":
            monkeypatch.setenv(name, value)
    return found


def _asked(capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    assert main(["query", *argv, "--format", "json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def test_first_set_is_there() -> None:
    """The questions of the first set, and each asks something."""
    assert {question.name for question in OURS} >= FIRST_SET
    assert all(question.text.endswith("?") for question in OURS)


@pytest.mark.parametrize("question", OURS, ids=[question.name for question in OURS])
def test_arguments_are_those_of_the_sql(question: Question) -> None:
    """Every argument is used, and every mark in the SQL is an argument."""
    assert set(re.findall(r"\$(\w+)", question.sql)) == set(question.arguments)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("question", OURS, ids=[question.name for question in OURS])
def test_question_runs_with_its_defaults_and_in_an_empty_window(question: Question, capsys: pytest.CaptureFixture[str]) -> None:
    """No question fails, whether there is something to find or not."""
    _asked(capsys, question.name)
    assert _asked(capsys, question.name, "until=1h", "since=2h") == []


def test_top_cost_names_the_run_that_cost_most(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """The planted run comes first, the unpriced ones not at all."""
    rows = _asked(capsys, "top-cost")
    assert rows[0]["trace_id"] == store.run and rows[0]["cost_usd"] == pytest.approx(0.021)
    assert [row["name"] for row in rows] == ["planted", "support", "support"]
    assert len(_asked(capsys, "top-cost", "limit=1")) == 1


@pytest.mark.usefixtures("store")
def test_errors_tell_those_overcome_from_those_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """The 429 was overcome by a retry, the 500 was not."""
    rows = {row["error"]: row for row in _asked(capsys, "errors")}
    assert rows.keys() == {"server_error", "rate_limited"}
    assert (rows["server_error"]["calls_failed"], rows["server_error"]["http_status"]) == (1, 500)
    assert (rows["rate_limited"]["calls_failed"], rows["rate_limited"]["attempts"]) == (0, 1)
    assert rows["rate_limited"]["last_message"] == "slow down" and rows["rate_limited"]["provider"] == "openai"
    assert rows["rate_limited"]["first_seen"] <= rows["rate_limited"]["last_seen"]


@pytest.mark.usefixtures("store")
def test_aliases_show_the_name_whose_version_moved(capsys: pytest.CaptureFixture[str]) -> None:
    """gpt-4o moved; gpt-4o-mini did not."""
    rows = _asked(capsys, "aliases")
    assert [(row["model_requested"], row["model_resolved"], row["calls"]) for row in rows] == [
        ("gpt-4o", "gpt-4o-2024-08-06", 5),
        ("gpt-4o", "gpt-4o-2024-11-20", 1),
    ]


def test_slow_begins_with_the_slowest(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """The call that was held up comes first."""
    first = _asked(capsys, "slow")[0]
    assert (first["trace_id"], first["step"]) == (store.run, 6)
    assert first["duration_ms"] >= SLOW_S * 1000


@pytest.mark.usefixtures("store")
def test_retries_name_cause_and_share(capsys: pytest.CaptureFixture[str]) -> None:
    """One of nine calls of that provider was retried, after a 429."""
    (row,) = [row for row in _asked(capsys, "retries") if row["provider"] == "openai"]
    assert (row["calls"], row["retried"], row["retried_share"], row["cause"], row["retries"]) == (9, 1, 0.1111, "429", 1)


@pytest.mark.usefixtures("store")
def test_prompts_list_each_hash_with_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Equal prompts are one row."""
    rows = {row["system_prompt"]: row for row in _asked(capsys, "prompts")}
    assert rows.keys() == {SYSTEM_PROMPT, "Be kind."}
    assert rows[SYSTEM_PROMPT]["calls"] == 2 and len(rows[SYSTEM_PROMPT]["system_prompt_sha256"]) == 64


@pytest.mark.usefixtures("store")
def test_tools_show_errors_and_times(capsys: pytest.CaptureFixture[str]) -> None:
    """The tool that failed comes first."""
    rows = _asked(capsys, "tools")
    assert [(row["tool_name"], row["side_effect"], row["calls"], row["errors"], row["error_share"]) for row in rows] == [
        ("lookup", "read", 1, 1, 1.0),
        ("refund", "irreversible", 1, 0, 0.0),
    ]
    assert all(row["p95_ms"] is not None for row in rows)


def test_unanswered_finds_the_question_of_the_killed_process(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """And no other."""
    (row,) = _asked(capsys, "unanswered")
    assert (row["trace_id"], row["step"], row["status"]) == (store.killed, 1, "open")
    assert row["why"] == "no end on record: killed, or still running"


@pytest.mark.usefixtures("store")
def test_models_sum_by_resolved_version(capsys: pytest.CaptureFixture[str]) -> None:
    """Calls, tokens and cost per version that ran, with the names that were asked for."""
    rows = {row["model_resolved"]: row for row in _asked(capsys, "models") if row["model_resolved"]}
    assert rows.keys() == {"gpt-4o-2024-08-06", "gpt-4o-2024-11-20", "gpt-4o-mini-2024-08-06", "m-large-7"}
    row = rows["gpt-4o-2024-08-06"]
    assert (row["calls"], row["tokens_in"], row["tokens_out"], row["requested_as"]) == (5, 5000, 500, ["gpt-4o"])
    assert row["cost_usd"] == pytest.approx(0.0175)
    assert (rows["m-large-7"]["cost_usd"], rows["m-large-7"]["calls_without_cost"]) == (None, 1)


def test_side_effects_list_what_cannot_be_taken_back(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """The refund with its arguments; the tool that only reads is not there."""
    (row,) = _asked(capsys, "side-effects")
    assert (row["trace_id"], row["tool_name"], row["side_effect"]) == (store.run, "refund", "irreversible")
    assert json.loads(row["arguments"]) == {"order": "o-1", "cents": 1200}


@pytest.mark.usefixtures("store")
def test_options_set_arguments_of_the_same_name(capsys: pytest.CaptureFixture[str]) -> None:
    """--since and --limit work on questions that take them."""
    assert len(_asked(capsys, "slow", "--limit", "2", "--since", "1h")) == 2
    assert _asked(capsys, "slow", "--since", "2h", "--until", "1h") == []


@pytest.mark.usefixtures("store")
def test_empty_answer_says_how_to_look_further_back(capsys: pytest.CaptureFixture[str]) -> None:
    """A word on stderr, exit code 0."""
    assert main(["query", "gaps"]) == 0
    assert re.fullmatch(r"fr: no rows since \d{4}-\d\d-\d\d \d\d:\d\d; since=30d looks further back\n", capsys.readouterr().err)


OWN = "-- name: mine\n-- question: Which of mine?\n-- args: since=1h model= limit=5 share=0.5\nSELECT $since, $model, $limit, $share;\n"


def test_file_is_parsed() -> None:
    """Name, words, arguments with defaults, and the SQL without header and semicolon."""
    question = parse_question(OWN, "x.sql")
    assert question[:3] == ("mine", "Which of mine?", {"since": "1h", "model": "", "limit": "5", "share": "0.5"})
    assert question.sql == "SELECT $since, $model, $limit, $share"


def test_values_take_the_kind_of_their_default() -> None:
    """Times, whole numbers, numbers, text; an empty text is NULL."""
    question = parse_question(OWN, "x.sql")
    values = values_of(question, ("model=gpt", "limit=7"), {"since": "2h"}, UTC)
    assert timedelta(hours=1, minutes=59) < datetime.now(UTC) - values.pop("since") < timedelta(hours=2, minutes=1)
    assert values == {"model": "gpt", "limit": 7, "share": 0.5}
    assert values_of(question, (), {}, UTC)["model"] is None


BAD_FILES = (
    ("SELECT 1", "it has no line `-- name: ...`"),
    ("-- name: x\nSELECT 1", "it has no line `-- question: ...`"),
    ("-- name: Not A Name\n-- question: q\nSELECT 1", "has the name 'Not A Name'"),
    ("-- name: x\n-- question: q\n-- args: since\nSELECT 1", "has the argument 'since'"),
    ("-- name: x\n-- question: q\n-- args: a-b=1\nSELECT 1", "has the argument 'a-b=1'"),
)


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_file_that_is_no_question_is_refused_by_name(text: str, message: str) -> None:
    """The file is named, and what it lacks."""
    with pytest.raises(BadInput) as refused:
        parse_question(text, "/x/y.sql")
    assert "/x/y.sql" in str(refused.value) and message in str(refused.value)


def test_folders_of_the_user_add_questions(
    store: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """FR_QUESTIONS is a path list; a file of a known name takes the place of ours, and the list says whence each comes."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    mine = "-- name: mine\n-- question: Mine?\n-- args: name=planted\nSELECT trace_id FROM traces WHERE name = $name"
    (tmp_path / "a" / "mine.sql").write_text(mine)
    (tmp_path / "b" / "gaps.sql").write_text("-- name: gaps\n-- question: Other gaps?\nSELECT 42 AS answer")
    (tmp_path / "b" / "notes.txt").write_text("not a question")
    monkeypatch.setenv("FR_QUESTIONS", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    assert _asked(capsys, "mine") == [{"trace_id": store.run}]
    assert _asked(capsys, "mine", "name=killed") == [{"trace_id": store.killed}]
    assert _asked(capsys, "gaps") == [{"answer": 42}]
    listed = {row["name"]: row["source"] for row in _asked(capsys, "--list")}
    assert listed["mine"] == str(tmp_path / "a" / "mine.sql") and listed["gaps"].endswith("gaps.sql") and listed["slow"] == BUILT_IN


def test_folder_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong FR_QUESTIONS is said, not passed over."""
    monkeypatch.setenv("FR_QUESTIONS", "/no/such/folder")
    assert main(["query", "--list"]) == 2
    assert "FR_QUESTIONS names /no/such/folder, which is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "is_name"), [("top-cost", True), ("slow", True), ("SELECT 1", False), ("SELECT", False), ("a--b", False), ("", False)]
)
def test_names_are_told_from_sql(text: str, is_name: bool) -> None:
    """A name is one lower-case word, possibly with dashes."""
    assert is_question_name(text) is is_name


def test_unknown_question_is_refused_with_a_near_miss() -> None:
    """A near name is suggested; otherwise the list."""
    with pytest.raises(BadInput) as refused:
        find_question("top-costs")
    assert refused.value.hint == "did you mean fr query top-cost?"
    with pytest.raises(BadInput) as refused:
        find_question("zzz")
    assert refused.value.hint == "fr query --list lists them"
