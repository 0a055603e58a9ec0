"""Bytes as providers put them on the wire: event streams, JSON lines, Amazon's binary messages."""

import base64
import json
import struct
import zlib
from typing import Any

JSON = (("content-type", "application/json"),)
EVENT_STREAM = (("content-type", "text/event-stream; charset=utf-8"),)
JSON_LINES = (("content-type", "application/x-ndjson"),)
AMAZON_STREAM = (("content-type", "application/vnd.amazon.eventstream"),)


def data_events(chunks: list[Any], *, done: bool = True) -> bytes:
    """Events without names, as OpenAI's chat API and Gemini send them."""
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return (body + ("data: [DONE]\n\n" if done else "")).encode()


def named_events(events: list[dict[str, Any]], *, key: str = "type") -> bytes:
    """Events named after a field of their data, as Anthropic, OpenAI's Responses API and Cohere send them."""
    return "".join(f"event: {event[key]}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


def json_lines(values: list[Any]) -> bytes:
    """One JSON value a line."""
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def amazon_message(headers: dict[str, str], payload: bytes) -> bytes:
    """One binary message with text headers, its checksums right."""
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return message + struct.pack(">I", zlib.crc32(message))


def amazon_events(events: list[tuple[str, Any]]) -> bytes:
    """Messages of type event, with JSON for payload."""
    return b"".join(
        amazon_message(
            {":event-type": name, ":content-type": "application/json", ":message-type": "event"}, json.dumps({**value, "p": "abc"}).encode()
        )
        for name, value in events
    )


def amazon_chunks(values: list[dict[str, Any]]) -> bytes:
    """The messages of an invoked model's stream: each holds the model's own event, in base64."""
    return b"".join(
        amazon_message(
            {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"},
            json.dumps({"bytes": base64.b64encode(json.dumps(value).encode()).decode(), "p": "ab"}).encode(),
        )
        for value in values
    )


def amazon_exception(kind: str, message: str) -> bytes:
    """An exception in the middle of a stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return amazon_message(headers, json.dumps({"message": message}).encode())
