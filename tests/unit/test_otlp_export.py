"""`fr export --otlp` and `fr import otlp`: spans as OpenTelemetry has them, sent with patience, and read back."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import fr_replay
from fr_replay.cli.main import main
from fr_replay.exporting.otlp_names import ATTRIBUTES, AttributeName
from fr_replay.exporting.otlp_sending import NotSent, endpoint_of, send_requests
from fr_replay.otlp.wire import TRACES, read_value
from fr_replay.store import open_store
from fr_schema.columns import EVENT_COLUMNS
from fr_schema.errors import BadInput

sys.path.insert(0, str(Path(__file__).resolve().parent))

import otlp_samples as samples

QUESTION = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Where is Rosebud?"}]}])
ANSWER = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "At the station."}], "finish_reason": "stop"}])
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look_up", "gen_ai.tool.call.id": "c1"}
CONTENT = {"gen_ai.input.messages": QUESTION, "gen_ai.output.messages": ANSWER}
TRACE = samples.traces(
    samples.span({"odd": 1, "session.id": "s-1"}, span_id=samples.ROOT, name="handle", took_ms=50),
    samples.span({**samples.CHAT, **CONTENT, "gen_ai.response.time_to_first_chunk": 0.25}, parent=samples.ROOT, at_ms=1),
    samples.span(
        {**TOOL, "gen_ai.tool.call.arguments": '{"city":"Oslo"}', "gen_ai.tool.call.result": "12"}, span_id="3" * 16, parent=samples.ROOT
    ),
    samples.span({}, span_id="4" * 16, parent="9" * 16, name="failed", status={"code": 2, "message": "bad"}),
    resource={"service.name": "desk", "odd.resource": "r"},
)


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with one trace, imported."""
    (tmp_path / "trace.json").write_text(json.dumps(TRACE))
    fr_replay.import_file("otlp", tmp_path / "trace.json", tmp_path / "store")
    return str(tmp_path / "store")


def exported(store: str, *, content: bool) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Spans and their plain attributes by name, without the root of the import."""
    found = {}
    for request in fr_replay.export("last", "otlp", store, content=content):
        received = read_value(TRACES, request)
        assert received.rejected == 0
        raw = [span for group in request["resourceSpans"] for scoped in group["scopeSpans"] for span in scoped["spans"]]
        for signal, span in zip(received.signals, raw, strict=True):
            if signal.attributes["fr.capture_source"] != "import":
                found[signal.name] = span, dict(signal.attributes)
    return found


def test_an_imported_trace_has_a_root_of_ours(store: str) -> None:
    """A file need not hold the whole of a trace: what has no parent in it hangs below the root."""
    opened = open_store(store)
    rows = opened.rows("SELECT kind, name, lower(hex(span_id)), lower(hex(parent_span_id)), capture_source FROM all_events ORDER BY seq")[1]
    opened.close()
    (root,) = [row[2] for row in rows if row[4] == "import"]
    parents = {row[1]: row[3] for row in rows if row[4] != "import"}
    assert parents["handle"] == parents["failed"] == root and parents["chat"] == samples.ROOT
    assert sorted(row[0] for row in rows) == ["llm_call", "span", "span", "span", "tool_call"]


def test_importing_again_is_noticed(store: str, tmp_path: Path) -> None:
    """As with every format."""
    assert [trace.skipped for trace in fr_replay.import_file("otlp", tmp_path / "trace.json", store)] == [True]


BAD = {
    "an object without spans": ('{"a": 1}', "resourceSpans"),
    "no JSON": ("{", "JSON"),
    "no span in it": ('{"resourceSpans": []}', "no span"),
    "a span that is none": (json.dumps(samples.traces({})), "span id"),
    "a list of numbers": ("[1]", "item 1"),
}


@pytest.mark.parametrize(("text", "word"), BAD.values(), ids=BAD)
def test_files_that_are_no_otlp(tmp_path: Path, text: str, word: str) -> None:
    """They are named with what is wrong."""
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(BadInput, match=r"x\.json") as caught:
        fr_replay.import_file("otlp", tmp_path / "x.json", tmp_path / "store")
    assert word in caught.value.one_line()


def test_spans_have_current_names_and_no_content(store: str) -> None:
    """Ids, times, parents and names are as they came; content is only hashes."""
    spans = exported(store, content=False)
    span, attributes = spans["chat gpt-4o-mini"]
    assert (span["traceId"], span["spanId"], span["parentSpanId"]) == (samples.TRACE, samples.CALL, samples.ROOT)
    assert int(span["startTimeUnixNano"]) == samples.STARTED_NS + samples.MILLISECOND
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == 5 * samples.MILLISECOND
    assert attributes["gen_ai.operation.name"] == "chat" and attributes["gen_ai.provider.name"] == "openai"
    assert attributes["gen_ai.response.time_to_first_chunk"] == 0.25 and attributes["gen_ai.conversation.id"] == "s-1"
    assert attributes["gen_ai.response.finish_reasons"] == ["stop"] and len(attributes["fr.messages_sha256"]) == 64
    assert spans["execute_tool look_up"][1]["gen_ai.tool.call.id"] == "c1" and spans["handle"][1]["odd"] == 1
    assert spans["failed"][0]["status"] == {"code": 2, "message": "bad"}
    assert "Rosebud" not in json.dumps(spans) and "Oslo" not in json.dumps(spans)


def test_content_is_there_where_it_is_asked_for(store: str) -> None:
    """Messages with parts, as the conventions have them; arguments and results of tools."""
    spans = exported(store, content=True)
    attributes = spans["chat gpt-4o-mini"][1]
    assert json.loads(attributes["gen_ai.input.messages"]) == json.loads(QUESTION)
    assert json.loads(attributes["gen_ai.output.messages"]) == json.loads(ANSWER)
    assert json.loads(spans["execute_tool look_up"][1]["gen_ai.tool.call.arguments"]) == {"city": "Oslo"}


@pytest.mark.parametrize("row", ATTRIBUTES, ids=lambda row: row.column)
def test_each_attribute_is_of_a_column(row: AttributeName) -> None:
    """A column that exists, and no attribute twice."""
    assert row.column in {column.name for column in EVENT_COLUMNS}
    assert [other.attribute for other in ATTRIBUTES].count(row.attribute) == 1


# -- sending


class Answers(HTTPServer):
    """A collector that answers as it is told to, and keeps what it is sent."""

    def __init__(self, answers: list[tuple[int, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.answers = answers
        self.sent: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answering(BaseHTTPRequestHandler):
    server: Answers

    def log_message(self, format: str, *args: Any) -> None:
        """No line per request."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.sent.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status, answer = self.server.answers.pop(0) if self.server.answers else (200, b"{}")
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def collector() -> Iterator[Answers]:
    made = Answers([])
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def test_spans_are_sent_with_headers(
    store: str, collector: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON under gzip, to OTLP's own path, with the headers of OpenTelemetry's own variable."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc,x-team=blue")
    assert main(["export", "last", "--otlp", collector.url, "--store", store]) == 0
    (path, headers, body), *more = collector.sent
    assert path == "/v1/traces" and headers["authorization"] == "Bearer abc" and headers["x-team"] == "blue"
    spans = [
        span
        for data in (body, *(sent[2] for sent in more))
        for group in json.loads(gzip.decompress(data))["resourceSpans"]
        for scoped in group["scopeSpans"]
        for span in scoped["spans"]
    ]
    assert len(spans) == 5 and "sent 5 spans" in capsys.readouterr().err


def test_a_collector_that_is_busy_is_asked_again(collector: Answers) -> None:
    """As long as it says so, a few times; waiting longer each time."""
    waited: list[float] = []
    collector.answers = [(503, b""), (429, b"")]
    assert send_requests([TRACE], collector.url, wait=waited.append) == 4
    assert len(waited) == 2 and waited[0] < waited[1]
    collector.answers = [(503, b"")] * 9
    with pytest.raises(NotSent, match="503"):
        send_requests([TRACE], collector.url, wait=waited.append)


@pytest.mark.parametrize(
    ("answer", "word"), [((400, b"nonsense"), "nonsense"), ((200, b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"odd"}}'), "odd")]
)
def test_what_is_not_taken_is_told(
    store: str, collector: Answers, answer: tuple[int, bytes], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the collector's reason, in one line, and exit code 2."""
    collector.answers = [answer]
    assert main(["export", "last", "--otlp", collector.url, "--store", store]) == 2
    said = capsys.readouterr().err.strip()
    assert word in said and "\n" not in said


COMMANDS = {
    "nobody there": (["--otlp", "http://127.0.0.1:9"], "cannot be reached"),
    "two places": (["--otlp", "x.otlp", "-o", "y"], "--otlp"),
    "another format": (["--otlp", "x.otlp", "--to", "har"], "--otlp"),
    "content of another format": (["--to", "har", "--content"], "--content"),
    "no address": (["--otlp", "http://"], "address"),
}


@pytest.mark.parametrize(("options", "word"), COMMANDS.values(), ids=COMMANDS)
def test_bad_commands(store: str, options: list[str], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 2."""
    assert main(["export", "last", "--store", store, *options]) == 2
    said = capsys.readouterr().err.strip()
    assert word in said and "\n" not in said


def test_a_bad_variable_is_told(collector: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than sent without what it was to say; its value is not shown."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Bearer secret")
    with pytest.raises(BadInput, match="name=value"):
        try:
            send_requests([TRACE], collector.url)
        except BadInput as error:
            raise BadInput(error.one_line()) from None


def test_a_file_holds_the_same(store: str, tmp_path: Path) -> None:
    """One request a line, which `fr import otlp` reads back as the same trace."""
    path = tmp_path / "out.otlp.jsonl"
    assert main(["export", "last", "--otlp", str(path), "--content", "--store", store]) == 0
    (again,) = fr_replay.import_file("otlp", path, tmp_path / "other")
    opened = open_store(str(tmp_path / "other"))
    assert opened.rows("SELECT model_resolved, tokens_in, blob_text(output_blob) FROM calls")[1] == [
        ("gpt-4o-mini-2024-07-18", 54, "At the station.")
    ]
    opened.close()
    assert not again.skipped


def test_endpoints() -> None:
    """An address without a path gets OTLP's own; one with a path is taken as it is."""
    assert endpoint_of("http://h:4318") == endpoint_of("http://h:4318/") == "http://h:4318/v1/traces"
    assert endpoint_of("https://h/otel/v1/traces") == "https://h/otel/v1/traces"
