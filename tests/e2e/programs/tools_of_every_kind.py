"""Decorated functions of every kind, used in every way; prints what each gives. The same with and without a recorder.

With an argument the recorder is initialised for the store in FR_STORE.
"""

import asyncio
import functools
import gc
import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Generator, Iterator
from typing import Any

import fr_recorder as fr

log: list[str] = []
"""What the bodies themselves noticed."""


class RefusedError(Exception):
    """An exception with state of its own."""

    def __init__(self, order: str, cents: int) -> None:
        super().__init__(f"refused {order}")
        self.order = order
        self.cents = cents


@fr.tool(side_effect="read")
def plain(order: str, *rest: int, note: str = "none", **more: Any) -> dict[str, Any]:
    """A plain function."""
    return {"order": order, "rest": rest, "note": note, "more": more}


@fr.tool
def bare_decorator(value: Any) -> Any:
    """Decorated without parentheses."""
    return value


@fr.tool(side_effect="write", name="renamed")
def raising(order: str, cents: int) -> None:
    """Raises its own exception."""
    raise RefusedError(order, cents)


@fr.tool(side_effect="irreversible")
def interrupted() -> None:
    """Ends the program, or would."""
    raise SystemExit(3)


@fr.tool(side_effect="none")
async def coroutine(value: int) -> int:
    """A coroutine function."""
    await asyncio.sleep(0)
    return value + 1


@fr.tool(side_effect="none")
async def slow() -> None:
    """Is cancelled."""
    try:
        await asyncio.sleep(60)
    finally:
        log.append("slow cleaned up")


@fr.tool(side_effect="none")
def returns_awaitable(value: int) -> Awaitable[int]:
    """A plain function that gives a coroutine."""
    return coroutine.__wrapped__(value)  # type: ignore[no-any-return, attr-defined]


@fr.tool(side_effect="none")
def returns_task(value: int) -> Awaitable[int]:
    """A plain function that gives a task."""
    return asyncio.ensure_future(coroutine.__wrapped__(value))  # type: ignore[attr-defined]


@fr.tool(side_effect="read")
def items(count: int) -> Generator[int, Any, str]:
    """A generator that takes what is sent, and returns a value."""
    try:
        for number in range(count):
            try:
                sent = yield number
            except RefusedError as error:
                log.append(f"thrown in: {error}")
                sent = yield -1
            if sent is not None:
                log.append(f"sent in: {sent}")
        return "the return value"
    finally:
        log.append("items cleaned up")


@fr.tool(side_effect="read")
def breaking_items() -> Iterator[int]:
    """A generator that raises."""
    yield 1
    raise RefusedError("o-9", 9)


@fr.tool(side_effect="read")
def returns_generator(count: int) -> Iterator[int]:
    """A plain function that gives a generator."""
    return (number * number for number in range(count))


@fr.tool(side_effect="read")
async def async_items(count: int) -> AsyncIterator[int]:
    """An async generator."""
    try:
        for number in range(count):
            await asyncio.sleep(0)
            sent = yield number
            if sent is not None:
                log.append(f"async sent in: {sent}")
    finally:
        log.append("async items cleaned up")


@fr.tool(side_effect="read")
async def breaking_async_items() -> AsyncIterator[int]:
    """An async generator that raises."""
    yield 1
    raise RefusedError("o-10", 10)


class Desk:
    """Methods of every kind, with the decorator on either side."""

    def __init__(self, name: str) -> None:
        self.name = name

    @fr.tool(side_effect="write")
    def method(self, order: str) -> str:
        """A method."""
        return f"{self.name}:{order}"

    @fr.tool(side_effect="read")
    async def async_method(self, order: str) -> str:
        """A coroutine method."""
        return f"{self.name}:{order}"

    @fr.tool(side_effect="read")
    @staticmethod
    def inner_static(order: str) -> str:
        """The decorator outside of staticmethod."""
        return order

    @staticmethod
    @fr.tool(side_effect="read")
    def outer_static(order: str) -> str:
        """The decorator inside of staticmethod."""
        return order

    @fr.tool(side_effect="read")
    @classmethod
    def inner_class(cls, order: str) -> str:
        """The decorator outside of classmethod."""
        return f"{cls.__name__}:{order}"

    @classmethod
    @fr.tool(side_effect="read")
    def outer_class(cls, order: str) -> str:
        """The decorator inside of classmethod."""
        return f"{cls.__name__}:{order}"


class Callable:
    """An object that can be called."""

    def __call__(self, value: int) -> int:
        return value * 2


def attempt(function: Any, *args: Any, **kwargs: Any) -> str:
    """What a call gives, or what it raises with all its state."""
    try:
        return repr(function(*args, **kwargs))
    except BaseException as error:
        return f"raised {type(error).__name__} {error.args} {vars(error)}"


def use_plain() -> None:
    """Calls, right and wrong ones."""
    print("plain", attempt(plain, "o-1"), attempt(plain, "o-2", 3, 4, note="n", extra=b"\x00"))
    print("wrong call", attempt(plain), attempt(bare_decorator, 1, 2))
    print("bare", attempt(bare_decorator, {1, 2}), attempt(bare_decorator, None), attempt(bare_decorator, float("inf")))
    print("raising", attempt(raising, "o-3", cents=5), attempt(interrupted))
    desk = Desk("d")
    print("methods", desk.method("a"), desk.inner_static("b"), Desk.outer_static("c"), Desk.inner_class("d"), desk.outer_class("e"))
    print(
        "callables",
        fr.tool(Callable(), name="doubling")(4),
        fr.tool(functools.partial(max, 3))(7),
        fr.tool(len, side_effect="none")("four"),
    )  # type: ignore[call-overload]


def use_generators() -> None:
    """Generators read to the end, left, sent into, thrown into, never started, and forgotten."""
    print("all", list(items(3)), attempt(list, breaking_items()), list(returns_generator(4)))
    left = items(5)
    print("left", next(left), next(left), left.close())
    driven = items(3)
    print(
        "driven", next(driven), driven.send("a message"), driven.throw(RefusedError("o-5", 5)), attempt(next, driven), attempt(next, driven)
    )

    def delegating() -> Generator[int, Any, None]:
        log.append(f"delegated: {(yield from items(2))}")

    print("delegated", list(delegating()))
    items(1).close()
    forgotten = items(2)
    next(forgotten)
    del forgotten
    gc.collect()


async def use_async() -> None:
    """Coroutines, cancellation, awaitables, async generators."""
    print("async", await coroutine(1), await returns_awaitable(2), await returns_task(3), await Desk("d").async_method("a"))
    task = asyncio.ensure_future(slow())
    await asyncio.sleep(0)
    task.cancel()
    print("cancelled", await asyncio.gather(task, return_exceptions=True))
    try:
        await asyncio.wait_for(slow(), 0.01)
    except TimeoutError:
        print("timed out")
    print("async all", [item async for item in async_items(3)])
    left = async_items(5)
    print("async left", await anext(left), await left.aclose())
    driven: Any = async_items(3)
    print("async driven", await anext(driven), await driven.asend("a message"))
    try:
        print([item async for item in breaking_async_items()])
    except RefusedError as error:
        print("async raised", error, vars(error))
    try:
        await driven.athrow(RefusedError("o-11", 11))
    except RefusedError as error:
        print("async thrown", error)
    print("together", await asyncio.gather(*(coroutine(number) for number in range(5))))


def introspect() -> None:
    """What inspect sees of a decorated function."""
    for function in (plain, raising, coroutine, items, async_items, Desk.method, Desk.inner_class, Desk.outer_static):
        kinds = [check(function) for check in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)]
        print(function.__name__, function.__doc__, function.__module__, inspect.signature(function), kinds)


def main() -> None:
    """Use everything."""
    if len(sys.argv) > 1:
        assert fr.init()
    use_plain()
    use_generators()
    asyncio.run(use_async())
    introspect()
    print("\n".join(log))


if __name__ == "__main__":
    main()
