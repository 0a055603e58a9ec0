"""A proof that one record was sealed: small, and to be checked without this project (``docs/check_proof.py``)."""

from __future__ import annotations

import json
import os
from typing import Any

from fr_schema.errors import BadInput, DamagedFile
from fr_schema.layout import BLOBS, EVENTS, segment_name, signature_path
from fr_schema.merkle import inclusion_path, leaf_hash, root_from_path

from ..capture import leaf_texts, proved_leaves, read_format
from .chains import Link, all_writers, read_chain, read_signed_text
from .rows import Commitments, commitments_of
from .verdicts import StoreReport

__all__ = ["Prover", "prove_record"]

VERSION = 1

_TABLE_BY_DIGITS = {32: EVENTS, 64: BLOBS}
_ID_COLUMN = {EVENTS: "record_id", BLOBS: "blob_id"}
_BATCH_ROWS = 1_024
_HEX = frozenset("0123456789abcdef")


class Prover:
    """Proves rows of one store: what the proofs share, manifests and leaf hashes of segments, is read once.

    Args:
        day: rows are looked for in the files of this day only (``YYYY-MM-DD``); None: in all.

    Raises NotAStore, FormatTooNew, OSError.
    """

    def __init__(self, store: str, day: str | None = None) -> None:
        self._store = store
        self._day = day
        self._store_id = read_format(store).store_id
        report = StoreReport(self._store_id)
        links: list[Link] = []
        for writer in all_writers(store):
            links += read_chain(store, report, writer, frozenset())
        self._found = commitments_of(links, report)
        self._leaves: dict[tuple[str, str], list[bytes]] = {}

    def prove(self, record: str) -> dict[str, Any]:
        """An inclusion proof, as JSON, of one sealed row, by record id (32 hex characters) or blob id (64; the first row that has it).

        Raises BadInput when there is no such row, or nothing that proves it any more; DamagedFile when the row and the manifest do not fit;
        OSError.
        """
        wanted = record.lower()
        table = _TABLE_BY_DIGITS.get(len(wanted))
        if table is None or not _HEX.issuperset(wanted):
            raise BadInput(
                f"{record} is not a record id of 32 or a blob id of 64 hex characters", hint="fr query 'SELECT hex(record_id) ...' has them"
            )
        leaf, segment, index = _find(self._store, self._found, table, wanted, self._day)
        tree = self._found.trees.get((segment, table))
        if tree is None or tree.root is None or tree.size is None:
            raise DamagedFile(
                f"{record} names the segment {segment}, whose manifest is not there or commits no rows", hint="fr verify says more"
            )
        leaves = self._leaves_of(table, segment, record)
        path = inclusion_path(index, leaves) if 0 <= index < tree.size else []
        root = root_from_path(leaf_hash(leaf.encode("utf-8", "surrogatepass")), index, tree.size, path)
        if root is None or root.hex() != tree.root:
            raise DamagedFile(f"{record} is not what was sealed in {segment}, or what lies beside it is not", hint="fr verify says more")
        return {
            "fr_proof": VERSION,
            "store": self._store_id,
            "table": table,
            "record": wanted,
            "leaf": leaf,
            "segment": segment,
            "index": index,
            "size": tree.size,
            "path": [step.hex() for step in path],
            **_manifest(self._store, tree.link),
        }

    def _leaves_of(self, table: str, segment: str, record: str) -> list[bytes]:
        """The leaf hashes of a segment's rows, in order. Raises BadInput when some are gone."""
        if (segment, table) not in self._leaves:
            tree = self._found.trees[segment, table]
            for place, hashed in _leaves_of(self._store, self._found, table, segment).items():
                tree.add(place, hashed)
            self._leaves[segment, table] = [hashed for _, hashed in _complete(dict(tree.in_order()), tree.size or 0)]
        leaves, size = self._leaves[segment, table], self._found.trees[segment, table].size or 0
        if len(leaves) != size:
            raise BadInput(
                f"{record} cannot be proved any more: {size - len(leaves)} rows of its segment are gone",
                hint="fr verify says whether by policy",
            )
        return leaves


def _complete(leaves: dict[int, bytes], size: int) -> list[tuple[int, bytes]]:
    """The leaves whose places a tree of that size has."""
    return [(place, leaves[place]) for place in range(size) if place in leaves]


def prove_record(store: str, record: str) -> dict[str, Any]:
    """An inclusion proof of one row, see :meth:`Prover.prove`. Raises as :class:`Prover` does."""
    return Prover(store).prove(record)


def _manifest(store: str, link: Link) -> dict[str, Any]:
    """The manifest as it is, byte for byte, and its signature."""
    path = os.path.join(store, link.path)
    try:
        signature = json.loads(read_signed_text(signature_path(path)))
    except FileNotFoundError:
        signature = None
    return {"manifest": read_signed_text(path).decode(), "signature": signature}


def _find(store: str, found: Commitments, table: str, wanted: str, day: str | None) -> tuple[str, str, int]:
    """Leaf, segment and index of a row. Files whose statistics rule it out are not read."""
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    key = pa.scalar(bytes.fromhex(wanted), type=pa.binary(len(wanted) // 2))
    for path in sorted(found.files):
        folder = path.split("/")
        if folder[0] != table or (day is not None and f"day={day}" not in folder) or not os.path.exists(os.path.join(store, path)):
            continue
        full = os.path.join(store, path)
        try:
            rows = pq.read_table(full, filters=ds.field(_ID_COLUMN[table]) == key, partitioning=None)
        except (OSError, pa.ArrowException) as error:
            raise DamagedFile(f"{path} cannot be read: {' '.join(str(error).split())[:120]}", hint="fr verify says more") from error
        if rows.num_rows:
            first = rows.slice(0, 1)
            segment, index = first.column("segment")[0].as_py(), first.column("segment_index")[0].as_py()
            if segment is None or index is None:
                raise BadInput(f"{wanted} was sealed without a place in a tree")
            return leaf_texts(first)[0], segment, index
    raise BadInput(f"there is no sealed row {wanted} in {store}", hint="what is still in a journal is proved once it is sealed: fr seal")


def _leaves_of(store: str, found: Commitments, table: str, segment: str) -> dict[int, bytes]:
    """The leaf hashes of all rows of a segment that are still there, by index."""
    import pyarrow.dataset as ds

    leaves: dict[int, bytes] = {}
    for path, named in found.files.items():
        of_segment = named.link.kind != "seal" or segment_name(named.link.writer, named.link.seq) == segment
        if path.split("/")[0] != table or not of_segment or not os.path.exists(os.path.join(store, path)):
            continue
        rows = ds.dataset(os.path.join(store, path), format="parquet")
        for batch in rows.to_batches(filter=ds.field("segment") == segment, batch_size=_BATCH_ROWS, use_threads=False):
            found_here = zip(batch.column("segment_index").to_pylist(), proved_leaves(batch), strict=True)
            leaves.update((index, leaf) for index, leaf in found_here if leaf is not None)
    return leaves
