"""Base64 in texts: what it decodes to, once, and through gzip, once.

Looked at are runs that are a text of their own, that stand behind ``base64,`` or ``b64decode("``, or that begin as JSON or gzip does.
Of a run at most :data:`MOST_DECODED` bytes are decoded, and nothing that does not begin like text or gzip, such as an image.
"""

from __future__ import annotations

import re

from fr_recorder.redact.rule import Buffer

__all__ = ["ENCODED", "MOST_DECODED", "decoded_run", "is_encoded_text"]

ENCODED = "encoded"
"""Name of the check of rules whose match is looked into."""

MOST_DECODED = 1 << 20

_RUN = re.compile(rb"[A-Za-z0-9+/_\-]*={0,2}")
_URL_ALPHABET = bytes.maketrans(b"-_", b"+/")
_PROBE = 64
_GZIP = b"\x1f\x8b\x08"
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xf4]*")
_ASCII_SHARE = 0.6


def decoded_run(buffer: Buffer, start: int) -> tuple[bytes, int] | None:
    """The text that the Base64 run from ``start`` on stands for, and where the run ends; None when it is no text.

    The text has no NUL in it and stands between two, as texts to be scanned do.
    """
    match = _RUN.match(buffer, start)
    assert match is not None
    end = match.end()
    probe = _decoded(bytes(buffer[start : min(end, start + _PROBE)]))
    if probe is None or not (probe.startswith(_GZIP) or _is_text(probe)):
        return None
    data = _decoded(bytes(buffer[start : min(end, start + MOST_DECODED * 4 // 3)]))
    if data is not None and data.startswith(_GZIP):
        data = _expanded(data)
        if data is not None and not _is_text(data[:_PROBE]):
            return None
    return None if data is None else (b"\0%b\0" % data.replace(b"\0", b""), end)


def is_encoded_text(buffer: Buffer, start: int, end: int) -> bool:  # noqa: ARG001 - a check's arguments
    """Whether a run decodes to text; the engine looks into that text besides."""
    return decoded_run(buffer, start) is not None


def _decoded(run: bytes) -> bytes | None:
    from binascii import Error, a2b_base64

    run = run.rstrip(b"=").translate(_URL_ALPHABET)
    # A run that was cut has no whole last group.
    run = run[: len(run) - (len(run) % 4 == 1)]
    try:
        return a2b_base64(run + b"=" * (-len(run) % 4))
    except (Error, ValueError):
        return None


def _expanded(data: bytes) -> bytes | None:
    from zlib import decompressobj, error

    try:
        return decompressobj(wbits=31).decompress(data, MOST_DECODED)
    except error:
        return None


def _is_text(data: bytes) -> bool:
    """Printable, and mostly ASCII: bytes of other scripts are hardly to be told from chance."""
    return _TEXT.fullmatch(data) is not None and sum(byte < 0x80 for byte in data) >= _ASCII_SHARE * len(data)
