"""Two texts compared word by word. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

__all__ = ["Piece", "changed_words", "word_diff"]

_WORD = re.compile(r"\n|[^\S\n]+|\w+|[^\w\s]")
_MOST_WORDS = 20_000
"""Beyond so many words on a side, lines are compared instead: words take time with the square of their number."""


class Piece(NamedTuple):
    """A stretch of text. ``mark``: ``=`` in both, ``-`` in the first only, ``+`` in the second only."""

    mark: str
    text: str


def word_diff(before: str, after: str) -> list[Piece]:
    """The pieces in order: those marked ``=`` and ``-`` make up the first text, those marked ``=`` and ``+`` the second.

    Words, runs of space, line breaks and punctuation marks are compared as wholes.
    """
    first, second = _words(before), _words(after)
    if max(len(first), len(second)) > _MOST_WORDS:
        first, second = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return list(_merged(_pieces(first, second)))


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _pieces(first: Sequence[str], second: Sequence[str]) -> Iterator[Piece]:
    for tag, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Piece("=", "".join(first[a:b]))
            continue
        if b > a:
            yield Piece("-", "".join(first[a:b]))
        if d > c:
            yield Piece("+", "".join(second[c:d]))


def _merged(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The pieces, with changes that only a space separates as one change: ``-a b`` ``+c d`` instead of four."""
    found, at = list(pieces), 0
    while at < len(found):
        if found[at].mark == "=":
            yield found[at]
            at += 1
            continue
        removed = added = ""
        while at < len(found) and (found[at].mark != "=" or _only_separates(found, at)):
            removed += found[at].text if found[at].mark in "=-" else ""
            added += found[at].text if found[at].mark in "=+" else ""
            at += 1
        if removed:
            yield Piece("-", removed)
        if added:
            yield Piece("+", added)


def _only_separates(pieces: Sequence[Piece], at: int) -> bool:
    """True for a space within a line, with another change behind it."""
    return at + 1 < len(pieces) and pieces[at].text.isspace() and "\n" not in pieces[at].text


def changed_words(pieces: Sequence[Piece]) -> tuple[int, int]:
    """How many words were taken away, and how many came."""
    removed, added = (sum(len(re.findall(r"\w+", piece.text)) for piece in pieces if piece.mark == mark) for mark in "-+")
    return removed, added
