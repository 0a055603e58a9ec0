"""What a process runs: installed packages and the program's own source files."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from fr_recorder import program
from fr_recorder.program import hash_of_file, installed_packages, loaded_code

KEY = bytes(32)


def test_packages_are_read_off_metadata_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every entry of sys.path, the first one wins; entries that are not there are passed over."""
    for folder, names in (
        ("a", ["Some_Package-1.2.dist-info", "old-0.9.egg-info", "module.py"]),
        ("b", ["some_package-9.9.dist-info", "odd.dist-info"]),
    ):
        for name in names:
            (tmp_path / folder / name).mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "a"), str(tmp_path / "gone"), str(tmp_path / "b")])
    assert installed_packages() == {"odd": "?", "old": "0.9", "some-package": "1.2"}


def test_packages_of_this_interpreter() -> None:
    """Those that pip would list."""
    assert {"pytest", "hypothesis"} <= installed_packages().keys()


def test_only_the_program_s_own_files_are_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the library's, not what has no source; the hash is keyed and follows the content."""
    own = tmp_path / "agent.py"
    own.write_text("x = 1\n")
    module = ModuleType("agent_of_this_test")
    module.__file__ = str(own)
    monkeypatch.setitem(sys.modules, "agent_of_this_test", module)
    found = loaded_code(KEY)
    assert str(own) in found
    assert not any("site-packages" in path or path.endswith("json/__init__.py") for path in found)
    own.write_text("x = 2\n")
    assert loaded_code(KEY)[str(own)] != found[str(own)] != loaded_code(bytes([1] * 32))[str(own)]


def test_number_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of thousands of files must not cost the agent seconds."""
    monkeypatch.setattr(program, "_MOST_FILES", 2)
    for n in range(5):
        path = tmp_path / f"m{n}.py"
        path.write_text("")
        module = ModuleType(f"module_{n}_of_this_test")
        module.__file__ = str(path)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    assert len(loaded_code(KEY)) == 2


def test_file_that_cannot_be_hashed_is_none(tmp_path: Path) -> None:
    """Missing, or too large to be a source."""
    large = tmp_path / "large.py"
    large.write_bytes(bytes((2 << 20) + 1))
    assert hash_of_file(str(tmp_path / "gone.py"), KEY) is None
    assert hash_of_file(str(large), KEY) is None
    large.write_bytes(bytes(2 << 20))
    assert len(hash_of_file(str(large), KEY) or "") == 32
