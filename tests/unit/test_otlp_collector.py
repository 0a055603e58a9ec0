"""`fr collect` inside: what waits and for how long, what is written once however often it comes, what survives, what is refused."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fr_replay.capture import open_store as make_store
from fr_replay.otlp.collector import Collector
from fr_replay.otlp.pending import Patience, Pending, weight_of
from fr_replay.otlp.server import CollectorServer, Limits
from fr_replay.otlp.signals import Signal
from fr_replay.otlp.spool import FOLDER, Spool
from fr_replay.otlp.wire import JSON, LOGS, TRACES, RequestRefused, read_request, read_value
from fr_replay.otlp.writing import TraceWriter
from fr_replay.store import open_store
from fr_schema.errors import BadInput

sys.path.insert(0, str(Path(__file__).resolve().parent))

import otlp_samples as samples

INPUT = json.dumps(
    [{"role": "user", "parts": [{"type": "text", "content": "call 555 about sk-" + "proj-" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4"}]}]
)
NEVER = 1000.0


def signals(*spans: dict[str, Any], records: tuple[dict[str, Any], ...] = ()) -> list[Signal]:
    return [*read_value(TRACES, samples.traces(*spans)).signals, *read_value(LOGS, samples.logs(*records)).signals]


class Place:
    """A store and collectors into it, one after the other; what they say is kept."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "store")
        self.said: list[str] = []
        self._open: list[Collector] = []

    def collector(self, *, settle_s: float = NEVER, most_bytes: int = 64 << 20) -> Collector:
        made = Collector(self.path, settle_s=settle_s, most_bytes=most_bytes, tell=self.said.append)
        self._open.append(made)
        return made

    def send(self, collector: Collector, *spans: dict[str, Any], records: tuple[dict[str, Any], ...] = ()) -> None:
        for kind, request in ((TRACES, samples.traces(*spans)), (LOGS, samples.logs(*records))):
            collector.take(read_value(kind, request))

    def stop(self, collector: Collector) -> None:
        """As a kill would: nothing more is written, and another may have the store."""
        collector._stop.set()
        collector._thread.join()
        if collector._spool._file is not None:
            collector._spool._file.close()
        os.close(collector._spool._lock)
        self._open.remove(collector)

    def close(self, collector: Collector) -> None:
        collector.close()
        self._open.remove(collector)

    def rows(self, sql: str = "SELECT kind, lower(hex(span_id)) FROM all_events ORDER BY 1, 2") -> list[tuple[Any, ...]]:
        opened = open_store(self.path)
        try:
            return opened.rows(sql)[1]
        finally:
            opened.close()

    def finish(self) -> None:
        for collector in list(self._open):
            self.close(collector)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.finish()


ROOT = samples.span({}, span_id=samples.ROOT, name="handle", took_ms=50)
CALL = samples.span({**samples.CHAT, "gen_ai.input.messages": INPUT}, parent=samples.ROOT, at_ms=1)


# -- waiting


def pending(*made: Signal, at: float = 0.0) -> Pending:
    waiting = Pending(Patience.of(5.0))
    waiting.add(made, at, map(weight_of, made))
    return waiting


def test_a_trace_with_its_root_waits_a_little() -> None:
    """Exporters of spans and of log records take turns of some seconds."""
    waiting = pending(*signals(ROOT, CALL))
    assert waiting.take(4.9) == {} and waiting.count == 2
    assert len(waiting.take(5.0)[samples.TRACE]) == 2 and (waiting.count, waiting.weight) == (0, 0)


def test_a_trace_without_its_root_waits_longer() -> None:
    """The root ends last, and is sent last."""
    waiting = pending(*signals(CALL))
    assert waiting.take(14.9) == {} and len(waiting.take(15.0)[samples.TRACE]) == 1


def test_a_trace_that_goes_on_comes_in_pieces() -> None:
    """What came a while ago is taken, and what has just come waits for its log records."""
    waiting = pending(*signals(CALL))
    for second in range(1, 60):
        later = signals(samples.span(samples.CHAT, span_id=f"{second:016x}", parent=samples.ROOT))
        waiting.add(later, float(second), map(weight_of, later))
        taken = waiting.take(float(second)).get(samples.TRACE, [])
        assert len(taken) == (46 if second == 50 else 0)
    assert waiting.count == 14


def test_log_records_wait_for_their_span() -> None:
    """However long that takes, up to an hour; with the span they go together."""
    record = samples.log("gen_ai.user.message", {"content": "x"})
    waiting = pending(*signals(records=(record,)))
    assert waiting.take(100.0, all_spans=True) == {}
    later = signals(CALL)
    waiting.add(later, 101.0, map(weight_of, later))
    assert [signal.is_log for signal in waiting.take(102.0, all_spans=True)[samples.TRACE]] == [True, False]
    assert len(pending(*signals(records=(record,))).take(3600.0)[samples.TRACE]) == 1


# -- rows


def test_a_trace_becomes_rows(place: Place) -> None:
    """Under our id, with the ids that it came with, redacted, and never called replayable."""
    collector = place.collector()
    place.send(collector, ROOT, CALL)
    collector.flush(all_spans=True)
    assert place.rows() == [("llm_call", samples.CALL), ("span", samples.ROOT)]
    ((ext, parent, level, missing, tokens, source, service),) = place.rows(
        "SELECT lower(hex(ext_trace_id)), lower(hex(parent_span_id)), replay_level, replay_missing, tokens_in, capture_source, service"
        " FROM all_events WHERE kind = 'llm_call'"
    )
    assert (ext, parent, level, tokens, source, service) == (samples.TRACE, samples.ROOT, "semantic", 54, "otel", "desk")
    assert any("exchange" in reason for reason in missing) and any("answered" in reason for reason in missing)
    assert "sk-proj" not in str(place.rows("SELECT decode(data) FROM all_blobs WHERE text"))
    assert "555" in str(place.rows("SELECT decode(data) FROM all_blobs WHERE text"))


def test_no_content_is_no_content(place: Place) -> None:
    """A span without messages is a call with replay level none, and says what is missing."""
    collector = place.collector()
    place.send(collector, samples.span(samples.CHAT))
    collector.flush(all_spans=True)
    ((level, missing, blobs, status),) = place.rows("SELECT replay_level, replay_missing, message_blobs, status FROM all_events")
    assert (level, blobs, status) == ("none", None, "ok") and len(missing) == 3


def test_sent_again_it_is_written_once(place: Place) -> None:
    """In one request, later, after a kill, and to a collector that starts anew."""
    record = samples.log("gen_ai.user.message", {"content": "x"})
    first = place.collector()
    place.send(first, ROOT, CALL, CALL, records=(record, record))
    first.flush(all_spans=True)
    place.send(first, ROOT, CALL, records=(record,))
    first.flush(all_spans=True)
    before = place.rows()
    assert before == [("llm_call", samples.CALL), ("span", samples.ROOT)]
    place.stop(first)
    second = place.collector()
    place.send(second, ROOT, CALL)
    second.flush(all_spans=True)
    place.close(second)
    assert place.rows() == before


def test_forgotten_traces_are_looked_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many are remembered; those that began later than all that were forgotten need no look into the store."""
    from fr_replay.otlp import writing

    monkeypatch.setattr(writing, "_REMEMBERED", 2)
    asked: list[int] = []
    learn = TraceWriter._learn
    monkeypatch.setattr(TraceWriter, "_learn", lambda self, near, ids: (asked.append(len(ids)), learn(self, near, ids)))
    now_ms = int(time.time() * 1000) - samples.STARTED_NS // samples.MILLISECOND
    collector = place.collector()
    made = [samples.span(samples.CHAT, trace=f"{n:032x}", at_ms=now_ms + n * 1_200_000) for n in range(1, 5)]
    for one in [*made, *made[:1], *made[3:]]:
        place.send(collector, one)
        collector.flush(all_spans=True)
    assert place.rows("SELECT count(*) FROM all_events") == [(4,)] and asked == [1]


def test_a_later_piece_joins_its_trace(place: Place) -> None:
    """Also in another process: one trace of theirs is one of ours."""
    first = place.collector()
    place.send(first, CALL)
    place.close(first)
    second = place.collector()
    place.send(second, ROOT, samples.span(samples.CHAT, span_id="1" * 16, parent=samples.ROOT, at_ms=9))
    place.close(second)
    assert place.rows("SELECT count(*), count(DISTINCT trace_id), count(DISTINCT ext_trace_id) FROM all_events") == [(3, 1, 1)]


def test_a_tool_result_is_seen_once(place: Place) -> None:
    """Though each later piece of a conversation shows it again."""
    asked = {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "look_up", "arguments": {"city": "Oslo"}}]}
    shown = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "12 degrees"}]}
    messages = {**samples.CHAT, "gen_ai.input.messages": json.dumps([asked, shown])}
    collector = place.collector()
    for number in (1, 2):
        place.send(collector, samples.span(messages, span_id=f"{number:016x}", parent=samples.ROOT, at_ms=number))
        collector.flush(all_spans=True)
    place.close(collector)
    assert place.rows("SELECT kind, count(*) FROM all_events GROUP BY 1 ORDER BY 1") == [("llm_call", 2), ("tool_seen", 1)]


def test_one_call_seen_by_two_instrumentations_counts_once(place: Place) -> None:
    """The inner span is the call, the outer one a stretch, whichever comes first."""
    collector = place.collector()
    place.send(collector, samples.span(samples.CHAT, span_id="2" * 16, parent="1" * 16, at_ms=1))
    collector.flush(all_spans=True)
    place.send(collector, samples.span(samples.CHAT, span_id="1" * 16))
    place.close(collector)
    assert place.rows() == [("llm_call", "2" * 16), ("span", "1" * 16)]


def test_late_log_records_are_kept(place: Place) -> None:
    """Their span has its row already: they get one below it, once."""
    late = samples.log("gen_ai.choice", {"message": {"content": "late"}})
    collector = place.collector()
    place.send(collector, CALL)
    collector.flush(all_spans=True)
    for _ in range(2):
        place.send(collector, records=(late,))
        collector._pending._patience = Patience(0, 0, 0, 0)
        collector.flush(all_spans=True)
    place.close(collector)
    ((parent, detail),) = place.rows("SELECT lower(hex(parent_span_id)), detail FROM all_events WHERE kind = 'span'")
    assert parent == samples.CALL and json.loads(detail)["logs"][0]["body"] == {"message": {"content": "late"}}


SECRETS = {
    "http.request.header.authorization": ["Bearer abc.def.ghi"],
    "http.request.header.x-api-key": ["hunter2hunter2"],
    "http.request.header.cookie": ["session=hunter3"],
    "http.response.header.set-cookie": ["session=hunter3"],
    "rpc.grpc.request.metadata.authorization": ["Basic aHVudGVyMg=="],
    "db.password": "hunter4",
    "gen_ai.headers": '{"authorization": "Bearer abc.def.ghi"}',
    "llm.invocation_parameters": '{"api_key": "hunter5-hunter5"}',
    "user.email": "ann@example.com",
}


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_in_attributes(place: Place, name: str) -> None:
    """Headers, fields and patterns, in the spool and in the store; of any kind of span."""
    value: Any = SECRETS[name]
    secret = value[0].removeprefix("Bearer ").removeprefix("Basic ").removeprefix("session=") if isinstance(value, list) else value
    secret = next((word for word in ("abc.def.ghi", "hunter5-hunter5") if word in secret), secret)
    collector = place.collector()
    place.send(collector, samples.span({name: value}), samples.span({**samples.CHAT, name: value}, span_id="5" * 16))
    waiting = json.dumps([dict(signal.attributes) for signal in collector._pending.signals()])
    place.close(collector)
    assert secret not in waiting
    assert secret not in str(place.rows("SELECT * FROM all_events")) + str(place.rows("SELECT data FROM all_blobs"))


def test_users_are_pseudonyms(place: Place) -> None:
    """The same as those of recorded traces, and the name itself is nowhere."""
    collector = place.collector()
    place.send(collector, samples.span({**samples.CHAT, "user.id": "ann@example.com"}))
    left = (Path(place.path) / FOLDER / "pending.spool").read_bytes()
    place.close(collector)
    ((user,),) = place.rows("SELECT user_ref FROM all_events")
    assert user == collector._encoder.pseudonym("ann@example.com")
    assert b"ann@example.com" not in left and "ann@example" not in str(place.rows("SELECT * FROM all_events"))


def test_what_cannot_be_mapped_is_kept_as_it_came(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapping that fails costs the columns of its trace, and no other trace anything."""
    from fr_replay.otlp import writing

    mapped = writing.items_of

    def failing(some: list[Signal], *more: Any) -> Any:
        if some[0].trace_id == samples.TRACE:
            raise KeyError("odd")
        return mapped(some, *more)

    monkeypatch.setattr(writing, "items_of", failing)
    collector = place.collector()
    place.send(collector, CALL, samples.span(samples.CHAT, trace="1" * 32))
    collector.flush(all_spans=True)
    assert place.rows("SELECT kind FROM all_events ORDER BY 1") == [("llm_call",), ("span",)]
    assert any(samples.TRACE in line and "odd" in line for line in place.said)
    assert "555" in str(place.rows("SELECT detail FROM all_events WHERE kind = 'span'"))


def test_a_redaction_that_fails_leaves_the_content_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the span was there is kept, and nothing that it says."""
    collector = place.collector()

    def failing(*_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(collector._redactor, "value", failing)
    place.send(collector, CALL)
    monkeypatch.undo()
    place.close(collector)
    assert [row[0] for row in place.rows()] == ["span"]
    assert "555" not in str(place.rows("SELECT * FROM all_events")) and "left out" in str(place.rows("SELECT detail FROM all_events"))


# -- durability


def test_what_was_acknowledged_survives_a_kill(place: Place) -> None:
    """The next collector takes it up, and what became rows before the kill it does not take up again."""
    record = samples.log("gen_ai.user.message", {"content": "x"})
    other = samples.span(samples.CHAT, trace="1" * 32)
    first = place.collector()
    place.send(first, CALL, records=(record,))
    first.flush(all_spans=True)
    place.send(first, other)
    place.stop(first)
    second = place.collector()
    assert second.left == 1
    place.close(second)
    assert place.rows("SELECT count(*), count(DISTINCT ext_trace_id) FROM all_events") == [(2, 2)]


def test_a_torn_end_of_the_spool_is_left_aside(tmp_path: Path) -> None:
    """A kill in the middle of a write: what was whole before it is there, and the file can be added to."""
    store = str(tmp_path / "store")
    make_store(store)
    spool = Spool(store)
    assert spool.read() == []
    spool.add(signals(ROOT))
    spool.add(signals(CALL))
    spool.close()
    path = Path(store, FOLDER, "pending.spool")
    whole = path.read_bytes()
    for cut in range(1, 40, 7):
        path.write_bytes(whole[:-cut])
        again = Spool(store)
        assert [signal.span_id for signal in again.read()] == [samples.ROOT] and again.torn is not None
        again.add(signals(CALL))
        again.close()
        last = Spool(store)
        assert len(last.read()) == 2 and last.torn is None
        last.close()


def test_the_spool_does_not_grow_without_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """While some signals always wait, what has become rows is taken out of it."""
    from fr_replay.otlp import collector as collecting

    monkeypatch.setattr(collecting, "_LOOSE_BYTES", 20_000)
    collector = place.collector()
    place.send(collector, records=(samples.log("gen_ai.choice", {"message": "waits"}),))
    largest = 0
    for number in range(1, 13):
        words = " ".join(f"{(number * place_) ** 3 % 9973}" for place_ in range(1, 2_000))
        place.send(collector, samples.span({"text": words}, trace=f"{number:032x}"))
        largest = max(largest, collector._spool.size)
        collector.flush(all_spans=True)
    assert 20_000 < largest < 60_000 and collector.counts().waiting == 1 and collector.counts().rows == 12


def test_two_collectors_do_not_share_a_store(place: Place) -> None:
    """The second says so, and what to do."""
    place.collector()
    with pytest.raises(BadInput, match="another fr collect"):
        place.collector()


def test_a_disk_that_fails_costs_nothing_that_was_acknowledged(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are tried again, once it is told; a request that cannot be kept is answered with 503."""
    collector = place.collector()
    place.send(collector, CALL)

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(TraceWriter, "write", full)
        collector.flush(all_spans=True)
        collector.flush(all_spans=True)
        patch.setattr(os, "fsync", full)
        with pytest.raises(RequestRefused) as caught:
            place.send(collector, ROOT)
        assert caught.value.status == 503 and caught.value.retry_s
    assert len(place.said) == 1 and "No space left" in place.said[0] and place.rows() == []
    collector.flush(all_spans=True)
    assert place.rows() == [("llm_call", samples.CALL)] and "again" in place.said[-1]


def test_an_encrypted_store_has_an_encrypted_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing readable lies on the disk while signals wait, nor after."""
    monkeypatch.setenv("FR_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("TEST_KEK", "ab" * 32)
    monkeypatch.setenv("FR_ENCRYPT", "env:TEST_KEK")
    place = Place(tmp_path)
    first = place.collector()
    place.send(first, samples.span({**samples.CHAT, "gen_ai.input.messages": '[{"role":"user","content":"Rosebud"}]', "odd": "Rosebud"}))
    spooled = (Path(place.path) / FOLDER / "pending.spool").read_bytes()
    place.stop(first)
    second = place.collector()
    assert second.left == 1
    place.close(second)
    stored = b"".join(path.read_bytes() for path in Path(place.path).rglob("*") if path.is_file())
    assert b"Rosebud" not in stored and spooled[4] == 1
    assert "Rosebud" in str(place.rows("SELECT detail FROM all_events")) and "Rosebud" in str(
        place.rows("SELECT blob_text(lower(hex(m))) FROM (SELECT unnest(message_blobs) AS m FROM all_events)")
    )


# -- limits


def test_more_than_may_wait_is_refused_until_it_is_written(place: Place) -> None:
    """429 with a time to come back; then there is room again, since what waits is written in a hurry."""
    collector = place.collector(most_bytes=40_000)
    sent = 0
    with pytest.raises(RequestRefused) as caught:
        for number in range(1, 100):
            place.send(collector, samples.span({"text": "x" * 5_000}, trace=f"{number:032x}"))
            sent += 1
    assert caught.value.status == 429 and caught.value.retry_s and 3 < sent < 20
    collector.flush()
    place.send(collector, CALL)
    place.close(collector)
    assert place.rows("SELECT count(*) FROM all_events") == [(sent + 1,)]


class Served:
    """A collector behind HTTP."""

    def __init__(self, place: Place, limits: Limits) -> None:
        self.collector = place.collector()
        self.server = CollectorServer(("127.0.0.1", 0), self.collector, limits)
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
        """Status, headers and parsed answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=20)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, answer.headers, json.loads(data) if answer.headers["content-type"] == JSON and data else data

    def raw(self, data: bytes) -> bytes:
        """What is answered to bytes after which nothing comes."""
        with socket.create_connection(("127.0.0.1", self.server.server_address[1]), timeout=20) as made:
            made.sendall(data)
            made.shutdown(socket.SHUT_WR)
            answered = b""
            while piece := made.recv(65536):
                answered += piece
        return answered

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def served(place: Place) -> Iterator[Served]:
    made = Served(place, Limits(100_000))
    yield made
    made.close()


BODY = json.dumps(samples.traces(ROOT, CALL)).encode()
TYPED = {"content-type": JSON}


def test_a_request_is_answered_once_it_is_durable(served: Served, place: Place) -> None:
    """In its own encoding; the spool has it by then."""
    assert served.ask("POST", "/v1/traces", gzip.compress(BODY), {**TYPED, "content-encoding": "gzip"})[::2] == (200, {})
    spool = Path(place.path) / FOLDER / "pending.spool"
    assert spool.stat().st_size > 0
    assert served.ask("GET", "/")[2]["spans"] == 2
    assert served.ask("POST", "/v1/metrics", b"\x00", {"content-type": "application/x-protobuf"})[::2] == (200, b"")


REFUSED = {
    "another path": (404, "POST", "/v1/profiles", BODY, TYPED),
    "another method": (405, "GET", "/v1/traces", None, {}),
    "another type": (415, "POST", "/v1/traces", BODY, {"content-type": "text/plain"}),
    "another encoding": (415, "POST", "/v1/traces", BODY, {**TYPED, "content-encoding": "br"}),
    "not JSON": (400, "POST", "/v1/traces", b"{", TYPED),
    "too large": (413, "POST", "/v1/traces", b" " * 100_001, TYPED),
    "a bomb": (413, "POST", "/v1/logs", gzip.compress(bytes(30 << 20)), {**TYPED, "content-encoding": "gzip"}),
}


@pytest.mark.parametrize(("status", "method", "path", "body", "headers"), REFUSED.values(), ids=REFUSED)
def test_refusals_have_a_reason(served: Served, status: int, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> None:
    """As OTLP's status message; the server goes on serving."""
    answered, _, said = served.ask(method, path, body, headers)
    assert answered == status and said["message"]
    assert served.ask("POST", "/v1/traces", BODY, TYPED)[0] == 200


def test_a_protobuf_sender_is_told_in_protobuf(served: Served) -> None:
    """``google.rpc.Status``: code 3 in field 1, the reason in field 2."""
    _, headers, said = served.ask("POST", "/v1/traces", b"\xff" * 9, {"content-type": "application/x-protobuf"})
    assert headers["content-type"] == "application/x-protobuf" and said[:3] == b"\x08\x03\x12" and b"protobuf" in said


ODD = {
    "no length": b"POST /v1/traces HTTP/1.1\r\ncontent-type: application/json\r\n\r\n",
    "a length that is none": b"POST /v1/traces HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
    "cut off": b"POST /v1/traces HTTP/1.1\r\ncontent-length: 50\r\n\r\n{}",
    "chunks without sizes": b"POST /v1/traces HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "chunks cut off": b"POST /v1/traces HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n50\r\n{}",
    "a chunk too large": b"POST /v1/traces HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01",
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_odd_requests_end_with_4xx(served: Served, data: bytes) -> None:
    """Whatever is wrong on the wire, the answer is a status of the client's, and the next request is served."""
    assert b" 4" in served.raw(data).split(b"\r\n")[0] or data.startswith(b"\x16")
    assert served.ask("POST", "/v1/traces", BODY, TYPED)[0] == 200


def test_chunked_bodies_are_read(served: Served) -> None:
    """As some senders in other languages send them."""
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(BODY[at : at + 100]), BODY[at : at + 100]) for at in range(0, len(BODY), 100))
    head = b"POST /v1/traces HTTP/1.1\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    assert served.raw(head + pieces + b"0\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert served.collector.counts().spans == 2


def test_too_many_at_once_are_told_to_come_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with retry-after, rather than one more body in memory."""
    from fr_replay.otlp import server

    monkeypatch.setattr(server, "_WAIT_S", 0.05)
    made = Served(place, Limits(100_000, at_once=1))
    try:
        made.server.reading.acquire()
        status, headers, _ = made.ask("POST", "/v1/traces", BODY, TYPED)
        assert status == 429 and headers["retry-after"]
        made.server.reading.release()
        assert made.ask("POST", "/v1/traces", BODY, TYPED)[0] == 200
    finally:
        made.close()


def test_senders_at_the_same_time(served: Served, place: Place) -> None:
    """Each span that was acknowledged has a row, whoever sent it and how often."""

    def sender(number: int) -> None:
        for turn in range(20):
            made = samples.span(samples.CHAT, trace=f"{number + 1:032x}", span_id=f"{turn // 2 + 1:016x}")
            assert served.ask("POST", "/v1/traces", json.dumps(samples.traces(made)).encode(), TYPED)[0] == 200
            if turn % 7 == 0:
                served.collector.flush(all_spans=True)

    threads = [threading.Thread(target=sender, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    served.collector.flush(all_spans=True)
    assert place.rows("SELECT count(*), count(DISTINCT (trace_id, span_id)), count(DISTINCT trace_id) FROM all_events") == [(40, 40, 4)]


def test_rows_come_by_themselves(place: Place) -> None:
    """Once a trace has settled, without anybody asking."""
    collector = place.collector(settle_s=0.1)
    collector.take(read_request(TRACES, JSON, BODY))
    ends = time.monotonic() + 30
    while collector.counts().rows < 2 and time.monotonic() < ends:
        time.sleep(0.05)
    assert collector.counts().rows == 2 and collector.counts().waiting == 0
