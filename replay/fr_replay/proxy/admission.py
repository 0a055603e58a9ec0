"""Which requests are let in, and where they go."""

from __future__ import annotations

import ipaddress

from aiohttp import web

from .refusals import Refused
from .routes import Routing, Target

__all__ = ["allows_host", "is_loopback", "routed"]


def is_loopback(host: str) -> bool:
    """True for names and addresses of this machine alone."""
    bare = host.strip("[]").rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def allows_host(bound: str, header: str | None) -> bool:
    """Whether a request that names this host may be answered.

    A page in a browser can make its own name point to this machine and then read what is served here; it cannot change the ``Host``
    header, which still has that name. Where the proxy listens to the network the operator has decided who may ask.
    """
    if not is_loopback(bound) or header is None:
        return True
    name = header.rpartition("]")[0] or header.rpartition(":")[0] or header
    return is_loopback(name)


def routed(routing: Routing, request: web.Request, bound: str) -> Target:
    """Where a request goes. Raises Refused."""
    path = request.raw_path
    if not path.startswith("/"):
        raise Refused("not-a-path", f"{path[:200]!r} is not a path: it is a reverse proxy, to be named in a base URL and not as HTTP_PROXY")
    if not allows_host(bound, request.headers.get("host")):
        raise Refused("foreign-host", f"it answers on this machine only, and was asked as {request.headers['host'][:100]!r}")
    if "upgrade" in request.headers.get("connection", "").lower() and request.headers.get("upgrade", "").lower() not in ("", "h2c"):
        raise Refused("no-upgrade", f"{request.headers['upgrade'][:80]} cannot be passed on; only HTTP can")
    target = routing.target(path)
    if target is None:
        known = [route.name for route in routing.routes]
        raise Refused("unknown-route", f"no route begins {path.split('?')[0][:80]}; add --route NAME=URL", {"routes": known})
    return target
