"""Support for tests of encryption: a store with a key ring, and a session that writes into it under keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from recorder_rig import ANSWER, CHAT_URL, CONTENT_KEY, JSON_HEADERS, TRACE, Rig, header_facts, redactor

from fr_recorder.content import ContentStore
from fr_recorder.crossings import RecordedHttp
from fr_recorder.encoder import Encoder
from fr_recorder.journal import Journal
from fr_recorder.protection import Protection
from fr_recorder.session import JournalSession
from fr_recorder.store import mark_encrypted, read_format
from fr_recorder.trace_context import TraceContext

KEY = "ab" * 32
OTHER_KEY = "cd" * 32
PROVIDER = "env:TEST_KEK"


class EncryptedRig(Rig):
    """A rig whose content goes under keys."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, writer: str = "w00000000001-aaaaaa-7-00000001") -> None:
        super().__init__(folder, writer=writer)
        monkeypatch.setenv("FR_KEYS", str(folder / "keys"))
        monkeypatch.setenv("TEST_KEK", KEY)
        self.session.journal.close()
        self.files()[0].unlink()
        self.id = read_format(self.store).store_id
        mark_encrypted(self.store)
        self.protection = Protection(self.id, PROVIDER, writer)
        self.content = ContentStore(redactor(), CONTENT_KEY, self.protection)
        self.encoder = Encoder(redactor(), self.content, bytes(32), 0)
        header = header_facts(writer, TRACE) | {"scope": "default"}
        self.session = JournalSession(Journal(self.store, writer), self.encoder, header, CONTENT_KEY)

    def ask(self, body: bytes, *, user: str | None = None, answer: bytes = ANSWER, trace: str = TRACE, **labels: Any) -> None:
        """A whole exchange in the name of a user."""
        writer: Any = self
        context = TraceContext(trace, None, labels | ({"user": user} if user is not None else {}))
        crossing = RecordedHttp(writer, context, self.lane, "httpx", "POST", CHAT_URL, [("content-type", "application/json")], body, None)
        self.put_begin(crossing, len(body))
        crossing.answered(200, JSON_HEADERS, "HTTP/1.1")
        crossing.chunk(answer)
        crossing.finish("eof")

    def scope(self, user: str, tenant: str = "default") -> str:
        """The scope of a user."""
        return f"{tenant}/{self.encoder.pseudonym(user)}"
