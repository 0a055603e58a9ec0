"""URLs, query strings and form bodies: ``name=value`` pairs, percent-encoded.

A value is judged and hashed decoded, so a secret has the same token in a form as in JSON. What is not replaced keeps its own spelling.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from fr_recorder.redact.edits import Edit, splice
from fr_recorder.redact.fields import Field, field_of, query_field
from fr_recorder.redact.hits import Tally, member_path
from fr_recorder.redact.leaves import Leaves

__all__ = ["form_edits", "redact_url"]

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*:)?(//[^/?#]*)?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_QUERY_PAIR = re.compile(r"([^&;=]*)(?:=([^&;]*))?")
_FORM_PAIR = re.compile(r"([^&=]*)(?:=([^&]*))?")


class _Pairs(NamedTuple):
    """How the pairs of one place are cut and judged."""

    pair: re.Pattern[str]
    lookup: Callable[[str], Field | None]
    leaves: Leaves
    path: str
    tally: Tally

    def edits(self, text: str, start: int, end: int) -> list[Edit]:
        """What is to be replaced in the pairs that stand from ``start`` to ``end`` of a text."""
        from urllib.parse import unquote_plus

        edits: list[Edit] = []
        position = start
        while position < end and (match := self.pair.match(text, position, end)) is not None:
            name = unquote_plus(match[1], errors="surrogateescape")
            new_name = self.leaves.text(name, f"{self.path}{{}}", self.tally)
            if new_name != name:
                edits.append(Edit(*match.span(1), _quoted(new_name)))
            if match[2]:
                value = unquote_plus(match[2], errors="surrogateescape")
                new = self._value(name, value, member_path(self.path, new_name))
                if new != value:
                    edits.append(Edit(*match.span(2), _quoted(new)))
            position = match.end() + 1
        return edits

    def _value(self, name: str, value: str, path: str) -> str:
        field = self.lookup(name)
        if field is not None and field.covers(value):
            return self.leaves.whole(value, field.kind, path, self.tally)
        return self.leaves.text(value, path, self.tally)


def form_edits(text: str, leaves: Leaves, path: str, tally: Tally) -> list[Edit]:
    """What is to be replaced in an ``application/x-www-form-urlencoded`` body."""
    return _Pairs(_FORM_PAIR, field_of, leaves, path, tally).edits(text, 0, len(text))


def redact_url(url: str, leaves: Leaves, path: str, tally: Tally) -> str:
    """A URL with its password, its telling parameters and what patterns find replaced; the same object when that is nothing."""
    match = _URL.fullmatch(url)
    if match is None:
        return leaves.text(url, path, tally)
    edits = _authority_edits(match[2] or "", match.start(2), leaves, path, tally)
    for group, part in ((4, "query"), (5, "fragment")):
        if match[group] and "=" in match[group]:
            start, end = match.span(group)
            edits += _Pairs(_QUERY_PAIR, query_field, leaves, member_path(path, part), tally).edits(url, start + 1, end)
    structured = splice(url, edits) if edits else url
    found = leaves.pattern_edits(structured, path, tally)
    return splice(structured, found) if found else structured


def _authority_edits(authority: str, start: int, leaves: Leaves, path: str, tally: Tally) -> list[Edit]:
    user_info, at, _ = authority.rpartition("@")
    user, colon, password = user_info.partition(":")
    if not at or not colon or not password:
        return []
    new = leaves.whole(password, "password", member_path(path, "password"), tally)
    begin = start + len(user) + 1
    return [Edit(begin, begin + len(password), new)] if new != password else []


def _quoted(value: str) -> str:
    """Percent-encoded, but for the characters of tokens, which stay legible."""
    from urllib.parse import quote_plus

    return quote_plus(value, safe="[]:", errors="surrogateescape")
