"""Cutting any JSON text, in any layout: the segments join to the text, and going on equals cutting the whole."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fr_schema.parts import ELEMENT_KINDS, GLUE, cut_body, cut_list

TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
SPACE = st.text(" \t\r\n", max_size=3)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8)
KEYS = st.sampled_from(["messages", "input", "contents", "tools", "documents", "system", "prompt", "model"]) | TEXT


@st.composite
def texts(draw: st.DrawFn, value: Any) -> str:
    """A JSON text of a value, with white space and escapes at will."""
    if isinstance(value, dict):
        value = list(value.items())
        members = [f"{draw(SPACE)}{draw(texts(k))}{draw(SPACE)}:{draw(SPACE)}{draw(texts(v))}{draw(SPACE)}" for k, v in value]
        return "{" + (",".join(members) or draw(SPACE)) + "}"
    if isinstance(value, list):
        return "[" + (",".join(f"{draw(SPACE)}{draw(texts(v))}{draw(SPACE)}" for v in value) or draw(SPACE)) + "]"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """The text of an object whose keys may repeat, as a client might send it."""
    members = draw(st.lists(st.tuples(KEYS, st.lists(VALUES, max_size=4) | VALUES), max_size=5))
    inside = ",".join(f"{draw(SPACE)}{draw(texts(k))}{draw(SPACE)}:{draw(SPACE)}{draw(texts(v))}{draw(SPACE)}" for k, v in members)
    return f"{draw(SPACE)}{{{inside}}}{draw(SPACE)}"


@given(bodies())
@settings(max_examples=300, deadline=None)
def test_segments_are_the_body(text: str) -> None:
    """Joined they are the text; apart they hold its values; the cursor is a border between them."""
    found = cut_body(text)
    assert found is not None
    segments, cursor = found
    assert "".join(segment.text for segment in segments) == text
    for segment in segments:
        if segment.kind != GLUE:
            # As text, because NaN is not equal to itself.
            assert json.dumps(json.loads(segment.text, strict=False)) == json.dumps(segment.value)
    if cursor is not None:
        assert "".join(segment.text for segment in segments[: cursor.segments]) == text[: cursor.offset]
        assert segments[cursor.segments - 1].kind == "message" == ELEMENT_KINDS[cursor.key]


@given(
    st.lists(VALUES, min_size=1, max_size=4), st.lists(VALUES, min_size=1, max_size=4), st.dictionaries(TEXT, VALUES, max_size=2), st.data()
)
@settings(max_examples=200, deadline=None)
def test_going_on_equals_cutting_the_whole(old: list[Any], new: list[Any], more: dict[str, Any], data: st.DataObject) -> None:
    """A conversation that has grown gives the same segments either way."""
    prefix = '{"model":"m","messages":[' + ",".join(data.draw(texts(v)) for v in old)
    grown = "".join(f"{data.draw(SPACE)},{data.draw(SPACE)}{data.draw(texts(v))}" for v in new)
    after = f"{prefix}{grown}{data.draw(SPACE)}]" + "".join(f",{data.draw(texts(k))}:{data.draw(texts(v))}" for k, v in more.items()) + "}"
    first, whole = cut_body(prefix + "]}"), cut_body(after)
    assert first is not None and whole is not None
    cursor = first[1]
    assert cursor is not None and cursor.offset == len(prefix)
    rest = cut_list(after[cursor.offset :], cursor.key)
    assert rest is not None and rest[1] is not None
    joined = first[0][: cursor.segments] + rest[0]
    assert [(s.kind, s.key, s.text) for s in joined] == [(s.kind, s.key, s.text) for s in whole[0]]
    if not set(more) & ELEMENT_KINDS.keys():
        assert whole[1] == (cursor.key, cursor.segments + rest[1].segments, cursor.offset + rest[1].offset)


@given(bodies(), st.data())
@settings(max_examples=200, deadline=None)
def test_broken_texts_never_raise(text: str, data: st.DataObject) -> None:
    """Cut off, with a stroke in the middle, or no JSON at all: segments that are the text, or None."""
    start = data.draw(st.integers(0, len(text)))
    stroke = data.draw(st.text(st.sampled_from('{}[],:"\\ x1'), max_size=3))
    for broken in (text[:start], text[:start] + stroke + text[start:], stroke):
        found = cut_body(broken)
        if found is not None:
            assert "".join(segment.text for segment in found[0]) == broken
        rest = cut_list(broken, "messages")
        if rest is not None:
            assert "".join(segment.text for segment in rest[0]) == broken
