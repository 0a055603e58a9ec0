"""A recorded server for the tests of replay in a process: its traces by name, what it answered, and programs run beside it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from recording import PROGRAMS, Finished, Workspace
from scripted_upstream import ScriptedUpstream

__all__ = ["Desk", "record_desk"]


class Desk:
    """The store of a server that has answered and ended; the model server is gone.

    Attributes:
        answers: what each request returned.
        traces: by name of the root span, ids of its traces, oldest first.
    """

    def __init__(self, workspace: Workspace, answers: dict[str, Any], address: str) -> None:
        self.workspace = workspace
        self.answers = answers
        workspace.env |= {"FR_TEST_UPSTREAM": address, "DESK_LEDGER": str(workspace.folder / "replayed"), "PYTHONPATH": str(PROGRAMS)}
        sql = "SELECT name, lower(hex(trace_id)) AS id FROM all_events WHERE kind = 'span' AND parent_span_id IS NULL ORDER BY started_at"
        self.traces: dict[str, list[str]] = {}
        for row in workspace.rows(sql):
            self.traces.setdefault(row["name"], []).append(row["id"])

    @property
    def refunded(self) -> bool:
        """True when a tool's body has run again."""
        return Path(self.workspace.env["DESK_LEDGER"]).exists()

    def run(self, *argv: str, **env: str) -> Finished:
        """A Python program beside the recorded one."""
        return self.workspace.run(sys.executable, *argv, env=env)

    def fr(self, *argv: str, **env: str) -> Finished:
        """An fr command, in the program's folder."""
        return self.workspace.fr(*argv, env=env, cwd=str(PROGRAMS))


def record_desk(folder: Path) -> Desk:
    """Run the server against a model server, which is stopped afterwards."""
    workspace = Workspace(folder)
    with ScriptedUpstream(latency_ms=5) as upstream:
        env = {"FR_TEST_UPSTREAM": upstream.url, "DESK_LEDGER": os.devnull}
        done = workspace.run(sys.executable, str(PROGRAMS / "desk_server.py"), env=env)
        assert done.code == 0, done.stderr.decode()
        return Desk(workspace, json.loads(done.stdout), upstream.url)
