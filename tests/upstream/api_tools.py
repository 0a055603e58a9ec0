"""HTTP endpoints that an agent's tools call: weather, echo, big and slow bodies, redirects, and two kinds of authentication."""

import hashlib
import json
import re
import secrets
from base64 import b64encode
from collections.abc import Callable
from random import SystemRandom
from typing import Any, NamedTuple

from delivery import Reply
from wire_api import JSON_TYPE

BASIC_CREDENTIALS = ("user", "open sesame")
BIG_BLOCK_BYTES = 1 << 16
MAXIMUM_BIG_BYTES = 1 << 28
_random = SystemRandom()


class ToolRequest(NamedTuple):
    """One request to a tool endpoint; `path_groups` are the captured parts of the path, header names are lower case."""

    method: str
    path: str
    path_groups: tuple[str, ...]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class ToolRoute(NamedTuple):
    """One endpoint: method, pattern of the whole path, and what answers."""

    method: str
    path: re.Pattern[str]
    answer: Callable[[ToolRequest], Reply]
    description: str


def json_reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """A JSON reply with readable spaces and escaped characters, as many web frameworks write it."""
    return Reply(status, JSON_TYPE, [json.dumps(value).encode()], headers or {})


def weather(request: ToolRequest) -> Reply:
    """Random weather."""
    return json_reply(
        {
            "city": request.query.get("city"),
            "temperature_c": round(_random.uniform(-20, 40), 1),
            "wind_kmh": _random.randint(0, 90),
            "nonce": secrets.token_hex(4),
        }
    )


def echo(request: ToolRequest) -> Reply:
    """What was received: content type, size, SHA-256, and the body as JSON or text where it is that."""
    text = request.body.decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    received: dict[str, Any] = {
        "method": request.method,
        "query": request.query,
        "content_type": request.headers.get("content-type"),
        "content_encoding": request.headers.get("content-encoding"),
        "body_bytes": len(request.body),
        "body_sha256": hashlib.sha256(request.body).hexdigest(),
        "json": parsed,
        "text": text if parsed is None and len(text) <= 1000 else None,
        "nonce": secrets.token_hex(4),
    }
    return json_reply(received)


def big(request: ToolRequest) -> Reply:
    """Exactly `bytes` bytes of text, each block of 64 KiB different; `x-content-sha256` is its hash."""
    size = int(request.query.get("bytes", "1000000"))
    if not 0 <= size <= MAXIMUM_BIG_BYTES:
        return json_reply({"error": f"bytes must lie between 0 and {MAXIMUM_BIG_BYTES}"}, 400)
    noise = secrets.token_hex((BIG_BLOCK_BYTES - 18) // 2).encode()
    blocks = (b"block %010d\n" % number + noise + b"\n" for number in range(-(-size // BIG_BLOCK_BYTES)))
    body = b"".join(blocks).ljust(size, b".")[:size]
    return Reply(200, "text/plain; charset=utf-8", [body], {"x-content-sha256": hashlib.sha256(body).hexdigest()})


def lines(request: ToolRequest) -> Reply:
    """`count` lines of JSON, `delay_ms` apart (0: as fast as they can be sent, oddly cut)."""
    count = int(request.query.get("count", "5"))
    nonce = secrets.token_hex(4)
    written = [json.dumps({"line": n, "nonce": nonce, "text": "é☂😀"}, ensure_ascii=False).encode() + b"\n" for n in range(count)]
    return Reply(200, "application/x-ndjson", written, streamed=True, pause_s=float(request.query.get("delay_ms", "0")) / 1000)


def status(request: ToolRequest) -> Reply:
    """The status that the path names."""
    return json_reply({"status": int(request.path_groups[0]), "nonce": secrets.token_hex(4)}, int(request.path_groups[0]))


def redirect(request: ToolRequest) -> Reply:
    """A chain of relative redirects that ends in an answer; `?status=307` keeps the method."""
    hops = int(request.path_groups[0])
    if hops == 0:
        return json_reply({"arrived": True, "method": request.method, "body_bytes": len(request.body), "nonce": secrets.token_hex(4)})
    code = request.query.get("status", "302")
    suffix = f"?status={code}" if "status" in request.query else ""
    return Reply(int(code), "text/plain", [f"{hops} to go\n".encode()], {"location": f"{hops - 1}{suffix}"})


def token(_request: ToolRequest) -> Reply:
    """A fresh bearer token; `/auth/protected` takes any token of this form."""
    return json_reply({"access_token": f"scripted-{secrets.token_hex(8)}", "token_type": "bearer"})


def protected(request: ToolRequest) -> Reply:
    """An answer for a bearer token, else 401."""
    if request.headers.get("authorization", "").startswith("Bearer scripted-"):
        return json_reply({"secret_answer": secrets.token_hex(4)})
    return json_reply({"error": "no bearer token"}, 401, {"www-authenticate": "Bearer"})


def basic(request: ToolRequest) -> Reply:
    """An answer for the one right user and password, else 401."""
    expected = "Basic " + b64encode(":".join(BASIC_CREDENTIALS).encode()).decode()
    if request.headers.get("authorization") == expected:
        return json_reply({"secret_answer": secrets.token_hex(4)})
    return json_reply({"error": "wrong credentials"}, 401, {"www-authenticate": 'Basic realm="scripted"'})


TOOL_ROUTES: tuple[ToolRoute, ...] = (
    ToolRoute("GET", re.compile(r"/tool/weather"), weather, "random weather for ?city="),
    ToolRoute("POST", re.compile(r"/tool/echo"), echo, "what was received, and a nonce"),
    ToolRoute("PUT", re.compile(r"/tool/echo"), echo, "the same for PUT"),
    ToolRoute("GET", re.compile(r"/tool/big"), big, "?bytes= bytes of text"),
    ToolRoute("GET", re.compile(r"/tool/lines"), lines, "?count= lines of JSON, ?delay_ms= apart"),
    ToolRoute("GET", re.compile(r"/tool/status/(\d{3})"), status, "that status"),
    ToolRoute("GET", re.compile(r"/redirect/(\d+)"), redirect, "that many redirects, then an answer"),
    ToolRoute("POST", re.compile(r"/redirect/(\d+)"), redirect, "the same for POST; ?status=307 keeps the method"),
    ToolRoute("POST", re.compile(r"/auth/token"), token, "a fresh bearer token"),
    ToolRoute("GET", re.compile(r"/auth/protected"), protected, "401 without a bearer token"),
    ToolRoute("GET", re.compile(r"/auth/basic"), basic, "401 without the right user and password"),
)
