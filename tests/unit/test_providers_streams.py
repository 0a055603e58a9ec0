"""Event streams over bytes: the definition's corner cases, any chunking, and Amazon's binary framing with damage."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fr_schema.providers.aws_event_stream import looks_like_event_stream, parse_messages
from fr_schema.providers.sse import EventStreamParser, ServerSentEvent, parse_events, parse_json_array, parse_json_lines

sys.path.insert(0, str(Path(__file__).resolve().parent))

from provider_wire import amazon_events, amazon_exception, amazon_message

STREAMS: list[tuple[str, bytes, list[tuple[str | None, str]]]] = [
    ("one event", b"data: a\n\n", [(None, "a")]),
    ("named", b"event: ping\ndata: {}\n\n", [("ping", "{}")]),
    ("crlf", b"event: x\r\ndata: a\r\n\r\n", [("x", "a")]),
    ("cr alone", b"data: a\r\rdata: b\r\r", [(None, "a"), (None, "b")]),
    ("mixed line ends", b"data: a\r\n\ndata: b\n\r\n", [(None, "a"), (None, "b")]),
    ("several data lines", b"data: a\ndata: b\ndata\n\n", [(None, "a\nb\n")]),
    ("comment", b": hello\n\n: again\ndata: a\n\n", [(None, "a")]),
    ("no space after the colon", b"data:a\n\n", [(None, "a")]),
    ("only one space is taken", b"data:  a\n\n", [(None, " a")]),
    ("colon in the data", b"data: a:b: c\n\n", [(None, "a:b: c")]),
    ("unknown fields", b"id: 7\nretry: 10\nfoo: bar\ndata: a\n\n", [(None, "a")]),
    ("event without data is not sent", b"event: x\n\ndata: a\n\n", [(None, "a")]),
    ("byte order mark", b"\xef\xbb\xbfdata: a\n\n", [(None, "a")]),
    ("line separators that are none", "data: a\u2028b\x0bc\x85d\n\n".encode(), [(None, "a\u2028b\x0bc\x85d")]),
    ("not utf-8", b"data: \xff\xfe\n\n", [(None, "\ufffd\ufffd")]),
    ("tail without empty line", b"data: a\n\ndata: b", [(None, "a"), (None, "b")]),
    ("empty", b"", []),
]


@pytest.mark.parametrize(("name", "body", "expected"), STREAMS, ids=[name for name, _, _ in STREAMS])
def test_events_of_a_stream(name: str, body: bytes, expected: list[tuple[str | None, str]]) -> None:
    """Each rule of the definition has its stream."""
    events, tail = parse_events([body])
    found = events if tail is None else [*events, tail]
    assert found == [ServerSentEvent(*event) for event in expected], name


@pytest.mark.parametrize(("name", "body", "expected"), STREAMS, ids=[name for name, _, _ in STREAMS])
def test_every_single_cut_gives_the_same_events(name: str, body: bytes, expected: list[tuple[str | None, str]]) -> None:
    """Two chunks, cut at any byte, also inside a character and between CR and LF."""
    whole = parse_events([body])
    for cut in range(len(body) + 1):
        assert parse_events([body[:cut], body[cut:]]) == whole, (name, cut, expected)


@given(st.lists(st.sampled_from([b"data: x", b"data:", b"event: e", b":c", b"", b"\r", b"\n", b"\r\n", b"\xc3\xa9", b"y"])), st.data())
def test_any_chunking_gives_the_same_events(pieces: list[bytes], data: st.DataObject) -> None:
    """The parser's events depend on the bytes and not on how they were cut."""
    body = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    chunks = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert parse_events(chunks) == parse_events([body])
    assert parse_events([body[index : index + 1] for index in range(len(body))]) == parse_events([body])


def test_huge_line_in_small_chunks_takes_time_in_proportion() -> None:
    """A line of 4 MB that arrives in 4,000 chunks is one event (and would take minutes if each chunk copied the line)."""
    parser = EventStreamParser()
    assert parser.feed(b"data: ") == []
    for _ in range(4000):
        assert parser.feed(b"x" * 1000) == []
    assert [len(event.data) for event in parser.feed(b"\n\n")] == [4_000_000]
    assert parser.finish() is None


def test_json_lines_leave_out_what_is_no_json() -> None:
    """Lines end in LF or CRLF; a broken line is left out and reported."""
    assert parse_json_lines(b'{"a":1}\r\n\n{"b":2}\n') == ([{"a": 1}, {"b": 2}], True)
    assert parse_json_lines(b'{"a":1}\n{"b":') == ([{"a": 1}], False)
    assert parse_json_lines(b"") == ([], True)


def test_json_array_is_read_as_far_as_it_goes() -> None:
    """Every cut of an array gives a beginning of its elements, and only the whole array is whole."""
    values = [{"a": "é,]"}, 1, [2, {}], "x"]
    body = json.dumps(values, ensure_ascii=False, indent=1).encode()
    assert parse_json_array(body) == (values, True)
    for end in range(len(body)):
        found, whole = parse_json_array(body[:end])
        assert not whole
        assert found == values[: len(found)]
    assert parse_json_array(b'{"a":1}') == ([], False)


def test_amazon_messages_are_read_with_their_headers() -> None:
    """Headers of all types are skipped over or read, payloads are exact."""
    body = amazon_events([("messageStart", {"role": "assistant"})]) + amazon_exception("throttlingException", "slow down")
    messages, fault = parse_messages(body)
    assert fault is None
    assert [message.headers.get(":event-type") or message.headers[":exception-type"] for message in messages] == [
        "messageStart",
        "throttlingException",
    ]
    assert json.loads(messages[1].payload) == {"message": "slow down"}
    assert looks_like_event_stream(body)
    assert not looks_like_event_stream(b"data: not this one")


def test_amazon_headers_of_every_type_are_skipped_or_read() -> None:
    """A message with one header of each of the ten types keeps its text header and its payload."""
    import struct
    import zlib

    values = [b"\x00", b"\x01", b"\x02\x01", b"\x03\x00\x01", b"\x04" + bytes(4), b"\x05" + bytes(8), b"\x06\x00\x02ab", b"\x07\x00\x02hi"]
    values += [b"\x08" + bytes(8), b"\x09" + bytes(16)]
    head = b"".join(b"\x02" + f"h{number}".encode() + value for number, value in enumerate(values))
    prelude = struct.pack(">II", 16 + len(head) + 2, len(head))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + b"ok"
    messages, fault = parse_messages(message + struct.pack(">I", zlib.crc32(message)))
    assert (messages, fault) == ([({"h7": "hi"}, b"ok")], None)


@pytest.mark.parametrize("reason", ["truncated", "checksum", "malformed"])
def test_damaged_amazon_stream_keeps_what_came_before(reason: str) -> None:
    """Reading stops at the damaged message, says where it begins and why."""
    good = amazon_events([("messageStart", {"role": "assistant"})])
    if reason == "truncated":
        bad = good[:-1]
    elif reason == "checksum":
        bad = good[:40] + bytes([good[40] ^ 1]) + good[41:]
    else:
        bad = amazon_message({}, b"")[:0] + _message_with_bad_headers()
    messages, fault = parse_messages(good + bad)
    assert len(messages) == 1
    assert fault is not None
    assert (fault.reason, fault.offset) == (reason, len(good))


def _message_with_bad_headers() -> bytes:
    import struct
    import zlib

    head = b"\x01a\x63"
    prelude = struct.pack(">II", 16 + len(head), len(head))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + head
    return message + struct.pack(">I", zlib.crc32(message))


@given(st.binary(max_size=300), st.integers(0, 200), st.integers(0, 255))
def test_amazon_parser_never_raises_and_flipped_bytes_are_noticed(noise: bytes, position: int, flip: int) -> None:
    """Arbitrary bytes give a fault or nothing; a changed byte in a message never yields a changed message."""
    parse_messages(noise)
    good = amazon_events([("metadata", {"usage": {"inputTokens": 1}}), ("messageStop", {})])
    position %= len(good)
    changed = good[:position] + bytes([good[position] ^ flip]) + good[position + 1 :]
    messages, fault = parse_messages(changed)
    original, _ = parse_messages(good)
    assert messages == original[: len(messages)]
    assert (fault is None) == (changed == good)
