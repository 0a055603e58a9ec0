"""Which days of a store a question about some time needs: a question over one day is to read one day, however many there are."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from fr_schema.columns import EVENT_COLUMNS
from fr_schema.errors import DamagedFile, QueryFailed
from fr_schema.layout import EVENTS

from .store import Store

__all__ = ["EVERYTHING", "Reads", "Span", "can_read", "reads_of", "store_within"]

_STRETCH = re.compile(r"(since|before)(?:-(\d+)h)?\.\.(until|before_until)(?:-(\d+)h)?")
_PARTS = "parts"


class Span(NamedTuple):
    """A stretch of time: from a moment, or from the beginning (None), to before another, or to the end (None)."""

    since: datetime | None
    until: datetime | None


class Reads(NamedTuple):
    """What an answer depends on.

    Attributes:
        spans: the stretches of time in which one of a trace's rows has to have begun.
        own_parts: of stored parts only on those that such traces name.
    """

    spans: tuple[Span, ...] = (Span(None, None),)
    own_parts: bool = False


EVERYTHING = Reads()


def can_read(reads: str) -> bool:
    """True for what a saved question may say of the rows that it reads: stretches such as ``since..until`` or ``before-24h..until``.

    ``before`` to ``before_until`` is the window that it compares with: ``baseline_since`` to ``baseline_until`` where these are given, else
    as long a time as the window's, just before it. ``parts`` at the end: of stored parts it looks only at those that such traces name.
    """
    stretches = reads.removesuffix(_PARTS).split()
    return bool(stretches) and all(_STRETCH.fullmatch(stretch) for stretch in stretches)


def reads_of(reads: str | None, values: Mapping[str, Any]) -> Reads:
    """What a saved question's answer depends on, by what it says of itself and its values."""
    since, until = values.get("since"), values.get("until")
    if reads is None or not isinstance(since, datetime) or not isinstance(until, datetime):
        return EVERYTHING
    before_until = values.get("baseline_until") or since
    moments = {
        "since": since,
        "until": until,
        "before": values.get("baseline_since") or before_until - (until - since),
        "before_until": before_until,
    }
    found = (match for stretch in reads.split() if (match := _STRETCH.fullmatch(stretch)) is not None)
    spans = (Span(moments[m[1]] - timedelta(hours=int(m[2] or 0)), moments[m[3]] - timedelta(hours=int(m[4] or 0))) for m in found)
    return Reads(tuple(spans), own_parts=reads.endswith(_PARTS))


def store_within(store: Store, reads: Reads) -> Store:
    """The store with only the days that an answer depends on; parts are those of all days, unless only the traces' own are asked for.

    A day is that of the trace, so a day outside may hold rows that began inside, days later. It is asked: the statistics of its files
    mostly tell without reading a row. A trace's parts lie in its day; should one not, those of all days are taken. Raises as
    :meth:`fr_replay.store.Store.rows`.
    """
    known = frozenset(store.segments.days)
    days: frozenset[str] = frozenset()
    for span in reads.spans:
        days |= frozenset(day for day in known if _is_inside(day, span))
    for span in reads.spans:
        if days != known:
            days |= _days_with_rows(store, known - days, span)
    if days == known:
        return store
    if reads.own_parts:
        narrow = store.narrowed(days=days)
        if _has_own_parts(narrow):
            return narrow
    return store.narrowed(days=days, all_blobs=True)


def _has_own_parts(store: Store) -> bool:
    """True when every part that the events name is in the store."""
    single = [column.name for column in EVENT_COLUMNS if column.name.endswith("_blob")]
    lists = [column.name for column in EVENT_COLUMNS if column.name.endswith(("_blobs", "_parts"))]
    named = [f"SELECT {name} AS blob_id FROM stored_events WHERE {name} IS NOT NULL" for name in single]
    named += [f"SELECT unnest({name}) FROM stored_events WHERE {name} IS NOT NULL" for name in lists]
    sql = f"SELECT blob_id FROM ({' UNION ALL '.join(named)}) ANTI JOIN stored_blobs USING (blob_id) LIMIT 1"
    return not store.rows(sql)[1]


def _is_inside(day: str, span: Span) -> bool:
    first = span.since.astimezone(UTC).strftime("%Y-%m-%d") if span.since is not None else ""
    last = span.until.astimezone(UTC).strftime("%Y-%m-%d") if span.until is not None else "9999"
    return first <= day <= last


def _days_with_rows(store: Store, days: frozenset[str], span: Span) -> frozenset[str]:
    """Those of some days whose sealed files have a row that began in a stretch of time."""
    files = {path: day for day in days for path in store.segments.files[EVENTS].get(day, ())}
    if not files:
        return frozenset()
    moments = [(sign, moment) for sign, moment in ((">=", span.since), ("<", span.until)) if moment is not None]
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
    sql = (
        f"SELECT DISTINCT filename FROM read_parquet([{listed}], filename = true, hive_partitioning = false)"
        f" WHERE {' AND '.join(f'started_at {sign} ?' for sign, _ in moments) or 'true'}"
    )
    try:
        found = store.rows(sql, [moment for _, moment in moments])[1]
    except (QueryFailed, DamagedFile):
        # The SQL names files, so it fails for good when one of them was replaced by a compaction, or set aside, since they were listed.
        if all(os.path.exists(path) for path in files):
            raise
        return days
    return frozenset(files[path] for (path,) in found)
