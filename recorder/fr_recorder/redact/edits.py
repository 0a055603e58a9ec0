"""Edits: what is to be replaced where, and how places move by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["ByteEdit", "Edit", "difference", "distribute", "splice", "splice_bytes", "to_byte_edits", "without_overlaps"]


class Edit(NamedTuple):
    """Replace the characters from ``start`` to ``end`` of a text by ``new``."""

    start: int
    end: int
    new: str


class ByteEdit(NamedTuple):
    """Replace the bytes from ``start`` to ``end`` of a body by ``new``."""

    start: int
    end: int
    new: bytes


def splice(text: str, edits: Iterable[Edit]) -> str:
    """Apply edits, which are in order and do not overlap."""
    pieces: list[str] = []
    position = 0
    for edit in edits:
        pieces.append(text[position : edit.start])
        pieces.append(edit.new)
        position = edit.end
    pieces.append(text[position:])
    return "".join(pieces)


def without_overlaps(edits: Iterable[Edit]) -> list[Edit]:
    """Put edits in order and drop those that begin within another, which then replaces their characters as well.

    Of two that begin together the longer stays. One that sticks out behind the edit it begins in lends it its end, so that nothing
    that any edit meant to replace is left over.
    """
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
        if kept and edit.start < kept[-1].end:
            if edit.end > kept[-1].end:
                kept[-1] = kept[-1]._replace(end=edit.end)
            continue
        kept.append(edit)
    return kept


def difference(old: str, new: str) -> list[Edit]:
    """The one edit that turns a text into another: what lies between the common beginning and the common end; none for equal texts."""
    if old == new:
        return []
    start = _common_length(old, new)
    behind = _common_length(old[start:][::-1], new[start:][::-1])
    return [Edit(start, len(old) - behind, new[start : len(new) - behind])]


def _common_length(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning, by bisection: comparing slices costs next to nothing."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def distribute(pieces: Sequence[str], edits: Sequence[Edit]) -> list[str]:
    """Apply edits of a joined text to the pieces that it was joined from.

    A replacement goes into the piece where the edit begins; the characters that it replaces vanish from the pieces behind. The result
    has as many pieces, and joins to what :func:`splice` gives for the joined text.
    """
    result: list[str] = []
    start = 0
    index = 0
    for piece in pieces:
        end = start + len(piece)
        parts: list[str] = []
        position = start
        while index < len(edits) and edits[index].start < end:
            edit = edits[index]
            if edit.start >= start:
                parts.append(piece[position - start : edit.start - start])
                parts.append(edit.new)
            position = min(edit.end, end)
            if edit.end > end:
                break
            index += 1
        parts.append(piece[position - start :])
        result.append("".join(parts))
        start = end
    return result


def to_byte_edits(text: str, edits: Sequence[Edit], errors: str, offset: int = 0, encoding: str = "utf-8") -> list[ByteEdit]:
    """Edits of a text as edits of its encoded form, which begins ``offset`` bytes into a body.

    Each is narrowed to the characters that really change, so that offsets around them move as little as possible.
    """
    result: list[ByteEdit] = []
    position = 0
    narrowed = [
        Edit(edit.start + inner.start, edit.start + inner.end, inner.new)
        for edit in edits
        for inner in difference(text[edit.start : edit.end], edit.new)
    ]
    for edit in narrowed:
        offset += len(text[position : edit.start].encode(encoding, errors))
        length = len(text[edit.start : edit.end].encode(encoding, errors))
        result.append(ByteEdit(offset, offset + length, edit.new.encode(encoding, errors)))
        offset += length
        position = edit.end
    return result


def splice_bytes(data: bytes, edits: Sequence[ByteEdit], offsets: Sequence[int]) -> tuple[bytes, list[int]]:
    """Apply edits, which are in order and do not overlap, to a body, and move offsets into it along.

    An offset within replaced bytes moves behind the replacement: the replacement belongs to the chunk in which the replaced bytes began.
    So does one where bytes are only put in: what is put in belongs to the chunk before.
    Offsets stay in order, and the length of the body moves to the length of the result.
    """
    pieces: list[bytes] = []
    moved: list[int] = []
    position = 0
    shift = 0
    waiting = iter(sorted(offsets))
    offset = next(waiting, None)
    for edit in edits:
        while offset is not None and (offset < edit.start or offset == edit.start < edit.end):
            moved.append(offset + shift)
            offset = next(waiting, None)
        pieces.append(data[position : edit.start])
        pieces.append(edit.new)
        while offset is not None and (offset < edit.end or offset == edit.start):
            moved.append(edit.start + shift + len(edit.new))
            offset = next(waiting, None)
        shift += len(edit.new) - (edit.end - edit.start)
        position = edit.end
    pieces.append(data[position:])
    while offset is not None:
        moved.append(offset + shift)
        offset = next(waiting, None)
    return b"".join(pieces), moved
