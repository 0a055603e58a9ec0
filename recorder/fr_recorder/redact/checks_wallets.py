"""Checksums of wallet addresses and keys: base58check (Bitcoin and its relatives) and bech32 (BIP 173, BIP 350)."""

from __future__ import annotations

import re

from fr_recorder.redact.rule import Buffer, Check

__all__ = ["WALLET_CHECKS", "base58check_holds", "bech32_holds"]

_BASE58 = {byte: number for number, byte in enumerate(b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
_RIPPLE = {byte: number for number, byte in enumerate(b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz")}
_BECH32 = {byte: number for number, byte in enumerate(b"qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_FEWEST_WORDS = 12
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_CONSTANTS = frozenset((1, 0x2BC830A3))


def base58check_holds(text: bytes, alphabet: dict[int, int] = _BASE58) -> bool:
    """The last four bytes are the first of the double SHA-256 of those before."""
    from hashlib import sha256

    number = 0
    for byte in text:
        if byte not in alphabet:
            return False
        number = number * 58 + alphabet[byte]
    zero = next(iter(alphabet))
    leading = len(text) - len(text.lstrip(bytes([zero])))
    data = bytes(leading) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    return len(data) > 8 and sha256(sha256(data[:-4]).digest()).digest()[:4] == data[-4:]


def bech32_holds(text: bytes) -> bool:
    """BIP 173 and BIP 350: the polynomial over human-readable part and data is one of two constants."""
    prefix, separator, data = text.lower().rpartition(b"1")
    if not separator or not prefix or any(byte not in _BECH32 for byte in data):
        return False
    checksum = 1
    for value in [*(byte >> 5 for byte in prefix), 0, *(byte & 31 for byte in prefix), *(_BECH32[byte] for byte in data)]:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for place in range(5):
            checksum ^= _GENERATOR[place] if top >> place & 1 else 0
    return checksum in _BECH32_CONSTANTS


def _base58check(buffer: Buffer, start: int, end: int) -> bool:
    return base58check_holds(bytes(buffer[start:end]))


def _bech32(buffer: Buffer, start: int, end: int) -> bool:
    return bech32_holds(bytes(buffer[start:end]))


def _ripple(buffer: Buffer, start: int, end: int) -> bool:
    return base58check_holds(bytes(buffer[start:end]), _RIPPLE)


_COMMON = frozenset(b"the and was for with not are has which took from its but were".split())
_WORD = re.compile(rb"[A-Za-z]+")


def _recovery_phrase(buffer: Buffer, start: int, end: int) -> bool | int:
    """Twelve words or more before the first that is not in the list but in nearly every sentence; there the phrase ends."""
    last = start
    for number, word in enumerate(_WORD.finditer(bytes(buffer[start:end]))):
        if word[0].lower() in _COMMON:
            return last if number >= _FEWEST_WORDS else False
        last = start + word.end()
    return True


WALLET_CHECKS: dict[str, Check] = {
    "recovery_phrase": _recovery_phrase,
    "base58check": _base58check,
    "bech32": _bech32,
    "ripple_base58check": _ripple,
}
"""Checks by the name that rules use."""
