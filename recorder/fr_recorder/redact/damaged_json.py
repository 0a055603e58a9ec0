"""JSON that cannot be parsed, most often because it was cut off: literals are still decoded one by one, and names still tell."""

from __future__ import annotations

import json
import re

from fr_recorder.redact.edits import Edit, splice, without_overlaps
from fr_recorder.redact.fields import Field, field_of
from fr_recorder.redact.hits import Tally, member_path
from fr_recorder.redact.leaves import Leaves
from fr_recorder.redact.positions import json_literal

__all__ = ["damaged_json_edits"]

_LITERAL = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)("|(?=\\?\Z))', re.DOTALL)
_BEHIND_KEY = re.compile(r"[ \t\r\n]*:[ \t\r\n]*")
_NUMBER = re.compile(r"-?[0-9][0-9.eE+\-]*")


def damaged_json_edits(text: str, leaves: Leaves, path: str, tally: Tally) -> list[Edit]:
    """What is to be replaced in a text that was meant to be JSON: leaf by leaf, and by patterns on the text as it stands."""
    edits = _literal_edits(text, leaves, path, tally)
    rest = _blanked(text, edits)
    return without_overlaps(edits + leaves.pattern_edits(rest, path, tally))


def _literal_edits(text: str, leaves: Leaves, path: str, tally: Tally) -> list[Edit]:
    edits: list[Edit] = []
    position = 0
    field: Field | None = None
    place = path
    while (match := _LITERAL.search(text, position)) is not None:
        behind = _BEHIND_KEY.match(text, match.end()) if match[2] == '"' else None
        value = _decoded(match[1])
        if behind is not None:
            field, place = field_of(value), member_path(path, leaves.text(value, path, Tally()))
            number = _NUMBER.match(text, behind.end())
            if number is not None and field is not None and field.covers_number(number[0]):
                edits.append(Edit(*number.span(), json_literal(leaves.whole(number[0], field.kind, place, tally))))
        covered = behind is None and field is not None and field.covers(value)
        new = leaves.whole(value, field.kind, place, tally) if covered and field is not None else leaves.text(value, place, tally)
        if new != value:
            literal = json_literal(new)
            edits.append(Edit(*match.span(), literal if match[2] == '"' else literal[:-1]))
        if behind is None:
            field, place = None, path
        position = behind.end() if behind is not None else match.end()
    return edits


def _decoded(body: str) -> str:
    """The text of a literal's inside; as it stands where it ends within an escape."""
    try:
        decoded: str = json.loads(f'"{body}"', strict=False)
    except ValueError:
        return body
    return decoded


def _blanked(text: str, edits: list[Edit]) -> str:
    """The text with what is already replaced made unrecognisable, at the same places."""
    return splice(text, [Edit(edit.start, edit.end, "\0" * (edit.end - edit.start)) for edit in edits])
