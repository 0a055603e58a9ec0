"""Documents as the libraries that find them hand them out: an id, a text, a score. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

__all__ = ["Document", "read_documents"]

_TEXT_NAMES = ("text", "content", "page_content", "document")
_ID_NAMES = ("id", "doc_id", "document_id", "id_", "node_id", "chunk_id")


class Document(NamedTuple):
    """One document; each of the three is None where it was not given."""

    id: str | None
    text: str | None
    score: float | None


def read_documents(found: Iterable[Any]) -> list[Document]:
    """Documents from texts, mappings, objects with such attributes, or pairs of one of these and a score, in order."""
    return [_read(item) for item in found]


def _read(item: Any) -> Document:
    if isinstance(item, str):
        return Document(None, item, None)
    if isinstance(item, tuple | list) and len(item) == 2:
        inner, score = _read(item[0]), _number(item[1])
        return inner if score is None else inner._replace(score=score)
    # LlamaIndex puts the text into a node of its own, beside the score.
    inside = _member(item, ("node",))
    text = _member(item, _TEXT_NAMES) if inside is None else _member(inside, _TEXT_NAMES)
    named = _member(item, _ID_NAMES) if inside is None else _member(inside, _ID_NAMES)
    return Document(None if named is None else str(named), text if isinstance(text, str) else None, _number(_member(item, ("score",))))


def _member(item: Any, names: tuple[str, ...]) -> Any:
    """The first of some members that is there."""
    for name in names:
        value = item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)
        if value is not None and not callable(value):
            return value
    return None


def _number(value: Any) -> float | None:
    """A finite number, of whatever numeric type."""
    if value is None or isinstance(value, str | bytes | bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number - number == 0 else None
