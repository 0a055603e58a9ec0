"""``@fr.tool``: recording what a tool was given and what it returned, and serving that in replay.

A tool's body runs in a lane of its own below the caller's, so that what it does inside does not shift the numbers
of what the caller does around it; in replay the body does not run.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import boundary
from .boundary import ToolAnswer, ToolCall, ToolCrossing
from .harmless import harmless
from .lanes import enter_lane, leave_lane
from .location import Location, calling_location
from .trace_context import current_context, reset_context, set_context

if TYPE_CHECKING:
    import inspect

__all__ = ["SIDE_EFFECTS", "InsideTool", "run_body", "tool"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

SIDE_EFFECTS = ("none", "read", "write", "irreversible", "unknown")
"""What a tool does to the world, from nothing to what cannot be taken back."""


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(*, side_effect: str = "unknown", name: str | None = None, kind: str = "function") -> Callable[[F], F]: ...


def tool(function: Any = None, /, *, side_effect: str = "unknown", name: str | None = None, kind: str = "function") -> Any:
    """Record every call of a function, coroutine function, generator or async generator.

    Args:
        side_effect: ``none``, ``read``, ``write`` or ``irreversible``. Raises ValueError for another word.
        name: the tool's name, when it is not the function's.
        kind: ``function``, ``mcp`` or ``provider``.
    """
    if side_effect not in SIDE_EFFECTS:
        raise ValueError(f"side_effect is {side_effect!r}; it is one of {', '.join(SIDE_EFFECTS)}")
    if function is None:
        return lambda decorated: _wrap(decorated, side_effect, name, kind)
    return _wrap(function, side_effect, name, kind)


def _wrap(function: Any, side_effect: str, name: str | None, kind: str) -> Any:
    if isinstance(function, staticmethod | classmethod):
        return type(function)(_wrap(function.__func__, side_effect, name, kind))
    import functools
    import inspect

    begin = _Beginner(function, side_effect, name or str(getattr(function, "__name__", type(function).__name__)), kind)
    shapes: tuple[tuple[Callable[[Any], bool], Callable[[Any, _Beginner], Any]], ...] = (
        (inspect.isasyncgenfunction, _async_generator),
        (inspect.iscoroutinefunction, _async),
        (inspect.isgeneratorfunction, _generator),
        (callable, _sync),
    )
    make = next(maker for applies, maker in shapes if applies(function))
    return functools.wraps(function)(make(function, begin))


class _Beginner:
    """Opens the crossing of a call, with the arguments by parameter name."""

    def __init__(self, function: Any, side_effect: str, name: str, kind: str) -> None:
        self._side_effect = side_effect
        self._name = name
        self._kind = kind
        import inspect

        try:
            self._signature: inspect.Signature | None = inspect.signature(function)
        except (TypeError, ValueError):
            self._signature = None

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ToolCrossing | None:
        if boundary.backend() is None:
            return None
        location = calling_location(2)
        return self._begin(args, kwargs, location)

    @harmless
    def _begin(self, args: tuple[Any, ...], kwargs: dict[str, Any], location: Location | None) -> ToolCrossing | None:
        call = ToolCall("tool_call", self._name, self._arguments(args, kwargs), self._side_effect, self._kind, location, {})
        return boundary.tool(call)

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        if self._signature is not None:
            try:
                bound = self._signature.bind(*args, **kwargs).arguments
            except TypeError:
                # A wrong call: the function itself will say so, and that is recorded.
                return {"args": list(args), "kwargs": kwargs}
            if next(iter(self._signature.parameters), None) in ("self", "cls"):
                bound.pop(next(iter(bound)), None)
            return dict(bound)
        return {"args": list(args), "kwargs": kwargs}


def run_body(crossing: ToolCrossing, body: Callable[[], T]) -> T:
    """Run a tool's body inside its span and lane. Says nothing of the outcome to the crossing."""
    entered = InsideTool(crossing)
    try:
        return body()
    finally:
        entered.leave()


class InsideTool:
    """Span and lane of a tool's body, entered."""

    __slots__ = ("_context", "_lane")

    def __init__(self, crossing: ToolCrossing) -> None:
        context = current_context()
        self._context = set_context(context.below(crossing.span)) if context is not None else None
        self._lane = enter_lane(crossing.body_lane)

    def leave(self) -> None:
        leave_lane(self._lane)
        if self._context is not None:
            reset_context(self._context)


def _value_of(answer: ToolAnswer) -> Any:
    if answer.error is not None:
        raise answer.error
    return answer.value


def _sync(function: Any, begin: _Beginner) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        crossing = begin(args, kwargs)
        if crossing is None:
            return function(*args, **kwargs)
        answer = crossing.serve()
        if answer is not None:
            return _value_of(answer)
        try:
            value = run_body(crossing, lambda: function(*args, **kwargs))
        except BaseException as error:
            crossing.raised(error)
            raise
        if isinstance(value, GeneratorType):
            return _iterate(value, crossing)
        if isinstance(value, CoroutineType):
            return _await(value, crossing)
        crossing.returned(value)
        return value

    return call


async def _await(value: Awaitable[Any], crossing: ToolCrossing) -> Any:
    entered = InsideTool(crossing)
    try:
        result = await value
    except BaseException as error:
        crossing.raised(error)
        raise
    finally:
        entered.leave()
    crossing.returned(result)
    return result


def _async(function: Any, begin: _Beginner) -> Any:
    async def call(*args: Any, **kwargs: Any) -> Any:
        crossing = begin(args, kwargs)
        if crossing is None:
            return await function(*args, **kwargs)
        answer = await crossing.serve_async()
        if answer is not None:
            return _value_of(answer)
        return await _await(function(*args, **kwargs), crossing)

    return call


def _iterate(values: Generator[Any, Any, Any], crossing: ToolCrossing) -> Generator[Any, Any, Any]:
    """The items of a generator, each noted before it is handed on. The lane is entered for each step only.

    What the program sends or throws in goes to the generator, and what the generator returns comes back, unrecorded.
    """
    step: Callable[[], Any] = values.__next__
    while True:
        try:
            item = run_body(crossing, step)
        except StopIteration as stop:
            crossing.returned(None)
            return stop.value
        except BaseException as error:
            crossing.raised(error)
            raise
        crossing.yielded(item)
        try:
            sent = yield item
        except GeneratorExit:
            run_body(crossing, values.close)
            crossing.returned(None)
            raise
        except BaseException as thrown:  # noqa: BLE001 - it goes into the generator, which decides
            step = _giving(values.throw, thrown)
        else:
            step = values.__next__ if sent is None else _giving(values.send, sent)


def _giving(take: Callable[[Any], T], value: Any) -> Callable[[], T]:
    return lambda: take(value)


def _generator(function: Any, begin: _Beginner) -> Any:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        crossing = begin(args, kwargs)
        if crossing is None:
            return (yield from function(*args, **kwargs))
        answer = crossing.serve()
        if answer is not None:
            return (yield from _value_of(answer))
        return (yield from _iterate(function(*args, **kwargs), crossing))

    return call


def _async_generator(function: Any, begin: _Beginner) -> Any:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        crossing = begin(args, kwargs)
        answer = await crossing.serve_async() if crossing is not None else None
        if answer is not None:
            async for item in _value_of(answer):
                yield item
            return
        values = function(*args, **kwargs)
        step: Callable[[], Awaitable[Any]] = values.__anext__
        while True:
            try:
                item = await _inside(crossing, step)
            except StopAsyncIteration:
                break
            if crossing is not None:
                crossing.yielded(item)
            try:
                sent = yield item
            except GeneratorExit:
                await _inside(crossing, values.aclose)
                break
            except BaseException as thrown:  # noqa: BLE001 - it goes into the generator, which decides
                step = _giving(values.athrow, thrown)
            else:
                step = values.__anext__ if sent is None else _giving(values.asend, sent)
        if crossing is not None:
            crossing.returned(None)

    return call


async def _inside(crossing: ToolCrossing | None, step: Callable[[], Awaitable[T]]) -> T:
    """One step of an async generator, in its span and lane where it is recorded; its failure is the tool's."""
    if crossing is None:
        return await step()
    entered = InsideTool(crossing)
    try:
        return await step()
    except StopAsyncIteration:
        raise
    except BaseException as error:
        crossing.raised(error)
        raise
    finally:
        entered.leave()
