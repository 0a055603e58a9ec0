"""Facts about a trace that is over, told by a command: a journal of their own, written and sealed at once. No file is changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from fr_schema.ids import new_span_id, new_writer_id
from fr_schema.version import FORMAT_VERSION, PACKAGE_VERSION

from .content import ContentStore
from .encoder import Encoder
from .journal import Journal
from .keys import keys_of_store
from .placement import DEFAULT_TENANT
from .policies import redactor_in_force
from .recorder import host_name
from .seal import seal_journal
from .session import JournalSession
from .store import protection_of, read_format

__all__ = ["LateJournal"]


class LateJournal:
    """Stands in for a recorder where facts are put: see :func:`fr_recorder.facts.put_fact`.

    Args:
        store: path.
        trace: hex id of the trace that they are about.
        run: of the run that it is of, or None.
        labels: ``scope``, where content of the trace is under a key; or none.

    Raises FlightError or OSError when the store cannot be written.
    """

    def __init__(self, store: str, trace: str, run: str | None, labels: Mapping[str, Any]) -> None:
        self.trace = trace
        self.labels = labels
        self.writer = self
        self._store = store
        opened = read_format(store)
        keys = keys_of_store(opened.store_id)
        assert keys is not None
        self._writer_id = new_writer_id(host_name(), os.getpid())
        redactor = redactor_in_force(keys, store)
        # A command has no provider of its own: the store's key ring, where there is one, names it.
        content = ContentStore(redactor, keys.content, protection_of(opened, None, self._writer_id))
        header = {
            "format": FORMAT_VERSION,
            "package": PACKAGE_VERSION,
            "role": "command",
            "writer": self._writer_id,
            "pid": os.getpid(),
            "host": host_name(),
            "trace": trace,
            "policy": redactor.policy_id,
            "key": keys.key_id,
            **({"run": run} if run is not None else {}),
            **({"scope": DEFAULT_TENANT} if content.protection is not None else {}),
        }
        self._journal = Journal(store, self._writer_id)
        self._session = JournalSession(self._journal, Encoder(redactor, content, keys.redaction, 0), header, keys.content)

    def new_span_id(self) -> str:
        """As a writer's."""
        return new_span_id()

    def put_begin(self, fact: Any, size: int) -> None:  # noqa: ARG002 - as a writer takes it
        """Write a fact. Raises RedactionFailed, KeyUnavailable or OSError: a command says so, and does not write it without its content."""
        self._session.begin_file()
        self._session.append(self._session.records(self._session.begin(fact)))

    def close(self) -> None:
        """End the journal and seal it. Raises OSError."""
        self._session.append(self._session.records(self._session.goodbye()))
        self._journal.sync()
        path = self._journal.path
        self._journal.close()
        seal_journal(self._store, self._writer_id, 0, path)

    def abandon(self) -> None:
        """Leave nothing behind of facts that could not be written."""
        path = self._journal.path
        self._journal.close()
        os.unlink(path)
        os.rmdir(os.path.dirname(path))
