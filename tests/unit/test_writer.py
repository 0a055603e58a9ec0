"""The writer: what is handed over is on disk or counted as lost, within its limits, and the program never notices."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fr_recorder import writer as writer_module
from fr_recorder.boundary import ToolCall
from fr_recorder.content import ContentStore
from fr_recorder.crossings import RecordedHttp, RecordingBackend
from fr_recorder.encoder import Encoder
from fr_recorder.journal import Journal
from fr_recorder.lanes import Lane
from fr_recorder.limits import Limits
from fr_recorder.reads import ReadLog
from fr_recorder.session import JournalSession
from fr_recorder.store import open_store
from fr_recorder.trace_context import TraceContext
from fr_recorder.writer import Writer
from fr_replay.store import open_store as open_for_reading

sys.path.insert(0, str(Path(__file__).resolve().parent))

from recorder_rig import ANSWER, CHAT_URL, CONTENT_KEY, JSON_HEADERS, TRACE, bytes_of_store, header_facts, redactor

CANARY = "canary-7f3a-not-for-disk"
WRITER = "w00000000001-aaaaaa-7-00000001"


class Recording:
    """A store and a running writer.

    Attributes:
        redact: the redactor that the session is made with; set it before the first event.
    """

    def __init__(self, folder: Path, *, durability: str = "os", **limits: Any) -> None:
        self.store = open_store(str(folder / "store")).path
        self.redact: Any = redactor()
        self.reads = ReadLog()
        self.limits = Limits(**{"linger_s": 0.0, **limits})
        self.writer = Writer(self._session, durability, self.limits, self.reads, TRACE)
        self.backend = RecordingBackend(self.writer, TraceContext(TRACE), in_run=True)
        self.lane = Lane("p0")

    def _session(self) -> JournalSession:
        content = ContentStore(self.redact, CONTENT_KEY)
        return JournalSession(Journal(self.store, WRITER), Encoder(self.redact, content, bytes(32), 0), header_facts(WRITER), CONTENT_KEY)

    def begin(self, body: bytes = b"{}") -> RecordedHttp | None:
        return self.backend.http("httpx", "POST", CHAT_URL, [("content-type", "application/json")], body, None)

    def http(self, body: bytes = b"{}", answer: bytes = ANSWER) -> bool:
        """A whole exchange; False when it was not taken."""
        crossing = self.begin(body)
        if crossing is None:
            return False
        crossing.answered(200, JSON_HEADERS, "HTTP/1.1")
        crossing.chunk(answer)
        crossing.finish("eof")
        return True

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a reader finds in the store."""
        return open_for_reading(self.store).rows(sql)[1]

    def count(self, kind: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM all_events WHERE kind = '{kind}'")[0][0])

    def gaps(self) -> list[tuple[int, str]]:
        return self.rows("SELECT lost, reason FROM gaps ORDER BY started_at")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Recording]]:
    """Makes a recording; all are closed in the end."""
    made: list[Recording] = []

    def start(**options: Any) -> Recording:
        made.append(Recording(tmp_path, **options))
        return made[-1]

    yield start
    for recording in made:
        recording.writer.close()
        deadline = time.monotonic() + 10
        while recording.writer._running and time.monotonic() < deadline:
            # Its last sync would be counted in the next test.
            time.sleep(0.001)


def break_writes(monkeypatch: pytest.MonkeyPatch, error: int, *, taken: int = 0) -> None:
    """Let writes to journals fail; of each the disk takes some bytes first."""
    real = os.write

    def write(descriptor: int, data: Any) -> int:
        if descriptor <= 2:
            return real(descriptor, data)
        if taken and len(data) > taken and not getattr(write, "torn", False):
            write.torn = True  # type: ignore[attr-defined]
            return real(descriptor, data[:taken])
        write.torn = False  # type: ignore[attr-defined]
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("os.write", write)


class Stuck:
    """A disk that does not answer until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.entered = threading.Event()
        real = Journal.append

        def append(journal: Journal, payload: bytes) -> None:
            self.entered.set()
            self.go.wait(20)
            real(journal, payload)

        monkeypatch.setattr(Journal, "append", append)


# -- the good days


def test_answer_is_on_disk_before_the_program_has_it(make: Callable[..., Recording]) -> None:
    """The last chunk is handed on only when the frame with it is in the file."""
    recording = make(wait_s=5.0)
    crossing = recording.begin(b'{"messages":[]}')
    assert crossing is not None
    crossing.answered(200, [("content-length", str(len(ANSWER)))], "HTTP/1.1")
    crossing.chunk(ANSWER)
    assert b"chatcmpl-1" in bytes_of_store(recording.store)


def test_counters_say_what_was_written(make: Callable[..., Recording]) -> None:
    """Events, losses, contents left out."""
    recording = make()
    for _ in range(3):
        recording.http()
    recording.writer.flush()
    assert recording.writer.status() == (6, 0, 0, None, 0)


def test_no_thread_before_the_first_event(make: Callable[..., Recording]) -> None:
    """A program that calls nothing pays nothing, and leaves no journal."""
    recording = make()
    recording.writer.flush()
    recording.writer.close()
    assert os.listdir(Path(recording.store, "journal")) == []


def test_span_ids_differ(make: Callable[..., Recording]) -> None:
    """16 hex characters each."""
    writer = make().writer
    ids = {writer.new_span_id() for _ in range(5000)}
    assert len(ids) == 5000 and all(len(bytes.fromhex(span)) == 8 for span in ids)


def test_reads_go_with_the_next_event_and_with_the_last(make: Callable[..., Recording]) -> None:
    """What the clock gave is in the record before what was done with it; at the end nothing is left."""
    recording = make()
    recording.reads.note(recording.lane, "w", 17)
    recording.http()
    recording.reads.note(recording.lane, "m", 18)
    recording.writer.close()
    rows = recording.rows("SELECT nd_source, nd_count, seq FROM all_events WHERE kind = 'env_read' ORDER BY seq")
    (attempt,) = recording.rows("SELECT seq FROM all_events WHERE kind = 'llm_attempt'")
    assert [row[:2] for row in rows] == [("clock:w", 1), ("clock:m", 1)]
    assert rows[0][2] < attempt[0] < rows[1][2]


def test_reads_alone_start_the_writer_at_the_end(make: Callable[..., Recording]) -> None:
    """A program that only asked what time it was has a record of that."""
    recording = make()
    recording.reads.note(recording.lane, "w", 17)
    recording.writer.close()
    assert recording.count("env_read") == 1


def test_files_are_rotated_by_size(make: Callable[..., Recording]) -> None:
    """And every exchange is in the store once."""
    recording = make(file_bytes=4000)
    for n in range(12):
        recording.http(b'{"messages":[{"role":"user","content":"%s"}]}' % os.urandom(500).hex().encode())
        assert n >= 0
    assert len(os.listdir(Path(recording.store, "journal", WRITER))) > 2
    recording.writer.close()
    assert recording.count("llm_attempt") == 12 and recording.count("process") == 1


def test_rotation_that_fails_goes_on_in_the_old_file(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost; later it is tried again."""
    recording = make(file_bytes=100)
    recording.http()
    with monkeypatch.context() as patched:
        patched.setattr("os.rename", lambda *_: (_ for _ in ()).throw(OSError(errno.EACCES, "no")))
        for _ in range(5):
            recording.http()
        recording.writer.flush()
    assert recording.writer.status().lost == 0
    assert len(os.listdir(Path(recording.store, "journal", WRITER))) == 2  # with the temporary name of the next
    monkeypatch.setattr(recording.writer, "_disk_retry_at", 0.0)
    recording.http()
    recording.writer.close()
    assert recording.count("llm_attempt") == 7 and recording.count("process") == 1


# -- durability


@pytest.mark.parametrize(("durability", "synced"), [("os", False), ("group", True), ("sync", True)])
def test_durability_decides_on_syncs(
    make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch, durability: str, synced: bool
) -> None:
    """os: the system decides; group: soon; sync: before the program goes on."""
    calls: list[float] = []
    real = os.fdatasync
    monkeypatch.setattr("os.fdatasync", lambda fd: (calls.append(time.monotonic()), real(fd)))
    recording = make(durability=durability, group_s=0.2, wait_s=5.0)
    recording.http()
    at_once = len(calls)
    assert (at_once > 0) is (durability == "sync")
    time.sleep(0.5)
    assert bool(calls) is synced


class Syncs:
    """Counts fdatasyncs of the journal, and can be waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.happened = threading.Event()
        real = os.fdatasync

        def fdatasync(descriptor: int) -> None:
            real(descriptor)
            self.count += 1
            self.happened.set()

        monkeypatch.setattr("os.fdatasync", fdatasync)


def _answer_429(recording: Recording) -> None:
    crossing = recording.begin()
    assert crossing is not None
    crossing.answered(429, JSON_HEADERS, "HTTP/1.1")
    crossing.chunk(b"{}")
    crossing.finish("eof")


def _reset(recording: Recording) -> None:
    crossing = recording.begin()
    assert crossing is not None
    crossing.finish("error", ConnectionResetError("reset"))


def _tool(side_effect: str) -> Callable[[Recording], None]:
    def call(recording: Recording) -> None:
        recording.backend.tool(ToolCall("tool_call", "refund", {"order": "o-1"}, side_effect, "function", None, {}))

    return call


def _failing_tool(recording: Recording) -> None:
    crossing = recording.backend.tool(ToolCall("tool_call", "lookup", {}, "read", "function", None, {}))
    assert crossing is not None
    crossing.raised(LookupError("nothing"))


def _call(recording: Recording) -> None:
    assert recording.http()


SYNCED_AT_ONCE: tuple[tuple[str, Callable[[Recording], None], bool], ...] = (
    ("a call that went well", _call, False),
    ("a tool that reads begins", _tool("read"), False),
    ("a tool that does nothing begins", _tool("none"), False),
    ("a tool of which nothing is known begins", _tool("unknown"), False),
    ("a tool that writes begins", _tool("write"), True),
    ("an irreversible tool begins", _tool("irreversible"), True),
    ("an error answer", _answer_429, True),
    ("no answer at all", _reset, True),
    ("a tool that raises", _failing_tool, True),
)


@pytest.mark.parametrize(("act", "at_once"), [row[1:] for row in SYNCED_AT_ONCE], ids=[row[0] for row in SYNCED_AT_ONCE])
def test_failures_and_changes_of_the_world_do_not_wait_for_the_group(
    make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch, act: Callable[[Recording], None], at_once: bool
) -> None:
    """What an incident will be about, and the intent to change something, are synced with their batch; all else within the group's time."""
    syncs = Syncs(monkeypatch)
    recording = make(durability="group", group_s=3600.0, wait_s=5.0)
    act(recording)
    if at_once:
        assert syncs.happened.wait(10)
    # Two flushes: the writer has looked whether to sync after the first one's batch when it takes the second.
    recording.writer.flush()
    recording.writer.flush()
    assert bool(syncs.count) is at_once
    before = syncs.count
    _call(recording)
    recording.writer.flush()
    recording.writer.flush()
    assert syncs.count == before


def test_durability_os_leaves_failures_to_the_system_too(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who chose it chose it for everything."""
    syncs = Syncs(monkeypatch)
    recording = make(durability="os", wait_s=5.0)
    _answer_429(recording)
    _tool("irreversible")(recording)
    recording.writer.close()
    assert syncs.count == 0


def test_sync_that_fails_is_told_once(
    make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The records are in the system's hands all the same."""
    monkeypatch.setattr("os.fdatasync", lambda fd: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    recording = make(durability="group", group_s=0.01)
    for _ in range(3):
        recording.http()
        time.sleep(0.05)
    recording.writer.close()
    assert capfd.readouterr().err.count("cannot be synced") == 1
    assert recording.count("llm_attempt") == 3 and recording.writer.status().lost == 0


# -- content that cannot be redacted


class Failing:
    """A redactor that fails for content with the canary, with the canary in its error."""

    def __init__(self) -> None:
        self._real = redactor()
        self.key_id = self._real.key_id

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)

        def guarded(value: Any, *more: Any) -> Any:
            if CANARY in repr(value):
                raise RuntimeError(f"cannot redact {value}")
            return real(value, *more)

        return guarded


def test_content_that_cannot_be_redacted_never_reaches_the_disk(make: Callable[..., Recording], capfd: pytest.CaptureFixture[str]) -> None:
    """The events stay, without content; neither a file nor stderr has a byte of it, not even in the error."""
    recording = make()
    recording.redact = Failing()
    recording.http(b'{"messages":["before"]}')
    recording.http(b'{"messages":["%s"]}' % CANARY.encode(), answer=CANARY.encode())
    recording.http(b'{"messages":["after"]}')
    # A loss beside it is reported with the last error, which must not hold the content either.
    recording.writer._count_loss("something else")
    recording.writer._last_error = recording.writer.status().last_error
    recording.http(b'{"messages":["%s"]}' % CANARY.encode())
    recording.writer.close()
    status = recording.writer.status()
    assert status.failed_content == 3 and CANARY not in str(status)
    rows = recording.rows(
        "SELECT redaction_status, request_parts IS NULL FROM all_events WHERE kind IN ('llm_attempt', 'http_call') ORDER BY issue_no"
    )
    assert rows == [("clean", False), ("failed", True), ("clean", False), ("failed", True)]
    assert CANARY.encode() not in bytes_of_store(recording.store)
    errors = capfd.readouterr().err
    assert errors.count("without its content") == 1 and CANARY not in errors


def test_event_that_json_cannot_hold_costs_its_own_content_only(make: Callable[..., Recording]) -> None:
    """Others of the same batch are whole, and what they stored is there."""
    recording = make(linger_s=0.2)
    bad: Any = recording.backend
    first = recording.begin(b'{"messages":["first"]}')
    broken = recording.begin(b'{"messages":["broken"]}')
    assert first is not None and broken is not None and bad is not None
    broken.transport = object()  # type: ignore[assignment]
    recording.http(b'{"messages":["last"]}')
    recording.writer.close()
    assert recording.writer.status().failed_content == 1 and recording.writer.status().lost == 0
    requests = recording.rows("SELECT text_of(request_parts) FROM all_events WHERE kind = 'llm_attempt' ORDER BY issue_no")
    assert requests == [('{"messages":["first"]}',), ('{"messages":["last"]}',)]
    assert recording.count("http_call") == 1


def test_failure_of_the_recorder_itself_is_a_counted_loss(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks, the batch is a gap, and blobs of the lost batch are stored again when they are needed."""
    recording = make()
    recording.http(b'{"messages":["x"]}')
    with monkeypatch.context() as patched:
        patched.setattr(JournalSession, "append", lambda *_: (_ for _ in ()).throw(ZeroDivisionError(CANARY)))
        recording.http(b'{"messages":["lost"]}')
    recording.http(b'{"messages":["lost"]}')
    recording.writer.close()
    assert recording.gaps() == [(2, "ZeroDivisionError")]
    assert ('{"messages":["lost"]}',) in recording.rows("SELECT text_of(request_parts) FROM all_events WHERE kind = 'llm_attempt'")


# -- disks


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=["full", "read-only", "broken"])
@pytest.mark.parametrize("taken", [0, 50])
def test_disk_that_fails_for_a_while(
    make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: int, taken: int
) -> None:
    """The program goes on; one line on stderr; once the disk is back there is a gap row with the count, and all else is there."""
    monkeypatch.setattr(writer_module, "RETRY_DISK_S", 0.0)
    recording = make()
    for n in range(3):
        recording.http(b'{"messages":["before %d"]}' % n)
    with monkeypatch.context() as patched:
        break_writes(patched, error, taken=taken)
        for n in range(4):
            assert recording.http(b'{"messages":["during %d"]}' % n)
        recording.writer.flush()
    lost = recording.writer.status().lost
    assert lost == 8
    for n in range(3):
        recording.http(b'{"messages":["during %d"]}' % n)
    recording.writer.close()
    assert [lost for lost, _ in recording.gaps()] == [8]
    assert os.strerror(error) in recording.gaps()[0][1]
    errors = capfd.readouterr().err
    assert errors.count("records are being lost") == 1 and errors.count("\n") == 1
    requests = [
        row[0] for row in recording.rows("SELECT text_of(request_parts) FROM all_events WHERE kind = 'llm_attempt' ORDER BY issue_no")
    ]
    assert requests == [f'{{"messages":["before {n}"]}}' for n in range(3)] + [f'{{"messages":["during {n}"]}}' for n in range(3)]
    assert open_for_reading(recording.store).notes == []


def test_store_that_cannot_be_written_at_first(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """No journal can be made; calls are lost until it can, and are counted."""
    recording = make()
    hidden = recording.store + ".hidden"
    os.rename(recording.store, hidden)
    for _ in range(3):
        assert recording.http()
    recording.writer.flush()
    assert recording.writer.status().lost == 6
    assert not os.path.exists(recording.store)
    os.rename(hidden, recording.store)
    recording.writer._disk_retry_at = 0.0
    recording.http()
    recording.writer.close()
    assert recording.gaps() == [(6, f"[Errno 2] the store is gone: '{recording.store}'")]
    assert recording.count("llm_attempt") == 1


def test_steady_traffic_does_not_put_off_the_next_try(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed batch in between is no new failure of the disk."""
    monkeypatch.setattr(writer_module, "RETRY_DISK_S", 0.3)
    recording = make()
    hidden = recording.store + ".hidden"
    os.rename(recording.store, hidden)
    recording.http()
    recording.writer.flush()
    os.rename(hidden, recording.store)
    deadline = time.monotonic() + 10
    while recording.writer.status().events < 4 and time.monotonic() < deadline:
        recording.http()
        time.sleep(0.02)
    recording.writer.close()
    assert recording.count("llm_attempt") >= 1
    assert sum(lost for lost, _ in recording.gaps()) == recording.writer.status().lost > 2


def test_store_that_is_removed_while_recording(
    make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Losses are counted from then on; when it is back, later calls are whole though they resend what was lost."""
    import shutil

    monkeypatch.setattr(writer_module, "RETRY_DISK_S", 0.0)
    recording = make()
    recording.http(b'{"messages":["one"]}')
    shutil.copytree(recording.store, recording.store + ".copy")
    shutil.rmtree(recording.store)
    for _ in range(2):
        assert recording.http(b'{"messages":["one","two"]}')
    recording.writer.flush()
    assert recording.writer.status().lost == 4
    assert not os.path.exists(recording.store)
    shutil.copytree(recording.store + ".copy", recording.store)
    shutil.rmtree(os.path.join(recording.store, "journal", WRITER))
    recording.http(b'{"messages":["one","two","three"]}')
    recording.writer.close()
    assert [lost for lost, _ in recording.gaps()] == [4]
    assert recording.rows("SELECT text_of(request_parts) FROM all_events WHERE kind = 'llm_attempt'") == [
        ('{"messages":["one","two","three"]}',)
    ]
    assert capfd.readouterr().err.count("records are being lost") == 1


def test_span_that_was_open_when_the_store_vanished_is_in_the_next_file(
    make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is not without a beginning."""
    monkeypatch.setattr(writer_module, "RETRY_DISK_S", 0.0)
    recording = make()
    crossing = recording.begin(b'{"messages":["open"]}')
    assert crossing is not None
    recording.writer.flush()
    with monkeypatch.context() as patched:
        break_writes(patched, errno.EROFS)
        recording.http()
        recording.writer.flush()
    crossing.answered(200, JSON_HEADERS, "HTTP/1.1")
    crossing.finish("eof")
    recording.writer.close()
    rows = recording.rows(
        f"SELECT phase, request_method FROM all_events WHERE kind = 'llm_attempt' AND hex(span_id) = '{crossing.span.upper()}'"
    )
    assert ("end", "POST") in rows


# -- limits


def test_queue_is_bounded_and_loses_with_a_gap(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the program waits a little, then goes on unrecorded; output and decisions keep to the bound as well."""
    recording = make(queue_bytes=10_000, wait_s=0.05)
    stuck = Stuck(monkeypatch)
    taken = refused = 0
    for _ in range(8):
        crossing = recording.begin(b"{}" + b" " * 2000)
        taken, refused = taken + (crossing is not None), refused + (crossing is None)
    assert stuck.entered.wait(5)
    before = time.monotonic()
    for _ in range(3):
        recording.writer.put(lambda session: [session.encoder.output("stdout", b"x" * 9000, TRACE)], 9000)
    assert time.monotonic() - before < 3 * 0.05 + 1
    assert recording.writer._queued_bytes <= 10_000
    assert (taken, refused) == (4, 4)
    stuck.go.set()
    recording.http()
    recording.writer.close()
    assert recording.writer.status().lost == 7
    assert [(lost, "queue" in reason) for lost, reason in recording.gaps()] == [(7, True)]


def test_something_larger_than_the_queue_is_taken_when_it_is_empty(make: Callable[..., Recording]) -> None:
    """A bound must not make large requests impossible."""
    recording = make(queue_bytes=1000)
    assert recording.http(b"{}" + b" " * 50_000)
    recording.writer.close()
    assert recording.writer.status().lost == 0


def test_nobody_waits_longer_than_the_limit(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the disk does, for one caller or for many at once."""
    recording = make(wait_s=0.2, start_s=0.0)
    stuck = Stuck(monkeypatch)
    waits: list[float] = []

    def call() -> None:
        crossing = recording.begin()
        assert crossing is not None
        started = time.monotonic()
        crossing.finish("error")
        waits.append(time.monotonic() - started)

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(waits) == 6 and min(waits) > 0.15 and max(waits) < 1.0
    stuck.go.set()
    recording.writer.close()
    assert recording.count("llm_attempt") + recording.count("http_call") == 6


def test_first_call_waits_until_the_writer_has_started(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its imports and the first file may take longer than a call may wait otherwise; the answer is on record all the same."""
    recording = make(wait_s=0.0)
    real = recording.writer._make_session

    def slow() -> Any:
        time.sleep(0.4)
        return real()

    monkeypatch.setattr(recording.writer, "_make_session", slow)
    assert recording.http()
    assert b"chatcmpl-1" in bytes_of_store(recording.store)
    assert recording.writer.status().late == 0


def test_patience_ends_with_the_start(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that does not answer costs the first call its second, and later ones the usual limit; each is counted as late."""
    recording = make(wait_s=0.02, start_s=0.3)
    stuck = Stuck(monkeypatch)
    waits = []
    for _ in range(3):
        crossing = recording.begin()
        assert crossing is not None
        started = time.monotonic()
        crossing.finish("error")
        waits.append(time.monotonic() - started)
    assert 0.25 < waits[0] < 1 and max(waits[1:]) < 0.2
    assert recording.writer.status().late == 3
    stuck.go.set()
    recording.writer.flush()
    assert recording.writer._starting_until == 0.0


def test_slow_sync_holds_nothing_up(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk syncs, answers are still on record before the program has them."""
    recording = make(durability="group", group_s=0.0, wait_s=0.0, start_s=5.0)
    syncing, go = threading.Event(), threading.Event()
    monkeypatch.setattr("os.fdatasync", lambda _: (syncing.set(), go.wait(20)))
    assert recording.http()
    assert syncing.wait(10)
    recording.writer._limits = recording.limits._replace(wait_s=10.0)
    before = len(bytes_of_store(recording.store))
    started = time.monotonic()
    assert recording.http(b'{"messages":[{"role":"user","content":"meanwhile"}]}')
    assert time.monotonic() - started < 5 and len(bytes_of_store(recording.store)) > before
    assert recording.writer.status().late == 0
    go.set()


def test_sync_waits_longer_but_not_for_ever(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked for it gets ten times the patience."""
    recording = make(durability="sync", wait_s=0.03, start_s=0.0)
    stuck = Stuck(monkeypatch)
    crossing = recording.begin()
    assert crossing is not None
    started = time.monotonic()
    crossing.finish("error")
    assert 0.25 < time.monotonic() - started < 2
    stuck.go.set()


def test_waiting_threads_go_on_in_the_order_of_their_places(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """The order in which threads got their answers is the order that the record says."""
    recording = make(wait_s=10.0)
    stuck = Stuck(monkeypatch)
    order: list[int] = []
    woken: list[int] = []
    crossings = [recording.begin() for _ in range(12)]

    def finish(number: int) -> None:
        crossing = crossings[number]
        assert crossing is not None
        with handing_over:
            turn = threading.Thread(target=wait, args=(number,))
            order.append(number)
            turn.start()
            # The next one is handed over when this one has its place.
            while len(crossing.deliveries) == 0:
                time.sleep(0.001)
            threads.append(turn)

    def wait(number: int) -> None:
        crossing = crossings[number]
        assert crossing is not None
        crossing.finish("eof")
        woken.append(number)

    handing_over, threads = threading.Lock(), list[threading.Thread]()
    for number in (3, 0, 11, 5, 1, 2, 4, 10, 9, 6, 7, 8):
        finish(number)
    assert woken == []
    stuck.go.set()
    for thread in threads:
        thread.join(10)
    assert woken == order


# -- the end


def test_close_writes_what_is_queued_and_says_goodbye(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing twice does no harm."""
    recording = make(linger_s=0.5)
    for _ in range(20):
        recording.begin()
    recording.writer.close()
    recording.writer.close()
    assert recording.rows(
        "SELECT phase, count(*) FROM all_events WHERE kind IN ('process', 'http_call', 'llm_attempt') GROUP BY phase ORDER BY 1"
    ) == [
        ("begin", 20),
        ("end", 1),
    ]


def test_events_after_the_close_are_written_by_the_caller(make: Callable[..., Recording]) -> None:
    """At interpreter shutdown a program may still be at work; nothing is lost and the process has one row."""
    recording = make()
    crossing = recording.begin(b'{"messages":["last words"]}')
    assert crossing is not None
    recording.writer.close()
    time.sleep(0.05)
    crossing.answered(200, JSON_HEADERS, "HTTP/1.1")
    crossing.finish("eof")
    assert recording.begin() is not None
    journals = Path(recording.store, "journal", WRITER)
    assert len(os.listdir(journals)) == 2
    recording.writer._session.journal.close()
    assert recording.rows("SELECT phase FROM all_events WHERE kind = 'process'") == [("end",)]
    assert ("end",) in recording.rows("SELECT phase FROM all_events WHERE kind = 'llm_attempt'")


def test_disk_that_fails_after_the_close_does_not_raise(make: Callable[..., Recording]) -> None:
    """Not in the program's own shutdown."""
    recording = make()
    crossing = recording.begin()
    assert crossing is not None
    recording.writer.close()
    time.sleep(0.05)
    os.rename(recording.store, recording.store + ".moved")
    crossing.finish("eof")
    assert recording.writer.status().lost == 1


def test_exit_does_not_hang_on_a_disk_that_does(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing gives up after its limit, and so does every later word."""
    monkeypatch.setattr(writer_module, "_EXIT_WAIT_S", 0.2)
    recording = make(wait_s=0.05)
    stuck = Stuck(monkeypatch)
    crossing = recording.begin()
    assert crossing is not None and stuck.entered.wait(5)
    started = time.monotonic()
    recording.writer.close()
    assert 0.15 < time.monotonic() - started < 2
    started = time.monotonic()
    crossing.finish("eof")
    assert time.monotonic() - started < 2
    stuck.go.set()
    deadline = time.monotonic() + 10
    while recording.writer._running and time.monotonic() < deadline:
        time.sleep(0.01)
    # The disk answered after all: then nothing is missing.
    assert ("end",) in recording.rows("SELECT phase FROM all_events WHERE kind IN ('llm_attempt', 'http_call')")


def test_close_while_others_still_write_loses_nothing(make: Callable[..., Recording]) -> None:
    """Threads that end their calls in the moment of the close: each end is in the store or counted."""
    recording = make(wait_s=5.0)
    crossings = [recording.begin() for _ in range(300)]
    started = time.monotonic()

    def finish(some: list[Any]) -> None:
        for crossing in some:
            crossing.finish("eof")

    threads = [threading.Thread(target=finish, args=(crossings[n::6],)) for n in range(6)]
    for thread in threads:
        thread.start()
    recording.writer.close()
    for thread in threads:
        thread.join(20)
    assert time.monotonic() - started < 10
    time.sleep(0.1)
    recording.writer._session.journal.close()
    ended = recording.rows("SELECT count(DISTINCT span_id) FROM all_events WHERE kind IN ('llm_attempt', 'http_call') AND phase = 'end'")[
        0
    ][0]
    assert ended + recording.writer.status().lost == 300


def test_without_threads_the_caller_writes(make: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    """At interpreter shutdown no thread can be started any more."""
    monkeypatch.setattr(writer_module, "start_new_thread", lambda *_: (_ for _ in ()).throw(RuntimeError("can't start new thread")))
    recording = make()
    crossing = recording.begin(b'{"messages":["x"]}')
    assert crossing is not None
    crossing.finish("eof")
    recording.writer._session.journal.close()
    assert recording.rows("SELECT phase, text_of(request_parts) FROM all_events WHERE kind = 'llm_attempt'") == [
        ("end", '{"messages":["x"]}')
    ]


def test_forked_child_leaves_the_parent_s_journal_alone(make: Callable[..., Recording]) -> None:
    """Also with a call that was begun before the fork, and though some other thread held the writer's lock at that moment."""
    recording = make()
    crossing = recording.begin(b'{"messages":["parent"]}')
    assert crossing is not None
    recording.writer.flush()
    recording.writer._lock.acquire()
    child = os.fork()
    if child == 0:
        recording.writer.abandon()
        started = time.monotonic()
        crossing.finish("eof")
        recording.writer.flush()
        recording.writer.close()
        fine = recording.begin() is None and not recording.writer._session.journal.is_open and time.monotonic() - started < 1
        os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    recording.writer._lock.release()
    assert os.listdir(Path(recording.store, "journal", WRITER)) == ["000000.frj"]
    crossing.finish("eof")
    recording.http(b'{"messages":["parent again"]}')
    recording.writer.close()
    assert recording.writer.status().lost == 0
    rows = recording.rows("SELECT phase FROM all_events WHERE kind IN ('http_call', 'llm_attempt')")
    assert rows == [("end",), ("end",)]
