"""Canonical JSON by the rules of RFC 8785, and the hashes that are taken over it."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import pytest

from fr_schema.canonical import canonical_json, sha256_hex, sha256_of_list, sha256_of_value, shape_sha256, tools_sha256

NUMBERS: tuple[tuple[str, str], ...] = (
    # IEEE 754 bits, and the text by RFC 8785 section 3.2.2.3 (ECMAScript's Number::toString); values as in its appendix B
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
    ("3ff8000000000000", "1.5"),
    ("3f1a36e2eb1c432d", "0.0001"),
    ("3ee4f8b588e368f1", "0.00001"),
)


@pytest.mark.parametrize(("bits", "text"), NUMBERS)
def test_floats_are_written_as_ecmascript_does(bits: str, text: str) -> None:
    """The shortest digits that read back, and an exponent only where ECMAScript has one."""
    value = struct.unpack(">d", bytes.fromhex(bits))[0]
    assert canonical_json(value) == text
    assert float(text) == value


VALUES: tuple[tuple[str, Any, str], ...] = (
    ("null", None, "null"),
    ("true", True, "true"),
    ("false", False, "false"),
    ("integer", 17, "17"),
    ("integer beyond 2**53", 2**63 + 1, "9223372036854775809"),
    ("float that is whole", 4.0, "4"),
    ("not a number", float("nan"), '"nan"'),
    ("infinity", float("-inf"), '"-inf"'),
    ("text", "a/b", '"a/b"'),
    ("escapes", '"\\\b\f\n\r\t\x00\x1f\x7f', '"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f"'),
    ("line separators stay", "\u2028é€\U0001f600", '"\u2028é€\U0001f600"'),
    ("list", [1, [], {}], "[1,[],{}]"),
    ("tuple is a list", (1, "2"), '[1,"2"]'),
    ("keys are sorted", {"b": 1, "a": {"d": 2, "c": 3}}, '{"a":{"c":3,"d":2},"b":1}'),
    ("empty key first", {"a": 1, "": 2}, '{"":2,"a":1}'),
)


@pytest.mark.parametrize(("value", "text"), [row[1:] for row in VALUES], ids=[row[0] for row in VALUES])
def test_values(value: Any, text: str) -> None:
    """No white space, sorted keys, only the escapes that JSON needs."""
    assert canonical_json(value) == text


def test_keys_are_sorted_by_utf16_code_units() -> None:
    """The order of RFC 8785 section 3.2.3, in which an emoji (a surrogate pair) comes before U+FB33."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert canonical_json(dict.fromkeys(keys, 0)) == "{" + ",".join(f"{canonical_json(key)}:0" for key in ordered) + "}"


def test_lone_surrogates_have_a_hash() -> None:
    """Half of a pair cannot be UTF-8, and must not keep a value from being hashed."""
    assert sha256_of_value("\ud800") == hashlib.sha256(b'"\xed\xa0\x80"').hexdigest()
    assert canonical_json({"\udfff": 1, "a": 2}).startswith('{"a"')


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}])
def test_other_types_are_refused(value: Any) -> None:
    """What JSON does not have is a TypeError, not a guess."""
    with pytest.raises(TypeError, match="not a JSON value"):
        canonical_json([value])


def test_hashes_are_plain_sha256() -> None:
    """Anyone can check them with the usual tools."""
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of_value({"b": 1, "a": 2.0}) == hashlib.sha256(b'{"a":2,"b":1}').hexdigest()
    assert sha256_of_list(["aa", "bb"]) == hashlib.sha256(b"aa\nbb").hexdigest()
    assert sha256_of_list(["aabb"]) != sha256_of_list(["aa", "bb"])


def test_tool_sets_are_equal_in_any_order() -> None:
    """Order of tools and of keys does not count; a changed word does."""
    tools = [{"name": "b", "description": "B", "schema": {"x": 1, "y": 2}}, {"name": "a", "description": None, "schema": None}]
    turned = [{"schema": None, "name": "a"}, {"schema": {"y": 2, "x": 1}, "description": "B", "name": "b"}]
    assert tools_sha256(tools) == tools_sha256(turned)
    assert tools_sha256(tools) != tools_sha256([tools[0], {**tools[1], "description": "x"}])


SHAPES: tuple[tuple[str, Any, Any, bool], ...] = (
    ("other content", {"a": "x", "b": [1]}, {"a": "y", "b": [2]}, True),
    ("more elements", {"b": [1]}, {"b": [1, 2, 3]}, True),
    ("order of keys", {"a": 1, "b": 2}, {"b": 1, "a": 2}, True),
    ("whole and broken numbers", [1], [1.5], True),
    ("a key more", {"a": 1}, {"a": 1, "b": None}, False),
    ("another type", {"a": 1}, {"a": "1"}, False),
    ("null", {"a": 1}, {"a": None}, False),
    ("true is no number", [1], [True], False),
    ("no elements", {"b": [1]}, {"b": []}, False),
    ("deeper", {"a": {"b": 1}}, {"a.b": 1}, False),
)


@pytest.mark.parametrize(("one", "other", "equal"), [row[1:] for row in SHAPES], ids=[row[0] for row in SHAPES])
def test_shape_is_key_paths_and_types(one: Any, other: Any, equal: bool) -> None:
    """Content and number of elements do not change it; keys and types do."""
    assert (shape_sha256(one) == shape_sha256(other)) is equal
