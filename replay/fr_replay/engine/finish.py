"""What a replaying process says at its end: what it did not ask for again, and whether it wrote what it wrote then."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from ..divergence import text_difference
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
                "notes": session.notes,
                "files": session.inputs.changed() if session.inputs is not None else {},
                "closed": session.process.closed,
                "stdout": self.so_far() if session.stops.before_the_end else self._compare_output(),
                "moved": session.moves.rows if session.moves is not None else [],
                "order_given_up": session.gate.opened,
            },
        )

    def so_far(self) -> dict[str, Any]:
        """Whether all whole lines that were written until now are those with which the record begins; see :meth:`_compare_output`."""
        lines = b"".join(self._output)
        now = self._session.redacting.output(lines[: lines.rfind(b"\n") + 1])
        before = self._recorded()
        if before.startswith(now):
            return {"same": True, "bytes": len(now)}
        if not self._session.process.closed and now.startswith(before):
            return {"same": None, "bytes": len(now)}
        return _first_difference(before, now)

    def _recorded(self) -> bytes:
        process = self._session.process
        return self._session.tape.content(process.stdout) if process.stdout is not None else b""

    def _compare_output(self) -> dict[str, Any]:
        """``same`` is None when the record of a killed process ends before the output does."""
        session = self._session
        now = session.redacting.output(b"".join(self._output))
        before = self._recorded()
        if before == now:
            return {"same": True, "bytes": len(now)}
        if not session.process.closed and (now.startswith(before) or before.startswith(now)):
            return {"same": None, "bytes": len(now)}
        return _first_difference(before, now)


def _first_difference(before: bytes, now: bytes) -> dict[str, Any]:
    """The first line that differs, from 1, with its text on both sides (None where there is none), and the character in it, from 0."""
    rows = zip_longest(before.splitlines(keepends=True), now.splitlines(keepends=True))
    number, sides = next(((n, row) for n, row in enumerate(rows, 1) if row[0] != row[1]), (0, (None, None)))
    recorded, replayed = (None if line is None else line.decode("utf-8", "replace") for line in sides)
    character = text_difference(recorded, replayed) if recorded is not None and replayed is not None else None
    start = max(0, (character or 0) - _LINE_CHARACTERS // 2)
    shown = [None if line is None else line.rstrip("\r\n")[start : start + _LINE_CHARACTERS] for line in (recorded, replayed)]
    return {
        "same": False,
        "bytes": len(now),
        "line": number,
        "character": character,
        "from_character": start,
        "recorded": shown[0],
        "replayed": shown[1],
    }
