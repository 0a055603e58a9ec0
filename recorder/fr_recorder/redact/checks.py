"""What a rule may ask beyond its pattern: checksums, and whether a value looks like a secret at all.

A check gets the scanned buffer and the secret's place in it, so that it can look at the neighbours, and answers whether this is one.
"""

from __future__ import annotations

import re

from fr_recorder.redact.checks_identity import IDENTITY_CHECKS, luhn_holds
from fr_recorder.redact.checks_wallets import WALLET_CHECKS
from fr_recorder.redact.encoded import ENCODED, is_encoded_text
from fr_recorder.redact.rule import Buffer, Check
from fr_recorder.redact.tables import words

__all__ = ["CHECKS", "Check", "card_checksum_holds", "iban_checksum_holds", "is_opaque", "is_placeholder"]

_DIGITS = frozenset(b"0123456789")
_UPPER = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LOWER = frozenset(b"abcdefghijklmnopqrstuvwxyz")
_LETTERS = _UPPER | _LOWER
_STRONG_SYMBOLS = frozenset(b"!@#$%^*~+")
_ENOUGH = 128
_CAPITAL, _SMALL = 2, 3
_GROUPS = dict.fromkeys(_DIGITS, 1) | dict.fromkeys(_UPPER, _CAPITAL) | dict.fromkeys(_LOWER, _SMALL)
_QUOTES = frozenset(b"\"'`")

PLACEHOLDERS: frozenset[str] = words("""
    none null nil true false undefined empty string str text int integer bool boolean bytes object any optional required redacted hidden
    masked example placeholder password passwd pwd passphrase secret token key apikey api_key api-key username user value default type
    changeme your_password your-password yourpassword self this env todo tbd n/a na
""")
"""Words that stand where a secret would, in lower case."""

_PLACEHOLDER_STARTS = tuple(
    start.encode()
    for start in ("${", "$(", "{{", "%(", "%s", "<", "your_", "your-", "my_api", "my-api", "os.environ", "process.env", "...", "[[fr")
)


def is_placeholder(value: bytes) -> bool:
    """Whether a value stands for a secret without being one: ``${TOKEN}``, ``<password>``, ``********``, ``None``."""
    lowered = value.lower()
    return (
        lowered.decode("latin-1") in PLACEHOLDERS
        or lowered.startswith(_PLACEHOLDER_STARTS)
        or len(set(lowered)) <= 1
        or set(lowered) <= frozenset(b"*x.-_ ")
        or (value[:1] == b"$" and value[1:].replace(b"_", b"A").isalnum() and value == value.upper())
        or (value[:1] == b"%" and len(value) == 2)
    )


def is_opaque(value: bytes) -> bool:
    """Whether a value looks like a generated credential: 16 characters or more, no words, letters and digits mixed.

    Slugs (``next_page_of_results_2``) are told apart by how often digits, small and capital letters change over: rarely where words are
    joined, at about every second character in random text. Random text without any digit counts from 20 characters on and must have
    capitals side by side, which ``PrivateKeyTypes`` has not.
    """
    if len(value) < 16 or is_placeholder(value) or value[:1] in (b".", b"~") or value[:4] in (b"http", b"file"):
        return False
    if value[:1] == b"/" and not (value[-1:] == b"=" or b"+" in value):
        return False
    value = value[:_ENOUGH]
    characters = set(value)
    if not characters & _LETTERS or (not characters & _DIGITS and (value.islower() or value.isupper())):
        return False
    longest_word = run = changes = capitals = before = 0
    for byte in value:
        group = _GROUPS.get(byte, 0)
        run = run + 1 if group == _SMALL else 0
        longest_word = max(longest_word, run)
        changes += bool(before and group and group != before)
        capitals += before == group == _CAPITAL
        before = group
    if characters & _DIGITS:
        return changes * 6 >= len(value) and longest_word <= 18
    return len(value) >= 20 and changes * 8 >= len(value) * 3 and capitals * 10 >= len(value) and longest_word <= 7


def _mixed(buffer: Buffer, start: int, end: int) -> bool:
    characters = set(buffer[start:end])
    return bool(characters & _DIGITS) and bool(characters & _LETTERS)


def _mixed_case_and_digit(buffer: Buffer, start: int, end: int) -> bool:
    characters = set(buffer[start:end])
    return bool(characters & _DIGITS) and bool(characters & _UPPER) and bool(characters & _LOWER)


def _mixed_case(buffer: Buffer, start: int, end: int) -> bool:
    characters = set(buffer[start:end])
    return bool(characters & _UPPER) and bool(characters & _LOWER)


def _opaque(buffer: Buffer, start: int, end: int) -> bool:
    return is_opaque(bytes(buffer[start:end])) and not _is_called(buffer, end)


_POSITION_TOKEN = re.compile(rb"(?i)(?:page|next|continuation|sync|progress|cursor|resume|prev|previous)[_\- ]?token[\"'`\\\\ \t:=>]*$")


def _assigned_token(buffer: Buffer, start: int, end: int) -> bool:
    """Opaque, and not a place in a listing (``next_page_token``), which agents pass on and people want to read."""
    return _opaque(buffer, start, end) and not _POSITION_TOKEN.search(bytes(buffer[max(0, start - 48) : start]))


def _not_placeholder(buffer: Buffer, start: int, end: int) -> bool:
    return not is_placeholder(bytes(buffer[start:end]))


def _is_called(buffer: Buffer, end: int) -> bool:
    """Whether a bare value goes on as code: ``getpass(``, ``config.values[``."""
    return buffer[end : end + 1] in (b"(", b"[", b"{", b"<")


def _is_attribute_chain(value: bytes) -> bool:
    parts = value.split(b".")
    return len(parts) > 1 and all(part.decode("latin-1").isidentifier() for part in parts)


def _assigned(buffer: Buffer, start: int, end: int, *, shortest: int, digits_alone: bool) -> bool:
    value = bytes(buffer[start:end])
    if is_placeholder(value) or b" " in value or _is_called(buffer, end) or _is_attribute_chain(value):
        return False
    characters = set(value)
    has_digit, has_letter = bool(characters & _DIGITS), bool(characters & _LETTERS)
    if value[:1] == b"/" and value.count(b"/") > 1:
        return False
    if buffer[start - 1] in _QUOTES:
        return len(value) >= shortest and (digits_alone or (has_digit and has_letter) or len(value) >= 20)
    if value[:1] in (b"/", b"~", b".", b"$", b"-", b"=", b"&", b"|", b"*", b"@", b"%"):
        return False
    if _set_in_environment(buffer, start):
        return len(value) >= 4 and (digits_alone or has_digit)
    if has_digit and not has_letter:
        return digits_alone and len(value) >= 6
    return has_letter and len(value) >= max(shortest, 5) and (has_digit or (bool(characters & _STRONG_SYMBOLS) and len(value) >= 8))


def _set_in_environment(buffer: Buffer, start: int) -> bool:
    """Whether the value stands right behind ``NAME=`` in capitals: a setting, so that plain words count as well."""
    return buffer[start - 1 : start] == b"=" and buffer[start - 2] in _UPPER


def _assigned_password(buffer: Buffer, start: int, end: int) -> bool:
    return _assigned(buffer, start, end, shortest=4, digits_alone=True)


def _assigned_key(buffer: Buffer, start: int, end: int) -> bool:
    if b"public" in bytes(buffer[max(0, start - 24) : start]).lower():
        return False
    value = bytes(buffer[start:end])
    if is_opaque(value) and not _is_called(buffer, end) and not _is_attribute_chain(value):
        return True
    return _assigned(buffer, start, end, shortest=8, digits_alone=False) and not _is_slug(value)


def _setting(buffer: Buffer, start: int, end: int) -> bool:
    """Opaque, or letters and digits mixed that are no name: what stands beside a telling name without ``=`` is often another name."""
    value = bytes(buffer[start:end])
    if _POSITION_TOKEN.search(bytes(buffer[max(0, start - 48) : start])) or _is_attribute_chain(value) or _is_called(buffer, end):
        return False
    if is_opaque(value):
        return True
    if is_placeholder(value) or _is_slug(value) or value[:1] in (b"/", b".", b"$", b"-", b"~") or b"://" in value:
        return False
    characters = set(value)
    return bool(characters & _DIGITS) and bool(characters & _UPPER) and bool(characters & _LOWER)


def _is_slug(value: bytes) -> bool:
    """Words joined by ``-``, ``_``, ``/`` or ``.``, none of them mixing letters and digits: a name, not a key."""
    words = value.replace(b"_", b"-").replace(b"/", b"-").replace(b".", b"-").replace(b":", b"-").split(b"-")
    return len(words) > 1 and all(not word or word.isalpha() or word.isdigit() for word in words)


def _url_password(buffer: Buffer, start: int, end: int) -> bool:
    """A port and a path with an ``@`` in it is not a password."""
    value = bytes(buffer[start:end])
    port, slash, _ = value.partition(b"/")
    if slash and (port.isdigit() or not port):
        return False
    return not is_placeholder(value) and not (value.startswith((b"{", b"$", b"%(", b"%s")))


def _basic_credentials(buffer: Buffer, start: int, end: int) -> bool:
    """Basic credentials are Base64 of ``user:password``."""
    from binascii import Error, a2b_base64

    value = bytes(buffer[start:end]).rstrip(b"=")
    try:
        decoded = a2b_base64(value + b"=" * (-len(value) % 4))
    except (Error, ValueError):
        return False
    try:
        return ":" in decoded.decode() and decoded.decode().replace(" ", "").isprintable()
    except UnicodeDecodeError:
        return False


def _digits_of(buffer: Buffer, start: int, end: int) -> list[int]:
    return [byte - 48 for byte in buffer[start:end] if byte in _DIGITS]


_CARD_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (4000, 4999, frozenset({16, 19})),
    (5100, 5599, frozenset({16})),
    (2221, 2720, frozenset({16})),
    (3400, 3499, frozenset({15})),
    (3700, 3799, frozenset({15})),
    (6011, 6011, frozenset({16, 19})),
    (6440, 6599, frozenset({16, 19})),
    (3000, 3059, frozenset({14, 16})),
    (3600, 3699, frozenset({14, 16})),
    (3800, 3999, frozenset({14, 16})),
    (3528, 3589, frozenset({16, 19})),
    (6200, 6299, frozenset({16, 17, 18, 19})),
    (5000, 5099, frozenset({16})),
    (5600, 5899, frozenset({16})),
    (6300, 6399, frozenset({16})),
    (6700, 6799, frozenset({16})),
)
"""First four digits (from, to) and lengths: ISO/IEC 7812-1 and the networks' published ranges."""


def card_checksum_holds(digits: list[int]) -> bool:
    """Luhn (ISO/IEC 7812-1, annex B) over the digits of a card number whose issuer range and length are known."""
    if len(digits) < 14 or len(set(digits)) == 1:
        return False
    first = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3]
    if not any(low <= first <= high and len(digits) in lengths for low, high, lengths in _CARD_ISSUERS):
        return False
    return luhn_holds(digits)


def _card(buffer: Buffer, start: int, end: int) -> bool | int:
    """The number, or the number without a last group that is another one's (``4111 1111 1111 1111 123``)."""
    if card_checksum_holds(_digits_of(buffer, start, end)):
        return True
    shorter = max(buffer.rfind(b" ", start, end), start)
    return shorter if card_checksum_holds(_digits_of(buffer, start, shorter)) else False


IBAN_LENGTHS: dict[str, int] = {
    row[:2]: int(row[2:])
    for row in words("""
        AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18
        FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21
        LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24
        SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
    """)
}
"""Length of an account number by country: SWIFT IBAN registry, release 99."""


def iban_checksum_holds(text: str) -> bool:
    """ISO 13616: known country and length, and the number modulo 97 is 1. ``text`` holds no spaces."""
    if IBAN_LENGTHS.get(text[:2]) != len(text):
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def _iban(buffer: Buffer, start: int, end: int) -> bool | int:
    """As many characters as the country's numbers have; what the pattern took beyond (``... 5028 EUR``) is not part of it."""
    wanted = IBAN_LENGTHS.get(bytes(buffer[start : start + 2]).decode("latin-1").upper(), 0)
    position, text = start, bytearray()
    while position < end and len(text) < wanted:
        if buffer[position] not in b" -":
            text.append(buffer[position])
        position += 1
    if buffer[position] in _LETTERS or buffer[position] in _DIGITS or not iban_checksum_holds(text.decode("latin-1").upper()):
        return False
    return position


def _ssn(buffer: Buffer, start: int, end: int) -> bool:
    """Numbers that the Social Security Administration never assigns are no social security numbers."""
    digits = _digits_of(buffer, start, end)
    if len(digits) != 9:
        return False
    area = digits[0] * 100 + digits[1] * 10 + digits[2]
    return area not in (0, 666) and area < 900 and any(digits[3:5]) and any(digits[5:])


_COUNTRY_CODES: frozenset[str] = words("""
    1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98
    211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 242 243 244 245 246 247 248
    249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358
    359 370 371 372 373 374 375 376 377 378 380 381 382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592
    593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 800 808 850 852 853 855
    856 870 878 880 881 882 883 886 888 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998
""")
"""ITU-T E.164 country codes assigned."""


def _phone_international(buffer: Buffer, start: int, end: int) -> bool:
    """Country code assigned, 8 to 15 digits, not a decimal fraction; under +1 a North American number."""
    text = bytes(buffer[start:end]).replace(b"(0)", b"")
    if text.count(b".") == 1 and text.replace(b".", b"")[1:].isdigit():
        return False
    digits = "".join(chr(byte) for byte in text if byte in _DIGITS)
    if digits.startswith("00"):
        if len(digits) < 11 or (len(digits) < 13 and not text.strip(b"0123456789-")):
            return False
        digits = digits[2:]
    elif text[:3] == b"011":
        digits = digits[3:]
    if not 8 <= len(digits) <= 15:
        return False
    if digits[0] == "1":
        return len(digits) == 11 and _is_north_american(digits[1:])
    return any(digits[:length] in _COUNTRY_CODES for length in (1, 2, 3))


def _is_north_american(digits: str) -> bool:
    """NANP: area and exchange begin with 2-9 and neither is a service code such as 911."""
    return digits[0] in "23456789" and digits[3] in "23456789" and digits[1:3] != "11" and digits[4:6] != "11"


def _phone_north_american(buffer: Buffer, start: int, end: int) -> bool:
    digits = "".join(chr(byte) for byte in buffer[start:end] if byte in _DIGITS)
    return _is_north_american(digits[-10:])


_DATE = re.compile(
    rb"(?:19|20)[0-9]{2}[\-./ ](?:0[1-9]|1[0-2])[\-./ ]|(?:0[1-9]|[12][0-9]|3[01])[\-./](?:0[1-9]|1[0-2])[\-./](?:19|20)[0-9]{2}"
)


def _phone_pairs(buffer: Buffer, start: int, end: int) -> bool:
    """Pairs of digits that count up (``01 02 03 04 05``) are bytes, not a telephone number."""
    pairs = bytes(buffer[start:end]).replace(b".", b" ").split(b" ")
    return sum(pair.startswith(b"0") for pair in pairs) < 3


def _phone_national(buffer: Buffer, start: int, end: int) -> bool:
    """Not one digit again and again, and, where it is written as in North America, a number of its plan."""
    text = bytes(buffer[start:end])
    digits = "".join(chr(byte) for byte in text if byte in _DIGITS)
    american = text[3:4] == b" " == text[7:8] and len(digits) == 10 and digits[0] != "0"
    return len(set(digits)) > 2 and (not american or _is_north_american(digits))


def _phone_labelled(buffer: Buffer, start: int, end: int) -> bool:
    """7 to 15 digits and no date."""
    return 7 <= len(_digits_of(buffer, start, end)) <= 15 and not _DATE.match(bytes(buffer[start:end]))


_FILE_SUFFIXES: frozenset[str] = words("""
    png jpg jpeg gif svg webp ico bmp pdf css scss js jsx ts tsx mjs json yaml yml toml xml html htm txt rst csv log pyi pyc rb go java kt
    swift c h cpp hpp php bat exe dll lock cfg ini conf sql ipynb gz tar whl wav ttf woff woff2 weight bias shape self dtype data grad
""")
"""What stands behind the last dot of file names and attributes, and is no top-level domain with mail."""

_LOCAL_PART = _LETTERS | _DIGITS | frozenset(b"._+-")


def _email(buffer: Buffer, start: int, end: int) -> bool:
    """Not ``git@host:path``, not ``icon@2x.png``, and no label or local part that a mail system would refuse."""
    if buffer[start - 1] in _LOCAL_PART:
        return False
    local, _, domain = bytes(buffer[start:end]).replace(b"%40", b"@").rpartition(b"@")
    if domain.rpartition(b".")[2].lower().decode("latin-1") in _FILE_SUFFIXES:
        return False
    if local == b"git" and buffer[end : end + 1] in (b":", b"/"):
        return False
    return b".." not in local and not local.startswith(b".") and b"-." not in domain and b".-" not in domain


CHECKS: dict[str, Check] = {
    ENCODED: is_encoded_text,
    **IDENTITY_CHECKS,
    **WALLET_CHECKS,
    "assigned_key": _assigned_key,
    "assigned_password": _assigned_password,
    "assigned_token": _assigned_token,
    "basic_credentials": _basic_credentials,
    "card": _card,
    "email": _email,
    "iban": _iban,
    "mixed": _mixed,
    "mixed_case": _mixed_case,
    "mixed_case_and_digit": _mixed_case_and_digit,
    "not_placeholder": _not_placeholder,
    "opaque": _opaque,
    "phone_international": _phone_international,
    "phone_labelled": _phone_labelled,
    "phone_national": _phone_national,
    "phone_north_american": _phone_north_american,
    "phone_pairs": _phone_pairs,
    "setting": _setting,
    "ssn": _ssn,
    "url_password": _url_password,
}
"""Checks by the name that rules use."""
