"""Signals that were acknowledged and are not rows yet: an append-only file of a store, synced before each acknowledgement.

What is in it is redacted, and under the store's key where its content is encrypted. A kill may cut the last record short; it was not
acknowledged then. The folder is ``collect`` in the store; it holds nothing once everything has been sealed.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

from fr_schema.envelope import BLOB
from fr_schema.errors import BadInput, KeyUnavailable

from ..capture import DEFAULT_TENANT, Opener
from .signals import Signal, name_of, signal_from_json, signal_to_json

__all__ = ["FOLDER", "Spool"]

FOLDER = "collect"

_FILE = "pending.spool"
_LOCK = "lock"
_HEADER = struct.Struct("<4sBII")
_MAGIC = b"frC1"
_PLAIN, _SEALED, _DONE = 0, 1, 2
"""Forms of a record: signals in clear, signals under a key, and the names of signals that have become rows."""

_WRITER = "collect"
_NAME = b"pending signals"


class Spool:
    """The file of one store's pending signals; held by one process at a time. Raises BadInput when another has it, OSError.

    Attributes:
        size: bytes in the file.
        torn: what of the file could not be read when it was opened, in words; None when all of it could.
    """

    def __init__(self, store: str) -> None:
        self._folder = os.path.join(store, FOLDER)
        os.makedirs(self._folder, exist_ok=True)
        self._lock = os.open(os.path.join(self._folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise BadInput(f"another fr collect writes to {store}", hint="stop it, or name another store with --store") from None
        self._path = os.path.join(self._folder, _FILE)
        self._opener = Opener(store)
        self.torn: str | None = None
        self.size = 0
        self._file: IO[bytes] | None = None

    def read(self) -> list[Signal]:
        """What an earlier process left; then the file is ready to be added to. Raises KeyUnavailable, OSError."""
        signals: list[Signal] = []
        done: set[str] = set()
        whole = 0
        try:
            with open(self._path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            data = b""
        for end, some, names in self._records(data):
            signals += some
            done.update(names)
            whole = end
        if whole < len(data):
            self.torn = f"{len(data) - whole:,} bytes at the end of {self._path} are no whole record: they were not acknowledged"
        self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115 - for as long as the spool lives
        os.chmod(self._path, 0o600)
        self._file.truncate(whole)
        self._sync_folder()
        self.size = whole
        return [signal for signal in signals if name_of(signal) not in done]

    def _records(self, data: bytes) -> Iterator[tuple[int, list[Signal], list[str]]]:
        at = 0
        while at + _HEADER.size <= len(data):
            magic, form, length, checksum = _HEADER.unpack_from(data, at)
            payload = data[at + _HEADER.size : at + _HEADER.size + length]
            if magic != _MAGIC or len(payload) != length or zlib.crc32(payload) != checksum:
                return
            at += _HEADER.size + length
            if form == _SEALED:
                opened = self._opener.open(DEFAULT_TENANT, _WRITER, BLOB, _NAME, payload)
                if opened is None:
                    raise KeyUnavailable(f"{self._path} cannot be opened: {self._opener.problem(DEFAULT_TENANT) or 'its key is gone'}")
                payload = opened
            values = json.loads(zlib.decompress(payload))
            yield (at, [], values) if form == _DONE else (at, [signal_from_json(value) for value in values], [])

    def add(self, signals: Iterable[Signal]) -> None:
        """Append signals and sync. When it fails, nothing of them is there. Raises OSError, KeyUnavailable."""
        self._append(self._record(signals), sync=True)

    def mark_done(self, signals: Iterable[Signal]) -> None:
        """Note that signals have become rows: they are not read again, unless the machine itself fails in this moment. Raises OSError."""
        self._append(_packed(_DONE, zlib.compress(json.dumps([name_of(signal) for signal in signals]).encode(), 1)), sync=False)

    def _append(self, record: bytes, *, sync: bool) -> None:
        file = self._file
        assert file is not None
        before = self.size
        try:
            written = 0
            while written < len(record):
                written += file.write(record[written:])
            if sync:
                os.fsync(file.fileno())
        except OSError:
            file.truncate(before)
            raise
        self.size = before + len(record)

    def _record(self, signals: Iterable[Signal]) -> bytes:
        text = json.dumps([signal_to_json(signal) for signal in signals], separators=(",", ":"))
        payload, form = zlib.compress(text.encode("ascii"), 1), _PLAIN
        ring = self._opener.ring
        if ring is not None:
            ring.for_writing(DEFAULT_TENANT)
            payload, form = self._opener.seal(DEFAULT_TENANT, _WRITER, BLOB, _NAME, payload), _SEALED
        return _packed(form, payload)

    def keep_only(self, signals: list[Signal]) -> None:
        """Put these in place of everything that is in the file, at once. Raises OSError, KeyUnavailable."""
        if not signals and self._file is not None:
            self._file.truncate(0)
            self.size = 0
            return
        temporary = f"{self._path}.tmp"
        record = self._record(signals)
        with open(temporary, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(record)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, self._path)
        self._sync_folder()
        if self._file is not None:
            self._file.close()
        self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115 - for as long as the spool lives
        self.size = len(record)

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Let another process have it; an empty one leaves nothing behind."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if self.size == 0:
                os.unlink(self._path)
        os.close(self._lock)


def _packed(form: int, payload: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, form, len(payload), zlib.crc32(payload)) + payload
