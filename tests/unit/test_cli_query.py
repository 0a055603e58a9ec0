"""`fr query`: SQL, filters, schema, formats; and what it must not do."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fr_replay.cli.main import main
from fr_replay.views import VIEWS

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_stores import FR, Planted, environment, planted, run_fr


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Planted:
    """The planted store, in this process's environment."""
    found = planted()
    for name, value in found.env.items():
        if name.startswith("FR_") or name == "TZ":
            monkeypatch.setenv(name, value)
    return found


def _rows(capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    assert main(["query", *argv, "--format", "json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def _refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(["query", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and captured.err.startswith("fr: ")
    return captured.err


@pytest.mark.usefixtures("store")
def test_sql_over_the_views(capsys: pytest.CaptureFixture[str]) -> None:
    """Any SELECT; a semicolon at its end is taken off."""
    sql = "SELECT model_resolved, count(*) AS n FROM calls WHERE status = 'ok' AND model_requested = 'gpt-4o' GROUP BY 1 ORDER BY 2 DESC;"
    assert _rows(capsys, sql)[0] == {"model_resolved": "gpt-4o-2024-08-06", "n": 5}
    assert _rows(capsys, "WITH a AS (SELECT 1 AS x) SELECT * FROM a") == [{"x": 1}]
    assert _rows(capsys, "SELECT text_of(tool_result_parts) AS r FROM tools WHERE tool_name = 'refund'") == [{"r": "refunded 1200 for o-1"}]
    assert {row["name"] for row in _rows(capsys, "SHOW TABLES")} >= set(VIEWS)


FILTERS: tuple[tuple[tuple[str, ...], int], ...] = (
    (("--model", "gpt-4o"), 8),
    (("--model", "gpt-4o*"), 10),
    (("--model", "gpt-4o-2024-11-20"), 1),
    (("--provider", "acme"), 1),
    (("--status", "error"), 1),
    (("--status", "open"), 1),
    (("--tool", "refund"), 1),
    (("--session", "s-1?"), 3),
    (("--user", "ann"), 1),
    (("--tag", "plan=pro"), 1),
    (("--since", "1h", "--status", "ok", "--model", "gpt-4o*"), 8),
    (("--until", "1h"), 0),
    (("--where", "attempts > 1"), 1),
    (("--where", "attempts > 1", "--where", "status = 'error'"), 0),
    (("--from", "tools", "--tool", "lookup", "--status", "error"), 1),
    (("--from", "attempts", "--where", "http_status = 429"), 1),
    (("--from", "traces", "--model", "gpt-4o-mini-*"), 2),
    (("--from", "messages", "--where", "role = 'tool'"), 1),
    (("--from", "http"), 1),
    (("--from", "decisions"), 1),
    (("--limit", "3"), 3),
)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("argv", "count"), FILTERS, ids=[" ".join(row[0]) for row in FILTERS])
def test_filters_compose(argv: tuple[str, ...], count: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Each filter finds what was planted, alone and together."""
    assert len(_rows(capsys, *argv)) == count


@pytest.mark.usefixtures("store")
def test_printed_sql_runs_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """--sql prints literals, properly quoted; what it prints gives the same rows."""
    argv = ("--model", "it's*", "--tag", "plan=pro", "--since", "2h", "--where", "attempts >= 1 -- note")
    assert main(["query", *argv, "--sql"]) == 0
    sql = capsys.readouterr().out
    assert "GLOB 'it''s*'" in sql and "tags['plan'] = 'pro'" in sql and "?" not in sql.replace("'it''s*'", "")
    assert _rows(capsys, sql) == []
    assert main(["query", "top-cost", "since=7d", "--sql"]) == 0
    sql = capsys.readouterr().out
    assert "$" not in sql
    assert _rows(capsys, sql)[0]["name"] == "planted"


@pytest.mark.usefixtures("store")
def test_schema_describes_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    """All views have a line, and all columns of all views a meaning."""
    listed = {row["view"]: row["one row is"] for row in _rows(capsys, "--schema")}
    assert listed.keys() >= VIEWS.keys()
    for view in VIEWS:
        columns = _rows(capsys, view, "--schema")
        assert all(row["column"] and row["type"] and row["meaning"] for row in columns), view


def test_schema_and_list_need_no_store(tmp_path: Path) -> None:
    """They work where nothing was recorded yet."""
    env = environment(tmp_path)
    assert run_fr("query", "--schema", "calls", env=env).stdout.count("\n") > 50
    assert "top-cost" in run_fr("query", "--list", env=env).stdout


REFUSED = (
    (("SELECT * FROM callz",), "there is no view callz (did you mean calls? fr query --schema describes them)"),
    (("SELECT modle_requested FROM calls",), "Candidate bindings"),
    (("SELECT 1; SELECT 2",), "one statement at a time, not 2"),
    (("SELEC 1",), "syntax error"),
    (("COPY (SELECT 1) TO '/tmp/fr-test-must-not-exist'",), "COPY is not a question: fr query only reads (to write results, use -o FILE)"),
    (("EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/fr-test-must-not-exist'",), "COPY is not a question"),
    (("EXPLAIN (ANALYZE) COPY (SELECT 1) TO '/tmp/fr-test-must-not-exist'",), "COPY is not a question"),
    (("CREATE TABLE t AS SELECT 1",), "CREATE is not a question"),
    (("SET memory_limit = '1TB'",), "SET is not a question"),
    (("PRAGMA database_list",), "PRAGMA is not a question"),
    (("INSTALL httpfs",), "LOAD is not a question"),
    (("ATTACH '/tmp/x.db'",), "ATTACH is not a question"),
    (("SELECT * FROM read_text('/etc/passwd')",), "disabled"),
    (("SELECT * FROM '/etc/passwd'",), "fr: "),
    (("SELECT * FROM read_csv('/etc/passwd')",), "disabled"),
    (("--where", "statsu = 'ok'"), 'Candidate bindings: "status"'),
    (("--where", "1 = 1) UNION SELECT"), "Parser Error"),
    (("--from", "gaps", "--provider", "x"), "--provider does not work on gaps"),
    (("--from", "call"), "did you mean calls?"),
    (("top-csot",), "there is no question 'top-csot' (did you mean fr query top-cost?)"),
    (("calls",), "calls is a view, not a question (fr query --from calls"),
    (("top-cost", "sicne=1h"), "top-cost takes no sicne"),
    (("top-cost", "limit=many"), "limit is 'many'"),
    (("top-cost", "soon"), "'soon' is not an argument"),
    (("top-cost", "since=soon"), "'soon' is not a time"),
    (("top-cost", "--model", "x"), "--model does not work on top-cost"),
    (("SELECT 1", "--model", "x"), "--model does not work on SQL"),
    (("SELECT", "1", "FROM", "calls"), "stands behind the SQL"),
    ((), "what is the question?"),
    (("SELECT 1", "--format", "parquet"), "Parquet is not for a terminal"),
)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("argv", "message"), REFUSED, ids=[" ".join(row[0])[:60] for row in REFUSED])
def test_refusal_is_one_line(argv: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be answered, and what would do more than read, is refused in one line with exit code 2."""
    assert message in _refused(capsys, *argv)
    assert not os.path.exists("/tmp/fr-test-must-not-exist")


def test_nothing_outside_of_the_store_can_be_written(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even the store's own folders."""
    target = os.path.join(store.store, "events", "x.parquet")
    assert "not a question" in _refused(capsys, f"COPY (SELECT 1) TO '{target}'")
    assert "not a question" in _refused(capsys, f"EXPLAIN ANALYZE COPY (SELECT 1) TO '{target}'")
    assert not os.path.exists(target)


@pytest.mark.usefixtures("store")
def test_table_limit_is_said_and_other_formats_have_none(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A table by filters that is cut says so; JSON holds all."""
    monkeypatch.setattr("fr_replay.cli.query_cmd.TABLE_LIMIT", 3)
    assert main(["query", "--from", "calls", "--status", "ok"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 4
    assert captured.err == "fr: only the first 3 rows; --limit N shows more, and the other formats show all\n"
    assert len(_rows(capsys, "--from", "calls", "--status", "ok")) == 9


@pytest.mark.usefixtures("store")
def test_huge_cells_are_shortened_in_tables_only(capsys: pytest.CaptureFixture[str]) -> None:
    """A long answer is cut in the table and whole in JSON."""
    sql = "SELECT max(body) AS body FROM messages WHERE body LIKE 'HEAD of%'"
    assert main(["query", sql]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 200
    assert len(_rows(capsys, sql)[0]["body"]) > 5_000


def test_parquet_keeps_the_types_of_the_columns(store: Planted, tmp_path: Path) -> None:
    """-o x.parquet writes what DuckDB gives, in silence."""
    import pyarrow.parquet as pq

    file = tmp_path / "x.parquet"
    ran = run_fr("query", "SELECT started_at, tags, cost_usd, NULL AS nothing FROM calls ORDER BY 1", "-o", str(file), env=store.env)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    table = pq.read_table(file)
    assert table.num_rows == 11 and str(table.schema.field("tags").type).startswith("map<string, string")


def test_interrupt_ends_a_long_question_without_a_word(store: Planted) -> None:
    """Ctrl-C ends a question that would run for minutes: at once, and nothing on stdout or stderr."""
    sql = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"
    process = subprocess.Popen([*FR, "query", sql], env=store.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    finally:
        process.kill()
        process.communicate()
    # By the signal itself while DuckDB works; a shell shows 130 for both.
    assert process.returncode in (-signal.SIGINT, 130) and (out, err) == ("", "")


# What is handed over is written within 50 ms, but for the writer's first imports on a loaded machine.
LIVE = """
import sys, time
import fr_recorder as fr
fr.init(sys.argv[1])
with fr.trace("live"):
    with fr.llm_call(model="m", messages=[]) as call:
        call.respond("fresh")
    time.sleep(1)
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_newest_second_of_a_live_process_is_included(tmp_path: Path) -> None:
    """What a running process has recorded can be asked for while it runs, and its journal is left alone."""
    env = environment(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", LIVE, env["FR_STORE"]], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        ran = run_fr("query", "SELECT name, model_requested, blob_text(output_blob) AS answer FROM calls", "--format", "json", env=env)
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout) == [{"name": "m", "model_requested": "m", "answer": "fresh"}]
        shown = run_fr("show", "last", "1", env=env)
        assert "fresh" in shown.stdout
        assert list((tmp_path / "store" / "journal").rglob("*.frj")) and not list((tmp_path / "store" / "events").rglob("*.parquet"))
    finally:
        process.communicate("", timeout=30)
    assert process.returncode == 0
