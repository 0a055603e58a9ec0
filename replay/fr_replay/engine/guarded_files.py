"""Which writes to the file system a replaying program may do: those that leave nothing behind, and those that were allowed.

Free are devices that are no disk, pipes, shared memory, the replay's own folder, and what the replaying program itself has made in the
temporary folder; that is removed when the replay ends. Everything else needs ``--allow-writes DIR``. What would fail anyway (removing
what is not there, making a folder that is) is let through to fail.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Sequence
from typing import Any

from .input_files import InputFiles

__all__ = ["FILE_EVENTS", "MADE_FILE", "FileGuard", "remove_made"]

MADE_FILE = "made"
"""The file of the replay's folder that lists what its processes have made in temporary folders, one path a line (as ``os.fsencode``)."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FREE_DEVICES = frozenset(("/dev/null", "/dev/tty", "/dev/zero", "/dev/full", "/dev/stdout", "/dev/stderr", "/dev/ptmx"))
_FREE_ROOTS = ("/dev/pts/", "/dev/fd/", "/dev/shm/", "/proc/")
_NO_FOLDER = (-1, None)


class FileGuard:
    """Says of an audit event what the program is about to do to which file, or None when it may.

    Args:
        folder: the replay's own folder.
        allowed: folders in which everything may be written, absolute.
        inputs: is told of what is opened for reading.
    """

    def __init__(self, folder: str, allowed: Sequence[str], inputs: InputFiles) -> None:
        self._roots = tuple(os.path.realpath(root) + os.sep for root in (folder, *allowed))
        self._temporary = frozenset(os.path.realpath(path) for path in _temporary_folders())
        self._list = os.path.join(folder, MADE_FILE)
        self._made: set[str] = set()
        self.inputs = inputs
        self._read = 0
        self._descriptor = os.open(self._list, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def opens(self, args: tuple[Any, ...]) -> str | None:
        """``open``: path, mode, flags; of every ``open()``, and of ``os.open`` with None for the mode."""
        path, mode, flags = args
        if not (flags & _WRITES if type(flags) is int and flags else mode is not None and any(letter in mode for letter in "wax+")):
            self.inputs.opened(path)
            return None
        if isinstance(path, int) or (flags & os.O_TMPFILE) == os.O_TMPFILE:
            # A descriptor that is open already was looked at; a file without a name leaves nothing.
            return None
        real = _real(path)
        if real is None or self._is_free(real) or "/__pycache__/" in real:
            return None
        creates = mode is not None and "r" not in mode if not flags else bool(flags & os.O_CREAT)
        if not os.path.lexists(real):
            if not creates or self._may_make(real):
                return None
        elif os.path.isdir(real) or _is_pipe(real):
            # A folder cannot be opened for writing; an opener that makes a file in it is looked at by itself.
            return None
        return self._refused("writes", real)

    def changes(self, verb: str, path: Any, folder: Any) -> str | None:
        """Something that is there is removed or altered."""
        real = _real(path, folder, follow=False)
        if real is None or self._is_free(real) or not os.path.lexists(real):
            return None
        return self._refused(verb, real)

    def makes(self, verb: str, path: Any, folder: Any) -> str | None:
        """Something that is not there is made."""
        real = _real(path, folder, follow=False)
        if real is None or self._is_free(real) or os.path.lexists(real) or self._may_make(real):
            return None
        return self._refused(verb, real)

    def moves(self, args: tuple[Any, ...]) -> str | None:
        """``os.rename``: source, destination, and their folders; a destination that is there is replaced."""
        source, target, source_folder, target_folder = args
        here = _real(source, source_folder, follow=False)
        if here is None or not os.path.lexists(here):
            return None
        return (
            self.changes("moves", source, source_folder)
            or self.makes("moves a file to", target, target_folder)
            or self.changes("replaces", target, target_folder)
        )

    def is_free(self, path: Any) -> bool:
        """True when the program may do anything to this file."""
        real = _real(path)
        return real is None or self._is_free(real) or (not os.path.lexists(real) and self._may_make(real))

    def _is_free(self, real: str) -> bool:
        if (real + os.sep).startswith((*self._roots, *_FREE_ROOTS)) or real in _FREE_DEVICES:
            return True
        return self._is_made(real)

    def _is_made(self, real: str) -> bool:
        """True for what a process of this replay has made in a temporary folder, and all below it."""
        tops = self._tops(real)
        if not tops:
            return False
        if self._made.isdisjoint(tops):
            self._read_list()
        return not self._made.isdisjoint(tops)

    def _tops(self, real: str) -> list[str]:
        """The entries of temporary folders that a path lies in, or is; one temporary folder may lie in another."""
        inside = (folder for folder in self._temporary if real.startswith(folder + os.sep))
        return [os.path.join(folder, real[len(folder) + 1 :].partition(os.sep)[0]) for folder in inside]

    def _may_make(self, real: str) -> bool:
        """A new entry of a temporary folder may be made; it is noted, and removed in the end."""
        if os.path.dirname(real) not in self._temporary:
            return False
        self._made.add(real)
        os.write(self._descriptor, os.fsencode(real).replace(b"\n", b"\0") + b"\n")
        return True

    def _read_list(self) -> None:
        """Learn what other processes of the replay have made."""
        data = os.pread(self._descriptor, 1 << 20, self._read)
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        self._made.update(os.fsdecode(line.replace(b"\0", b"\n")) for line in whole.splitlines())

    @staticmethod
    def _refused(verb: str, real: str) -> str:
        folder = shlex.quote(os.path.dirname(real))
        return f"the program {verb} {real}, which replay holds back; fr replay --allow-writes {folder} lets it"


def remove_made(folder: str) -> None:
    """Remove what the processes of a replay have made in temporary folders and left there."""
    try:
        with open(os.path.join(folder, MADE_FILE), "rb") as file:
            paths = [os.fsdecode(line.replace(b"\0", b"\n")) for line in file.read().splitlines()]
    except FileNotFoundError:
        return
    for path in paths:
        if os.path.isdir(path) and not os.path.islink(path):
            from shutil import rmtree

            rmtree(path, ignore_errors=True)
        elif os.path.lexists(path):
            os.unlink(path)


def _temporary_folders() -> list[str]:
    """Where tempfile would look; it is not imported for this."""
    named = [os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
    return [path for path in (*named, "/tmp", "/var/tmp") if os.path.isdir(path)]


def _real(path: Any, folder: Any = -1, *, follow: bool = True) -> str | None:
    """The path without links; of what is removed or renamed, without following the last one. None for what is no path."""
    if isinstance(path, int) or path is None:
        return None
    try:
        text = os.fsdecode(path)
        if folder not in _NO_FOLDER and not os.path.isabs(text):
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
        if follow:
            return os.path.realpath(text)
        parent, name = os.path.split(text.rstrip(os.sep) or os.sep)
        return os.path.realpath(os.path.join(parent, name)) if name in ("", ".", "..") else os.path.join(os.path.realpath(parent), name)
    except (OSError, TypeError, ValueError):
        # The call itself will fail on this.
        return None


def _is_pipe(real: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(real).st_mode)
    except OSError:
        return False


FILE_EVENTS: dict[str, Callable[[FileGuard, tuple[Any, ...]], str | None]] = {
    "open": FileGuard.opens,
    "os.remove": lambda guard, args: guard.changes("deletes", args[0], args[1]),
    "os.rmdir": lambda guard, args: guard.changes("removes the folder", args[0], args[1]),
    "os.mkdir": lambda guard, args: guard.makes("makes the folder", args[0], args[2]),
    "os.rename": FileGuard.moves,
    "os.link": lambda guard, args: guard.makes("links", args[1], args[3]),
    "os.symlink": lambda guard, args: guard.makes("links", args[1], args[2]),
    "os.truncate": lambda guard, args: guard.changes("truncates", args[0], -1),
    "os.chmod": lambda guard, args: guard.changes("changes the mode of", args[0], args[2]),
    "os.chown": lambda guard, args: guard.changes("changes the owner of", args[0], args[3]),
    "os.utime": lambda guard, args: guard.changes("changes the times of", args[0], args[3]),
    "os.setxattr": lambda guard, args: guard.changes("changes attributes of", args[0], -1),
    "os.removexattr": lambda guard, args: guard.changes("changes attributes of", args[0], -1),
}
"""Audit event to its check; ``shutil`` and ``pathlib`` come down to these."""
