"""Tasks and futures that stand in sets: their order there is the same in every run.

``asyncio.wait``, ``as_completed`` and their namesakes for threads keep what they are given in sets and hand sets out, and programs
go through them. A set's order comes from hashes, and the hash of a task or future is its address. Those that belong to a lane get the
hash of the lane's path instead, which does not change as long as ``PYTHONHASHSEED`` does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

from .lanes import Lane

__all__ = [
    "LookObserver",
    "create_hashed_task",
    "hashed_task_class",
    "order_tasks_to_complete",
    "order_thread_futures",
    "put_aside",
    "put_future_in_lane",
    "watch_looks",
]

LookObserver = Callable[[], None]
"""Called when the program is about to look, or has just looked, which jobs of a pool have come to their end."""


def hashed_task_class(tasks: ModuleType) -> Any:
    """A subclass of asyncio's Task whose hash can be set; ``tasks`` is the module ``asyncio.tasks``."""
    base: Any = tasks.Task

    def __init__(self: Any, fr_hash: int, *args: Any, **named: Any) -> None:
        self.fr_hash = fr_hash
        base.__init__(self, *args, **named)

    members = {
        "__slots__": ("fr_hash",),
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        "__init__": __init__,
        "__hash__": lambda self: self.fr_hash,
    }
    return type(base.__name__, (base,), members)


def create_hashed_task(create_task: Any, task_class: Any, loop: Any, lane: Lane, coro: Any, **named: Any) -> Any:
    """``create_task(loop, coro, **named)``, with a task of our class unless the program has a task factory of its own."""
    if loop._task_factory is not None:
        return create_task(loop, coro, **named)
    path_hash = hash(lane.path)

    def make(loop: Any, coro: Any, **more: Any) -> Any:
        return task_class(path_hash, coro, loop=loop, **more)

    loop._task_factory = make
    try:
        return create_task(loop, coro, **named)
    finally:
        loop._task_factory = None


class _InOrder:
    """Makes tasks of coroutines in the order in which they are given, when it is gone through."""

    def __init__(self, given: Iterable[Any], ensure_future: Callable[[Any], Any]) -> None:
        self._given = given
        self._ensure_future = ensure_future

    def __iter__(self) -> Iterator[Any]:
        return (self._ensure_future(one) for one in dict.fromkeys(self._given))


def order_tasks_to_complete(tasks: Any) -> None:
    """``asyncio.as_completed`` starts coroutines in the order of a set; let it be the order in which they are given."""
    import asyncio

    as_completed = tasks.as_completed

    def _as_completed(fs: Any, *, timeout: float | None = None) -> Any:
        if tasks.futures.isfuture(fs) or tasks.coroutines.iscoroutine(fs):
            return as_completed(fs, timeout=timeout)
        return as_completed(_InOrder(fs, tasks.ensure_future), timeout=timeout)

    _as_completed.__name__ = _as_completed.__qualname__ = "as_completed"
    _as_completed.__doc__ = as_completed.__doc__
    tasks.as_completed = _as_completed
    if getattr(asyncio, "as_completed", None) is as_completed:
        vars(asyncio)["as_completed"] = _as_completed


def order_thread_futures(base: Any) -> None:
    """Let a pool's futures be hashed by their jobs' lanes; ``base`` is the module ``concurrent.futures._base``."""

    def __hash__(self: Any) -> int:
        of_lane = self.__dict__.get("_fr_hash")
        return object.__hash__(self) if of_lane is None else int(of_lane)

    base.Future.__hash__ = __hash__


def put_future_in_lane(future: Any, lane: Lane) -> Any:
    """The future of a job in a lane. Returns it."""
    future._fr_hash = hash(lane.path)
    return future


def put_aside(future: Any) -> Any:
    """The future of a job whose end is a matter of timing: looks that take it in are no ordered events. Returns it."""
    future._fr_aside = True
    return future


def _is_ordered(fs: Any) -> bool:
    """False for futures with one among them that was put aside."""
    return not isinstance(fs, list | tuple | set | frozenset | dict) or not any(getattr(future, "_fr_aside", False) for future in fs)


def watch_looks(futures: Any, looks: LookObserver) -> None:
    """Whether a job had ended when the program looked is an ordered event; ``futures`` is the package ``concurrent.futures``."""
    as_completed, wait = futures.as_completed, futures.wait

    def _as_completed(fs: Any, timeout: float | None = None) -> Iterator[Any]:
        looks()
        yield from as_completed(fs, timeout)

    def _wait(fs: Any, timeout: float | None = None, return_when: str = futures.ALL_COMPLETED) -> Any:
        if not _is_ordered(fs):
            return wait(fs, timeout, return_when)
        looks()
        found = wait(fs, timeout, return_when)
        looks()
        return found

    for replacement, original in ((_as_completed, as_completed), (_wait, wait)):
        replacement.__name__ = replacement.__qualname__ = original.__name__
        replacement.__doc__ = original.__doc__
        setattr(futures, original.__name__, replacement)
