"""Redaction of one text leaf: JSON within it, patterns, or the whole of it because of the name it stands under."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Any

from fr_recorder.redact.edits import Edit, splice, without_overlaps
from fr_recorder.redact.engine import Engine
from fr_recorder.redact.fields import NATIONAL_ID
from fr_recorder.redact.hits import Tally
from fr_recorder.redact.kept import NOTHING_KEPT, Kept
from fr_recorder.redact.look import MOST_NESTED, Look
from fr_recorder.redact.positions import Document, parse_with_places
from fr_recorder.redact.rules_contact import CONTACT_RULES
from fr_recorder.redact.rules_identity import IDENTITY_RULES
from fr_recorder.redact.tables import words
from fr_recorder.redact.tokens import MARKER_KIND, TokenMaker, is_token

__all__ = ["Leaves", "parse_nested"]

_POINTS_AT_A_PERSON = frozenset(rule.kind for rule in (*CONTACT_RULES, *IDENTITY_RULES)) | {MARKER_KIND}
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9\-]{2,24})\s+(\S.*)", re.DOTALL)
_SCHEMES = words("bearer basic token apikey api-key digest negotiate hmac aws4-hmac-sha256 dpop key bot")
"""HTTP authentication schemes: https://www.iana.org/assignments/http-authschemes, and what vendors use besides."""


def parse_nested(text: str, depth: int) -> Document | None:
    """The text as JSON with places, if it is a JSON object or list and not nested too deeply to be decoded; else None."""
    if depth >= MOST_NESTED or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return parse_with_places(text)
    except ValueError:
        return None


class Leaves:
    """Redacts text leaves with one engine under one key.

    Args:
        keys: names of members that hold nothing to replace, and what they tell; shared with looks, which add to them.
        clean: texts in which the engine is known to find nothing.
        kept: what the policy leaves as it is though it is found.
    """

    def __init__(
        self,
        engine: Engine,
        tokens: TokenMaker,
        keys: dict[str, object] | None = None,
        clean: Set[str] = frozenset(),
        kept: Kept = NOTHING_KEPT,
    ) -> None:
        self.engine = engine
        self.tokens = tokens
        self._keys: dict[str, object] = {} if keys is None else keys
        self._clean = clean
        self._kept = kept

    def knowing(self, clean: Set[str]) -> Leaves:
        """The same, for texts of which these are known to hold nothing that the engine would find."""
        return Leaves(self.engine, self.tokens, self._keys, clean, self._kept)

    def is_clean_key(self, key: str) -> bool:
        """Whether a key is known to hold nothing to replace."""
        return key in self._keys

    def look(self) -> Look:
        """A new look at values."""
        return Look(self.engine, self._keys)

    def pattern_edits(self, text: str, path: str, tally: Tally) -> list[Edit]:
        """What the patterns replace in a text."""
        edits: list[Edit] = []
        if text in self._clean:
            return edits
        for found in self.engine.find(text):
            if self._kept.anything and found.kind != MARKER_KIND and self._kept.keeps(found.kind, found.value):
                continue
            tally.add(path, found.kind)
            edits.append(Edit(found.start, found.end, self.tokens.token(found.kind, found.value)))
        return edits

    def edits(self, text: str, path: str, tally: Tally, depth: int = 0) -> list[Edit]:
        """What is replaced in a text leaf: leaf by leaf when it is JSON itself, else by patterns."""
        document = parse_nested(text, depth)
        if document is None:
            return self.pattern_edits(text, path, tally)
        from fr_recorder.redact.rewrite import Rewrite

        rewrite = Rewrite(self, tally, depth + 1)
        rewrite.document(document, path)
        return without_overlaps(rewrite.edits)

    def text(self, text: str, path: str, tally: Tally, depth: int = 0) -> str:
        """A text leaf, redacted; the same object when nothing was replaced."""
        edits = self.edits(text, path, tally, depth)
        return splice(text, edits) if edits else text

    def whole(self, value: str, kind: str, path: str, tally: Tally) -> str:
        """A value that is a secret because of its name, replaced whole; an authentication scheme before it stays.

        A value that a rule knows as a credential gets that kind instead, so that a key has the same token in a header and in a text.
        """
        if is_token(value):
            return value
        prefix, secret = "", value
        scheme = _SCHEME.fullmatch(value) if kind == "access_token" else None
        if scheme is not None and scheme[1].lower() in _SCHEMES:
            secret = scheme[2]
            prefix = value[: -len(secret)]
            kind = "basic_credentials" if scheme[1].lower() == "basic" else kind
            if is_token(secret):
                return value
        found = self.engine.find(secret)
        if len(found) == 1 and found[0].value == secret and (found[0].kind not in _POINTS_AT_A_PERSON or kind == NATIONAL_ID):
            kind = found[0].kind
        if self._kept.anything and self._kept.keeps(kind, secret):
            return value
        tally.add(path, kind)
        return prefix + self.tokens.token(kind, secret)

    def value(self, value: Any, path: str, tally: Tally) -> Any:
        """A decoded value, redacted; the same object when nothing was replaced."""
        look = self.look()
        look.at(value)
        if look.is_clean():
            return value
        from fr_recorder.redact.rewrite import Rewrite

        return Rewrite(self, tally).value(value, path)
