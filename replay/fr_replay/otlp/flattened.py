"""Attributes that flatten a structure into their names, such as ``llm.input_messages.0.message.role``, put together again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["gaps_under", "items_under", "names_under"]

_DEEPEST = 24
_MOST_INDEX = 100_000


def names_under(attributes: Mapping[str, Any], prefix: str) -> list[str]:
    """Names that begin with ``prefix.N.``."""
    start = f"{prefix}."
    return [name for name in attributes if name.startswith(start) and name[len(start) :].partition(".")[0].isdecimal()]


def gaps_under(attributes: Mapping[str, Any], prefix: str) -> int:
    """How many items of the list under ``prefix`` are missing before its last: a sender's limit took their attributes away."""
    numbers = {int(name[len(prefix) + 1 :].partition(".")[0]) for name in names_under(attributes, prefix)}
    return max(numbers) + 1 - len(numbers) if numbers and max(numbers) <= _MOST_INDEX else 0


def items_under(attributes: Mapping[str, Any], prefix: str) -> list[Any]:
    """The list under ``prefix``, in the order of its numbers; names with dots become mappings, numbered ones lists."""
    root: dict[str, Any] = {}
    for name in names_under(attributes, prefix):
        path = name[len(prefix) + 1 :].split(".")
        if len(path) > _DEEPEST or int(path[0]) > _MOST_INDEX:
            continue
        node = root
        for step in path[:-1]:
            inner = node.get(step)
            if not isinstance(inner, dict):
                # A name that is also the beginning of another: both are kept, the value under an empty name.
                inner = {} if inner is None else {"": inner}
                node[step] = inner
            node = inner
        last = node.get(path[-1])
        if isinstance(last, dict):
            last[""] = attributes[name]
        else:
            node[path[-1]] = attributes[name]
    listed = _built(root)
    return listed if isinstance(listed, list) else []


def _built(node: Any) -> Any:
    """Mappings whose names are all numbers as lists."""
    if not isinstance(node, dict):
        return node
    if node and all(name.isdecimal() for name in node):
        return [_built(node[name]) for name in sorted(node, key=int)]
    return {name: _built(value) for name, value in node.items()}
