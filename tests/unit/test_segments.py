"""Which files of a store are read: sealed ones that are whole, journals that are not sealed, and what is said of the rest."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fr_recorder.seal import journal_files, seal_journal
from fr_replay import segments as segments_module
from fr_replay.segments import Segments, fault_of_parquet, find_segments, lost_files, segments_of_run, set_aside
from fr_schema.ids import trace_time_us

sys.path.insert(0, str(Path(__file__).resolve().parent))

from recorder_rig import NEXT_DAY_TRACE, OTHER_TRACE, TRACE, Rig

DAY, NEXT_DAY = "2026-01-01", "2026-01-02"


def sealed_rig(folder: Path, *, writer: str = "w00000000001-aaaaaa-7-00000001", trace: str = TRACE) -> Rig:
    """A store with one sealed segment of two days."""
    rig = Rig(folder, writer=writer, trace=trace)
    # As under `fr record`, where the run's trace is known to each process.
    rig.session._header["run"] = trace
    rig.http(b'{"messages":["one"]}', trace=trace)
    rig.http(b'{"messages":["two"]}', trace=NEXT_DAY_TRACE)
    rig.close()
    for found in list(journal_files(rig.store)):
        seal_journal(rig.store, *found)
    return rig


def names(segments: Segments, table: str) -> dict[str, list[str]]:
    return {day: [os.path.basename(path) for path in paths] for day, paths in segments.files[table].items()}


# -- what is found


def test_sealed_files_are_listed_by_table_and_day(tmp_path: Path) -> None:
    """With nothing to remark."""
    rig = sealed_rig(tmp_path)
    segments = find_segments(rig.store)
    file = [f"{rig.writer}-000000.parquet"]
    assert names(segments, "events") == names(segments, "blobs") == {DAY: file, NEXT_DAY: file}
    assert (segments.days, segments.count, segments.journals, segments.notes) == ([DAY, NEXT_DAY], 4, [], [])


def test_paths_are_in_the_order_of_days(tmp_path: Path) -> None:
    """All of them, or those of some days; a narrowed store shares its notes and journals."""
    segments = find_segments(sealed_rig(tmp_path).store)
    assert [path.split(os.sep)[-2] for path in segments.paths("events")] == [f"day={DAY}", f"day={NEXT_DAY}"]
    assert [path.split(os.sep)[-2] for path in segments.paths("blobs", frozenset([NEXT_DAY]))] == [f"day={NEXT_DAY}"]
    assert segments.paths("events", frozenset()) == []
    narrow = segments.of_days(frozenset([DAY, "1999-01-01"]))
    assert (narrow.days, narrow.count) == ([DAY], 2)
    assert narrow.notes is segments.notes and narrow.journals is segments.journals


def test_journals_of_ended_processes_are_sealed_first(tmp_path: Path) -> None:
    """Whoever looks finds Parquet."""
    rig = Rig(tmp_path)
    rig.http()
    rig.close()
    segments = find_segments(rig.store)
    assert segments.journals == [] and segments.days == [DAY] and not list(journal_files(rig.store))


def test_journal_of_a_living_process_stays_a_journal(tmp_path: Path) -> None:
    """Beside what it has sealed already."""
    rig = Rig(tmp_path)
    rig.http()
    rig.session.rotate()
    rig.http()
    segments = find_segments(rig.store)
    assert segments.journals == [(rig.writer, 1, str(rig.files()[-1]))]
    assert names(segments, "events") == {DAY: [f"{rig.writer}-000000.parquet"]}


def test_parquet_without_a_manifest_is_left_aside(tmp_path: Path) -> None:
    """A sealer was killed between its files and its manifest: the journal is the truth, and nothing is shown twice."""
    rig = Rig(tmp_path)
    rig.http()
    live = tmp_path / "kept.frj"
    shutil.copy(rig.files()[0], live)
    rig.close()
    segments = find_segments(rig.store)
    assert segments.count == 2
    (manifest,) = Path(rig.store, "manifests").rglob("*.json")
    manifest.unlink()
    again = Rig(tmp_path)
    again.http()
    assert again.writer == rig.writer and again.files()[0].name == "000000.frj"
    segments = find_segments(rig.store)
    assert [found[:2] for found in segments.journals] == [(rig.writer, 0)] and segments.count == 0


NOT_OURS = ("events/notes.txt", f"events/day={DAY}/README", f"events/day={DAY}/w-1.parquet.77.tmp", "events/other/w-000000.parquet")


def test_files_of_other_names_are_not_read_and_not_touched(tmp_path: Path) -> None:
    """Temporary files of a sealer, and whatever people leave."""
    rig = sealed_rig(tmp_path)
    for name in NOT_OURS:
        path = Path(rig.store, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    segments = find_segments(rig.store)
    assert segments.count == 4 and segments.notes == []
    assert all(Path(rig.store, name).read_bytes() == b"x" for name in NOT_OURS)


def test_empty_store_has_nothing(tmp_path: Path) -> None:
    """Not even folders."""
    assert find_segments(str(tmp_path)) == Segments()


def test_store_that_cannot_be_written_is_read_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals of ended processes are read in place then; where it could be written, the failure is told."""
    rig = Rig(tmp_path)
    rig.http()
    rig.close()

    def refuse(_: str) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(segments_module, "seal_dead_journals", refuse)
    monkeypatch.setattr(os, "access", lambda *_: False)
    segments = find_segments(rig.store)
    assert [found[0] for found in segments.journals] == [rig.writer] and segments.notes == []
    monkeypatch.setattr(os, "access", lambda *_: True)
    (note,) = find_segments(rig.store).notes
    assert "could not be sealed" in note and "Permission denied" in note


def test_damaged_journal_is_told_with_the_place_it_is_kept_at(tmp_path: Path) -> None:
    """What could be read is in the store."""
    rig = Rig(tmp_path)
    rig.http()
    rig.close()
    path = rig.files()[0]
    path.write_bytes(path.read_bytes()[:-5])
    segments = find_segments(rig.store)
    (note,) = segments.notes
    assert note.startswith(f"journal/{rig.writer}/000000.frj is damaged") and f"quarantine/{rig.writer}-000000.frj" in note
    assert segments.days == [DAY] and find_segments(rig.store).notes == []


def test_segment_that_is_sealed_meanwhile_is_added(tmp_path: Path) -> None:
    """Listed as a journal, and a file of Parquet when it is read; twice is once."""
    rig = Rig(tmp_path)
    rig.http()
    segments = find_segments(rig.store)
    (found,) = segments.journals
    rig.close()
    assert seal_journal(rig.store, *found) is not None and segments.count == 0
    for _ in range(2):
        segments.add_sealed(rig.store, rig.writer, 0)
        assert segments.files == find_segments(rig.store).files


# -- one run


def test_files_of_a_run_are_its_journals_and_its_day(tmp_path: Path) -> None:
    """Other runs' journals and other days are left out, and so is what was sealed before it began."""
    first = sealed_rig(tmp_path, trace=TRACE)
    other = Rig(tmp_path, writer="w00000000002-aaaaaa-8-00000001", trace=OTHER_TRACE)
    other.http(trace=OTHER_TRACE)
    own = Rig(tmp_path, writer="w00000000003-aaaaaa-9-00000001", trace=TRACE)
    own.http()
    segments = segments_of_run(first.store, TRACE)
    assert [found[0] for found in segments.journals] == [own.writer]
    assert segments.days == [DAY] and segments.count == 2
    before = trace_time_us(TRACE) / 1e6 - 3600
    for path in Path(first.store).rglob("*.parquet"):
        os.utime(path, (before, before))
    assert segments_of_run(first.store, TRACE).count == 0


def test_lost_files_are_those_that_manifests_name(tmp_path: Path) -> None:
    """Of the run that is asked for, whether or not something else of the writer is there."""
    rig = sealed_rig(tmp_path)
    assert lost_files(rig.store, TRACE, [rig.writer]) == lost_files(rig.store, TRACE, []) == []
    gone = f"events/day={NEXT_DAY}/{rig.writer}-000000.parquet"
    Path(rig.store, gone).unlink()
    assert lost_files(rig.store, TRACE, [rig.writer]) == [gone]
    assert lost_files(rig.store, OTHER_TRACE, [rig.writer]) == []
    for path in Path(rig.store).rglob("*.parquet"):
        path.unlink()
    assert len(lost_files(rig.store, TRACE, [])) == 4


# -- damage


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


FAULTS: tuple[tuple[str, Callable[[bytes], bytes], str | None], ...] = (
    ("whole", lambda data: data, None),
    ("empty", lambda _: b"", "it has only 0 bytes"),
    ("eleven bytes", lambda data: data[:11], "it has only 11 bytes"),
    ("cut in half", cut, "its end is missing"),
    ("another beginning", lambda data: b"PARE" + data[4:], "it does not begin as a Parquet file"),
    ("a footer longer than the file", lambda data: data[:-8] + b"\xff\xff\xff\x7fPAR1", "its footer is damaged"),
    ("damaged inside", lambda data: data[:100] + b"\0\0\0\0" + data[104:], None),
)


@pytest.mark.parametrize(("change", "fault"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_fault_of_a_file_is_seen_at_its_ends(change: Callable[[bytes], bytes], fault: str | None, tmp_path: Path) -> None:
    """Damage inside is left to the query that meets it."""
    rig = sealed_rig(tmp_path)
    path = Path(rig.store, f"events/day={DAY}/{rig.writer}-000000.parquet")
    path.write_bytes(change(path.read_bytes()))
    assert fault_of_parquet(str(path)) == fault
    segments = find_segments(rig.store)
    assert (len(segments.notes), segments.count) == ((0, 4) if fault is None else (1, 3))


def test_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    """It was removed since it was listed."""
    assert "No such file" in (fault_of_parquet(str(tmp_path / "gone.parquet")) or "")


def test_damaged_file_is_set_aside_whole_and_never_over_another(tmp_path: Path) -> None:
    """The note names what is missing, and where the file is now."""
    notes = []
    for content in (b"first", b"second", b"third"):
        path = tmp_path / "blobs" / f"day={DAY}" / "w-000000.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        notes.append(set_aside(str(tmp_path), str(path), "a fault"))
        assert not path.exists()
    kept = f"blobs-day={DAY}-w-000000.parquet"
    assert [(tmp_path / "quarantine" / (kept + end)).read_bytes() for end in ("", ".2", ".3")] == [b"first", b"second", b"third"]
    assert "content is missing from this answer" in notes[0] and notes[1].count(f"quarantine/{kept}.2") == 1


def test_file_that_cannot_be_set_aside_is_left_out_and_told(tmp_path: Path) -> None:
    """A file stands where the quarantine would be."""
    rig = sealed_rig(tmp_path)
    Path(rig.store, "quarantine").write_text("in the way")
    path = Path(rig.store, f"events/day={DAY}/{rig.writer}-000000.parquet")
    path.write_bytes(b"PAR1")
    segments = find_segments(rig.store)
    (note,) = segments.notes
    assert "was left out; it could not be set aside" in note and segments.days == [NEXT_DAY]
    assert path.read_bytes() == b"PAR1"
