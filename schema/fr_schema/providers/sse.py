"""Event streams over bytes: server-sent events, JSON lines, and a JSON array that arrives in pieces.

Server-sent events follow the WHATWG definition (https://html.spec.whatwg.org/multipage/server-sent-events.html):
lines end in LF, CRLF or CR, a colon at the start of a line makes a comment, an empty line sends the event off.
In one point this parser tells more than the definition: an event whose closing empty line never came is not dropped
but handed out by :meth:`EventStreamParser.finish`, because a recorder is asked about streams that broke.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from .json_fields import parse_json

__all__ = ["EventStreamParser", "ServerSentEvent", "parse_events", "parse_json_array", "parse_json_lines"]

_LF = 10
_scan = json.JSONDecoder(strict=False).raw_decode
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ServerSentEvent(NamedTuple):
    """One event: its ``event`` field (None when it has none), and its ``data`` lines joined by LF."""

    name: str | None
    data: str


class EventStreamParser:
    """Server-sent events from chunks of bytes, cut anywhere, also inside a character or between CR and LF.

    The events are the same for every way of cutting the same bytes. Memory is the current line and event.
    """

    __slots__ = ("_data", "_line", "_name", "_started", "_swallow_lf")

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._name: bytes | None = None
        self._started = False
        self._swallow_lf = False

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take the next bytes; returns the events that they completed."""
        events: list[ServerSentEvent] = []
        if not chunk:
            return events
        if self._swallow_lf:
            self._swallow_lf = False
            if chunk[0] == _LF:
                chunk = chunk[1:]
        if chunk.endswith(b"\r"):
            self._swallow_lf = True
        # Both replacements leave the bytes of a chunk without CR as they are, so the usual stream pays only two scans.
        lines = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines[:-1]:
            if self._line:
                self._line.append(line)
                line = b"".join(self._line)  # noqa: PLW2901
                self._line = []
            self._take_line(line, events)
        if lines[-1]:
            self._line.append(lines[-1])
        return events

    def finish(self) -> ServerSentEvent | None:
        """The event that was under way when the bytes ended, or None."""
        events: list[ServerSentEvent] = []
        if self._line:
            line = b"".join(self._line)
            self._line = []
            self._take_line(line, events)
        self._take_line(b"", events)
        return events[0] if events else None

    def _take_line(self, line: bytes, events: list[ServerSentEvent]) -> None:
        if not self._started:
            self._started = True
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            if self._data:
                data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                name = self._name.decode("utf-8", "replace") if self._name else None
                events.append(ServerSentEvent(name, data.decode("utf-8", "replace")))
            self._data = []
            self._name = None
            return
        field, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value


def parse_events(chunks: Iterable[bytes]) -> tuple[list[ServerSentEvent], ServerSentEvent | None]:
    """All events of a stream, and the one that was under way when it ended (or None)."""
    parser = EventStreamParser()
    events: list[ServerSentEvent] = []
    for chunk in chunks:
        events += parser.feed(chunk)
    return events, parser.finish()


def parse_json_lines(body: bytes) -> tuple[list[Any], bool]:
    """The values of a body with one JSON value a line; False when a line was not JSON (such lines are left out)."""
    values: list[Any] = []
    clean = True
    for line in body.replace(b"\r", b"\n").split(b"\n"):
        if not line.strip():
            continue
        understood, value = parse_json(line)
        if understood:
            values.append(value)
        else:
            clean = False
    return values, clean


def parse_json_array(body: bytes) -> tuple[list[Any], bool]:
    """The elements of a JSON array as far as it goes; False when it does not reach its closing bracket."""
    text = body.decode("utf-8", "replace").lstrip()
    values: list[Any] = []
    if not text.startswith("["):
        return values, False
    position = 1
    while True:
        position = _skip_gap(text, position)
        if position >= len(text):
            return values, False
        if text[position] == "]":
            return values, not text[position + 1 :].strip()
        try:
            value, position = _scan(text, position)
        except (ValueError, RecursionError):
            return values, False
        values.append(value)


def _skip_gap(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n,":
        position += 1
    return position
