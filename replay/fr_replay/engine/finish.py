"""What a replaying process says at its end: what it did not ask for again, and whether it wrote what it wrote then."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from .clock import ReplayClock
from .session import ReplaySession
from .verdict import FINISHED

__all__ = ["Finish"]

_LINE_CHARACTERS = 500


class Finish:
    """Says, once, how the replay of this process went, unless it was stopped before."""

    def __init__(self, session: ReplaySession, keeper: ReplayClock, output: list[bytes]) -> None:
        self._session = session
        self._keeper = keeper
        self._output = output
        self._said = False

    def __call__(self) -> None:
        session = self._session
        if self._said or session.gate.stopped:
            return
        self._said = True
        session.gate.stopped = True
        session.verdicts.write(
            FINISHED,
            {
                "served": session.served,
                "clock_reads_beyond_record": self._keeper.beyond,
                "used": session.used(),
                "closed": session.process.closed,
                "stdout": self._compare_output(),
            },
        )

    def _compare_output(self) -> dict[str, Any]:
        """``same`` is None when the record of a killed process ends before the output does."""
        session = self._session
        now = session.redacting.output(b"".join(self._output))
        before = session.tape.content(session.process.stdout) if session.process.stdout is not None else b""
        if before == now:
            return {"same": True, "bytes": len(now)}
        if not session.process.closed and (now.startswith(before) or before.startswith(now)):
            return {"same": None, "bytes": len(now)}
        rows = zip_longest(before.splitlines(), now.splitlines())
        number, (recorded, replayed) = next(((n, row) for n, row in enumerate(rows, 1) if row[0] != row[1]), (0, (None, None)))
        return {"same": False, "bytes": len(now), "line": number, "recorded": _shown(recorded), "replayed": _shown(replayed)}


def _shown(line: bytes | None) -> str | None:
    return None if line is None else line.decode("utf-8", "replace")[:_LINE_CHARACTERS]
