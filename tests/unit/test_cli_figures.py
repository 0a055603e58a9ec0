"""Numbers, durations and texts as the commands print them."""

from datetime import UTC, datetime

import pytest

from fr_replay.cli.figures import count_of, first_words, money, offset, one_line, size, span_of_time, tokens, visible

DURATIONS = (
    (None, ""),
    (0.0, "<0.1ms"),
    (0.049, "<0.1ms"),
    (0.05, "0.1ms"),
    (9.94, "9.9ms"),
    (850.0, "850ms"),
    (999.4, "999ms"),
    (999.5, "1.0s"),
    (3210.0, "3.2s"),
    (59_940.0, "59.9s"),
    (59_960.0, "1m00s"),
    (125_000.0, "2m05s"),
    (3_599_600.0, "1h00m"),
    (3_720_000.0, "1h02m"),
    (86_400_000.0, "1d00h"),
    (273_600_000.0, "3d04h"),
    (float("nan"), ""),
)
SUMS = (
    (None, ""),
    (0.0, "$0.00"),
    (12.345, "$12.35"),
    (1234.5, "$1,234.50"),
    (0.0123, "$0.0123"),
    (0.00012, "$0.00012"),
    (0.0000005, "$0.0000005"),
)
TOKENS = ((None, ""), (0, "0"), (1204, "1,204"), (99_999, "99,999"), (123_456, "123k"), (999_499, "999k"), (1_234_567, "1.2M"))
SIZES = ((None, ""), (0, "0 B"), (999, "999 B"), (1_000, "1.0 KB"), (30_149, "30.1 KB"), (48_000_000, "48.0 MB"), (2_500_000_000, "2.5 GB"))


@pytest.mark.parametrize(("milliseconds", "text"), DURATIONS)
def test_duration(milliseconds: float | None, text: str) -> None:
    """Durations have two digits or so and their unit, and no unit ever overflows."""
    assert span_of_time(milliseconds) == text


@pytest.mark.parametrize(("usd", "text"), SUMS)
def test_money(usd: float | None, text: str) -> None:
    """Small sums keep enough digits to be told apart; an unknown sum is empty, never zero."""
    assert money(usd) == text


@pytest.mark.parametrize(("count", "text"), TOKENS)
def test_tokens(count: int | None, text: str) -> None:
    """Token counts are exact while they are short."""
    assert tokens(count) == text


@pytest.mark.parametrize(("count", "text"), SIZES)
def test_size(count: int | None, text: str) -> None:
    """Bytes come with their unit."""
    assert size(count) == text


def test_offset_and_counts() -> None:
    """Times since a start carry a plus sign; one of a thing is singular."""
    assert offset(123.0) == "+0.12s"
    assert offset(125_000.0) == "+2m05s"
    assert count_of(1, "call") == "1 call"
    assert count_of(1200, "process", "processes") == "1,200 processes"


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066", "\u2028", "\ud800"])
def test_control_characters_are_written_out(character: str) -> None:
    """Nothing that a model answered can ring, recolour or reverse the terminal that shows it."""
    shown = visible(f"a{character}b")
    assert character not in shown
    assert shown.startswith("a\\") and shown.endswith("b")


def test_ordinary_text_stays_as_it_is() -> None:
    """Line breaks, tabs, letters of all scripts and pictures are shown as they are."""
    text = "tab\tline\nümlaut ☂ 😀 日本"
    assert visible(text) == text


def test_first_words_are_one_line_of_at_most_that_length() -> None:
    """Line breaks and runs of space become one space; a cut is marked."""
    assert first_words("a\n  b\t c", 10) == "a b c"
    assert first_words("abcdefghijk", 10) == "abcdefghi…"
    assert len(first_words("x " * 1000, 50)) <= 50
    assert first_words({"b": 1}, 20) == '{"b": 1}'
    assert one_line(datetime(2026, 1, 1, tzinfo=UTC).isoformat()) == "2026-01-01T00:00:00+00:00"


def test_text_that_was_cut_before_is_marked_even_when_its_spaces_collapse() -> None:
    """A long text of mostly spaces collapses to few characters, and still shows that there is more."""
    assert first_words("a" + " " * 1000 + "b", 20).endswith("…")
