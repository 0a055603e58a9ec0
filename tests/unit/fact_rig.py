"""Support for tests of facts: the public calls go into a rig's journal, on the test's own thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from recorder_rig import TRACE, Rig

from fr_recorder import recorder
from fr_recorder.lanes import Lane, enter_lane, leave_lane
from fr_recorder.request_links import request_links
from fr_recorder.trace_context import TraceContext, reset_context, set_context


def record_facts(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the public calls record into a rig."""
    monkeypatch.setattr(recorder, "_recorder", SimpleNamespace(trace=TRACE, labels={}, writer=rig))
    request_links.forget()


@contextmanager
def in_lane(lane: Lane) -> Iterator[None]:
    """Run in a lane."""
    token = enter_lane(lane)
    try:
        yield
    finally:
        leave_lane(token)


@contextmanager
def in_context(context: TraceContext) -> Iterator[None]:
    """Run in a trace."""
    token = set_context(context)
    try:
        yield
    finally:
        reset_context(token)


def of_kind(rig: Rig, kind: str) -> dict[str, Any]:
    """The only row of a kind."""
    (row,) = [row for row in rig.rows() if row["kind"] == kind]
    return row


def text_of(rig: Rig, blob_id: bytes) -> str:
    """A stored part."""
    return rig.blobs()[blob_id].data.decode()
