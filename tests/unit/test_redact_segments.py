"""Segments of request bodies: only a segment with something to replace changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fr_recorder.redact import Redactor
from fr_recorder.redact.tokens import TOKEN
from fr_schema.parts import Segment, cut_body

REDACTOR = Redactor(bytes(range(32)), "k1")


def cut(body: Any, **options: Any) -> list[Segment]:
    """The segments of a body."""
    text = body if isinstance(body, str) else json.dumps(body, **options)
    result = cut_body(text)
    assert result is not None
    return result[0]


def joined(segments: list[Segment]) -> str:
    """The body of segments, with every token written as ``#``."""
    return TOKEN.sub(b"#", "".join(segment.text for segment in segments).encode()).decode()


def test_clean_segments_are_the_same_objects() -> None:
    """Nothing found means that the very same list comes back."""
    segments = cut({"model": "m", "messages": [{"role": "user", "content": "hello"}], "tools": [{"name": "t"}]})
    redacted, hits = REDACTOR.segments(segments)
    assert redacted is segments
    assert hits == []


def test_only_the_hit_segment_changes() -> None:
    """The others keep their text and identity; the changed one keeps its layout and has a fresh value."""
    segments = cut({"model": "m", "messages": [{"content": "one"}, {"content": "mail joe@x.io"}, {"content": "three"}]}, indent=2)
    redacted, hits = REDACTOR.segments(segments)
    changed = [number for number, (old, new) in enumerate(zip(segments, redacted, strict=True)) if old is not new]
    assert len(changed) == 1
    new = redacted[changed[0]]
    assert json.loads(new.text) == new.value
    assert type(new.value["content"]) is str
    assert joined(redacted) == "".join(segment.text for segment in segments).replace("joe@x.io", "#")
    assert [(hit.path, hit.detector, hit.count) for hit in hits] == [("body.messages[].content", "email", 1)]


def test_top_level_field_is_told_by_its_key() -> None:
    """A secret directly under the body stands in a segment of its own, whose key tells."""
    body = {"api_key": "k", "password": {"value": "p", "type": "plain"}, "cvv": 123, "model": "m"}
    redacted, hits = REDACTOR.segments(cut(body))
    assert joined(redacted) == '{"api_key": "#", "password": {"value": "#", "type": "plain"}, "cvv": "#", "model": "m"}'
    assert [hit.path for hit in hits] == ["body.api_key", "body.password.value", "body.cvv"]


def test_secret_in_a_top_level_key_is_replaced() -> None:
    """Keys stand in the glue between segments."""
    redacted, _ = REDACTOR.segments(cut({"joe@x.io": 1, "model": "m"}))
    assert joined(redacted) == '{"#": 1, "model": "m"}'


@pytest.mark.parametrize(
    "element",
    [
        '{"content": "joe@x.io", "content": "harmless"}',
        '{"content": "\\u0022\\u0022", "x": {"y": "joe@x.io", "y": 1}}',
        '{"a": {"password": "hunter2", "password": ""}}',
    ],
)
def test_member_named_twice_is_not_overlooked(element: str) -> None:
    """A decoded segment holds only the last of two members with one name; the text holds both."""
    redacted, hits = REDACTOR.segments(cut(f'{{"messages": [{element}]}}'))
    text = "".join(segment.text for segment in redacted)
    assert "joe" not in text
    assert "hunter2" not in text
    assert hits


def test_harmless_member_named_twice_stays() -> None:
    """Without a secret in either of the two nothing changes."""
    segments = cut('{"messages": [{"content": "a", "content": "\\u0022b"}]}')
    redacted, hits = REDACTOR.segments(segments)
    assert redacted == segments
    assert hits == []


def test_tool_schema_with_a_password_is_kept() -> None:
    """A tool that takes a password declares it; that is no secret."""
    tool = {"name": "login", "parameters": {"type": "object", "properties": {"password": {"type": "string"}}, "required": ["password"]}}
    segments = cut({"tools": [tool], "messages": [{"content": "hi"}]})
    assert REDACTOR.segments(segments) == (segments, [])


def test_segments_are_redacted_like_the_whole_body() -> None:
    """Cut into segments or not, the bytes that come out are the same."""
    body = {
        "model": "m",
        "system": "You know joe@x.io",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "call +14155552671"}]},
            {"role": "assistant", "tool_calls": [{"function": {"arguments": json.dumps({"password": "hunter2"})}}]},
        ],
        "metadata": {"api_key": "k"},
    }
    for options in ({}, {"indent": 1}, {"separators": (",", ":")}):
        text = json.dumps(body, **options)
        redacted, hits = REDACTOR.segments(cut(text))
        whole = REDACTOR.body(text.encode(), "application/json")
        assert "".join(segment.text for segment in redacted).encode() == whole.data
        assert sum(hit.count for hit in hits) == sum(hit.count for hit in whole.hits) == 4
        assert REDACTOR.segments(redacted)[0] == redacted


@pytest.mark.parametrize("depth", [150, 250, 600])
def test_very_deep_segment_is_redacted(depth: int) -> None:
    """A segment too deep to be walked is read literal by literal."""
    deep = "[" * depth + '{"password": "hunter2"}' + "]" * depth
    redacted, hits = REDACTOR.segments(cut(f'{{"messages": [{{"content": {deep}}}]}}'))
    assert "hunter2" not in "".join(segment.text for segment in redacted)
    assert [hit.detector for hit in hits] == ["password"]
