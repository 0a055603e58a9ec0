"""Hashes as people type them: by their beginning. Pure."""

from __future__ import annotations

from fr_schema.errors import BadInput

__all__ = ["SHORTEST_HASH", "beginning_of_hash"]

SHORTEST_HASH = 4
_HEX = frozenset("0123456789abcdef")


def beginning_of_hash(text: str, what: str, way_out: str) -> str:
    """The text in lower case. Raises BadInput unless it is the beginning of a hash, of four characters or more.

    Args:
        what: how the argument is called in the message.
        way_out: which command lists the hashes.
    """
    word = text.strip().lower()
    if not SHORTEST_HASH <= len(word) <= 64 or set(word) - _HEX:
        raise BadInput(f"{what} is {text!r}", hint=f"it is the beginning of a hash, of {SHORTEST_HASH} characters or more; {way_out}")
    return word
