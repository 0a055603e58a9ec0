"""One HTTP exchange with the world of today, sent as it is given and shown to the recorder like any program's.

The standard library's client and no other: it sends our headers as they are, adds none, follows no redirect, retries
nothing, and hands out the body as transferred, which is what the record keeps. It needs no further dependency.
"""

from __future__ import annotations

import http.client
import importlib.util
import os
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from fr_schema.errors import BadInput

from .capture import boundary, lanes

__all__ = ["Exchanged", "LiveRequest", "Opened", "begin", "exchange", "sent_headers"]

TRANSPORT = "fr"
"""What the record names as the client."""

_READ_BYTES = 1 << 16
_HTTP_1_1 = 11
_DECODABLE = ("gzip", "deflate", "zstd", "identity")


class LiveRequest(NamedTuple):
    """What is sent. ``headers`` are without those of the connection: host, length and the like."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes


class Exchanged(NamedTuple):
    """What came back.

    Attributes:
        status: None when no answer came.
        headers: as received.
        body: as transferred, its content-encoding still on it; what had come when it broke off.
        error: why there is no whole answer, or None.
        seconds: until the last byte.
    """

    status: int | None
    headers: list[tuple[str, str]]
    body: bytes
    error: str | None
    seconds: float


class Opened:
    """An answer that has begun: status and headers are there.

    Attributes:
        status, headers, http_version: as received.
    """

    def __init__(self, connection: http.client.HTTPConnection, line: socket.socket | None, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._line = line
        self._lock = threading.Lock()
        self._response = response
        self.status = response.status
        self.headers = response.getheaders()
        self.http_version = "HTTP/1.1" if response.version == _HTTP_1_1 else "HTTP/1.0"

    def read(self) -> bytes:
        """The next piece of the body as transferred; empty at its end. Raises OSError or HTTPException where it breaks off."""
        with self._lock:
            chunk = self._response.read1(_READ_BYTES)
        if not chunk and self._response.length:
            raise http.client.IncompleteRead(b"", self._response.length)
        return chunk

    def close(self) -> None:
        """Put the connection away; whoever reads from it in another thread is told that it is cut."""
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._response.close()
            self._connection.close()


def sent_headers(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers as they go out: asking for no content-encoding that this interpreter cannot undo."""
    return _with_possible_encodings(headers)


def begin(request: LiveRequest, timeout_s: float) -> Opened:
    """Send a request, and wait for the headers of its answer. Raises OSError, HTTPException; BadInput for what is no URL."""
    parts = urlsplit(request.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"{request.url} cannot be asked: it is no http or https URL")
    connection, target = _connection(parts, timeout_s)
    try:
        _send(connection, target, parts.netloc.rpartition("@")[2], request, sent_headers(request.headers))
        # Of a connection that is not kept, only the answer knows it later.
        line = connection.sock
        return Opened(connection, line, connection.getresponse())
    except BaseException:
        connection.close()
        raise


def exchange(request: LiveRequest, timeout_s: float) -> Exchanged:
    """Send a request and read its answer to the end. Failures of the network are told, not raised.

    Raises BadInput for a URL that cannot be asked.
    """
    crossing = boundary.http(TRANSPORT, request.method, request.url, list(sent_headers(request.headers)), request.body)
    inside = lanes.enter_crossing()
    started = time.monotonic()
    opened: Opened | None = None
    chunks: list[bytes] = []
    end: BaseException | None = None
    try:
        opened = begin(request, timeout_s)
        if crossing is not None:
            crossing.answered(opened.status, list(opened.headers), opened.http_version)
        while chunk := opened.read():
            chunks.append(chunk)
            if crossing is not None:
                crossing.chunk(chunk)
    except BaseException as error:
        end = error
        if not isinstance(error, OSError | http.client.HTTPException):
            raise
    finally:
        lanes.leave_crossing(inside)
        if opened is not None:
            opened.close()
        if crossing is not None:
            crossing.finish("eof" if end is None else "error", end)
    status, headers = (opened.status, opened.headers) if opened is not None else (None, [])
    told = None if end is None else f"{type(end).__name__}: {end}"
    return Exchanged(status, headers, b"".join(chunks), told, time.monotonic() - started)


def _with_possible_encodings(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers, asking for no content-encoding that this interpreter cannot undo."""
    possible = {*_DECODABLE, *(["br"] if any(importlib.util.find_spec(name) for name in ("brotli", "brotlicffi")) else [])}
    kept = []
    for name, value in headers:
        if name.lower() == "accept-encoding":
            wanted = [part.strip() for part in value.split(",") if part.split(";")[0].strip().lower() in possible]
            kept.append((name, ", ".join(wanted) or "identity"))
        else:
            kept.append((name, value))
    return kept


def _connection(parts: Any, timeout_s: float) -> tuple[http.client.HTTPConnection, str]:
    """A connection, through the environment's proxy where it names one, and what to ask it for."""
    host, port = parts.hostname, parts.port
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme)
    through = urlsplit(proxy if "//" in proxy else f"//{proxy}") if proxy else None
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE"))
        if through is not None and through.hostname:
            secure = http.client.HTTPSConnection(through.hostname, through.port or 80, timeout=timeout_s, context=context)
            secure.set_tunnel(host, port or 443)
            return secure, target
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context), target
    if through is not None and through.hostname:
        return http.client.HTTPConnection(through.hostname, through.port or 80, timeout=timeout_s), f"http://{parts.netloc}{target}"
    return http.client.HTTPConnection(host, port, timeout=timeout_s), target


def _send(
    connection: http.client.HTTPConnection, target: str, authority: str, request: LiveRequest, headers: Sequence[tuple[str, str]]
) -> None:
    connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", authority)
    for name, value in headers:
        connection.putheader(name, value)
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        connection.putheader("Content-Length", str(len(request.body)))
    connection.endheaders(request.body or None)
