"""Numbers with check digits and other values that point at a person, made from the standards that define them."""

# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from random import Random
from typing import NamedTuple

__all__ = ["NUMBERS", "Number", "digits", "luhn_digit"]


class Number(NamedTuple):
    """One kind of value.

    Attributes:
        kind: what the redactor calls it, or should.
        family: contact, payment or identity.
        labels: what people write before it; empty where it is to be found without.
        make: makes one.
    """

    kind: str
    family: str
    labels: tuple[str, ...]
    make: Callable[[Random], str]


def digits(random: Random, count: int) -> str:
    """Random digits."""
    return "".join(random.choice("0123456789") for _ in range(count))


def luhn_digit(number: str) -> str:
    """The check digit behind a number: ISO/IEC 7812-1 annex B."""
    total = sum(int(d) if n % 2 else int(d) * 2 - 9 * (int(d) > 4) for n, d in enumerate(reversed(number)))
    return str(-total % 10)


def _weighted(number: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=True))


def _grouped(text: str, sizes: Sequence[int], separator: str) -> str:
    pieces, place = [], 0
    for size in sizes:
        pieces.append(text[place : place + size])
        place += size
    return separator.join(piece for piece in pieces if piece)


# -- contact

_FIRST = [
    "ann",
    "bob",
    "maria.garcia",
    "jean-luc",
    "o_neil",
    "x.y.z",
    "jörg",
    "françois",
    "李雷",
    "Müller",
    "J.Smith",
    "sales+eu",
    "dev-ops",
    "test.user99",
]
_HOSTS = (
    "example.com",
    "mail.example.co.uk",
    "firma.de",
    "bücher.example",
    "университет.example.org",
    "sub.domain.company.io",
    "x-y.museum",
)


def _email(random: Random) -> str:
    tag = random.choice(("", "", f"+{digits(random, 3)}", "+news.letter"))
    return f"{random.choice(_FIRST)}{digits(random, random.randrange(3))}{tag}@{random.choice(_HOSTS)}"


_PHONES = (
    "+1 (2%02d) 555-0%03d", "+1-2%02d-555-0%03d", "(4%02d) 555-0%03d", "4%02d-555-0%03d", "4%02d.555.0%03d", "+12%02d5550%03d",
    "+44 20 7946 0%03d", "+44 7700 900%03d", "07700 900%03d", "020 7946 0%03d", "+49 30 90182%03d", "+49 (0) 30 901 82%03d", "+49 151 2345 0%03d",
    "0049 30 90182%03d", "030/90182%03d", "0151-23456%03d", "+33 6 12 34 %02d 78", "06 12 34 %02d 78", "01.23.45.%02d.89", "+33 (0)1 23 45 %02d 78",
    "+34 612 34 5%03d", "+39 06 6982 4%03d", "+31 6 1234 5%03d", "+41 44 668 %02d 00", "+43 1 58858 %03d", "+46 8 123 45 %03d", "+48 22 123 4%03d",
    "+91 98765 43%03d", "+91-9876543%03d", "+86 138 1234 5%03d", "+81 3-1234-5%03d", "+82 10-1234-5%03d", "+55 11 91234-5%03d",
    "+52 55 1234 5%03d", "+61 4 1234 5%03d", "+61 2 9876 5%03d", "+65 6123 4%03d", "+852 2123 4%03d", "+971 50 123 4%03d", "+972 54-123-4%03d",
    "+27 82 123 4%03d", "+234 803 123 4%03d", "+254 712 345%03d", "+20 10 1234 5%03d", "+7 495 123-45-%02d", "+380 44 123 4%03d", "+90 532 123 4%03d",
    "+351 912 345 %03d", "+353 1 234 5%03d", "+45 32 12 34 %02d", "+47 22 12 34 %02d", "+358 9 123 4%03d", "+30 21 0123 4%03d", "+420 601 123 %03d",
)  # fmt: skip


def _phone(random: Random) -> str:
    form = random.choice(_PHONES)
    return form % tuple(random.randrange(20, 100) for _ in range(form.count("%")))


def _national_phone(random: Random) -> str:
    form = random.choice(
        (
            "030 901%04d",
            "98765 4%04d",
            "9876 5%04d",
            "0412 345 %03d",
            "02 9876 %04d",
            "11 91234-%04d",
            "555-%04d",
            "415555%04d",
            "(030) 12%05d",
        )
    )
    return form % random.randrange(100, 999)


# -- payment

_ISSUERS = (
    ("4", 16),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("2720", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("65", 16),
    ("3528", 16),
    ("36", 14),
    ("62", 16),
)


def _card(random: Random) -> str:
    start, length = random.choice(_ISSUERS)
    number = start + digits(random, length - len(start) - 1)
    number += luhn_digit(number)
    sizes = (4, 6, 5) if length == 15 else (4, 6, 4) if length == 14 else (4, 4, 4, 4)
    return _grouped(number, sizes, random.choice(("", " ", "-", " ")))


_IBANS = {"DE": "d18", "GB": "a4d14", "FR": "d10c11d2", "NL": "a4d10", "ES": "d20", "IT": "a1d10c12", "CH": "d5c12", "AT": "d16", "BE": "d12",
          "PL": "d24", "NO": "d11", "MT": "a4d5c18", "SE": "d20", "DK": "d14", "IE": "a4d14", "PT": "d21", "FI": "d14", "AE": "d19", "SA": "d2c18", "TR": "d5d1c16"}  # fmt: skip


def _iban(random: Random) -> str:
    import re

    country, shape = random.choice(list(_IBANS.items()))
    pools = {"d": "0123456789", "a": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "c": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"}
    account = "".join(random.choice(pools[pool]) for pool, count in re.findall(r"([dac])(\d+)", shape) for _ in range(int(count)))
    check = 98 - int("".join(str(int(c, 36)) for c in f"{account}{country}00")) % 97
    number = f"{country}{check:02d}{account}"
    if random.random() < 0.5:
        number = _grouped(number, [4] * 9, " ")
    return number.lower() if random.random() < 0.25 else number


def _routing(random: Random) -> str:
    start = f"{random.randrange(1, 13):02d}" + digits(random, 6)
    return start + str(-_weighted(start, (3, 7, 1, 3, 7, 1, 3, 7)) % 10)


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _base58check(payload: bytes) -> str:
    data = payload + sha256(sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(data), ""
    while number:
        number, rest = divmod(number, 58)
        text = _BASE58[rest] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _wallet_key(random: Random) -> str:
    return _base58check(b"\x80" + random.randbytes(32) + b"\x01")


def _extended_private_key(random: Random) -> str:
    return _base58check(bytes.fromhex("0488ade4") + random.randbytes(74))


# -- identity: national numbers

_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"


def _birth(random: Random) -> tuple[int, int, int]:
    return random.randrange(50, 99), random.randrange(1, 13), random.randrange(1, 29)


def _ssn(random: Random) -> str:
    return f"{random.randrange(100, 665)}-{random.randrange(10, 99)}-{random.randrange(1000, 9999)}"


def _nino(random: Random) -> str:
    pair = random.choice(("AB", "CE", "GH", "JK", "LM", "PR", "SW", "YZ"))
    return random.choice((f"{pair}{digits(random, 6)}C", f"{pair} {digits(random, 2)} {digits(random, 2)} {digits(random, 2)} A"))


def _nhs(random: Random) -> str:
    while True:
        start = str(random.randrange(1, 10)) + digits(random, 8)
        check = 11 - _weighted(start, range(10, 1, -1)) % 11
        if check != 10:
            return _grouped(start + str(check % 11), (3, 3, 4), " ")


def _sin(random: Random) -> str:
    start = random.choice("1234567") + digits(random, 7)
    return _grouped(start + luhn_digit(start), (3, 3, 3), random.choice("- "))


def _dni(random: Random) -> str:
    number = random.randrange(10**7, 10**8)
    return f"{number:08d}{random.choice(('', '-'))}{_DNI[number % 23]}"


def _nie(random: Random) -> str:
    first, rest = random.randrange(3), digits(random, 7)
    return f"{'XYZ'[first]}{rest}{_DNI[int(f'{first}{rest}') % 23]}"


_ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23), strict=True))  # fmt: skip


def _codice_fiscale(random: Random) -> str:
    year, _, day = _birth(random)
    letters = "".join(random.choice("BCDFGLMNPRSTV") for _ in range(6))
    start = f"{letters}{year}{random.choice('ABCDEHLMPRST')}{day:02d}{random.choice('ABCDEFGHIL')}{digits(random, 3)}"
    total = sum(_ODD[c] if n % 2 == 0 else int(c) if c.isdigit() else ord(c) - 65 for n, c in enumerate(start))
    return start + chr(65 + total % 26)


def _nir(random: Random) -> str:
    year, month, _ = _birth(random)
    start = f"{random.choice('12')}{year}{month:02d}{random.randrange(1, 96):02d}{digits(random, 6)}"
    number = f"{start}{97 - int(start) % 97:02d}"
    return random.choice((number, _grouped(number, (1, 2, 2, 2, 3, 3, 2), " ")))


def _steuer_id(random: Random) -> str:
    ten = random.sample("0123456789", 9)
    ten.insert(random.randrange(1, 9), ten[0])
    if ten[0] == "0":
        return _steuer_id(random)
    product = 10
    for digit in ten:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return _grouped("".join(ten) + str((11 - product) % 10), (2, 3, 3, 3), random.choice(("", " ")))


def _bsn(random: Random) -> str:
    while True:
        start = random.choice("123456789") + digits(random, 7)
        check = _weighted(start, range(9, 1, -1)) % 11
        if check < 10:
            return start + str(check)


def _belgian(random: Random) -> str:
    year, month, day = _birth(random)
    start = f"{year}{month:02d}{day:02d}{random.randrange(1, 998):03d}"
    full = f"{start}{97 - int(start) % 97:02d}"
    return f"{full[:2]}.{full[2:4]}.{full[4:6]}-{full[6:9]}.{full[9:]}"


def _pesel(random: Random) -> str:
    year, month, day = _birth(random)
    start = f"{year}{month:02d}{day:02d}{digits(random, 4)}"
    return start + str(-_weighted(start, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10)


def _personnummer(random: Random) -> str:
    year, month, day = _birth(random)
    start = f"{year}{month:02d}{day:02d}{digits(random, 3)}"
    number = f"{start[:6]}-{start[6:]}{luhn_digit(start)}"
    return random.choice((number, f"19{number}"))


def _hetu(random: Random) -> str:
    year, month, day = _birth(random)
    date, serial = f"{day:02d}{month:02d}{year}", f"{random.randrange(2, 900):03d}"
    return f"{date}-{serial}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(date + serial) % 31]}"


def _ahv(random: Random) -> str:
    start = "756" + digits(random, 9)
    full = start + str(-_weighted(start, (1, 3) * 6) % 10)
    return f"{full[:3]}.{full[3:7]}.{full[7:11]}.{full[11:]}"


def _cpf(random: Random) -> str:
    number = digits(random, 9)
    for length in (10, 11):
        rest = _weighted(number, range(length, 1, -1)) % 11
        number += str(0 if rest < 2 else 11 - rest)
    return f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"


def _cnpj(random: Random) -> str:
    number = digits(random, 8) + "0001"
    for weights in ((5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)):
        rest = _weighted(number, weights) % 11
        number += str(0 if rest < 2 else 11 - rest)
    return f"{number[:2]}.{number[2:5]}.{number[5:8]}/{number[8:12]}-{number[12:]}"


def _curp(random: Random) -> str:
    year, month, day = _birth(random)
    letters = "".join(random.choice("BCDFGLMNPRSTV") for _ in range(4))
    start = f"{letters[0]}A{letters[1:3]}{year}{month:02d}{day:02d}{random.choice('HM')}DF{letters[:3]}0"
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    return start + str(-sum(alphabet.index(c) * (18 - n) for n, c in enumerate(start)) % 10)


def _rut(random: Random) -> str:
    number = str(random.randrange(5_000_000, 25_000_000))
    rest = 11 - sum(int(d) * (2 + n % 6) for n, d in enumerate(reversed(number))) % 11
    return f"{int(number):,}".replace(",", ".") + "-" + {11: "0", 10: "K"}.get(rest, str(rest))


_MULTIPLY = [
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
_PERMUTE = ["0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258"]


def _aadhaar(random: Random) -> str:
    start = random.choice("23456789") + digits(random, 10)
    state = 0
    for place, digit in enumerate(reversed(start), 1):
        state = int(_MULTIPLY[state][int(_PERMUTE[place % 8][int(digit)])])
    return _grouped(start + str(_MULTIPLY[state].index("0")), (4, 4, 4), " ")


def _pan(random: Random) -> str:
    letters = random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=5)
    return f"{''.join(letters[:3])}P{letters[3]}{digits(random, 4)}{letters[4]}"


def _chinese(random: Random) -> str:
    year, month, day = _birth(random)
    start = f"{random.choice(('110101', '310104', '440305', '510107'))}19{year}{month:02d}{day:02d}{digits(random, 3)}"
    return start + "10X98765432"[_weighted(start, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)) % 11]


def _korean(random: Random) -> str:
    year, month, day = _birth(random)
    start = f"{year}{month:02d}{day:02d}{random.choice('12')}{digits(random, 5)}"
    full = start + str((11 - _weighted(start, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10)
    return f"{full[:6]}-{full[6:]}"


def _nric(random: Random) -> str:
    first, number = random.choice("ST"), digits(random, 7)
    total = _weighted(number, (2, 7, 6, 5, 4, 3, 2)) + (4 if first == "T" else 0)
    return f"{first}{number}{'JZIHGFEDCBA'[total % 11]}"


def _hkid(random: Random) -> str:
    letter, number = random.choice("ABCDEGHKPRVYZ"), digits(random, 6)
    rest = -(36 * 9 + (ord(letter) - 55) * 8 + _weighted(number, (7, 6, 5, 4, 3, 2))) % 11
    return f"{letter}{number}({'A' if rest == 10 else rest})"


def _tc_kimlik(random: Random) -> str:
    d = [random.randrange(1, 10)] + [random.randrange(10) for _ in range(8)]
    d.append((sum(d[0:9:2]) * 7 - sum(d[1:8:2])) % 10)
    d.append(sum(d) % 10)
    return "".join(map(str, d))


def _south_african(random: Random) -> str:
    year, month, day = _birth(random)
    start = f"{year}{month:02d}{day:02d}{digits(random, 4)}08"
    return start + luhn_digit(start)


def _tfn(random: Random) -> str:
    while True:
        start = digits(random, 8)
        for last in range(10):
            if start[0] != "0" and _weighted(f"{start}{last}", (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0:
                return _grouped(f"{start}{last}", (3, 3, 3), " ")


def _snils(random: Random) -> str:
    number = str(random.randrange(2, 10)) + digits(random, 8)
    check = _weighted(number, range(9, 0, -1)) % 101 % 100
    return f"{number[:3]}-{number[3:6]}-{number[6:]} {check:02d}"


def _passport(random: Random) -> str:
    return random.choice((f"C{random.choice('FGHJK')}{digits(random, 7)}", digits(random, 9), f"{random.choice('ABX')}{digits(random, 8)}"))


NUMBERS: tuple[Number, ...] = (
    Number("email", "contact", (), _email),
    Number("phone", "contact", (), _phone),
    Number(
        "phone",
        "contact",
        ("phone: ", "Tel.: ", "mobile ", "call me at ", "WhatsApp: ", "Telefon ", "téléphone : ", "teléfono: ", "Phone number: "),
        _national_phone,
    ),
    Number("payment_card", "payment", (), _card),
    Number("iban", "payment", (), _iban),
    Number("card_security_code", "payment", ("CVV: ", "cvc ", "security code is ", "CVV2="), lambda random: digits(random, 3)),
    Number("us_bank_routing_number", "payment", ("routing number: ", "ABA ", "Routing #"), _routing),
    Number("wallet_private_key", "payment", (), _wallet_key),
    Number("wallet_private_key", "payment", (), _extended_private_key),
    Number("us_ssn", "identity", (), _ssn),
    Number("uk_nino", "identity", (), _nino),
    Number("uk_nhs_number", "identity", ("NHS number: ", "NHS no. ", "NHS "), _nhs),
    Number("canada_sin", "identity", ("SIN: ", "Social Insurance Number ", "my SIN is "), _sin),
    Number("spain_dni", "identity", (), _dni),
    Number("spain_dni", "identity", (), _nie),
    Number("italy_codice_fiscale", "identity", (), _codice_fiscale),
    Number("france_nir", "identity", (), _nir),
    Number("germany_tax_id", "identity", ("Steuer-ID: ", "Steueridentifikationsnummer ", "IdNr. ", "tax ID: "), _steuer_id),
    Number("netherlands_bsn", "identity", ("BSN: ", "burgerservicenummer ", "bsn="), _bsn),
    Number("belgium_national_number", "identity", (), _belgian),
    Number("poland_pesel", "identity", ("PESEL: ", "PESEL ", "pesel="), _pesel),
    Number("sweden_personnummer", "identity", (), _personnummer),
    Number("finland_hetu", "identity", (), _hetu),
    Number("switzerland_ahv", "identity", (), _ahv),
    Number("brazil_cpf", "identity", (), _cpf),
    Number("brazil_cnpj", "identity", (), _cnpj),
    Number("mexico_curp", "identity", (), _curp),
    Number("chile_rut", "identity", (), _rut),
    Number("india_aadhaar", "identity", (), _aadhaar),
    Number("india_pan", "identity", ("PAN: ", "PAN card ", "PAN number is "), _pan),
    Number("china_resident_id", "identity", (), _chinese),
    Number("korea_rrn", "identity", (), _korean),
    Number("singapore_nric", "identity", (), _nric),
    Number("hong_kong_id", "identity", (), _hkid),
    Number("turkey_tc_kimlik", "identity", ("TC Kimlik No: ", "T.C. kimlik ", "TCKN="), _tc_kimlik),
    Number("south_africa_id", "identity", ("ID number: ", "SA ID ", "RSA ID: "), _south_african),
    Number("australia_tfn", "identity", ("TFN: ", "tax file number ", "TFN "), _tfn),
    Number("russia_snils", "identity", (), _snils),
    Number("passport_number", "identity", ("passport number: ", "Passport No. ", "passport "), _passport),
)
"""One row a kind of value."""
