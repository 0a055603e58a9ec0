"""Giving tasks, threads and pool jobs their lanes, and noting the order in which threads and jobs end.

asyncio, threading and the thread pool are patched when they are imported. Ends of threads and of pool jobs
are marks in the process-wide order: ``as_completed``, queues and shared lists see them, so replay repeats their order.
"""

from __future__ import annotations

from _thread import _local
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

from . import crossings, set_order
from .import_hooks import after_import
from .lanes import Lane, current_lane, inside_crossing, put_task_in_lane, run_job_in_lane
from .trace_context import current_context

__all__ = ["LaneObserver", "install", "set_task_lanes"]


class LaneObserver(Protocol):
    """Who wants to know of lanes: the recorder notes, the replay engine orders."""

    def opened(self, lane: Lane) -> None:
        """A thread's or job's lane is about to begin."""
        ...

    def reached(self, lane: Lane) -> None:
        """This lane begins in its thread, or looks which jobs have ended. May wait, in replay."""
        ...

    def ended(self, lane: Lane) -> None:
        """A thread's or job's lane has come to its end; called in that thread. May wait, in replay."""
        ...

    def timer(self, loop: Any, lane: Lane, name: str, when: float, callback: Callable[..., Any], args: tuple[Any, ...], make: Any) -> Any:
        """A task of this lane sets a timer; ``make(when, callback, *args)`` does it for real. Returns the timer's handle.

        ``name`` tells timers of one lane apart: timers that only the live world sets do not shift the others.
        """
        ...

    def before_turn(self, loop: Any) -> None:
        """An event loop is about to make a turn."""
        ...


_observer: LaneObserver | None = None


_patched = False


def install(observer: LaneObserver | None) -> LaneObserver | None:
    """Patch what is imported, and what will be. Returns who observed before."""
    global _observer, _patched
    before, _observer = _observer, observer
    if not _patched and observer is not None:
        _patched = True
        after_import("threading", _patch_threading)
        after_import("concurrent.futures._base", set_order.order_thread_futures)
        after_import("concurrent.futures", lambda futures: set_order.watch_looks(futures, _look))
        after_import("concurrent.futures.thread", _patch_pool)
        after_import("concurrent.futures.process", _patch_process_pool)
        after_import("asyncio.tasks", set_order.order_tasks_to_complete)
        after_import("asyncio.base_events", _patch_asyncio)
    return before


def _lane_below(name: str) -> Lane:
    return current_lane().child(name)


_lane_of_task: Callable[[str], Lane] = _lane_below


def set_task_lanes(lane_of_task: Callable[[str], Lane] | None) -> None:
    """Let this say which lane a new task runs in, by the name of its coroutine; None for one below the code that makes it."""
    global _lane_of_task
    _lane_of_task = lane_of_task or _lane_below


def _name_of(function: Any, fallback: str) -> str:
    try:
        name = getattr(function, "__qualname__", None)
        for attribute in ("func", "__func__"):
            if not isinstance(name, str):
                name = getattr(getattr(function, attribute, None), "__qualname__", None)
    except Exception:  # noqa: BLE001 - a proxy may raise anything when it is looked at
        return fallback
    return name if isinstance(name, str) else fallback


def _look() -> None:
    if _observer is not None and not inside_crossing():
        _observer.reached(current_lane())


def _name_of_job(function: Any, args: tuple[Any, ...]) -> str:
    """The name of what a pool will run; for ``context.run``, in which frameworks wrap every job, that of what runs in the context.

    Jobs of one name are numbered in the order in which they are handed in, so jobs of different kinds must not share a name.
    """
    name = _name_of(function, type(function).__name__)
    inner = (*getattr(function, "args", ()), *args) if type(function).__name__ == "partial" else args
    return _name_of_job(inner[0], inner[1:]) if name == "Context.run" and inner else name


WAITING_JOBS = frozenset(
    (
        "SyncQueue.wait",  # langgraph: for the next item of its own stream, as often as the reader is faster than the writer
    )
)
"""Pool jobs that only wait for other threads of their own library. How many there are is a matter of timing, and they ask nobody
for anything: they get no lane."""

UNORDERED_JOBS = frozenset(
    (
        "CrewAIEventsBus._call_handlers",  # crewai: listeners to its events, which nobody waits for
    )
)
"""Pool jobs with a lane, for they may make calls, whose ends take no place in the order: nothing depends on them, and which of two
of them is first is a matter of timing."""


def _in_lane(lane: Lane, job: Callable[[], Any], *, ordered: bool = True) -> Any:
    observer = _observer if ordered else None

    def run() -> Any:
        if observer is not None:
            observer.reached(lane)
        try:
            return job()
        finally:
            if observer is not None:
                observer.ended(lane)

    return run_job_in_lane(lane, run)


def _patch_threading(threading: ModuleType) -> None:
    thread: Any = threading.Thread
    start = thread.start

    def _start(self: Any) -> Any:
        if inside_crossing() or _observer is None:
            return start(self)
        lane = current_lane().child("thread:" + _name_of(getattr(self, "_target", None), type(self).__name__), current_context())
        _observer.opened(lane)
        run = self.run

        def _run() -> None:
            # Hidden again before the body runs: run() may be called, or looked at, by the program itself.
            self.__dict__.pop("run", None)
            _in_lane(lane, run)

        self.run = _run
        return start(self)

    thread.start = _start


def _patch_pool(module: ModuleType) -> None:
    pool: Any = module.ThreadPoolExecutor
    submit = pool.submit
    from .lanes import enter_crossing, leave_crossing

    def _submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        if inside_crossing() or _observer is None:
            return submit(self, fn, *args, **kwargs)
        name = _name_of_job(fn, args)
        if name in WAITING_JOBS:
            return set_order.put_aside(submit(self, fn, *args, **kwargs))
        lane = current_lane().child("job:" + name, current_context())
        ordered = name not in UNORDERED_JOBS
        if ordered:
            _observer.opened(lane)

        def job(*args: Any, **kwargs: Any) -> Any:
            return _in_lane(lane, lambda: fn(*args, **kwargs), ordered=ordered)

        # The pool's own worker threads are upkeep: they must not take a number among the program's threads.
        token = enter_crossing()
        try:
            future = set_order.put_future_in_lane(submit(self, job, *args, **kwargs), lane)
            return future if ordered else set_order.put_aside(future)
        finally:
            leave_crossing(token)

    pool.submit = _submit


def _patch_process_pool(module: ModuleType) -> None:
    pool: Any = module.ProcessPoolExecutor
    submit = pool.submit
    from .pooled import PooledJob

    def _submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        if inside_crossing() or _observer is None:
            return submit(self, fn, *args, **kwargs)
        lane = current_lane().child("pooled:" + _name_of(fn, type(fn).__name__))
        return set_order.put_future_in_lane(submit(self, PooledJob(lane.path, fn), *args, **kwargs), lane)

    pool.submit = _submit


def _patch_asyncio(module: ModuleType) -> None:
    loop: Any = module.BaseEventLoop
    create_task, run_once = loop.create_task, loop._run_once
    import contextvars

    task_class = set_order.hashed_task_class(module.tasks)

    def _create_task(self: Any, coro: Any, *, name: Any = None, context: Any = None, **more: Any) -> Any:
        if inside_crossing() or _observer is None:
            return create_task(self, coro, name=name, **({"context": context} if context is not None else {}), **more)
        within = context if context is not None else contextvars.copy_context()
        lane = _lane_of_task(_name_of(coro, type(coro).__name__))
        put_task_in_lane(within, lane)
        return set_order.create_hashed_task(create_task, task_class, self, lane, coro, name=name, context=within, **more)

    loop.create_task = _create_task
    # Of the loop that runs in this thread: the turns of others, or of one before it, say nothing about it.
    turns = _local()

    def _run_once(self: Any) -> None:
        if getattr(turns, "loop", None) != id(self) or not hasattr(self, "_fr_turned"):
            turns.loop, turns.made, self._fr_turned = id(self), 0, True
        turns.made += 1
        if _observer is not None:
            _observer.before_turn(self)
        run_once(self)

    loop._run_once = _run_once
    _patch_timers(loop)
    crossings.set_loop_turns(lambda: getattr(turns, "made", 0))


def _patch_timers(loop: Any) -> None:
    """Firing of a timer is an ordered event: sleeps, timeouts and delayed calls of every kind come down to one."""
    call_at = loop.call_at

    def _call_at(self: Any, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        observer = _observer
        if inside_crossing() or observer is None:
            return call_at(self, when, callback, *args, context=context)

        def make(when: float, callback: Any, *args: Any) -> Any:
            return call_at(self, when, callback, *args, context=context)

        return observer.timer(self, current_lane(), _name_of(callback, type(callback).__name__), when, callback, args, make)

    loop.call_at = _call_at
