"""The keys of a store: made once, outside of it, never predictable, and never the reason for an exception."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from fr_recorder.keys import Keys, key_folder, keys_of_store


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys of the test alone."""
    monkeypatch.setenv("FR_KEYS", str(tmp_path / "keys"))
    return tmp_path / "keys"


def made(store_id: str = "s1") -> Keys:
    keys = keys_of_store(store_id)
    assert keys is not None
    return keys


def test_keys_are_made_once(folder: Path) -> None:
    """The second time they are read; another store has others; the file is the owner's alone, and nothing else is left."""
    keys = made()
    assert keys == made() and keys.lasting
    assert keys != made("s2")
    assert sorted(os.listdir(folder)) == ["s1.key", "s2.key"]
    assert stat.S_IMODE((folder / "s1.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_keys_of_one_secret_differ_and_do_not_show_it(folder: Path) -> None:
    """Redaction and content have a key each; the id, which stands in every token, is neither."""
    keys = made()
    secret = json.loads((folder / "s1.key").read_text())["secret"]
    assert len({keys.redaction, keys.content, bytes.fromhex(secret)}) == 3
    assert len(keys.redaction) == len(keys.content) == 32
    assert keys.key_id[1:] not in secret + keys.redaction.hex() + keys.content.hex()


def test_without_create_nothing_is_made(folder: Path) -> None:
    """Reading a store must not leave traces."""
    assert keys_of_store("s1", create=False) is None
    assert not folder.exists()
    keys = made()
    assert keys_of_store("s1", create=False) == keys


BAD_FILES = (
    "",
    "not json",
    "[]",
    "{}",
    '{"secret": 5}',
    '{"secret": "zz"}',
    '{"secret": ""}',
    '{"secret": "aabb"}',
    "\udcff",
    "[" * 100_000,
)


@pytest.mark.parametrize("text", BAD_FILES, ids=range(len(BAD_FILES)))
def test_bad_file_is_not_used_and_not_replaced(folder: Path, text: str) -> None:
    """Above all no key of an empty or short secret, which anyone could make; the file may still be rescued by hand."""
    folder.mkdir()
    (folder / "s1.key").write_text(text, errors="surrogateescape")
    one, other = made(), made()
    assert not one.lasting and one.redaction != other.redaction
    assert keys_of_store("s1", create=False) is None
    assert (folder / "s1.key").read_text(errors="surrogateescape") == text


def test_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys then live as long as the process."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FR_KEYS", str(tmp_path / "file" / "keys"))
    assert made().lasting is False


def test_the_first_of_several_wins(folder: Path) -> None:
    """Processes, or threads of one, that start at once have the same keys."""
    found: list[Keys] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        found.append(made())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and found[0].lasting
    assert os.listdir(folder) == ["s1.key"]


def test_leftover_of_a_killed_process_is_in_nobodys_way(folder: Path) -> None:
    """In a container every process may have the same id."""
    folder.mkdir()
    (folder / f"s1.key.{os.getpid()}.tmp").write_text("half")
    assert made().lasting


FOLDERS: tuple[tuple[dict[str, str], str], ...] = (
    ({"FR_KEYS": "/k", "XDG_DATA_HOME": "/x"}, "/k"),
    ({"XDG_DATA_HOME": "/x"}, "/x/fr/keys"),
    ({"HOME": "/home/ann"}, "/home/ann/.local/share/fr/keys"),
)


@pytest.mark.parametrize(("env", "expected"), FOLDERS)
def test_folder_follows_the_environment(env: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """FR_KEYS, else the data folder of the user."""
    for name in ("FR_KEYS", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert key_folder() == expected
