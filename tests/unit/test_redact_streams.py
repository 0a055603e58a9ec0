"""Streamed answers: secrets split over events, in the formats of real providers."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from fr_recorder.redact import RedactedBody, Redactor
from fr_recorder.redact.eventstream import frame
from fr_recorder.redact.specimens import fill

REDACTOR = Redactor(bytes(range(32)), "k1")
KEY = fill("sk-<=ant>-api03-<alnum:93>AA")
TEXT = f'Grüße! The key is {KEY}, the mail joe@example.org, "quoted" and done.'
ARGUMENTS = json.dumps({"password": "hunter2", "to": ["joe@example.org"], "note": "line\none"})


def pieces_of(text: str, longest: int, seed: int) -> list[str]:
    """A text cut at random places, empty pieces included."""
    random = Random(seed)
    pieces = []
    while text:
        length = random.randint(0, longest)
        pieces.append(text[:length])
        text = text[length:]
    return pieces


def sse(events: list[dict[str, Any]], *, names: bool = False, end: bytes = b"\n") -> bytes:
    """Events as a body of server-sent events."""
    lines = []
    for event in events:
        if names:
            lines.append(f"event: {event['type']}".encode())
        lines += [b"data: " + json.dumps(event).encode(), b""]
    return end.join([*lines, b"data: [DONE]", b"", b""])


def events_of(body: bytes) -> Iterator[Any]:
    """The JSON of each event of a body of server-sent events."""
    for line in body.splitlines():
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])


def openai_chat(piece: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}],
    }


def openai_tool(piece: str) -> dict[str, Any]:
    call = {"index": 0, "function": {"arguments": piece}}
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}


def openai_responses(piece: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": piece}


def anthropic_text(piece: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": piece}}


def anthropic_json(piece: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": piece}}


def gemini(piece: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": piece}], "role": "model"}, "index": 0}], "modelVersion": "gemini-3"}


def mistral_chunks(piece: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": piece}]}}]}


def unknown(piece: str) -> dict[str, Any]:
    return {"kind": "chunk", "body": {"fragment": piece}}


def spelled(event: Any, shape: Callable[[str], Any]) -> str | None:
    """The piece that an event carries where ``shape`` puts it."""
    marker = "\0piece"
    pattern = shape(marker)

    def find(pattern: Any, value: Any) -> str | None:
        if pattern == marker:
            return str(value)
        if isinstance(pattern, dict) and isinstance(value, dict):
            found = [find(pattern[key], value[key]) for key in pattern if key in value]
        elif isinstance(pattern, list) and isinstance(value, list):
            found = [find(one, other) for one, other in zip(pattern, value, strict=False)]
        else:
            return None
        return next((item for item in found if item is not None), None)

    return find(pattern, event)


SHAPES = [openai_chat, openai_tool, openai_responses, anthropic_text, anthropic_json, gemini, mistral_chunks, unknown]


@pytest.mark.parametrize("longest", [1, 5, 40, 1000])
@pytest.mark.parametrize("text", [TEXT, ARGUMENTS], ids=["text", "arguments"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_stream_is_redacted_like_the_plain_text(shape: Callable[[str], Any], text: str, longest: int) -> None:
    """The pieces of a redacted stream join to exactly what redaction makes of the whole text."""
    plain, plain_hits = REDACTOR.text(text, "t")
    body = sse([shape(piece) for piece in pieces_of(text, longest, seed=longest)])
    result = REDACTOR.body(body, "text/event-stream; charset=utf-8")
    assert "".join(spelled(event, shape) or "" for event in events_of(result.data)) == plain
    assert result.status == "redacted"
    assert sorted((hit.detector, hit.count) for hit in result.hits) == sorted((hit.detector, hit.count) for hit in plain_hits)
    again = REDACTOR.body(result.data, "text/event-stream")
    assert (again.data, again.status) == (result.data, "clean")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
def test_only_touched_events_change(end: bytes) -> None:
    """Events without a part of a secret, and everything between events, stay byte for byte."""
    events = [openai_chat(piece) for piece in ["Hello ", "joe@exam", "ple.org", " bye"]]
    body = sse(events, end=end)
    result = REDACTOR.body(body, "text/event-stream")
    before, after = body.split(end), result.data.split(end)
    assert len(before) == len(after)
    changed = [number for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert changed == [2, 4]
    assert b'"content": "[[fr:email:' in after[2]
    assert b'"content": ""' in after[4]


def test_texts_that_interleave_are_kept_apart() -> None:
    """Two choices and two tool calls arrive in turns; each is put together by itself."""
    words = ["joe@exam", "ple.org says"]
    events: list[dict[str, Any]] = []
    for piece in words:
        for index in (0, 1):
            events.append({"choices": [{"index": index, "delta": {"content": piece}}]})
            events.append({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}}]})
            events.append({"type": "response.output_text.delta", "item_id": f"msg_{index}", "delta": piece})
    result = REDACTOR.body(sse(events), "text/event-stream")
    assert b"joe" not in result.data
    assert sum(hit.count for hit in result.hits) == 6
    assert b"ple.org" not in result.data


def test_values_repeated_in_each_event_are_scanned_alone() -> None:
    """An id or an address that stands in every event is no text in pieces: it is found in each."""
    events = [{"user": "joe@example.org", "delta": {"content": piece}} for piece in ("a", "b", "c")]
    result = REDACTOR.body(sse(events), "text/event-stream")
    assert result.data.count(b"[[fr:email:") == 3


def test_answers_that_repeat_all_before_are_scanned_alone() -> None:
    """Some providers send the whole text so far in each event; joined, nothing would end at a boundary."""
    text = f"The key of the whole company is {fill('AKIA<upper:16>')}"
    events = [{"output": {"text": text[:length]}} for length in range(20, len(text) + 1, 4)] + [{"output": {"text": text}}] * 2
    result = REDACTOR.body(sse(events), "text/event-stream")
    assert text[-20:].encode() not in result.data


def test_secret_at_the_edge_of_a_delta_needs_its_word_boundary() -> None:
    """A delta is not a text of its own: a word that merely begins at its edge is no secret, as in the plain text."""
    half = fill("AKIA<upper:16>")
    text = f"x{half}"
    assert REDACTOR.text(text, "t") == (text, [])
    body = sse([openai_chat("x"), openai_chat(half)])
    assert REDACTOR.body(body, "text/event-stream").data is body


def test_named_fields_in_events_are_replaced() -> None:
    """Names tell inside of events too, for instance in the object of a finished tool call."""
    event = {"type": "tool", "input": {"password": "hunter2", "city": "Rome"}}
    result = REDACTOR.body(sse([event]), "text/event-stream")
    assert b"hunter2" not in result.data
    assert next(events_of(result.data))["input"]["city"] == "Rome"


def test_event_names_ids_and_comments_are_scanned() -> None:
    """Lines around the data are text as well."""
    body = b': for joe@example.org\nid: joe@example.org\nevent: message\ndata: {"a": "b"}\n\n'
    result = REDACTOR.body(body, "text/event-stream")
    assert b"joe" not in result.data
    assert result.data.endswith(b'event: message\ndata: {"a": "b"}\n\n')


def test_plain_text_events_are_put_together() -> None:
    """Data that is not JSON counts as pieces of one text per event name; several lines of one event are joined."""
    body = b"event: chunk\ndata: mail joe@exa\n\nevent: chunk\ndata: mple.org now\n\ndata: one\ndata: ann@example.org\ndata: three\n\n"
    result = REDACTOR.body(body, "text/event-stream")
    assert b"joe" not in result.data
    assert b"ann" not in result.data
    assert b"mple" not in result.data
    assert result.data.count(b"\ndata: ") == body.count(b"\ndata: ")
    assert REDACTOR.body(result.data, "text/event-stream").data == result.data


def test_events_of_json_strings_are_put_together() -> None:
    """The data of an event may be a JSON string rather than an object."""
    body = b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces_of(TEXT, 6, 8))
    result = REDACTOR.body(body, "text/event-stream")
    assert "".join(json.loads(line[6:]) for line in result.data.splitlines() if line) == REDACTOR.text(TEXT, "t")[0]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_stream_cut_off_is_redacted(cut: int) -> None:
    """A connection that broke within an event leaves JSON cut off; what arrived is redacted."""
    body = sse([openai_chat("mail joe@example.org and"), openai_chat("ann@example.org")])
    body = body[: body.rindex(b"ann@example.org") + len(b"ann@example.org") + 60 - cut]
    result = REDACTOR.body(body, "text/event-stream")
    assert result.status == "redacted"
    assert b"@example" not in result.data


def test_member_named_twice_in_an_event_is_not_overlooked() -> None:
    """The first of two members with one name is hidden from decoders but not from readers."""
    body = b'data: {"delta": {"content": "joe@example.org"}, "delta": {"content": "x"}}\n\n'
    assert b"joe" not in REDACTOR.body(body, "text/event-stream").data


def test_lines_of_json_are_a_stream() -> None:
    """NDJSON as Ollama sends it, declared or not."""
    plain, _ = REDACTOR.text(TEXT, "t")
    body = b"".join(json.dumps({"message": {"content": piece}, "done": False}).encode() + b"\n" for piece in pieces_of(TEXT, 6, 1))
    for content_type in ("application/x-ndjson", "application/json", None):
        result = REDACTOR.body(body, content_type)
        assert "".join(json.loads(line)["message"]["content"] for line in result.data.splitlines()) == plain


def test_secret_that_runs_into_the_next_line_does_not_hide_that_line_s_own() -> None:
    """Records of a log in one field: a token seems to go on in the next record, and takes the word that tells of a cookie with it."""
    token, cookie = fill("<alnum:40>"), fill("<lower:32>")
    records = ["started", f"Authorization: Bearer {token}", f"Cookie: sessionid={cookie}", "ended"]
    body = "".join(json.dumps({"line": record}) + "\n" for record in records).encode()
    redacted = REDACTOR.body(body, "application/x-ndjson")
    assert token.encode() not in redacted.data and cookie.encode() not in redacted.data
    assert [(hit.detector, hit.count) for hit in redacted.hits] == [("access_token", 1), ("cookie", 1)]
    assert [json.loads(line)["line"] for line in redacted.data.splitlines()][::3] == ["started", "ended"]
    assert REDACTOR.body(redacted.data, "application/x-ndjson").data == redacted.data


def test_undeclared_events_are_recognised() -> None:
    """A stream with a wrong or missing content type is read as one all the same."""
    body = sse([openai_chat(piece) for piece in pieces_of(TEXT, 6, 2)])
    declared = REDACTOR.body(body, "text/event-stream")
    assert REDACTOR.body(body, "text/plain") == declared
    assert REDACTOR.body(body, "application/json") == declared
    assert REDACTOR.body(body, None) == declared


def test_list_of_events_is_a_stream() -> None:
    """Gemini without ``alt=sse`` streams the elements of one list."""
    plain, _ = REDACTOR.text(TEXT, "t")
    body = json.dumps([gemini(piece) for piece in pieces_of(TEXT, 6, 3)], indent=1).encode()
    result = REDACTOR.body(body, "application/json")
    assert "".join(spelled(event, gemini) or "" for event in json.loads(result.data)) == plain


def logprobs(tokens: list[str]) -> list[dict[str, Any]]:
    """Tokens with log probabilities, bytes and alternatives, as OpenAI gives them."""
    rows = [{"token": token, "logprob": -0.1, "bytes": list(token.encode())} for token in tokens]
    return [{**row, "top_logprobs": [dict(row)]} for row in rows]


@pytest.mark.parametrize("streamed", [False, True])
def test_log_probabilities_do_not_spell_the_secret(streamed: bool) -> None:
    """Tokens, their bytes and the alternatives would give the secret away piece by piece."""
    tokens = ["The", " key", " "] + [KEY[place : place + 4] for place in range(0, len(KEY), 4)] + [" is", " mine"]
    if streamed:
        events = [{"choices": [{"index": 0, "delta": {"content": token}, "logprobs": {"content": logprobs([token])}}]} for token in tokens]
        result = REDACTOR.body(sse(events), "text/event-stream")
        rows = [row for event in events_of(result.data) for row in event["choices"][0]["logprobs"]["content"]]
    else:
        body = {"choices": [{"index": 0, "message": {"content": "".join(tokens)}, "logprobs": {"content": logprobs(tokens)}}]}
        result = REDACTOR.body(json.dumps(body).encode(), "application/json")
        rows = json.loads(result.data)["choices"][0]["logprobs"]["content"]
    assert "".join(row["token"] for row in rows) == REDACTOR.text("".join(tokens), "t")[0]
    assert "".join(bytes(row["bytes"]).decode() for row in rows) == "The key  is mine"
    assert [row["token"] for row in rows if row["top_logprobs"]] == ["The", " key", " ", " is", " mine"]
    assert rows[0] == logprobs(["The"])[0]


def test_log_probabilities_of_gemini_and_completions() -> None:
    """Where the alternatives stand apart from the tokens, all of them go."""
    tokens = ["k ", KEY[:30], KEY[30:70], KEY[70:], " x"]
    chosen = [{"token": token, "logProbability": -0.1} for token in tokens]
    gemini_body = {"logprobsResult": {"chosenCandidates": chosen, "topCandidates": [{"candidates": [row]} for row in chosen]}}
    completion = {
        "choices": [{"logprobs": {"tokens": tokens, "token_logprobs": [-0.1] * 5, "top_logprobs": [{token: -0.1} for token in tokens]}}]
    }
    for body in (gemini_body, completion):
        result = REDACTOR.body(json.dumps(body).encode(), "application/json")
        assert KEY[:30].encode() not in result.data
        assert KEY[30:70].encode() not in result.data
        assert KEY[70:].encode() not in result.data
        json.loads(result.data)


# -- Amazon's event stream


def header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + len(value).to_bytes(2, "big") + value.encode()


HEADERS = header(":event-type", "contentBlockDelta") + header(":content-type", "application/json") + header(":message-type", "event")


def bedrock(piece: str, wrapped: bool) -> bytes:
    """One frame of Converse, or of the older call that wraps the model's own event in Base64."""
    if wrapped:
        inner = json.dumps(anthropic_text(piece)).encode()
        return frame(HEADERS, json.dumps({"bytes": b64encode(inner).decode(), "p": "abcdef"}).encode())
    return frame(HEADERS, json.dumps({"contentBlockIndex": 0, "delta": {"text": piece}, "p": "abcd"}).encode())


def contents_of(body: bytes) -> list[Any]:
    """The JSON of each frame; lengths and checksums are checked by the reader under test."""
    contents = []
    while body:
        length, header_length = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
        contents.append(json.loads(body[12 + header_length : length - 4]))
        body = body[length:]
    return contents


@pytest.mark.parametrize("wrapped", [False, True])
def test_bedrock_stream_is_redacted_like_the_plain_text(wrapped: bool) -> None:
    """Frames with a part of a secret are written anew with right lengths and checksums."""
    plain, _ = REDACTOR.text(TEXT, "t")
    body = b"".join(bedrock(piece, wrapped) for piece in pieces_of(TEXT, 7, 4))
    result = REDACTOR.body(body, "application/vnd.amazon.eventstream", [10, len(body)])
    contents = contents_of(result.data)
    if wrapped:
        contents = [json.loads(b64decode(content["bytes"])) for content in contents]
    assert "".join(content["delta"]["text"] for content in contents) == plain
    assert result.chunk_offsets[-1] == len(result.data)
    again = REDACTOR.body(result.data, "application/vnd.amazon.eventstream")
    assert (again.data, again.status) == (result.data, "clean")


def test_frame_cut_off_is_left_out() -> None:
    """What cannot be looked into is dropped and counted; the frames before it stay."""
    first, second = bedrock("hello", False), bedrock("joe@example.org", False)
    result = REDACTOR.body(first + second[:-9], "application/vnd.amazon.eventstream", [len(first) + len(second) - 9])
    assert result.data == first
    assert [(hit.detector, hit.count) for hit in result.hits] == [("incomplete_frame", 1)]
    assert result.chunk_offsets == [len(first)]


@pytest.mark.parametrize("place", [0, 9, 20, -2])
def test_damaged_frame_fails_closed(place: int) -> None:
    """Bytes that are not frames cannot be looked into."""
    body = bytearray(bedrock("joe@example.org", False))
    body[place] ^= 1
    result = REDACTOR.body(bytes(body), "application/vnd.amazon.eventstream")
    assert (result.status, result.data) == ("failed", b"")


# -- fed piece by piece


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/event-stream", sse([openai_chat(piece) for piece in pieces_of(TEXT, 6, 5)])),
        ("text/event-stream", sse([anthropic_json(piece) for piece in pieces_of(ARGUMENTS, 6, 6)], names=True, end=b"\r\n")),
        ("text/event-stream", sse([openai_chat("nothing here")])),
        ("text/event-stream", b"data: one\ndata: joe@example.org"),
        ("application/x-ndjson", b'{"a": "joe@exam"}\n{"a": "ple.org"}'),
        ("application/json", b'{"a": "joe@example.org"}'),
        (None, b"mail joe@example.org"),
        ("image/png", b"\x89PNG"),
        ("application/vnd.amazon.eventstream", b"".join(bedrock(piece, False) for piece in pieces_of(TEXT, 7, 7))),
        ("application/vnd.amazon.eventstream", b"garbage that is no frame"),
        ("text/event-stream", b""),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_scanner_gives_what_the_whole_body_gives(content_type: str | None, body: bytes, size: int) -> None:
    """However the bytes arrive, the result is that of the joined body."""
    scanner = REDACTOR.stream(content_type)
    for start in range(0, len(body), size):
        scanner.feed(body[start : start + size])
    ends = [min(start + size, len(body)) for start in range(0, len(body), size)]
    result: RedactedBody = scanner.finish(ends)
    assert result == REDACTOR.body(body, content_type, ends)
    assert result.chunk_offsets == sorted(result.chunk_offsets)
    assert not ends or result.chunk_offsets[-1] == len(result.data)
