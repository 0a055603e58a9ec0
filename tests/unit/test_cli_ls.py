"""`fr ls` on the planted store."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from fr_replay.cli.ls_cmd import COLUMNS
from fr_replay.cli.main import main

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_stores import Planted, planted, run_fr


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Planted:
    """The planted store, in this process's environment."""
    found = planted()
    for name, value in found.env.items():
        if name.startswith("FR_") or name == "TZ":
            monkeypatch.setenv(name, value)
    return found


def _listed(capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    assert main(["ls", "--format", "json", *argv]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def test_newest_comes_first_with_what_is_known_of_it(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """All columns, in their order, newest first; counts and sums are those that were planted."""
    rows = _listed(capsys)
    assert [row["name"] for row in rows] == ["planted", "handmade", "support", "support", "killed"]
    assert all(list(row) == list(COLUMNS) for row in rows)
    newest = rows[0]
    assert newest["trace_id"] == store.run
    expected = {
        "status": "ok",
        "exit_code": 0,
        "llm_calls": 7,
        "llm_errors": 1,
        "tool_calls": 2,
        "http_calls": 1,
        "tokens_in": 6000,
        "tokens_out": 600,
    }
    assert {name: newest[name] for name in expected} == expected
    assert newest["cost_usd"] == pytest.approx(0.021)
    assert newest["models"] == ["gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-2024-11-20"]
    assert newest["is_run"] is True and rows[1]["is_run"] is False


FILTERS: tuple[tuple[tuple[str, ...], list[str]], ...] = (
    (("--status", "error"), ["killed"]),
    (("--name", "supp*"), ["support", "support"]),
    (("--name", "supp"), []),
    (("--session", "s-17"), ["support"]),
    (("--user", "ann"), ["support"]),
    (("--user", "nobody"), []),
    (("--tag", "plan=pro"), ["support"]),
    (("--tag", "plan=*"), ["support", "support"]),
    (("--tag", "plan=pro", "--session", "s-18"), []),
    (("--model", "gpt-4o-mini-*"), ["support", "support"]),
    (("--model", "gpt-4o-2024-11-20"), ["planted"]),
    (("--since", "1h"), ["planted", "handmade", "support", "support", "killed"]),
    (("--until", "1h"), []),
    (("-n", "2"), ["planted", "handmade"]),
    (("--all",), ["planted", "handmade", "support", "support", "killed"]),
)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("argv", "names"), FILTERS, ids=[" ".join(row[0]) for row in FILTERS])
def test_filter(argv: tuple[str, ...], names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Filters compose, and * stands for anything."""
    assert [row["name"] for row in _listed(capsys, *argv)] == names


def test_user_may_be_given_by_stored_name(
    store: Planted, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The stored name finds the same traces, even on a machine without the key; the user's own id does not, and says why."""
    (row,) = _listed(capsys, "--user", "bob")
    assert row["user_ref"].startswith("u_") and "bob" not in json.dumps(row)
    monkeypatch.setenv("FR_KEYS", str(tmp_path))
    assert _listed(capsys, "--user", row["user_ref"])[0]["trace_id"] == row["trace_id"]
    assert main(["ls", "--user", "bob"]) == 2
    assert "the key of" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_table_in_a_pipe_is_plain(store: Planted) -> None:
    """Whole ids, aligned columns, no colours and no words between the rows."""
    ran = run_fr("ls", env=store.env)
    lines = ran.stdout.splitlines()
    assert ran.returncode == 0 and ran.stderr == "" and "\x1b" not in ran.stdout
    assert lines[0].split() == ["trace", "started", "name", "status", "llm", "time", "cost", "tools", "in", "out", "models"]
    assert lines[1].startswith(store.run) and "$0.0210" in lines[1] and "6,000" in lines[1]
    assert len(lines) == 6


@pytest.mark.usefixtures("store")
def test_times_are_shown_in_the_chosen_zone(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON is in UTC unless --tz is given; then it carries that zone's offset."""
    assert _listed(capsys, "-n", "1")[0]["started_at"].endswith("Z")
    assert _listed(capsys, "-n", "1", "--tz", "Asia/Kolkata")[0]["started_at"].endswith("+05:30")


def test_parquet_holds_the_same_rows(store: Planted, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """-o x.parquet writes the limited rows with their types."""
    import pyarrow.parquet as pq

    file = tmp_path / "x.parquet"
    assert main(["ls", "-n", "2", "-o", str(file)]) == 0
    table = pq.read_table(file)
    assert table.column_names == list(COLUMNS)
    assert table.column("trace_id").to_pylist()[0] == store.run and table.num_rows == 2
    assert str(table.schema.field("started_at").type) == "timestamp[us, tz=UTC]"
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("store")
def test_nothing_found_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """No row is no error: the exit code is 0, and a word on stderr says so."""
    assert main(["ls", "--name", "nosuch"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == "fr: no trace matches; fr ls without options lists the newest\n"


def test_store_without_traces_says_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fresh store lists nothing and names the command that fills it."""
    monkeypatch.setenv("FR_KEYS", str(tmp_path / "keys"))
    from fr_recorder.store import open_store

    open_store(str(tmp_path / "store"))
    assert main(["--store", str(tmp_path / "store"), "ls"]) == 0
    assert "has no traces yet; record one: fr record -- python agent.py" in capsys.readouterr().err
