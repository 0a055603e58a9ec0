"""What the end-to-end tests share: a model server for the session, and a folder with a store of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from recording import Workspace
from scripted_upstream import ScriptedUpstream


@pytest.fixture(scope="session")
def _session_upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(seed=11, piece_pause_ms=0.2) as running:
        yield running


@pytest.fixture
def upstream(_session_upstream: ScriptedUpstream) -> ScriptedUpstream:
    """The session's model server, with an empty log."""
    _session_upstream.reset()
    return _session_upstream


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A store, keys and an environment of this test's own; programs in it run in its folder."""
    return Workspace(tmp_path)
