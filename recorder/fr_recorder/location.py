"""The line of the program that made a call: the nearest frame that is not a library's."""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType

__all__ = ["Location", "belongs_to_library", "calling_location", "describe_location", "working_directory"]

Location = tuple[CodeType, int]
"""A code object and a line number: cheap to take on the caller's thread, put into words on the writer's."""

_LIBRARY_PARTS = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages", "fr_schema", "fr_recorder", "fr_replay"))
_STDLIB = os.path.dirname(os.__file__) + os.sep
_DEPTH_LIMIT = 200

_is_library_file: dict[str, bool] = {}


def calling_location(depth: int = 1) -> Location | None:
    """Where the program called into a library, seen from ``depth`` frames above the caller."""
    frame: FrameType | None = sys._getframe(depth + 1)
    known = _is_library_file
    for _ in range(_DEPTH_LIMIT):
        if frame is None:
            return None
        code = frame.f_code
        library = known.get(code.co_filename)
        if library is None:
            library = known[code.co_filename] = belongs_to_library(code.co_filename)
        if not library:
            return code, frame.f_lineno
        frame = frame.f_back
    return None


def belongs_to_library(filename: str) -> bool:
    """True for files of the standard library, of installed packages, and of the recorder itself."""
    return filename.startswith(("<frozen", _STDLIB)) or any(part in filename for part in _LIBRARY_PARTS)


def working_directory() -> str:
    """The working directory with a separator at its end; empty where it is gone."""
    try:
        return os.getcwd() + os.sep
    except OSError:
        return ""


def describe_location(location: Location | None, here: str | None = None) -> str | None:
    """``file:line in function``; the file relative to the working directory, or to ``here``, where it lies below it."""
    if location is None:
        return None
    code, line = location
    path = code.co_filename
    if here is None:
        here = working_directory()
    if here and path.startswith(here):
        path = path[len(here) :]
    return f"{path}:{line} in {code.co_qualname}"
