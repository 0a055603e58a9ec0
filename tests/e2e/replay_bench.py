"""Recording a program, stopping the model server, and replaying: the steps that the replay tests share."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from scripted_upstream import ScriptedUpstream

FR = str(Path(sys.executable).parent / "fr")
AGENTS = Path(__file__).resolve().parent / "agents"
TIMEOUT_S = 120


@dataclass
class Run:
    """One finished process."""

    code: int
    stdout: bytes
    stderr: str


@dataclass
class Bench:
    """A store of its own, and programs recorded and replayed in it."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FR_", "OPENAI_", "ANTHROPIC_"))}
        ours = {"FR_STORE": str(self.folder / "store"), "FR_KEYS": str(self.folder / "keys"), "FR_ENV": "FR_TEST_*,QUESTION"}
        self.env = {**kept, **ours, **self.env}

    def fr(self, *argv: str, stdin: bytes | None = None, **env: str) -> Run:
        """Run one fr command."""
        done = subprocess.run([FR, *argv], input=stdin if stdin is not None else b"", capture_output=True, env={**self.env, **env},
                              cwd=self.folder, timeout=TIMEOUT_S, check=False)  # fmt: skip
        return Run(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

    def record(self, *command: str, stdin: bytes | None = None, latency_ms: float = 10, **env: str) -> Run:
        """Record a command against the scripted upstream, which is stopped afterwards."""
        with ScriptedUpstream(latency_ms=latency_ms) as upstream:
            return self.fr("record", "--", *command, stdin=stdin, FR_TEST_UPSTREAM=upstream.url, **env)

    def record_program(self, source: str, name: str = "program.py", **env: str) -> Run:
        """Record a program given as text; it lies in the bench's folder as ``name``."""
        (self.folder / name).write_text(source, encoding="utf-8")
        return self.record(sys.executable, name, **env)

    def replay(self, *argv: str, **env: str) -> Run:
        """Replay the last trace; there is no server any more."""
        return self.fr("replay", *(argv or ("last",)), **env)

    def edit(self, old: str, new: str, name: str = "program.py") -> None:
        """Change the program; exactly one place must match."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")
