"""Support for tests of the recorder's insides: a store with one journal session, driven on the test's own thread."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

from fr_recorder.boundary import ToolCall
from fr_recorder.content import ContentStore
from fr_recorder.crossings import RecordedHttp, RecordedTool
from fr_recorder.encoder import Encoder
from fr_recorder.journal import Journal
from fr_recorder.lanes import Lane
from fr_recorder.redact import Redactor
from fr_recorder.session import JournalSession
from fr_recorder.store import open_store
from fr_recorder.trace_context import TraceContext
from fr_recorder.values import pack
from fr_schema.fold import Blob, FoldedJournal, fold_journal
from fr_schema.ids import uuid7_at
from fr_schema.rows import Row, RowBuilder

CONTENT_KEY = bytes(range(32, 64))
DAY_MS = 86_400_000
NOON_MS = 1_767_268_800_000
"""2026-01-01 12:00 UTC."""

TRACE = uuid7_at(NOON_MS, bytes(10))
OTHER_TRACE = uuid7_at(NOON_MS, bytes([7] * 10))
NEXT_DAY_TRACE = uuid7_at(NOON_MS + DAY_MS, bytes(10))
CHAT_URL = "https://api.openai.com/v1/chat/completions"
JSON_HEADERS = [("content-type", "application/json")]
ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"hello"}}],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}'
)


@functools.cache
def redactor() -> Redactor:
    """The real redactor under a fixed key."""
    return Redactor(bytes(range(32)), "k1")


def header_facts(writer: str, trace: str = TRACE) -> dict[str, Any]:
    """What stands first in a journal, of no real machine."""
    facts = {"format": 1, "package": "0.1.0", "writer": writer, "pid": 7, "host": "box", "started": NOON_MS * 1000, "trace": trace}
    return facts | {"lane": "p0", "policy": "test", "key": "k1", "service": "shop"}


class Rig:
    """A store with one session. It stands in for the writer: what crossings hand over is encoded and appended at once.

    Attributes:
        store: the store's path.
        session: the journal session; its writer is ``writer``.
    """

    def __init__(self, folder: Path, *, writer: str = "w00000000001-aaaaaa-7-00000001", redact: Any = None, trace: str = TRACE) -> None:
        self.store = open_store(str(folder / "store")).path
        self.writer = writer
        self.content = ContentStore(redact or redactor(), CONTENT_KEY)
        self.encoder = Encoder(redact or redactor(), self.content, bytes(32), 0)
        self.session = JournalSession(Journal(self.store, writer), self.encoder, header_facts(writer, trace), CONTENT_KEY)
        self.lane = Lane("p0")
        self._spans = 0

    # -- what a crossing asks of the writer

    def new_span_id(self) -> str:
        self._spans += 1
        return f"{self._spans:016x}"

    def put_begin(self, crossing: Any, size: int) -> None:
        self.session.begin_file()
        self.write(self.session.begin(crossing))

    def put_following(self, crossing: Any) -> None:
        assert self.session.follow(crossing) == []

    def put_end(self, crossing: Any, size: int, *, wait: bool) -> None:
        self.session.begin_file()
        crossing.take_end_order()
        self.write(self.session.end(crossing))

    def write(self, events: list[dict[str, Any]]) -> None:
        """Append events, each behind the blobs that it needs."""
        self.session.begin_file()
        self.session.append(self.session.records(events))

    # -- what a program does

    def begin_http(self, body: bytes | None = b"{}", *, url: str = CHAT_URL, trace: str = TRACE, lane: Lane | None = None) -> RecordedHttp:
        """An exchange begins."""
        writer: Any = self
        headers = [("content-type", "application/json"), ("authorization", "Bearer sk-planted-000")]
        crossing = RecordedHttp(writer, TraceContext(trace), lane or self.lane, "httpx", "POST", url, headers, body, None)
        if body is not None:
            self.put_begin(crossing, len(body))
        return crossing

    def http(
        self, body: bytes = b"{}", *, answer: bytes = ANSWER, status: int = 200, headers: Any = JSON_HEADERS, **more: Any
    ) -> RecordedHttp:
        """A whole exchange, the answer in one chunk."""
        crossing = self.begin_http(body, **more)
        crossing.answered(status, headers, "HTTP/1.1")
        crossing.chunk(answer)
        crossing.finish("eof")
        return crossing

    def begin_tool(self, arguments: dict[str, Any], *, trace: str = TRACE, kind: str = "tool_call", facts: Any = None) -> RecordedTool:
        """A tool call begins."""
        writer: Any = self
        call = ToolCall(kind, "refund", arguments, "write", "function", None, facts or {})
        crossing = RecordedTool(writer, TraceContext(trace), self.lane, call, pack(arguments))
        self.put_begin(crossing, 0)
        return crossing

    def tool(self, arguments: dict[str, Any], result: Any, **more: Any) -> RecordedTool:
        """A whole tool call."""
        crossing = self.begin_tool(arguments, **more)
        crossing.returned(result)
        return crossing

    def close(self) -> None:
        """Say goodbye, as a process that ends in order does."""
        self.write(self.session.goodbye())
        self.session.journal.close()

    # -- what is on disk

    def files(self) -> list[Path]:
        """The journal files of this writer, in order."""
        return sorted(Path(self.store, "journal", self.writer).glob("*.frj"))

    def folded(self, number: int = -1) -> FoldedJournal:
        """One journal file, read."""
        return fold_journal(self.files()[number].read_bytes())

    def blobs(self) -> dict[bytes, Blob]:
        """The stored parts of all its files."""
        found: dict[bytes, Blob] = {}
        for path in self.files():
            found |= fold_journal(path.read_bytes()).blobs
        return found

    def joined(self, parts: list[str] | list[bytes] | None) -> bytes:
        """The content of parts."""
        assert parts is not None
        stored = self.blobs()
        return b"".join(stored[bytes.fromhex(part) if isinstance(part, str) else part].data for part in parts)

    def rows(self, number: int = -1) -> list[Row]:
        """The events rows of one journal file."""
        return RowBuilder(self.folded(number), self.blobs().get, writer=self.writer).event_rows()


def bytes_of_store(store: str) -> bytes:
    """Every byte of every file under a store, journals also decompressed: a canary must be in none of them."""
    from fr_schema.frames import Frame, read_frames

    found = []
    for folder, _, names in os.walk(store):
        for name in names:
            data = Path(folder, name).read_bytes()
            found.append(data)
            if name.endswith(".frj"):
                found += [frame.payload for frame in read_frames(data) if isinstance(frame, Frame)]
    return b"\n".join(found)
