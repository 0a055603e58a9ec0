"""Contact, payment and identity: what points at a person."""

from __future__ import annotations

from fr_recorder.redact.rule import Rule

__all__ = ["CONTACT_RULES"]

_PHONE_LABEL = (
    r"(?:(?:\b|_)(?:phone|telephone|tel|mobile|mob|cell|fax|whatsapp|sms|telefon|handy|movil|m\xc3\xb3vil|t(?:\xc3\xa9|e)l(?:\xc3\xa9|e)phone"
    r"|t\xc3\xa9l|t(?:\xc3\xa9|e)l(?:\xc3\xa9|e)fono|mobil(?:nummer)?|portable|telefone|telefoonnummer|telefonnummer|rufnummer|puhelin"
    r"|celular|cellulare|contact|ph|call (?:me|us)(?: back)?(?: at| on)?|reach (?:me|us)(?: at| on)?|ring me(?: at| on)?"
    r"|text (?:me|us)(?: at| on)?)|\xd1\x82\xd0\xb5\xd0\xbb(?:\xd0\xb5\xd1\x84\xd0\xbe\xd0\xbd)?|\xe7\x94\xb5\xe8\xaf\x9d"
    r"|\xe6\x89\x8b\xe6\x9c\xba(?:\xe5\x8f\xb7)?|\xe9\x9b\xbb\xe8\xa9\xb1(?:\xe7\x95\xaa\xe5\x8f\xb7)?|\xec\xa0\x84\xed\x99\x94)"
)
"""Words before a telephone number; the last ones are Russian, Chinese, Japanese and Korean in UTF-8."""

_LABEL_END = r"(?:[ _]?(?:number|no\.?|nr\.?|#))?\.?[\"'`\\]{0,4}[ \t]{0,3}(?:[:=]|is|\xef\xbc\x9a)?[ \t]{0,3}[\"'`\\]{0,4}"
_NUMBER_END = r"(?:[^0-9A-Za-z_.\-=/]|[.\-][^0-9A-Za-z])"

_WIDE = r"(?:(?:\xe3[\x81-\x83]|[\xe4-\xed][\x80-\xbf])[\x80-\xbf])"
"""A letter of East Asia in UTF-8. A name before ``@`` has only such letters or none: these scripts put no space before an address."""

_MAIL_LETTER = r"(?:[A-Za-z0-9_]|[\xc3-\xdf][\x80-\xbf])"
"""A letter of an address in UTF-8: ASCII, Latin, Greek, Cyrillic, Hebrew, Arabic."""

_HOST_LETTER = rf"(?:[A-Za-z0-9]|[\xc3-\xdf][\x80-\xbf]|{_WIDE})"

_NATIONAL = (
    r"04[0-9]{2} [0-9]{3} [0-9]{3}|\(0[2378]\) [0-9]{4} [0-9]{4}|0[1-9][0-9]{0,2}-[0-9]{3,4}-[0-9]{4}|0[5789]0 [0-9]{4} [0-9]{4}"
    r"|06[\- ][0-9]{8}|07[1-9][0-9]{8}|01[5-7][0-9]{1,2}[ /\-]?[0-9]{6,8}|0[2-9][0-9]{1,3} ?/ ?[0-9]{5,8}|0[2-9][0-9]{1,3} [0-9]{6,8}"
    r"|0[1-9][0-9] [0-9]{3} [0-9]{2} [0-9]{2}|0[1-9][0-9]{0,2}-[0-9]{2,3} [0-9]{2,3} [0-9]{2}|\([1-9][0-9]\) ?9?[0-9]{4}-[0-9]{4}"
    r"|1[3-9][0-9][ \-][0-9]{4}[ \-][0-9]{4}|8[ \-]\(?[3-9][0-9]{2}\)?[ \-][0-9]{3}[ \-][0-9]{2}[ \-][0-9]{2}"
    r"|[67][0-9]{2} [0-9]{2} [0-9]{2} [0-9]{2}|[2-9][0-9]{2} [2-9][0-9]{2} [0-9]{4}"
)

CONTACT_RULES: tuple[Rule, ...] = (
    Rule(
        "email",
        rf"((?:(?:{_MAIL_LETTER}|[._+'\-]){{0,63}}(?:{_MAIL_LETTER}|[+\-])|{_WIDE}{{1,20}}|\"[^\x00-\x1f\"@\\]{{1,62}}\")(?:@|%40)"
        rf"(?:(?:{_HOST_LETTER}(?:{_HOST_LETTER}|-){{0,62}})\.){{1,8}}"
        rf"(?:(?:[A-Za-z]|[\xc3-\xdf][\x80-\xbf]){{2,24}}|{_WIDE}{{2,6}}))",
        "RFC 5321 section 4.1.2 (as people write addresses: no quotes, no rare signs),"
        " RFC 6531 (letters beyond ASCII), RFC 1035 section 2.3.1",
        (
            "mail ann.lee@example.co.uk now",
            "<joe+tag@mail.example.org>",
            "mailto:o_k@x.io?subject=hi",
            "u=joe%40example.com&x",
            "j\u00f6rg@b\u00fccher.example",
            "pat.o'neil@example.com",
        ),
        ("git@github.com:org/repo.git", "icon@2x.png", "user@localhost", "@decorator.name", "a @ b.T"),
        check="email",
        gate=r"[A-Za-z0-9_+\-\x80-\xbf\"](?:@|%40)[A-Za-z0-9\xc3-\xed][A-Za-z0-9.\-\x80-\xed]*\.[A-Za-z\xc3-\xed]",
        hints=("@", "%40"),
    ),
    Rule(
        "email",
        r"([A-Za-z0-9_][A-Za-z0-9._+\-]{0,62} ?[(\[{](?:at|AT|At)[)\]}] ?[A-Za-z0-9\-]{1,63}"
        r"(?:(?:\.| ?[(\[{](?:dot|DOT|Dot|punkt)[)\]}] ?)[A-Za-z0-9\-]{2,63}){1,4})",
        "as people write addresses that machines are not to read",
        ("joe.smith(at)example.com", "joe [at] example [dot] co [dot] uk"),
        ("meet (at) noon", "x[at]", "(at) example.com"),
        gate=r"[(\[{](?:at|AT|At)[)\]}] ?[A-Za-z0-9]",
        hints=("(at)", "[at]", "{at}"),
    ),
    Rule(
        "phone",
        r"(?:[^0-9A-Za-z_+/=.\-]|tel:)"
        r"((?:\+|00|011[ \-])[1-9][0-9]{0,2}[ .\-/]{0,2}(?:\([0-9]{1,5}\)[ .\-/]{0,2})?[0-9](?:[ .\-/]?[0-9]){4,13})"
        r"(?:[^0-9A-Za-z_=+.]|\.[^0-9])",
        "ITU-T E.164; E.123 for the spacing",
        ("call +4930<digits:8>.", "+1 (415) 555-2671", "+44 (0)20 7946 0958", "+33 6 12 34 56 78", "tel:+14155552671", "0049 30 12345678"),
        ("+0200", "x = y +100000", "2024+12345678", "+999 12345678", "+35236450.6", "`0040030443`", "a+14155552671b", "+1 000 555 2671"),
        check="phone_international",
        gate=r"(?:[^0-9A-Za-z_+/=.\-]|tel:)(?:\+|00|011[ \-])[1-9][0-9 ().\-/]{7}",
        hints=("+", "00", "011"),
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
        rf"(?i){_PHONE_LABEL}{_LABEL_END}(\+?[0-9(][0-9 ().\-/]{{5,20}}[0-9])(?:[^0-9A-Za-z_\-]|-[^0-9A-Za-z])",
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
        gate=rf"(?i){_PHONE_LABEL}{_LABEL_END}\+?[0-9(][0-9 ().\-/]{{5}}",
    ),
    Rule(
        "phone",
        rf"(?:[^0-9A-Za-z_.\-+/#:=)]|[^0-9][:=])({_NATIONAL}){_NUMBER_END}",
        "numbering plans of Australia (ACMA), Japan (MIC), Korea, the Netherlands (ACM), Germany (BNetzA), Brazil (Anatel), China (MIIT),"
        " Russia, Spain (CNMC) and North America with spaces: only as people write them, with separators",
        (
            "0412 345 678",
            "(02) 9876 5432",
            "03-1234-5678",
            "090-1234-5678.",
            "06-12345678",
            "0151 23456789",
            "0151-2345678",
            "030/9018220",
            "(11) 91234-5678",
            "138 1234 5678",
            "8 (495) 123-45-67",
            "612 34 56 78",
            "415 555 2671",
            "07700900123",
            "044 668 22 00",
        ),
        (
            "10412 345 678",
            "2024-0412-345",
            "06-1234567",
            "03-1234-567",
            "115 555 2671",
            "415 055 2671",
            "612 34 56 789",
            "01-02-2024",
            "0151-23",
        ),
        check="phone_national",
        gate=rf"[^0-9A-Za-z_](?:{_NATIONAL})",
    ),
    Rule(
        "payment_card",
        r"(?:[^0-9A-Za-z_.\-+/#:=]|[^0-9][.:=])"
        r"([2-6][0-9]{13,18}|[2-6][0-9]{3}[ \-.][0-9]{4}[ \-.][0-9]{4}[ \-.][0-9]{4}(?:[ \-][0-9]{3})?"
        r"|3[0-9]{3}[ \-][0-9]{6}[ \-][0-9]{4,5})"
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
        gate=r"[^0-9A-Za-z_][2-6][0-9]{3}"
        r"(?:[0-9]{10}|[ \-.][0-9]{4}[ \-.][0-9]{4}[ \-.][0-9]{4}|[ \-][0-9]{6}[ \-][0-9]{4})",
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
        "one_time_code",
        r"(?:(?i:\b(?:otp|one[ \-]time (?:pass)?(?:code|word)"
        r"|(?:verification|security|confirmation|login|2fa|mfa|authentication) code|sms code|pin code)"
        r"|\bverifizierungscode|\bcode de v\xc3\xa9rification|\xe9\xaa\x8c\xe8\xaf\x81\xe7\xa0\x81)|\bPIN)"
        r"(?: is| ist| est|:|=|\xef\xbc\x9a)[ \t]{0,2}[\"'`]?([0-9]{4,8})(?:[^0-9A-Za-z_.\-]|[.\-][^0-9A-Za-z])",
        "RFC 4226, RFC 6238; as services write them in messages",
        ("Your verification code is 493021.", "OTP: 493021", "PIN: 4821"),
        ("verification code is sent", "PIN: 12", "error code: 493021", "pin: 4821"),
    ),
    Rule(
        "iban",
        r"\b([A-Za-z]{2}[0-9]{2}(?:[A-Za-z0-9]{11,30}|(?:[ \-][A-Za-z0-9]{4}){2,7}(?:[ \-][A-Za-z0-9]{1,3})?))\b",
        "ISO 13616; SWIFT IBAN registry",
        ("IBAN GB82WEST12345698765432", "DE89 3704 0044 0532 0130 00", "to FR1420041010050500013M02606.", "gb82 west 1234 5698 7654 32"),
        ("GB82WEST12345698765433", "AB12CDEFGHIJKLMNOP", "ZZ82WEST12345698765432"),
        check="iban",
        gate=r"\b[A-Za-z]{2}[0-9]{2}[ \-]?[A-Za-z0-9]{4}[ \-]?[A-Za-z0-9]{3}",
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
