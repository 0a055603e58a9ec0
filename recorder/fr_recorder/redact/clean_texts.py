"""Short texts in which nothing was found: what comes with every call (a header, a URL, a line of code) is looked at once, not each time."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["CleanTexts"]

_MOST_TEXTS = 1024

_Text = TypeVar("_Text", bound=Hashable)


class CleanTexts(Generic[_Text]):
    """Remembers texts that hold nothing to replace, and forgets all of them when there are too many.

    Holds no secrets: only what was found clean goes in. Safe to use from several threads.
    """

    __slots__ = ("_texts",)

    def __init__(self) -> None:
        self._texts: set[_Text] = set()

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, text: _Text) -> bool:
        return text in self._texts

    def add(self, text: _Text) -> None:
        """Remember a text in which nothing was found. The caller keeps long ones out."""
        if len(self._texts) >= _MOST_TEXTS:
            self._texts = set()
        self._texts.add(text)
