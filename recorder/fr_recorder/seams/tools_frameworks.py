"""Tools as agent frameworks call them: recorded with their arguments and results, without a decorator.

Such a tool is graded *re-run*: in replay its arguments are compared with the record and its body runs again, with what it asks for
inside served. A tool that writes is held back by :func:`fr_recorder.tool` on its function, inside the framework's wrapper.

``HOOKS`` is the table; each framework's module is patched when the program imports it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from .. import boundary
from ..boundary import ToolCall, ToolCrossing
from ..harmless import harmless
from ..location import calling_location
from ..tools import InsideTool
from . import require

__all__ = ["HOOKS", "Hook", "install", "plain"]

_DEPTH_LIMIT = 8
_PLAIN = (str, bytes, int, float, bool, type(None))


class Hook(NamedTuple):
    """One function of a framework through which it calls tools.

    Attributes:
        module: where it is defined.
        path: the function in that module.
        framework: the name on record.
        describe: gets the call's arguments; gives the tool's name and arguments.
        is_async: whether it is a coroutine function.
        older: the function in versions that have no ``path``.
        known_by: what else the module holds when it is the framework's, where a program may well have one of the same name.
    """

    module: str
    path: str
    framework: str
    describe: Callable[[tuple[Any, ...], dict[str, Any]], tuple[str, Any]]
    is_async: bool
    older: str = ""
    known_by: str = ""


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str) -> Any:
    return args[position] if len(args) > position else kwargs.get(name)


def _langchain(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Any]:
    return args[0].name, _argument(args, kwargs, 1, "tool_input")


def _openai_agents(_args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Any]:
    return kwargs["function_tool"].name, kwargs["arguments"]


def _pydantic_ai(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Any]:
    return str(_argument(args, kwargs, 1, "name")), _argument(args, kwargs, 2, "tool_args")


def _smolagents(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Any]:
    given = {name: value for name, value in kwargs.items() if name != "sanitize_inputs_outputs"}
    return args[0].name, {**({"args": list(args[1:])} if len(args) > 1 else {}), **given}


def _crewai(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Any]:
    return args[0].name, {**({"args": list(args[1:])} if len(args) > 1 else {}), **kwargs}


def _autogen(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Any]:
    return args[0].name, _argument(args, kwargs, 1, "args").model_dump()


HOOKS = (
    Hook("langchain_core.tools.base", "BaseTool.run", "langchain", _langchain, False),
    Hook("langchain_core.tools.base", "BaseTool.arun", "langchain", _langchain, True),
    Hook(
        "agents.tool",
        "_invoke_function_tool_with_metadata",
        "openai-agents",
        _openai_agents,
        True,
        older="invoke_function_tool",
        known_by="FunctionTool",
    ),
    Hook("pydantic_ai.toolsets.function", "FunctionToolset.call_tool", "pydantic-ai", _pydantic_ai, True),
    Hook("smolagents.tools", "Tool.__call__", "smolagents", _smolagents, False),
    Hook("crewai.tools.base_tool", "BaseTool.run", "crewai", _crewai, False),
    Hook("crewai.tools.base_tool", "BaseTool.arun", "crewai", _crewai, True),
    Hook("crewai.tools.base_tool", "Tool.run", "crewai", _crewai, False),
    Hook("crewai.tools.base_tool", "Tool.arun", "crewai", _crewai, True),
    Hook("autogen_core.tools._function_tool", "FunctionTool.run", "autogen", _autogen, True),
)


def install(module: ModuleType) -> None:
    """Wrap every function of the table that is in this module. Raises SeamMissing."""
    hooks = [hook for hook in HOOKS if hook.module == module.__name__ and (not hook.known_by or hasattr(module, hook.known_by))]
    paths = [hook.older if hook.older and not hasattr(module, hook.path) else hook.path for hook in hooks]
    require(module, *paths)
    for hook, path in zip(hooks, paths, strict=True):
        owner: Any = module
        *parts, name = path.split(".")
        for part in parts:
            owner = getattr(owner, part)
        function = getattr(owner, name)
        setattr(owner, name, (_wrapped_async if hook.is_async else _wrapped)(function, hook))


def plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON has it, with the class of whatever is none: a framework passes its own state among a tool's arguments,
    and what a tool returns may be a table of any size.
    """
    if isinstance(value, _PLAIN):
        return value
    if depth < _DEPTH_LIMIT:
        if isinstance(value, dict):
            return {str(key): plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item, depth + 1) for item in value]
    content = getattr(value, "content", None)
    return content if isinstance(content, str) else f"<{type(value).__module__}.{type(value).__qualname__}>"


@harmless
def _begin(hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ToolCrossing | None:
    name, arguments = hook.describe(args, kwargs)
    shown = plain(arguments)
    call = ToolCall(
        "tool_call",
        str(name),
        shown if isinstance(shown, dict) else {"input": shown},
        "unknown",
        "function",
        calling_location(3),
        {"framework": hook.framework},
    )
    return boundary.tool(call)


@harmless
def _returned(crossing: ToolCrossing, value: Any) -> None:
    crossing.returned(plain(value))


def _wrapped(function: Any, hook: Hook) -> Any:
    import functools

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        crossing = _begin(hook, args, kwargs) if boundary.backend() is not None else None
        if crossing is None:
            return function(*args, **kwargs)
        inside = InsideTool(crossing)
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            crossing.raised(error)
            raise
        finally:
            inside.leave()
        _returned(crossing, value)
        return value

    return call


def _wrapped_async(function: Any, hook: Hook) -> Any:
    import functools

    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        crossing = _begin(hook, args, kwargs) if boundary.backend() is not None else None
        if crossing is None:
            return await function(*args, **kwargs)
        inside = InsideTool(crossing)
        try:
            value = await function(*args, **kwargs)
        except BaseException as error:
            crossing.raised(error)
            raise
        finally:
            inside.leave()
        _returned(crossing, value)
        return value

    return call
