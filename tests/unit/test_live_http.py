"""One exchange with the world of today: what is sent, what is taken, and what counts as no answer."""

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from fr_replay.live_http import LiveRequest, begin, exchange
from fr_schema.errors import BadInput

HEADERS = [("Content-Type", "application/json"), ("X-Twice", "1"), ("X-Twice", "2")]


class Server(BaseHTTPRequestHandler):
    """Keeps what it is asked, and answers by the path."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, list[tuple[str, str]], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, list(self.headers.items()), body))
        path = self.path.partition("://")[2].partition("/")[2] or self.path.lstrip("/")
        if path == "moved":
            self.answer(307, b"", [("Location", "/elsewhere")])
        elif path == "gzip":
            self.answer(200, gzip.compress(b"zipped"), [("Content-Encoding", "gzip")])
        elif path == "short":
            self.answer(200, b"half", [("Content-Length", "400")])
        elif path == "chunked":
            self.answer(200, b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n", [("Transfer-Encoding", "chunked")])
        elif path == "hang":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            threading.Event().wait(2)
        elif path == "silent":
            threading.Event().wait(2)
        else:
            self.answer(200, body, [])

    do_GET = do_POST

    def answer(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
        self.send_response(status)
        for name, value in headers or [("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        if headers and headers[0][0] in ("Location", "Content-Encoding"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """A test's server says nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A server on this machine; its requests are in ``Server.asked``. The environment names no proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    Server.asked = []
    running = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def url_of(server: ThreadingHTTPServer, path: str) -> str:
    """A URL of the server."""
    return f"http://127.0.0.1:{server.server_port}{path}"


def test_the_request_goes_out_as_it_is(server: ThreadingHTTPServer) -> None:
    """Method, path, query, headers in their order and spelling, twice where twice; only the connection's own are added."""
    url = url_of(server, "/v1/x%20y?b=2&a=1")
    came = exchange(LiveRequest("POST", url, HEADERS, b'{"a": 1}'), 5)
    own = [("Host", f"127.0.0.1:{server.server_port}")]
    assert Server.asked == [("POST", "/v1/x%20y?b=2&a=1", [*own, *HEADERS, ("Content-Length", "8")], b'{"a": 1}')]
    assert (came.status, came.body, came.error) == (200, b'{"a": 1}', None)


def test_no_encoding_is_asked_for_that_could_not_be_undone(server: ThreadingHTTPServer) -> None:
    """What this interpreter cannot decode would be no answer for it."""
    exchange(LiveRequest("POST", url_of(server, "/"), [("accept-encoding", "gzip, x-odd, zstd;q=0.5")], b""), 5)
    exchange(LiveRequest("POST", url_of(server, "/"), [("accept-encoding", "x-odd")], b""), 5)
    asked = [dict(headers)["accept-encoding"] for _, _, headers, _ in Server.asked]
    assert asked == ["gzip, zstd;q=0.5", "identity"]


@pytest.mark.parametrize(("path", "body"), [("/gzip", b"zipped"), ("/chunked", b"onetwo")])
def test_the_body_comes_as_transferred(server: ThreadingHTTPServer, path: str, body: bytes) -> None:
    """Its content-encoding still on it, its framing off."""
    came = exchange(LiveRequest("GET", url_of(server, path), [], b""), 5)
    assert (gzip.decompress(came.body) if path == "/gzip" else came.body) == body


def test_a_redirect_is_an_answer(server: ThreadingHTTPServer) -> None:
    """It is not followed: the key would go to another place than it was meant for."""
    assert exchange(LiveRequest("POST", url_of(server, "/moved"), [], b""), 5).status == 307
    assert len(Server.asked) == 1


def test_a_body_that_breaks_off_is_an_error(server: ThreadingHTTPServer) -> None:
    """What came of it is given as well."""
    came = exchange(LiveRequest("POST", url_of(server, "/short"), [], b""), 5)
    assert (came.status, came.body) == (200, b"half")
    assert "IncompleteRead" in str(came.error)


def test_silence_ends_at_the_time_limit(server: ThreadingHTTPServer) -> None:
    """As an error with its name."""
    came = exchange(LiveRequest("POST", url_of(server, "/silent"), [], b""), 0.2)
    assert came.status is None
    assert "TimeoutError" in str(came.error)


def test_a_proxy_of_the_environment_is_used(server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for the whole URL, and no_proxy keeps a host from it."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    assert exchange(LiveRequest("POST", "http://models.invalid/v1?a=1", [], b"x"), 5).status == 200
    assert Server.asked[0][1] == "http://models.invalid/v1?a=1"
    assert dict(Server.asked[0][2])["Host"] == "models.invalid"
    monkeypatch.setenv("no_proxy", "models.invalid")
    assert exchange(LiveRequest("POST", "http://models.invalid/v1", [], b"x"), 5).status is None
    assert len(Server.asked) == 1


def test_closing_ends_a_read_in_another_thread(server: ThreadingHTTPServer) -> None:
    """At once: neither of the two waits for what never comes."""
    opened = begin(LiveRequest("POST", url_of(server, "/hang"), [], b""), 60)
    assert opened.read() == b"half"
    ends: list[BaseException] = []

    def read() -> None:
        try:
            opened.read()
        except Exception as error:
            ends.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    time.sleep(0.05)
    started = time.monotonic()
    opened.close()
    reader.join(5)
    assert time.monotonic() - started < 1
    assert len(ends) == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "models.example/v1", "https:///v1"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    """Before anything happens."""
    with pytest.raises(BadInput, match="no http or https URL"):
        exchange(LiveRequest("POST", url, [], b""), 5)
