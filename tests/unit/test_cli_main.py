"""The front door: finding commands, errors in one line, exit codes."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fr_replay.cli import main as main_module
from fr_replay.cli.commands import COMMANDS, CommandRow
from fr_replay.cli.main import main
from fr_schema.errors import BadInput, CommandNotFound
from fr_schema.version import PACKAGE_VERSION

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_stores import FR, environment, run_fr

HELP_BUDGET_S = 0.120


def test_help_lists_every_command_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """`fr --help` and `fr` alone print the table of commands on stdout."""
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for row in COMMANDS:
        assert f"{row.name}  " in text and row.help in text
    assert main([]) == 0
    assert capsys.readouterr().out == text


@pytest.mark.parametrize("row", COMMANDS, ids=[row.name for row in COMMANDS])
def test_command_has_help(row: CommandRow, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command of the table can be imported, and explains itself before and after the name."""
    assert main([row.name, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: fr {row.name}")
    assert main(["help", row.name]) == 0
    assert capsys.readouterr().out == text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The package's and the format's version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"fr {PACKAGE_VERSION} (store format ")


BAD_USAGE = (
    (["qurey"], "there is no command 'qurey' (did you mean fr query?)"),
    (["zzzzz"], "there is no command 'zzzzz' (fr --help lists them)"),
    (["--stor", "x", "ls"], "there is no option --stor before the command (did you mean --store?)"),
    (["--store"], "--store needs a path (fr --store PATH COMMAND ...)"),
    (["ls", "--modle", "x"], "no such option: --modle (did you mean --model or --name? see fr ls --help)"),
    (["ls", "-n", "many"], "-n"),
    (["ls", "-n", "0"], "-n"),
    (["show"], "missing argument 'TRACE' (see fr show --help)"),
    (["show", "last", "first"], "STEP"),
    (["record"], "missing argument"),
    (["ls", "--since", "soon"], "'soon' is not a time (write it like one of these: 2h"),
    (["ls", "--tz", "Mars/Base"], "there is no time zone 'Mars/Base'"),
    (["ls", "--since", "1h", "--until", "2h"], "--until 2h is before --since 1h (swap them)"),
    (["ls", "--format", "xml"], "there is no format 'xml' (it is one of table, json"),
    (["record", "--durability", "none", "true"], "--durability is 'none' (it is one of os, group, sync)"),
)


@pytest.mark.parametrize(("argv", "message"), BAD_USAGE, ids=[" ".join(row[0]) for row in BAD_USAGE])
def test_bad_usage_is_one_line_and_exit_2(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing on stdout, one line on stderr that says what is wrong and the way out."""
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("fr: ") and captured.err.count("\n") == 1
    assert message in captured.err


class _Module:
    """Stands in for a command's module."""

    def __init__(self, error: BaseException) -> None:
        def ls() -> None:
            """Fail."""
            raise error

        self.ls = ls


FAILURES: tuple[tuple[BaseException, int, str], ...] = (
    (BadInput("a\nfact", hint="the\nway out"), 2, "fr: a fact (the way out)\n"),
    (CommandNotFound("no such command"), 127, "fr: no such command\n"),
    (KeyboardInterrupt(), 130, ""),
    (PermissionError(13, "Permission denied", "/x/y"), 2, "fr: /x/y: Permission denied\n"),
    (ValueError("odd\nthing"), 70, "fr: internal error: ValueError: odd thing; set FR_TRACEBACK=1 for the traceback\n"),
)


@pytest.mark.parametrize(("error", "code", "said"), FAILURES, ids=[type(row[0]).__name__ for row in FAILURES])
def test_failure_becomes_one_line_and_its_code(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a command raises, `fr` says one line at most, and no traceback."""
    monkeypatch.setattr("importlib.import_module", lambda _: _Module(error))
    assert main(["ls"]) == code
    assert capsys.readouterr().err == said


def test_traceback_is_there_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """FR_TRACEBACK lets an internal error through."""
    monkeypatch.setenv("FR_TRACEBACK", "1")
    monkeypatch.setattr("importlib.import_module", lambda _: _Module(ValueError("odd")))
    with pytest.raises(ValueError, match="odd"):
        main(["ls"])


def test_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    """`fr --help | head -0` ends without a word on stderr."""
    env = environment(tmp_path)
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run([*FR, "--help"], env=env, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_store_may_stand_before_or_after_the_command(tmp_path: Path) -> None:
    """Both places mean the same, also for `fr record` with and without dashes."""
    env = environment(tmp_path)
    del env["FR_STORE"]
    for number, argv in enumerate(
        (["--store", "S", "record", "true"], ["record", "--store", "S", "--", "true"], ["--store=S", "record", "--", "true"])
    ):
        store = str(tmp_path / f"s{number}")
        ran = run_fr(*(word.replace("S", store) for word in argv), env=env, cwd=str(tmp_path))
        assert ran.returncode == 0, ran.stderr
        assert os.path.exists(os.path.join(store, "FORMAT"))


def test_help_is_quick(tmp_path: Path) -> None:
    """The best of five runs of `fr --help` stays within 120 ms."""
    env = environment(tmp_path)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        run_fr("--help", env=env)
        times.append(time.perf_counter() - start)
    assert min(times) < HELP_BUDGET_S


def test_main_prints_errors_and_nothing_else_does() -> None:
    """No other module of the commands raises SystemExit or calls sys.exit."""
    folder = Path(str(main_module.__file__)).parent
    for file in folder.glob("*.py"):
        text = file.read_text()
        assert "sys.exit" not in text and "SystemExit" not in text, file.name


def test_arguments_of_the_process_are_the_default(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As a console script, `fr` reads the command line."""
    argv: list[Any] = ["fr", "--version"]
    monkeypatch.setattr(sys, "argv", argv)
    assert main() == 0
    assert capsys.readouterr().out.startswith("fr ")
