"""What a redaction rule is, and the pieces of pattern that the rules share.

Patterns are RE2 syntax and run over UTF-8 *bytes*, so every class is ASCII and the engines agree. Every text is scanned
between two NUL bytes, leaves are joined by NUL, and what has been replaced is blanked with NUL. Hence two laws, tested for
every row: no pattern matches across a NUL, and none needs ``^`` or ``$`` (a NUL is a boundary already).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["BARE", "LEFT", "QUOTE", "RIGHT", "Buffer", "Check", "Rule", "assignment", "assignment_gate"]


Buffer = bytes | bytearray
Check = Callable[[Buffer, int, int], bool | int]
"""Gets the scanned buffer and the secret's place in it, so that it can look at the neighbours, and answers whether this is one.

An answer that is a place, and not True or False, says where the secret ends: before words that its pattern has taken with it.
"""


class Rule(NamedTuple):
    """One row of the rule table.

    Attributes:
        kind: snake_case; the detector's name in the record and the kind in the token. Several rows may share a kind: one secret met in
            two contexts then has one token.
        pattern: RE2 syntax. The capturing group that took part (there is never more than one) is the secret; without, the whole match is.
        source: where the format is documented.
        examples: specimens (see ``specimens.py``) that must match.
        near_misses: specimens that look alike and must not match.
        check: name of a function in ``checks.CHECKS`` that must agree, or None.
        gate: a cheaper pattern for the first pass, matching wherever ``pattern`` does; None to use the pattern itself. It does not begin
            with a count of common characters: all gates run as one automaton, in which such counters multiply, and ids and numbers
            that never came before then cost a microsecond a character.
        hints: lower-case literals of which one occurs in every match; only the fallback engine needs them.
        tail: class of the bytes by which a secret goes on beyond the longest match. A rule that has a check matches a bounded length, so
            that a check that fails again and again costs linear time; the tail completes the secret once the check has agreed.
        phase: rows of phase 0 are resolved and blanked before those of phase 1: they know by structure where a value ends.
        enabled: whether the row is on by default.
    """

    kind: str
    pattern: str
    source: str
    examples: tuple[str, ...]
    near_misses: tuple[str, ...] = ()
    check: str | None = None
    gate: str | None = None
    hints: tuple[str, ...] = ()
    tail: str | None = None
    phase: int = 1
    enabled: bool = True


LEFT = r"(?:\b|\\[nrtbf]|\\u00[0-9a-fA-F]{2}|%[0-9A-F]{2})"
"""A word starts here, also behind an escape that was never decoded (``\\nsk-...`` in the repr of a log line)."""

RIGHT = r"\b"
"""A word ends here."""

QUOTE = r"(?:\\{0,3}[\"'`])"
"""A quote, also one escaped up to three times."""


_OPEN_QUOTES = r"[\"'`\\]{0,4}"
_ASSIGNS = r"(?::=|=>|->|[:=]|\xef\xbc\x9a|[ \t]is:?[ \t])"


BARE = r"[^\x00-\x20\"'`,;<>(){}\[\]\\]"
"""What a bare value consists of, in code, configuration and prose."""


def assignment(names: str) -> str:
    """The pattern of ``name = value`` in prose, code, configuration and JSON text, for an alternation of names.

    The value is group 1 when it is quoted and group 2 when it is bare; a bare value ends at space, quote, comma or bracket, and is
    matched up to 255 characters (see :attr:`Rule.tail`).
    """
    last = r"[^\x00-\x20\"'`,;<>(){}\[\]\\.:]"
    return (
        rf"(?i)(?:{names})(?:_?[0-9])?{QUOTE}?[ \t]{{0,8}}{_ASSIGNS}[ \t]{{0,8}}"
        rf"(?:[bru]?{QUOTE}((?:[^\x00-\x1f\"'`\\]|\\[^\x00-\x1f\"'`\\]){{3,255}}){QUOTE}|{QUOTE}?({BARE}{{2,254}}{last}))"
    )


def assignment_gate(names: str, shortest: int) -> str:
    """The gate of :func:`assignment` for values of at least ``shortest`` characters."""
    return (
        rf"(?i)(?:{names})(?:_?[0-9])?{_OPEN_QUOTES}[ \t]{{0,8}}{_ASSIGNS}[ \t]{{0,8}}[bru]?{_OPEN_QUOTES}"
        rf"[^\x00-\x20\"'`]{{{shortest}}}"
    )
