"""Which commit the program's code is at, and how it differs from that: asked of git, while other things are done."""

from __future__ import annotations

import hmac
import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["CodeState", "GitQuestion", "working_folder"]

_LONGEST_S = 1.0


class CodeState(NamedTuple):
    """What git says.

    Attributes:
        commit: None where it does not say.
        dirty: True when tracked files have uncommitted changes.
        diff: keyed hash of those changes, 32 hex characters; None where there are none.
    """

    commit: str | None = None
    dirty: bool | None = None
    diff: str | None = None


def working_folder() -> str:
    """The current folder; for one that was removed, its old path with the kernel's remark ``(deleted)``."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return os.readlink("/proc/self/cwd")


class GitQuestion:
    """Asks git about the folder of a command's script."""

    def __init__(self, argv: Sequence[str]) -> None:
        script = next((a for a in argv[1:] if a.endswith(".py") and os.path.exists(a)), None)
        self._folder = os.path.dirname(os.path.abspath(script)) if script else working_folder()
        self._process = self._ask("status", "--porcelain=v2", "--branch", "--untracked-files=no")

    def _ask(self, *words: str) -> subprocess.Popen[bytes] | None:
        try:
            return subprocess.Popen(
                ["git", "-C", self._folder, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError:
            # No git here: the commit is unknown, and stays NULL.
            return None

    def answer(self, key: bytes) -> CodeState:
        """What git says; it is asked for the changes, and waited for again, only where there are some. Args: key: of the hash."""
        text = self._said()
        lines = text.decode(errors="replace").splitlines() if text is not None else []
        commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), None)
        if commit is None or commit == "(initial)":
            return CodeState()
        if all(line.startswith("#") for line in lines):
            return CodeState(commit, False)
        self._process = self._ask("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--binary", "HEAD")
        changes = self._said()
        return CodeState(commit, True, hmac.digest(key, changes, "sha256").hex()[:32] if changes else None)

    def _said(self) -> bytes | None:
        """What git wrote; None where it failed, or took over a second."""
        if self._process is None:
            return None
        try:
            text, _ = self._process.communicate(timeout=_LONGEST_S)
        except subprocess.TimeoutExpired:
            self.stop()
            return None
        return text if self._process.returncode == 0 else None

    def stop(self) -> None:
        """Do not wait for the answer any longer; harmless when it is there."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            self._process.communicate()
