"""The collector behind HTTP: OTLP/HTTP's paths, answers and limits, one thread per connection and a few requests at a time."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from .collector import Collector
from .wire import JSON, LOGS, PROTOBUF, TRACES, Received, RequestRefused, answer_bytes, decompressed, read_request

__all__ = ["CollectorServer", "Limits"]

_PATHS = {"/v1/traces": TRACES, "/v1/logs": LOGS}
_METRICS = "/v1/metrics"
_STATUS = ("/", "/healthz")
_SOCKET_S = 30.0
_WAIT_S = 10.0
_LONGEST_LINE = 1 << 10
_GRPC_INVALID, _GRPC_UNAVAILABLE = 3, 14


class Limits(NamedTuple):
    """Most bytes of a body, before and after decompression; requests read at once; connections at once."""

    body_bytes: int
    at_once: int = 4
    connections: int = 64


class CollectorServer(ThreadingHTTPServer):
    """Serves a collector at an address; port 0 takes a free one. Raises OSError when the address cannot be had."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], collector: Collector, limits: Limits) -> None:
        self.collector = collector
        self.limits = limits
        self.reading = threading.BoundedSemaphore(limits.at_once)
        self._connections = threading.BoundedSemaphore(limits.connections)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[0], self.server_address[1]
        text = host.decode() if isinstance(host, bytes) else str(host)
        return f"http://[{text}]:{port}" if ":" in text else f"http://{text}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to a thread; one too many is closed, so that slow clients cannot take all memory."""
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that has gone away is no fault of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "fr"
    sys_version = ""
    timeout = _SOCKET_S
    server: CollectorServer

    def log_message(self, format: str, *args: Any) -> None:
        """No line per request."""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] in _STATUS:
            self._answer(200, JSON, json.dumps(self.server.collector.counts()._asdict()).encode())
        else:
            self._refuse(RequestRefused(404 if self._kind() is None else 405, "OTLP is sent with POST to /v1/traces and /v1/logs"))

    def do_POST(self) -> None:
        try:
            self._post()
        except RequestRefused as refused:
            self._refuse(refused)
        except TimeoutError:
            self._refuse(RequestRefused(408, f"nothing more of the body came for {_SOCKET_S:.0f} s"))
        except ConnectionError:
            self.close_connection = True
        except Exception as error:  # noqa: BLE001 - whatever a stranger sends, the next request is served
            self._refuse(RequestRefused(500, f"the request could not be taken: {type(error).__name__}"))

    def _kind(self) -> str | None:
        return _PATHS.get(self.path.partition("?")[0].rstrip("/"))

    def _post(self) -> None:
        kind = self._kind()
        if kind is None and self.path.partition("?")[0].rstrip("/") != _METRICS:
            raise RequestRefused(404, "there is /v1/traces and /v1/logs here")
        if not self.server.reading.acquire(timeout=_WAIT_S):
            raise RequestRefused(429, "too many requests at once", 1)
        try:
            body = self._body()
            content_type = self.headers.get("content-type", "")
            if kind is None:
                # Metrics are no part of a record; their sender is not to fill its log with errors.
                answer = b"{}" if content_type.startswith(JSON) else b""
            else:
                plain = decompressed(body, self.headers.get("content-encoding", ""), self.server.limits.body_bytes)
                del body
                received: Received = read_request(kind, content_type, plain)
                self.server.collector.take(received)
                answer = answer_bytes(kind, content_type, received)
        finally:
            self.server.reading.release()
        self._answer(200, JSON if content_type.startswith(JSON) else PROTOBUF, answer)

    def _body(self) -> bytes:
        most = self.server.limits.body_bytes
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self._chunked(most)
        length = self.headers.get("content-length")
        if length is None:
            raise RequestRefused(411, "a body has a content-length, or is chunked")
        if not (length.isascii() and length.isdigit()):
            raise RequestRefused(400, f"content-length {length[:40]!r} is no number")
        if int(length) > most:
            raise RequestRefused(413, f"the body has {int(length):,} bytes, and up to {most:,} are taken; send smaller batches")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise RequestRefused(400, f"the body ends after {len(body):,} of {int(length):,} bytes")
        return body

    def _chunked(self, most: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while True:
            line = self.rfile.readline(_LONGEST_LINE)
            try:
                length = int(line.partition(b";")[0], 16)
            except ValueError:
                raise RequestRefused(400, "the body's chunks are cut off, or have no sizes") from None
            size += length
            if length < 0 or size > most:
                raise RequestRefused(413, f"the body has more than {most:,} bytes; send smaller batches")
            if length == 0:
                while self.rfile.readline(_LONGEST_LINE) not in (b"\r\n", b"\n", b""):
                    continue
                return b"".join(pieces)
            piece = self.rfile.read(length)
            if len(piece) < length:
                raise RequestRefused(400, "the body's chunks are cut off")
            pieces.append(piece)
            self.rfile.readline(_LONGEST_LINE)

    def _refuse(self, refused: RequestRefused) -> None:
        """The reason as a ``google.rpc.Status``, as OTLP has it; the connection ends, since its body may be unread."""
        self.close_connection = True
        code = _GRPC_UNAVAILABLE if refused.status in (429, 503) else _GRPC_INVALID
        if self.headers.get("content-type", "").startswith(PROTOBUF):
            self._answer(refused.status, PROTOBUF, _status_message(code, str(refused)), refused.retry_s)
        else:
            self._answer(refused.status, JSON, json.dumps({"code": code, "message": str(refused)}).encode(), refused.retry_s)

    def _answer(self, status: int, content_type: str, body: bytes, retry_s: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        if retry_s is not None:
            self.send_header("retry-after", str(retry_s))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _status_message(code: int, reason: str) -> bytes:
    """``google.rpc.Status`` in protobuf: field 1 is the code, field 2 the message. Two fields need no library."""
    text = reason.encode("utf-8", "replace")[:1000]
    size, length = len(text), b""
    while size > 0x7F:
        length += bytes((size & 0x7F | 0x80,))
        size >>= 7
    return bytes((0x08, code, 0x12)) + length + bytes((size,)) + text
