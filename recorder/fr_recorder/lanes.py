"""Lanes: the logical path of a task or thread, such as ``p0/worker#3/ask#0``.

A lane names *who asks* independently of timing: replay finds the recorded answer of a call by its lane and its
number in that lane. Children are numbered by name, so that a task more of one kind does not shift the others,
and tasks that exist only because a call went live (connection attempts, pool upkeep) get no lane at all.
"""

from __future__ import annotations

import contextvars
import itertools
from _thread import _local
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .trace_context import TraceContext

__all__ = [
    "Lane",
    "current_lane",
    "inside_crossing",
    "lane_by_context",
    "lane_of_thread",
    "replace_root_lane",
    "root_lane",
    "run_job_in_lane",
    "set_root_lane",
]


class Lane:
    """One logical path, with the counters that replay matches by.

    Attributes:
        path: unique within a run.
        context: the trace context that a thread of this lane starts in (threads do not inherit context variables).
        last_attempt: the lane's last HTTP exchange, to recognise a retry of it.
        reads: values noted since the last flush, by source; see :mod:`fr_recorder.reads`.
        room: when a list of these grows longer than this, the log is to look at it; 0 while the lane has nothing noted.
        handed: in replay, what is left of the recorded clock values; see :mod:`fr_recorder.clock_readers`.
        replay: what the replay engine knows of this lane.
    """

    __slots__ = ("_children", "_sequence", "_timers", "context", "handed", "last_attempt", "path", "reads", "replay", "room")

    def __init__(self, path: str, context: TraceContext | None = None) -> None:
        self.path = path
        self.context = context
        self.last_attempt: Any = None
        self.reads: dict[str, list[int]] = {}
        self.room = 0
        self.handed: dict[object, Iterator[int]] = {}
        self.replay: Any = None
        self._sequence = itertools.count()
        self._children: dict[str, itertools.count[int]] = {}
        self._timers: dict[str, itertools.count[int]] = {}

    def next_timer(self, name: str) -> int:
        """The number of the next timer of this name in this lane, from 0."""
        return next(self._timers.setdefault(name, itertools.count()))

    def next_sequence(self) -> int:
        """The number of the next crossing in this lane, from 0."""
        return next(self._sequence)

    def child(self, name: str, context: TraceContext | None = None) -> Lane:
        """A new lane below this one, numbered among the children of the same name."""
        number = next(self._children.setdefault(name, itertools.count()))
        return Lane(f"{self.path}/{name}#{number}", context)

    def __repr__(self) -> str:
        return f"Lane({self.path!r})"


_lane_of_context: contextvars.ContextVar[Lane | None] = contextvars.ContextVar("fr_lane", default=None)
_inside: contextvars.ContextVar[bool] = contextvars.ContextVar("fr_inside", default=False)


class _Thread(_local):
    """The lane of the calling thread. Named in the class, because a miss on a thread's own attribute takes 300 ns."""

    lane: Lane | None = None


lane_of_thread = _thread = _Thread()
root = Lane("p0")

lane_by_context: Callable[[], Lane | None] = _lane_of_context.get
"""The lane that the context names, which is not always the right one; see :func:`current_lane`."""

threads_have_lanes = False
"""True once a thread has had a lane of its own: before that nobody need ask for it."""


def root_lane() -> Lane:
    """The lane of the process's first thread."""
    return root


def set_root_lane(path: str) -> None:
    """Start this process's lanes anew at ``path``: at boot, and in the child of a fork."""
    global root
    root = Lane(path)
    _lane_of_context.set(None)
    _thread.lane = None


def replace_root_lane(lane: Lane) -> Lane:
    """Make ``lane`` that of all code which has none of its own; returns the one before."""
    global root
    before, root = root, lane
    return before


def current_lane() -> Lane:
    """The lane that the calling code runs in.

    Pools often run a job inside ``copy_context().run`` of its submitter (``asyncio.to_thread`` does): the copied
    context then names the submitter's lane and the thread names the job's. The deeper of the two is right.
    """
    by_context = _lane_of_context.get()
    by_thread = _thread.lane
    if by_context is None:
        return by_thread if by_thread is not None else root
    if by_thread is by_context:
        return by_context
    if by_thread is not None and by_thread.path.startswith(by_context.path + "/"):
        return by_thread
    return by_context


inside_crossing: Callable[[], bool] = _inside.get
"""True below a recorded call: what happens there belongs to the live world, and is not recorded again."""


def enter_crossing() -> contextvars.Token[bool]:
    """Mark the calling context as being below a recorded call; give the token to :func:`leave_crossing`."""
    return _inside.set(True)


def leave_crossing(token: contextvars.Token[bool]) -> None:
    """Undo :func:`enter_crossing`."""
    _inside.reset(token)


def put_task_in_lane(context: contextvars.Context, lane: Lane) -> None:
    """Make ``lane`` the lane of whatever runs in ``context``."""
    context.run(_lane_of_context.set, lane)


def run_job_in_lane(lane: Lane, job: Callable[[], Any]) -> Any:
    """Run a thread's or a pool's job in its own lane, and restore the thread's lane after it."""
    global threads_have_lanes
    threads_have_lanes = True
    before = _thread.lane
    _thread.lane = lane
    token = _lane_of_context.set(lane)
    try:
        return job()
    finally:
        _lane_of_context.reset(token)
        _thread.lane = before


def enter_lane(lane: Lane) -> contextvars.Token[Lane | None]:
    """Make ``lane`` the calling code's lane; give the token to :func:`leave_lane`."""
    return _lane_of_context.set(lane)


def leave_lane(token: contextvars.Token[Lane | None]) -> None:
    """Undo :func:`enter_lane`. An async generator may be closed in another context; then there is nothing to undo."""
    try:
        _lane_of_context.reset(token)
    except ValueError:
        return
