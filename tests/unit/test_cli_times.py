"""Points in time and zones as people write them."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from fr_replay.times import local_zone, parse_time, zone_of
from fr_schema.errors import BadInput

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = timezone(timedelta(hours=5, minutes=30))

FORMS = (
    ("2h", UTC, "2026-11-23T12:30:00+00:00"),
    ("30m", UTC, "2026-11-23T14:00:00+00:00"),
    ("45s", UTC, "2026-11-23T14:29:15+00:00"),
    ("7d", UTC, "2026-11-16T14:30:00+00:00"),
    ("2W ago", UTC, "2026-11-09T14:30:00+00:00"),
    (" 2h ", UTC, "2026-11-23T12:30:00+00:00"),
    ("14:00", UTC, "2026-11-23T14:00:00+00:00"),
    ("14:30", UTC, "2026-11-23T14:30:00+00:00"),
    ("15:00", UTC, "2026-11-22T15:00:00+00:00"),
    ("15:00", BERLIN, "2026-11-23T15:00:00+01:00"),
    ("15:29:59", BERLIN, "2026-11-23T15:29:59+01:00"),
    ("now", UTC, "2026-11-23T14:30:00+00:00"),
    ("today", BERLIN, "2026-11-23T00:00:00+01:00"),
    ("yesterday", BERLIN, "2026-11-22T00:00:00+01:00"),
    ("2026-11-20", BERLIN, "2026-11-20T00:00:00+01:00"),
    ("2026-07-01", BERLIN, "2026-07-01T00:00:00+02:00"),
    ("2026-11-20T08:15", BERLIN, "2026-11-20T08:15:00+01:00"),
    ("2026-11-20 08:15:30", UTC, "2026-11-20T08:15:30+00:00"),
    ("2026-11-20T08:15Z", BERLIN, "2026-11-20T08:15:00+00:00"),
    ("2026-11-20T08:15+05:30", BERLIN, "2026-11-20T08:15:00+05:30"),
)


@pytest.mark.parametrize(("text", "zone", "moment"), FORMS)
def test_form_is_understood(text: str, zone: ZoneInfo, moment: str) -> None:
    """Every documented form names the moment that it says."""
    assert parse_time(text, zone, NOW) == datetime.fromisoformat(moment)


def test_clock_time_of_yesterday_keeps_its_reading_across_a_change_of_offset() -> None:
    """On the day after the clocks went forward, 23:00 of the evening before is 23:00 by the clock, not an hour beside it."""
    now = datetime(2026, 3, 29, 10, 0, tzinfo=BERLIN)
    assert parse_time("23:00", BERLIN, now).isoformat() == "2026-03-28T23:00:00+01:00"


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "12:60", "2h30m", "2026-13-01", "-2h", "99999999999d", "999999d", "2026-11-20T08:15+99:00"]
)
def test_other_text_is_refused_with_the_accepted_forms(text: str) -> None:
    """What is no time is named, with the forms that are accepted."""
    with pytest.raises(BadInput) as refused:
        parse_time(text, UTC, NOW)
    assert repr(text) in str(refused.value)
    assert "15:00" in (refused.value.hint or "")


def test_zone_by_name() -> None:
    """IANA names and UTC are zones."""
    assert NOW.astimezone(zone_of("Europe/Berlin")).hour == 15
    assert zone_of("utc") is UTC


@pytest.mark.parametrize(
    ("name", "hint"), [("Europe/Berln", "Europe/Berlin"), ("nonsense", "IANA"), ("../etc/passwd", "IANA"), ("", "IANA")]
)
def test_unknown_zone_is_refused(name: str, hint: str) -> None:
    """A zone that is not there gives a near miss or says what names look like; a path is no zone."""
    with pytest.raises(BadInput) as refused:
        zone_of(name)
    assert hint in (refused.value.hint or "")


@pytest.mark.parametrize(("name", "offset"), [("Asia/Tokyo", 9), (":Asia/Tokyo", 9), ("JST-9", 9)])
def test_local_zone_follows_tz(name: str, offset: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """TZ decides, as a name, with a colon, or as a POSIX rule that only the C library knows."""
    import time

    monkeypatch.setenv("TZ", name)
    time.tzset()
    try:
        assert NOW.astimezone(local_zone()).utcoffset() == timedelta(hours=offset)
    finally:
        monkeypatch.undo()
        time.tzset()
