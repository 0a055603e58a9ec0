"""The stores that the running command has opened, so that ``main`` can tell what was damaged in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fr_replay.store import Store

__all__ = ["close_opened", "notes_of_opened", "open_for_command"]

_opened: list[Store] = []


def open_for_command(path: str | None) -> Store:
    """Open a store for reading; ``main`` prints its notes and then exits with 2. Raises NotAStore, FormatTooNew or OSError."""
    from fr_replay.store import open_store

    store = open_store(path)
    _opened.append(store)
    return store


def notes_of_opened() -> list[str]:
    """One line per file that could not be read whole; while there is one, the command's answer is incomplete."""
    return [note for store in _opened for note in store.notes]


def close_opened() -> None:
    """Close and forget them."""
    while _opened:
        _opened.pop().close()
