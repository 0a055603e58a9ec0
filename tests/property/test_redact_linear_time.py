"""No input makes redaction slow: time grows with length, not with its square."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

import pytest

from fr_recorder.redact import Redactor
from fr_recorder.redact.engine import Engine
from fr_recorder.redact.rules import DISABLED_BY_DEFAULT, RULES
from fr_recorder.redact.specimens import fill

REDACTOR = Redactor(bytes(range(32)), "k1")

REPEATED = [
    "a", "a@", "a.", "a@b.", "a@b.co ", "password=", "password: x1 ", "password='a", "token=", "?key=", "secret ", "api_key:",
    "Bearer ", "bearer aaaaaaaaaaaaaaaa1 ", "authorization: basic ", "cookie: a=", "cookie: a=bbbbbb; ", "eyJ", "eyJaaaaaaaaaa.",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAA\n", "1", "1 ", "4111 1111 ", "4111111111111111 ",
    "+1", "+1415555267 ", "tel. 1", "GB82 WEST ", "://a:b", "://a:b@c ", "aws ", "sk-", "AKIA", "curl -u a:", "<password>", "A1b", "%40",
    "\\", "\\n", '"', "[[fr:", "[[fr:email:k1:abcdefghijklmnop]]", "[", "{", '{"a":', '["a",', "\0", "é", "data: {}\n\n", "--b\r\n",
    " eyJhZ", "\0QUFB", "QUFB", ";base64,QUFBQUFBQUFBQUFBQUFBQUFB", " H4sIAAAA", "12 34 56 ", "NHS 943 476 5919 ", "tel 030 ", "S1234567D",
    "AAAAAAAAAAAAAAAAAAAAAAAA", "password | ", "setenv('KEY', 'A1b", "ACCESS_KEY_value: ",
]  # fmt: skip


def glued(length: int) -> str:
    """Examples of all rules without anything between them, so that each replacement may uncover the next."""
    random = Random(1)
    examples = [fill(template) for rule in RULES for template in rule.examples]
    text = "".join(random.choice(examples) for _ in range(length // 30))
    return text[:length]


def seconds(run: Callable[[], object]) -> float:
    """Processor time of one run."""
    start = time.process_time()
    run()
    return time.process_time() - start


def assert_linear(make: Callable[[int], str], run: Callable[[str], object], length: int, limit: float) -> None:
    """Eight times the length costs far less than 64 times the time, and less than ``limit`` seconds.

    What else the machine does makes some measurements bad, never all of them good: the best of several counts.
    """
    short, long = make(length // 8), make(length)
    run(short)
    ratios = []
    while not ratios or (min(ratios) >= 24 and len(ratios) < 5):
        small, large = seconds(lambda: run(short)), seconds(lambda: run(long))
        assert large < limit
        ratios.append(large / max(small, 0.01))
    assert min(ratios) < 24


@pytest.mark.parametrize("unit", REPEATED)
def test_a_megabyte_of_repetition_is_linear(unit: str) -> None:
    """Texts made to be matched or nearly matched at every position."""
    assert_linear(lambda length: (unit * (length // len(unit) + 1))[:length], lambda text: REDACTOR.text(text, "t"), 1_000_000, 20)


@pytest.mark.parametrize("unit", REPEATED[::4])
@pytest.mark.parametrize(
    "content_type", ["application/json", "text/event-stream", "application/x-www-form-urlencoded", "multipart/a; boundary=b"]
)
def test_any_format_is_linear(unit: str, content_type: str) -> None:
    """The parsers in front of the rules are linear too."""
    assert_linear(
        lambda length: (unit * (length // len(unit) + 1))[:length], lambda text: REDACTOR.body(text.encode(), content_type), 200_000, 10
    )


def test_secrets_glued_together_are_linear() -> None:
    """Rounds of looking again are bounded."""
    assert_linear(glued, lambda text: REDACTOR.text(text, "t"), 500_000, 40)


def test_many_deltas_are_linear() -> None:
    """A long stream of single characters, all of them part of secrets."""

    def stream(length: int) -> str:
        text = "joe@example.org " * (length // 1000)
        return "".join(f'data: {{"delta": "{character}"}}\n\n' for character in text)

    assert_linear(stream, lambda body: REDACTOR.body(body.encode(), "text/event-stream"), 800_000, 30)


@pytest.mark.parametrize("unit", ["a", "a@", "password=", "token=", "eyJaaaaaaaaaa.", "1", "://a:b", "cookie: a="])
def test_fallback_engine_stays_usable(unit: str) -> None:
    """The standard library's engine backtracks; patterns are written so that it does not run away on 100 KB."""
    engine = Engine(DISABLED_BY_DEFAULT, "re")
    assert_linear(lambda length: (unit * (length // len(unit) + 1))[:length], engine.find, 100_000, 30)
