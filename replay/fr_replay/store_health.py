"""How a store is: its files, the journals that are being written, what was set aside, and what it admits to have lost."""

from __future__ import annotations

import os
from typing import Any

from fr_schema.layout import BLOBS, EVENTS, QUARANTINE
from fr_schema.version import FORMAT_VERSION

from .capture import is_live, keys_of_store, read_format
from .store import Store

__all__ = ["health_of"]


def health_of(store: Store) -> dict[str, Any]:
    """Facts about an opened store; sizes in bytes. Raises OSError."""
    segments = store.segments
    facts = read_format(store.path)
    sealed = segments.paths(EVENTS) + segments.paths(BLOBS)
    gaps = store.rows("SELECT count(*), sum(lost_before) FROM all_events WHERE kind = 'gap'")[1][0]
    return {
        "path": store.path,
        "store_id": facts.store_id,
        "format": FORMAT_VERSION,
        "traces": store.rows("SELECT count(DISTINCT trace_id) FROM all_events WHERE kind <> 'process'")[1][0][0],
        "days": segments.days,
        "sealed_files": len(sealed),
        "sealed_bytes": sum(os.path.getsize(path) for path in sealed),
        "journals": [_journal(writer, path) for writer, _, path in segments.journals],
        "quarantine": _quarantined(store.path),
        "gaps": gaps[0],
        "lost_records": gaps[1] or 0,
        "key_present": keys_of_store(facts.store_id, create=False) is not None,
        "writable": os.access(store.path, os.W_OK),
    }


def _journal(writer: str, path: str) -> dict[str, Any]:
    """A journal that is not sealed. Its writer's name holds the process id."""
    parts = writer.split("-")
    pid = parts[-2] if len(parts) >= 3 and parts[-2].isdigit() else None
    try:
        return {"writer": writer, "pid": int(pid) if pid else None, "alive": is_live(path), "bytes": os.path.getsize(path)}
    except FileNotFoundError:
        # Sealed by another command in this moment.
        return {"writer": writer, "pid": int(pid) if pid else None, "alive": False, "bytes": 0}


def _quarantined(store: str) -> list[str]:
    folder = os.path.join(store, QUARANTINE)
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []
