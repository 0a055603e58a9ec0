"""The first difference between a recorded request and a replayed one: where, and what. Pure.

Requests are compared in a canonical form: what is volatile on every run (idempotency keys, SDK bookkeeping headers,
multipart boundaries, addresses in reprs, order of keys in an object) does not count as a difference.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

__all__ = ["CanonicalRequest", "Difference", "canonical_http", "difference_row", "differences", "list_lengths", "same", "text_difference"]

COMPARED_HEADERS = re.compile(
    r"^(anthropic-version|anthropic-beta|.*-beta|openai-organization|openai-project|x-goog-api-client-beta|notion-version|api-version)$"
)
"""Headers that change what a request means. All others (agents, tracing, auth, retries) may differ."""

_DEPTH_LIMIT = 100
"""Below this many levels of nesting, values are told to differ without being looked into."""

_VOLATILE_QUERY = re.compile(r"^\[\[fr:[a-z0-9_]+(:[a-z0-9]+)*\]\]$")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{4,}\b")
_URL = re.compile(r"(?:([^:/?#]+)://([^/?#]*))?([^?#]*)(?:\?([^#]*))?")
"""Scheme, authority, path and query, of any text: a redacted authority has brackets in it that urlsplit refuses."""

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)


class CanonicalRequest(NamedTuple):
    """A request in the form that is compared.

    Attributes:
        target: method, scheme, host and path.
        query: sorted pairs.
        headers: the compared ones, sorted.
        body: the JSON value, or the text, or the bytes as latin-1 text.
    """

    target: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: Any


class Difference(NamedTuple):
    """One difference.

    Attributes:
        path: such as ``messages[3].content``.
        kind: changed, inserted, dropped, truncated or type.
        recorded, replayed: the values (None where there is none on that side).
        character: for changed text, the index of the first character that differs, else None.
        who: role of the message that the path lies in, where it has one.
    """

    path: str
    kind: str
    recorded: Any
    replayed: Any
    character: int | None
    who: str | None


def canonical_http(method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> CanonicalRequest:
    """The canonical form of an HTTP request that has been redacted."""
    matched = _URL.match(url)
    scheme, authority, path, queries = matched.groups(default="") if matched else ("", "", url, "")
    query = [(k, "[[fr]]" if _VOLATILE_QUERY.match(v) else v) for k, v in parse_qsl(queries, keep_blank_values=True)]
    compared = sorted((k.lower(), v) for k, v in headers if COMPARED_HEADERS.match(k.lower()))
    content_type = next((v for k, v in headers if k.lower() == "content-type"), "")
    return CanonicalRequest(
        f"{method} {scheme}://{authority.rpartition('@')[2]}{path}",
        tuple(sorted(query)),
        tuple(compared),
        _body(body, content_type),
    )


def _body(body: bytes, content_type: str) -> Any:
    if not body:
        return None
    boundary = _BOUNDARY.search(content_type)
    if boundary:
        body = body.replace(boundary[1].encode("latin-1", "replace"), b"boundary")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1")
    if text[:1] in "{[" or text[:1].isspace():
        try:
            return json.loads(text, strict=False)
        except (ValueError, RecursionError):
            return text
    return text


def same(recorded: Any, replayed: Any) -> bool:
    """Equality of canonical values; 1 and 1.0 and True are told apart, and addresses in reprs are not."""
    # Not by recursion: a JSON text may be nested as deep as the parser goes, which leaves no room for ours.
    pairs = [(recorded, replayed)]
    while pairs:
        a, b = pairs.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, dict):
            if a.keys() != b.keys():
                return False
            pairs += ((value, b[key]) for key, value in a.items())
        elif isinstance(a, list | tuple):
            if len(a) != len(b):
                return False
            pairs += zip(a, b, strict=True)
        elif not _same_leaf(a, b):
            return False
    return True


def _same_leaf(a: Any, b: Any) -> bool:
    if a == b:
        return True
    if isinstance(a, float):
        # NaN, which Python writes into JSON, is not equal to itself.
        return math.isnan(a) and math.isnan(b)
    return isinstance(a, str) and "at 0x" in a and _without_addresses(a) == _without_addresses(b)


def _without_addresses(text: str) -> str:
    return _ADDRESS.sub("at 0x", text)


def differences(recorded: Any, replayed: Any, path: str = "") -> Iterator[Difference]:
    """The differences of two canonical values, in reading order. Lists are aligned as sequences first."""
    if isinstance(recorded, CanonicalRequest) and isinstance(replayed, CanonicalRequest):
        yield from _leaf(recorded.target, replayed.target, "url", None)
        yield from differences(_by_name(recorded.query), _by_name(replayed.query), "query")
        yield from differences(_by_name(recorded.headers), _by_name(replayed.headers), "headers")
        yield from differences(recorded.body, replayed.body, "")
        return
    yield from _walk(recorded, replayed, path, None)


def difference_row(difference: Difference, most: int) -> dict[str, Any]:
    """A difference as it is reported: values longer than ``most`` characters cut to what surrounds the first difference.

    ``cut_from`` is the index of the first character that is left of changed texts, ``lengths`` how long they were.
    """
    recorded, replayed = difference.recorded, difference.replayed
    row = difference._asdict()
    if isinstance(recorded, str) and isinstance(replayed, str):
        start = max(0, (difference.character or 0) - most // 2) if max(len(recorded), len(replayed)) > most else 0
        row |= {"cut_from": start, "lengths": [len(recorded), len(replayed)]}
        row |= {"recorded": recorded[start : start + most], "replayed": replayed[start : start + most]}
        return row
    return row | {"recorded": _cut(recorded, most), "replayed": _cut(replayed, most)}


def _cut(value: Any, most: int) -> Any:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return value if len(text) <= most else text[:most] + "…"


def list_lengths(recorded: Any, replayed: Any) -> list[dict[str, Any]]:
    """The lists at the top of two JSON bodies that are not of the same length."""
    bodies = [side.body if isinstance(side, CanonicalRequest) else side for side in (recorded, replayed)]
    if not all(isinstance(body, dict) for body in bodies):
        return []
    both = [name for name in bodies[0] if isinstance(bodies[0][name], list) and isinstance(bodies[1].get(name), list)]
    counts = [{"path": name, "recorded": len(bodies[0][name]), "replayed": len(bodies[1][name])} for name in both]
    return [row for row in counts if row["recorded"] != row["replayed"]]


def _by_name(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Pairs as a mapping; a name that comes several times has the list of its values."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: several[0] if len(several) == 1 else several for name, several in values.items()}


def _walk(a: Any, b: Any, path: str, who: str | None, depth: int = 0) -> Iterator[Difference]:
    if same(a, b):
        return
    if depth > _DEPTH_LIMIT:
        yield Difference(path, "changed" if type(a) is type(b) else "type", a, b, None, who)
    elif isinstance(a, dict) and isinstance(b, dict):
        role = a.get("role") if isinstance(a.get("role"), str) else who
        for key in [*a, *(k for k in b if k not in a)]:
            below = f"{path}.{key}" if path else str(key)
            if key not in b:
                yield Difference(below, "dropped", a[key], None, None, role)
            elif key not in a:
                yield Difference(below, "inserted", None, b[key], None, role)
            else:
                yield from _walk(a[key], b[key], below, role, depth + 1)
    elif isinstance(a, list) and isinstance(b, list):
        yield from _walk_lists(a, b, path, who, depth)
    else:
        yield from _leaf(a, b, path, who, depth)


def _walk_lists(a: list[Any], b: list[Any], path: str, who: str | None, depth: int) -> Iterator[Difference]:
    """Aligned by equal elements: what stands between two equal ones is changed, inserted or dropped."""
    from difflib import SequenceMatcher

    keys_a, keys_b = ([_alignment_key(element) for element in side] for side in (a, b))
    for _, a1, a2, b1, b2 in SequenceMatcher(None, keys_a, keys_b, autojunk=False).get_opcodes():
        paired = min(a2 - a1, b2 - b1)
        for n in range(paired):
            yield from _walk(a[a1 + n], b[b1 + n], f"{path}[{a1 + n}]", who, depth + 1)
        for n in range(a1 + paired, a2):
            kind = "truncated" if a2 == len(a) and b2 == len(b) and n >= len(b) else "dropped"
            yield Difference(f"{path}[{n}]", kind, a[n], None, None, _role(a[n]) or who)
        for n in range(b1 + paired, b2):
            yield Difference(f"{path}[{n}]", "inserted", None, b[n], None, _role(b[n]) or who)


def _alignment_key(element: Any) -> str:
    """Equal for elements that are :func:`same`."""
    try:
        return _without_addresses(json.dumps(element, sort_keys=True))
    except RecursionError:
        # Nested so deeply that only elements in the same place are compared.
        return "deep"


def _role(value: Any) -> str | None:
    role = value.get("role") if isinstance(value, dict) else None
    return role if isinstance(role, str) else None


def _leaf(a: Any, b: Any, path: str, who: str | None, depth: int = 0) -> Iterator[Difference]:
    if same(a, b):
        return
    if isinstance(a, str) and isinstance(b, str):
        nested = _both_json(a, b)
        if nested is not None:
            yield from _walk(nested[0], nested[1], f"{path}|json", who, depth + 1)
            return
        yield Difference(path, "changed", a, b, text_difference(a, b), who)
    else:
        yield Difference(path, "changed" if type(a) is type(b) else "type", a, b, None, who)


def _both_json(a: str, b: str) -> tuple[Any, Any] | None:
    """Tool arguments and the like are JSON inside a string; their difference is better shown inside."""
    if a[:1] not in "{[" or b[:1] not in "{[":
        return None
    try:
        inner = json.loads(a), json.loads(b)
    except (ValueError, RecursionError):
        return None
    return None if same(*inner) else inner


def text_difference(a: str, b: str) -> int:
    """Index of the first character in which two texts differ."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
