"""Which headers a proxy passes on, and which belong to one connection only. Pure.

RFC 9110 section 7.6.1 and RFC 2616 section 13.5.1: what describes the connection stays on it, and so do the headers that ``Connection``
names. No ``Via`` or ``Forwarded`` is added: some servers answer requests that carry one differently, without compression for instance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["HOP_BY_HOP", "OURS", "answer_headers", "decoded_headers", "request_headers"]

Headers = list[tuple[str, str]]

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Headers of a connection, in lower case."""

_MADE_ANEW = frozenset(("host", "content-length", "expect"))
"""Headers of a request that are made for the connection upstream, or were answered on the client's."""

OURS = "x-fr-"
"""The beginning of the headers that are meant for the proxy."""


def decoded_headers(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers as they came, as text: UTF-8 where they are, else Latin-1."""
    return [(name.decode("latin-1"), _text(value)) for name, value in raw]


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def request_headers(headers: Sequence[tuple[str, str]]) -> Headers:
    """The headers of a request that go upstream, in their order."""
    named = _named_by_connection(headers)
    return [(k, v) for k, v in headers if (low := k.lower()) not in _MADE_ANEW and not low.startswith(OURS) and low not in named]


def answer_headers(headers: Sequence[tuple[str, str]]) -> Headers:
    """The headers of an answer that go to the client, in their order."""
    named = _named_by_connection(headers)
    return [(k, v) for k, v in headers if k.lower() not in named]


def _named_by_connection(headers: Sequence[tuple[str, str]]) -> frozenset[str]:
    """Those of the connection: the known ones, and what ``Connection`` names beside them."""
    options = (value for name, value in headers if name.lower() == "connection")
    named = frozenset(option.strip().lower() for value in options for option in value.split(","))
    return HOP_BY_HOP | (named - {"content-length", "content-type", "content-encoding"})
