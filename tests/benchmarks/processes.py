"""The processes that the benchmarks start: the server, and one fresh process per cell."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from recorders.adapter import Place

__all__ = ["BenchmarkFailed", "Cell", "Upstream", "cell_place", "clean_environment", "run_cell"]

HERE = Path(__file__).resolve().parent
START_TIMEOUT_S = 30.0
CELL_TIMEOUT_S = 120.0

_LEFT_OUT = ("FR_", "OTEL_", "LANGFUSE_", "REELTIME_", "TAPE_", "OPENAI_", "PYTHON")
"""Prefixes of variables that would configure a recorder, a client or the interpreter behind our back."""


class BenchmarkFailed(Exception):
    """A process of the benchmarks did not do its work; the message says which, and how it ended."""


class Cell(NamedTuple):
    """What a cell's process left: its figures, and its exit code (negative: the signal that ended it)."""

    figures: dict[str, Any]
    exit_code: int


def clean_environment(keys: str) -> dict[str, str]:
    """This environment without what configures recorders, and with our keys in a folder of the benchmark's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT) or name == "PYTHONPATH"}
    return {**kept, "FR_KEYS": keys}


class Upstream:
    """The server process, as a context manager; see ``upstream.py`` for the arguments."""

    def __init__(self, *, latency_ms: float = 20.0, answer_characters: int = 1_600, keep: str | None = None) -> None:
        self._arguments = [f"--latency-ms={latency_ms}", f"--answer-characters={answer_characters}"]
        if keep is not None:
            self._arguments.append(f"--keep={keep}")
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        # -E ignores PYTHONPATH, through which a recorder could be injected into the server itself.
        command = [sys.executable, "-E", str(HERE / "upstream.py"), *self._arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process = process
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
        line = process.stdout.readline().decode() if readable else ""
        if not line.startswith("listening on "):
            self._end()
            raise BenchmarkFailed(f"the server did not start: {line!r}")
        self.url = line.removeprefix("listening on ").strip()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@contextmanager
def cell_place(scratch: str) -> Iterator[Place]:
    """A fresh folder and collector for one cell; both are gone afterwards."""
    folder = tempfile.mkdtemp(prefix="cell-", dir=scratch)
    uploads = tempfile.mkdtemp(prefix="uploads-", dir=scratch)
    try:
        with Upstream(keep=uploads) as collector:
            yield Place(folder, collector.url, uploads)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(uploads, ignore_errors=True)


def run_cell(measure: str, recorder: str, place: Place, arguments: Mapping[str, Any], *, killed: bool = False) -> Cell:
    """Run one cell of a measure in a fresh interpreter, and wait for it.

    Args:
        measure: a module of ``measures/`` with a function ``in_cell(recorder, place, **arguments)`` that returns a mapping.
        recorder: name of the recorder.
        arguments: must be JSON.
        killed: the cell kills itself; it then leaves no figures.

    Raises:
        BenchmarkFailed: when it ends otherwise than it should.
    """
    scratch = os.path.dirname(place.folder)
    result = os.path.join(scratch, os.path.basename(place.folder) + ".json")
    asked = json.dumps({"measure": measure, "recorder": recorder, "place": place, "arguments": dict(arguments), "result": result})
    ended = subprocess.run(
        [sys.executable, str(HERE / "cell.py"), asked],
        env=clean_environment(os.path.join(scratch, "keys")),
        cwd=place.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=CELL_TIMEOUT_S,
        check=False,
    )
    if ended.returncode != (-9 if killed else 0):
        said = ended.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise BenchmarkFailed(f"{measure} with {recorder} ended with exit code {ended.returncode}: {said[0]}")
    if killed:
        return Cell({}, ended.returncode)
    with open(result, encoding="utf-8") as file:
        figures: dict[str, Any] = json.load(file)
    os.unlink(result)
    return Cell(figures, ended.returncode)
