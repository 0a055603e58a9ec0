"""schema/FORMAT.md says what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fr_schema import frames, layout
from fr_schema.columns import BLOB_COLUMNS, EVENT_COLUMNS, KINDS
from fr_schema.document import generated, with_generated
from fr_schema.version import FORMAT_VERSION

PATH = Path(__file__).resolve().parents[2] / "schema" / "FORMAT.md"
TEXT = PATH.read_text(encoding="utf-8")


def test_generated_tables_are_up_to_date() -> None:
    """Else: python -m fr_schema.document schema/FORMAT.md."""
    assert with_generated(TEXT) == TEXT


@pytest.mark.parametrize("name", generated())
def test_every_table_has_its_place(name: str) -> None:
    """Without its markers a table would be left out without a word."""
    assert TEXT.count(f"<!-- begin {name} -->") == TEXT.count(f"<!-- end {name} -->") == 1


def test_tables_hold_every_column_and_kind() -> None:
    """In the order of the code, with its marks."""
    blocks = generated()
    for name, columns in (("events", EVENT_COLUMNS), ("blobs", BLOB_COLUMNS)):
        rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (.) \|", blocks[name], re.MULTILINE)
        assert rows == [(c.name, c.type, "●" if c.required else "○") for c in columns]
    assert re.findall(r"^\| `(\w+)` \|", blocks["kinds"], re.MULTILINE) == list(KINDS)


def test_replacing_touches_nothing_else() -> None:
    """Text by hand stays, backslashes and all; what was between the markers goes."""
    text = "a \\1 b\n<!-- begin kinds -->\nold\n<!-- end kinds -->\nc \\g<0>\n"
    assert with_generated(text) == f"a \\1 b\n<!-- begin kinds -->\n{generated()['kinds']}\n<!-- end kinds -->\nc \\g<0>\n"
    assert with_generated("no markers") == "no markers"


def test_module_writes_the_file(tmp_path: Path) -> None:
    """As the command in its docstring."""
    path = tmp_path / "FORMAT.md"
    path.write_text(TEXT.replace(generated()["blobs"], "stale"), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != TEXT
    subprocess.run([sys.executable, "-m", "fr_schema.document", str(path)], check=True, timeout=60)
    assert path.read_text(encoding="utf-8") == TEXT


def test_written_text_names_the_code_s_numbers() -> None:
    """Version, limits, sizes of fields and folders are those of the modules."""
    assert f"version {FORMAT_VERSION}" in TEXT.splitlines()[0]
    assert f"above {frames.MAX_PAYLOAD_BYTES >> 20} MiB" in TEXT
    assert f"`{frames.MAGIC.decode()}`" in TEXT
    sizes = {"4": 4, "u32": 4, "u16": 2, "u64": 8}
    fields = re.findall(r"^\| (?:magic|length|flags|kind|version|seq|checksum) \| (\w+) \|", TEXT, re.MULTILINE)
    assert sum(sizes[field] for field in fields) == frames.HEADER.size
    for folder in (layout.FORMAT_FILE, layout.JOURNAL, layout.EVENTS, layout.BLOBS, layout.MANIFESTS, layout.QUARANTINE):
        assert re.search(rf"^{folder}\b", TEXT, re.MULTILINE)
