"""Headers that come with every call are looked at once, and no secret is kept for that."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from fr_recorder.redact import Redactor
from fr_recorder.redact.engine import SEPARATOR, Engine
from fr_recorder.redact.known_headers import LONGEST_PLAIN_NUMBER, TellingHeaders, is_plain_number

SECRET = "sk-ant-" + "api03-" + "Zx9" * 20


@pytest.fixture
def redactor() -> Redactor:
    """A redactor that has seen nothing yet."""
    return Redactor(bytes(range(32)), "k1")


def test_numbers_that_are_not_looked_at_hold_nothing() -> None:
    """Every number of so few digits, with and without zeros before it, under every rule there is."""
    engine = Engine(frozenset())
    for digits in range(1, LONGEST_PLAIN_NUMBER + 1):
        numbers = [f"{number:0{digits}}" for number in range(10**digits)]
        assert all(map(is_plain_number, numbers[:: max(1, len(numbers) // 1000)]))
        for start in range(0, len(numbers), 200_000):
            assert engine.is_clean([SEPARATOR.join(numbers[start : start + 200_000])])


@pytest.mark.parametrize("value", ["", "1" * (LONGEST_PLAIN_NUMBER + 1), "12a", "-1", "1.5", " 12", "\u0661\u0662", "\u00b2"])
def test_what_is_no_plain_number_is_looked_at(value: str) -> None:
    """Only ASCII digits count, and not too many of them."""
    assert not is_plain_number(value)


def test_same_secret_gives_the_same_headers_and_hits(redactor: Redactor) -> None:
    """The second time from memory, the third by a redactor without one."""
    headers = [("Authorization", f"Bearer {SECRET}"), ("Cookie", "sid=abc; theme=dark"), ("X-Api-Key", SECRET), ("Accept", "*/*")]
    first = redactor.headers(headers)
    assert redactor.headers(headers) == first == Redactor(bytes(range(32)), "k1").headers(headers)
    assert SECRET not in str(first) and [hit.count for hit in first[1]] == [1, 2, 1]


def test_same_value_under_another_name_is_another_header(redactor: Redactor) -> None:
    """What a value is replaced by depends on what it stands under."""
    for name, kind in (("x-auth", "access_token"), ("x-api-key", "api_key"), ("x-hmac", "signature"), ("x-auth", "access_token")):
        headers, hits = redactor.headers([(name, "blue-horse")])
        assert headers[0][1].startswith(f"[[fr:{kind}:k1:")
        assert [(hit.path, hit.detector) for hit in hits] == [(f"headers.{name}", kind)]


def test_no_secret_is_kept(redactor: Redactor) -> None:
    """Nothing that the redactor holds has the value in it, before or behind its scheme."""
    redactor.headers([("Authorization", f"Bearer {SECRET}"), ("X-Api-Key", SECRET)])
    seen: set[int] = set()
    waiting: list[Any] = [redactor._telling, redactor._clean_texts, redactor._clean_urls, redactor._clean_segments]
    while waiting:
        held = waiting.pop()
        if id(held) in seen:
            continue
        seen.add(id(held))
        assert not (isinstance(held, str) and "api03" in held)
        assert not (isinstance(held, bytes) and b"api03" in held)
        waiting += [other for other in gc.get_referents(held) if isinstance(other, dict | list | tuple | set | str | bytes)]
    assert len(redactor._telling) == 2


def test_memory_is_bounded(redactor: Redactor) -> None:
    """A server that sets a new cookie with every answer must not grow."""
    for number in range(1000):
        redactor.headers([("set-cookie", f"sid={number}-abcdef; Path=/")])
    assert 0 < len(redactor._telling) <= 256


def test_two_processes_have_two_keys() -> None:
    """A digest says nothing outside of the memory that it is in."""
    assert TellingHeaders()._key != TellingHeaders()._key
