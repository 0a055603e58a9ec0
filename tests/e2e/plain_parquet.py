"""The sealed store read with pyarrow and the format document alone: no code of the flight recorder takes part."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Row = dict[str, Any]


class PlainStore:
    """Every Parquet file of a store that is sealed; opening it seals nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _rows(self, table: str) -> list[Row]:
        files = sorted(self.path.glob(f"{table}/day=*/*.parquet"))
        return [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]

    @cached_property
    def events(self) -> list[Row]:
        """All events, by writer and sequence number."""
        return sorted(self._rows("events"), key=lambda row: (row["writer_id"], row["seq"]))

    @cached_property
    def blobs(self) -> dict[bytes, bytes]:
        """Content by blob id; the same id must always stand for the same content."""
        found: dict[bytes, bytes] = {}
        for row in self._rows("blobs"):
            assert found.setdefault(row["blob_id"], row["data"]) == row["data"], "one blob id with two contents"
            assert row["size"] == len(row["data"])
        return found

    def of_kind(self, *kinds: str) -> list[Row]:
        """The events of some kinds, in the order of their starts."""
        return sorted((row for row in self.events if row["kind"] in kinds), key=lambda row: (row["started_at"], row["seq"]))

    def joined(self, parts: Iterable[bytes] | None) -> bytes:
        """The content of a ``*_parts`` column. Raises KeyError for a part that no file holds."""
        return b"".join(self.blobs[part] for part in parts or ())

    def unsealed(self) -> list[Path]:
        """Journal files that are still there."""
        return sorted(self.path.glob("journal/*/*.frj"))
