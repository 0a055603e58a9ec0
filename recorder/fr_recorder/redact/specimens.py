"""Specimens: examples of secrets that are written down without being one.

A template such as ``ghp_<alnum:36>`` is filled at run time, so that no source file holds a string that a secret scanner would report.
The filling depends on the template and the variant alone, so a specimen is the same in every process.
"""

from __future__ import annotations

import re

__all__ = ["ALPHABETS", "fill"]

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = _UPPER.lower()
_DIGITS = "0123456789"

ALPHABETS = {
    "alnum": _LOWER + _UPPER + _DIGITS,
    "letters": _LOWER + _UPPER,
    "upper": _UPPER + _DIGITS,
    "lower": _LOWER + _DIGITS,
    "hex": _DIGITS + "abcdef",
    "digits": _DIGITS,
    "base64": _LOWER + _UPPER + _DIGITS + "+/",
    "url64": _LOWER + _UPPER + _DIGITS + "_-",
    "base32": _UPPER + "234567",
    "bech32": "023456789acdefghjklmnpqrstuvwxyz",
}

_SLOT = re.compile(rf"<=([^<>]*)>|<({'|'.join(ALPHABETS)}):([0-9]+)>")


def fill(template: str, variant: int = 0) -> str:
    """Fill ``<alphabet:length>`` slots; ``<=text>`` stands for ``text`` itself and serves to break up a tell-tale literal.

    A filling of six characters or more begins and ends with a letter or digit and holds a digit and letters of both cases, as far as
    its alphabet has them. Another ``variant`` is another filling.
    """
    from random import Random

    random = Random(f"{variant} {template}" if variant else template)

    def replace(slot: re.Match[str]) -> str:
        literal, name, length = slot.groups()
        if literal is not None:
            return literal
        alphabet = ALPHABETS[name]
        characters = [random.choice(alphabet) for _ in range(int(length))]
        for place, pool in ((0, _LOWER + _UPPER + _DIGITS), (-1, _LOWER + _UPPER), (-2, _DIGITS), (-3, _LOWER), (-4, _UPPER)):
            allowed = [character for character in pool if character in alphabet]
            if allowed and len(characters) >= 6:
                characters[place] = random.choice(allowed)
        return "".join(characters)

    return _SLOT.sub(replace, template)
