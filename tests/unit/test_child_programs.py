"""What a command line starts."""

import os
from pathlib import Path
from typing import Any

import pytest

from fr_recorder.child_programs import command_of, is_python, name_child_lane, program_of, redacted_command, runs_python
from fr_recorder.lanes import set_root_lane
from fr_recorder.redact import Redactor

PYTHONS = ("python", "python3", "/usr/bin/python3.11", "python3.14t", "bin/python")
NO_PYTHONS = ("pythonic", "sh", "ipython-config", "node", "")


@pytest.mark.parametrize("name", PYTHONS)
def test_an_interpreter_is_python(name: str) -> None:
    """By its name, with or without a version."""
    assert is_python(name)


@pytest.mark.parametrize("name", NO_PYTHONS)
def test_other_programs_are_not_python(name: str) -> None:
    """Names that only begin alike."""
    assert not is_python(name)


def test_a_script_of_python_is_python(tmp_path: Path) -> None:
    """By its first line, as console scripts have it."""
    script = tmp_path / "tool"
    script.write_text("#!/opt/venv/bin/python\nprint()\n")
    assert is_python(str(script))
    script.write_text("#!/bin/sh\npython x\n")
    assert not is_python(str(script))


LINES: tuple[tuple[Any, bool, bool], ...] = (
    (["python3", "worker.py"], False, True),
    ("python3 worker.py --now", True, True),
    ("python3 worker.py && rm -r data", True, False),
    ("make agent", True, False),
    (b"python3 worker.py", True, True),
    (["sh", "-c", "python3 worker.py"], False, False),
)


@pytest.mark.parametrize(("args", "shell", "expected"), LINES)
def test_a_command_that_is_python_and_nothing_else(args: Any, shell: bool, expected: bool) -> None:
    """A shell line with syntax of its own may do anything besides."""
    assert runs_python(args, shell=shell) is expected


@pytest.mark.parametrize(
    ("args", "program"), [("git status", "git"), (["git", "status"], "git"), (Path("/bin/ls"), "/bin/ls"), ([], "?"), ([3], "?")]
)
def test_the_program_of_a_command_line(args: Any, program: str) -> None:
    """Also of what Popen itself will refuse."""
    assert program_of(args) == program


def test_children_are_numbered_by_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gets its lane in its environment; an environment without ours is left alone."""
    set_root_lane("p0")
    monkeypatch.setenv("FR_LANE", "p0")
    lane, env = name_child_lane(["git"], None)
    assert (lane, env["FR_LANE"]) == ("p0/process:git#0", "p0/process:git#0")
    assert name_child_lane(["git"], None)[0] == "p0/process:git#1"
    assert name_child_lane(["git"], {"A": "b"}) == (None, {"A": "b"})
    monkeypatch.delenv("FR_LANE")
    assert name_child_lane(["git"], None) == (None, None)


def test_of_an_environment_only_changed_names_are_kept() -> None:
    """Its values may be secrets of any name."""
    call = command_of(["git"], {"env": {**os.environ, "DATABASE": "postgres://u:p@h/d", "FR_LANE": "x"}, "stdout": -1}, None, 0)
    assert call.arguments == {"args": ["git"], "env_names": ["DATABASE"], "stdout": "pipe"}


def test_the_command_line_is_redacted_as_one() -> None:
    """A value behind the option that names it, which no pattern would find."""
    redactor = Redactor(b"k" * 32, "key")
    clean, hits = redacted_command(redactor, {"args": ["tool", "--password", "hunter2 and more"], "stdout": "pipe"})
    assert "hunter2" not in str(clean)
    assert hits
    assert clean["stdout"] == "pipe"
