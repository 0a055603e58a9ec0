"""Tokens: keyed, deterministic, normalised, safe in JSON."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from fr_recorder.redact import Redactor
from fr_recorder.redact.tokens import TOKEN, TokenMaker, is_token

KEY = bytes(range(32))


def test_token_is_the_documented_hmac() -> None:
    """The last part is 80 bits of HMAC-SHA256(key, kind NUL value) in lower-case base32."""
    mac = hmac.new(KEY, b"password\0hunter2", hashlib.sha256).digest()
    expected = base64.b32encode(mac[:10]).decode().lower()
    assert TokenMaker(KEY, "k1").token("password", "hunter2") == f"[[fr:password:k1:{expected}]]"


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "Ann@Example.org", "ann@example.org"),
        ("email", "ann%40example.org", "ann@example.org"),
        ("phone", "+1 (415) 555-2671", "+1.415.555.2671"),
        ("payment_card", "4111 1111 1111 1111", "4111-1111-1111-1111"),
        ("us_ssn", "123-45-6789", "123456789"),
        ("iban", "DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("private_key", "-----BEGIN X-----\nAAAA\n-----END X-----", "-----BEGIN X-----\\nAAAA\\n-----END X-----"),
    ],
)
def test_spellings_of_one_value_share_a_token(kind: str, one: str, other: str) -> None:
    """Kinds with several spellings are normalised before they are hashed."""
    maker = TokenMaker(KEY, "k1")
    assert maker.token(kind, one) == maker.token(kind, other)


def test_token_depends_on_key_kind_and_value() -> None:
    """Another key, kind or value gives another token."""
    tokens = {
        TokenMaker(key, "k1").token(kind, value)[-18:-2]
        for key in (KEY, KEY[::-1])
        for kind in ("password", "secret")
        for value in ("hunter2", "Hunter2")
    }
    assert len(tokens) == 8


def test_token_has_its_shape_and_is_plain_in_json() -> None:
    """A token needs no escape in JSON and is recognised as one."""
    token = TokenMaker(KEY, "key-1_a").token("email", "joe@x.io")
    assert is_token(token)
    assert TOKEN.fullmatch(token.encode())
    assert json.dumps(token) == f'"{token}"'
    assert not is_token(f"{token} ")


@pytest.mark.parametrize(("key", "key_id"), [(b"short", "k1"), (KEY, ""), (KEY, "K 1"), (KEY, "k:1"), (KEY, "k" * 33)])
def test_unusable_key_is_refused(key: bytes, key_id: str) -> None:
    """A short key, or a key id that would not fit the token's shape, is an error at once."""
    with pytest.raises(ValueError, match="key"):
        Redactor(key, key_id)


def test_token_in_the_input_is_left_alone() -> None:
    """Whole tokens stay, of whatever kind and key."""
    redactor = Redactor(KEY, "k1")
    text = "a [[fr:email:k9:abcdefghijklmnop]] b [[fr:no_such_kind:k1:2222222222222222]]"
    assert redactor.text(text, "t") == (text, [])


@pytest.mark.parametrize(
    "forged",
    [
        "[[fr:",
        "[[fr:email:k1:short]]",
        "[[fr:email:k1:ABCDEFGHIJKLMNOP]]",
        "[[fr:email:k1:abcdefghijklmnop]",
        "[[fr:a kind:k1:abcdefghijklmnop]]",
    ],
)
def test_marker_without_the_shape_is_tokenised(forged: str) -> None:
    """What only begins like a token becomes one, so that every marker in a record stands before a token."""
    redactor = Redactor(KEY, "k1")
    redacted, hits = redactor.text(f"x {forged} y", "t")
    assert [hit.detector for hit in hits] == ["marker"]
    assert TOKEN.sub(b"", redacted.encode()).count(b"[[fr:") == 0
    assert redactor.text(redacted, "t") == (redacted, [])


def test_secret_beside_a_token_is_found() -> None:
    """A token is a wall: what stands right beside it is scanned as if the text began there."""
    redactor = Redactor(KEY, "k1")
    token = TokenMaker(KEY, "k1").token("email", "joe@x.io")
    redacted, hits = redactor.text(f"{token}ann@x.io{token}", "t")
    assert "ann" not in redacted
    assert [hit.detector for hit in hits] == ["email"]


@pytest.mark.parametrize("brackets", [0, 1, 31, 32, 33, 500])
@pytest.mark.parametrize("tail", ["", " and [more] behind"])
def test_forged_token_is_found_behind_any_number_of_brackets(brackets: int, tail: str) -> None:
    """The search for tokens goes from bracket to bracket first, and over the whole text where there are many."""
    text = "a[" * brackets + " [[fr:email:k1:short]]" + tail
    redacted, hits = Redactor(KEY, "k1").text(text, "body")
    assert "[[fr:email:k1:short]]" not in redacted
    assert sum(hit.count for hit in hits) == 1
    plain = text.replace("[[fr:", "[[fr;")
    assert Redactor(KEY, "k1").text(plain, "body") == (plain, [])
