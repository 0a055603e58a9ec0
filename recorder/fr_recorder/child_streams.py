"""What passed between the program and a child process, as it is kept: three streams and a list of what happened in which order.

Each stream is redacted as one body, so that a secret which the program read in two pieces is found; the ends of the pieces
move with it. Form ``streams`` of a tool result: the bytes of stdout, stderr and stdin, joined, a line break, and one line of JSON.

The JSON holds ``pid``; ``in``, ``out`` and ``err``, the lengths; ``lost``, why it cannot be handed out again, or null; ``shared``,
whether the child wrote to the program's own stdout; ``polls``, how often its end was asked for in vain after the last item; and
``items``, one for each delivery, by their first member:

=====  ==========================================================================================================
i o e  a piece of stdin was written, or one of stdout or stderr read: offset of its end; an empty piece is the end
c      ``communicate`` returned: exit code, polls before, ends in the three streams (-1 for None), whether it gave text
t      ``communicate`` timed out: polls before, ends in the three streams, of what it had until then
x      the exit code was learned: code, and how often it had been asked for before in vain
w      waiting for it timed out: polls before
k      in an event loop: the program sent a signal, by which method
=====  ==========================================================================================================
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from fr_schema.records import Redaction

__all__ = ["STREAMS", "Streams", "read_streams", "redacted_streams"]

STREAMS = ("in", "out", "err")

_ENDS: dict[str, tuple[tuple[int, str], ...]] = {
    "i": ((1, "in"),),
    "o": ((1, "out"),),
    "e": ((1, "err"),),
    "c": ((3, "in"), (4, "out"), (5, "err")),
    "t": ((2, "in"), (3, "out"), (4, "err")),
}
"""Where in an item the ends of pieces stand, and of which stream."""

_TEXT = "text/plain; charset=utf-8"


class Streams(NamedTuple):
    """The facts and the bytes of the three streams, in the order of :data:`STREAMS`."""

    facts: dict[str, Any]
    data: tuple[bytes, bytes, bytes]


def redacted_streams(streams: Streams, redactor: Any) -> tuple[list[bytes], list[Redaction], str]:
    """Streams and facts to be stored, what was redacted, and the redaction status; no content where redaction failed."""
    items = [list(item) for item in streams.facts["items"]]
    hits: list[Redaction] = []
    stored: dict[str, bytes] = {}
    status = "clean"
    for name, data in zip(STREAMS, streams.data, strict=True):
        places = [
            (item, position) for item in items for position, stream in _ENDS.get(item[0], ()) if stream == name and item[position] >= 0
        ]
        redacted = redactor.body(data, _TEXT, [item[position] for item, position in places])
        if redacted.status == "failed":
            return [], hits, "failed"
        status = redacted.status if redacted.status != "clean" and status != "redacted" else status
        hits += [(f"{name}.{hit.path}", hit.detector, hit.count) for hit in redacted.hits]
        for (item, position), end in zip(places, redacted.chunk_offsets, strict=True):
            item[position] = end
        stored[name] = bytes(redacted.data)
    facts = {**streams.facts, **{name: len(data) for name, data in stored.items()}, "items": items}
    return [stored["out"], stored["err"], stored["in"], b"\n" + json.dumps(facts, separators=(",", ":")).encode()], hits, status


def read_streams(data: bytes) -> Streams:
    """Stored streams. Raises ValueError or KeyError for what is none."""
    rest, _, line = data.rpartition(b"\n")
    facts: dict[str, Any] = json.loads(line)
    first, second = facts["out"], facts["out"] + facts["err"]
    return Streams(facts, (rest[second : second + facts["in"]], rest[:first], rest[first:second]))
