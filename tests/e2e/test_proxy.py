"""``fr proxy`` while it records: what passes is untouched, what is on record is what a seam would have seen, and what it refuses."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from proxied import Proxy
from recording import PROGRAMS, Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.e2e

AGENT = str(PROGRAMS / "proxied_agent.py")
KEY = "sk-planted-0123456789abcdef"
PLANTED = (KEY, "Ann Planted", "ann.planted@example.com")
COLUMNS = (
    *("operation", "api_flavor", "model_requested", "model_resolved", "model_resolved_source", "status", "finish_reason", "tokens_in"),
    *("tokens_out", "stream", "served_by", "tool_names", "response_shape_sha256"),
)
MADE_ANEW = ("host", "connection")
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, _session_upstream: ScriptedUpstream) -> Iterator[Proxy]:
    """A proxy in front of the model server, with limits that a test can reach; each test has a trace of its own in its store."""
    workspace = Workspace(tmp_path_factory.mktemp("proxied"))
    with Proxy(workspace, _session_upstream.url, "--max-request", "2", "--max-streams", "20") as running:
        yield running
    assert running.ended is not None
    assert running.ended.code == 0, running.ended.stderr


def named(trace: str) -> dict[str, str]:
    """The header that names a test's trace."""
    return {"x-fr-trace": trace}


def attempts(workspace: Workspace, trace: str | None = None) -> list[dict[str, Any]]:
    """Exchanges with models in order: of the trace that a test has named, or all."""
    rows = workspace.rows("SELECT * FROM attempts ORDER BY started_at, attempt_no")
    return [row for row in rows if trace is None or dict(row["tags"] or {}).get("trace") == trace]


def bytes_on_disk(workspace: Workspace) -> bytes:
    """Every byte in the store."""
    return b"".join(path.read_bytes() for path in workspace.store.rglob("*") if path.is_file())


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it never was so"
        time.sleep(0.02)


def test_agent_is_on_record_as_if_a_seam_had_seen_it(workspace: Workspace, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    """The same program, unrecorded through the proxy and recorded by itself: the same calls, attempts and columns."""
    with Proxy(workspace, upstream.url) as proxy:
        through = workspace.bare(sys.executable, AGENT, env={"OPENAI_BASE_URL": proxy.base, "AGENT_TRACE": "the agent"})
        assert through.code == 0, through.stderr
        assert proxy.stop().code == 0
    (tmp_path / "seam").mkdir()
    beside = Workspace(tmp_path / "seam")
    seen = beside.record(sys.executable, AGENT, env={"OPENAI_BASE_URL": f"{upstream.url}/v1"})
    assert seen.code == 0, seen.stderr
    ours, theirs = (place.rows("SELECT * FROM calls ORDER BY messages_sha256, started_at") for place in (workspace, beside))
    names = [name for name in COLUMNS if name in theirs[0]]
    assert len(names) > 8
    assert sorted([repr([row[name] for name in names]) for row in ours]) == sorted([repr([row[name] for name in names]) for row in theirs])
    counted = (
        "SELECT attempt_no, retry_cause, http_status, request_url, response_end, count(*) AS n FROM attempts GROUP BY ALL ORDER BY ALL"
    )
    assert workspace.rows(counted) == beside.rows(counted)
    assert {dict(row["tags"])["trace"] for row in ours} == {"the agent"}
    assert len({row["trace_id"] for row in ours}) == 1
    assert {row["transport"] for row in attempts(workspace)} == {"fr proxy"}
    assert {row["user_ref"][:2] for row in ours} == {"u_"}
    assert not [word for word in PLANTED if word in repr(attempts(workspace)) or word.encode() in bytes_on_disk(workspace)]


def test_request_reaches_the_upstream_unchanged(proxy: Proxy, upstream: ScriptedUpstream) -> None:
    """Target, body and headers with their order; only what belongs to the connection and to us is another's."""
    body = json.dumps(CHAT).encode()
    headers = [("Content-Type", "application/json"), ("X-Twice", "1"), ("X-Twice", "2"), ("Accept-Encoding", "gzip"), ("TE", "trailers")]
    headers += [("X-FR-User", "ann"), ("X-FR-Trace", "t"), ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    with httpx.Client(headers=headers) as client:
        client.post(f"{upstream.url}/v1/chat/completions?a=%2F&b", content=body)
        client.post(f"{proxy.url}/openai/v1/chat/completions?a=%2F&b", content=body)
    direct, through = upstream.requests
    assert (through.method, through.target, through.body) == (direct.method, direct.target, direct.body)
    dropped = ("te", "x-fr-user", "x-fr-trace", *MADE_ANEW)

    def plain(logged: Any) -> list[tuple[str, str]]:
        return sorted((name.lower(), value) for name, value in logged.headers if name.lower() not in dropped)

    assert plain(through) == plain(direct)
    assert through.header("host") == upstream.url.removeprefix("http://")
    assert not [name for name, _ in through.headers if name.lower().startswith("x-fr-")]


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/v1/chat/completions", {}),
        ("/v1/chat/completions", {"x-upstream-encoding": "gzip"}),
        ("/v1/chat/completions", {"x-upstream-framing": "chunked"}),
        ("/v1/chat/completions", {"x-upstream-framing": "content-length"}),
        ("/fault/400/v1/chat/completions", {}),
        ("/fault/429/v1/chat/completions", {}),
        ("/fault/529x1/v1/chat/completions", {}),
        ("/v1/nowhere", {}),
    ],
)
def test_answer_comes_unchanged(proxy: Proxy, upstream: ScriptedUpstream, path: str, options: dict[str, str]) -> None:
    """Status, reason and headers, of good answers and of the upstream's errors; none is added."""
    with httpx.Client(headers=options) as client:
        direct = client.post(upstream.url + path, json=CHAT)
        upstream.reset()
        through = client.post(f"{proxy.url}/openai{path}", json=CHAT)
    assert (through.status_code, through.reason_phrase) == (direct.status_code, direct.reason_phrase)
    varying = ("date", "x-request-id", "content-length", "keep-alive", "x-upstream-connection")

    def plain(answer: httpx.Response) -> list[tuple[str, str]]:
        return sorted((name, value) for name, value in answer.headers.multi_items() if name not in varying and "id" not in name)

    assert plain(through) == plain(direct)
    assert len(through.headers.get_list("date")) == len(direct.headers.get_list("date"))


def test_curl_streams_through(proxy: Proxy) -> None:
    """A client that is no SDK: its events arrive one by one, and are on record whole."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    asked = json.dumps({**CHAT, "stream": True})
    command = ["curl", "-sS", "-N", "--fail", "-H", "content-type: application/json", "-H", "x-fr-trace: curl", "-d", asked]
    done = subprocess.run([*command, f"{proxy.base}/chat/completions"], capture_output=True, check=True, timeout=60)
    assert done.stdout.rstrip().endswith(b"data: [DONE]")
    [row] = attempts(proxy.workspace, "curl")
    assert (row["response_end"], row["response_bytes"], row["http_status"]) == ("eof", len(done.stdout), 200)
    [kept] = proxy.workspace.rows("SELECT deliveries FROM all_events WHERE span_id = unhex(?)", [row["span_id"]])
    assert len(json.loads(kept["deliveries"])) > 3


def test_first_event_does_not_wait_for_the_last(proxy: Proxy) -> None:
    """Pieces go on as they come: the first is there long before the end, between which the model server rests."""
    began = time.monotonic()
    with httpx.stream("POST", f"{proxy.url}/openai/fault/slow/v1/chat/completions", json={**CHAT, "stream": True}) as answer:
        times = [time.monotonic() - began for _ in answer.iter_raw()]
    assert len(times) > 1
    assert times[0] < times[-1] - 0.2


RETRIES = """
import asyncio, openai, os
async def ask(fault, n):
    base = os.environ["OPENAI_BASE_URL"].replace("/v1", f"/fault/{fault}/v1")
    headers = {"x-fr-trace": "retries"}
    async with openai.AsyncOpenAI(base_url=base, api_key="k", max_retries=3, timeout=2.0, default_headers=headers) as client:
        await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": f"{fault} {n}"}])
async def main():
    await asyncio.gather(*(ask(fault, n) for n in range(2) for fault in ("429x2", "503x1", "resetx1", "timeoutx1")))
asyncio.run(main())
"""


def test_silent_retries_are_attempts_of_their_calls(proxy: Proxy) -> None:
    """Under 429, 503, a reset and a timeout, of several clients at once: each call has as many attempts as were made, with their causes."""
    workspace = proxy.workspace
    done = workspace.bare(sys.executable, workspace.write("retries.py", RETRIES), env={"OPENAI_BASE_URL": proxy.base})
    assert done.code == 0, done.stderr
    rows = attempts(workspace, "retries")
    calls: dict[Any, list[int]] = {}
    for row in rows:
        calls.setdefault((row["request_url"].split("/")[4], row["call_span_id"]), []).append(row["attempt_no"])
    found = sorted((fault, sorted(numbers)) for (fault, _), numbers in calls.items())
    assert found == sorted([("429x2", [1, 2, 3]), ("503x1", [1, 2]), ("resetx1", [1, 2]), ("timeoutx1", [1, 2])] * 2)
    causes = {str(row["retry_cause"]) for row in rows if row["attempt_no"] > 1}
    assert {"429", "503"} <= causes
    assert any("ClientHungUp" in cause for cause in causes)


@pytest.mark.parametrize("fault", ["reset-mid", "truncate"])
def test_answer_that_breaks_off_breaks_off_for_the_client(proxy: Proxy, fault: str) -> None:
    """What had come is passed on and kept; that it is not all, both the client and the record know."""
    came: list[bytes] = []
    headers = {**named(fault), "accept-encoding": "identity"}
    asking = httpx.stream("POST", f"{proxy.url}/openai/fault/{fault}/v1/chat/completions", json=CHAT, headers=headers)
    with asking as answer, pytest.raises(httpx.HTTPError):
        came += answer.iter_raw()
    [row] = attempts(proxy.workspace, fault)
    assert (row["response_end"], row["status"], row["http_status"]) == ("error", "error", 200)
    assert row["error_type"].startswith("aiohttp.")
    # What a reset overtakes is thrown away by the kernel.
    assert row["response_bytes"] > 0 or fault == "reset-mid"


def test_upstream_that_is_not_there_is_a_502(workspace: Workspace) -> None:
    """With the reason; and the record has an attempt that failed, without a status that nobody sent."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with Proxy(workspace, f"http://127.0.0.1:{taken.getsockname()[1]}") as proxy:
            answer = httpx.post(f"{proxy.base}/chat/completions", json=CHAT)
            assert proxy.stop().code == 0
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream-unreachable")
    [row] = attempts(workspace)
    assert (row["http_status"], row["status"], row["response_end"]) == (None, "error", "error")
    assert "Connect" in row["error_type"]


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that no trust store has, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = (
        made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    )
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(*form))
    return certificate, private


def test_certificate_of_the_upstream_is_checked(workspace: Workspace) -> None:
    """One that the trust store does not have is a 502 with the reason; with SSL_CERT_FILE naming it, the answer comes."""
    certificate, private = self_signed(workspace.folder)

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Hello)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        upstream = f"https://localhost:{server.server_address[1]}"
        with Proxy(workspace, upstream) as proxy:
            refused = httpx.get(f"{proxy.url}/openai/x")
        workspace.env["SSL_CERT_FILE"] = str(certificate)
        with Proxy(workspace, upstream) as proxy:
            answered = httpx.get(f"{proxy.url}/openai/x")
    finally:
        server.shutdown()
        server.server_close()
    assert (refused.status_code, refused.json()["fr"]["error"]) == (502, "ClientConnectorCertificateError")
    assert (answered.status_code, answered.text) == (200, "hello")


def test_client_that_hangs_up_is_recorded_as_that(proxy: Proxy) -> None:
    """In the middle of a stream the program closed it; before any answer it gave up. The upstream is let go at once."""
    url, headers = f"{proxy.url}/openai/fault", named("hang-ups")
    with httpx.stream("POST", f"{url}/hang-mid/v1/chat/completions", json={**CHAT, "stream": True}, headers=headers) as answer:
        next(answer.iter_raw())
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/timeout/v1/chat/completions", json=CHAT, timeout=0.5, headers=headers)
    eventually(lambda: [row["response_end"] is not None for row in attempts(proxy.workspace, "hang-ups")] == [True, True])
    middle, before = attempts(proxy.workspace, "hang-ups")
    assert (middle["response_end"], middle["status"], middle["http_status"]) == ("closed", "abandoned", 200)
    assert middle["response_bytes"] > 0
    assert (before["response_end"], before["status"], before["http_status"]) == ("cancelled", "cancelled", None)


REFUSED = (
    ("GET", "/nobody/v1/models", {}, b"", 404, "unknown-route"),
    ("POST", "/openai/v1/chat/completions", {"content-length": str(3 << 20)}, b"", 413, "body-too-large"),
    ("GET", "/openai/v1/realtime", {"connection": "upgrade", "upgrade": "websocket"}, b"", 501, "no-upgrade"),
    ("GET", "/openai/v1/models", {"host": "evil.example"}, b"", 403, "foreign-host"),
    ("GET", "http://api.openai.com/v1/models", {}, b"", 400, "not-a-path"),
)


@pytest.mark.parametrize(("method", "path", "headers", "body", "status", "code"), REFUSED, ids=[row[-1] for row in REFUSED])
def test_refusal_names_its_reason(
    proxy: Proxy, upstream: ScriptedUpstream, method: str, path: str, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    """A JSON error of its own, and nothing is asked of the upstream."""
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=30)
    connection.putrequest(method, path, skip_host="host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    assert (answer.status, told["error"]["code"]) == (status, code)
    assert upstream.hits == 0


def test_upload_in_chunks_is_passed_on_and_limited(proxy: Proxy, upstream: ScriptedUpstream) -> None:
    """A body of no known length goes on as it comes, and is on record whole; one beyond the limit is cut with 413."""

    def chunks(count: int) -> Iterator[bytes]:
        yield b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "'
        for _ in range(count):
            yield b"words " * 10_000
        yield b'"}]}'

    sent, headers = b"".join(chunks(10)), {"content-type": "application/json", **named("upload")}
    answer = httpx.post(f"{proxy.base}/chat/completions", content=chunks(10), headers=headers, timeout=60)
    assert answer.status_code == 200
    assert upstream.requests[0].body == sent
    large = httpx.post(f"{proxy.base}/chat/completions", content=chunks(60), headers=headers, timeout=60)
    assert (large.status_code, large.json()["error"]["code"]) == (413, "body-too-large")
    assert [row["request_bytes"] for row in attempts(proxy.workspace, "upload") if row["http_status"] == 200] == [len(sent)]


def test_too_many_at_once_are_told_to_come_again(proxy: Proxy) -> None:
    """The twenty-first gets 429 while twenty are in work; afterwards there is room."""

    async def run() -> list[int]:
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=30) as client:
            slow = f"{proxy.url}/openai/fault/slow/v1/chat/completions"
            answers = await asyncio.gather(*(client.post(slow, json={**CHAT, "user": str(n)}) for n in range(40)))
            again = await client.post(f"{proxy.base}/chat/completions", json=CHAT)
        return [*(answer.status_code for answer in answers), again.status_code]

    *first, again = asyncio.run(run())
    assert again == 200
    assert set(first) == {200, 429}
    assert first.count(200) >= 20


def test_killed_proxy_loses_no_answer_that_a_client_had(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """kill -9 right after the last byte of a plain answer, and of a stream: both are on record, whole."""
    ours = []
    for number in range(2):
        with Proxy(workspace, upstream.url) as proxy, httpx.Client(timeout=30) as client:
            for part in range(3):
                content = f"kept {number} {part}"
                asked = {**CHAT, "stream": bool(part % 2), "messages": [{"role": "user", "content": content}]}
                answer = client.post(f"{proxy.base}/chat/completions", json=asked)
                assert answer.status_code == 200
                ours.append(len(answer.content))
            proxy.kill()
    rows = attempts(workspace)
    assert [(row["status"], row["response_end"], row["response_bytes"]) for row in rows] == [("ok", "eof", size) for size in ours]


def test_many_streams_at_once_hold(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """A hundred at once: all come whole, all are on record, each as a call of its own; tests/benchmarks/proxy_cost.py has two hundred."""

    async def run(base: str) -> list[bytes]:
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=60) as client:

            async def ask(number: int) -> bytes:
                asked = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": f"stream {number}"}]}
                return (await client.post(f"{base}/chat/completions", json=asked)).content

            return await asyncio.gather(*(ask(number) for number in range(100)))

    with Proxy(workspace, upstream.url) as proxy:
        answers = asyncio.run(run(proxy.base))
        assert proxy.stop().code == 0
    assert all(answer.rstrip().endswith(b"data: [DONE]") for answer in answers)
    [row] = workspace.rows("SELECT count(*) AS n, count(DISTINCT call_span_id) AS calls FROM attempts WHERE response_end = 'eof'")
    assert (row["n"], row["calls"]) == (100, 100)


def test_end_lets_what_is_on_its_way_end(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """SIGTERM in the middle of an answer: it still comes whole, and is sealed."""
    with Proxy(workspace, upstream.url) as proxy, httpx.Client(timeout=30) as client:
        assert client.get(f"{proxy.url}/nobody").status_code == 404
        with client.stream("POST", f"{proxy.url}/openai/fault/slow/v1/chat/completions", json=CHAT) as answer:
            proxy.process.terminate()
            body = b"".join(answer.iter_bytes())
        assert json.loads(body)["choices"]
        ended = proxy.stop()
    assert ended.code == 0
    assert "recorded 1 request" in ended.said[-1]
    assert "1 unknown-route" in ended.said[-1]
    assert [row["response_end"] for row in attempts(workspace)] == ["eof"]


def test_bad_options_are_one_line(workspace: Workspace, upstream: ScriptedUpstream, proxy: Proxy) -> None:
    """Exit code 2, the value, and the way out."""
    port = proxy.url.rpartition(":")[2]
    for options, words in (
        (("--route", "x"), "names no route"),
        (("--durability", "never"), "--durability is 'never'"),
        (("--port", port), f"127.0.0.1:{port} cannot be listened on"),
        (("--replay", "last", "--durability", "os"), "--replay records nothing"),
        (("--host", "no.such.host.invalid"), "cannot be listened on"),
    ):
        done = workspace.fr("proxy", *options)
        assert done.code == 2
        assert len(done.said) == 1
        assert words in done.said[0]
