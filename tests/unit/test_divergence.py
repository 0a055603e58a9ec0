"""The first difference of two requests: what counts as one, where it lies, and what is told of it."""

from __future__ import annotations

import copy
import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fr_replay.divergence import CanonicalRequest, Difference, canonical_http, differences, same, text_difference

JSON = [("content-type", "application/json")]
URL = "https://api.example.com/v1/chat"


class Pair(NamedTuple):
    """Two requests as ``(url, headers, body)``, and whether they are one."""

    name: str
    recorded: tuple[str, list[tuple[str, str]], bytes]
    replayed: tuple[str, list[tuple[str, str]], bytes]
    equal: bool


def multipart(boundary: str, value: str = "x") -> tuple[str, list[tuple[str, str]], bytes]:
    body = f'--{boundary}\r\ncontent-disposition: form-data; name="a"\r\n\r\n{value}\r\n--{boundary}--\r\n'
    return URL, [("Content-Type", f'multipart/form-data; boundary="{boundary}"')], body.encode()


PAIRS = (
    Pair("order of keys", (URL, JSON, b'{"a": 1, "b": 2}'), (URL, JSON, b'{"b":2,"a":1}'), True),
    Pair("spaces between", (URL, JSON, b'{"a":[1,2]}'), (URL, JSON, b' {"a": [1,\n2]}'), True),
    Pair("escapes", (URL, JSON, '{"a":"é"}'.encode()), (URL, JSON, b'{"a":"\\u00e9"}'), True),
    Pair("order of a list", (URL, JSON, b'{"a":[1,2]}'), (URL, JSON, b'{"a":[2,1]}'), False),
    Pair("1 and 1.0", (URL, JSON, b'{"a":1}'), (URL, JSON, b'{"a":1.0}'), False),
    Pair("1 and true", (URL, JSON, b'{"a":1}'), (URL, JSON, b'{"a":true}'), False),
    Pair("null and absent", (URL, JSON, b'{"a":null}'), (URL, JSON, b"{}"), False),
    Pair("no body and an empty object", (URL, JSON, b""), (URL, JSON, b"{}"), False),
    Pair("other host", (URL, [], b""), ("https://api.example.org/v1/chat", [], b""), False),
    Pair("other scheme", (URL, [], b""), ("http://api.example.com/v1/chat", [], b""), False),
    Pair("other path", (URL, [], b""), (URL + "/x", [], b""), False),
    Pair("user in the address", ("https://a:b@api.example.com/v1/chat", [], b""), (URL, [], b""), True),
    Pair("order of the query", (URL + "?a=1&b=2", [], b""), (URL + "?b=2&a=1", [], b""), True),
    Pair("another query", (URL + "?a=1", [], b""), (URL + "?a=2", [], b""), False),
    Pair("a name twice in the query", (URL + "?a=1&a=2", [], b""), (URL + "?a=1", [], b""), False),
    Pair(
        "tokens in the query",
        (URL + "?sig=[[fr:signature:k1:aaaaaaaaaaaaaaaa]]", [], b""),
        (URL + "?sig=[[fr:signature:k1:bbbbbbbbbbbbbbbb]]", [], b""),
        True,
    ),
    Pair("a version header", (URL, [("anthropic-version", "1")], b""), (URL, [("Anthropic-Version", "2")], b""), False),
    Pair("a beta header", (URL, [], b""), (URL, [("openai-beta", "x")], b""), False),
    Pair("a tracing header", (URL, [("traceparent", "1")], b""), (URL, [("traceparent", "2"), ("user-agent", "x")], b""), True),
    Pair("an idempotency key", (URL, [("idempotency-key", "1")], b""), (URL, [("idempotency-key", "2")], b""), True),
    Pair("an address in a repr", (URL, JSON, b'{"a":"<X at 0x7f00aa>"}'), (URL, JSON, b'{"a":"<X at 0x7f11bb>"}'), True),
    Pair("a short hex number", (URL, JSON, b'{"a":"look at 0x7f"}'), (URL, JSON, b'{"a":"look at 0x7e"}'), False),
    Pair("multipart boundaries", multipart("aaa"), multipart("bbb"), True),
    Pair("multipart content", multipart("aaa"), multipart("aaa", "y"), False),
    Pair("text", (URL, [], b"one"), (URL, [], b"two"), False),
    Pair("bytes", (URL, [], b"\xff\x00"), (URL, [], b"\xff\x01"), False),
    Pair("broken JSON", (URL, JSON, b'{"a": '), (URL, JSON, b'{"a":'), False),
    Pair("NaN", (URL, JSON, b'{"a":NaN}'), (URL, JSON, b'{"a":NaN}'), True),
)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_requests_are_compared_in_what_they_mean(pair: Pair) -> None:
    """Either way round; and equal ones have no differences while others have at least one."""
    one, other = (canonical_http("POST", *request) for request in (pair.recorded, pair.replayed))
    assert same(one, other) is same(other, one) is pair.equal
    assert bool(list(differences(one, other))) is not pair.equal
    assert same(one, copy.deepcopy(one))


def test_method_is_part_of_the_target() -> None:
    """GET is not POST."""
    (found,) = differences(canonical_http("GET", URL, [], b""), canonical_http("POST", URL, [], b""))
    assert (found.path, found.recorded, found.character) == ("url", f"GET {URL}", 0)


def test_url_of_any_shape_is_taken() -> None:
    """Also a redacted authority, which has brackets, and no URL at all."""
    assert canonical_http("GET", "http://svc:[[fr:password:k1:aaaaaaaaaaaaaaaa]]@h:1/p", [], b"").target == "GET http://h:1/p"
    for url in ("", "?", "[[fr:email:k1:aaaaaaaaaaaaaaaa]]", "http://[::1]:80/x?y", "a:b:c"):
        assert isinstance(canonical_http("GET", url, [], b""), CanonicalRequest)


def test_deep_json_is_compared_without_end_of_stack() -> None:
    """Beyond the depth that is looked into, a difference is told where the limit is."""
    deep = json.loads('{"a":' * 400 + "1" + "}" * 400)
    other = json.loads('{"a":' * 400 + "2" + "}" * 400)
    assert same(deep, copy.copy(deep)) and not same(deep, other)
    (found,) = differences(deep, other)
    assert found.kind == "changed" and found.path.count("a") < 200


# -- what is told


def message(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


class Told(NamedTuple):
    """Two bodies and the differences: path, kind, character, who."""

    name: str
    recorded: Any
    replayed: Any
    expected: list[tuple[str, str, int | None, str | None]]


A, B, C = message("system", "be brief"), message("user", "hello"), message("assistant", "hi")
TOLD = (
    Told("none", {"messages": [A, B]}, {"messages": [A, B]}, []),
    Told(
        "one word", {"messages": [A, B]}, {"messages": [message("system", "be long"), B]}, [("messages[0].content", "changed", 3, "system")]
    ),
    Told("a message more at the end", {"messages": [A, B]}, {"messages": [A, B, C]}, [("messages[2]", "inserted", None, "assistant")]),
    Told("a message more at the front", {"messages": [B, C]}, {"messages": [A, B, C]}, [("messages[0]", "inserted", None, "system")]),
    Told("a message less in the middle", {"messages": [A, B, C]}, {"messages": [A, C]}, [("messages[1]", "dropped", None, "user")]),
    Told(
        "cut at the end",
        {"messages": [A, B, C]},
        {"messages": [A]},
        [("messages[1]", "truncated", None, "user"), ("messages[2]", "truncated", None, "assistant")],
    ),
    Told("a member more", {"a": 1}, {"a": 1, "b": 2}, [("b", "inserted", None, None)]),
    Told("a member less", {"a": 1, "b": 2}, {"a": 1}, [("b", "dropped", None, None)]),
    Told("another type", {"a": 1}, {"a": "1"}, [("a", "type", None, None)]),
    Told("a float for an int", {"a": 1}, {"a": 1.0}, [("a", "type", None, None)]),
    Told("another number", {"a": [1, 2]}, {"a": [1, 3]}, [("a[1]", "changed", None, None)]),
    Told("an object for a list", {"a": []}, {"a": {}}, [("a", "type", None, None)]),
    Told(
        "inside of JSON text",
        {"arguments": '{"x": [1, 2]}'},
        {"arguments": '{"x": [1, 3]}'},
        [("arguments|json.x[1]", "changed", None, None)],
    ),
    Told("JSON text spelled otherwise", {"arguments": '{"x":1}'}, {"arguments": '{"x": 1}'}, [("arguments", "changed", 5, None)]),
    Told("text that is prolonged", {"a": "abc"}, {"a": "abcd"}, [("a", "changed", 3, None)]),
    Told(
        "in two places",
        {"a": 1, "m": [A], "z": 1},
        {"a": 2, "m": [B], "z": 1},
        [("a", "changed", None, None), ("m[0].role", "changed", 0, "system"), ("m[0].content", "changed", 0, "system")],
    ),
    Told("root", "one", "two", [("", "changed", 0, None)]),
)


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told.name)
def test_differences_are_told_where_a_reader_looks_for_them(told: Told) -> None:
    """Path, kind, first character, and whose message it is in, in reading order."""
    found = list(differences(told.recorded, told.replayed))
    assert [(d.path, d.kind, d.character, d.who) for d in found] == told.expected
    for difference in found:
        assert (difference.kind == "inserted") <= (difference.recorded is None)
        assert (difference.kind in ("dropped", "truncated")) <= (difference.replayed is None)


def test_parts_of_a_request_are_told_apart() -> None:
    """The address first, then query, headers and body."""
    one = canonical_http("POST", URL + "?a=1&x=1", [*JSON, ("anthropic-version", "1")], b'{"model":"a"}')
    other = canonical_http("POST", URL + "/2?a=2&x=1&x=2", [*JSON, ("anthropic-version", "2")], b'{"model":"b"}')
    assert [d.path for d in differences(one, other)] == ["url", "query.a", "query.x", "headers.anthropic-version", "model"]


def test_ten_thousand_messages_with_one_inserted_are_aligned() -> None:
    """One difference, not ten thousand."""
    messages = [message("user", f"number {n}") for n in range(10_000)]
    found = list(differences({"messages": messages}, {"messages": [*messages[:5000], C, *messages[5000:]]}))
    assert found == [Difference("messages[5000]", "inserted", None, C, None, "assistant")]


def test_text_difference_is_the_first_character() -> None:
    """The length of the shorter one when it is a beginning of the other."""
    assert [text_difference(*pair) for pair in (("abc", "abd"), ("abc", "abcd"), ("", ""), ("", "x"), ("😀a", "😀b"))] == [2, 3, 0, 0, 1]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=True, width=16)
    | st.text(max_size=4)
    | st.sampled_from(["<A at 0x12345>", '{"a": 1}']),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "role", "content"]), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_there_are_differences_exactly_where_values_are_not_the_same(one: Any, other: Any) -> None:
    """Whatever the values: never silent about a difference, and never telling one of equal values."""
    assert bool(list(differences(one, other))) is not same(one, other)
    assert list(differences(one, copy.deepcopy(one))) == []
