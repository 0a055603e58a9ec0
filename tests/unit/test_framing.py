"""HTTP/1.1 body framing: the body comes out whatever the cuts of the stream, and what does not parse is passed on."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fr_recorder.framing import BodyReader, frame_chunk, head_of, is_chunked, last_chunk

CHUNKED = [("Transfer-Encoding", "gzip, Chunked")]


def feed(reader: BodyReader, data: bytes, cuts: list[int]) -> list[bytes]:
    """The pieces of a stream that arrives in the given cuts."""
    pieces: list[bytes] = []
    borders = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(borders):
        pieces += reader.feed(data[start:end])
    return pieces


@given(
    st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.lists(st.integers(0, 400), max_size=8), st.sampled_from([b"", b"x: y\r\n"])
)
@settings(max_examples=200, deadline=None)
def test_chunked_body_comes_out(chunks: list[bytes], cuts: list[int], trailer: bytes) -> None:
    """Joined it is the body; the end is known; bytes of the next answer are not taken."""
    data = b"".join(map(frame_chunk, chunks)) + b"0\r\n" + trailer + b"\r\n"
    reader = BodyReader(CHUNKED)
    pieces = feed(reader, data, cuts)
    assert b"".join(pieces) == b"".join(chunks)
    assert reader.ended and reader.complete
    assert reader.feed(b"HTTP/1.1 200 OK") == []


def test_whole_chunks_are_pieces() -> None:
    """One piece per transfer chunk when they arrive whole."""
    reader = BodyReader(CHUNKED)
    assert reader.feed(frame_chunk(b"one") + frame_chunk(b"two") + last_chunk) == [b"one", b"two"]


@pytest.mark.parametrize("size", [b"3", b"3;ext=1", b"0003", b"3 ", b"3\t;x"])
def test_sizes_as_servers_write_them(size: bytes) -> None:
    """Extensions, zeros and space do not count."""
    reader = BodyReader(CHUNKED)
    assert reader.feed(size + b"\r\nabc\r\n0\r\n\r\n") == [b"abc"]
    assert reader.ended


@pytest.mark.parametrize("line", [b"-5", b"+5", b"0x5", b"1_0", b"", b"xyz", b"f" * 17, b"5 5", b"\xff"])
def test_what_is_no_size_is_body(line: bytes) -> None:
    """The stream is not chunked after all: nothing is lost, nothing loops, and only the end of the stream ends it."""
    stream = frame_chunk(b"good") + line + b"\r\nrest"
    for cuts in ([], [9], list(range(len(stream)))):
        reader = BodyReader(CHUNKED)
        assert b"".join(feed(reader, stream, cuts)) == b"good" + line + b"\r\nrest"
        assert not reader.ended and reader.complete
        assert reader.feed(b" more") == [b" more"]


def test_endless_size_line_is_body() -> None:
    """A line that does not end is not kept in memory for ever."""
    reader = BodyReader(CHUNKED)
    pieces = [piece for _ in range(100) for piece in reader.feed(b"1" * 1000)]
    assert b"".join(pieces) == b"1" * 100_000
    assert not reader.ended


@pytest.mark.parametrize("cuts", [[], [1], [2, 4], list(range(9))])
def test_length_ends_the_body(cuts: list[int]) -> None:
    """What follows belongs to something else."""
    reader = BodyReader([("content-length", "5")])
    assert not reader.complete
    assert b"".join(feed(reader, b"12345extra", cuts)) == b"12345"
    assert reader.ended and reader.complete


@pytest.mark.parametrize(
    "headers", [[], [("content-length", "x")], [("content-length", "-5")], [("content-length", "1_0")], [("content-length", "²")]]
)
def test_without_a_length_only_the_stream_ends_it(headers: list[tuple[str, str]]) -> None:
    """An unusable length is none."""
    reader = BodyReader(headers)
    assert reader.feed(b"any") == [b"any"]
    assert reader.complete and not reader.ended
    assert reader.feed(b"") == []


@pytest.mark.parametrize(("headers", "empty"), [([("content-length", "0")], False), ([("content-length", "9")], True), (CHUNKED, True)])
def test_no_body_is_ended_at_once(headers: list[tuple[str, str]], empty: bool) -> None:
    """Length 0, or an answer that has none (HEAD, 204, 304)."""
    reader = BodyReader(headers, empty=empty)
    assert reader.ended and reader.complete
    assert reader.feed(b"next") == []


def test_is_chunked_reads_the_header() -> None:
    """Name and value in any case, as the last of several codings."""
    assert is_chunked(CHUNKED)
    assert not is_chunked([("transfer-encoding", "gzip"), ("content-encoding", "chunked")])


@pytest.mark.parametrize(
    ("status", "version", "first"),
    [(200, "HTTP/1.1", b"HTTP/1.1 200 OK"), (404, "HTTP/1.0", b"HTTP/1.0 404 Not Found"), (299, "", b"HTTP/1.1 299 ")],
)
def test_head_is_written_as_servers_do(status: int, version: str, first: bytes) -> None:
    """Status line, headers, empty line; statuses without a name have none."""
    assert head_of(status, [("A", "b"), ("X", "ä€")], version) == first + b"\r\nA: b\r\nX: \xe4?\r\n\r\n"


def test_empty_chunk_is_nothing() -> None:
    """A chunk of length 0 would end the body."""
    assert frame_chunk(b"") == b""
    assert frame_chunk(b"x" * 16) == b"10\r\n" + b"x" * 16 + b"\r\n"
