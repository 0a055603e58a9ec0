"""Opening a store for writing: made where nothing is, refused where something else is, whoever else does the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fr_recorder.store import DEFAULT_STORE, OpenStore, chosen_store, open_store, read_format
from fr_schema.errors import FormatTooNew, NotAStore
from fr_schema.version import FORMAT_VERSION


def test_new_store_has_its_folders_and_format(tmp_path: Path) -> None:
    """The second time it is the same store; no temporary file is left."""
    store = open_store(str(tmp_path / "a" / "b"))
    assert open_store(store.path) == read_format(store.path) == store
    assert sorted(os.listdir(store.path)) == ["FORMAT", "blobs", "events", "journal", "manifests"]
    facts = json.loads(Path(store.path, "FORMAT").read_text())
    assert facts["format"] == FORMAT_VERSION and facts["store"] == store.store_id
    assert len(bytes.fromhex(store.store_id)) == 8


def test_two_stores_have_two_ids(tmp_path: Path) -> None:
    """Keys are found by them."""
    assert open_store(str(tmp_path / "a")).store_id != open_store(str(tmp_path / "b")).store_id


USABLE: tuple[tuple[str, list[str]], ...] = (
    ("an empty folder", []),
    ("hidden files only", [".gitkeep", ".DS_Store"]),
    ("a store that was being made", ["journal", "events"]),
    ("a store that was being made, and more", ["journal", "notes.txt"]),
)


@pytest.mark.parametrize("names", [row[1] for row in USABLE], ids=[row[0] for row in USABLE])
def test_folder_that_can_become_a_store(names: list[str], tmp_path: Path) -> None:
    """Nothing of it is touched."""
    for name in names:
        (tmp_path / name).mkdir() if "." not in name else (tmp_path / name).write_text("x")
    assert open_store(str(tmp_path)) == read_format(str(tmp_path))
    assert set(names) <= set(os.listdir(tmp_path))


def test_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """Somebody named the wrong one; nothing is made in it."""
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(NotAStore, match="holds other files"):
        open_store(str(tmp_path))
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_path_through_a_file_is_an_os_error(tmp_path: Path) -> None:
    """The caller says so and goes on unrecorded."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="file"):
        open_store(str(tmp_path / "file"))
    with pytest.raises(OSError, match="file"):
        open_store(str(tmp_path / "file" / "below"))


UNREADABLE: tuple[tuple[str, str], ...] = (
    ("", "cannot be read"),
    ("not json", "cannot be read"),
    ("[]", "cannot be read"),
    ("{}", "cannot be read"),
    ('{"format": 1}', "cannot be read"),
    ('{"format": "one", "store": "a"}', "cannot be read"),
    ('{"format": null, "store": "a"}', "cannot be read"),
    ('{"format": 1e999, "store": "a"}', "cannot be read"),
    ('{"format": NaN, "store": "a"}', "cannot be read"),
    ('{"format": 1, "store": ""}', "store id"),
    ('{"format": 1, "store": "../../evil"}', "store id"),
    ('{"format": 1, "store": "a/b"}', "store id"),
    ('{"format": 0, "store": "a"}', "never existed"),
    ('{"format": -1, "store": "a"}', "never existed"),
    ("\udcff\udcfe", "cannot be read"),
    ("[" * 100_000, "cannot be read"),
)


@pytest.mark.parametrize(("text", "reason"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_format_file_that_cannot_be_used(text: str, reason: str, tmp_path: Path) -> None:
    """One plain message, for writing and for reading; the file is left as it is."""
    (tmp_path / "FORMAT").write_text(text, errors="surrogateescape")
    for use in (open_store, read_format):
        with pytest.raises(NotAStore, match=reason) as caught:
            use(str(tmp_path))
        assert "\n" not in caught.value.one_line()
    assert (tmp_path / "FORMAT").read_text(errors="surrogateescape") == text


def test_later_format_is_refused_politely(tmp_path: Path) -> None:
    """With what to do about it; nothing is written."""
    (tmp_path / "FORMAT").write_text(json.dumps({"format": FORMAT_VERSION + 1, "store": "a", "unknown": [1]}))
    for use in (open_store, read_format):
        with pytest.raises(FormatTooNew, match=f"reads up to {FORMAT_VERSION}") as caught:
            use(str(tmp_path))
        assert "upgrade" in (caught.value.hint or "")
    assert os.listdir(tmp_path) == ["FORMAT"]


def test_facts_of_a_later_writer_are_ignored(tmp_path: Path) -> None:
    """Within the version, keys may be added."""
    (tmp_path / "FORMAT").write_text('{"format": 1, "store": "Ab-_9", "future": {}}')
    assert read_format(str(tmp_path)) == OpenStore(str(tmp_path), "Ab-_9")


def test_what_is_no_store_says_what_it_is(tmp_path: Path) -> None:
    """Missing, a file, or a folder without FORMAT."""
    (tmp_path / "file").write_text("x")
    for name, reason in (("nowhere", "does not exist"), ("file", "is a file"), ("", "has no FORMAT file")):
        with pytest.raises(NotAStore, match=reason):
            read_format(str(tmp_path / name))


def test_threads_and_processes_that_open_at_once_agree(tmp_path: Path) -> None:
    """The first one's FORMAT is everyone's, and it is whole."""
    script = "import sys; from fr_recorder.store import open_store; print(open_store(sys.argv[1]).store_id)"
    processes = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "s")], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    found: set[str] = set()
    threads = [threading.Thread(target=lambda: found.add(open_store(str(tmp_path / "t")).store_id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    printed = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert len(found) == 1 and len(printed) == 1 and "" not in printed
    assert not [name for name in os.listdir(tmp_path / "s") if "tmp" in name]


def test_chosen_store_is_argument_then_environment_then_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Always absolute, since the program may change its folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FR_STORE", raising=False)
    assert chosen_store() == str(tmp_path / DEFAULT_STORE)
    monkeypatch.setenv("FR_STORE", "from-env")
    assert chosen_store() == str(tmp_path / "from-env")
    assert chosen_store("given") == str(tmp_path / "given")
