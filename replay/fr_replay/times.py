"""Points in time as people write them, and time zones by name. Pure, apart from asking for the zone of this machine."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from fr_schema.errors import BadInput

__all__ = ["FORMS", "local_zone", "parse_time", "zone_of"]

FORMS = "2h, 30m, 7d, 15:00, yesterday, 2026-11-23, 2026-11-23T15:00, 2026-11-23T15:00+01:00, 15:00 Europe/Berlin"
"""Examples of everything that :func:`parse_time` takes, for messages and help texts."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(?i)(\d{1,6})\s*([smhdw])(?:\s+ago)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_WORDS = {"now": None, "today": 0, "yesterday": 1}


def parse_time(text: str, zone: tzinfo, now: datetime) -> datetime:
    """The moment that a text names, with a zone.

    Args:
        text: an age (``2h``), a time of day (today in ``zone``, or yesterday when that is still ahead), ``now``, ``today`` or
            ``yesterday`` (midnight in ``zone``), or an ISO date or time, with its own zone or in ``zone``.
            The name of a zone may stand behind any of these, and is then what it means.
        zone: what times without a zone mean.
        now: the present, with a zone.

    Raises:
        BadInput: the text is none of these.
    """
    word, _, named = text.strip().rpartition(" ")
    if word and ("/" in named or named.upper() == "UTC"):
        zone = zone_of(named)
    else:
        word = text.strip()
    here = now.astimezone(zone)
    ago = _AGO.fullmatch(word)
    clock = _CLOCK.fullmatch(word)
    try:
        if ago is not None:
            return here - timedelta(**{_UNITS[ago[2].lower()]: int(ago[1])})
        if clock is not None:
            moment = here.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0), microsecond=0)
            return moment if moment <= here else _wall(moment.date() - timedelta(days=1), moment, zone)
        if word.lower() in _WORDS:
            days = _WORDS[word.lower()]
            return here if days is None else _midnight(here.date() - timedelta(days=days), zone)
        parsed = datetime.fromisoformat(word)
        return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        raise BadInput(f"{text!r} is not a time", hint=f"write it like one of these: {FORMS}") from None


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _wall(day: date, clock: datetime, zone: tzinfo) -> datetime:
    """The same reading of the clock on another day, whatever the zone's offset was then."""
    return datetime(day.year, day.month, day.day, clock.hour, clock.minute, clock.second, tzinfo=zone)


def zone_of(name: str | None) -> tzinfo:
    """The time zone of a name such as ``Europe/Berlin`` or ``UTC``; the zone of this machine for None. Raises BadInput."""
    if name is None:
        return local_zone()
    if name.upper() in ("UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = {zone.lower(): zone for zone in available_timezones()}
        close = get_close_matches(name.lower(), known, n=1)
        hint = f"did you mean {known[close[0]]}?" if close else "names are those of the IANA database, such as Europe/Berlin or UTC"
        raise BadInput(f"there is no time zone {name!r}", hint=hint) from None


def local_zone() -> tzinfo:
    """The zone that ``TZ`` or ``/etc/localtime`` names; UTC when neither does."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name:
        _, found, name = os.path.realpath("/etc/localtime").partition("zoneinfo/")
        if not found:
            return datetime.now().astimezone().tzinfo or UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A POSIX rule such as CET-1CEST: the C library knows it, zoneinfo does not.
        return datetime.now().astimezone().tzinfo or UTC
