"""Which SQLite databases a replaying program may write: those in files that it may write. Others are opened for reading.

SQLite writes past Python, so statements are looked at by an authorizer on each connection of the standard library's module.
"""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .guarded_files import FileGuard

__all__ = ["DatabaseGuard", "writes_sql"]

_READS_SQL = frozenset((19, 20, 21, 22, 25, 31, 32, 33))
"""Authorizer codes that leave the file as it is: pragma, read, select, transaction, detach, function, savepoint, recursive
(sqlite.org/c3ref/c_alter_table.html)."""

_TEMPORARY_SQL = frozenset((3, 4, 5, 6, 12, 13, 14, 15))
"""Codes of what makes and drops temporary tables, indexes, triggers and views."""

_PRAGMA, _ATTACH = 19, 24
_DENY = 1
_WRITING_PRAGMAS = frozenset(
    ("application_id", "auto_vacuum", "incremental_vacuum", "journal_mode", "optimize", "schema_version", "user_version", "wal_checkpoint")
)


class DatabaseGuard:
    """Looks at connections and at what they execute.

    Args:
        files: says which files may be written.
        refuse: stops the replay, with what the program did.
    """

    def __init__(self, files: FileGuard, refuse: Callable[[str], None]) -> None:
        self._files = files
        self._refuse = refuse
        self._watched = threading.local()

    def watch(self, module: ModuleType) -> None:
        """Have every connection looked at that ``sqlite3.connect`` makes."""
        import sys

        connect: Any = module.connect

        def connect_watched(*args: Any, **named: Any) -> Any:
            self._watched.now = True
            try:
                connection = connect(*args, **named)
            finally:
                self._watched.now = False
            path = _file_of(args[0] if args else named.get("database"))
            if path is not None and not self._files.is_free(path):
                connection.set_authorizer(self._authorizer(os.path.realpath(path)))
            return connection

        for place in (module, sys.modules.get("sqlite3")):
            if getattr(place, "connect", None) is connect:
                place.connect = connect_watched  # type: ignore[union-attr]

    def connects(self, args: tuple[Any, ...]) -> str | None:
        """The audit event ``sqlite3.connect``: a database that is not there would be made."""
        path = _file_of(args[0])
        if path is None or self._files.is_free(path):
            return None
        real = os.path.realpath(path)
        if not os.path.exists(real):
            return f"the program makes the database {real}, which replay holds back; {_way_out(real)}"
        if not getattr(self._watched, "now", False):
            return f"the program opens the database {real} so that its writes cannot be seen, which replay holds back; {_way_out(real)}"
        return None

    def _authorizer(self, path: str) -> Callable[..., int]:
        def authorize(action: int, first: str | None, second: str | None, database: str | None, _: str | None) -> int:
            if not writes_sql(action, first, second, database) or (action == _ATTACH and self._files.is_free(first)):
                return 0
            self._refuse(f"the program writes into the database {path}, which replay holds back; {_way_out(path)}")
            return _DENY

        return authorize


def writes_sql(action: int, first: str | None, second: str | None, database: str | None) -> bool:
    """True for an authorizer's question about something that changes a database file."""
    if action == _PRAGMA:
        return second is not None and str(first).lower() in _WRITING_PRAGMAS
    if action == _ATTACH:
        return first not in ("", ":memory:", None)
    return action not in _READS_SQL and action not in _TEMPORARY_SQL and database != "temp"


def _way_out(path: str) -> str:
    return f"fr replay --allow-writes {shlex.quote(os.path.dirname(path))} lets it"


def _file_of(database: Any) -> str | None:
    """The file that sqlite3 is asked to open for writing; None for a database in memory, and for one that is opened for reading only."""
    if database is None or isinstance(database, int):
        return None
    text = os.fsdecode(database)
    if text in ("", ":memory:"):
        return None
    if not text.startswith("file:"):
        return text
    name, _, query = text[5:].partition("?")
    if name in ("", ":memory:") or any(word in query for word in ("mode=memory", "mode=ro", "immutable=1")):
        return None
    from urllib.parse import unquote

    return unquote(name.removeprefix("//"))
