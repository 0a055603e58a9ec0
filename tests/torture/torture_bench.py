"""Recording a program against the scripted upstream and replaying it with the server stopped, and what came of it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "upstream")]

from replay_bench import FR, Bench, Run  # noqa: E402 - found through the line above
from scripted_upstream import ScriptedUpstream, UpstreamError  # noqa: E402

__all__ = ["DIVERGED", "FR", "IDENTICAL", "SILENTLY_WRONG", "Bench", "Run", "Verdict", "facts_of", "judge", "upstream"]

IDENTICAL, DIVERGED, SILENTLY_WRONG = "identical", "stopped", "silently wrong"


class Verdict(NamedTuple):
    """What came of one replay.

    Attributes:
        outcome: identical, stopped or silently wrong.
        reason: what ``fr replay`` said when it stopped.
    """

    outcome: str
    reason: str


@contextlib.contextmanager
def upstream(**options: Any) -> Iterator[ScriptedUpstream]:
    """A model server. What it says of clients that hung up on it, which cancelled and killed programs do, is no failure here."""
    server = ScriptedUpstream(**options).start()
    try:
        yield server
    finally:
        with contextlib.suppress(UpstreamError):
            server.stop()


def judge(recorded: Run, replayed: Run, logs_equal: bool) -> Verdict:
    """Exit 0 must mean that output and requests are the recorded ones; anything else must be a stop that says why."""
    if replayed.code == 0:
        same = logs_equal and replayed.stdout == recorded.stdout
        return Verdict(IDENTICAL, "") if same else Verdict(SILENTLY_WRONG, "exit 0, and output or requests are others")
    said = [line for line in replayed.stderr.splitlines() if line.startswith("fr: ")]
    stopped = replayed.code in (86, 87, 88) and bool(said)
    return Verdict(DIVERGED if stopped else SILENTLY_WRONG, said[0] if said else f"exit {replayed.code}, and no reason")


def facts_of(replayed: Run) -> dict[str, Any]:
    """The outcome that ``fr replay --json`` printed."""
    value: dict[str, Any] = json.loads(replayed.stderr[replayed.stderr.index("{") :])
    return value
