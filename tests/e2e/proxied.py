"""Support for tests of ``fr proxy``: a running one, and the Node SDKs where they can be had."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from recording import FR, Finished, Workspace

START_S = 60.0
STOP_S = 60.0


class Proxy:
    """``fr proxy`` as a process of its own, with the route ``openai`` to some upstream.

    Attributes:
        workspace: whose store it records into.
        url: its address.
        ended: how it ended, once it has.
    """

    def __init__(self, workspace: Workspace, upstream: str, *options: str) -> None:
        self.workspace = workspace
        self._command = [FR, "proxy", "--port", "0", "--route", f"openai={upstream}", *options]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - read when it has ended
        self.url = ""
        self.ended: Finished | None = None

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=self._said, env=self.workspace.env, cwd=self.workspace.folder
        )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_S)
        self.url = self.process.stdout.readline().decode().strip() if ready else ""
        if not self.url:
            self.process.kill()
            raise AssertionError(f"the proxy did not start: {self.stop().stderr.decode()}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.ended is None:
            self.stop()

    @property
    def base(self) -> str:
        """The base URL for OpenAI's SDKs."""
        return f"{self.url}/openai/v1"

    def kill(self) -> None:
        """As the kernel or a machine's end would."""
        self.process.kill()
        self.stop()

    def stop(self) -> Finished:
        """End it in order, and say how that went."""
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        rest = self.process.stdout.read()
        self.process.stdout.close()
        self._said.seek(0)
        self.ended = Finished(self.process.returncode, rest, self._said.read())
        self._said.close()
        return self.ended


def node_modules() -> Path | str:
    """The folder with the official npm SDKs, which ``FR_NODE_MODULES`` names; a text that says why not, where there is none."""
    if shutil.which("node") is None:
        return "there is no node on this machine"
    given = os.environ.get("FR_NODE_MODULES")
    if not given:
        return "FR_NODE_MODULES names no folder with the npm SDKs; `make node` makes one"
    return Path(given) if Path(given, "openai").is_dir() else f"FR_NODE_MODULES={given} holds no openai"
