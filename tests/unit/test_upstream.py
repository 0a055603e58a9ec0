"""The scripted upstream over real HTTP: faults, delivery, the log, its endpoints and its process."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "upstream"))

import scripts
from api_tools import TOOL_ROUTES
from delivery import ENCODINGS, FRAMINGS
from dispatch import COUNT_ROUTES, WIRE_ROUTES
from faults import FAULTS
from scripted_upstream import SERVER, ScriptedUpstream, UpstreamError


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[ScriptedUpstream]:
    """One server for the module."""
    with ScriptedUpstream(seed=1) as running:
        yield running


@pytest.fixture
def upstream(shared_upstream: ScriptedUpstream) -> ScriptedUpstream:
    """The module's server with an empty log and no counts."""
    shared_upstream.reset()
    return shared_upstream


def chat_body(question: str = "hi", **more: Any) -> dict[str, Any]:
    """A chat completion request."""
    return {"model": "gpt-x", "messages": [{"role": "user", "content": question}], **more}


# Faults

FAULT_OUTCOMES: dict[str, list[int | type[Exception]]] = {
    "400": [400, 400],
    "401": [401, 401],
    "429": [429, 429, 429, 429],
    "429x2": [429, 429, 200, 429],
    "500x1": [500, 200, 500],
    "503x1": [503, 200, 503],
    "503x2": [503, 503, 200, 503],
    "529x1": [529, 200, 529],
    "timeout": [httpx.ReadTimeout],
    "timeoutx1": [httpx.ReadTimeout, 200],
    "reset": [httpx.ReadError, httpx.ReadError],
    "resetx1": [httpx.ReadError, 200, httpx.ReadError],
    "reset-mid": [httpx.ReadError],
    "truncate": [httpx.RemoteProtocolError],
    "slow": [200],
    "error-sse": [200],
    "hang-mid": [httpx.ReadTimeout],
}


def outcome(client: httpx.Client, url: str) -> int | type[Exception]:
    """The status of a chat request, or the class of what it raises."""
    try:
        return client.post(url, json=chat_body("the same question")).status_code
    except httpx.HTTPError as error:
        return type(error)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_behaves_as_its_row_says(fault: Any, upstream: ScriptedUpstream) -> None:
    """Each row gives its outcomes in order, and counts anew after the request that passed."""
    expected = FAULT_OUTCOMES[fault.name]
    timeout_s = 0.15 if fault.kind in {"timeout", "hang-mid"} else 5.0
    url = f"{upstream.url}/fault/{fault.name}/v1/chat/completions"
    with httpx.Client(timeout=timeout_s) as client:
        assert [outcome(client, url) for _ in expected] == expected
    assert upstream.hits == len(expected)


def test_rate_limits_say_when_to_come_back(upstream: ScriptedUpstream) -> None:
    """A 429 has the header that SDKs obey, and the error in the provider's own form."""
    answer = httpx.post(upstream.url + "/fault/429/v1/messages", json={})
    assert answer.headers["retry-after-ms"] == "20"
    assert answer.json()["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize("path", ["v1/chat/completions", "v1/responses", "v1/messages", "mistral/v1/chat/completions"])
def test_error_event_breaks_off_a_stream(path: str, upstream: ScriptedUpstream) -> None:
    """Half the events, then the provider's error event, then an orderly end."""
    body = {**chat_body(), "input": "hi", "stream": True}
    text = httpx.post(f"{upstream.url}/fault/error-sse/{path}", json=body).text
    events = text.strip().split("\n\n")
    assert "scripted failure in mid-stream" in events[-1]
    assert len(events) > 3 and not any(last in text for last in ("[DONE]", "response.completed", "message_stop"))


def test_slow_answers_pause_before_the_headers_and_in_the_body(upstream: ScriptedUpstream) -> None:
    """The first pause delays the headers, the second the rest of the body."""
    started = time.monotonic()
    with httpx.stream("GET", upstream.url + "/fault/slow/tool/big?bytes=2000") as answer:
        headers_s = time.monotonic() - started
        answer.read()
    assert 0.3 <= headers_s < 0.6 <= time.monotonic() - started


# Delivery


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", ["/tool/big?bytes=3000", "/tool/lines?count=9"])
def test_encodings_decode_to_the_same_body(path: str, encoding: str, framing: str, upstream: ScriptedUpstream) -> None:
    """Every encoding and framing can be asked for, is what the headers say, and decodes."""
    answer = httpx.get(f"{upstream.url}/with/encoding={encoding},framing={framing}{path}")
    streamed = "lines" in path
    expected = ("identity" if streamed else "gzip") if encoding == "auto" else encoding
    assert answer.headers.get("content-encoding", "identity") == expected
    chunked = framing == "chunked" or (framing == "auto" and streamed)
    assert ("content-length" in answer.headers, "transfer-encoding" in answer.headers) == (not chunked, chunked)
    if streamed:
        assert [json.loads(line)["line"] for line in answer.text.splitlines()] == list(range(9))
    else:
        assert hashlib.sha256(answer.content).hexdigest() == answer.headers["x-content-sha256"]


@pytest.mark.parametrize("asked", ["prefix", "query", "header"])
def test_delivery_can_be_chosen_in_three_places(asked: str, upstream: ScriptedUpstream) -> None:
    """The path, the query and a header each choose the encoding."""
    prefix = "/with/encoding=zstd" if asked == "prefix" else ""
    query = "?encoding=zstd" if asked == "query" else ""
    headers = {"x-upstream-encoding": "zstd"} if asked == "header" else {}
    answer = httpx.get(f"{upstream.url}{prefix}/tool/weather{query}", headers=headers)
    assert answer.headers["content-encoding"] == "zstd" and answer.json()["nonce"]


def test_latency_is_spread_around_its_mean(upstream: ScriptedUpstream) -> None:
    """Each answer waits 0.2 to 1.8 times the latency that was asked for."""
    waits = []
    with httpx.Client(base_url=upstream.url) as client:
        client.get("/tool/weather")
        for _ in range(12):
            started = time.monotonic()
            client.get("/with/latency_ms=30/tool/weather")
            waits.append(time.monotonic() - started)
    assert min(waits) >= 0.006 and sum(waits) / 12 >= 0.012 and len({round(wait, 3) for wait in waits}) > 3


# The log


def test_log_is_exact(upstream: ScriptedUpstream) -> None:
    """Method, undecoded target, headers with case, order and repeats, and body bytes are kept as they came."""
    body = b"\x00\xff{not json \xc3"
    headers = [("X-Twice", "one"), ("x-twice", "two"), ("Content-Encoding", "gzip")]
    httpx.post(upstream.url + "/tool/echo?a=%20b&a=c", content=body, headers=headers)
    (logged,) = upstream.requests
    assert (logged.method, logged.target, logged.body, logged.complete) == ("POST", "/tool/echo?a=%20b&a=c", body, True)
    assert [pair for pair in logged.headers if pair[0].lower() in {"x-twice", "content-encoding"}] == headers
    assert logged.header("content-LENGTH") == str(len(body))


def test_control_requests_are_not_logged(upstream: ScriptedUpstream) -> None:
    """Reading the log leaves no trace, and a reset empties it."""
    httpx.get(upstream.url + "/tool/weather")
    assert [upstream.hits, len(upstream.requests), upstream.hits] == [1, 1, 1]
    upstream.reset()
    assert upstream.hits == 0


def test_streamed_upload_is_logged_whole(upstream: ScriptedUpstream) -> None:
    """A chunked request body is logged without its framing."""
    httpx.post(upstream.url + "/tool/echo", content=iter([b"one", b"two"]))
    assert upstream.requests[0].body == b"onetwo"


def test_server_says_that_it_is_scripted(upstream: ScriptedUpstream) -> None:
    """The front page and the server header are honest, and the tables are on the page."""
    page = httpx.get(upstream.url)
    assert "no model behind it" in page.text and page.headers["server"] == "fr-scripted-upstream"
    assert all(script.name in page.text for script in scripts.SCRIPTS) and all(fault.name in page.text for fault in FAULTS)
    assert httpx.get(upstream.url + "/nix").headers["server"] == "fr-scripted-upstream"


# Endpoints

TOOL_PROBES: dict[str, tuple[str, int]] = {
    "GET /tool/weather": ("/tool/weather?city=Oslo", 200),
    "POST /tool/echo": ("/tool/echo", 200),
    "PUT /tool/echo": ("/tool/echo", 200),
    "GET /tool/big": ("/tool/big?bytes=70000", 200),
    "GET /tool/lines": ("/tool/lines?count=2&delay_ms=1", 200),
    r"GET /tool/status/(\d{3})": ("/tool/status/418", 418),
    r"GET /redirect/(\d+)": ("/redirect/1", 302),
    r"POST /redirect/(\d+)": ("/redirect/1?status=307", 307),
    "POST /auth/token": ("/auth/token", 200),
    "GET /auth/protected": ("/auth/protected", 401),
    "GET /auth/basic": ("/auth/basic", 401),
}


@pytest.mark.parametrize("route", TOOL_ROUTES, ids=lambda route: f"{route.method} {route.path.pattern}")
def test_tool_endpoint_answers(route: Any, upstream: ScriptedUpstream) -> None:
    """Each row of the tool table is reachable and gives its status."""
    path, status = TOOL_PROBES[f"{route.method} {route.path.pattern}"]
    answer = httpx.request(route.method, upstream.url + path)
    assert (answer.status_code, bool(answer.content)) == (status, True)


def test_big_bodies_have_the_size_and_hash_they_claim(upstream: ScriptedUpstream) -> None:
    """Two of them differ, and each is exactly as long as asked for."""
    answers = [httpx.get(upstream.url + "/tool/big?bytes=200001") for _ in range(2)]
    assert [len(answer.content) for answer in answers] == [200001, 200001]
    assert len({answer.headers["x-content-sha256"] for answer in answers}) == 2


@pytest.mark.parametrize("route", [*WIRE_ROUTES, *COUNT_ROUTES], ids=lambda route: route.path.pattern)
def test_bad_requests_get_400_in_json(route: Any, upstream: ScriptedUpstream) -> None:
    """A body that cannot be read is answered, not crashed over."""
    path = route.path.pattern.replace("(/v1)?", "/v1").replace("(alpha|beta)?", "beta").replace("[^/:]+", "m")
    path = path.replace("(generateContent|streamGenerateContent)", "generateContent")
    headers = {"user-agent": getattr(route, "user_agent", "") or "plain"}
    for body in (b"not json", b"[]", b'{"messages": 5, "contents": 5, "input": 5}'):
        answer = httpx.post(upstream.url + path, content=body, headers=headers)
        assert answer.status_code == 400 and answer.json()


def test_misspelt_names_get_400(upstream: ScriptedUpstream) -> None:
    """Unknown faults, options and scripts are errors with a message."""
    assert "429x2" in httpx.get(upstream.url + "/fault/nix/tool/weather").text
    assert "zstd" in httpx.get(upstream.url + "/with/encoding=lzma/tool/weather").text
    assert "three-turns" in httpx.post(upstream.url + "/v1/chat/completions", json=chat_body("[[script:nix]]")).text


# The process


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_server_prints_its_address_first_and_ends_in_order(ending: signal.Signals) -> None:
    """The first line of stdout is the address, also with a request left hanging; a signal ends it with exit code 0."""
    command = [sys.executable, str(SERVER), "--port", "0", "--latency-ms", "1", "--seed", "3", "--no-compression"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout and server.stderr
        line = server.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:")
        url = line.split()[-1]
        assert "content-encoding" not in httpx.get(url + "/tool/big?bytes=5000").headers
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(url + "/fault/timeout/tool/weather", timeout=0.05)
        server.send_signal(ending)
        assert (server.wait(10), server.stderr.read()) == (0, "")


def test_server_ends_when_its_test_is_killed(tmp_path: Path) -> None:
    """A test process that dies leaves no server behind."""
    program = (
        f"import sys, os, signal; sys.path.insert(0, {str(SERVER.parent)!r})\n"
        "from scripted_upstream import SERVER, ScriptedUpstream\n"
        "print(ScriptedUpstream().start().url, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert killed.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            httpx.get(killed.stdout.strip())
        except httpx.ConnectError:
            return
        time.sleep(0.02)
    pytest.fail("the server outlived its test")


def test_server_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    """The reason stands in the message."""
    with pytest.raises(UpstreamError, match="No such file"):
        ScriptedUpstream(canned=tmp_path / "missing.json").start()
