"""Undoing a content-encoding, chunk by chunk, so that recorded chunk borders keep their meaning."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["UnknownEncoding", "decode_chunks"]

DECODED_LIMIT_BYTES = 1 << 30
"""A small answer that decompresses to more than this is kept as transferred only."""


class UnknownEncoding(Exception):
    """The encoding, or its library, is not known here, or the bytes are not in it."""


def decode_chunks(encoding: str, chunks: Iterable[bytes]) -> list[bytes]:
    """What each transferred chunk decodes to; the list has as many entries as there are chunks, plus what a final flush gives.

    ``encoding`` is a content-encoding header, possibly a list such as ``gzip, br``. Raises UnknownEncoding.
    """
    pieces = list(chunks)
    for name in reversed([part.strip().lower() for part in encoding.split(",") if part.strip()]):
        if name == "identity":
            continue
        maker = _DECODERS.get(name)
        if maker is None:
            raise UnknownEncoding(f"content-encoding {name!r}")
        pieces = _run(maker, pieces, name)
    return pieces


def _run(maker: Callable[[], tuple[Callable[[bytes], bytes], Callable[[], bytes]]], pieces: list[bytes], name: str) -> list[bytes]:
    try:
        feed, flush = maker()
        decoded, total = [], 0
        for piece in pieces:
            out = feed(piece) if piece else b""
            total += len(out)
            if total > DECODED_LIMIT_BYTES:
                raise UnknownEncoding(f"{name} expands beyond {DECODED_LIMIT_BYTES} bytes")
            decoded.append(out)
        rest = flush()
    except UnknownEncoding:
        raise
    except ImportError as error:
        raise UnknownEncoding(f"content-encoding {name!r} needs {error.name}") from error
    except Exception as error:  # each library has its own error class for bytes that are not in its format
        raise UnknownEncoding(f"not {name}: {error}") from error
    if rest:
        if decoded:
            decoded[-1] += rest
        else:
            decoded.append(rest)
    return decoded


def _zlib(window_bits: int) -> Callable[[], tuple[Callable[[bytes], bytes], Callable[[], bytes]]]:
    def make() -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
        state = zlib.decompressobj(window_bits)
        return state.decompress, state.flush

    return make


def _deflate() -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """Servers send either a zlib stream or a bare deflate stream under this name; the first byte tells."""
    state: list[Any] = []

    def feed(data: bytes) -> bytes:
        if not state:
            state.append(zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS))
        out: bytes = state[0].decompress(data)
        return out

    return feed, lambda: state[0].flush() if state else b""


def _brotli() -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    try:
        library: Any = importlib.import_module("brotli")
    except ImportError:
        library = importlib.import_module("brotlicffi")
    state = library.Decompressor()
    return getattr(state, "process", None) or state.decompress, lambda: b""


def _zstd() -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    import zstandard

    state: list[Any] = [zstandard.ZstdDecompressor().decompressobj()]

    def feed(data: bytes) -> bytes:
        out = b""
        while data:
            out += state[0].decompress(data)
            data = state[0].unused_data
            if state[0].eof:
                state[0] = zstandard.ZstdDecompressor().decompressobj()
            else:
                break
        return out

    return feed, lambda: b""


_DECODERS: dict[str, Callable[[], tuple[Callable[[bytes], bytes], Callable[[], bytes]]]] = {
    "gzip": _zlib(zlib.MAX_WBITS | 16),
    "x-gzip": _zlib(zlib.MAX_WBITS | 16),
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
