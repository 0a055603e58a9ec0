"""The first look at a decoded value: is there anything to replace at all? Most values have nothing, so this is the path that must be fast.

All string leaves are gathered and scanned in one pass; names that tell of a secret make the value *suspect*, which leaves the decision
to :mod:`fr_recorder.redact.rewrite`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fr_recorder.redact.engine import Engine
from fr_recorder.redact.fields import EXAMPLE_FIELDS, Field, field_of, header_field

__all__ = [
    "LOGPROB_FIELDS",
    "LOGPROB_LISTS",
    "MOST_NESTED",
    "NESTED_STARTS",
    "Look",
    "decode_json",
    "decode_json_quickly",
    "is_schema",
    "named_field",
    "raw_header_field",
    "spelled_tokens",
]

NESTED_STARTS = frozenset("{[ \t\r\n")
"""Strings that begin so may be JSON themselves."""

MOST_NESTED = 2
"""How deep JSON within strings of JSON is decoded. Beyond, patterns are applied to the text as it stands."""

LOGPROB_FIELDS = frozenset(("logprob", "logProbability", "log_probability", "token_logprobs"))
"""A sibling of these is one token of a text (OpenAI, Mistral, xAI; Gemini; Hugging Face; completions): together they spell it out."""

LOGPROB_LISTS = frozenset(("top_logprobs", "topCandidates", "top_candidates", "top_tokens"))
"""Lists of what a model might have said instead, each beside its log probability."""

_NUMBER_TO_SCAN = 10**11
_MOST_KEYS = 4096
_UNSEEN = object()
_PAIR = object()
_LOGPROB = object()
_ALTERNATIVES = object()
_NAME_KEYS = ("name", "key", "Name", "Key", "header")
_VALUE_KEYS = frozenset(("value", "Value", "values"))
_SCHEMA_TYPES = frozenset(("string", "number", "integer", "boolean", "object", "array", "null"))
_SCHEMA_FIELDS = ("$ref", "anyOf", "oneOf", "allOf", "properties")


class _DuplicateKey(ValueError):
    """An object names a member twice; decoding would hide one of the two."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _DuplicateKey
    return members


_decoder = json.JSONDecoder(strict=False, object_pairs_hook=_unique)


def decode_json(text: str) -> Any:
    """Decode JSON as leniently as ``json`` can.

    Raises:
        ValueError: when the text is not JSON, or an object in it names a member twice.
        RecursionError: when it is nested too deeply.
    """
    return _decoder.decode(text)


_scan_json = json.JSONDecoder(strict=False).scan_once  # type: ignore[attr-defined]  # what decode() calls, in the library since 2.6
_SPACE = " \t\n\r"


def decode_json_quickly(text: str) -> Any:
    """:func:`decode_json` without the check for names that come twice: only :meth:`Look.holds_all_of` tells whether any did.

    Raises:
        ValueError: when the text is not JSON, or has space before it.
        RecursionError: when it is nested too deeply.
    """
    try:
        value, end = _scan_json(text, 0)
    except StopIteration:
        raise ValueError("not JSON") from None
    if end != len(text) and text[end:].strip(_SPACE):
        raise ValueError("text follows the JSON")
    return value


def is_schema(value: dict[Any, Any]) -> bool:
    """Whether an object describes a property (JSON schema) rather than holding its value."""
    if any(field in value for field in _SCHEMA_FIELDS):
        return True
    described = value.get("type")
    if isinstance(described, list):
        described = described[0] if described else None
    return isinstance(described, str) and described in _SCHEMA_TYPES and "value" not in value


def named_field(value: dict[Any, Any]) -> Field | None:
    """The field that ``{"name": "API_KEY", "value": ...}`` names, or None when the object is no such pair."""
    for name_key in _NAME_KEYS:
        name = value.get(name_key)
        if isinstance(name, str):
            return field_of(name)
    return None


def raw_header_field(items: Sequence[Any]) -> Field | None:
    """What a raw header's name tells: bytes in our typed JSON, in a pair, or in httpx's triple of name, lower-case name and value."""
    if not 2 <= len(items) <= 3 or not isinstance(items[0], dict):
        return None
    name = items[0].get("text") if items[0].get("$fr") == "bytes" else None
    return header_field(name) if isinstance(name, str) else None


def spelled_tokens(value: dict[Any, Any]) -> list[str]:
    """The tokens of a text that stand in one list (completions), log probabilities in another beside it."""
    tokens = value.get("tokens")
    return [token for token in tokens if isinstance(token, str)] if isinstance(tokens, list) else []


class Look:
    """What one look gathers. One object serves one scan.

    Attributes:
        suspect: a name told of a secret, or something could not be looked at: rewrite to be sure.
        leaves: string leaves of the value itself.
        inner: further texts to scan: leaves of JSON within strings, long numbers, spelled-out tokens.
        literals: how many string literals the value has, keys included.
    """

    __slots__ = ("_engine", "_keys", "_pieces", "inner", "leaves", "literals", "nested_quotes", "suspect")

    def __init__(self, engine: Engine, keys: dict[str, object]) -> None:
        self._engine = engine
        self._keys = keys
        self._pieces: list[str] = []
        self.suspect = False
        self.leaves: list[str] = []
        self.inner: list[str] = []
        self.literals = 0
        self.nested_quotes = 0

    def is_clean(self) -> bool:
        """Whether nothing that was looked at needs to be replaced."""
        if self.suspect:
            return False
        if self._pieces:
            self.inner.append("".join(self._pieces))
        return self._engine.is_clean(self.leaves + self.inner if self.inner else self.leaves)

    @property
    def is_spelled(self) -> bool:
        """Whether the value spells out a text token by token, with log probabilities."""
        return bool(self._pieces)

    def holds_all_of(self, *texts: str) -> bool:
        """Whether the value looked at holds all that is in its JSON text: of two members with one name a value holds the last.

        Told by the number of ``"``, which hidden members, and quotes written ``\\u0022``, raise in the text above that of the value.
        """
        quotes = 2 * self.literals + self.nested_quotes
        for leaf in self.leaves:
            quotes += leaf.count('"')
        for text in texts:
            # One written in digits counts double, so that the sums differ.
            quotes -= text.count('"') + text.count("\\u0022") * 2
        return quotes == 0

    def carefully_at(self, value: Any) -> None:
        """Look at a value as :meth:`at` does; one nested too deeply is suspect."""
        try:
            self.at(value)
        except RecursionError:
            self.suspect = True

    def at(self, value: Any, depth: int = 0) -> None:
        """Look at a value: what JSON has, and tuples.

        Raises:
            TypeError: for a value of another type.
            RecursionError: for a value nested too deeply.
        """
        kind = type(value)
        if kind is str:
            self.literals += 1
            if value[:1] in NESTED_STARTS:
                self._nested(value, depth)
            else:
                self.leaves.append(value)
        elif kind is dict:
            self._object(value, depth)
        elif kind is list or kind is tuple:
            self.suspect = self.suspect or raw_header_field(value) is not None
            for item in value:
                self.at(item, depth)
        elif kind is int:
            if value >= _NUMBER_TO_SCAN:
                self.inner.append(str(value))
        elif value is None or kind is bool or kind is float:
            return
        elif isinstance(value, str | dict | list | tuple | int | float):
            self.suspect = True
        else:
            raise TypeError(f"not a JSON value: {kind.__name__}")

    def _object(self, value: dict[Any, Any], depth: int) -> None:
        keys, leaves = self._keys, self.leaves
        literals = len(value)
        for key, item in value.items():
            mark = keys.get(key, _UNSEEN)
            if mark is not None:
                if mark is _UNSEEN:
                    mark = self._learn(key)
                if mark is _ALTERNATIVES:
                    pieces, self._pieces = self._pieces, []
                    self.at(item, depth)
                    self._pieces = pieces
                    continue
                if mark is not None:
                    self._marked(mark, value, item)
            if type(item) is str:
                literals += 1
                if item[:1] in NESTED_STARTS:
                    self._nested(item, depth)
                else:
                    leaves.append(item)
            elif item is not None:
                self.at(item, depth)
        self.literals += literals

    def _marked(self, mark: object, siblings: dict[Any, Any], item: Any) -> None:
        """A member whose name says more than that it is one."""
        if mark is _LOGPROB:
            token = siblings.get("token", siblings.get("text"))
            if isinstance(token, str):
                self._pieces.append(token)
            self._pieces += spelled_tokens(siblings)
        elif mark is _PAIR:
            named = named_field(siblings)
            self.suspect = self.suspect or (named is not None and _tells(named, item))
        elif isinstance(mark, Field) and not self.suspect:
            self.suspect = _tells(mark, item) and not (mark.guarded and any(field in siblings for field in LOGPROB_FIELDS))

    def _learn(self, key: Any) -> object:
        """Classify a key; clean ones are remembered, so that they are scanned once per process and not once per message."""
        if type(key) is not str:
            self.suspect = self.suspect or isinstance(key, str)
            return None
        mark: object = field_of(key)
        if key in LOGPROB_FIELDS:
            mark = _LOGPROB
        elif key in LOGPROB_LISTS:
            mark = _ALTERNATIVES
        elif key in _VALUE_KEYS:
            mark = _PAIR
        if len(self._keys) < _MOST_KEYS and len(key) <= 64 and '"' not in key and self._engine.is_clean([key]):
            self._keys[key] = mark
        else:
            self.leaves.append(key)
        return mark

    def _nested(self, text: str, depth: int) -> None:
        """A string that may be JSON: its leaves are looked at if it is, and the string itself if not."""
        if depth >= MOST_NESTED or text.lstrip()[:1] not in ("{", "["):
            self.leaves.append(text)
            return
        try:
            value = decode_json(text)
        except _DuplicateKey:
            self.suspect = True
            return
        except (ValueError, RecursionError):
            self.leaves.append(text)
            return
        self.nested_quotes += text.count('"')
        inner = Look(self._engine, self._keys)
        try:
            inner.at(value, depth + 1)
        except RecursionError:
            self.suspect = True
        self.suspect = self.suspect or inner.suspect
        self.inner += inner.leaves
        self.inner += inner.inner


def _tells(field: Field, item: Any) -> bool:
    """Whether a member under a telling name holds something to replace, as far as can be told at a glance."""
    if isinstance(item, str):
        return field.covers(item)
    if isinstance(item, dict):
        return not is_schema(item) or any(example in item for example in EXAMPLE_FIELDS)
    if isinstance(item, list | tuple):
        return bool(item)
    return isinstance(item, int | float) and not isinstance(item, bool) and field.covers_number(repr(item))
