"""Programs run bare and under ``fr record`` in a folder of their own, and what the store then holds of them."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fr_replay.store import open_store

FR = str(Path(sys.executable).parent / "fr")
AGENTS = Path(__file__).resolve().parent / "agents"
PROGRAMS = Path(__file__).resolve().parent / "programs"
LIMIT_S = 150
_OF_THIS_SESSION = ("FR_", "PYTHON", "OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_", "MISTRAL_")
_LAST_LINE = re.compile(r"fr: recorded trace ([0-9a-f]{32})")


class Finished(NamedTuple):
    """A process that has ended; ``code`` is negative for a signal."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def said(self) -> list[str]:
        """The lines on stderr that are the recorder's."""
        return [line for line in self.stderr.decode(errors="replace").splitlines() if line.startswith("fr: ")]

    @property
    def program_stderr(self) -> bytes:
        """What is on stderr beside the recorder's lines."""
        return b"".join(line for line in self.stderr.splitlines(keepends=True) if not line.startswith(b"fr: "))

    @property
    def trace(self) -> str:
        """The trace that the last line names."""
        found = _LAST_LINE.match(self.said[-1]) if self.said else None
        assert found, f"no trace was recorded: exit {self.code}, {self.stderr.decode(errors='replace')}"
        return found[1]


class Workspace:
    """A folder with a store and keys of its own, and an environment free of this session's recorder and provider settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_OF_THIS_SESSION)}
        self.env = {**kept, "FR_STORE": str(self.store), "FR_KEYS": str(folder / "keys")}

    def bare_env(self, **more: str) -> dict[str, str]:
        """The environment without anything of the recorder in it."""
        return {**{k: v for k, v in self.env.items() if not k.startswith("FR_") or k.startswith("FR_TEST_")}, **more}

    def run(self, *argv: str | bytes, stdin: bytes = b"", env: dict[str, str] | None = None, **options: Any) -> Finished:
        """Run a command to its end; ``env`` is added to the workspace's."""
        where = {"cwd": self.folder, "timeout": LIMIT_S, **options}
        done = subprocess.run(argv, input=stdin, capture_output=True, env={**self.env, **(env or {})}, check=False, **where)
        return Finished(done.returncode, done.stdout, done.stderr)

    def bare(self, *argv: str | bytes, stdin: bytes = b"", env: dict[str, str] | None = None) -> Finished:
        """Run a command as a user without the recorder would."""
        done = subprocess.run(argv, input=stdin, capture_output=True, env=self.bare_env(**(env or {})), cwd=self.folder, timeout=LIMIT_S)
        return Finished(done.returncode, done.stdout, done.stderr)

    def fr(self, *argv: str, **options: Any) -> Finished:
        """Run an fr command."""
        return self.run(FR, *argv, **options)

    def record(self, *argv: str | bytes, **options: Any) -> Finished:
        """Run a command under ``fr record``."""
        return self.run(FR, "record", "--", *argv, **options)

    def python(self, source: str, *argv: str, name: str = "program.py", **options: Any) -> Finished:
        """Record a Python program given as text."""
        return self.record(sys.executable, self.write(name, source), *argv, **options)

    def write(self, name: str, text: str, *, executable: bool = False) -> str:
        """Put a file into the folder; returns its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if executable:
            path.chmod(0o755)
        return str(path)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of a query over the store's views, by column name; fails when part of the store could not be read."""
        before = os.environ.get("FR_KEYS")
        os.environ["FR_KEYS"] = self.env["FR_KEYS"]
        try:
            store = open_store(str(self.store))
            try:
                names, rows = store.rows(sql, parameters)
                assert not store.notes, store.notes
            finally:
                store.close()
        finally:
            if before is None:
                del os.environ["FR_KEYS"]
            else:
                os.environ["FR_KEYS"] = before
        return [dict(zip(names, row, strict=True)) for row in rows]
