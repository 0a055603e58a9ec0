"""Looking through a store with today's redaction rules: what earlier rules let through. Says kinds, counts and places, never values.

A value that a policy kept when it was recorded is found here, unless today's policy keeps it too. Tokens are known by their shape, so no
key is needed for what is not encrypted; what is encrypted and has no key on this machine is counted as not looked at.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

from fr_schema.columns import EVENT_COLUMNS
from fr_schema.frames import Frame, read_frames
from fr_schema.layout import QUARANTINE

from .capture import RedactionPolicy, Redactor
from .store import Store

__all__ = ["Finding", "Scan", "scan_store"]

_PARTS_AT_ONCE = 500
_SCANNED_TYPES = ("text", "json", "list:text", "map")
_PRESENT = re.compile(r"\[\[fr:[a-z_]+:present\]\]")
"""Stands for an environment variable of which only the name is recorded."""

_NOT_CONTENT = frozenset(("writer_id", "host", "lane", "redaction_policy", "redaction_key_id", "package_version"))
"""Columns that hold names which we make ourselves."""


class Finding(NamedTuple):
    """Something that today's rules would replace.

    Attributes:
        place: ``events.<column>``, ``blobs.<kind of part>`` or ``quarantine/<file>``, and the path inside of it.
        kind: what it is.
        values: how many times it was found, equal cells and parts counted once.
        rows: how many cells or parts hold it.
        where: id of one part, or of one trace, that it is in.
    """

    place: str
    kind: str
    values: int
    rows: int
    where: str


class Scan(NamedTuple):
    """What a scan found.

    Attributes:
        findings: by place and kind.
        cells, parts: how many different cells and parts were looked at.
        not_looked_at: why parts were not looked at, and how many.
    """

    findings: list[Finding]
    cells: int
    parts: int
    not_looked_at: dict[str, int]


class _Counts:
    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], list[Any]] = {}
        self.cells = self.parts = 0
        self.skipped: dict[str, int] = {}

    def add(self, place: str, kind: str, values: int, rows: int, where: str) -> None:
        known = self.counts.setdefault((place, kind), [0, 0, where])
        known[0] += values
        known[1] += rows

    def skip(self, why: str) -> None:
        self.skipped[why] = self.skipped.get(why, 0) + 1


def scan_store(store: Store, policy: RedactionPolicy) -> Scan:
    """Scan all rows, parts and quarantined journals of a store. Raises what reading the store raises."""
    redactor = Redactor(secrets.token_bytes(32), "scan", policy=policy)
    counts = _Counts()
    for column in EVENT_COLUMNS:
        if column.type in _SCANNED_TYPES and column.name not in _NOT_CONTENT:
            _scan_column(store, column.name, redactor, counts)
    _scan_parts(store, redactor, counts)
    _scan_quarantine(store.path, redactor, counts)
    findings = [Finding(place, kind, values, rows, where) for (place, kind), (values, rows, where) in sorted(counts.counts.items())]
    return Scan(findings, counts.cells, counts.parts, counts.skipped)


def _scan_column(store: Store, name: str, redactor: Redactor, counts: _Counts) -> None:
    sql = f'SELECT "{name}", count(*), min(trace_id) FROM events WHERE "{name}" IS NOT NULL GROUP BY 1'
    for value, rows, trace in store.rows(sql)[1]:
        counts.cells += 1
        for hit in _hits_of(name, value, redactor):
            counts.add(
                _joined(f"events.{name}", hit.path), hit.detector, hit.count, rows, trace.hex() if isinstance(trace, bytes) else str(trace)
            )


def _hits_of(column: str, value: Any, redactor: Redactor) -> list[Any]:
    """What is found in a cell, looked at as it was when it was recorded: headers as headers, variables as variables."""
    if isinstance(value, dict):
        pairs = [(name, text) for name, text in value.items() if isinstance(text, str) and not _PRESENT.fullmatch(text)]
        if column == "env":
            return [hit for name, text in pairs for hit in redactor.env(name, text)[1]]
        return redactor.value(dict(pairs), "")[1]
    if isinstance(value, list):
        return redactor.argv(value)[1] if column == "argv" else redactor.value(value, "")[1]
    if column.endswith("headers") and value[:2] == "[[":
        return redactor.headers([(str(name), str(text)) for name, text in json.loads(value)])[1]
    return redactor.url(value)[1] if column == "request_url" else redactor.text(value, "")[1]


def _scan_parts(store: Store, redactor: Redactor, counts: _Counts) -> None:
    ids = [row[0] for row in store.rows("SELECT DISTINCT blob_id FROM stored_blobs")[1]]
    for start in range(0, len(ids), _PARTS_AT_ONCE):
        for part, stored in store.blobs(ids[start : start + _PARTS_AT_ONCE]).items():
            if stored.data is None:
                counts.skip(stored.locked or "no content")
                continue
            _scan_bytes(stored.data, f"blobs.{stored.kind}", part.hex(), redactor, counts)


def _scan_bytes(data: bytes, place: str, where: str, redactor: Redactor, counts: _Counts) -> None:
    counts.parts += 1
    body = redactor.body(data, None)
    if body.status in ("failed", "unscanned"):
        counts.skip("binary" if body.status == "unscanned" else "could not be scanned")
        return
    for hit in body.hits:
        counts.add(_joined(place, hit.path.removeprefix("body")), hit.detector, hit.count, 1, where)


def _scan_quarantine(path: str, redactor: Redactor, counts: _Counts) -> None:
    for file in _files(os.path.join(path, QUARANTINE)):
        with open(file, "rb") as opened:
            data = opened.read()
        name = f"{QUARANTINE}/{os.path.basename(file)}"
        for piece in read_frames(data):
            if isinstance(piece, Frame):
                _scan_bytes(piece.payload, name, name, redactor, counts)


def _files(folder: str) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        yield from (os.path.join(parent, name) for name in sorted(names))


def _joined(place: str, path: str) -> str:
    return f"{place}{'' if path[:1] in ('', '.', '[') else '.'}{path}"
