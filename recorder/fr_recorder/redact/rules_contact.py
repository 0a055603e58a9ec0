"""Contact, payment and identity: what points at a person."""

from __future__ import annotations

from fr_recorder.redact.rule import Rule

__all__ = ["CONTACT_RULES"]

_PHONE_LABEL = (
    r"phone|telephone|tel|mobile|cell|fax|whatsapp|sms|telefon|handy|movil|call (?:me|us)(?: back)?(?: at| on)?|reach (?:me|us)(?: at| on)?"
    r"|ring me(?: at| on)?"
)
_LABEL_END = r"(?:[ _]?(?:number|no\.?|nr\.?|#))?\.?[\"'`\\]{0,4}[ \t]{0,3}(?:[:=]|is)?[ \t]{0,3}[\"'`\\]{0,4}"
_NUMBER_END = r"(?:[^0-9A-Za-z_.\-=/]|[.\-][^0-9A-Za-z])"

CONTACT_RULES: tuple[Rule, ...] = (
    Rule(
        "email",
        r"([A-Za-z0-9._+\-]{0,63}[A-Za-z0-9_+\-](?:@|%40)(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,62})\.){1,8}[A-Za-z]{2,24})",
        "RFC 5321 section 4.1.2 (as people write addresses: no quotes, no rare signs), RFC 1035 section 2.3.1",
        ("mail ann.lee@example.co.uk now", "<joe+tag@mail.example.org>", "mailto:o_k@x.io?subject=hi", "u=joe%40example.com&x"),
        ("git@github.com:org/repo.git", "icon@2x.png", "user@localhost", "@decorator.name", "a @ b.T"),
        check="email",
        gate=r"[A-Za-z0-9_+\-](?:@|%40)[A-Za-z0-9][A-Za-z0-9.\-]*\.[A-Za-z]{2}",
        hints=("@", "%40"),
    ),
    Rule(
        "phone",
        r"(?:[^0-9A-Za-z_+/=.\-]|tel:)"
        r"((?:\+|00)[1-9][0-9]{0,2}[ .\-/]{0,2}(?:\([0-9]{1,5}\)[ .\-/]{0,2})?[0-9](?:[ .\-/]?[0-9]){4,13})"
        r"(?:[^0-9A-Za-z_=+.]|\.[^0-9])",
        "ITU-T E.164; E.123 for the spacing",
        ("call +4930<digits:8>.", "+1 (415) 555-2671", "+44 (0)20 7946 0958", "+33 6 12 34 56 78", "tel:+14155552671", "0049 30 12345678"),
        ("+0200", "x = y +100000", "2024+12345678", "+999 12345678", "+35236450.6", "`0040030443`", "a+14155552671b", "+1 000 555 2671"),
        check="phone_international",
        gate=r"(?:[^0-9A-Za-z_+/=.\-]|tel:)(?:\+|00)[1-9][0-9 ().\-/]{7}",
        hints=("+", "00"),
    ),
    Rule(
        "phone",
        r"(?:[^0-9A-Za-z_.\-+/=#:)]|[^0-9]:)"
        r"((?:1[ .\-])?(?:\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[.\- ][0-9]{4}"
        r"|[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}|[2-9][0-9]{2}\.[2-9][0-9]{2}\.[0-9]{4}))"
        rf"{_NUMBER_END}",
        "North American Numbering Plan: https://nationalnanpa.com/about_us/abt_nanp.html",
        ("(415) 555-2671", "call 415-555-2671.", "1-800-555-0199,", "212.555.0123 is mine"),
        (
            "415-555-26711",
            "1415-555-2671",
            "order-415-555-2671",
            "911-555-1234",
            "415 555",
            "252.227-7013",
            "123-456-7890",
            "555.123.4567.89",
        ),
        check="phone_north_american",
        gate=r"[^0-9A-Za-z_][2-9][0-9]{2}\)? ?[.\-]?[2-9][0-9]{2}[.\- ][0-9]{4}",
    ),
    Rule(
        "phone",
        r"(?:[^0-9A-Za-z_.\-+/=#:])"
        r"(0[1-9](?: [0-9]{2}){4}|0[1-9](?:\.[0-9]{2}){4}|07[0-9]{3} [0-9]{6}|0(?:20|[1-9][0-9]{2,3}) [0-9]{3,4} [0-9]{3,4})"
        r"(?:[^0-9A-Za-z_.\-=/ ]|[.\- ][^0-9A-Za-z]|[ ][A-Za-z])",
        "ARCEP numbering plan (France); Ofcom National Telephone Numbering Plan (UK)",
        ("06 12 34 56 78", "01.23.45.67.89", "07700 900123", "020 7946 0958", "0161 496 0000"),
        ("2006 12 34 56 78", "06 12 34 56 7", "00 12 34 56 78", "v1.01.23.45.67.89", "01 02 03 04 05", "06 12 34 56 78 90"),
        check="phone_pairs",
        gate=r"[^0-9A-Za-z_]0[1-9][0-9]{0,3}[ .][0-9]{2}",
    ),
    Rule(
        "phone",
        rf"(?i)\b(?:{_PHONE_LABEL}){_LABEL_END}(\+?[0-9(][0-9 ().\-/]{{5,20}}[0-9])(?:[^0-9A-Za-z_\-]|-[^0-9A-Za-z])",
        "any national format, told by the word before it",
        (
            "phone: 030 1234567",
            "Tel. 0151 23456789",
            "mobile number is 4155552671",
            "call me at 555-0142.",
            '"phone_number": "9876543210"',
        ),
        ("phone: none", "cell 12", "tel aviv 2024", "smartphone 14 pro", "headphone: 1 of 2", "tel. 2024-05-15"),
        check="phone_labelled",
        gate=rf"(?i)\b(?:{_PHONE_LABEL}){_LABEL_END}\+?[0-9(][0-9 ().\-/]{{5}}",
        hints=("phone", "tel", "mobile", "cell", "fax", "whatsapp", "sms", "handy", "movil", "call", "reach", "ring me"),
    ),
    Rule(
        "payment_card",
        r"(?:[^0-9A-Za-z_.\-+/#:=]|[^0-9][.:=])"
        r"([2-6][0-9]{13,18}|[2-6][0-9]{3}[ \-][0-9]{4}[ \-][0-9]{4}[ \-][0-9]{4}(?:[ \-][0-9]{3})?|3[0-9]{3}[ \-][0-9]{6}[ \-][0-9]{4,5})"
        r"(?:[^0-9A-Za-z_\-.]|[.\-][^0-9])",
        "ISO/IEC 7812-1",
        ("card 4111111111111111", "5555 5555 5555 4444", "3782-822463-10005", "4111-1111-1111-1111.", "number:4242424242424242"),
        (
            "4111111111111112",
            "0.4111111111111111",
            "14111111111111111",
            "id_4111111111111111",
            "1111222233334444",
            "4111111111111111-2",
            "/feature/4111111111111111",
        ),
        check="card",
        gate=r"[^0-9A-Za-z_][2-6][0-9]{3}(?:[0-9]{10}|[ \-][0-9]{4}[ \-][0-9]{4}[ \-][0-9]{4}|[ \-][0-9]{6}[ \-][0-9]{4})",
    ),
    Rule(
        "card_security_code",
        r"(?i)\b(?:cvv2?|cvc2?|cid|card (?:security|verification) (?:code|number)|security code)"
        r"(?: (?:code|number))?[\"'`\\]{0,4}[ \t]{0,3}(?:[:=#]|is)?[ \t]{0,3}[\"'`\\]{0,4}([0-9]{3,4})\b",
        "PCI DSS 4.0 requirement 3.3.1 (never to be stored)",
        ("exp 12/26, CVV 123", "cvc: 4321", "my security code is 987."),
        ("cvv: yes", "cvv 12", "cvv 12345", "security code review 2024"),
        hints=("cvv", "cvc", "cid", "code", "number"),
    ),
    Rule(
        "iban",
        r"\b([A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?:[ \-][A-Z0-9]{4}){2,7}(?:[ \-][A-Z0-9]{1,3})?))\b",
        "ISO 13616; SWIFT IBAN registry",
        ("IBAN GB82WEST12345698765432", "DE89 3704 0044 0532 0130 00", "to FR1420041010050500013M02606."),
        ("GB82WEST12345698765433", "AB12CDEFGHIJKLMNOP", "ZZ82WEST12345698765432"),
        check="iban",
    ),
    Rule(
        "us_ssn",
        r"(?:[^0-9A-Za-z_.\-+/])([0-9]{3}-[0-9]{2}-[0-9]{4})(?:[^0-9A-Za-z_.\-]|[.\-][^0-9A-Za-z])",
        "https://www.ssa.gov/employer/randomization.html",
        ("SSN 123-45-6789", "is 219-09-9998."),
        ("000-12-3456", "666-12-3456", "912-34-5678", "123-45-67890", "id-123-45-6789", "123-00-6789"),
        check="ssn",
    ),
    Rule(
        "us_ssn",
        r"(?i)\b(?:ssn|social[ _]security(?:[ _](?:number|no\.?|#))?)[\"'`\\]{0,4}[ \t]{0,3}(?:[:=#]|is)?[ \t]{0,3}[\"'`\\]{0,4}"
        r"([0-9]{3}[ \-]?[0-9]{2}[ \-]?[0-9]{4})\b",
        "https://www.ssa.gov/employer/randomization.html",
        ("ssn: 123456789", "my social security number is 219 09 9998"),
        ("ssn: 12345", "social security benefits 2024"),
        check="ssn",
        hints=("ssn", "social"),
    ),
)
