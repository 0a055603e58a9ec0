"""`fr rollout`, `degraded`, `malformed`, `prompts`, `diff-prompt`, `who-saw`, `find --effect`, `reviews`, `leaked-after`: what they say."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fr_recorder.seal import Origin, write_segment
from fr_replay.cli.main import main
from fr_replay.cli.sparklines import BARS, sparkline
from fr_replay.incidents.hashes import beginning_of_hash
from fr_replay.incidents.word_diff import changed_words, word_diff
from fr_schema.errors import BadInput
from fr_schema.ids import uuid7_at

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_stores import SYSTEM_PROMPT, Planted, planted
from incident_stores import OTHER_PROMPT, PROMPT, START, Habits, Traffic, from_share, time_at

WINDOW = ("--since", "2026-03-02T00:00+00:00", "--until", "2026-03-02T16:00+00:00", "--tz", "UTC")
LAST_HALF = ("--since", "2026-03-02T12:00+00:00", "--until", "2026-03-02T16:00+00:00", "--tz", "UTC")
BAD = hashlib.sha256(OTHER_PROMPT.encode()).hexdigest()
GOOD = hashlib.sha256(PROMPT.encode()).hexdigest()
NEW_VERSION = "gpt-4o-2024-11-20"


def shown(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 0
    return capsys.readouterr().out


def rows(capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shown(capsys, *argv, "--json"))
    return found


class Fleet(Traffic):
    """Traffic whose calls are turned by ``turn`` just before they are stored, and shifted in time."""

    shift_us = 0

    def turned(self, folder: Path, turn: Any) -> str:
        """Write the store with every row changed by ``turn``."""
        self._turn = turn
        return self.write(folder)

    def _add(self, kind: str, trace: str, at: int, took: float, facts: dict[str, Any]) -> None:
        super()._add(kind, trace, at + self.shift_us, took, self._turn(kind, at, facts))


def share_of(at: int) -> float:
    """Where in the traffic's eight hours a moment is."""
    return (at - START.timestamp() * 1e6) / (8 * 3_600_000_000)


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Planted:
    """The store that the real recorder made, in this process's environment."""
    found = planted()
    for name, value in found.env.items():
        if name.startswith("FR_") or name == "TZ":
            monkeypatch.setenv(name, value)
    return found


# -- rollout


def test_rollout_names_those_who_stayed_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All went to the new version at three tenths; all but one tenant came back at six tenths."""

    def turn(kind: str, at: int, facts: dict[str, Any]) -> dict[str, Any]:
        if (
            kind == "llm_call"
            and facts.get("model_resolved")
            and share_of(at) >= 0.3
            and (share_of(at) < 0.6 or facts["tenant_id"] == "org-1")
        ):
            return facts | {"model_resolved": NEW_VERSION}
        return facts

    store = Fleet(seed=3, traces=300).turned(tmp_path, turn)
    found = rows(capsys, "rollout", "--model", NEW_VERSION, *WINDOW, "--store", store)
    assert (found[0]["by"], found[0]["still"], found[0]["share_last_hour"]) == ("org-1", True, 1.0)
    assert [row["still"] for row in found[1:]] == [False, False] and all(0.2 < row["share"] < 0.45 for row in found[1:])
    assert sum(step["under"] for step in found[0]["steps"]) == found[0]["calls_under"]
    assert all(
        moment["at_time"].endswith(("00:00.000000Z", "15:00.000000Z", "30:00.000000Z", "45:00.000000Z")) for moment in found[0]["steps"]
    )
    text = shown(capsys, "rollout", "--model", NEW_VERSION, *WINDOW, "--store", store)
    assert text.startswith("1 of 3 tenants still on it") and "█" in text
    assert rows(capsys, "rollout", "--model", "no-such*", *WINDOW, "--store", store) == []


def test_rollout_of_a_prompt_by_user_and_by_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the beginning of its hash; rolled back for everybody."""
    at = lambda share: replace(Habits(), prompt=OTHER_PROMPT) if 0.2 <= share < 0.5 else Habits()  # noqa: E731 - one line reads better here
    store = Traffic(seed=4, traces=200, at=at).write(tmp_path)
    (all_of_it,) = rows(capsys, "rollout", "--prompt", BAD[:6], "--by", "all", *WINDOW, "--store", store)
    assert not all_of_it["still"] and all_of_it["share_last_hour"] == 0 and 0.2 < all_of_it["share"] < 0.4
    users = rows(capsys, "rollout", "--prompt", BAD[:6], "--by", "user", *WINDOW, "--store", store)
    assert sum(row["calls_under"] for row in users) == all_of_it["calls_under"]
    assert main(["rollout", "--store", store]) == 2 and "which version or prompt?" in capsys.readouterr().err
    assert main(["rollout", "--prompt", "xyz", "--store", store]) == 2 and "beginning of a hash" in capsys.readouterr().err
    assert main(["rollout", "--model", "x", "--by", "moon", "--store", store]) == 2 and "--by is 'moon'" in capsys.readouterr().err


# -- degraded and malformed


def test_degraded_tells_which_rose_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fallbacks at four tenths, retries at seven tenths; each share of an hour adds up to one."""

    def turn(kind: str, at: int, facts: dict[str, Any]) -> dict[str, Any]:
        if kind == "llm_call" and facts["status"] == "ok" and share_of(at) >= 0.4 and at % 5 == 0:
            return facts | {"served_by": "fallback"}
        return facts | {"compensations": ["json_repair"]} if kind == "llm_call" and at % 97 == 0 else facts

    store = Fleet(seed=5, traces=400, at=from_share(0.7, retry_share=0.4)).turned(tmp_path, turn)
    found = rows(capsys, "degraded", "--first", *WINDOW, "--store", store)
    assert [(row["way"], row["rose"]) for row in found][:2] == [("fallback", True), ("retried", True)]
    assert found[0]["cause"] == "to gpt-4o-2024-08-06" and not any(row["rose"] for row in found[2:])
    ways = ("clean", "retried", "fallback", "rewritten", "otherwise", "failed")
    hours = rows(capsys, "degraded", *WINDOW, "--store", store)
    assert len(hours) == 8 and all(sum(hour[way] for way in ways) == pytest.approx(1, abs=0.001) for hour in hours)
    assert any(hour["rewritten"] for hour in hours)
    text = shown(capsys, "degraded", *WINDOW, "--store", store)
    assert text.startswith("1. fallback to gpt-4o-2024-08-06") and "2. retried" in text and "by hour" in text


def test_quiet_hours_are_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing rose; and of an empty window nothing is said about its calls."""
    store = Traffic(seed=6, traces=300).write(tmp_path)
    assert "no way of serving calls badly rose" in shown(capsys, "degraded", *WINDOW, "--store", store)
    assert not any(row["rose"] for row in rows(capsys, "degraded", "--first", *WINDOW, "--store", store))
    assert all(row["since"] is None for row in rows(capsys, "malformed", *WINDOW, "--store", store))
    assert main(["degraded", "--since", "2020-01-01", "--until", "2020-01-02", "--store", store]) == 0
    captured = capsys.readouterr()
    assert captured.out == "" and "no model calls" in captured.err


@pytest.mark.parametrize(("by", "value"), [("provider", "groq"), ("model", "llama-9"), ("tenant", "org-2")])
def test_malformed_names_the_one_and_its_first_bad_answer(tmp_path: Path, by: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A third of the traffic, a third of whose answers are cut off from the middle on."""
    made = {"provider": {"provider": "groq"}, "model": {"model_resolved": "llama-9"}, "tenant": {}}[by]

    def turn(kind: str, at: int, facts: dict[str, Any]) -> dict[str, Any]:
        if kind != "llm_call" or facts["status"] != "ok" or facts["tenant_id"] != "org-2":
            return facts
        return facts | made | ({"finish_reason": "length"} if share_of(at) >= 0.5 and at % 3 == 0 else {})

    store = Fleet(seed=7, traces=300).turned(tmp_path, turn)
    (row,) = rows(capsys, "malformed", "--by", by, "--first", *WINDOW, "--store", store)
    assert (row["by"], row["mostly"]) == (value, "cut off") and row["share_since"] > 0.2 > row["share_before"]
    assert abs(_moment(row["since"]) - time_at(0.5)) < timedelta(minutes=30)
    assert main(["show", row["first_trace"], str(row["first_step"]), "--store", store]) == 0
    capsys.readouterr()
    assert main(["malformed", "--by", by, "--first", *WINDOW, "--store", store]) == 0
    assert f"fr show {row['first_trace']} {row['first_step']}" in capsys.readouterr().err


def _moment(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


# -- what triage tells beside the plants of test_incidents

LATE = 0.65
TURNS: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("answers", {"tokens_out": 90}, {"tokens_out": 900}),
    ("answers", {"tokens_out": 90}, {"tokens_out": 9}),
    ("answer shape", {"response_shape_sha256": b"a" * 32}, {"response_shape_sha256": b"b" * 32}),
    ("endpoint", {"server_address": "one:443"}, {"server_address": "two:443"}),
    ("fallbacks", {}, {"served_by": "fallback"}),
    ("config", {"config": {"limit": "0a"}}, {"config": {"limit": "0b"}}),
)


@pytest.mark.parametrize(("signal", "before", "after"), TURNS, ids=[f"{row[0]} {next(iter(row[2].values()))!r:.12}" for row in TURNS])
def test_triage_names_what_calls_tell(
    tmp_path: Path, signal: str, before: dict[str, Any], after: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """One signal is red, from about the moment on."""

    def turn(kind: str, at: int, facts: dict[str, Any]) -> dict[str, Any]:
        if kind != "llm_call" or facts["status"] != "ok":
            return facts
        # Some spread, as real answers have.
        spread = {"tokens_out": before["tokens_out"] + at % 7} if "tokens_out" in before else {}
        return facts | before | spread | (after if share_of(at) >= LATE else {})

    store = Fleet(seed=14, traces=300).turned(tmp_path, turn)
    red = {row["signal"]: row for row in rows(capsys, "triage", *LAST_HALF, "--store", store) if row["state"] == "red"}
    assert red.keys() == {signal}
    assert abs(_moment(red[signal]["since"]) - time_at(LATE)) < timedelta(minutes=20)


def test_triage_tells_a_version_that_spread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was there before, with a tenth of the traffic; then it had nearly all."""

    def turn(kind: str, at: int, facts: dict[str, Any]) -> dict[str, Any]:
        share = 9 if share_of(at) >= 0.5 else 1
        return facts | {"model_resolved": NEW_VERSION} if kind == "llm_call" and facts["status"] == "ok" and at % 10 < share else facts

    store = Fleet(seed=15, traces=300).turned(tmp_path, turn)
    red = [row for row in rows(capsys, "triage", *LAST_HALF, "--store", store) if row["state"] == "red"]
    assert [(row["signal"], row["subject"]) for row in red] == [("model", f"gpt-4o -> {NEW_VERSION}")]


def test_triage_leaves_green_what_every_day_brings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Errors that came at the same hours of the day before, and were not there in between; on a store without that day they are red."""

    def turn(kind: str, at: int, facts: dict[str, Any]) -> dict[str, Any]:
        return (
            facts | {"status": "error", "error_type": "busy"} if kind == "llm_call" and share_of(at) % 3 >= 0.6 and at % 3 == 0 else facts
        )

    alone, both = tmp_path / "alone", tmp_path / "both"
    for folder, days in ((alone, (0,)), (both, (0, -1))):
        folder.mkdir()
        for day in days:
            fleet = Fleet(seed=16 - day, traces=300)
            fleet.shift_us = day * 86_400_000_000
            store = fleet.turned(folder, turn)
        found = {row["signal"]: row for row in rows(capsys, "triage", *LAST_HALF, "--store", store)}
        assert found["errors"]["state"] == ("red" if folder == alone else "green")


# -- prompts


def test_prompts_and_their_difference_word_by_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the list to the words that changed."""
    store = Traffic(seed=2, traces=60, at=from_share(0.5, prompt=OTHER_PROMPT)).write(tmp_path)
    found = rows(capsys, "prompts", *WINDOW, "--store", store)
    assert [row["system_prompt_sha256"] for row in found] == [BAD, GOOD] and found[0]["first_seen"] > found[1]["last_seen"]
    assert BAD[:12] in shown(capsys, "prompts", *WINDOW, "--store", store)
    text = shown(capsys, "diff-prompt", GOOD[:8], BAD[:8], "--store", store, "--tz", "UTC")
    assert "1 word taken away, 1 added" in text and "[-100-]{+1000+}" in text
    assert "the same text" in shown(capsys, "diff-prompt", GOOD[:8], GOOD[:8], "--store", store)
    pieces = rows_of_json(capsys, "diff-prompt", GOOD[:8], BAD[:8], "--store", store)["pieces"]
    assert "".join(piece["text"] for piece in pieces if piece["mark"] in "=-") == PROMPT
    for bad, words in (
        (("zzzz", GOOD), "beginning of a hash"),
        (("0000", GOOD), "no system prompt"),
        ((GOOD[:3], GOOD), "beginning of a hash"),
    ):
        assert main(["diff-prompt", *bad, "--store", store]) == 2 and words in capsys.readouterr().err


def rows_of_json(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    return json.loads(shown(capsys, *argv, "--json"))


TEXTS = (
    ("", ""),
    ("one two three", "one 2 three"),
    ("a\nb\nc\n", "a\nc\nd"),
    ("Be brief.  Be kind.", "Be kind."),
    ("", "new\n\nlines"),
    ("ünï ©ode 🙂 text", "ünï ©ode 🙃 text!"),
)


@pytest.mark.parametrize(("before", "after"), TEXTS)
def test_pieces_make_up_both_texts(before: str, after: str) -> None:
    """Nothing is lost, and equal texts have no marks."""
    pieces = word_diff(before, after)
    assert "".join(piece.text for piece in pieces if piece.mark in "=-") == before
    assert "".join(piece.text for piece in pieces if piece.mark in "=+") == after
    assert all(piece.mark == "=" for piece in word_diff(before, before))


def test_changed_words_are_counted() -> None:
    """Words, not spaces or marks."""
    assert changed_words(word_diff("one two, three", "one 2 and three")) == (1, 2)


# -- who saw, and which effect


@pytest.mark.usefixtures("real")
def test_who_saw_a_prompt_a_text_and_a_part(real: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """The same traces, whether by words of the prompt or by its hash; a tool result by the id of its part."""
    (prompt,) = [row for row in rows(capsys, "prompts") if row["system_prompt"] == SYSTEM_PROMPT]
    by_hash = rows(capsys, "who-saw", "--prompt", prompt["system_prompt_sha256"][:10])
    by_text = rows(capsys, "who-saw", SYSTEM_PROMPT[:24])
    assert {row["trace_id"] for row in by_hash} == {row["trace_id"] for row in by_text} and real.run in {row["trace_id"] for row in by_hash}
    assert all(row["places"] == ["system prompt"] for row in by_hash)
    found = rows(capsys, "find", "refunded 1200 for")
    parts = {row["blob_id"] for row in found if row["where"] == "tool result"}
    saw = [rows(capsys, "who-saw", "--part", part[:12]) for part in sorted(parts)]
    assert parts and all([row["trace_id"] for row in of_part] == [real.run] for of_part in saw)
    assert any("tool result" in of_part[0]["places"] for of_part in saw)
    assert shown(capsys, "who-saw", SYSTEM_PROMPT[:24]).startswith(f"{len(by_text)} trace")
    assert main(["who-saw", "nobody ever said this"]) == 0 and "nobody in this window" in capsys.readouterr().err
    for bad in ([], ["x", "--prompt", "abcd"], [" "]):
        assert main(["who-saw", *bad]) == 2 and "who saw what?" in capsys.readouterr().err


@pytest.mark.usefixtures("real")
def test_find_effect_leads_to_the_decision(real: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """The refund's own words lead to the tool call, the step before it, and the version that decided."""
    first = rows(capsys, "find", "--effect", "refunded 1200 for")[0]
    assert (first["trace_id"], first["tool"], first["side_effect"], first["where"]) == (real.run, "refund", "irreversible", "result")
    assert first["step"] >= 1 and first["model_resolved"] is not None
    assert main(["find", "--effect", "re_none"]) == 0 and "not found" in capsys.readouterr().err
    assert main(["find"]) == 2 and main(["find", "a", "--effect", "b"]) == 2


# -- facts that the program told


def with_facts(store: str, facts: list[dict[str, Any]]) -> str:
    """Add rows of facts to a store, in a segment of their own."""
    maker = Traffic(seed=77)
    for number, fact in enumerate(facts):
        moment = int(fact.pop("at").timestamp() * 1e6)
        trace = uuid7_at(moment // 1000, number.to_bytes(10)) if "trace" not in fact else fact.pop("trace")
        maker._add(fact.pop("kind"), trace, moment, 0.0, {"phase": "point"} | fact)
    write_segment(store, maker.writer, 0, maker.rows, [], Origin(None, True))
    return store


def test_leaked_after_lists_what_came_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Off from the middle to three quarters, said twice: as plain SQL counts the calls between."""
    states = [(0.1, "on"), (0.5, "off"), (0.6, "off"), (0.75, "on")]
    facts = [{"kind": "control", "at": time_at(share), "name": "ai", "fact_value": state} for share, state in states]
    store = with_facts(Traffic(seed=8, traces=200).write(tmp_path), facts)
    found = rows(capsys, "leaked-after", "--control", "ai", *WINDOW, "--store", store)
    between = f"started_at >= TIMESTAMPTZ '{time_at(0.5)}' AND started_at < TIMESTAMPTZ '{time_at(0.75)}'"
    assert main(["query", f"SELECT count(*) AS n FROM calls WHERE {between}", "--store", store, "--format", "json"]) == 0
    assert sum(row["calls"] for row in found) == json.loads(capsys.readouterr().out)[0]["n"] > 50
    assert {row["off_at"] for row in found} == {time_at(0.5).strftime("%Y-%m-%dT%H:%M:%S.000000Z")} and found[0]["seconds_after"] >= 0
    assert sum(row["irreversible"] for row in found) > 0
    assert "after it went off at 2026-03-02 12:00:00" in shown(capsys, "leaked-after", "--control", "ai", *WINDOW, "--store", store)
    assert rows(capsys, "leaked-after", "--control", "ai", "--agent", "none", *WINDOW, "--store", store) == []
    assert main(["leaked-after", "--control", "aj", *WINDOW, "--store", store]) == 0
    assert "no control is named aj; there are ai" in capsys.readouterr().err
    assert main(["leaked-after", "--store", store]) == 2 and "which control?" in capsys.readouterr().err


def test_reviews_that_are_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The oldest first; what was decided is not waited for; and per queue how long it took."""
    asked = [uuid7_at(int(time_at(share).timestamp() * 1000), b"review" + bytes([n] * 4)) for n, share in enumerate((0.3, 0.1, 0.2))]
    facts: list[dict[str, Any]] = [
        {"kind": "review", "at": time_at(share), "trace": trace, "fact_value": "requested", "tool_name": "refund"}
        for trace, share in zip(asked, (0.3, 0.1, 0.2), strict=True)
    ]
    facts.append({"kind": "review", "at": time_at(0.4), "trace": asked[2], "fact_value": "approved", "tool_name": "refund"})
    store = with_facts(Traffic(seed=9, traces=20).write(tmp_path), facts)
    waiting = rows(capsys, "reviews", "--oldest", *WINDOW, "--store", store)
    assert [row["trace_id"] for row in waiting] == [asked[1], asked[0]]
    (queue,) = rows(capsys, "reviews", *WINDOW, "--store", store)
    assert (queue["queue"], queue["waiting"], queue["decided"], queue["approved"]) == ("refund", 2, 1, 1)
    assert queue["p50_seconds"] == pytest.approx(0.2 * 8 * 3600)
    assert main(["reviews", "--oldest", "--since", "2020-01-01", "--until", "2020-01-02", "--store", store]) == 0
    assert "nothing is waited for" in capsys.readouterr().err


def test_changes_rank_by_what_explains_a_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A prompt came with the window; the version came later, and with it low scores."""

    def habits(share: float) -> Habits:
        now = replace(Habits(), prompt=OTHER_PROMPT) if share >= 0.5 else Habits()
        return replace(now, version=NEW_VERSION) if share >= 0.7 else now

    traffic = Traffic(seed=10, traces=200, at=habits)
    store = traffic.write(tmp_path)
    calls = {row["trace_id"]: row for row in traffic.rows if row["kind"] == "llm_call" and row["model_resolved"]}
    facts = [
        {
            "kind": "score",
            "at": time_at(0.99),
            "trace": trace.hex(),
            "name": "helpfulness",
            "score_value": 4.3 - (row["model_resolved"] == NEW_VERSION),
        }
        for trace, row in calls.items()
    ]
    with_facts(store, facts)
    asked = ("changes", "--around", "2026-03-02T12:00+00:00", "--span", "4h", "--store", store)
    assert rows(capsys, *asked)[0]["dimension"] == "system prompt"
    first = rows(capsys, *asked, "--score", "helpfulness")[0]
    assert first["dimension"] == "version that ran" and first["explains"] > 0.9
    assert "of the spread of score" in shown(capsys, *asked, "--score", "helpfulness")
    assert main([*asked, "--metric", "score"]) == 2 and "--score NAME" in capsys.readouterr().err


# -- every one of them

COMMANDS = (
    ("rollout", "--model", "x"),
    ("degraded",),
    ("degraded", "--first"),
    ("malformed",),
    ("malformed", "--contents"),
    ("prompts",),
    ("who-saw", "x"),
    ("find", "--effect", "x"),
    ("reviews",),
    ("reviews", "--oldest"),
    ("leaked-after", "--control", "x"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_prints_its_sql_writes_files_and_takes_rows_without_times(
    tmp_path: Path, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """The SQL runs as it is printed; CSV, Markdown and Parquet are written; rows without a time change nothing."""
    store = Traffic(seed=1, traces=8).write(tmp_path)
    usual = rows(capsys, *command, *WINDOW, "--store", store)
    sql = shown(capsys, *command, *WINDOW, "--store", store, "--sql")
    assert main(["query", sql, "--store", store, "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(usual)
    for ending in ("csv", "md", "parquet", "txt"):
        assert main([*command, *WINDOW, "--store", store, "-o", str(tmp_path / f"answer.{ending}")]) == 0
        assert (tmp_path / f"answer.{ending}").exists()
    Traffic(seed=2, traces=8, untimed=True).write(tmp_path)
    assert rows(capsys, *command, *WINDOW, "--store", store) == usual


# -- small parts


def test_sparklines() -> None:
    """Zero is lowest, anything more is higher; a missing value is a dot; many values share bars."""
    assert sparkline([0, 0.001, 1, None], 1) == f"{BARS[0]}{BARS[1]}{BARS[-1]}·"
    assert sparkline([0.0] * 50 + [1.0] * 50, 1, width=10) == BARS[0] * 5 + BARS[-1] * 5
    assert sparkline([], 1) == "" and sparkline([3], 0) == BARS[0]


def test_beginnings_of_hashes() -> None:
    """Four hex digits or more, of either case."""
    assert beginning_of_hash(" C862 ", "--prompt", "x") == "c862"
    for text in ("c86", "xyz1", "a" * 65, ""):
        with pytest.raises(BadInput, match="--prompt"):
            beginning_of_hash(text, "--prompt", "fr prompts lists them")
