"""Who asked whom: the host of a URL, and the SDK that a request names. Pure."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["host_of", "sdk_of"]


def host_of(url: str) -> str | None:
    """Host and port of a URL."""
    rest = url.partition("://")[2]
    return rest.partition("/")[0].rpartition("@")[2] or None


def sdk_of(headers: Sequence[tuple[str, str]]) -> tuple[str | None, str | None]:
    """Name and version from the user agent's first product, such as ``OpenAI/Python 3.54.0``."""
    agent = next((v for k, v in headers if k.lower() == "user-agent"), "")
    version = next((v for k, v in headers if k.lower() == "x-stainless-package-version"), None)
    name, _, rest = agent.partition("/")
    if version is not None:
        return name or None, version
    first = rest.split()[0] if rest.split() else None
    return name or None, first
