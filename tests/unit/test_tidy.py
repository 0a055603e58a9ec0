"""The house is tidy: sizes, names, docstrings, nothing swallowed in silence, nothing of the machine that it was written on."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = ("schema/fr_schema", "recorder/fr_recorder", "replay/fr_replay")
LONGEST_MODULE_LINES = 450
LONGEST_FUNCTION_LINES = 70
UNTELLING_NAMES = frozenset(("utils", "util", "helpers", "helper", "common", "misc"))
MODULES = sorted(path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py"))
NAMES = [str(path.relative_to(REPOSITORY)) for path in MODULES]

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Forbidden(NamedTuple):
    """Text that no file of the project holds; the pattern is in pieces, so that this file does not hold it either.

    ``specimens``: tests may hold it, as data.
    """

    name: str
    pattern: str
    specimens: bool = False


FORBIDDEN = (
    Forbidden("the folder that it was written in", r"/wor" + r"k/"),
    Forbidden("a home folder", r"(?<![\w.])/ro" + r"ot/|(?<![\w.])/ho" + r"me/(?!(?:user|you|ann|joe)\b)\w"),
    Forbidden("a temporary folder of the machine", r"(?<![\w.$}])/tm" + r"p/", specimens=True),
    Forbidden("something left to do", r"\bTO" + r"DO\b|\bFIX" + r"ME\b|\bXX" + r"X\b"),
    Forbidden("a merge conflict", r"(?m)^<{7} |^>{7} "),
)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def project_files() -> tuple[Path, ...]:
    """What git keeps, or would keep once it is added."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git working tree, so it cannot be told which files belong to the project")
    paths = (REPOSITORY / name for name in listed.stdout.decode().split("\0") if name)
    return tuple(path for path in paths if path.is_file())


def functions_of(path: Path) -> Iterator[tuple[str, Function, bool]]:
    """Qualified name, node, and whether it is public: all names on the way to it are, and none of them is a function."""

    def walk(node: ast.AST, before: str, public: bool) -> Iterator[tuple[str, Function, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                is_public = public and not child.name.startswith("_")
                yield before + child.name, child, is_public
                yield from walk(child, f"{before}{child.name}.", False)
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, f"{before}{child.name}.", public and not child.name.startswith("_"))
            else:
                yield from walk(child, before, public)

    return walk(parsed(path), "", True)


def lines_of(node: Function | ast.ClassDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def length_of(node: Function) -> int:
    """Lines from the ``def`` to the end; of a class that is made in it, the methods are measured each by itself."""
    return lines_of(node) - sum(lines_of(child) for child in node.body if isinstance(child, ast.ClassDef))


def is_overload(node: ast.AST) -> bool:
    """Overloads share the docstring of what they overload."""
    return isinstance(node, Function) and any(isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list)


def swallowing_handlers(tree: ast.Module, lines: list[str]) -> Iterator[int]:
    """Line numbers of handlers whose whole body is ``pass`` or ``...`` and that do not say why."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        idle = all(isinstance(s, ast.Pass) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)) for s in node.body)
        if idle and not any("#" in line for line in lines[node.lineno - 1 : node.body[-1].end_lineno]):
            yield node.lineno


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_module_has_a_subject_and_a_size(path: Path) -> None:
    """At most 450 lines, a name that tells, and a docstring."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE_LINES
    assert path.stem not in UNTELLING_NAMES
    assert ast.get_docstring(parsed(path))


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_functions_are_short(path: Path) -> None:
    """At most 70 lines."""
    assert {name: length_of(node) for name, node, _ in functions_of(path) if length_of(node) > LONGEST_FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_public_things_have_docstrings(path: Path) -> None:
    """Functions of a module and classes; a method may have its class's words."""
    tree = parsed(path)
    public = [node for node in tree.body if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")]
    assert [node.name for node in public if not ast.get_docstring(node) and not is_overload(node)] == []


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_nothing_is_swallowed_in_silence(path: Path) -> None:
    """A handler that does nothing says why in a comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert list(swallowing_handlers(parsed(path), lines)) == []


@pytest.mark.parametrize("forbidden", FORBIDDEN, ids=lambda row: row.name)
def test_no_file_holds(forbidden: Forbidden) -> None:
    """Paths of a machine and notes to oneself are not part of the project."""
    pattern = re.compile(forbidden.pattern)
    found = []
    for path in project_files():
        relative = path.relative_to(REPOSITORY)
        if forbidden.specimens and relative.parts[0] == "tests":
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            # Golden files are binary; what they hold was made by tests/golden/make.py from fixed data.
            text = path.read_bytes().decode("latin-1")
        found += [f"{relative}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []


def test_tests_are_no_packages() -> None:
    """pytest imports them one by one, and the rooms hold nothing but their package."""
    assert [path for path in project_files() if path.name == "__init__.py" and "tests" in path.parts] == []
    assert not [room for room in ("schema", "recorder", "replay") if (REPOSITORY / room / "__init__.py").exists()]


# -- the measure itself

SHORT_AND_LONG = (
    '''
def short():
    """S."""


class Shown:
    def long(self):
'''
    + "        x = 1\n" * 80
    + """
    def _hidden(self):
        try:
            x = 1
        except ValueError:
            pass
        try:
            x = 2
        except ValueError:
            # On purpose.
            pass
"""
)


def test_the_measure_sees_what_it_is_to_see(tmp_path: Path) -> None:
    """A long function, a silent handler, a method that is public."""
    path = tmp_path / "sample.py"
    path.write_text(SHORT_AND_LONG)
    found = {name: (length_of(node), public) for name, node, public in functions_of(path)}
    assert found == {"short": (2, True), "Shown.long": (81, True), "Shown._hidden": (10, False)}
    assert len(list(swallowing_handlers(parsed(path), SHORT_AND_LONG.splitlines()))) == 1
