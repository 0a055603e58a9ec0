"""``fr score`` and ``fr review``: rows added to a trace that is over, and nothing else in the store touched."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fr_recorder.key_ring import open_ring
from fr_recorder.seal import journal_files, seal_journal
from fr_replay.capture import put_fact
from fr_replay.cli.main import main
from fr_replay.late_telling import about, tell
from fr_replay.pseudonyms import user_ref_of
from fr_replay.store import open_store

sys.path.insert(0, str(Path(__file__).resolve().parent))

from encrypted_rig import EncryptedRig
from recorder_rig import OTHER_TRACE, TRACE, Rig, bytes_of_store

SECRET = "joe@example.org"


def seal(store: str) -> None:
    for writer, seq, path in list(journal_files(store)):
        assert seal_journal(store, writer, seq, path) is not None


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A sealed trace with two calls."""
    monkeypatch.setenv("FR_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("TZ", "UTC")
    rig = Rig(tmp_path)
    for text in ("one", "two"):
        rig.http(json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}).encode())
    rig.close()
    seal(rig.store)
    monkeypatch.setenv("FR_STORE", rig.store)
    return rig.store


def files_of(store: str) -> dict[str, str]:
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(store).rglob("*")
        if path.is_file() and path.name != "maintenance.lock"
    }


def rows_of(path: str, sql: str) -> list[dict[str, Any]]:
    opened = open_store(path)
    try:
        names, rows = opened.rows(sql)
        assert opened.notes == []
    finally:
        opened.close()
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_a_score_is_a_row_of_its_own(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In a new sealed segment; every file that was there is as it was, and all of it verifies."""
    before = files_of(store)
    assert main(["score", TRACE[:12], "helpful", "4.2", "--step", "2", "--comment", f"says {SECRET}", "--by", "ann"]) == 0
    assert capsys.readouterr().out == f"scored {TRACE[:12]} step 2: helpful 4.2\n"
    assert before.items() <= files_of(store).items()
    assert list(journal_files(store)) == []
    (row,) = rows_of(store, "SELECT * FROM scores")
    (call,) = rows_of(store, "SELECT * FROM calls WHERE step = 2")
    assert (row["trace_id"], row["name"], row["score_value"], row["about_step"], row["about_span_id"]) == (
        TRACE,
        "helpful",
        4.2,
        2,
        call["span_id"],
    )
    assert row["by_ref"] == user_ref_of(store, "ann") and row["by_source"] == "human"
    assert SECRET not in row["comment"] and SECRET.encode() not in bytes_of_store(store)
    assert main(["verify"]) == 0
    assert rows_of(store, "SELECT count(*) AS n FROM processes")[0]["n"] == 1


VALUES = (
    ("4.2", 4.2, None),
    ("-1", -1.0, None),
    ("true", 1.0, "true"),
    ("False", 0.0, "false"),
    ("good", None, "good"),
    ("1e3", 1000.0, None),
)


@pytest.mark.parametrize(("typed", "value", "label"), VALUES)
def test_value_is_a_number_a_truth_or_a_word(store: str, typed: str, value: float | None, label: str | None) -> None:
    """As it is typed."""
    assert main(["score", "last", "n", typed]) == 0
    (row,) = rows_of(store, "SELECT score_value, score_label FROM scores")
    assert (row["score_value"], row["score_label"]) == (value, label)


def test_a_review_says_who_what_and_how_long(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And `fr show` prints it at its step."""
    assert (
        main(
            [
                "review",
                TRACE,
                "rejected",
                "--tool",
                "refund",
                "--reason",
                "too much",
                "--seconds",
                "41.5",
                "--source",
                "desk",
                "--step",
                "1",
            ]
        )
        == 0
    )
    (row,) = rows_of(store, "SELECT * FROM reviews")
    told = {"verdict": "rejected", "tool_name": "refund", "reason": "too much", "seconds": 41.5, "by_source": "desk", "by_ref": None}
    assert {name: row[name] for name in told} == told
    capsys.readouterr()
    assert main(["show", TRACE, "1"]) == 0
    assert "rejected" in capsys.readouterr().out
    assert main(["show", TRACE]) == 0
    assert "rejected" in capsys.readouterr().out


BAD = (
    (["score", "last", "n", "nan"], "nan is no score (a finite number, true, false, or a word)"),
    (["score", "last", "n", "inf"], "inf is no score (a finite number, true, false, or a word)"),
    (["score", "last", "n", ""], "the score is empty (a number, true, false, or a word)"),
    (["score", "last", " ", "1"], "' ' is no name for a score (fr score TRACE NAME VALUE)"),
    (["score", "last", "n", "--nonsense"], "there is no option --nonsense (see fr score --help)"),
    (["score", "last", "n", "1", "--step", "9"], "the trace has no step 9 (it has steps 1 to 2; fr show TRACE lists them)"),
    (["score", "ffffffff", "n", "1"], "there is no trace ffffffff among the 1 trace of"),
    (["score", "last", "n"], "missing argument 'VALUE'"),
    (["review", "last", ""], "the verdict is empty (approved, rejected, edited, escalated, or another word)"),
    (["review", "last", "ok", "--seconds", "-1"], "invalid value for '--seconds'"),
)


@pytest.mark.parametrize(("argv", "said"), BAD)
def test_bad_input_is_one_line_and_writes_nothing(store: str, argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the value and the way out; exit code 2."""
    before = files_of(store)
    assert main(argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert files_of(store) == before


def test_a_fact_that_cannot_be_written_leaves_nothing_behind(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No journal without content that somebody seals later."""
    before = files_of(store)
    opened = open_store(store)
    subject = about(opened, TRACE, None)

    def broken(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fr_recorder.late_journal.JournalSession.append", broken)
    with pytest.raises(OSError, match="No space"):
        tell(opened, subject, "score", "n", {"score_value": 1.0})
    opened.close()
    assert files_of(store) == before


def test_late_facts_of_an_encrypted_trace_go_under_its_subject_s_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that erasing the subject takes the comment with it; the number stays."""
    rig = EncryptedRig(tmp_path, monkeypatch)
    monkeypatch.setenv("FR_ENCRYPT", "env:TEST_KEK")
    rig.ask(json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}).encode(), user="ann")
    rig.close()
    seal(rig.store)
    monkeypatch.setenv("FR_STORE", rig.store)
    assert main(["score", TRACE, "helpful", "2", "--comment", "a telling comment"]) == 0
    assert b"a telling comment" not in bytes_of_store(rig.store)
    (row,) = rows_of(rig.store, "SELECT s.score_value, s.comment, e.scope FROM scores s JOIN events e USING (writer_id, seq)")
    assert (row["score_value"], row["comment"], row["scope"]) == (2.0, "a telling comment", rig.scope("ann"))
    ring = open_ring(rig.id, "env:TEST_KEK")
    assert ring is not None and ring.erase(rig.scope("ann"))
    (row,) = rows_of(rig.store, "SELECT score_value, comment FROM scores")
    assert row["score_value"] == 2.0 and row["comment"] is None


def test_facts_told_by_another_process_belong_to_the_trace(store: str, tmp_path: Path) -> None:
    """`fr.score(..., trace=...)` of a feedback service."""
    other = Rig(tmp_path, writer="w00000000009-bbbbbb-9-00000009", trace=OTHER_TRACE)
    place: Any = SimpleNamespace(trace=OTHER_TRACE, labels={}, writer=other)
    put_fact("score", "stars", facts={"score_value": 5.0}, trace=TRACE, into=place)
    other.close()
    seal(store)
    (row,) = rows_of(store, "SELECT trace_id, run_id, score_value FROM scores")
    assert row == {"trace_id": TRACE, "run_id": None, "score_value": 5.0}
    assert rows_of(store, "SELECT count(*) AS n FROM traces")[0]["n"] == 1


def test_a_trace_without_the_store_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No store is made for it."""
    monkeypatch.setenv("FR_STORE", str(tmp_path / "nothing"))
    assert main(["score", "last", "n", "1"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not os.path.exists(tmp_path / "nothing")


def test_facts_go_with_a_trace_that_is_extracted(store: str, tmp_path: Path) -> None:
    """With all that they name, documents without a text included."""
    other = Rig(tmp_path, writer="w00000000009-bbbbbb-9-00000009")
    place: Any = SimpleNamespace(trace=TRACE, labels={}, writer=other)
    put_fact("retrieval", None, content={"fact_blob": "q"}, documents=["a text", {"id": "b"}, ""], into=place)
    other.close()
    seal(store)
    assert main(["extract", TRACE, "-o", str(tmp_path / "copy")]) == 0
    (row,) = rows_of(
        str(tmp_path / "copy"),
        "SELECT len(document_ids) AS ids, len(document_blobs) AS texts, blob_text(query_blob) AS query FROM retrievals",
    )
    assert row == {"ids": 3, "texts": 1, "query": "q"}
