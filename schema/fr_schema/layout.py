"""Where things lie in a store. Pure path arithmetic: nothing here touches a disk.

::

    store/
      FORMAT                                   json: format version, store id, created
      ENCRYPTED                                json: there where content may be under keys
      journal/<writer>/<seq>.frj               live, append-only, locked by the writing process
      events/day=YYYY-MM-DD/<writer>-<seq>.parquet
      blobs/day=YYYY-MM-DD/<writer>-<seq>.parquet
      events|blobs/day=.../rewrite-<writer>-<seq>-<part>.parquet   rows of several segments, joined
      manifests/<writer>/<seq>.json            the commit point of a segment, or of a rewrite
      manifests/<writer>/<seq>.sig             its signature
      manifests/<writer>/<seq>-<n>.heartbeat   says that the writer lives while journal <seq> is not sealed; n from 0, four digits
      maintenance.lock                         locked by what rewrites or deletes
      quarantine/                              what could not be read, kept, never deleted by the tools
      policies/<digest>.json                   redaction policies that runs were recorded under
      collect/pending.spool                    signals that fr collect has acknowledged and not yet made rows of

``<seq>`` is six digits. A segment (one writer, one seq) is sealed once its manifest exists; until then
the journal is the truth and Parquet files of the same name are ignored.
"""

from __future__ import annotations

import os
import re

__all__ = [
    "BLOBS",
    "ENCRYPTED_FILE",
    "EVENTS",
    "FORMAT_FILE",
    "JOURNAL",
    "MANIFESTS",
    "QUARANTINE",
    "REWRITE_PREFIX",
    "day_folder",
    "encrypted_path",
    "format_path",
    "heartbeat_path",
    "is_rewrite",
    "journal_path",
    "lock_path",
    "manifest_path",
    "parse_rewrite_file",
    "parse_segment_file",
    "rewrite_path",
    "segment_name",
    "segment_path",
    "signature_path",
]

FORMAT_FILE = "FORMAT"
ENCRYPTED_FILE = "ENCRYPTED"
JOURNAL = "journal"
EVENTS = "events"
BLOBS = "blobs"
MANIFESTS = "manifests"
QUARANTINE = "quarantine"
TABLES = (EVENTS, BLOBS)

REWRITE_PREFIX = "rewrite-"
"""What the writer ids of ``fr compact`` and ``fr expire`` begin with."""

_REWRITE = re.compile(r"^(?P<writer>rewrite-[A-Za-z0-9_.\-]+)-(?P<seq>[0-9]{6})-(?P<part>[0-9]{6})\.parquet$")
_SEGMENT = re.compile(r"^(?P<writer>[A-Za-z0-9_.\-]+)-(?P<seq>[0-9]{6})\.parquet$")


def format_path(store: str) -> str:
    """The file that makes a folder a store."""
    return os.path.join(store, FORMAT_FILE)


def encrypted_path(store: str) -> str:
    """The file that says that content of a store may be under keys."""
    return os.path.join(store, ENCRYPTED_FILE)


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


def segment_name(writer: str, seq: int) -> str:
    """The name of a segment, as in the column ``segment``."""
    return f"{writer}-{seq:06d}"


def signature_path(signed: str) -> str:
    """The detached signature of a manifest or heartbeat."""
    return f"{os.path.splitext(signed)[0]}.sig" if signed.endswith(".json") else f"{signed}.sig"


def heartbeat_path(store: str, writer: str, seq: int, number: int) -> str:
    """Heartbeat ``number`` of a writer while its journal ``seq`` is not sealed."""
    return os.path.join(store, MANIFESTS, writer, f"{seq:06d}-{number:04d}.heartbeat")


def parse_segment_file(name: str) -> tuple[str, int] | None:
    """``(writer, seq)`` of a sealed file's base name, or None for any other name."""
    found = _SEGMENT.match(name)
    return (found["writer"], int(found["seq"])) if found else None


def is_rewrite(writer: str) -> bool:
    """True for the writer id of a command that rewrites sealed files."""
    return writer.startswith(REWRITE_PREFIX)


def rewrite_path(store: str, table: str, day: str, writer: str, seq: int, part: int) -> str:
    """File ``part`` of what rewrite ``seq`` of ``writer`` made of a table's day."""
    return os.path.join(day_folder(store, table, day), f"{writer}-{seq:06d}-{part:06d}.parquet")


def parse_rewrite_file(name: str) -> tuple[str, int] | None:
    """``(writer, seq)`` of the rewrite that made a file, from its base name; None for any other name."""
    found = _REWRITE.match(name)
    return (found["writer"], int(found["seq"])) if found else None


def lock_path(store: str) -> str:
    """The file that is locked by whatever rewrites or deletes sealed files."""
    return os.path.join(store, "maintenance.lock")
