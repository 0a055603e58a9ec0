"""The shape that every provider API of the scripted upstream has in common.

Each `api_*.py` module exports one or more `WireApi` values: pure functions from request JSON to answer JSON and stream events.
Delivery (encodings, framing, faults) is somebody else's work.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from scripts import Answer, Conversation, JsonObject

JSON_TYPE = "application/json"
EVENT_STREAM_TYPE = "text/event-stream; charset=utf-8"
CREATED_AT = 1_790_000_000  # a fixed second in 2026: what varies is the nonce


class ApiRequest(NamedTuple):
    """One request to a provider API: the path without prefixes, its query, and the parsed JSON body."""

    path: str
    query: dict[str, str]
    body: JsonObject


@dataclass(frozen=True)
class WireApi:
    """How one provider API reads a request and writes answers, streams and errors.

    `events` turns a finished answer body into the byte strings of its stream, one per event. `error_event` is what this provider
    sends when a stream fails in the middle.
    """

    name: str
    read: Callable[[ApiRequest], Conversation]
    is_streamed: Callable[[ApiRequest], bool]
    write: Callable[[ApiRequest, Answer], JsonObject]
    events: Callable[[ApiRequest, JsonObject], list[bytes]]
    error: Callable[[int, str, str], JsonObject]
    error_event: Callable[[str], bytes]
    request_id_header: str
    stream_type: str = EVENT_STREAM_TYPE
    headers: dict[str, str] = field(default_factory=dict)


def compact(value: object) -> str:
    """JSON as the providers send it in streams: no spaces, characters unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def data_event(value: object) -> bytes:
    """One server-sent event with data only; a string (such as `[DONE]`) is sent as it is."""
    return f"data: {value if isinstance(value, str) else compact(value)}\n\n".encode()


def named_event(value: JsonObject) -> bytes:
    """One server-sent event whose name is the `type` field of its data."""
    return f"event: {value['type']}\ndata: {compact(value)}\n\n".encode()


def joined_text(content: object, *, text_types: Sequence[str] = ("text",)) -> str:
    """The text of a message's content: a string, or a list of typed parts of which those of `text_types` count."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict) and part.get("type") in text_types)


def dated_model(requested: str, suffix: str) -> str:
    """The resolved model for a requested alias; a name that ends with the suffix already is itself."""
    return requested if requested.endswith(suffix) else requested + suffix
