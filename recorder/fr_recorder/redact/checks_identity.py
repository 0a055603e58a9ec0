"""Check digits of national numbers, and whether the date inside of one can be.

Each table row is a check by the name that rules use; what it is computed by stands in the docstring of the function behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fr_recorder.redact.rule import Buffer, Check

__all__ = ["IDENTITY_CHECKS", "luhn_holds"]

_DIGITS = frozenset(b"0123456789")
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TIMESTAMP_YEARS = range(16, 30)
"""Two-digit years of log files and backups (``240115-0930``), which are taken for times and not for births."""


def luhn_holds(digits: Sequence[int]) -> bool:
    """ISO/IEC 7812-1 annex B."""
    doubled = sum(digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2])
    return (doubled + sum(digits[-1::-2])) % 10 == 0


def _is_day(month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= 31


def _weighted(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def _number(digits: Sequence[int]) -> int:
    return int("".join(map(str, digits)) or "0")


def _pair(digits: Sequence[int], at: int) -> int:
    return digits[at] * 10 + digits[at + 1]


def _digits_check(length: int, holds: Callable[[list[int]], bool]) -> Check:
    """A check over the digits of a span alone; false when there are not exactly so many, or all are alike."""

    def check(buffer: Buffer, start: int, end: int) -> bool:
        digits = [byte - 48 for byte in buffer[start:end] if byte in _DIGITS]
        return len(digits) == length and len(set(digits)) > 1 and holds(digits)

    return check


def _text_check(holds: Callable[[str], bool]) -> Check:
    """A check over the letters and digits of a span, in capitals."""

    def check(buffer: Buffer, start: int, end: int) -> bool:
        return holds("".join(chr(byte) for byte in bytes(buffer[start:end]).upper() if byte in _DIGITS or byte in _LETTERS))

    return check


def _mod11(weights: Sequence[int], *, ten: int | None = None) -> Callable[[list[int]], bool]:
    """The last digit is 11 minus the weighted sum of the others modulo 11; 11 counts as 0, 10 as ``ten`` or never."""

    def holds(digits: list[int]) -> bool:
        check = (11 - _weighted(digits[:-1], weights) % 11) % 11
        return (ten if check == 10 else check) == digits[-1]

    return holds


def _sum11(weights: Sequence[int]) -> Callable[[list[int]], bool]:
    """The weighted sum of all digits is a multiple of 11."""
    return lambda digits: _weighted(digits, weights) % 11 == 0


def _verhoeff(digits: list[int]) -> bool:
    """Verhoeff's check over the dihedral group D5, as UIDAI uses it."""
    state = 0
    for place, digit in enumerate(reversed(digits)):
        state = _D5[state][_PERMUTED[place % 8][digit]]
    return state == 0


_D5 = tuple(
    tuple(map(int, row))
    for row in (
        [
            "0123456789",
            "1234067895",
            "2340178956",
            "3401289567",
            "4012395678",
            "5987604321",
            "6598710432",
            "7659821043",
            "8765932104",
            "9876543210",
        ]
    )
)
_PERMUTED = tuple(
    tuple(map(int, row))
    for row in ["0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258"]
)


def _iso7064_11_10(digits: list[int]) -> bool:
    """ISO/IEC 7064 MOD 11,10."""
    product = 10
    for digit in digits[:-1]:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == digits[-1]


def _steuer_id(digits: list[int]) -> bool:
    """MOD 11,10; the first digit is not 0, and of the first ten exactly one digit comes twice or three times."""
    counts = sorted(digits[:10].count(digit) for digit in set(digits[:10]))
    return digits[0] != 0 and counts[-1] in (2, 3) and counts[-2] == 1 and _iso7064_11_10(digits)


def _belgium(digits: list[int]) -> bool:
    """97 minus the number modulo 97, with a 2 before it for who was born from 2000."""
    start, check = _number(digits[:9]), _pair(digits, 9)
    return check in (97 - start % 97, 97 - (2_000_000_000 + start) % 97) and _is_day(_pair(digits, 2) % 20, _pair(digits, 4))


def _sweden(digits: list[int]) -> bool:
    """Luhn over ten digits, the first six a date; a coordination number has 60 added to its day."""
    return luhn_holds(digits) and _is_day(_pair(digits, 2), _pair(digits, 4) % 60) and _pair(digits, 0) not in _TIMESTAMP_YEARS


def _sweden_long(digits: list[int]) -> bool:
    year = _number(digits[:4])
    return 1900 <= year < 2000 + _TIMESTAMP_YEARS.start and luhn_holds(digits[2:]) and _is_day(_pair(digits, 4), _pair(digits, 6) % 60)


def _norway(digits: list[int]) -> bool:
    """Two check digits modulo 11."""
    first, second = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
    return _weighted(digits[:10], first) % 11 == 0 and _weighted(digits, second) % 11 == 0


def _snils(digits: list[int]) -> bool:
    """Weighted sum modulo 101, of which 100 counts as 0."""
    return _weighted(digits[:9], range(9, 0, -1)) % 101 % 100 == _pair(digits, 9)


def _two_mod11(lengths: tuple[Sequence[int], Sequence[int]]) -> Callable[[list[int]], bool]:
    """Two check digits: 11 minus the weighted sum modulo 11, of which 10 and 11 count as 0 (Brazil)."""

    def holds(digits: list[int]) -> bool:
        for weights in lengths:
            rest = _weighted(digits[: len(weights)], weights) % 11
            if (0 if rest < 2 else 11 - rest) != digits[len(weights)]:
                return False
        return True

    return holds


def _korea(digits: list[int]) -> bool:
    """Weighted sum modulo 11. Numbers given out since October 2020 have no check digit and are found by their label only."""
    check = (11 - _weighted(digits[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return check == digits[12] and _is_day(_pair(digits, 2), _pair(digits, 4))


def _turkey(digits: list[int]) -> bool:
    odd, even = sum(digits[0:9:2]), sum(digits[1:8:2])
    return digits[0] != 0 and (odd * 7 - even) % 10 == digits[9] and sum(digits[:10]) % 10 == digits[10]


def _south_africa(digits: list[int]) -> bool:
    return luhn_holds(digits) and _is_day(_pair(digits, 2), _pair(digits, 4)) and digits[10] in (0, 1, 2)


def _thailand(digits: list[int]) -> bool:
    return (11 - _weighted(digits[:12], range(13, 1, -1)) % 11) % 10 == digits[12]


def _czech(digits: list[int]) -> bool:
    """A multiple of 11; women have 50 added to the month."""
    return _number(digits) % 11 == 0 and _is_day(_pair(digits, 2) % 50 % 20, _pair(digits, 4))


def _romania(digits: list[int]) -> bool:
    check = _weighted(digits[:12], (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return (1 if check == 10 else check) == digits[12] and _is_day(_pair(digits, 3), _pair(digits, 5))


def _poland(digits: list[int]) -> bool:
    return _weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0 and _is_day(_pair(digits, 2) % 20, _pair(digits, 4))


def _france(text: str) -> bool:
    """97 minus the number modulo 97; 2A and 2B (Corsica) count as 19 and 18."""
    plain = text.replace("2A", "19").replace("2B", "18")
    month = int(plain[3:5]) if plain[3:5].isdigit() else 0
    in_range = 1 <= month <= 12 or 20 <= month <= 42 or 50 <= month <= 99
    return len(plain) == 15 and plain.isdigit() and in_range and 97 - int(plain[:13]) % 97 == int(plain[13:])


_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def _spain(text: str) -> bool:
    """The letter is the number modulo 23; X, Y and Z of a foreigner's number count as 0, 1 and 2."""
    number = text[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return number.isdigit() and _DNI_LETTERS[int(number) % 23] == text[-1]


_ODD_VALUES = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        map(
            int,
            [
                "1",
                "0",
                "5",
                "7",
                "9",
                "13",
                "15",
                "17",
                "19",
                "21",
                "1",
                "0",
                "5",
                "7",
                "9",
                "13",
                "15",
                "17",
                "19",
                "21",
                "2",
                "4",
                "18",
                "20",
                "11",
                "3",
                "6",
                "8",
                "12",
                "14",
                "16",
                "10",
                "22",
                "25",
                "24",
                "23",
            ],
        ),
        strict=True,
    )
)
"""What letters and digits in odd places count."""


def _italy(text: str) -> bool:
    total = sum(_ODD_VALUES[c] if n % 2 == 0 else int(c) if c.isdigit() else ord(c) - 65 for n, c in enumerate(text[:15]))
    return len(text) == 16 and chr(65 + total % 26) == text[15]


def _finland(text: str) -> bool:
    """Date and serial number modulo 31; the sign of the century is no letter or digit before 2000."""
    number = text[:6] + text[-4:-1]
    return number.isdigit() and _is_day(int(text[2:4]), int(text[:2])) and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(number) % 31] == text[-1]


def _mexico(text: str) -> bool:
    """Weighted sum modulo 10 over an alphabet with Ñ behind N."""
    values = [int(c) if c.isdigit() else ord(c) - 55 + (c > "N") for c in text]
    return -_weighted(values[:17], range(18, 1, -1)) % 10 == values[17]


def _chile(text: str) -> bool:
    rest = 11 - sum(int(d) * (2 + n % 6) for n, d in enumerate(reversed(text[:-1]))) % 11
    return {11: "0", 10: "K"}.get(rest, str(rest)) == text[-1]


def _china(text: str) -> bool:
    """ISO/IEC 7064 MOD 11-2 (GB 11643)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    dated = _is_day(int(text[10:12]), int(text[12:14]))
    return dated and "10X98765432"[_weighted([int(c) for c in text[:17]], weights) % 11] == text[17]


def _singapore(text: str) -> bool:
    """Letters by first letter: S and T; F and G; M."""
    total = _weighted([int(c) for c in text[1:8]], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(text[0], 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "KLJNPQRTUWX"}.get(text[0], "XWUTRQPNMLK")
    place = total % 11
    return (letters[10 - place] if text[0] == "M" else letters[place]) == text[8]


def _hong_kong(text: str) -> bool:
    start, check = text[:-1], text[-1]
    values = [36] * (8 - len(start)) + [int(c) if c.isdigit() else ord(c) - 55 for c in start]
    return (_weighted(values, range(9, 1, -1)) + (10 if check == "A" else int(check))) % 11 == 0


def _taiwan(text: str) -> bool:
    number = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(text[0]) + 10
    digits = [number // 10, number % 10, *map(int, text[1:])]
    return _weighted(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def _ireland(text: str) -> bool:
    extra = ord(text[8]) - 64 if len(text) == 9 and text[8] != "W" else 0
    return "WABCDEFGHIJKLMNOPQRSTUV"[(_weighted([int(c) for c in text[:7]], range(8, 1, -1)) + extra * 9) % 23] == text[7]


def _united_kingdom(text: str) -> bool:
    """HMRC's NIM39110: letters that are not used, and prefixes that are not allocated."""
    return text[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ") and len(set(text[2:8])) > 1


IDENTITY_CHECKS: dict[str, Check] = {
    "argentina_cuil": _digits_check(11, _mod11((5, 4, 3, 2, 7, 6, 5, 4, 3, 2), ten=9)),
    "australia_medicare": _digits_check(10, lambda digits: _weighted(digits[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == digits[8]),
    "australia_tfn": _digits_check(9, _sum11((1, 4, 3, 7, 5, 8, 6, 9, 10))),
    "belgium": _digits_check(11, _belgium),
    "brazil_cnpj": _digits_check(14, _two_mod11(((5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)))),
    "brazil_cpf": _digits_check(11, _two_mod11((range(10, 1, -1), range(11, 1, -1)))),
    "canada_sin": _digits_check(9, luhn_holds),
    "chile": _text_check(_chile),
    "china": _text_check(_china),
    "croatia_oib": _digits_check(11, _iso7064_11_10),
    "czech": _digits_check(10, _czech),
    "denmark_cpr": _digits_check(10, lambda digits: _is_day(_pair(digits, 2), _pair(digits, 0))),
    "finland": _text_check(_finland),
    "france": _text_check(_france),
    "greece_amka": _digits_check(11, lambda digits: luhn_holds(digits) and _is_day(_pair(digits, 2), _pair(digits, 0))),
    "hong_kong": _text_check(_hong_kong),
    "india_aadhaar": _digits_check(12, _verhoeff),
    "ireland": _text_check(_ireland),
    "israel": _digits_check(9, luhn_holds),
    "italy": _text_check(_italy),
    "japan_my_number": _digits_check(12, _mod11((6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), ten=0)),
    "korea": _digits_check(13, _korea),
    "malaysia": _digits_check(12, lambda digits: _is_day(_pair(digits, 2), _pair(digits, 4)) and 1 <= _pair(digits, 6) <= 99),
    "mexico": _text_check(_mexico),
    "netherlands_bsn": _digits_check(9, lambda digits: (_weighted(digits[:8], range(9, 1, -1)) - digits[8]) % 11 == 0),
    "norway": _digits_check(11, _norway),
    "poland": _digits_check(11, _poland),
    "portugal_nif": _digits_check(9, _mod11(range(9, 1, -1), ten=0)),
    "romania": _digits_check(13, _romania),
    "singapore": _text_check(_singapore),
    "snils": _digits_check(11, _snils),
    "south_africa": _digits_check(13, _south_africa),
    "spain": _text_check(_spain),
    "steuer_id": _digits_check(11, _steuer_id),
    "sweden": _digits_check(10, _sweden),
    "sweden_long": _digits_check(12, _sweden_long),
    "switzerland_ahv": _digits_check(13, lambda digits: _weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0),
    "taiwan": _text_check(_taiwan),
    "thailand": _digits_check(13, _thailand),
    "turkey": _digits_check(11, _turkey),
    "uk_nhs": _digits_check(10, _mod11(range(10, 1, -1))),
    "uk_nino": _text_check(_united_kingdom),
    "us_routing": _digits_check(9, lambda digits: _weighted(digits, (3, 7, 1) * 3) % 10 == 0),
}
"""Checks by the name that rules use."""
