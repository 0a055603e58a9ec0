"""Rows of journals that are not sealed: those of living processes, and of dead ones where the store cannot be written.

pyarrow is imported when there is such a journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fr_schema.layout import BLOBS, EVENTS

from .capture import SealedBlobs
from .segments import Segments

if TYPE_CHECKING:
    from fr_schema.fold import Blob, FoldedJournal

__all__ = ["live_tables"]


def live_tables(store: str, segments: Segments) -> dict[str, Any]:
    """Arrow tables by table name; None where there are no journals. A journal that another command has sealed since it was listed is
    added to the segments' sealed files instead."""
    if not segments.journals:
        return {EVENTS: None, BLOBS: None}
    import pyarrow as pa

    from fr_schema.arrow_types import BLOBS_SCHEMA, EVENTS_SCHEMA
    from fr_schema.rows import RowBuilder

    events: list[dict[str, Any]] = []
    blobs: list[dict[str, Any]] = []
    journals = _folded_journals(store, segments)
    lookups = {writer: _Parts(store, writer, [folded for owner, folded in journals if owner == writer]) for writer, _ in journals}
    for writer, folded in journals:
        builder = RowBuilder(folded, lookups[writer])
        events += builder.event_rows()
        blobs += builder.blob_rows()
    return {EVENTS: pa.Table.from_pylist(events, schema=EVENTS_SCHEMA), BLOBS: pa.Table.from_pylist(blobs, schema=BLOBS_SCHEMA)}


def _folded_journals(store: str, segments: Segments) -> list[tuple[str, FoldedJournal]]:
    from fr_schema.fold import fold_journal

    journals = []
    for writer, seq, path in segments.journals:
        try:
            with open(path, "rb") as file:
                folded = fold_journal(file.read())
        except FileNotFoundError:
            segments.add_sealed(store, writer, seq)
            continue
        # A frame that is being written just now looks torn; the journal of a living process is not damaged for that.
        folded.damage.clear()
        journals.append((writer, folded))
    return journals


class _Parts:
    """Finds a blob that a writer stored once, in whichever of its files."""

    def __init__(self, store: str, writer: str, journals: list[FoldedJournal]) -> None:
        self._journals = journals
        self._sealed = SealedBlobs(store, writer)

    def __call__(self, blob_id: bytes) -> Blob | None:
        found = next((folded.blobs[blob_id] for folded in self._journals if blob_id in folded.blobs), None)
        return found or self._sealed(blob_id)
