"""Edits and places: the arithmetic under every replacement."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fr_recorder.redact.edits import ByteEdit, Edit, difference, distribute, splice, splice_bytes, to_byte_edits, without_overlaps
from fr_recorder.redact.positions import parse_with_places, place_of

json_values = st.recursive(
    st.one_of(st.text(max_size=6), st.integers(), st.floats(allow_nan=False), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=12,
)


@st.composite
def edited_texts(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    """A text and edits of it in order, without overlaps."""
    text = draw(st.text(max_size=40))
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6, unique=True)))
    pairs = zip(places[::2], places[1::2], strict=False)
    return text, [Edit(start, end, draw(st.text(max_size=5))) for start, end in pairs]


@given(edited_texts(), st.lists(st.integers(0, 10), max_size=8))
def test_edits_of_a_joined_text_are_distributed(edited: tuple[str, list[Edit]], sizes: list[int]) -> None:
    """The pieces join to the edited text, and untouched pieces stay."""
    text, edits = edited
    pieces, rest = [], text
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    pieces.append(rest)
    result = distribute(pieces, edits)
    assert len(result) == len(pieces)
    assert "".join(result) == splice(text, edits)


@given(edited_texts(), st.lists(st.integers(0, 200), max_size=6))
def test_edits_of_bytes_are_edits_of_text(edited: tuple[str, list[Edit]], offsets: list[int]) -> None:
    """Encoded edits give the encoded result; offsets stay in order and the end stays the end."""
    text, edits = edited
    data = text.encode("utf-8", "surrogatepass")
    ends = [*sorted(min(offset, len(data)) for offset in offsets), len(data)]
    result, moved = splice_bytes(data, to_byte_edits(text, edits, "surrogatepass"), ends)
    assert result == splice(text, edits).encode("utf-8", "surrogatepass")
    assert moved == sorted(moved)
    assert len(moved) == len(ends)
    assert moved[-1] == len(result)


@given(st.text(max_size=20), st.text(max_size=20))
def test_difference_turns_one_text_into_the_other(old: str, new: str) -> None:
    """At most one edit, as narrow as the common ends allow."""
    edits = difference(old, new)
    assert splice(old, edits) == new
    assert len(edits) == (old != new)
    for edit in edits:
        inside = old[edit.start : edit.end]
        assert not (inside and edit.new and (inside[0] == edit.new[0] or inside[-1] == edit.new[-1]))


@given(
    st.lists(
        st.builds(lambda start, length, new: Edit(start, start + length, new), st.integers(0, 30), st.integers(1, 10), st.text(max_size=3))
    )
)
def test_overlapping_edits_leave_nothing_over(edits: list[Edit]) -> None:
    """What is kept is in order and apart, and covers every character that any edit covered."""
    kept = without_overlaps(edits)
    assert all(before.end <= after.start for before, after in itertools.pairwise(kept))
    covered = {place for edit in edits for place in range(edit.start, edit.end)}
    assert {place for edit in kept for place in range(edit.start, edit.end)} == covered


def leaves(value: Any) -> Iterator[Any]:
    """All values and keys of a JSON value that carry a place."""
    if place_of(value) is not None and not isinstance(value, list):
        yield value
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)


@given(json_values, st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}]))
def test_places_are_those_of_the_literals(value: Any, options: dict[str, Any]) -> None:
    """The parser gives what ``json`` gives, and each literal stands where its place says."""
    text = json.dumps(value, **options)
    document = parse_with_places(text)
    assert document.root == value
    assert document.shadowed == []
    for leaf in leaves(document.root):
        start, end = place_of(leaf) or (0, 0)
        assert json.loads(text[start:end]) == leaf


@given(st.text(alphabet='{}[]",:0-1.e \\ntrufalsn', max_size=20))
def test_parsers_agree_on_what_is_json(text: str) -> None:
    """Where ``json`` refuses a text, so does the parser with places, and the other way round."""
    try:
        expected = json.loads(text, strict=False)
    except ValueError:
        expected = ValueError
    try:
        found = parse_with_places(text).root
    except ValueError:
        found = ValueError
    assert found == expected or (found != found and expected != expected)  # noqa: PLR0124 - NaN differs from itself


def test_hidden_members_are_kept_apart() -> None:
    """Of two members with one name the earlier is hidden from the root, and listed with its own key's place."""
    text = '{"a": 1, "a": {"b": "x", "b": "y"}}'
    document = parse_with_places(text)
    assert document.root == {"a": {"b": "y"}}
    places = [place_of(key) or (0, 0) for key, _ in document.shadowed]
    assert [text[start:end] for start, end in places] == ['"b"', '"a"']
    assert [start for start, _ in places] == [text.index('"b"'), 1]
    assert [value for _, value in document.shadowed] == ["x", 1]


def test_byte_edits_sort_by_place() -> None:
    """Edits of several sources are put in order by where they begin."""
    assert sorted([ByteEdit(5, 6, b""), ByteEdit(1, 9, b"x")])[0].start == 1
