"""Opening what is sealed, for sealing and reading: the keys of scopes as they are needed, and why content cannot be opened.

Where a key is missing nothing is raised: content is then left as it is, and :attr:`Opener.problems` says why in one line for each scope.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from fr_schema.cells import json_cell
from fr_schema.envelope import BLOB, CIPHER, COLUMNS, CannotOpen, ScopeCipher, ScopeKeys, head_under, key_number
from fr_schema.errors import FlightError, KeyUnavailable
from fr_schema.protected import key_hashes, opened_columns, tenant_scope, withheld_of

from .key_ring import KeyRing, open_ring
from .placement import DEFAULT_TENANT
from .store import mark_encrypted, read_format

__all__ = ["DAMAGED", "ERASED", "NO_KEY", "Opener"]

ERASED, NO_KEY, DAMAGED = "[erased]", "[no key]", "[damaged]"
"""What stands in place of content that cannot be opened."""


class Opener:
    """Opens envelopes of one store, with keys from ``provider``, else from ``FR_ENCRYPT``, else from where the key ring says.

    Attributes:
        problems: by scope, why its content cannot be opened; scopes whose keys were destroyed are not among them.
        damaged: one line per envelope that should open and does not.
    """

    def __init__(self, store: str, provider: str | None = None) -> None:
        self._store = store
        self._provider = provider or os.environ.get("FR_ENCRYPT") or None
        self._ring: KeyRing | None = None
        self._keys: dict[str, ScopeKeys | None] = {}
        self._ciphers: dict[tuple[str, str], ScopeCipher] = {}
        self.problems: dict[str, str] = {}
        self.damaged: list[str] = []

    @property
    def notes(self) -> list[str]:
        """One line per reason for which content cannot be opened, with a scope that it holds for."""
        by_reason: dict[str, list[str]] = {}
        for scope, reason in self.problems.items():
            by_reason.setdefault(reason, []).append(scope)
        return [*(_problem_line(scopes, reason) for reason, scopes in by_reason.items()), *self.damaged]

    def problem(self, scope: str) -> str | None:
        """The line of one scope, or None."""
        return _problem_line([scope], self.problems[scope]) if scope in self.problems else None

    @property
    def ring(self) -> KeyRing | None:
        """The store's key ring, or None. Raises KeyUnavailable, BadInput, NotAStore, FormatTooNew, OSError."""
        if self._ring is None:
            self._ring = open_ring(read_format(self._store).store_id, self._provider)
            if self._ring is not None:
                self._ring.asks_once = True
        return self._ring

    def keys(self, scope: str) -> ScopeKeys | None:
        """The keys of a scope; None, with the reason in :attr:`problems`, when they are not to be had."""
        if scope not in self._keys:
            try:
                self._keys[scope] = self._found_keys(scope)
            except (FlightError, OSError) as problem:
                self._keys[scope] = None
                self.problems[scope] = str(problem)
        return self._keys[scope]

    def _found_keys(self, scope: str) -> ScopeKeys:
        ring = self.ring
        if ring is None:
            raise KeyUnavailable("the store's key ring is not on this machine; set FR_KEYS to the folder that has it")
        keys = ring.keys(scope)
        if keys is None:
            raise KeyUnavailable(f"the key ring in {ring.folder} has no keys of it; its key-encryption key comes from {ring.provider}")
        return keys

    def cipher(self, scope: str, writer: str) -> ScopeCipher | None:
        """What opens and seals for a scope and a writer; None as :meth:`keys`."""
        known = self._ciphers.get((scope, writer))
        if known is None:
            keys = self.keys(scope)
            if keys is None:
                return None
            known = self._ciphers[scope, writer] = ScopeCipher(keys, writer)
        return known

    def why_locked(self, scope: str, envelope: bytes) -> str | None:
        """What stands in place of the content of an envelope, or of one of which only the head is left; None when there is a key for it."""
        keys = self.keys(scope)
        number = key_number(envelope)
        if keys is None:
            return NO_KEY
        if number in keys.data:
            return None
        if number in keys.erased:
            return ERASED
        if number is not None:
            self.problems[scope] = f"the key ring lacks its key {number}"
            return NO_KEY
        return DAMAGED

    def open(self, scope: str, writer: str, purpose: str, name: bytes, envelope: bytes) -> bytes | None:
        """What an envelope holds; None when it cannot be opened."""
        if self.why_locked(scope, envelope) is not None:
            return None
        cipher = self.cipher(scope, writer)
        try:
            return cipher.open(purpose, name, envelope) if cipher is not None else None
        except CannotOpen as problem:
            self._note_damage(f"{purpose} {name.hex()} of scope {scope} does not open: {problem}")
            return None

    def for_writer(self, writer: str) -> Callable[[str, str, bytes, bytes], bytes | None]:
        """:meth:`open` for what one writer sealed: scope, purpose, name, envelope."""
        return lambda scope, purpose, name, envelope: self.open(scope, writer, purpose, name, envelope)

    def blob(self, row: dict[str, Any]) -> tuple[bytes | None, str | None]:
        """Content of a row of the blobs table, or what stands in its place. Needs blob_id, scope, writer_id, cipher and data."""
        if row["cipher"] == "none":
            return row["data"], None
        if row["scope"] is None:
            return None, DAMAGED
        reason = self.why_locked(row["scope"], row["data"])
        content = None if reason is not None else self.open(row["scope"], row["writer_id"], BLOB, row["blob_id"], row["data"])
        return content, reason or (DAMAGED if content is None else None)

    def columns(self, row: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
        """The withheld columns of a row, or what stands in their place. Needs record_id, scope, writer_id and sealed_columns."""
        if row["scope"] is None:
            return None, DAMAGED
        reason = self.why_locked(row["scope"], row["sealed_columns"])
        cipher = self.cipher(row["scope"], row["writer_id"]) if reason is None else None
        if cipher is None:
            return None, reason
        try:
            return opened_columns(row["record_id"], row["sealed_columns"], cipher), None
        except (CannotOpen, ValueError) as problem:
            self._note_damage(f"{COLUMNS} {row['record_id'].hex()} of scope {row['scope']} do not open: {problem}")
            return None, DAMAGED

    def _note_damage(self, line: str) -> None:
        if line not in self.damaged and len(self.damaged) < 100:
            self.damaged.append(line)

    # -- sealing rows

    def key_hashes(self, row: dict[str, Any]) -> None:
        """Key a row's hashes over content, in place, where it has a scope."""
        if row["scope"] is None:
            return
        own, tenant = self.keys(row["scope"]), self.keys(tenant_scope(row["scope"]))
        key_hashes(row, _hash_key(own), _hash_key(tenant))

    def withhold(self, row: dict[str, Any]) -> None:
        """Move a row's content into ``sealed_columns``, in place, where it has a scope. Raises KeyUnavailable."""
        withheld = withheld_of(row)
        if row["scope"] is None or not withheld:
            return
        content = json_cell(withheld).encode("utf-8", "surrogatepass")
        row["sealed_columns"] = self.seal(row["scope"], row["writer_id"], COLUMNS, row["record_id"], content)
        row |= dict.fromkeys(withheld)

    def seal(self, scope: str, writer: str, purpose: str, name: bytes, content: bytes) -> bytes:
        """The envelope of content; of a scope whose keys were destroyed only its head, and the content is gone. Raises KeyUnavailable."""
        cipher = self.cipher(scope, writer)
        if cipher is None:
            raise KeyUnavailable(self.problem(scope) or f"the keys of scope {scope} are not to be had")
        if not cipher.keys.data:
            return head_under(max(cipher.keys.erased, default=0))
        return cipher.seal(purpose, name, content)

    def protect(self, writer: str, events: list[dict[str, Any]], blobs: list[dict[str, Any]]) -> None:
        """Put rows that were made in clear under keys, in place, where content of the store is; rows without a scope under ``default``.

        Raises KeyUnavailable, NotAStore, FormatTooNew, OSError.
        """
        if self.ring is None and self._provider is not None:
            # The first content of a store that is to be under keys.
            self._ring = open_ring(read_format(self._store).store_id, self._provider, create=True)
        if self.ring is None:
            return
        mark_encrypted(self._store)
        for row in events:
            row["scope"] = row["scope"] or DEFAULT_TENANT
            self.ring.for_writing(row["scope"])
            self.key_hashes(row)
            self.withhold(row)
        for row in blobs:
            if row["cipher"] == "none" and row["codec"] == "none":
                row["scope"] = row["scope"] or DEFAULT_TENANT
                row |= {"data": self.seal(row["scope"], writer, BLOB, row["blob_id"], row["data"]), "codec": "zstd", "cipher": CIPHER}


def _problem_line(scopes: list[str], reason: str) -> str:
    more = f" and {len(scopes) - 1} more" if len(scopes) > 1 else ""
    return f"content of scope {scopes[0]}{more} cannot be read: {reason}"


def _hash_key(keys: ScopeKeys | None) -> bytes | None:
    return keys.hash_key() if keys is not None and keys.naming else None
