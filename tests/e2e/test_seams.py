"""Real SDKs and client libraries, bare and recorded: the program gets the same, and the record holds what the server saw."""

import gzip
import hashlib
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import brotli
import pytest
import zstandard
from plain_parquet import PlainStore, Row
from recording import AGENTS, PROGRAMS, Finished, Workspace
from scripted_upstream import ScriptedUpstream
from transcripts import normalised

pytestmark = pytest.mark.e2e

SEED = 5


class Calls(NamedTuple):
    """What kind of model calls an agent makes, and how many: operation, streamed, status, finish reason."""

    agent: str
    calls: dict[tuple[str, bool | None, str, str | None], int]
    resolved: str | None
    fixed: dict[str, object]


AGENT_CALLS = (
    Calls(
        "openai_chat",
        {
            ("chat", False, "ok", "stop"): 10,
            ("chat", False, "ok", "tool_calls"): 3,
            ("chat", True, "ok", "stop"): 2,
            ("chat", True, "ok", "tool_calls"): 1,
            ("chat", True, "abandoned", None): 1,
            ("embeddings", None, "ok", None): 1,
        },
        "gpt-x-2026-01-01",
        {"api_flavor": "openai.chat", "provider": "openai", "transport": "httpx2"},
    ),
    Calls(
        "openai_responses",
        {
            ("chat", False, "ok", "stop"): 10,
            ("chat", False, "ok", "tool_calls"): 1,
            ("chat", True, "ok", "stop"): 2,
            ("chat", True, "ok", "tool_calls"): 1,
            ("chat", True, "ok", "refusal"): 1,
        },
        "gpt-x-2026-01-01",
        {"api_flavor": "openai.responses", "provider": "openai", "transport": "httpx2"},
    ),
    Calls(
        "anthropic_messages",
        {
            ("chat", False, "ok", "stop"): 8,
            ("chat", False, "ok", "tool_calls"): 1,
            ("chat", True, "ok", "stop"): 3,
            ("chat", True, "ok", "tool_calls"): 1,
            ("chat", True, "error", None): 1,
            ("count_tokens", None, "ok", None): 1,
        },
        "claude-x-20260101",
        {"api_flavor": "anthropic.messages", "transport": "httpx2"},
    ),
    Calls(
        "google_genai",
        {
            ("chat", False, "ok", "stop"): 5,
            ("chat", False, "ok", "tool_calls"): 1,
            ("chat", True, "ok", "stop"): 2,
            ("chat", False, "error", None): 1,
            ("count_tokens", None, "ok", None): 1,
        },
        "gemini-x-001",
        {"api_flavor": "gemini", "sdk_name": "google-genai-sdk"},
    ),
    # Mistral answers with the alias that was asked for, so no version is known.
    Calls(
        "mistral",
        {
            ("chat", False, "ok", "stop"): 4,
            ("chat", False, "ok", "tool_calls"): 1,
            ("chat", True, "ok", "stop"): 2,
            ("chat", False, "error", None): 1,
        },
        None,
        {"provider": "mistral", "transport": "httpx2"},
    ),
    Calls(
        "openai_retry",
        {("chat", False, "ok", "stop"): 4, ("chat", False, "error", None): 5, ("chat", True, "error", None): 4},
        "gpt-x-2026-01-01",
        {"api_flavor": "openai.chat", "transport": "httpx2"},
    ),
    Calls(
        "aiohttp_tools", {("chat", False, "ok", "stop"): 1, ("chat", True, "ok", "stop"): 1}, "gpt-x-2026-01-01", {"transport": "aiohttp"}
    ),
    Calls("httpx_tools", {}, None, {}),
    Calls("requests_tools", {}, None, {}),
)


class Recorded(NamedTuple):
    """An agent's bare and recorded run, the server's log of the latter, and the sealed record."""

    bare: Finished
    done: Finished
    log: Counter[tuple[str, str, bytes]]
    port: int
    store: PlainStore

    @property
    def exchanges(self) -> list[Row]:
        """Every HTTP exchange with the server."""
        return [row for row in self.store.of_kind("llm_attempt", "http_call") if f":{self.port}/" in row["request_url"]]

    def target(self, row: Row) -> str:
        """The request's path and query; a fragment is the client's own, and not sent."""
        after: str = row["request_url"].partition(f":{self.port}")[2]
        return after.partition("#")[0]


_runs: dict[str, Recorded] = {}


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """An agent run twice, against a fresh server of the same seed each time; kept for the tests that follow."""
    agent: str = request.param
    if agent not in _runs:
        _runs[agent] = run_agent(agent, Workspace(tmp_path_factory.mktemp(agent)), sys.executable)
    return _runs[agent]


def run_agent(agent: str, workspace: Workspace, python: str) -> Recorded:
    """Run an agent bare, then recorded."""
    command = (python, str((PROGRAMS if agent == "wire_exact" else AGENTS) / f"{agent}.py"))
    with ScriptedUpstream(seed=SEED) as upstream:
        bare = workspace.bare(*command, env={"FR_TEST_UPSTREAM": upstream.url})
    with ScriptedUpstream(seed=SEED) as upstream:
        done = workspace.record(*command, env={"FR_TEST_UPSTREAM": upstream.url})
        log = Counter((logged.method, logged.target, logged.body) for logged in upstream.requests)
        port = upstream.port
    assert done.code == 0, done.stderr.decode()
    return Recorded(bare, done, log, port, PlainStore(workspace.store))


ALL_AGENTS = [row.agent for row in AGENT_CALLS]


@pytest.mark.parametrize("run", ALL_AGENTS, indirect=True)
def test_the_program_sees_what_it_sees_bare(run: Recorded) -> None:
    """The same transcript line by line: bodies, chunks joined, headers, parsed objects, exceptions and their texts."""
    assert (run.done.code, run.done.program_stderr) == (run.bare.code, run.bare.stderr)
    assert normalised(run.done.stdout) == normalised(run.bare.stdout)
    assert len(run.done.said) == 1


@pytest.mark.parametrize("run", ALL_AGENTS, indirect=True)
def test_the_record_holds_every_request_that_the_server_saw_once(run: Recorded) -> None:
    """Method, target and body byte for byte as the server logged them: streamed uploads, redirects and silent retries too."""
    recorded = Counter((row["request_method"], run.target(row), run.store.joined(row["request_parts"])) for row in run.exchanges)
    assert recorded == run.log
    assert {row["phase"] for row in run.exchanges} == {"end"}
    assert [row for row in run.store.events if row["kind"] == "gap"] == []


@pytest.mark.parametrize(("run", "expected"), [(row.agent, row) for row in AGENT_CALLS], indirect=["run"], ids=ALL_AGENTS)
def test_columns_of_the_model_calls_are_filled(run: Recorded, expected: Calls) -> None:
    """Operation, stream, status, finish reason, resolved model with its source, and what every call must have."""
    calls = run.store.of_kind("llm_call")
    assert Counter((row["operation"], row["stream"], row["status"], row["finish_reason"]) for row in calls) == expected.calls
    for row in calls:
        if row["operation"] == "chat":
            # A provider with an address of its own is told by its answer's headers, so not where there was none.
            fixed = {name: value for name, value in expected.fixed.items() if name != "provider" or row["http_status"] is not None}
            assert {name: row[name] for name in fixed} == fixed
        check_call(run, row, expected.resolved)


def check_call(run: Recorded, row: Row, resolved: str | None) -> None:
    """What holds for every call, from whichever SDK."""
    store = run.store
    assert row["model_requested"]
    assert row["model_resolved_source"] in ("body", "unknown")
    assert (row["model_resolved"] is None) == (row["model_resolved_source"] == "unknown")
    if row["operation"] == "chat" and row["status"] == "ok":
        assert row["model_resolved"] == resolved
    assert isinstance(json.loads(row["params_sent"]), dict)
    assert ".py:" in row["code_location"]
    assert row["duration_ms"] >= (row["ttft_ms"] or 0) >= 0
    request = store.joined(row["request_parts"])
    assert (row["tool_names"] == ["weather"]) == (b'"tools":' in request), request
    if row["system_prompt_blob"] is not None:
        prompt = store.blobs[row["system_prompt_blob"]]
        assert row["system_prompt_sha256"] == hashlib.sha256(prompt).digest()
        assert prompt.decode()[:5] in ("Be te", "You k", "You a")
    if row["output_blob"] is not None:
        said = store.blobs[row["output_blob"]].decode()
        assert "é☂😀" in said
        assert row["output_sha256"] == hashlib.sha256(said.encode()).digest()
    if row["finish_reason"] == "tool_calls":
        asked = json.loads(row["output_tool_calls"])
        cities = [json.loads(store.blobs[bytes.fromhex(call["arguments_blob"])])["city"] for call in asked]
        assert {call["name"] for call in asked} == {"weather"}
        assert cities in (["Paris", "Oslo"], ["Quito"])
    if row["operation"] == "chat" and row["usage_raw"] is not None:
        assert row["tokens_in"] > 0


class Fault(NamedTuple):
    """What one fault must look like in the record; an error of None may be any. ``kept``: part of the body reached the program."""

    agent: str
    target: str
    status: str
    http_status: int | None
    end: str
    error: str | None
    kept: bool = True


FAULTS = (
    Fault("openai_retry", "/fault/400/v1/chat/completions", "error", 400, "eof", "scripted_400"),
    Fault("openai_retry", "/fault/401/v1/chat/completions", "error", 401, "eof", "scripted_401"),
    Fault("openai_retry", "/fault/reset/v1/chat/completions", "error", None, "error", "httpx2.ReadError"),
    Fault("openai_retry", "/fault/timeout/v1/chat/completions", "error", None, "error", "httpx2.ReadTimeout"),
    Fault("openai_retry", "/fault/error-sse/v1/chat/completions", "error", 200, "closed", "server_error"),
    Fault("openai_retry", "/fault/reset-mid/v1/chat/completions", "error", 200, "error", "httpx2.ReadError"),
    Fault("openai_retry", "/fault/truncate/v1/chat/completions", "error", 200, "error", "httpx2.RemoteProtocolError"),
    Fault("openai_retry", "/fault/hang-mid/v1/chat/completions", "error", 200, "error", "httpx2.ReadTimeout"),
    Fault("httpx_tools", "/fault/timeout/tool/weather", "error", None, "error", None),
    Fault("httpx_tools", "/fault/hang-mid/tool/weather", "error", 200, "error", None),
    Fault("httpx_tools", "/fault/reset-mid/tool/big?bytes=2000", "error", 200, "error", None),
    Fault("httpx_tools", "/tool/status/503", "error", 503, "eof", None),
    Fault("httpx_tools", "/tool/lines?count=1000&delay_ms=2", "ok", 200, "closed", None),
    Fault("requests_tools", "/fault/timeout/tool/weather", "error", None, "error", "urllib3.exceptions.ReadTimeoutError"),
    Fault("requests_tools", "/fault/hang-mid/tool/weather", "error", 200, "error", "builtins.TimeoutError", kept=False),
    Fault("requests_tools", "/fault/reset/tool/weather", "error", None, "error", "builtins.ConnectionResetError"),
    Fault("requests_tools", "/fault/reset-mid/tool/big?bytes=2000", "error", 200, "error", "builtins.ConnectionResetError", kept=False),
    Fault("requests_tools", "/tool/lines?count=50&delay_ms=2", "ok", 200, "closed", None),
    Fault("aiohttp_tools", "/fault/timeout/tool/weather", "error", None, "error", "builtins.TimeoutError"),
    Fault("aiohttp_tools", "/fault/reset/tool/weather", "error", None, "error", "aiohttp.client_exceptions.ClientOSError"),
    Fault("aiohttp_tools", "/fault/reset-mid/tool/lines?count=9", "error", 200, "error", "builtins.ConnectionResetError"),
    Fault("aiohttp_tools", "/tool/lines?count=1000&delay_ms=2", "ok", 200, "closed", None),
    Fault("anthropic_messages", "/fault/error-sse/v1/messages", "error", 200, "closed", "overloaded_error"),
    Fault("requests_tools", "/fault/truncate/tool/weather", "error", 200, "cut", None),
    Fault("aiohttp_tools", "/fault/truncate/tool/weather", "error", 200, "cut", None),
    Fault("aiohttp_tools", "/fault/hang-mid/tool/weather", "error", 200, "closed", "builtins.TimeoutError"),
)


@pytest.mark.parametrize(
    ("run", "fault"),
    [pytest.param(row.agent, row, id=f"{row.agent} {row.target}") for row in FAULTS],
    indirect=["run"],
)
def test_failures_are_recorded_as_what_they_were(run: Recorded, fault: Fault) -> None:
    """Error statuses, timeouts, resets before and in the body, truncation, error events, and a program that left early."""
    rows = [row for row in run.exchanges if run.target(row) == fault.target]
    assert rows
    for row in rows:
        assert (row["status"], row["http_status"], row["response_end"]) == (fault.status, fault.http_status, fault.end)
        assert fault.error is None or row["error_type"] == fault.error
        body = run.store.joined(row["response_parts"])
        assert bool(body) == (fault.http_status is not None and fault.kept), "what came before the failure is kept"


class Retried(NamedTuple):
    """A call that an SDK retried silently."""

    target: str
    statuses: tuple[int | None, ...]
    causes: tuple[str | None, ...]


RETRIED = (
    Retried("/fault/429x2/v1/chat/completions", (429, 429, 200), (None, "429", "429")),
    Retried("/fault/503x1/v1/chat/completions", (503, 200), (None, "503")),
    Retried("/fault/resetx1/v1/chat/completions", (None, 200), (None, "httpx2.ReadError")),
    Retried("/fault/429/v1/chat/completions", (429, 429), (None, "429")),
)


@pytest.mark.parametrize("case", RETRIED, ids=lambda case: case.target.split("/")[2])
@pytest.mark.parametrize("run", ["openai_retry"], indirect=True)
def test_silent_retries_are_attempts_of_one_call(run: Recorded, case: Retried) -> None:
    """Each attempt is a row with its cause and its back-off; the call spans them all, and counts them."""
    calls = {row["span_id"]: row for row in run.store.of_kind("llm_call")}
    attempts: dict[bytes, list[Row]] = {}
    for row in run.exchanges:
        if run.target(row) == case.target:
            attempts.setdefault(row["call_span_id"], []).append(row)
    assert attempts
    for span, rows in attempts.items():
        call = calls[span]
        assert tuple(row["http_status"] for row in rows) == case.statuses
        assert tuple(row["retry_cause"] for row in rows) == case.causes
        assert [row["attempt_no"] for row in rows] == list(range(1, len(rows) + 1))
        assert all((row["backoff_ms"] is None) == (row["attempt_no"] == 1) for row in rows)
        # The server asks for 20 ms; the SDK waits at least that.
        assert all(row["backoff_ms"] >= 19 for row in rows[1:])
        assert (call["attempts"], call["started_at"]) == (len(rows), rows[0]["started_at"])
        assert call["duration_ms"] >= sum(row["duration_ms"] for row in rows) - 0.1
        assert call["served_by"] == ("retry" if case.statuses[-1] == 200 else None)


UNDO = {
    None: lambda data: data,
    "gzip": lambda data: gzip.decompress(data) if data else b"",
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


@pytest.mark.parametrize("run", ["wire_exact"], indirect=True)
def test_bodies_are_recorded_as_the_server_sent_them(run: Recorded) -> None:
    """Gzip, br, zstd, chunked or not, empty or 70 kB, read whole or in pieces, by seven clients: the server's own digests agree."""
    assert len(run.exchanges) == len(run.done.stdout.splitlines()) == sum(run.log.values()) > 200
    lines = [line.split() for line in run.done.stdout.decode().splitlines()]
    assert [line for line in lines if line[3] != line[4]] == []
    seen = {line[1]: line[4] for line in lines}
    encodings: Counter[tuple[str, str | None]] = Counter()
    for row in run.exchanges:
        body = run.store.joined(row["response_parts"])
        headers = dict(json.loads(row["response_headers"]))
        assert hashlib.sha256(body).hexdigest() == headers["x-content-sha256"] == seen[run.target(row)]
        assert (row["status"], row["response_end"], row["response_bytes"]) == ("ok", "eof", len(body))
        encoding = headers.get("content-encoding")
        assert row["response_encoding"] == encoding
        if encoding is not None:
            assert UNDO[encoding](run.store.joined(row["response_wire_parts"])) == body
        encodings[row["transport"], encoding] += 1
    for transport in ("httpx", "httpx2", "urllib3", "aiohttp"):
        assert all(encodings[transport, encoding] for encoding in (None, "gzip", "br", "zstd")), encodings


@pytest.mark.parametrize("run", ["wire_exact"], indirect=True)
def test_deliveries_tell_how_the_body_came(run: Recorded) -> None:
    """The offsets of the chunks end with the body's length, in order, and nothing is delivered before the start."""
    for row in run.exchanges:
        deliveries = json.loads(row["deliveries"])
        transferred = run.store.joined(row["response_wire_parts"] or row["response_parts"])
        assert sum(size for _, _, size, _ in deliveries) == len(transferred)
        assert all(order > 0 and at >= 0 and size >= 0 for order, at, size, _ in deliveries)


@pytest.mark.sdk_pins
def test_litellm_in_its_own_environment(tmp_path: Path) -> None:
    """httpx over aiohttp, and an older openai: every request is recorded once, and the program sees the same."""
    python = os.environ.get("FR_LITELLM_PYTHON", "")
    if not python:
        pytest.skip("FR_LITELLM_PYTHON names no interpreter with litellm; `make e2e` makes one")
    run = run_agent("litellm_providers", Workspace(tmp_path), python)
    assert normalised(run.done.stdout) == normalised(run.bare.stdout)
    recorded = Counter((row["request_method"], run.target(row), run.store.joined(row["request_parts"])) for row in run.exchanges)
    assert recorded == run.log
    assert {row["status"] for row in run.store.of_kind("llm_call")} == {"ok"}
