"""Where the proxy passes requests on to: the first segment of a path names a route, a route names an upstream. Pure.

``http://127.0.0.1:4141/openai/v1/chat/completions`` goes to ``https://api.openai.com/v1/chat/completions``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from fr_schema.errors import BadInput

__all__ = ["ROUTES", "Route", "Routing", "Target", "parse_route"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class Route(NamedTuple):
    """One upstream.

    Attributes:
        name: first segment of the path at the proxy.
        upstream: URL that stands in its place, without a slash at its end.
        base: what an SDK's base URL has behind the route's name, as it has it behind the provider's host.
        variable: the environment variable in which the provider's SDKs take a base URL, or None where they have none.
    """

    name: str
    upstream: str
    base: str = ""
    variable: str | None = None


ROUTES: tuple[Route, ...] = (
    Route("openai", "https://api.openai.com", "/v1", "OPENAI_BASE_URL"),
    Route("anthropic", "https://api.anthropic.com", "", "ANTHROPIC_BASE_URL"),
    Route("gemini", "https://generativelanguage.googleapis.com", "", "GOOGLE_GEMINI_BASE_URL"),
    Route("mistral", "https://api.mistral.ai", "/v1"),
    Route("cohere", "https://api.cohere.com"),
    Route("groq", "https://api.groq.com", "/openai/v1"),
    Route("deepseek", "https://api.deepseek.com"),
    Route("xai", "https://api.x.ai", "/v1"),
    Route("openrouter", "https://openrouter.ai", "/api/v1"),
    Route("together", "https://api.together.xyz", "/v1"),
    Route("fireworks", "https://api.fireworks.ai", "/inference/v1"),
    Route("cerebras", "https://api.cerebras.ai", "/v1"),
    Route("perplexity", "https://api.perplexity.ai"),
    Route("huggingface", "https://router.huggingface.co", "/v1"),
    Route("ollama", "http://127.0.0.1:11434"),
)
"""The routes that are there without being asked for. Variables: the README files of the providers' SDKs."""


class Target(NamedTuple):
    """Where a request goes: the route's name, and the upstream's URL with path and query as the client sent them."""

    route: str
    url: str


class Routing:
    """The routes of one proxy.

    Args:
        own: routes that are asked for; one of the name of a built-in route stands in its place.
    """

    def __init__(self, own: Iterable[Route] = ()) -> None:
        self._routes = {route.name: route for route in ROUTES} | {route.name: route for route in own}

    @property
    def routes(self) -> Sequence[Route]:
        """All of them, the built-in ones first."""
        return tuple(self._routes.values())

    def target(self, raw_path: str) -> Target | None:
        """Where a path, with its query and still encoded, goes; None when its first segment names no route."""
        if not raw_path.startswith("/"):
            return None
        end = next((at for at, character in enumerate(raw_path) if at and character in "/?"), len(raw_path))
        route = self._routes.get(raw_path[1:end])
        rest = raw_path[end:]
        if route is None:
            return None
        return Target(route.name, route.upstream + (rest if rest.startswith("/") else f"/{rest}"))


def parse_route(text: str) -> Route:
    """The route that ``NAME=URL`` names. Raises BadInput."""
    name, equals, url = text.partition("=")
    hint = "write NAME=URL, such as gateway=https://llm.example.com/api"
    if not equals or not _NAME.fullmatch(name):
        raise BadInput(f"--route {text!r} names no route", hint=hint)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in url):
        raise BadInput(f"--route {name}: {url!r} is no http or https URL", hint=hint)
    if "@" in parts.netloc:
        raise BadInput(f"--route {name}: a user or password in the URL would go nowhere", hint="let the program send it in a header")
    if parts.query or parts.fragment:
        raise BadInput(f"--route {name}: {url!r} has a query or fragment", hint="give the part before the question mark")
    known = next((route for route in ROUTES if route.name == name), Route(name, ""))
    return known._replace(upstream=url.rstrip("/"))
