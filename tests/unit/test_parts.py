"""Cutting bodies at element boundaries: the segments are the body, and each is what it is said to be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fr_schema.parts import ELEMENT_KINDS, GLUE, VALUE_KINDS, ListCursor, Segment, byte_offset, cut_body, cut_list


def cut(text: str) -> tuple[list[Segment], ListCursor | None]:
    """The segments of a body that can be cut; checks that they are the body."""
    found = cut_body(text)
    assert found is not None
    assert "".join(segment.text for segment in found[0]) == text
    for segment in found[0]:
        if segment.kind == GLUE:
            assert segment.key is None and segment.value is None
        else:
            # As text, because NaN is not equal to itself.
            assert repr(json.loads(segment.text, strict=False)) == repr(segment.value)
    return found


def kinds(text: str) -> list[tuple[str, str]]:
    """Kind and text of the segments."""
    return [(segment.kind, segment.text) for segment in cut(text)[0]]


def test_chat_request_is_cut_at_its_messages_and_tools() -> None:
    """A message, a tool and the system prompt are segments of their own."""
    text = '{"model": "m", "system": "Be kind.", "messages": [{"a": 1}, {"b": 2}], "tools": [{"t": 3}], "stream": true}'
    assert kinds(text) == [
        ("glue", '{"model": '),
        ("value", '"m"'),
        ("glue", ', "system": '),
        ("system", '"Be kind."'),
        ("glue", ', "messages": ['),
        ("message", '{"a": 1}'),
        ("glue", ", "),
        ("message", '{"b": 2}'),
        ("glue", "]"),
        ("glue", ', "tools": ['),
        ("tool", '{"t": 3}'),
        ("glue", "]"),
        ("glue", ', "stream": '),
        ("value", "true"),
        ("glue", "}"),
    ]


@pytest.mark.parametrize(("key", "kind"), ELEMENT_KINDS.items())
def test_elements_of_a_list(key: str, kind: str) -> None:
    """Every element of a known list is a part of the kind in the table."""
    segments, cursor = cut(json.dumps({key: [{"n": 1}, "two", 3, None, []]}))
    assert [(s.kind, s.key, s.value) for s in segments if s.kind != GLUE] == [(kind, key, v) for v in ({"n": 1}, "two", 3, None, [])]
    assert (cursor is not None) is (kind == "message")


@pytest.mark.parametrize(("key", "kind"), VALUE_KINDS.items())
def test_values_that_are_one_part(key: str, kind: str) -> None:
    """A known value is one part whatever its size; a long value under another key is a large one."""
    long = "x" * 2000
    values = {s.key: s.kind for s in cut(json.dumps({key: "short", "note": long, "little": "x"}))[0] if s.key}
    assert values == {key: kind, "note": "large", "little": "value"}


def test_cursor_stands_behind_the_last_message() -> None:
    """Everything before the cursor is a prefix of the body that the next request repeats."""
    text = '{"tools":[1],"messages":[{"n":0},{"n":1}],"end":2}'
    segments, cursor = cut(text)
    assert cursor == ListCursor("messages", 7, text.index(',"end"') - 1)
    assert "".join(segment.text for segment in segments[: cursor.segments]) == text[: cursor.offset]


@pytest.mark.parametrize(
    "text", ['{"messages": []}', '{"model": "m"}', "{}", '{"tools": [1]}', '{"messages": {"a": 1}}', '{"prompt": "p"}']
)
def test_without_messages_there_is_no_cursor(text: str) -> None:
    """Nothing grows there."""
    assert cut(text)[1] is None


EXACT = (
    ' \t\r\n{ "messages" :\n[ 1 , 2\t]\r\n, "a" : { } } \n',
    '{"a":1,"a":2,"messages":[1],"messages":[2,3]}',
    '{"messages":["\\u00e9\\ud83d\\ude00\\n\\/","\\ud800"]}',
    '{"n":[1e400,-0,-0.0,1E+2,123456789012345678901234567890,0.1000]}',
    '{"messages":[NaN,Infinity,-Infinity]}',
    '{"\\u006dessages":[1,2]}',
    '{"messages":["control \x01 characters\tunescaped"]}',
    '{"input":"text","messages":[]}',
    '{"messages":[],"tools":[],"documents":[]}',
    '{"messages":' + "[" * 300 + "]" * 300 + "}",
)


@pytest.mark.parametrize("text", EXACT)
def test_every_byte_is_kept(text: str) -> None:
    """White space, escapes, order, repeated keys and the spelling of numbers are the sender's."""
    cut(text)


NOT_ONE_OBJECT = (
    *("", " ", "[]", "[1]", '"text"', "17", "null", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{"a" 1}', '{"a":1 "b":2}'),
    *(
        '{"a":1} trailing',
        '{"a":1}{"b":2}',
        "{'a':1}",
        '{"a":01}',
        '{"a":tru}',
        '{"messages":[1,]}',
        '{"messages":[,1]}',
        '{"messages":[1 2]}',
    ),
    *('{"messages":[1', '{"messages":[1}', '{"a":"\\x"}', '{"a":"\\u12"}', "{a:1}", "<html></html>", "model=m&prompt=p", "\ufeff{}"),
    *("\x0b{}", "{}\0", "{" + '"a":{' * 100_000, '{"messages":[' + "[" * 100_000, '{"n":' + "9" * 5000 + "}"),
)


@pytest.mark.parametrize("text", NOT_ONE_OBJECT, ids=range(len(NOT_ONE_OBJECT)))
def test_other_texts_are_not_cut(text: str) -> None:
    """What is not one JSON object is None, never an exception."""
    assert cut_body(text) is None


def grown(before: str, after: str) -> tuple[list[Segment], ListCursor] | None:
    """Go on from the cursor of one body in a later one that begins like it."""
    cursor = cut(before)[1]
    assert cursor is not None and after.startswith(before[: cursor.offset])
    rest = cut_list(after[cursor.offset :], cursor.key)
    if rest is None:
        return None
    segments, end = rest
    assert end is not None and "".join(segment.text for segment in segments) == after[cursor.offset :]
    return segments, end


def test_going_on_equals_cutting_the_whole() -> None:
    """The prefix's segments and the rest's are those of the whole body."""
    before = '{"model":"m","messages":[{"n":0},{"n":1}],"stream":false}'
    after = '{"model":"m","messages":[{"n":0},{"n":1}, {"n":2} ,{"n":3}],"stream":true,"tools":[{"x":1}]}'
    old, cursor = cut(before)
    found = grown(before, after)
    assert found is not None and cursor is not None
    segments, end = found
    whole, whole_cursor = cut(after)
    assert old[: cursor.segments] + segments == whole
    assert whole_cursor == ListCursor("messages", cursor.segments + end.segments, cursor.offset + end.offset)


def test_nothing_new_is_not_growth() -> None:
    """The same messages again give None: there is no new element to go on behind."""
    assert grown('{"messages":[1]}', '{"messages":[1],"n":2}') is None


@pytest.mark.parametrize("rest", ["", "]", "]}", ",", ",2", ",2]", ",2]]", "2]}", ",]}", ", 2] trailing }", "}", ",2]}x", ',2,"a":3}'])
def test_rest_that_does_not_fit_is_refused(rest: str) -> None:
    """A rest that is not the end of an object after an element is None, never an exception."""
    assert cut_list(rest, "messages") is None


def test_number_that_grows_is_not_taken_for_a_new_element() -> None:
    """``[1`` continued by ``2]`` is the element 12, not a second one."""
    assert grown('{"messages":[1]}', '{"messages":[12]}') is None


def test_deep_conversation_of_real_shape() -> None:
    """Messages with tool calls keep nested JSON in strings as they are."""
    call: dict[str, Any] = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "\\"quoted\\""}'}}
    messages = [{"role": "user", "content": "é\n"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    for options in ({}, {"indent": 2}, {"ensure_ascii": False, "separators": (",", ":")}):
        found = [s.value for s in cut(json.dumps({"messages": messages}, **options))[0] if s.kind == "message"]
        assert found == messages


@pytest.mark.parametrize("text", ["plain", "", "Kyōto und Ürgüp", "é", "a🙂b🙂c", "\u2028" * 7 + "ascii behind it"])
def test_byte_offset_is_that_of_the_encoded_text(text: str) -> None:
    """Whichever side of it is encoded, the bytes before a character are those of the text before it."""
    body = text.encode()
    assert [byte_offset(text, body, at) for at in range(len(text) + 1)] == [len(text[:at].encode()) for at in range(len(text) + 1)]
