"""Canonical JSON of any value: it reads back, is a fixed point, and does not depend on order."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from fr_schema.canonical import canonical_json, sha256_of_value, shape_sha256

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=()), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
ECMASCRIPT = re.compile(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]+)?|-?0\.0{0,5}[1-9][0-9]*|-?[1-9](\.[0-9]+)?e[+-][1-9][0-9]*")


@given(FLOATS)
@example(1e-7)
@example(1e-6)
@example(1e21)
@example(123456789012345680000.0)
@settings(max_examples=500, deadline=None)
def test_floats_read_back_and_look_like_ecmascript(value: float) -> None:
    """Digits, point and exponent are where ECMAScript puts them: exponents from 1e21 and below 1e-6 only."""
    text = canonical_json(value)
    assert float(text) == value
    assert ECMASCRIPT.fullmatch(text)
    assert ("e" in text) is (value != 0 and not 1e-6 <= abs(value) < 1e21)
    assert len(text.split("e")[0].strip("-").replace(".", "").lstrip("0").rstrip("0")) <= 17


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_any_value_is_a_fixed_point(value: Any) -> None:
    """Read back and written again it is the same text, and its hash the same."""
    text = canonical_json(value)
    back = json.loads(text, strict=False)
    assert canonical_json(back) == text
    assert sha256_of_value(back) == sha256_of_value(value)


def turned(value: Any) -> Any:
    """The same value with the members of every object the other way round."""
    if isinstance(value, dict):
        return {key: turned(item) for key, item in reversed(value.items())}
    return [turned(item) for item in value] if isinstance(value, list) else value


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_order_of_members_does_not_count(value: Any) -> None:
    """Neither for the text nor for the shape."""
    assert canonical_json(turned(value)) == canonical_json(value)
    assert shape_sha256(turned(value)) == shape_sha256(value)


@given(st.floats())
@settings(max_examples=50, deadline=None)
def test_what_json_lacks_becomes_text(value: float) -> None:
    """NaN and infinity are strings; the text is JSON all the same."""
    assert isinstance(json.loads(canonical_json(value)), str) is not math.isfinite(value)
