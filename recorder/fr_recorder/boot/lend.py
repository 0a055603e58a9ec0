"""Lending our packages to an interpreter that they are not installed in, and nothing else of that environment.

A virtual environment without the recorder can so be recorded by an ``fr`` from another one, provided that both are of
the same Python version: the compiled packages that we need fit no other.

What we need ourselves is lent to us alone, since HTTP clients send other headers where they find a decoder such as ``zstandard``. Only
a program that looks for one after the recorder has loaded it finds it, too.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import FrameType, ModuleType

_OURS = frozenset(("fr_schema", "fr_recorder", "fr_replay"))
_NEEDED = frozenset(("re2", "_re2", "xxhash", "zstandard", "_time_machine", "time_machine"))


class _Lender:
    def __init__(self, folders: list[str]) -> None:
        self._folders = folders

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if path is not None or not (name in _OURS or (name in _NEEDED and _asked_by_us())):
            return None
        from importlib.machinery import PathFinder

        return PathFinder.find_spec(name, self._folders, target)


def _asked_by_us() -> bool:
    """True when the code that imports, seen past the import machinery, is ours or of a package that is lent."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if module not in ("importlib", "_frozen_importlib", "_frozen_importlib_external"):
            return module in _OURS or module in _NEEDED
        frame = frame.f_back
    return False


def lend(folders: list[str]) -> None:
    """Make our packages importable from ``folders``, behind everything that this interpreter has itself.

    Raises ImportError where the compiled packages in there are for another Python.
    """
    from importlib.machinery import EXTENSION_SUFFIXES

    compiled = [os.path.join(folder, "zstandard", "backend_c") for folder in folders]
    if not any(os.path.exists(stem + suffix) for stem in compiled for suffix in EXTENSION_SUFFIXES):
        raise ImportError("fr is installed for another version of Python; install fr-flight-recorder for this one too")
    sys.meta_path.append(_Lender(folders))
