"""`fr query --group-by`, `--watch`, the further filters, the view of snapshots, and times with a zone behind them."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fr_replay.cli.main import main
from fr_replay.cli.watching import again_and_again
from fr_replay.filters import Selection
from fr_replay.grouping import group
from fr_replay.times import parse_time
from fr_schema.errors import BadInput

sys.path.insert(0, str(Path(__file__).resolve().parent))

from incident_stores import OTHER_PROMPT, Traffic, from_share, time_at


def rows(capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    assert main(["query", *argv, "--format", "json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Traffic with another prompt in its second half; rows stand for two each."""
    traffic = Traffic(seed=12, traces=40, at=from_share(0.5, prompt=OTHER_PROMPT), weight=2.0)
    traffic.dress = lambda number, habits: replace(habits, cost_usd=2.0) if number == 3 else habits
    return traffic.write(tmp_path_factory.mktemp("grouped"))


def test_groups_count_and_sum_what_rows_stand_for(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As plain SQL does; the largest group first."""
    found = rows(capsys, "--group-by", "tenant_id,status", "--store", store)
    plain = rows(capsys, "SELECT tenant_id, status, 2 * count(*) AS n, 2 * sum(cost_usd) AS cost FROM calls GROUP BY ALL", "--store", store)
    assert {(row["tenant_id"], row["status"]): row["rows"] for row in found} == {(r["tenant_id"], r["status"]): r["n"] for r in plain}
    assert sum(row["cost_usd"] or 0 for row in found) == pytest.approx(sum(row["cost"] or 0 for row in plain))
    assert [row["rows"] for row in found] == sorted((row["rows"] for row in found), reverse=True)
    assert all(row["errors"] == (row["rows"] if row["status"] == "error" else 0) for row in found)
    tools = rows(capsys, "--from", "tools", "--group-by", "tool_name", "--status", "ok", "--store", store)
    assert {row["tool_name"] for row in tools} == {"look_up", "refund"} and all(row["first_seen"] for row in tools)


@pytest.mark.parametrize(
    ("by", "words"), [("tenant", "did you mean tenant_id?"), ("zzz", "fr query --schema calls"), (" , ", "names no column")]
)
def test_columns_that_are_none_are_refused(by: str, words: str) -> None:
    """With the nearest name; nothing of what was typed gets into the SQL."""
    selection = Selection("calls")
    with pytest.raises(BadInput) as refused:
        group(selection, by, ["tenant_id", "status"])
    assert words in refused.value.one_line() and selection.columns == "*"


FILTERED = (
    (("--tenant", "org-1"), "tenant_id = 'org-1'"),
    (("--error", "server_error"), "error_type = 'server_error'"),
    (("--min-cost", "0.5"), "cost_usd >= 0.5"),
    (("--agent", "none*"), "agent_name IS NOT NULL"),
    (("--tenant", "org-1", "--min-cost", "0.004", "--status", "ok"), "tenant_id = 'org-1' AND cost_usd >= 0.004 AND status = 'ok'"),
)


@pytest.mark.parametrize(("options", "condition"), FILTERED, ids=[" ".join(options) for options, _ in FILTERED])
def test_filters_are_the_conditions_that_they_name(
    store: str, options: tuple[str, ...], condition: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One by one, and together."""
    ((expected,),) = [row.values() for row in rows(capsys, f"SELECT count(*) FROM calls WHERE {condition}", "--store", store)]
    assert len(rows(capsys, *options, "--store", store)) == expected


def test_prompt_hash_takes_the_beginning(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The calls under a prompt, by eight characters."""
    prompts = {row["sha256"]: row for row in rows(capsys, "--from", "snapshots", "--where", "kind = 'system prompt'", "--store", store)}
    assert len(prompts) == 2
    for sha256, row in prompts.items():
        assert 2 * len(rows(capsys, "--prompt-hash", sha256[:8].upper(), "--store", store)) == row["calls"]


def test_snapshots_tell_when_each_was_first_and_last_in_use(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The prompt that came in the middle; and a window does not change when something was first seen."""
    of_all = {row["sha256"]: row for row in rows(capsys, "--from", "snapshots", "--store", store)}
    assert {row["kind"] for row in of_all.values()} == {"system prompt", "tools", "parameters"}
    (tools,) = [row for row in of_all.values() if row["kind"] == "tools"]
    assert tools["detail"] == "look_up, refund"
    since = time_at(0.6).isoformat()
    late = {row["sha256"]: row for row in rows(capsys, "--from", "snapshots", "--since", since, "--store", store)}
    assert len(late) == len(of_all) - 1 and all(row == of_all[sha256] for sha256, row in late.items())
    text = rows(
        capsys, "SELECT blob_text(blob_id) AS text FROM snapshots WHERE kind = 'system prompt' ORDER BY first_seen", "--store", store
    )
    assert text[1]["text"] == OTHER_PROMPT


def test_watch_asks_again(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Until it is told to stop; to a file it does not go."""
    times = iter((False, False, True))
    again_and_again(lambda: print("shown"), 0.001, None, stop=lambda: next(times))
    assert capsys.readouterr().out == "shown\n" * 3
    assert main(["query", "--status", "ok", "--watch", "1", "-o", "x.csv", "--store", store]) == 2
    assert "--watch writes to a terminal" in capsys.readouterr().err


NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hour"),
    [("15:00 Europe/Berlin", 14), ("2026-11-23 15:00 Europe/Berlin", 14), ("2026-11-23 15:00 UTC", 15), ("2026-11-23T15:00 Asia/Tokyo", 6)],
)
def test_a_zone_may_stand_behind_a_time(text: str, hour: int) -> None:
    """Whatever --tz says."""
    assert parse_time(text, UTC, NOW) == datetime(2026, 11, 23, hour, tzinfo=UTC)


def test_a_zone_that_is_none_is_refused() -> None:
    """With the nearest name."""
    with pytest.raises(BadInput, match="no time zone 'Europe/Berlinn'"):
        parse_time("15:00 Europe/Berlinn", UTC, NOW)
