"""The recorder never harms the program: what goes wrong in our own code on the program's thread ends here.

Python's own signals to stop (KeyboardInterrupt, SystemExit, a cancellation) pass through; they are the program's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .notices import tell

__all__ = ["harmless", "report"]

F = TypeVar("F", bound=Callable[..., Any])


def report(error: Exception) -> None:
    """Say once per process that the recorder failed. Only the error's class is told: its message may hold content."""
    tell("recorder", f"fr: the recorder failed ({type(error).__name__}); the program goes on, and what it did there is not on record")


def harmless(method: F) -> F:
    """A method that returns None where it would raise. The object's ``give_up`` is called then, if it has one."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - this is the last place before the program
            report(error)
            give_up = getattr(self, "give_up", None)
            if give_up is not None:
                give_up()
            return None

    call.__name__, call.__qualname__, call.__doc__ = method.__name__, method.__qualname__, method.__doc__
    guarded: Any = call
    return guarded  # type: ignore[no-any-return]
