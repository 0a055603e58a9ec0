"""What a search over content could not read."""

from __future__ import annotations

from fr_replay.store import Store

from .figures import count_of
from .output import say

__all__ = ["say_what_was_not_searched"]

_UNSEARCHED = """SELECT count(DISTINCT blob_id) FILTER (locked IS NOT NULL), count(DISTINCT blob_id) FILTER (locked IS NULL AND NOT text)
FROM all_blobs"""


def say_what_was_not_searched(store: Store) -> None:
    """Say on stderr how many stored parts are locked or binary. Raises QueryFailed."""
    locked, binary = store.rows(_UNSEARCHED)[1][0]
    if locked:
        say(f"{count_of(locked, 'part')} not searched: erased, expired, or without a key here")
    if binary:
        say(f"{count_of(binary, 'part')} not searched: binary")
