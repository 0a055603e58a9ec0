"""Where things lie in a store. Pure path arithmetic: nothing here touches a disk.

::

    store/
      FORMAT                                   json: format version, store id, created
      journal/<writer>/<seq>.frj               live, append-only, locked by the writing process
      events/day=YYYY-MM-DD/<writer>-<seq>.parquet
      blobs/day=YYYY-MM-DD/<writer>-<seq>.parquet
      manifests/<writer>/<seq>.json            the commit point of a segment
      quarantine/                              what could not be read, kept, never deleted by the tools

``<seq>`` is six digits. A segment (one writer, one seq) is sealed once its manifest exists; until then
the journal is the truth and Parquet files of the same name are ignored.
"""

from __future__ import annotations

import os
import re

__all__ = [
    "BLOBS",
    "EVENTS",
    "FORMAT_FILE",
    "JOURNAL",
    "MANIFESTS",
    "QUARANTINE",
    "day_folder",
    "format_path",
    "journal_path",
    "manifest_path",
    "parse_segment_file",
    "segment_path",
]

FORMAT_FILE = "FORMAT"
JOURNAL = "journal"
EVENTS = "events"
BLOBS = "blobs"
MANIFESTS = "manifests"
QUARANTINE = "quarantine"
TABLES = (EVENTS, BLOBS)

_SEGMENT = re.compile(r"^(?P<writer>[A-Za-z0-9_.\-]+)-(?P<seq>[0-9]{6})\.parquet$")


def format_path(store: str) -> str:
    """The file that makes a folder a store."""
    return os.path.join(store, FORMAT_FILE)


def journal_path(store: str, writer: str, seq: int) -> str:
    """The journal file ``seq`` of ``writer``."""
    return os.path.join(store, JOURNAL, writer, f"{seq:06d}.frj")


def day_folder(store: str, table: str, day: str) -> str:
    """The folder of one table's day partition."""
    return os.path.join(store, table, f"day={day}")


def segment_path(store: str, table: str, day: str, writer: str, seq: int) -> str:
    """The sealed Parquet file of one table, day, writer and sequence number."""
    return os.path.join(day_folder(store, table, day), f"{writer}-{seq:06d}.parquet")


def manifest_path(store: str, writer: str, seq: int) -> str:
    """The manifest that commits segment ``seq`` of ``writer``."""
    return os.path.join(store, MANIFESTS, writer, f"{seq:06d}.json")


def parse_segment_file(name: str) -> tuple[str, int] | None:
    """``(writer, seq)`` of a sealed file's base name, or None for any other name."""
    found = _SEGMENT.match(name)
    return (found["writer"], int(found["seq"])) if found else None
