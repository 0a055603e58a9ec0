"""Headers and body of an answer together: the same as each by itself, whatever is in them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fr_recorder.redact import RedactionFailed, Redactor
from fr_recorder.redact.look import Look

MAIL = "joe@example.org"
CLEAN = {"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role": "assistant", "content": 'He said "hello".'}, "logprobs": None}]}
HEADERS: dict[str, list[tuple[str, str]]] = {
    "plain": [("content-type", "application/json"), ("x-request-id", "req_0123456789abcdef"), ("content-length", "123")],
    "no type": [("server", "x")],
    "none": [],
    "charset": [("content-type", "application/json; charset=latin-1")],
    "secret": [("content-type", "application/json"), ("x-owner", MAIL)],
    "telling": [("content-type", "application/json"), ("set-cookie", "sid=abcdef; Path=/")],
    "json": [("content-type", "application/json"), ("x-context", '{"password": "hunter2"}')],
    "type names somebody": [("content-type", f"multipart/mixed; boundary={MAIL}")],
    "events": [("Content-Type", "text/event-stream")],
    "text": [("content-type", "text/plain")],
}
BODIES: dict[str, bytes] = {
    "clean": json.dumps(CLEAN).encode(),
    "empty": b"",
    "mail": json.dumps({"content": f"write to {MAIL}"}).encode(),
    "mail in digits": b'{"content": "write to joe\\u0040example.org"}',
    "quote in digits": b'{"content": "\\u0022"}',
    "password": b'{"password": "hunter2"}',
    "named twice": b'{"content": "joe@example.org", "content": "harmless"}',
    "secret within": json.dumps({"arguments": json.dumps({"password": "hunter2"})}).encode(),
    "spelled": json.dumps([{"token": "joe@exa", "logprob": -1}, {"token": "mple.org", "logprob": -1}]).encode(),
    "list of events": json.dumps([{"candidates": [{"text": "joe@exa"}]}, {"candidates": [{"text": "mple.org"}]}]).encode(),
    "cut off": b'{"content": "joe@example.org',
    "not text": b'{"content": "\xff"}',
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(CLEAN).encode(),
    "deep": b"[" * 5000 + b"]" * 5000,
    "stream": b'data: {"delta": {"content": "joe@exa"}}\n\ndata: {"delta": {"content": "mple.org"}}\n\n',
    "parts": f"--{MAIL}\r\n\r\nhello\r\n--{MAIL}--".encode(),
    "words": f"write to {MAIL}".encode(),
}


@pytest.mark.parametrize("data", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS.keys())
def test_together_as_apart(headers: list[tuple[str, str]], data: bytes) -> None:
    """Asked for twice, since what was clean once is remembered."""
    apart = Redactor(bytes(range(32)), "k1")
    named, hits = apart.headers(headers)
    content_type = next((value for name, value in named if name.lower() == "content-type"), None)
    body = apart.body(data, content_type, [len(data)])
    redactor = Redactor(bytes(range(32)), "k1")
    for _ in range(2):
        assert redactor.answer(data, headers, [len(data)]) == (named, hits, body)


def test_clean_answer_is_handed_back_itself() -> None:
    """No copy is made of what is not changed."""
    redactor = Redactor(bytes(range(32)), "k1")
    headers, hits, body = redactor.answer(BODIES["clean"], HEADERS["plain"], [7])
    assert headers == HEADERS["plain"] and hits == []
    assert body.data is BODIES["clean"] and (body.status, body.chunk_offsets) == ("clean", [7])


def test_failure_of_the_body_leaves_the_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be looked at together is looked at apart: only the part that fails is left out."""
    redactor = Redactor(bytes(range(32)), "k1")
    real = Look._object

    def explode(self: Look, value: dict[Any, Any], depth: int) -> None:
        if "boom" in value:
            raise ZeroDivisionError
        real(self, value, depth)

    monkeypatch.setattr(Look, "_object", explode)
    headers, _, body = redactor.answer(b'{"boom": "joe@example.org"}', HEADERS["telling"], [27])
    assert [name for name, _ in headers] == ["content-type", "set-cookie"] and "abcdef" not in str(headers)
    assert (body.data, body.status, body.chunk_offsets) == (b"", "failed", [0])


def test_failure_of_the_headers_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is handed back that was not looked at, and the error names no content."""
    redactor = Redactor(bytes(range(32)), "k1")

    def explode(*_: Any) -> None:
        raise ZeroDivisionError(MAIL)

    monkeypatch.setattr(redactor._telling, "__class__", type("Broken", (), {"__slots__": redactor._telling.__slots__, "redacted": explode}))
    with pytest.raises(RedactionFailed) as caught:
        redactor.answer(BODIES["clean"], HEADERS["telling"], [1])
    assert str(caught.value) == "ZeroDivisionError"
