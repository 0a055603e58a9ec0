"""Types of the kinds that programs hand to their tools, importable so that they can be read back."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, NamedTuple

import pydantic


@dataclasses.dataclass
class Plain:
    name: str
    items: list[Any] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Frozen:
    name: str
    point: tuple[int, ...] = ()


@dataclasses.dataclass(slots=True)
class Slotted:
    name: str
    inner: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlotted:
    name: str
    inner: Any = None


class Order(pydantic.BaseModel):
    number: int
    lines: list[str] = []
    extra: dict[str, float] = {}


class Colour(enum.Enum):
    RED = "red"
    BLUE = ("b", 1)


class Level(enum.IntEnum):
    LOW = 1


class Flags(enum.Flag):
    A = 1
    B = 2


class Pair(NamedTuple):
    left: Any
    right: Any


class WithState:
    """Has a protocol of its own for being copied."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __getstate__(self) -> Any:
        return {"kept": self.value}

    def __setstate__(self, state: Any) -> None:
        self.value = state["kept"]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WithState) and other.value == self.value

    def __repr__(self) -> str:
        return f"WithState({self.value!r})"

    __hash__ = None  # type: ignore[assignment]


class Shelf(list[Any]):
    """A list with a name."""

    label = ""


class Table(dict[str, Any]):
    """A mapping of its own class."""


class Text(str):
    """Text of its own class."""


class ToolError(Exception):
    """An exception that wants more than its message."""

    def __init__(self, code: int, *, hint: str) -> None:
        super().__init__(f"failed with {code}")
        self.code = code
        self.hint = hint


class Rude(Exception):
    """An exception whose every door is nailed shut."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class RudeArguments(Exception):
    """An exception whose arguments cannot be looked at."""

    @property
    def args(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no arguments")


class Unlooked:
    """An object that nobody may look at."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise RuntimeError("no copy")


def function(value: int) -> int:
    """A function that can be imported."""
    return value
