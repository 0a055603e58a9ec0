"""What a TRACE argument means: a full id, a unique prefix, or ``last``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from fr_schema.errors import AmbiguousTrace, BadInput, UnknownTrace
from fr_schema.ids import day_of_trace

from .store import Store

__all__ = ["LAST", "NEWEST_FIRST", "SHORTEST_PREFIX", "days_of_prefix", "newest_days", "resolve_trace", "store_of_trace"]

LAST = "last"
SHORTEST_PREFIX = 4

NEWEST_FIRST = "coalesce(epoch_us(started_at), ('0x' || left(trace_id, 12))::BIGINT * 1000) DESC, trace_id DESC"
"""Order of the view ``traces``: an imported trace whose file tells no time stands where its id was made."""

_TRACE_HEX = 32
_SHOWN = 5
_HEX = frozenset("0123456789abcdef")


def resolve_trace(store: Store, text: str) -> str:
    """The full id, 32 hex characters, of the trace that a person named.

    Raises:
        UnknownTrace: no trace is like this.
        AmbiguousTrace: several traces begin so.
        BadInput: it cannot be the beginning of an id.
    """
    wanted = text.strip().lower()
    if wanted == LAST:
        return _newest_trace(store)
    prefix = wanted.replace("-", "")
    if not prefix or not _HEX.issuperset(prefix) or len(prefix) > _TRACE_HEX:
        raise BadInput(
            f"{text!r} is not a trace id", hint=f"write {_TRACE_HEX} hex characters, the first of them, or `last`; fr ls lists traces"
        )
    if len(prefix) < SHORTEST_PREFIX:
        raise BadInput(
            f"{text!r} is too short for a trace id", hint=f"write at least {SHORTEST_PREFIX} characters of it; fr ls lists traces"
        )
    if len(prefix) == _TRACE_HEX and _is_there(store, prefix):
        return prefix
    found = traces_like(store, prefix)
    if not found:
        raise _unknown(store, text, prefix)
    if len(found) > 1:
        more = "" if len(found) <= _SHOWN else " ..."
        raise AmbiguousTrace(f"{len(found)} traces begin with {text}: {' '.join(found[:_SHOWN])}{more}", hint="write more of the id")
    return found[0]


def store_of_trace(store: Store, trace_id: str) -> Store:
    """The store with only the day and the events of one trace: the day follows from the id. The last one is kept, with its rows."""
    return store.of_trace(trace_id, day_of_trace(trace_id))


def _is_there(store: Store, trace_id: str) -> bool:
    """Whether a trace is on record, with more than that a process began."""
    return bool(store_of_trace(store, trace_id).rows("SELECT 1 FROM all_events WHERE kind <> 'process' LIMIT 1")[1])


def traces_like(store: Store, prefix: str) -> list[str]:
    """Full ids of the traces that begin with a hex prefix, oldest first. Reads only the days that the prefix allows."""
    days = days_of_prefix(prefix)
    low, high = bytes.fromhex(prefix.ljust(_TRACE_HEX, "0")), bytes.fromhex(prefix.ljust(_TRACE_HEX, "f"))
    possible = frozenset(day for day in store.segments.days if days[0] <= day <= days[1])
    sql = (
        "SELECT DISTINCT lower(hex(trace_id)) AS id FROM all_events WHERE trace_id >= ? AND trace_id <= ? AND kind <> 'process' ORDER BY id"
    )
    _, rows = store.narrowed(days=possible).rows(sql, (low, high))
    return [row[0] for row in rows]


def days_of_prefix(prefix: str) -> tuple[str, str]:
    """First and last day, ``YYYY-MM-DD``, that a trace whose id begins so can lie in."""
    return day_of_trace(prefix.ljust(_TRACE_HEX, "0")), _last_day(prefix.ljust(_TRACE_HEX, "f"))


def _last_day(highest: str) -> str:
    """The day of the highest id; a time beyond the calendar means that every later day is possible."""
    day = day_of_trace(highest)
    return "9999-12-31" if day == "1970-01-01" else day


def newest_days(store: Store, *, since: datetime | None = None) -> Iterator[frozenset[str]]:
    """The store's newest day, its newest 3, 7, 15 ... up to all, for questions that need only the newest traces.

    A trace lies in the day in which its id was made, so days before ``since`` (less one, for a trace begun at midnight) are left out.
    The days of traces that still run are in every set, so that none of them is seen in part.
    """
    days = sorted(store.segments.days, reverse=True)
    if since is not None:
        first = (since.astimezone(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
        days = [day for day in days if day >= first]
    running = store.live_days()
    count = 1
    while True:
        yield running | frozenset(days[:count])
        if count >= len(days):
            return
        count = count * 2 + 1


def _newest_trace(store: Store) -> str:
    """The trace that began last."""
    for days in newest_days(store):
        _, rows = store.narrowed(days=days).rows(f"SELECT trace_id FROM traces ORDER BY {NEWEST_FIRST} LIMIT 1")
        if rows:
            return str(rows[0][0])
    raise UnknownTrace(f"{store.path} has no traces yet", hint="record one: fr record -- python agent.py")


def _unknown(store: Store, text: str, prefix: str) -> UnknownTrace:
    _, rows = store.rows("SELECT DISTINCT lower(hex(trace_id)) AS id FROM all_events WHERE kind <> 'process'")
    known = [row[0] for row in rows]
    if not known:
        return UnknownTrace(f"there is no trace {text}: {store.path} has none yet", hint="record one: fr record -- python agent.py")
    by_start = {trace[: len(prefix)]: trace for trace in known}
    close = [by_start[start] for start in get_close_matches(prefix, by_start, n=2, cutoff=0.75)]
    hint = f"did you mean {' or '.join(close)}? fr ls lists them" if close else "fr ls lists them"
    count = "1 trace" if len(known) == 1 else f"{len(known)} traces"
    return UnknownTrace(f"there is no trace {text} among the {count} of {store.path}", hint=hint)
