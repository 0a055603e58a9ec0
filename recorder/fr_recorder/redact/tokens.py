"""Tokens: what stands in place of a secret.

``[[fr:<kind>:<key id>:<16 characters>]]``, the last part being 80 bits of HMAC-SHA256(key, kind NUL normalised value) in lower-case
base32. Keyed, so the value cannot be found by trial without the key; deterministic, so the same value is the same token everywhere
under one key, and one request is equal to its repetition; plain ASCII without quote or backslash, so JSON stays JSON.

Text that has the full shape of a token is left as it is, whoever wrote it: it can hold no secret that a rule or a field name would have
found, and leaving it alone is what makes redaction idempotent. Whoever forges one gains a token that stands for nothing.
The opening ``[[fr:`` without the rest of the shape is replaced by a token of its own, so that every ``[[fr:`` in a record is a token.
"""

from __future__ import annotations

import re

__all__ = ["DROPPED", "MARKER", "MARKER_KIND", "NORMALISERS", "TOKEN", "TokenMaker", "is_token"]

MARKER = b"[[fr:"
MARKER_KIND = "marker"

DROPPED = "dropped"
"""Stands for the key id in the token of a value that a policy drops."""

TOKEN = re.compile(rb"\[\[fr:[a-z][a-z0-9_]{1,39}:[a-z0-9_-]{1,32}:[a-z2-7]{16}\]\]")
"""The shape of a token, over bytes."""

_TOKEN_TEXT = re.compile(TOKEN.pattern.decode())
_KEY_ID = re.compile(r"[a-z0-9_-]{1,32}")

NORMALISERS: dict[str, str] = {
    "email": "lower",
    "phone": "digits",
    "payment_card": "digits",
    "us_ssn": "digits",
    "iban": "compact",
    "private_key": "compact",
}
"""How a value of a kind is written before it is hashed: two spellings of one value share a token. Other kinds are taken as they are."""


def is_token(text: str) -> bool:
    """Whether the whole text is one token."""
    return _TOKEN_TEXT.fullmatch(text) is not None


def _lower(value: str) -> str:
    return value.lower().replace("%40", "@")


def _digits(value: str) -> str:
    return "".join(character for character in value if character in "0123456789") or value


def _compact(value: str) -> str:
    return "".join(value.replace("\\r", "").replace("\\n", "").replace("-", "").split()).upper()


_NORMALISE = {"lower": _lower, "digits": _digits, "compact": _compact}


class TokenMaker:
    """Makes tokens under one key.

    Args:
        key: at least 16 bytes.
        key_id: names the key in the token; 1 to 32 of ``a-z 0-9 _ -``.
        dropped: kinds of which no value can be told from another: their token holds :data:`DROPPED` and no hash.

    Raises:
        ValueError: for a short key or a key id of another shape.
    """

    def __init__(self, key: bytes, key_id: str, dropped: frozenset[str] = frozenset()) -> None:
        if len(key) < 16:
            raise ValueError(f"the redaction key has {len(key)} bytes, at least 16 are needed")
        if not _KEY_ID.fullmatch(key_id) or key_id == DROPPED:
            raise ValueError("the key id must be 1 to 32 of a-z, 0-9, _ and -")
        self._key = key
        self._dropped = dropped
        self.key_id = key_id

    def token(self, kind: str, value: str) -> str:
        """The token of a value."""
        from base64 import b32encode
        from hmac import digest

        if kind in self._dropped:
            return f"[[fr:{kind}:{DROPPED}:{'a' * 16}]]"
        normaliser = NORMALISERS.get(kind)
        normal = _NORMALISE[normaliser](value) if normaliser else value
        mac = digest(self._key, kind.encode() + b"\0" + normal.encode("utf-8", "surrogatepass"), "sha256")
        return f"[[fr:{kind}:{self.key_id}:{b32encode(mac[:10]).decode().lower()}]]"
