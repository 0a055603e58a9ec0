"""Every format of every kind of value, on standard output and in files."""

import csv
import io
import json
import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from fr_replay.cli.cells import cell_text, field_text, iso_time, json_text, json_value, unique_names
from fr_replay.cli.output import FORMATS, Sink, sink_for, write_parquet, write_rows
from fr_schema.errors import BadInput

MOMENT = datetime(2026, 11, 23, 14, 30, 5, 123456, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")

VALUES: tuple[tuple[Any, Any, str, str], ...] = (
    (None, None, "", ""),
    (True, True, "true", "true"),
    (7, 7, "7", "7"),
    (0.1, 0.1, "0.1", "0.1"),
    (1234.56789, 1234.56789, "1234.56789", "1234.57"),
    (3.0, 3.0, "3.0", "3"),
    (float("nan"), None, "", "nan"),
    (float("inf"), None, "", "inf"),
    (Decimal("1.50"), 1.5, "1.5", "1.5"),
    (Decimal("3"), 3, "3", "3"),
    ("text", "text", "text", "text"),
    ("two\nlines", "two\nlines", "two\nlines", "two lines"),
    ("\x1b[31m", "\x1b[31m", "\x1b[31m", "\\x1b[31m"),
    (b"\x01\xff", "01ff", "01ff", "01ff"),
    (MOMENT, "2026-11-23T14:30:05.123456Z", "2026-11-23T14:30:05.123456Z", "2026-11-23 14:30:05.123"),
    (date(2026, 1, 2), "2026-01-02", "2026-01-02", "2026-01-02"),
    (timedelta(seconds=90), 90.0, "90.0", "90.0"),
    ([1, None], [1, None], "[1, null]", "1, null"),
    ([b"\x0a"], ["0a"], '["0a"]', "0a"),
    ({"k": "v"}, {"k": "v"}, '{"k": "v"}', "k=v"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001"),
)


@pytest.mark.parametrize(("value", "plain", "field", "cell"), VALUES, ids=[repr(row[0])[:30] for row in VALUES])
def test_value_in_every_form(value: Any, plain: Any, field: str, cell: str) -> None:
    """One value as JSON, as a CSV field and as a cell of a table."""
    assert json_value(value) == plain
    assert field_text(value) == field
    assert cell_text(value, UTC) == cell


def test_times_are_shown_in_the_chosen_zone() -> None:
    """UTC is written with Z, other zones with their offset."""
    assert iso_time(MOMENT, BERLIN) == "2026-11-23T15:30:05.123456+01:00"
    assert cell_text(MOMENT, BERLIN) == "2026-11-23 15:30:05.123"
    assert cell_text(MOMENT, BERLIN, short_in=2026) == "11-23 15:30:05"


def test_long_texts_are_cut_in_tables_only() -> None:
    """A cell holds 200 characters; JSON and CSV hold all."""
    text = "word " * 10_000
    assert len(cell_text(text, UTC)) == 200
    assert field_text(text) == text
    assert json_value(text) == text


def test_lone_surrogates_are_escaped_in_json() -> None:
    """Half of a UTF-16 pair cannot be UTF-8, and survives as an escape."""
    assert json.loads(json_text({"a": "\ud800 ☂"})) == {"a": "\ud800 ☂"}


def test_column_names_become_unique() -> None:
    """An object cannot have a key twice, nor a name that another column has already."""
    assert unique_names(["a", "a", "b", "a_1", "a"]) == ["a", "a_2", "b", "a_1", "a_3"]


NAMES = ("id", "when", "n", "what")
ROWS = [("01" * 16, MOMENT, 1, "a|b\nc"), ("02" * 16, None, None, None)]


def _write(tmp_path: Path, format_name: str, rows: list[tuple[Any, ...]] = ROWS) -> str:
    file = tmp_path / "out"
    write_rows(Sink(format_name, str(file), UTC, None), NAMES, rows)
    return file.read_text()


def test_json_is_one_array_of_objects_in_column_order(tmp_path: Path) -> None:
    """Keys come in the order of the columns."""
    found = json.loads(_write(tmp_path, "json"))
    assert [list(row) for row in found] == [list(NAMES), list(NAMES)]
    assert found[0]["when"] == "2026-11-23T14:30:05.123456Z"
    assert found[1] == {"id": "02" * 16, "when": None, "n": None, "what": None}
    assert json.loads(_write(tmp_path, "json", [])) == []


def test_json_lines_are_one_object_each(tmp_path: Path) -> None:
    """Each line is a whole object."""
    assert [json.loads(line)["n"] for line in _write(tmp_path, "jsonl").splitlines()] == [1, None]


def test_csv_comes_back_as_it_was(tmp_path: Path) -> None:
    """A reader of CSV gets the texts back, line breaks included."""
    rows = list(csv.reader(io.StringIO(_write(tmp_path, "csv"))))
    assert rows == [list(NAMES), ["01" * 16, "2026-11-23T14:30:05.123456Z", "1", "a|b\nc"], ["02" * 16, "", "", ""]]


def test_markdown_is_a_table_whatever_the_cells_hold(tmp_path: Path) -> None:
    """Bars in cells are escaped, numbers stand to the right, and every row is one line."""
    lines = _write(tmp_path, "markdown").splitlines()
    assert lines[:2] == ["| id | when | n | what |", "| --- | --- | ---: | --- |"]
    assert lines[2].endswith("| 1 | a\\|b c |")
    assert len(lines) == 4


def test_table_in_a_file_is_plain_and_uncut(tmp_path: Path) -> None:
    """No colours, no lines, no cutting to a width where there is no terminal."""
    text = _write(tmp_path, "table", [("x" * 150, MOMENT, 1, "y" * 150)])
    assert "x" * 150 in text and "y" * 150 in text and "\x1b" not in text


def test_parquet_keeps_types_and_makes_names_unique(tmp_path: Path) -> None:
    """What DuckDB gives goes into the file with its types."""
    import duckdb
    import pyarrow.parquet as pq

    file = tmp_path / "out.parquet"
    table = duckdb.connect().sql("SELECT 1::BIGINT AS n, 'x'::BLOB AS n, TIMESTAMPTZ '2026-01-01 00:00:00Z' AS at").to_arrow_table()
    write_parquet(Sink("parquet", str(file), UTC, None), table)
    found = pq.read_table(file)
    assert found.column_names == ["n", "n_1", "at"]
    assert str(found.schema.field("n_1").type) == "binary"
    assert found.column("at")[0].as_py() == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("ending", "name"), [(ending, name) for name, endings in FORMATS for ending in endings])
def test_ending_of_the_file_chooses_the_format(ending: str, name: str) -> None:
    """Each ending of the table chooses its format, and --format comes first."""
    assert sink_for(None, f"x{ending.upper()}", UTC).format == name
    assert sink_for("json", f"x{ending}", UTC).format == "json"


@pytest.mark.parametrize(
    ("format_name", "path", "part"), [(None, "x.xls", "names no format"), ("xml", None, "'xml'"), ("parquet", None, "terminal")]
)
def test_format_that_cannot_be_is_refused(format_name: str | None, path: str | None, part: str) -> None:
    """An unknown format, an unknown ending, and Parquet without a file."""
    with pytest.raises(BadInput, match=part):
        sink_for(format_name, path, UTC)


def test_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """A row that cannot be written leaves the file before as it was, and no temporary one."""
    file = tmp_path / "out.json"
    file.write_text("before")

    class Breaks:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with pytest.raises(RuntimeError):
        write_rows(Sink("json", str(file), UTC, None), ("a",), [(1,), (Breaks(),)])
    assert file.read_text() == "before"
    assert os.listdir(tmp_path) == ["out.json"]


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """-o into a missing folder names the folder, not a temporary file."""
    with pytest.raises(BadInput, match="there is no folder"):
        write_rows(Sink("json", str(tmp_path / "no" / "x.json"), UTC, None), ("a",), [])
