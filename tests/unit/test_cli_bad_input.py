"""Stores that are damaged, foreign or too new: one line, exit 2, nothing lost, the rest readable, what was set aside named."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fr_replay.cli.main import main

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_stores import copy_of_planted, environment, planted, run_fr

READERS = (("ls",), ("show", "last"), ("query", "SELECT 1"), ("query", "top-cost"), ("query", "--status", "ok"))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of the planted store, in this process's environment."""
    for name, value in copy_of_planted(tmp_path).items():
        if name.startswith("FR_") or name == "TZ":
            monkeypatch.setenv(name, value)
    return tmp_path / "store"


def _one_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("fr: ") and captured.err.count("\n") == 1 and "Traceback" not in captured.err
    return captured.err


def _foreign(path: Path) -> None:
    path.mkdir()
    (path / "letters.txt").write_text("dear")


def _newer(path: Path) -> None:
    path.mkdir()
    (path / "FORMAT").write_text(json.dumps({"format": 99, "store": "00"}))


def _torn_format(path: Path) -> None:
    path.mkdir()
    (path / "FORMAT").write_text('{"form')


NOT_STORES: tuple[tuple[str, Callable[[Path], Any], str], ...] = (
    ("missing", lambda path: None, "does not exist (name one with --store or FR_STORE)"),
    ("a file", lambda path: path.write_text("x"), "it is a file"),
    ("foreign", _foreign, "it has no FORMAT file"),
    ("newer", _newer, "has format version 99; this fr "),
    ("torn FORMAT", _torn_format, "FORMAT cannot be read"),
)


@pytest.mark.parametrize("argv", READERS, ids=[" ".join(argv) for argv in READERS])
@pytest.mark.parametrize(("make", "message"), [row[1:] for row in NOT_STORES], ids=[row[0] for row in NOT_STORES])
def test_what_is_no_store_is_refused_by_every_reader(
    make: Callable[[Path], Any], message: str, argv: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the reason, exit 2, and nothing is made or changed there."""
    path = tmp_path / "x"
    make(path)
    before = sorted(str(file) for file in tmp_path.rglob("*"))
    assert main(["--store", str(path), *argv]) == 2
    assert message in _one_line(capsys)
    assert sorted(str(file) for file in tmp_path.rglob("*")) == before


TRACES = (
    ("0" * 32, "there is no trace 00000000000000000000000000000000 among the 5 traces of "),
    ("nonsense", "'nonsense' is not a trace id (write 32 hex characters"),
    ("01a", "'01a' is too short for a trace id (write at least 4 characters of it"),
)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("text", "message"), TRACES)
def test_trace_that_is_not_there(text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that says how many there are, or what an id looks like."""
    assert main(["show", text]) == 2
    assert message in _one_line(capsys)


@pytest.mark.usefixtures("store")
def test_ambiguous_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    """The ids that begin so are listed."""
    assert main(["show", planted().run[:5]]) == 2
    assert planted().killed in _one_line(capsys)


def _parquet_of(store: Path, table: str, trace: str) -> Path:
    """A Parquet file that has rows of a trace."""
    import pyarrow.parquet as pq

    column = "trace_id" if table == "events" else "first_trace_id"
    for file in sorted((store / table).rglob("*.parquet"), key=lambda path: -path.stat().st_size):
        if bytes.fromhex(trace) in pq.read_table(file, columns=[column], partitioning=None).column(column).to_pylist():
            return file
    raise AssertionError(f"no {table} of {trace}")


def _truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _empty(file: Path) -> None:
    os.truncate(file, 0)


def _scramble_inside(file: Path) -> None:
    """The ends stay as they are; the pages between become noise."""
    data = bytearray(file.read_bytes())
    footer = int.from_bytes(data[-8:-4], "little") + 8
    for place in range(4, len(data) - footer):
        data[place] ^= 0x5A
    file.write_bytes(bytes(data))


DAMAGES = (("truncated", _truncate), ("empty", _empty), ("scrambled", _scramble_inside))


@pytest.mark.parametrize("damage", [row[1] for row in DAMAGES], ids=[row[0] for row in DAMAGES])
def test_damaged_parquet_is_set_aside_and_the_rest_is_read(
    damage: Callable[[Path], None], store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer holds the other traces; the file is named, kept whole in quarantine, and the exit code says: incomplete."""
    file = _parquet_of(store, "events", planted().killed)
    damage(file)
    damaged = file.read_bytes()
    assert main(["ls", "--all", "--format", "json"]) == 2
    captured = capsys.readouterr()
    names = [row["name"] for row in json.loads(captured.out)]
    assert "planted" in names and "support" in names
    assert captured.err.count("\n") == 1 and file.name in captured.err and "was set aside as quarantine/" in captured.err
    (kept,) = (store / "quarantine").iterdir()
    assert kept.read_bytes() == damaged
    assert main(["ls", "--all", "--format", "json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == names


def test_damaged_content_costs_only_the_content(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A step whose content is lost is still shown, and says what is missing."""
    _truncate(_parquet_of(store, "blobs", planted().killed))
    assert main(["show", planted().killed, "1"]) == 2
    captured = capsys.readouterr()
    assert "step 1 of 1" in captured.out and "this message is not in the store" in captured.out
    assert "was set aside" in captured.err and "its content is missing from this answer" in captured.err


def test_trace_that_was_in_a_damaged_file_is_unknown_and_the_file_is_named(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two lines: there is no such trace, and what was set aside."""
    for file in (store / "events").rglob("*.parquet"):
        if planted().killed in _traces_of(file):
            _truncate(file)
    assert main(["show", planted().killed]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"fr: there is no trace {planted().killed}")
    assert all("was set aside as quarantine/" in line for line in lines[1:]) and len(lines) >= 2


def _traces_of(file: Path) -> set[str]:
    import pyarrow.parquet as pq

    return {trace.hex() for trace in pq.read_table(file, columns=["trace_id"], partitioning=None).column("trace_id").to_pylist()}


# A flush waits 50 ms at most, which the writer's first imports may exceed on a loaded machine.
TORN = """
import os, sys, time
import fr_recorder as fr
fr.init(sys.argv[1])
with fr.trace("torn"):
    fr.decision("first")
time.sleep(1)
fr.flush()
os.kill(os.getpid(), 9)
"""


def test_torn_journal_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """Rows before the tear are there, the damaged file is kept and named, and a gap admits the loss."""
    env = environment(tmp_path)
    subprocess.run([sys.executable, "-c", TORN, env["FR_STORE"]], env=env, timeout=60)
    (journal,) = (tmp_path / "store" / "journal").rglob("*.frj")
    data = journal.read_bytes()
    journal.write_bytes(data + data[-200:-100])
    torn = journal.read_bytes()
    ran = run_fr("ls", "--format", "json", env=env)
    assert ran.returncode == 2
    assert "torn" in [row["name"] for row in json.loads(ran.stdout)]
    assert ran.stderr.count("\n") == 1 and "is damaged: " in ran.stderr and "quarantine/" in ran.stderr
    (kept,) = (tmp_path / "store" / "quarantine").iterdir()
    assert kept.read_bytes() == torn
    again = run_fr("query", "gaps", "--format", "json", env=env)
    assert again.returncode == 0 and len(json.loads(again.stdout)) == 1


def test_read_only_store_is_read_where_it_is(tmp_path: Path) -> None:
    """On a disk that cannot be written, nothing is sealed and everything is answered."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and setpriv is not here to give that up")
    env = copy_of_planted(tmp_path)
    for folder, _, files in os.walk(tmp_path):
        for name in files:
            os.chmod(os.path.join(folder, name), 0o444)
        os.chmod(folder, 0o555)
    try:
        code = "import sys; from fr_replay.cli.main import main; sys.exit(main())"
        lower = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
        ran = subprocess.run(
            [*lower, sys.executable, "-c", code, "ls", "--format", "json"], env=env, capture_output=True, text=True, timeout=60
        )
        assert ran.returncode == 0, ran.stderr
        assert len(json.loads(ran.stdout)) == 5
    finally:
        for folder, _, _ in os.walk(tmp_path):
            os.chmod(folder, 0o755)
