"""A Python prompt at the program's frame, in the middle of a replay.

It reads and writes the terminal itself: standard input and output belong to the program and its record. Code that is typed there runs
below the boundary, so that it takes nothing from the record; the program's random numbers and its time go on where they were.
"""

from __future__ import annotations

import builtins
import code
import json
import sys
import threading
from types import FrameType
from typing import IO, TYPE_CHECKING, Any

from ..capture import belongs_to_library, describe_location, lanes, real
from .modes import Goal
from .tape import Event

if TYPE_CHECKING:
    from .session import ReplaySession

__all__ = ["converse", "parsed_body", "program_frame"]

TERMINAL = "/dev/tty"


def converse(session: ReplaySession, goal: Goal, event: Event, body: bytes | None) -> None:
    """Let a person look around at the step; returns when they are done. Without a terminal, the replay stops and says so."""
    frame = program_frame()
    names: dict[str, Any] = {**frame.f_globals, **frame.f_locals} if frame is not None else {}
    request = parsed_body(body) if body is not None else session.redacting.recorded_arguments(event, session.tape)
    names |= {"request": request, "answer": parsed_body(session.tape.content(goal.answer)), "frame": frame, "__name__": "__console__"}
    began = real.monotonic_ns()
    token = lanes.enter_crossing()
    session.paused = True
    try:
        with open(TERMINAL, encoding="utf-8") as read, open(TERMINAL, "w", encoding="utf-8") as write:
            _talk(names, _banner(goal, frame), read, write)
    except OSError as error:
        session.unsupported(event, f"there is no terminal for the prompt: {error}")
    finally:
        session.paused = False
        lanes.leave_crossing(token)
        session.stood_still(real.monotonic_ns() - began)


def program_frame() -> FrameType | None:
    """The nearest frame of the calling thread that is the program's and not a library's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and belongs_to_library(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def parsed_body(body: bytes) -> Any:
    """JSON as a value, a stream of events as the list of their JSON values, anything else as text."""
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        events = [line[len("data:") :].strip() for line in text.splitlines() if line.startswith("data:")]
    try:
        return [json.loads(event) for event in events if event != "[DONE]"] if events else text
    except ValueError:
        return events


def _banner(goal: Goal, frame: FrameType | None) -> str:
    at = describe_location((frame.f_code, frame.f_lineno)) if frame is not None else None
    where = f"at {at}" if at else "in a thread with no line of the program's in it"
    names = "its variables, and request, answer, frame" if frame is not None else "request, answer"
    return f"fr: step {goal.step} of {goal.steps}, {where}\nfr: at hand: {names}. Ctrl-D goes on with the replay."


class _ToTerminal:
    """A standard stream while the prompt is open: what the prompt's thread writes goes to the terminal, all else where it belongs."""

    def __init__(self, stream: Any, terminal: IO[str]) -> None:
        self._stream = stream
        self._terminal = terminal
        self._thread = threading.get_ident()

    def write(self, text: str) -> Any:
        return (self._terminal if threading.get_ident() == self._thread else self._stream).write(text)

    def flush(self) -> None:
        (self._terminal if threading.get_ident() == self._thread else self._stream).flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Console(code.InteractiveConsole):
    def __init__(self, names: dict[str, Any], read: IO[str], write: IO[str]) -> None:
        super().__init__(names, filename="<fr prompt>")
        self._read = read
        self._write = write

    def raw_input(self, prompt: str = "") -> str:
        self.write(prompt)
        line = self._read.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    def write(self, data: str) -> None:
        self._write.write(data)
        self._write.flush()


def _talk(names: dict[str, Any], banner: str, read: IO[str], write: IO[str]) -> None:
    """Read, evaluate and print until the end of input; streams, ``_`` and random numbers are then as they were."""
    had, last = hasattr(builtins, "_"), getattr(builtins, "_", None)
    random = sys.modules.get("random")
    state = random.getstate() if random is not None else None
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _ToTerminal(streams[0], write), _ToTerminal(streams[1], write)
    try:
        _Console(names, read, write).interact(banner=banner, exitmsg="fr: going on")
    except SystemExit:
        # exit() and quit() leave the prompt and not the program.
        write.write("fr: going on\n")
    finally:
        sys.stdout, sys.stderr = streams
        if random is not None:
            random.setstate(state)
        if had:
            builtins._ = last  # type: ignore[attr-defined]
        elif hasattr(builtins, "_"):
            del builtins._
