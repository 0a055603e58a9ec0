"""Names that tell that their value is a secret: headers, JSON fields, query parameters, environment variables, command-line options.

Names are compared without case and without ``_ - . `` and space, so ``apiKey``, ``api_key`` and ``API-Key`` are one name.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from fr_recorder.redact.checks import is_opaque
from fr_recorder.redact.tables import words

__all__ = [
    "BENIGN_INNER_FIELDS",
    "EXAMPLE_FIELDS",
    "FIELDS_BY_NAME",
    "FIELDS_BY_SUFFIX",
    "HEADERS_KEPT",
    "NATIONAL_ID",
    "PATHS_IN_ENVIRONMENT",
    "PLAIN_FIELDS",
    "Field",
    "environment_field",
    "field_of",
    "header_field",
    "option_field",
    "query_field",
]


_LONGEST_NUMBER = 40


class Field(NamedTuple):
    """What a name tells about its value.

    Attributes:
        kind: the kind of token.
        guarded: the name also carries harmless values, so only a value that looks like a generated credential is replaced.
        least_digits: only a value with so many digits, and with more digits than letters, is replaced; numbers count as they are written.
    """

    kind: str
    guarded: bool = False
    least_digits: int = 0

    def covers(self, value: str) -> bool:
        """Whether this value, under such a name, is to be replaced.

        One that already holds a token is not judged by its looks again: the token would make words look like a credential.
        """
        if self.least_digits:
            digits, letters = sum(map(str.isdigit, value)), sum(map(str.isalpha, value))
            return "[[fr:" not in value and digits >= self.least_digits and digits > letters and len(value) <= _LONGEST_NUMBER
        if not self.guarded:
            return bool(value)
        return "[[fr:" not in value and is_opaque(value.encode("utf-8", "surrogatepass"))

    def covers_number(self, literal: str) -> bool:
        """Whether a number, as it is written, is to be replaced under such a name."""
        return self.covers(literal) if self.least_digits else not self.guarded


_PASSWORD = Field("password")
_API_KEY = Field("api_key")
_SECRET = Field("secret")
_TOKEN = Field("access_token")
_PHONE = Field("phone", least_digits=7)
_LICENCE = Field("driving_licence_number", least_digits=5)
NATIONAL_ID = "national_id"
"""Kind of a national number that nothing but its name gives away."""
_NATIONAL_ID = Field(NATIONAL_ID, least_digits=6)
_PERHAPS_TOKEN = Field("access_token", guarded=True)
_COOKIE = Field("cookie")
_SIGNATURE = Field("signature")
_PRIVATE_KEY = Field("private_key")
_CARD = Field("payment_card")
_CARD_CODE = Field("card_security_code")
_SSN = Field("us_ssn")

FIELDS_BY_NAME: dict[str, Field] = {
    "pass": _PASSWORD,
    "pw": _PASSWORD,
    "pwd": _PASSWORD,
    "userpass": _PASSWORD,
    "passcode": _PASSWORD,
    "secret": _SECRET,
    "secrets": _SECRET,
    "secretstring": _SECRET,
    "secretbinary": _SECRET,
    "secretvalue": _SECRET,
    "auth": _PERHAPS_TOKEN,
    "credential": _PERHAPS_TOKEN,
    "credentials": _PERHAPS_TOKEN,
    "token": _PERHAPS_TOKEN,
    "accesskey": _API_KEY,
    "secretkey": _API_KEY,
    "secretaccesskey": Field("aws_secret_access_key"),
    "awssecretaccesskey": Field("aws_secret_access_key"),
    "signingkey": _API_KEY,
    "encryptionkey": _API_KEY,
    "masterkey": _API_KEY,
    "subscriptionkey": _API_KEY,
    "accountkey": Field("azure_storage_key"),
    "sharedaccesskey": Field("azure_storage_key"),
    "authkey": _API_KEY,
    "privatekey": _PRIVATE_KEY,
    "privatekeypem": _PRIVATE_KEY,
    "clientkeydata": _PRIVATE_KEY,
    "sshkey": Field("private_key", guarded=True),
    "authorization": _TOKEN,
    "proxyauthorization": _TOKEN,
    "accesstoken": _TOKEN,
    "refreshtoken": _TOKEN,
    "idtoken": _TOKEN,
    "authtoken": _TOKEN,
    "apitoken": _TOKEN,
    "sessiontoken": _TOKEN,
    "securitytoken": _TOKEN,
    "bearertoken": _TOKEN,
    "bottoken": _TOKEN,
    "jwt": _TOKEN,
    "bearer": _TOKEN,
    "oauthtoken": _TOKEN,
    "personalaccesstoken": _TOKEN,
    "clientassertion": _TOKEN,
    "cookie": _COOKIE,
    "cookies": _COOKIE,
    "setcookie": _COOKIE,
    "sessioncookie": _COOKIE,
    "ssn": _SSN,
    "socialsecurity": _SSN,
    "socialsecuritynumber": _SSN,
    "cardnumber": _CARD,
    "creditcardnumber": _CARD,
    "debitcardnumber": _CARD,
    "ccnumber": _CARD,
    "cvv": _CARD_CODE,
    "cvv2": _CARD_CODE,
    "cvc": _CARD_CODE,
    "cvc2": _CARD_CODE,
    "cardcvc": _CARD_CODE,
    "cardcvv": _CARD_CODE,
    "securitycode": _CARD_CODE,
    **dict.fromkeys(
        sorted(words("phone phonenumber phoneno telephone tel mobile mobilenumber mobilephone cellphone homephone workphone")), _PHONE
    ),
    **dict.fromkeys(sorted(words("fax whatsapp")), _PHONE),
    **dict.fromkeys(sorted(words("passport passportnumber passportno passportid")), Field("passport_number", least_digits=6)),
    **dict.fromkeys(sorted(words("accountnumber bankaccount bankaccountnumber accountno")), Field("bank_account_number", least_digits=7)),
    **dict.fromkeys(sorted(words("routingnumber abanumber")), Field("us_bank_routing_number", least_digits=9)),
    "sortcode": Field("uk_sort_code", least_digits=6),
    **dict.fromkeys(sorted(words("driverslicense driverlicense driverslicensenumber driverlicensenumber")), _LICENCE),
    **dict.fromkeys(sorted(words("drivinglicence drivinglicencenumber")), _LICENCE),
    **dict.fromkeys(
        sorted(words("taxid taxidnumber taxnumber tin steuerid nationalid nationalidnumber nationalinsurancenumber")), _NATIONAL_ID
    ),
    **dict.fromkeys(
        sorted(words("nino socialinsurancenumber nhsnumber aadhaar aadhaarnumber cpf cnpj pesel bsn personnummer")), _NATIONAL_ID
    ),
    **dict.fromkeys(sorted(words("tfn taxfilenumber snils curp")), _NATIONAL_ID),
    "otp": Field("one_time_code"),
    "totp": Field("one_time_code"),
    "mfacode": Field("one_time_code"),
}
"""Field names, as compared."""

FIELDS_BY_SUFFIX: tuple[tuple[str, Field], ...] = (
    ("password", _PASSWORD),
    ("passwd", _PASSWORD),
    ("passphrase", _PASSWORD),
    ("clientsecret", _SECRET),
    ("secret", _SECRET),
    ("apikey", _API_KEY),
    ("apisecret", _SECRET),
    ("secretkey", _API_KEY),
    ("accesskey", _API_KEY),
    ("encryptionkey", _API_KEY),
    ("signingkey", _API_KEY),
    ("masterkey", _API_KEY),
    ("adminkey", _API_KEY),
    ("authkey", _API_KEY),
    ("secrettoken", _SECRET),
    ("privatekey", _PRIVATE_KEY),
    ("accesstoken", _TOKEN),
    ("refreshtoken", _TOKEN),
    ("authtoken", _TOKEN),
    ("securitytoken", _TOKEN),
    ("sessiontoken", _TOKEN),
    ("token", _PERHAPS_TOKEN),
)
"""Ends of field names, as compared; the first that fits counts."""

PLAIN_FIELDS: frozenset[str] = words("""
    pagetoken nextpagetoken nexttoken previouspagetoken prevpagetoken continuationtoken synctoken startingtoken progresstoken
    cancellationtoken pagingtoken cursortoken stoptoken endtoken eostoken bostoken padtoken unktoken masktoken septoken clstoken
    specialtoken firsttoken lasttoken tokentype publickey ispassword haspassword forgotpassword resetpassword changepassword
    showpassword usesecret hassecret
""")
"""Names that end like a secret's and do not carry one."""

BENIGN_INNER_FIELDS: frozenset[str] = words("""
    type kind name id object title description format scheme provider label status created createdat expires expiresat expiresin issuedat
    $fr
""")
"""Members that stay as they are inside an object that stands under a secret's name, such as ``{"client_secret": {"value": ...}}``.

``$fr`` is the type in our own typed JSON (see :mod:`fr_recorder.values`): without it a tuple or bytes under such a name could not be
handed out again in replay.
"""

EXAMPLE_FIELDS: frozenset[str] = words("default const example examples")
"""Members of a JSON schema that hold a value of the property, not words about it."""

_SQUEEZE = str.maketrans("", "", "_-. ")
_LONGEST_NAME = 80
"""How much of the end of a name is looked at."""


def _squeeze(name: str) -> str:
    return name.lower().translate(_SQUEEZE)


def field_of(name: str) -> Field | None:
    """What the name of a JSON field, form field or multipart field tells, or None."""
    return _field_by_end(name[-_LONGEST_NAME:])


@lru_cache(maxsize=4096)
def _field_by_end(name: str) -> Field | None:
    squeezed = _squeeze(name)
    if squeezed in PLAIN_FIELDS:
        return None
    found = FIELDS_BY_NAME.get(squeezed)
    if found is not None:
        return found
    return next((field for suffix, field in FIELDS_BY_SUFFIX if squeezed.endswith(suffix)), None)


_QUERY_NAMES: dict[str, Field] = {
    "sig": _SIGNATURE,
    "signature": _SIGNATURE,
    "hmac": _SIGNATURE,
    "appid": Field("api_key", guarded=True),
    "key": _PERHAPS_TOKEN,
    "code": _PERHAPS_TOKEN,
    "session": _PERHAPS_TOKEN,
    "sid": _PERHAPS_TOKEN,
    "sessionid": _PERHAPS_TOKEN,
    "samlresponse": _TOKEN,
}


def query_field(name: str) -> Field | None:
    """What the name of a URL query parameter tells, or None."""
    squeezed = _squeeze(name[-_LONGEST_NAME:])
    if squeezed in _QUERY_NAMES:
        return _QUERY_NAMES[squeezed]
    if squeezed.endswith("signature"):
        return _SIGNATURE
    return field_of(name)


HEADERS_KEPT: frozenset[str] = words("""
    openai-organization openai-project idempotency-key x-idempotency-key sec-websocket-key sec-websocket-accept surrogate-key
    x-cache-key cache-key x-goog-user-project www-authenticate proxy-authenticate mcp-session-id access-control-allow-credentials
""")
"""Header names that look like a secret's and are wanted in the record; patterns still apply to their values.

``mcp-session-id`` names a session and, by the protocol, never authorises: https://modelcontextprotocol.io/specification/2025-06-18/basic/security_best_practices
"""

_HEADER_NAMES: dict[str, Field] = {
    "authorization": _TOKEN,
    "proxy-authorization": _TOKEN,
    "cookie": _COOKIE,
    "cookie2": _COOKIE,
    "set-cookie": _COOKIE,
    "set-cookie2": _COOKIE,
    "authentication-info": _TOKEN,
    "x-auth": _TOKEN,
}
_HEADER_WORDS: tuple[tuple[frozenset[str], Field], ...] = (
    (words("password passwd passphrase pwd"), _PASSWORD),
    (words("secret clientsecret"), _SECRET),
    (words("apikey xapikey key"), _API_KEY),
    (words("token authtoken accesstoken jwt authorization auth credential credentials assertion xsrf"), _TOKEN),
    (words("cookie cookies"), _COOKIE),
    (words("signature hmac"), _SIGNATURE),
)


@lru_cache(maxsize=1024)
def header_field(name: str) -> Field | None:
    """What a header's name tells, or None. Words of the name count whole: ``x-ratelimit-tokens`` is no token."""
    lowered = name.strip().lower().replace("_", "-")
    if lowered in HEADERS_KEPT:
        return None
    if lowered in _HEADER_NAMES:
        return _HEADER_NAMES[lowered]
    words = lowered.split("-")
    for names, field in _HEADER_WORDS:
        if any(word in names and (word != "key" or words[-1] == "key") for word in words):
            return field
    return next((field for suffix, field in FIELDS_BY_SUFFIX if not field.guarded and _squeeze(lowered).endswith(suffix)), None)


_ENVIRONMENT_WORDS: tuple[tuple[frozenset[str], Field], ...] = (
    (words("password passwd passphrase pass pw"), _PASSWORD),
    (words("secret secrets"), _SECRET),
    (words("cookie cookies"), _COOKIE),
    (words("key apikey"), _API_KEY),
    (words("token jwt bearer pat credential credentials auth"), _TOKEN),
)
PATHS_IN_ENVIRONMENT: tuple[str, ...] = ("/", "~", "./", "../", "file:", "C:\\")
"""How values begin that name a place rather than hold a secret (``GOOGLE_APPLICATION_CREDENTIALS``, ``SSH_AUTH_SOCK``)."""

_ENVIRONMENT_KEPT = words("pwd oldpwd windowpath")
_SETTINGS = words("0 1 true false yes no on off none null auto disabled enabled")


def environment_field(name: str, value: str) -> Field | None:
    """What an environment variable's name tells about this value, or None; a path, a number or a switch is no secret."""
    lowered = name.lower()
    if lowered in _ENVIRONMENT_KEPT or not value or value.lower() in _SETTINGS or value.startswith(PATHS_IN_ENVIRONMENT):
        return None
    words = lowered.replace("-", "_").split("_")
    for names, field in _ENVIRONMENT_WORDS:
        if any(word in names for word in words):
            return None if field is not _PASSWORD and value.isdigit() and len(value) < 8 else field
    return field_of(name)


def option_field(name: str) -> Field | None:
    """What a command-line option's name tells, given without its dashes, or None."""
    return field_of(name)
