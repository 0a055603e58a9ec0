"""The seams: where in each client library the bytes are seen. One module per library, none imported before it is needed.

``SEAMS`` is the table; ``install_seams`` arms it; ``fr doctor`` prints it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

from ..import_hooks import after_import

__all__ = ["SEAMS", "Seam", "SeamMissing", "install_seams", "seams_seen"]


class Seam(NamedTuple):
    """One seam.

    Attributes:
        module: the module whose import arms it.
        installer: ``module:function`` in this package; gets the imported module, raises SeamMissing.
        hook: the attribute that is wrapped, for ``fr doctor``.
        carries: what it sees.
    """

    module: str
    installer: str
    hook: str
    carries: str


class SeamMissing(Exception):
    """The library is there, but not of a shape that can be recorded; the message says what is missing."""


SEAMS = (
    Seam("httpx", "httpx_like:install", "Client._transport_for_url", "HTTP: litellm, older SDKs"),
    Seam("httpx2", "httpx_like:install", "Client._transport_for_url", "HTTP: openai, anthropic, google-genai, mistralai, mcp"),
    Seam("urllib3.connectionpool", "urllib3_pool:install", "HTTPConnectionPool._make_request", "HTTP: requests, botocore, huggingface_hub"),
    Seam("urllib.request", "urllib_request:install", "AbstractHTTPHandler.do_open", "HTTP: the standard library"),
    Seam("aiohttp.connector", "aiohttp_connector:install", "BaseConnector.connect", "HTTP: aiohttp, google-genai with its aiohttp extra"),
)

_seen: dict[str, str] = {}


def install_seams() -> None:
    """Arm every seam of the table; each is patched when, and only if, its library is imported."""
    for seam in SEAMS:
        after_import(seam.module, _installer(seam))


def seams_seen() -> dict[str, str]:
    """The libraries that were imported in this process, with ``hooked <version>`` or the reason why not."""
    return dict(_seen)


def _installer(seam: Seam) -> Callable[[ModuleType], None]:
    def install(module: ModuleType) -> None:
        import importlib
        import sys

        where, _, function = seam.installer.partition(":")
        top = sys.modules.get(seam.module.partition(".")[0], module)
        version = str(getattr(top, "__version__", "?"))
        try:
            getattr(importlib.import_module(f"{__name__}.{where}"), function)(module)
        except SeamMissing as missing:
            _seen[seam.module] = f"not hooked {version}: {missing}"
            raise
        _seen[seam.module] = f"hooked {version}"

    return install


def require(module: object, *paths: str) -> None:
    """Raise SeamMissing unless the module has all these attributes (dotted paths)."""
    for path in paths:
        found = module
        for part in path.split("."):
            found = getattr(found, part, None)
            if found is None:
                raise SeamMissing(f"it has no {path}")
