"""``kill -9`` at random moments: every call that had returned is readable, and replay gets as far as the record does, and says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import NamedTuple

from torture_bench import FR, HERE, Bench, upstream

from fr_replay.store import open_store

__all__ = ["KINDS", "KillResults", "run_kills"]

KINDS = ("one thread", "threads", "event loop")
PROGRAM = str(HERE / "killed_program.py")
LIMIT_S = 60.0
MOST_CALLS = 40


class KillResults(NamedTuple):
    """What was left after the kills.

    Attributes:
        kills: how many there were.
        returned, readable: calls that had returned, and how many of them are in the store.
        reached: replays with exit 0 that handed out the same answers to every call that had returned, and say that the record ends there.
        wrong: what was not so.
    """

    kills: int
    returned: int
    readable: int
    reached: int
    wrong: list[str]


def run_kills(numbers: Iterable[int], say: Callable[[str], None]) -> KillResults:
    """One kill for each number, which decides the kind of program and the moment."""
    kills = returned = readable = reached = 0
    wrong: list[str] = []
    with upstream(latency_ms=6) as server:
        for number in numbers:
            with tempfile.TemporaryDirectory(prefix="fr-torture-") as folder:
                bench, kind = Bench(Path(folder)), KINDS[number % len(KINDS)]
                file = bench.folder / "returned"
                lines = _kill(bench, kind, file, number, server.url)
                kills += 1
                returned += len(lines)
                found = _answers_on_record(bench)
                readable += min(len(lines), found)
                problem = _problem(bench, file, lines) if found >= len(lines) else f"{len(lines)} calls returned, {found} are on record"
                reached += problem is None
                if problem is not None:
                    wrong.append(f"kill {number} ({kind}): {problem}")
                    say(wrong[-1])
    return KillResults(kills, returned, readable, reached, wrong)


def _kill(bench: Bench, kind: str, file: Path, number: int, url: str) -> list[str]:
    """Record the program and kill it at a random moment. Returns the calls that had returned."""
    chance = Random(f"kill {number}")
    pid_file = bench.folder / "pid"
    shell = ("/bin/sh", "-c", f'echo $$ > "{pid_file}"; exec "$@"', "sh")
    argv = [FR, "record", "--", *shell, sys.executable, PROGRAM, kind, str(file)]
    file.touch()
    with subprocess.Popen(argv, env={**bench.env, "FR_TEST_UPSTREAM": url}, cwd=bench.folder, stderr=subprocess.PIPE) as recording:
        deadline, wanted = time.monotonic() + LIMIT_S, chance.randrange(1, MOST_CALLS)
        while file.read_bytes().count(b"\n") < wanted:
            if recording.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the program does not get on: {recording.communicate()}")
            time.sleep(0.001)
        # Not to synchronise, but to hit any moment of a call.
        time.sleep(chance.uniform(0, 0.015))
        os.kill(int(pid_file.read_text(encoding="ascii")), signal.SIGKILL)
        recording.communicate(timeout=LIMIT_S)
    return file.read_text(encoding="utf-8").splitlines()


def _answers_on_record(bench: Bench) -> int:
    """How many calls are in the store with their end."""
    before = os.environ.get("FR_KEYS")
    os.environ["FR_KEYS"] = bench.env["FR_KEYS"]
    try:
        store = open_store(bench.env["FR_STORE"])
        try:
            _, rows = store.rows(
                "SELECT count(*) FROM all_events WHERE kind = 'llm_attempt' AND phase = 'end' AND response_end = 'eof'", []
            )
        finally:
            store.close()
    finally:
        os.environ.pop("FR_KEYS")
        if before is not None:
            os.environ["FR_KEYS"] = before
    return int(rows[0][0])


def _problem(bench: Bench, file: Path, lines: list[str]) -> str | None:
    """What is wrong with the replay; None when it went as far as the record does and said that."""
    file.write_bytes(b"")
    replayed = bench.replay("last", "--allow-writes", str(bench.folder))
    again = file.read_text(encoding="utf-8").splitlines()
    if replayed.code != 0 or "the record ends here" not in replayed.stderr:
        return f"exit {replayed.code}: {replayed.stderr[:500]}"
    missing = set(lines) - set(again)
    # What had been answered, and was killed before the program could note it, is handed out as well.
    return f"not handed out again: {sorted(missing)}" if missing else None
