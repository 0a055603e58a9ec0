"""Streams of events as they are framed on the wire: server-sent events, lines of JSON, and Amazon's binary event stream.

Readers take bytes as they come, in pieces of any size, and hand each event's content to an :class:`~fr_recorder.redact.streams.Assembly`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from fr_recorder.redact.edits import ByteEdit, Edit, splice
from fr_recorder.redact.streams import Assembly, LinePayload

__all__ = ["EventReader", "JsonLineReader", "ServerSentEventReader"]


class EventReader(Protocol):
    """Takes a body piece by piece."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body."""

    def end(self) -> None:
        """The body is over; an event cut short counts."""


class _LinesPayload(NamedTuple):
    """The content of a server-sent event that has several ``data`` lines: their text, joined by line feeds."""

    text: str
    start: int
    end: int

    def byte_edits(self, edits: list[Edit]) -> list[ByteEdit]:
        """The lines are written anew, from the first one's content to the last one's."""
        if not edits:
            return []
        new = splice(self.text, edits).replace("\n", "\ndata: ")
        return [ByteEdit(self.start, self.end, new.encode("utf-8", "surrogateescape"))]


class _Lines:
    """Cuts bytes into lines that end with LF, CRLF or CR, and tells where each begins."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._offset = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        last = data.rfind(b"\n")
        if last < 0:
            self._waiting.append(data)
            return []
        self._waiting.append(data[: last + 1])
        complete = b"".join(self._waiting)
        self._waiting = [data[last + 1 :]]
        return self._cut(complete)

    def end(self) -> list[tuple[int, bytes]]:
        rest = b"".join(self._waiting)
        self._waiting = []
        return self._cut(rest) if rest else []

    def _cut(self, complete: bytes) -> list[tuple[int, bytes]]:
        """Offsets and contents; ``bytes.splitlines`` knows exactly these three line ends."""
        lines = []
        for line in complete.splitlines(keepends=True):
            lines.append((self._offset, line.rstrip(b"\r\n")))
            self._offset += len(line)
        return lines


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


class JsonLineReader:
    """One JSON value on each line (NDJSON, JSON Lines)."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._lines = _Lines()

    def feed(self, data: bytes) -> None:
        """See :class:`EventReader`."""
        self._take(self._lines.feed(data))

    def end(self) -> None:
        """See :class:`EventReader`."""
        self._take(self._lines.end())

    def _take(self, lines: list[tuple[int, bytes]]) -> None:
        for start, line in lines:
            if line.strip():
                self._assembly.add(LinePayload(_decode(line), start), "line")


class ServerSentEventReader:
    """Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._lines = _Lines()
        self._data: list[tuple[int, bytes]] = []
        self._name = "message"

    def feed(self, data: bytes) -> None:
        """See :class:`EventReader`."""
        for start, line in self._lines.feed(data):
            self._take(start, line)

    def end(self) -> None:
        """See :class:`EventReader`."""
        for start, line in self._lines.end():
            self._take(start, line)
        self._dispatch()

    def _take(self, start: int, line: bytes) -> None:
        if not line:
            self._dispatch()
            return
        if start == 0 and line.startswith(b"\xef\xbb\xbf"):
            start, line = 3, line[3:]
        if line.startswith(b"data:"):
            skip = 6 if line[5:6] == b" " else 5
            self._data.append((start + skip, line[skip:]))
            return
        if line.startswith(b"event:"):
            self._name = _decode(line[6:].strip())
        self._assembly.add_line(LinePayload(_decode(line), start))

    def _dispatch(self) -> None:
        """An empty line ends an event."""
        data, name = self._data, self._name
        self._data, self._name = [], "message"
        if len(data) == 1:
            start, line = data[0]
            self._assembly.add(LinePayload(_decode(line), start), name)
        elif data:
            last_start, last = data[-1]
            text = "\n".join(_decode(line) for _, line in data)
            self._assembly.add(_LinesPayload(text, data[0][0], last_start + len(last)), name)
