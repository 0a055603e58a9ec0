"""Rewriting a value in which something is to be replaced: names first, then patterns on what is left.

The same code serves decoded values, of which a changed copy comes back, and parsed texts with places, of which the edits are collected.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

from fr_recorder.redact.edits import Edit
from fr_recorder.redact.fields import BENIGN_INNER_FIELDS, EXAMPLE_FIELDS, Field, field_of
from fr_recorder.redact.hits import Tally, member_path
from fr_recorder.redact.leaves import Leaves
from fr_recorder.redact.look import LOGPROB_FIELDS, is_schema, named_field, raw_header_field
from fr_recorder.redact.positions import Document, json_literal, place_of

__all__ = ["Rewrite"]

_VALUE_KEYS = frozenset(("value", "Value", "values"))
_NUMBER_TO_SCAN = 10**11
_SQUEEZE = str.maketrans("", "", "_-. ")

PlainText = Callable[[str, str], str]


class Rewrite:
    """One pass over one value.

    Args:
        leaves: redacts the leaves.
        tally: counts what was replaced.
        depth: how many strings of JSON the value is already nested in.
        plain: gives the new text of a leaf ``(text, path)`` that no name covers; by default the patterns do.

    Attributes:
        edits: replacements in the parsed text, in the order met; empty for a value without places.
    """

    def __init__(self, leaves: Leaves, tally: Tally, depth: int = 0, plain: PlainText | None = None) -> None:
        self._leaves = leaves
        self._tally = tally
        self._depth = depth
        self._plain = plain or self._patterns
        self.edits: list[Edit] = []

    def document(self, document: Document, path: str, field: Field | None = None) -> Any:
        """Rewrite a parsed text, members hidden by a later one of the same name included."""
        for key, value in document.shadowed:
            name = self._key(key, path, ())
            self.value(value, member_path(path, name), field_of(key))
        return self.value(document.root, path, field)

    def value(self, value: Any, path: str, field: Field | None = None) -> Any:
        """The value with everything replaced; the same object when nothing was.

        Args:
            value: what JSON has, and tuples.
            path: where it stands.
            field: what the name tells that it stands under.

        Raises:
            TypeError: for a value of another type.
        """
        if isinstance(value, str):
            return self._text(value, path, field)
        if isinstance(value, dict):
            return self._object(value, path, field)
        if isinstance(value, list | tuple):
            own = raw_header_field(value)
            last = len(value) - 1
            items = [
                self.value(item, f"{path}[]", own if own is not None and number == last else field) for number, item in enumerate(value)
            ]
            if all(new is old for new, old in zip(items, value, strict=True)):
                return value
            return tuple(items) if isinstance(value, tuple) else items
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(value, path, field)
        raise TypeError(f"not a JSON value: {type(value).__name__}")

    def _patterns(self, text: str, path: str) -> str:
        return self._leaves.text(text, path, self._tally, self._depth)

    def _text(self, value: str, path: str, field: Field | None) -> str:
        if field is not None and field.covers(value):
            new = self._leaves.whole(value, field.kind, path, self._tally)
        else:
            new = self._plain(value, path)
        if new == value:
            return value
        self._replaced(value, json_literal(new))
        return new

    def _number(self, value: float, path: str, field: Field | None) -> Any:
        if field is not None and field.covers_number(repr(value)):
            new = self._leaves.whole(repr(value), field.kind, path, self._tally)
        elif isinstance(value, int) and value >= _NUMBER_TO_SCAN:
            digits = str(int(value))
            new = self._leaves.text(digits, path, self._tally, self._depth)
            if new == digits:
                return value
        else:
            return value
        self._replaced(value, json_literal(new))
        return new

    def _object(self, value: dict[Any, Any], path: str, field: Field | None) -> dict[Any, Any]:
        schema = field is not None and is_schema(value)
        named = named_field(value)
        spelled = any(name in value for name in LOGPROB_FIELDS)
        rebuilt: dict[Any, Any] = {}
        changed = False
        for key, item in value.items():
            new_key = self._key(key, path, (rebuilt, value)) if isinstance(key, str) else key
            own = field_of(key) if isinstance(key, str) else None
            if own is not None and own.guarded and spelled:
                own = None
            if own is None and named is not None and key in _VALUE_KEYS:
                own = named
            if own is None and field is not None:
                own = _inherited(field, str(key), item, schema)
            new = self.value(item, member_path(path, str(new_key)), own)
            changed = changed or new is not item or new_key is not key
            rebuilt[new_key] = new
        return rebuilt if changed else value

    def _key(self, key: str, path: str, siblings: Sequence[Container[str]]) -> str:
        """A key with secrets replaced; numbered where it would become equal to another, so that no member is lost."""
        if self._leaves.is_clean_key(key):
            return key
        new = self._leaves.text(key, f"{path}{{}}", self._tally, self._depth)
        if new == key:
            return key
        unique, number = new, 2
        while any(unique in taken for taken in siblings):
            unique, number = f"{new}#{number}", number + 1
        self._replaced(key, json_literal(unique))
        return unique

    def _replaced(self, value: Any, literal: str) -> None:
        place = place_of(value)
        if place is not None:
            self.edits.append(Edit(*place, literal))


def _inherited(field: Field, key: str, item: Any, schema: bool) -> Field | None:
    """What the name above an object tells about one of its members."""
    if schema:
        return field if key in EXAMPLE_FIELDS else None
    if isinstance(item, int | float) or key.lower().translate(_SQUEEZE) in BENIGN_INNER_FIELDS:
        return None
    return field
