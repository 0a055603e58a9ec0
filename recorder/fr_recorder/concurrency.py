"""Giving tasks, threads and pool jobs their lanes, and noting the order in which threads and jobs end.

asyncio, threading and the thread pool are patched when they are imported. Ends of threads and of pool jobs
are marks in the process-wide order: ``as_completed``, queues and shared lists see them, so replay repeats their order.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

from . import crossings
from .context import current_context
from .import_hooks import after_import
from .lanes import Lane, current_lane, inside_crossing, put_task_in_lane, run_job_in_lane

__all__ = ["LaneObserver", "install"]


class LaneObserver(Protocol):
    """Who wants to know of lanes: the recorder notes, the replay engine orders."""

    def opened(self, lane: Lane) -> None:
        """A thread's or job's lane is about to begin."""
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


def install(observer: LaneObserver) -> None:
    """Patch what is imported, and what will be."""
    global _observer
    first = _observer is None
    _observer = observer
    if first:
        after_import("threading", _patch_threading)
        after_import("concurrent.futures.thread", _patch_pool)
        after_import("concurrent.futures.process", _patch_process_pool)
        after_import("asyncio.base_events", _patch_asyncio)


def _name_of(function: Any, fallback: str) -> str:
    try:
        name = getattr(function, "__qualname__", None)
        for attribute in ("func", "__func__"):
            if not isinstance(name, str):
                name = getattr(getattr(function, attribute, None), "__qualname__", None)
    except Exception:  # noqa: BLE001 - a proxy may raise anything when it is looked at
        return fallback
    return name if isinstance(name, str) else fallback


def _in_lane(lane: Lane, job: Callable[[], Any]) -> Any:
    observer = _observer

    def run() -> Any:
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
        lane = current_lane().child("job:" + _name_of(fn, type(fn).__name__), current_context())
        _observer.opened(lane)

        def job(*args: Any, **kwargs: Any) -> Any:
            return _in_lane(lane, lambda: fn(*args, **kwargs))

        # The pool's own worker threads are upkeep: they must not take a number among the program's threads.
        token = enter_crossing()
        try:
            return submit(self, job, *args, **kwargs)
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
        return submit(self, PooledJob(lane.path, fn), *args, **kwargs)

    pool.submit = _submit


def _patch_asyncio(module: ModuleType) -> None:
    loop: Any = module.BaseEventLoop
    create_task, run_once = loop.create_task, loop._run_once
    import contextvars

    def _create_task(self: Any, coro: Any, *, name: Any = None, context: Any = None, **more: Any) -> Any:
        if inside_crossing() or _observer is None:
            return create_task(self, coro, name=name, **({"context": context} if context is not None else {}), **more)
        within = context if context is not None else contextvars.copy_context()
        put_task_in_lane(within, current_lane().child(_name_of(coro, type(coro).__name__)))
        return create_task(self, coro, name=name, context=within, **more)

    loop.create_task = _create_task
    turns = 0

    def _run_once(self: Any) -> None:
        nonlocal turns
        turns += 1
        if _observer is not None:
            _observer.before_turn(self)
        run_once(self)

    loop._run_once = _run_once
    _patch_timers(loop)
    crossings.set_loop_turns(lambda: turns)


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
