"""How an answer travels: content encoding, framing, odd piece borders, and the faults that strike in the middle of a body."""

import asyncio
import re
import socket
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from random import Random
from typing import NamedTuple

from aiohttp import web
from faults import SLOW_S, Fault

ENCODINGS = ("auto", "identity", "gzip", "br", "zstd")
FRAMINGS = ("auto", "length", "chunked")
PIECE_SIZES_BYTES = (7, 33, 61, 120)
SPLIT_CHARACTERS = 3
UNSCALED_BODY_BYTES = 12_000  # beyond this, pieces grow with the body, so that a large one is not sent in thousands of writes
AUTO_GZIP_BYTES = range(100, 1 << 20)
SETTLE_S = 0.05  # the client reads what has been sent before the reset throws it away


@dataclass(frozen=True)
class Reply:
    """An answer before delivery. `parts` are its natural units: the events of a stream, or the one body.

    `pause_s` is the time between parts where the endpoint asks for one; such parts are sent as they are, not cut.
    """

    status: int
    content_type: str
    parts: Sequence[bytes]
    headers: dict[str, str] = field(default_factory=dict)
    streamed: bool = False
    pause_s: float = 0.0


class DeliveryOptions(NamedTuple):
    """What the server's flags, the path prefix, the query and the headers ask of a delivery; latency None is the server's own."""

    encoding: str = "auto"
    framing: str = "auto"
    latency_ms: float | None = None

    def updated(self, given: dict[str, str]) -> "DeliveryOptions":
        """A copy with the known keys of `given` (encoding, framing, latency_ms). Raises ValueError for a value that is not one."""
        options = self
        if "encoding" in given:
            options = options._replace(encoding=_one_of(given["encoding"], ENCODINGS))
        if "framing" in given:
            options = options._replace(framing=_one_of(given["framing"], FRAMINGS))
        if "latency_ms" in given:
            options = options._replace(latency_ms=float(given["latency_ms"]))
        return options


def _one_of(value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
    return value


def accepted_encodings(header: str) -> set[str]:
    """The codings that an accept-encoding header allows; `q=0` forbids one."""
    accepted = set()
    for item in header.lower().split(","):
        coding, _, quality = item.strip().partition(";")
        if coding and quality.replace(" ", "") not in {"q=0", "q=0.0"}:
            accepted.add(coding.strip())
    return accepted


def chosen_encoding(mode: str, accept: str, reply: Reply) -> str:
    """The content encoding of a reply, always one that the client accepts; `auto` is gzip for middling bodies and identity for streams."""
    accepted = accepted_encodings(accept)
    if mode == "auto":
        size = sum(map(len, reply.parts))
        return "gzip" if "gzip" in accepted and not reply.streamed and size in AUTO_GZIP_BYTES else "identity"
    return mode if mode in accepted else "identity"


class Encoder(NamedTuple):
    """A streaming compressor: `feed` one part and flush it, so that the client can decode it at once; then `finish`."""

    feed: Callable[[bytes], bytes]
    finish: Callable[[], bytes]


def _gzip_encoder() -> Encoder:
    compressor = zlib.compressobj(level=6, wbits=31)
    return Encoder(lambda part: compressor.compress(part) + compressor.flush(zlib.Z_SYNC_FLUSH), compressor.flush)


def _brotli_encoder() -> Encoder:
    import brotli

    compressor = brotli.Compressor(quality=5)
    return Encoder(lambda part: bytes(compressor.process(part) + compressor.flush()), lambda: bytes(compressor.finish()))


def _zstd_encoder() -> Encoder:
    import zstandard

    compressor = zstandard.ZstdCompressor().compressobj()
    block = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return Encoder(lambda part: compressor.compress(part) + compressor.flush(block), compressor.flush)


ENCODERS: dict[str, Callable[[], Encoder]] = {"gzip": _gzip_encoder, "br": _brotli_encoder, "zstd": _zstd_encoder}


def encoded_parts(parts: Sequence[bytes], encoding: str) -> list[bytes]:
    """The parts as sent; every part of a compressed stream is flushed on its own, as a provider's edge does."""
    if encoding == "identity":
        return list(parts)
    encoder = ENCODERS[encoding]()
    written = [encoder.feed(part) for part in parts]
    written[-1] += encoder.finish()
    return written


def cut_oddly(data: bytes, random: Random) -> list[bytes]:
    """Cut bytes at borders that respect nothing: inside events, and inside the first UTF-8 sequences. Two pieces or more."""
    scale = max(1, len(data) // UNSCALED_BODY_BYTES)
    borders = {0, len(data)}
    at = 0
    while (at := at + random.choice(PIECE_SIZES_BYTES) * scale) < len(data):
        borders.add(at)
    if len(borders) == 2 and len(data) > 1:
        borders.add(len(data) // 2)
    borders |= {found.start() + 1 for found in islice(re.finditer(rb"[\xc2-\xf4](?=.)", data, re.DOTALL), SPLIT_CHARACTERS)}
    return [data[start:end] for start, end in pairwise(sorted(borders))]


def reset_connection(request: web.BaseRequest) -> None:
    """Close the connection with a TCP reset instead of an orderly end."""
    transport = request.transport
    if transport is None:
        return
    tcp_socket = transport.get_extra_info("socket")
    tcp_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def wait_for_hangup() -> None:
    """Wait until the client goes away or the server stops; both cancel the handler."""
    await asyncio.Event().wait()


@dataclass(frozen=True)
class Plan:
    """A delivery worked out: the pieces in order, the pause between them, and how long the body claims to be (None: chunked)."""

    pieces: list[bytes]
    pause_s: float
    content_length: int | None
    encoding: str


def plan_delivery(reply: Reply, options: DeliveryOptions, accept: str, fault: Fault | None, *, random: Random, pause_s: float) -> Plan:
    """Work out a delivery; pure but for the random numbers."""
    encoding = chosen_encoding(options.encoding, accept, reply)
    parts = encoded_parts(reply.parts, encoding)
    framing = options.framing
    if framing == "auto":
        framing = "chunked" if reply.streamed else "length"
    body = b"".join(parts)
    length = None if framing == "chunked" else len(body)
    if fault is not None and fault.kind == "truncate":
        pieces = cut_oddly(body, random)
        return Plan(pieces[: -(-len(pieces) // 2)], pause_s, len(body), encoding)
    if reply.pause_s:
        return Plan(parts, reply.pause_s, length, encoding)
    if reply.streamed or framing == "chunked" or fault is not None:
        return Plan(cut_oddly(body, random), pause_s if reply.streamed else 0.0, length, encoding)
    return Plan([body] if body else [], 0.0, length, encoding)


async def deliver(request: web.BaseRequest, reply: Reply, plan: Plan, fault: Fault | None) -> web.StreamResponse:
    """Send a planned reply, and let the fault strike in the middle of it."""
    response = web.StreamResponse(status=reply.status, headers={"content-type": reply.content_type, **reply.headers})
    if plan.encoding != "identity":
        response.headers["content-encoding"] = plan.encoding
    if plan.content_length is None:
        response.enable_chunked_encoding()
    else:
        response.content_length = plan.content_length
    kind = fault.kind if fault is not None else None
    if kind == "slow":
        await asyncio.sleep(SLOW_S)
    await response.prepare(request)
    middle = len(plan.pieces) // 2
    for number, piece in enumerate(plan.pieces):
        if number == middle and kind in {"reset-mid", "hang-mid", "slow"}:
            await _strike_midway(request, kind)
        await response.write(piece)
        if plan.pause_s:
            await asyncio.sleep(plan.pause_s)
    if kind == "truncate":
        response.force_close()
        if request.transport is not None:
            request.transport.close()
        return response
    await response.write_eof()
    return response


async def _strike_midway(request: web.BaseRequest, kind: str) -> None:
    if kind == "slow":
        await asyncio.sleep(SLOW_S)
        return
    if kind == "reset-mid":
        await asyncio.sleep(SETTLE_S)
        reset_connection(request)
    await wait_for_hangup()
