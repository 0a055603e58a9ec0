"""Content-encodings undone chunk by chunk, as clients do it; what cannot be undone says so; bombs are bounded."""

from __future__ import annotations

import gzip
import sys
import time
import zlib
from collections.abc import Callable
from itertools import pairwise

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from fr_recorder import transfer
from fr_recorder.transfer import UnknownEncoding, decode_chunks


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
}
ALL = [*ENCODERS.items(), ("deflate", bare_deflate)]
IDS = [*ENCODERS, "bare deflate"]


def chunks_of(data: bytes, cuts: list[int]) -> list[bytes]:
    borders = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(borders)]


@pytest.mark.parametrize(("name", "encode"), ALL, ids=IDS)
def test_any_cut_decodes(name: str, encode: Callable[[bytes], bytes]) -> None:
    """As many pieces as chunks, which joined are the content."""

    @given(st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=6))
    @settings(max_examples=60, deadline=None)
    def check(content: bytes, cuts: list[int]) -> None:
        chunks = chunks_of(encode(content), cuts)
        pieces, whole = decode_chunks(name, chunks)
        assert b"".join(pieces) == content and whole
        assert len(pieces) == len(chunks)

    check()


@pytest.mark.parametrize(("name", "encode"), ALL, ids=IDS)
def test_pieces_follow_the_chunks(name: str, encode: Callable[[bytes], bytes]) -> None:
    """Every piece is what could be decoded by then, so chunk borders keep their meaning."""
    content = b"".join(b"event %d\n" % n for n in range(100_000))
    data = encode(content)
    pieces = decode_chunks(name, chunks_of(data, [len(data) // 2])).pieces
    assert content.startswith(pieces[0])
    assert 0 < len(pieces[0]) < len(content)


@pytest.mark.parametrize(("name", "encode"), ALL, ids=IDS)
def test_body_that_broke_off_decodes_as_far_as_it_goes(name: str, encode: Callable[[bytes], bytes]) -> None:
    """A client that hung up early still shows what it had read."""
    content = bytes(range(256)) * 400
    data = encode(content)
    pieces, whole = decode_chunks(name, [data[: len(data) // 2]])
    assert content.startswith(pieces[0]) and whole


@pytest.mark.parametrize("name", ENCODERS)
def test_no_body_is_no_body(name: str) -> None:
    """A HEAD request has the header and no content."""
    assert decode_chunks(name, []) == ([], True)
    assert decode_chunks(name, [b""]) == ([b""], True)


def test_several_encodings_are_undone_from_the_last() -> None:
    """In the order of RFC 9110: the last one listed was applied last."""
    data = brotli.compress(gzip.compress(b"content"))
    assert decode_chunks(" GZIP , br,", [data]) == ([b"content"], True)


def test_gzip_members_are_one_body() -> None:
    """A gzip file may have several members, with zeros between and behind them; the cut may fall anywhere."""
    data = gzip.compress(b"one ") + bytes(3) + gzip.compress(b"two") + bytes(5)
    for cut in range(len(data)):
        pieces, whole = decode_chunks("gzip", [data[:cut], data[cut:]])
        assert b"".join(pieces) == b"one two" and whole


@pytest.mark.parametrize(("name", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", bare_deflate)])
@pytest.mark.parametrize("garbage", [b"sk-secret behind the end", b"\x1f", b"\x1fsecret", b"\0\0secret"])
def test_bytes_behind_the_end_are_told(name: str, encode: Callable[[bytes], bytes], garbage: bytes) -> None:
    """Clients ignore them. They were not decoded, so nobody may take the transferred bytes for looked through."""
    data = encode(b"content") + garbage
    for cut in (0, len(data) - len(garbage), len(data) - len(garbage) + 1, len(data)):
        pieces, whole = decode_chunks(name, [data[:cut], data[cut:]])
        assert b"".join(pieces) == b"content"
        assert not whole


@pytest.mark.parametrize("name", ["br", "zstd"])
def test_bytes_behind_the_end_are_an_error_where_the_library_says_so(name: str) -> None:
    """Then the body is not of that encoding."""
    with pytest.raises(UnknownEncoding, match=f"not {name}"):
        decode_chunks(name, [ENCODERS[name](b"content") + b"secret behind the end"])


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("data", [b"plain text, not encoded", b"\x00" * 50, b"\x1f\x8b\x08" + b"\xff" * 20])
def test_other_bytes_are_refused(name: str, data: bytes) -> None:
    """The message names the encoding."""
    with pytest.raises(UnknownEncoding, match=f"not {name}"):
        decode_chunks(name, [data])


@pytest.mark.parametrize("name", ["compress", "aes128gcm", "x"])
def test_unknown_encoding_is_named(name: str) -> None:
    """It is left to the caller what to do without it."""
    with pytest.raises(UnknownEncoding, match=name):
        decode_chunks(f"gzip, {name}", [b""])


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither brotli nor brotlicffi is there."""
    monkeypatch.setitem(sys.modules, "brotli", None)
    monkeypatch.setitem(sys.modules, "brotlicffi", None)
    with pytest.raises(UnknownEncoding, match="'br' needs brotlicffi"):
        decode_chunks("br", [b"x"])


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_bomb_is_bounded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before it has been unpacked whole, in one chunk or in many."""
    data = ENCODERS[name](bytes(64 << 20))
    monkeypatch.setattr(transfer, "DECODED_LIMIT_BYTES", 1 << 20)
    for chunks in ([data], [data[n : n + 100] for n in range(0, len(data), 100)]):
        started = time.monotonic()
        with pytest.raises(UnknownEncoding, match="expands beyond"):
            decode_chunks(name, chunks)
        assert time.monotonic() - started < 2
