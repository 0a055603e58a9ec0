"""The connection to the upstream: one client for all, that changes nothing of what passes through it."""

from __future__ import annotations

import os
import ssl
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from .admission import is_loopback

__all__ = ["failure_of", "new_client", "proxy_of", "rest_of"]

_CONNECT_S = 30.0
_LARGEST_HEADER_BYTES = 1 << 16


def new_client() -> aiohttp.ClientSession:
    """A client without cookies, redirects, decompression or headers of its own; certificates are checked by the standard trust store.

    ``SSL_CERT_FILE`` and ``REQUESTS_CA_BUNDLE`` name another one, as for ``fr reissue``.
    """
    trusted = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE"))
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=trusted),
        # How long an answer may take is for the program to decide: when it hangs up, the upstream is let go.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        max_line_size=_LARGEST_HEADER_BYTES,
        max_field_size=_LARGEST_HEADER_BYTES,
    )


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for a URL (``HTTPS_PROXY``, ``NO_PROXY``), or None; never one for this machine."""
    parts = urlsplit(url)
    if not parts.hostname or is_loopback(parts.hostname) or proxy_bypass(parts.hostname):
        return None
    found = getproxies().get(parts.scheme)
    return None if not found else found if "//" in found else f"http://{found}"


def failure_of(class_name: str) -> tuple[str, str]:
    """Of a failure by its class name: the refusal's code, and what is said of it. The same in recording and in replay."""
    name = class_name.rpartition(".")[2]
    if "Timeout" in name:
        return "upstream-timeout", "the upstream did not answer in time"
    return "upstream-unreachable", "the upstream could not be asked, or broke off before it answered"


def rest_of(content: Any) -> bytes:
    """What had come of a body when it broke off and was not read yet; aiohttp's own readers raise instead of handing it out."""
    read = getattr(content, "_read_nowait", None)
    return bytes(read(-1)) if read is not None and getattr(content, "_buffer", None) else b""
