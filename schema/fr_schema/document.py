"""The generated part of ``FORMAT.md``: the tables of columns, kinds and facts, and the dictionaries of the journal.

``python -m fr_schema.document FILE`` puts them in place.

The text between the two markers of a table is replaced; everything else in the file is written by hand.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Sequence

from .columns import BLOB_COLUMNS, EVENT_COLUMNS, KINDS, Column
from .fact_rows import FACT_KINDS
from .frame_dictionary import DICTIONARIES

__all__ = ["generated", "with_generated"]

_PIECE = 120


def _columns(columns: Sequence[Column]) -> str:
    rows = [f"| `{c.name}` | {c.type} | {'●' if c.required else '○'} | {c.doc.replace('|', chr(92) + '|')} |" for c in columns]
    return "\n".join(["| column | type | | meaning |", "|---|---|---|---|", *rows])


def generated() -> dict[str, str]:
    """The generated blocks by name."""
    kinds = "\n".join(["| kind | one row is |", "|---|---|", *(f"| `{kind}` | {doc} |" for kind, doc in KINDS.items())])
    return {
        "events": _columns(EVENT_COLUMNS),
        "blobs": _columns(BLOB_COLUMNS),
        "kinds": kinds,
        "facts": _facts(),
        "dictionaries": _dictionaries(),
    }


def _facts() -> str:
    """What each kind of fact fills."""
    rows = ((f"`{name}`", kind.value, _names((*kind.columns, *kind.content)), _names(kind.detail)) for name, kind in FACT_KINDS.items())
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(["| kind | `fact_value` | further columns | `detail` |", "|---|---|---|---|", *lines])


def _names(names: Sequence[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def _dictionaries() -> str:
    """The journal's dictionaries in pieces, each a JSON string."""
    blocks = []
    for number, dictionary in DICTIONARIES.items():
        text = dictionary.decode()
        pieces = [json.dumps(text[start : start + _PIECE]) for start in range(0, len(text), _PIECE)]
        digest = hashlib.sha256(dictionary).hexdigest()
        blocks.append(f"Dictionary {number}: {len(dictionary)} bytes, SHA-256 `{digest}`.\n\n```\n" + "\n".join(pieces) + "\n```")
    return "\n\n".join(blocks)


def with_generated(text: str) -> str:
    """A document with its generated blocks up to date."""
    for name, block in generated().items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        replacement = f"{begin}\n{block}\n{end}".replace("\\", "\\\\")
        text = re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", replacement, text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        document = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(with_generated(document))
