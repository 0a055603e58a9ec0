"""Lending our packages to an interpreter that they are not installed in, and nothing else of that environment.

A virtual environment without the recorder can so be recorded by an ``fr`` from another one, provided that both are of
the same Python version: the compiled packages that we need fit no other.
"""

import sys

_NAMES = frozenset(("fr_schema", "fr_recorder", "fr_replay", "re2", "_re2", "xxhash", "zstandard", "_time_machine", "time_machine"))


class _Lender:
    def __init__(self, folders):
        self._folders = folders

    def find_spec(self, name, path=None, target=None):
        if path is not None or name not in _NAMES:
            return None
        from importlib.machinery import PathFinder

        return PathFinder.find_spec(name, self._folders, target)


def lend(folders):
    """Make our packages importable from ``folders``, behind everything that this interpreter has itself."""
    sys.meta_path.append(_Lender(folders))
