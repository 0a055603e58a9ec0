"""What was found clean is not looked at again, and that never lets anything through."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from fr_recorder.redact import Redactor
from fr_recorder.redact.clean_texts import CleanTexts
from fr_schema.parts import Segment, cut_body

SECRET = "sk-ant-" + "api03-" + "Zx9" * 20


@pytest.fixture
def redactor() -> Redactor:
    """A redactor that has seen nothing yet."""
    return Redactor(bytes(range(32)), "k1")


def test_memory_is_bounded() -> None:
    """A server that sees a new URL with every request must not grow."""
    seen: CleanTexts[int] = CleanTexts()
    for number in range(5_000):
        seen.add(number)
    assert len(seen) <= 1024
    assert 4_999 in seen


def test_clean_value_is_still_replaced_under_a_telling_header(redactor: Redactor) -> None:
    """A value says nothing by itself and is a secret under ``authorization``, whichever comes first."""
    assert redactor.headers([("x-note", "blue-horse")]) == ([("x-note", "blue-horse")], [])
    headers, hits = redactor.headers([("x-note", "blue-horse"), ("authorization", "blue-horse")])
    assert headers[0] == ("x-note", "blue-horse")
    assert "blue-horse" not in headers[1][1]
    assert [hit.path for hit in hits] == ["headers.authorization"]
    assert redactor.headers([("x-note", "blue-horse")]) == ([("x-note", "blue-horse")], [])


def test_secret_in_a_plain_header_is_replaced_each_time(redactor: Redactor) -> None:
    """One header with a secret among clean ones is found by its pattern, the second time as well; the others stay."""
    headers = [("x-note", "hello"), ("x-other", f"key {SECRET} here"), ("accept", "*/*")]
    first, hits = redactor.headers(headers)
    assert SECRET not in str(first)
    assert (first[0], first[2]) == (headers[0], headers[2])
    assert len(hits) == 1
    assert redactor.headers(headers) == (first, hits)


def test_header_holding_json_is_looked_into(redactor: Redactor) -> None:
    """A header's value may be JSON, in which a name tells."""
    for _ in range(2):
        headers, hits = redactor.headers([("x-context", '{"password": "hunter2"}')])
        assert "hunter2" not in headers[0][1]
        assert len(hits) == 1


def test_url_and_text_with_a_secret_are_replaced_each_time(redactor: Redactor) -> None:
    """Only what is clean is remembered, and a text that is clean does not vouch for a URL."""
    for _ in range(2):
        assert redactor.url("https://example.org/v1/chat")[1] == []
        redactor.text("/v1?password=hunter2", "x")
        url, url_hits = redactor.url("/v1?password=hunter2")
        assert "hunter2" not in url
        assert url_hits
        text, text_hits = redactor.text(f"at {SECRET}", "x")
        assert SECRET not in text
        assert text_hits


def test_text_clean_as_glue_does_not_vouch_for_a_value(redactor: Redactor) -> None:
    """The same characters under another key are another segment."""
    plain = [Segment("value", '"blue-horse"', "model", "blue-horse")]
    telling = [Segment("value", '"blue-horse"', "password", "blue-horse")]
    assert redactor.segments(plain) == (plain, [])
    redacted, hits = redactor.segments(telling)
    assert "blue-horse" not in redacted[0].text
    assert hits
    assert redactor.segments(plain) == (plain, [])


_ELEMENTS: dict[str, Any] = {
    "plain": {"content": "nothing here"},
    "leaf": {"content": "mail joe@x.io"},
    "nested clean": {"content": json.dumps({"a": ["b", "c"]})},
    "nested leaf": {"content": json.dumps({"a": "x", "to": "ann@x.io"})},
    "nested suspect": {"content": json.dumps({"password": "hunter2"})},
    "suspect": {"content": "x", "api_key": "blue-horse"},
    "suspect and harmless": {"content": "x", "password": {"type": "string"}},
    "spelled": {"content": [{"token": "joe@", "logprob": -1}, {"token": "x.io", "logprob": -1}]},
}


@pytest.mark.parametrize("names", list(itertools.permutations(_ELEMENTS, 3)), ids="-".join)
def test_elements_are_redacted_together_as_one_by_one(redactor: Redactor, names: tuple[str, ...]) -> None:
    """Which elements are redacted must not depend on what stands beside them."""
    cut = cut_body(json.dumps({"model": "m", "messages": [_ELEMENTS[name] for name in names]}))
    assert cut is not None
    together, hits = redactor.segments(cut[0])
    apart = [redactor.segments([segment]) for segment in cut[0]]
    assert together == [segments[0] for segments, _ in apart]
    assert sorted(hit.detector for hit in hits for _ in range(hit.count)) == sorted(
        hit.detector for _, found in apart for hit in found for _ in range(hit.count)
    )
