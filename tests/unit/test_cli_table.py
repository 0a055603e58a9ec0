"""Layout of tables: what is shown, dropped, cut and wrapped."""

import pytest

from fr_replay.cli.folding import fold_items, fold_text, text_lines
from fr_replay.cli.table import TableColumn, cut_to, fit_columns, table_lines

ID = "01a20964a036768aa934105739c8e1cf"
COLUMNS = (TableColumn("trace"), TableColumn("name", least=6), TableColumn("n", right=True, rank=1), TableColumn("models", least=4, rank=2))
ROWS = [[ID, "a rather long name", "12", "gpt-x, gpt-y"], [ID, "short", "3", ""]]


def _texts(width: int | None, columns: tuple[TableColumn, ...] = COLUMNS, rows: list[list[str]] = ROWS) -> list[str]:
    return [line.text for line in table_lines(columns, rows, width=width)]


def test_columns_are_aligned_and_numbers_stand_to_the_right() -> None:
    """Without a width nothing is cut."""
    assert _texts(None) == [
        "trace                             name                 n  models",
        f"{ID}  a rather long name  12  gpt-x, gpt-y",
        f"{ID}  short                3",
    ]


@pytest.mark.parametrize("width", range(40, 90))
def test_lines_fit_the_terminal_and_ids_are_whole(width: int) -> None:
    """At every width at which the columns that are always shown fit, no line is longer, and no id is cut."""
    lines = _texts(width)
    assert max(map(len, lines)) <= width
    assert all(ID in line for line in lines[1:])


def test_least_important_column_goes_first() -> None:
    """Of the columns that may be left out, the highest rank goes first."""
    assert _texts(45)[0].split() == ["trace", "name", "n"]
    assert _texts(40)[0].split() == ["trace", "name"]


def test_lines_come_out_longer_when_even_the_needed_columns_do_not_fit() -> None:
    """A terminal of 20 columns gets whole ids all the same."""
    assert all(ID in line for line in _texts(20)[1:])


def test_spare_width_goes_to_columns_that_were_cut() -> None:
    """Columns that may be cut share what is left over, and none gets more than it needs."""
    columns = (TableColumn("a", least=4), TableColumn("b", least=4))
    assert fit_columns(columns, [10, 30], 32) == [(0, 10), (1, 20)]
    assert fit_columns(columns, [10, 30], 100) == [(0, 10), (1, 30)]


def test_wrapping_column_goes_on_below() -> None:
    """A column that wraps loses nothing; its continuation stands in its own column."""
    columns = (TableColumn("view"), TableColumn("meaning", least=10, wraps=True))
    lines = _texts(20, columns, [["calls", "one row per model call"]])
    assert lines == ["view   meaning", "calls  one row per", "       model call"]


def test_wide_characters_are_measured_by_the_given_measure() -> None:
    """A measure that counts two columns for a character cuts earlier."""
    assert cut_to("日本語日本語", 6, lambda text: 2 * len(text)) == "日本…"
    assert cut_to("short", 6) == "short"
    assert cut_to("longer text", 7) == "longer…"


def test_cells_take_the_style_of_their_text() -> None:
    """The style of a cell is looked up by its text."""
    lines = table_lines((TableColumn("status", styles={"error": "red"}),), [["ok"], ["error"]])
    assert [line.spans[0][1] for line in lines[1:]] == [None, "red"]


@pytest.mark.parametrize("text", ["short", "x" * 2_400, "line\n" * 39])
def test_short_text_is_not_folded(text: str) -> None:
    """Up to 2,400 characters and 40 lines a text is shown whole."""
    assert fold_text(text) == (text, 0, "")


@pytest.mark.parametrize("text", ["x" * 2_401, "line\n" * 41, "head " + "y" * 100_000 + " tail", "\n" * 5000])
def test_long_text_keeps_head_and_tail_and_counts_what_is_between(text: str) -> None:
    """Head, folded count and tail add up to the text."""
    head, folded, tail = fold_text(text)
    assert folded > 0
    assert text.startswith(head) and text.endswith(tail)
    assert len(head) + folded + len(tail) == len(text)


def test_folded_text_says_how_much_and_how_to_see_it() -> None:
    """The line between head and tail names the count and the option; with ``full`` there is none."""
    text = "a" * 5_000
    assert any("3,300 characters folded, --full shows them" in line.text for line in text_lines(text, indent=2, full=False))
    assert "".join(line.text.strip() for line in text_lines(text, indent=2, full=True)) == text


def test_long_list_keeps_its_ends() -> None:
    """Folding a single item away would save nothing, so it is not done."""
    assert fold_items(range(5), 2, 2) == (range(5), 0, ())
    assert fold_items(range(10), 2, 3) == (range(2), 5, range(7, 10))
