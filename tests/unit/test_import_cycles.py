"""What two threads may import at the same moment has no cycle.

Of two threads that each wait for a module the other is loading, Python gives one the half-made module: it fails with ImportError, and
where that thread is the writer's, records are lost. A package counts as imported by its modules, since they load it first.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

LOADED_AT_START = frozenset(("fr_recorder", "fr_schema", "fr_schema.providers"))
"""Packages that are whole before there is a second thread; ``fr_schema.providers`` is none that a recorded program loads."""


def modules() -> dict[str, Path]:
    """Every module of the two rooms that the writer's thread enters, by its full name."""
    found = {}
    for room in ("recorder", "schema"):
        for path in (ROOT / room).rglob("*.py"):
            parts = path.relative_to(ROOT / room).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path) -> set[str]:
    """What a module imports when it is loaded, with the packages that are loaded before it is."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = {package}
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - statement.level + 1] if statement.level else []
            source = ".".join([*above, *([statement.module] if statement.module else [])])
            found |= {source} | {f"{source}.{alias.name}" for alias in statement.names}
    return found - {name}


def test_modules_import_one_another_in_one_direction() -> None:
    """An order exists in which each module comes after all that it needs."""
    every = modules()
    assert len(every) > 100
    graph = {name: (imported(name, path) & every.keys()) - LOADED_AT_START for name, path in every.items() if name not in LOADED_AT_START}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise AssertionError(f"these import one another in a circle: {' -> '.join(error.args[1])}") from None
    assert set(order) == every.keys() - LOADED_AT_START


TWO_THREADS = """
import random, sys, threading
sys.setswitchinterval(1e-6)
import fr_recorder
failures = []
def load(module, name):
    try:
        getattr(__import__(module, fromlist=[name]), name)
    except BaseException as error:
        failures.append(repr(error))
wanted = [("fr_recorder.redact", "Redactor"), ("fr_recorder.redact.policy_file", "DEFAULT_POLICY")]
threads = [threading.Thread(target=load, args=one) for one in random.sample(wanted, 2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(failures)
"""


def test_two_threads_load_redaction_at_once() -> None:
    """The door and the policies, as the writer and the program do."""
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", TWO_THREADS], capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout == "[]\n"
