"""What starting costs: an interpreter with the recorder or a replay in it, ``fr record`` as a whole, and the help of the commands."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter_ns
from typing import NamedTuple

from processes import BenchmarkFailed, clean_environment
from recorders.adapter import installed, row_of
from recorders.fr import FR
from report import NOT_INSTALLED, Section, amount, signed
from settings import Bench

from fr_replay.capture import read_format
from fr_replay.replaying import replay_environment
from fr_replay.selectors import resolve_trace
from fr_replay.store import open_store
from fr_replay.tape_writer import NOTHING_MORE, read_run, write_tape

__all__ = ["measure"]

_TAPE = os.path.join(os.path.dirname(sys.executable), "tape")
_PASS = (sys.executable, "-c", "pass")


class _Start(NamedTuple):
    name: str
    argv: tuple[str, ...]
    environment: Callable[[], Mapping[str, str]]


def measure(bench: Bench) -> list[Section]:
    """Start everything in turn, and again. Raises BenchmarkFailed."""
    bench.say("startup")
    starts = _starts(bench.scratch)
    times: dict[str, list[float]] = {start.name: [] for start in starts}
    for number in range(bench.sizes.starts + 1):
        for start in starts:
            took = _milliseconds(start)
            if number > 0:
                # The first start writes the .pyc files.
                times[start.name].append(took)
    medians = {name: median(one) for name, one in times.items()}
    bare = medians["python -c pass"]
    section = Section(
        "startup",
        "Start-up",
        f"Wall time of each command, started {bench.sizes.starts} times in turn with the others; .pyc files are in place. Injected: the "
        "environment that fr record makes, the child alone, with its store and key there already. Replayed: the environment that "
        "fr replay makes, the child alone, with the record of a run that did nothing.",
        ("command", "median ms", "over bare ms", "fastest ms"),
    )
    for start in starts:
        over = "" if start.name == "python -c pass" else signed(medians[start.name] - bare, 1)
        section.rows.append([start.name, amount(medians[start.name], 1), over, amount(min(times[start.name]), 1)])
    if not installed(row_of("reeltime")):
        section.rows.append(["tape --help", NOT_INSTALLED, "", ""])
    section.facts = {
        "startup.injected_ms": medians["python -c pass, injected by fr"] - bare,
        "startup.replayed_ms": medians["python -c pass, replayed by fr"] - bare,
        "startup.help_ms": medians["fr --help"],
    }
    return [section]


def _starts(scratch: str) -> list[_Start]:
    plain = clean_environment(os.path.join(scratch, "keys"))
    store = os.path.join(scratch, "startup-store")
    injected = _injected_environment(store, plain)

    def of_a_new_run() -> Mapping[str, str]:
        return {**injected, "FR_RUN_FOLDER": tempfile.mkdtemp(prefix="run-", dir=scratch)}

    starts = [
        _Start("python -c pass", _PASS, lambda: plain),
        _Start("python -c pass, injected by fr", _PASS, of_a_new_run),
        _Start("python -c pass, replayed by fr", _PASS, _replayed_environments(scratch, plain)),
        _Start("fr record -- python -c pass", (FR, "record", "--store", store, "--", *_PASS), lambda: plain),
        _Start("fr --help", (FR, "--help"), lambda: plain),
    ]
    if installed(row_of("reeltime")):
        tapes = {**plain, "TAPE_DIR": os.path.join(scratch, "startup-tapes")}
        starts.append(_Start("tape run python -c pass", (_TAPE, "run", *_PASS), lambda: tapes))
        starts.append(_Start("tape --help", (_TAPE, "--help"), lambda: plain))
    return starts


def _injected_environment(store: str, plain: Mapping[str, str]) -> dict[str, str]:
    """What ``fr record`` gives to the command, asked of itself: it runs ``env``. Raises BenchmarkFailed."""
    asked = subprocess.run([FR, "record", "--store", store, "--", "env", "-0"], env=dict(plain), capture_output=True, check=False)
    given = dict(line.split("=", 1) for line in asked.stdout.decode().split("\0") if "=" in line)
    if given.get("FR_MODE") != "record":
        raise BenchmarkFailed(f"fr record -- env ended with {asked.returncode} and shows no recorder: {asked.stderr.decode()[-200:]}")
    return given


def _replayed_environments(scratch: str, plain: Mapping[str, str]) -> Callable[[], Mapping[str, str]]:
    """What ``fr replay`` gives to the command, each time with a tape of its own. Raises BenchmarkFailed."""
    store_path = os.path.join(scratch, "startup-replay-store")
    recorded = subprocess.run([FR, "record", "--store", store_path, "--", *_PASS], env=dict(plain), capture_output=True, check=False)
    if recorded.returncode != 0:
        raise BenchmarkFailed(f"fr record ended with {recorded.returncode}: {recorded.stderr.decode()[-200:]}")
    store = open_store(store_path)
    store_id = read_format(store.path).store_id
    record = read_run(store, resolve_trace(store, "last"))

    def of_a_new_replay() -> Mapping[str, str]:
        folder = tempfile.mkdtemp(prefix="tape-", dir=scratch)
        write_tape(store, record, folder, store_id, NOTHING_MORE)
        return replay_environment(plain, record, folder)

    return of_a_new_replay


def _milliseconds(start: _Start) -> float:
    environment = dict(start.environment())
    started = perf_counter_ns()
    ended = subprocess.run(start.argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    took = (perf_counter_ns() - started) / 1e6
    if ended.returncode != 0:
        raise BenchmarkFailed(f"{start.name} ended with {ended.returncode}: {ended.stderr.decode(errors='replace')[-200:]}")
    return took
