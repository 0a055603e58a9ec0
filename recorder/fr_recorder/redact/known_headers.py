"""Header values that come with every call: what was found once, so that a key is not looked at and hashed anew each time.

No secret is kept: of a telling header only a digest, keyed with a random key of this process, and what stands in its place.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import NamedTuple

from fr_recorder.redact.headers import redact_header
from fr_recorder.redact.hits import Tally
from fr_recorder.redact.leaves import Leaves

__all__ = ["LONGEST_PLAIN_NUMBER", "TellingHeaders", "is_plain_number"]

LONGEST_PLAIN_NUMBER = 6
"""No rule finds anything in so few digits alone (tested for each of them): the length of a body need not be looked at."""

_MOST_HEADERS = 256


def is_plain_number(value: str) -> bool:
    """Whether a value is digits only, and too few of them to be anything but a number."""
    return len(value) <= LONGEST_PLAIN_NUMBER and value.isascii() and value.isdigit()


class _Replaced(NamedTuple):
    value: str
    tally: Tally


class TellingHeaders:
    """Remembers by what the values of telling headers were replaced. Safe to use from several threads."""

    __slots__ = ("_key", "_known")

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._known: dict[bytes, _Replaced] = {}

    def __len__(self) -> int:
        return len(self._known)

    def redacted(self, name: str, value: str, leaves: Leaves, tally: Tally) -> str:
        """What :func:`redact_header` makes of this header, with the same counts."""
        digest = blake2b(f"{name}\0{value}".encode("utf-8", "surrogatepass"), digest_size=16, key=self._key).digest()
        known = self._known.get(digest)
        if known is None:
            own = Tally()
            known = _Replaced(redact_header(name, value, leaves, own), own)
            if len(self._known) >= _MOST_HEADERS:
                self._known = {}
            self._known[digest] = known
        tally.add_all(known.tally)
        return known.value
