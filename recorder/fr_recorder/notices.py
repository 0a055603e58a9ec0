"""Telling the user on stderr, once per matter and process, past any redirection of ``sys.stderr``."""

from __future__ import annotations

import os

__all__ = ["tell"]

_told: set[str] = set()


def tell(about: str, message: str) -> None:
    """Write one line to file descriptor 2, unless this matter was told before. Never raises."""
    if about in _told:
        return
    _told.add(about)
    try:
        os.write(2, (" ".join(message.split()) + "\n").encode("utf-8", "replace"))
    except OSError:
        # A program may run with stderr closed; the matter is in the record as well.
        return
