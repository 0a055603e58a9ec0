"""An answer that is shown again and again."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from fr_schema.errors import BadInput

from .opened import close_opened, notes_of_opened
from .output import say

__all__ = ["again_and_again"]

_CLEAR = "\x1b[H\x1b[2J"


def again_and_again(show: Callable[[], None], seconds: float, output: str | None, *, stop: Callable[[], bool] = lambda: False) -> None:
    """Show, wait, show again, until ``stop`` says so or Ctrl-C comes. A terminal is cleared before each. Raises BadInput for a file."""
    if output is not None:
        raise BadInput("--watch writes to a terminal or a pipe, not to a file", hint="leave -o away")
    told = set[str]()
    while True:
        if sys.stdout.isatty():
            sys.stdout.write(_CLEAR)
        show()
        sys.stdout.flush()
        for note in notes_of_opened():
            if note not in told:
                told.add(note)
                say(note)
        close_opened()
        if stop():
            return
        time.sleep(seconds)
