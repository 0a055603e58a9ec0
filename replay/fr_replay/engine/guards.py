"""What replay refuses to do: reach the world outside.

Audit hooks see every Python-level library and cannot be removed. Served calls need no connection, so any attempt to make one outside of
this machine is something that the record does not hold, and the replay stops and names it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import ReplaySession

__all__ = ["GUARDED", "install"]


def _is_local(host: Any) -> bool:
    """True for this machine's own names and addresses."""
    if host is None or host in (b"", ""):
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    return (
        name in ("localhost", "::1", "::", "0.0.0.0", os.uname().nodename)
        or name.startswith(("127.", "::ffff:127."))
        or name.endswith(".localhost")
    )


def _connects(args: tuple[Any, ...]) -> str | None:
    address = args[1]
    if not isinstance(address, tuple) or _is_local(address[0]):
        return None
    return f"the program opened a connection to {address[0]}:{address[1]}, and the record has nothing for it"


def _sends(args: tuple[Any, ...]) -> str | None:
    address = args[1] if len(args) > 1 else None
    if not isinstance(address, tuple) or _is_local(address[0]):
        return None
    return f"the program sent data to {address[0]}:{address[1]}, and the record has nothing for it"


def _looks_up(args: tuple[Any, ...]) -> str | None:
    host = args[0]
    if _is_local(host) or _is_address(host):
        return None
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    return f"the program looked up the host {name}, and the record has nothing for it"


def _is_address(host: Any) -> bool:
    """True when nobody needs to be asked for the address; a connection to it is caught by its own guard."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    return ":" in name or name.replace(".", "").isdigit()


GUARDED: dict[str, Callable[[tuple[Any, ...]], str | None]] = {
    "socket.connect": _connects,
    "socket.sendto": _sends,
    "socket.sendmsg": _sends,
    "socket.getaddrinfo": _looks_up,
    "socket.gethostbyname": _looks_up,
    "socket.gethostbyaddr": _looks_up,
}
"""Audit event to the check of its arguments: what the program did, or None when it may."""


def install(session: ReplaySession) -> None:
    """Watch this process from here on."""
    guarded = GUARDED

    def hook(event: str, args: tuple[Any, ...]) -> None:
        check = guarded.get(event)
        if check is None or session.gate.stopped:
            return
        refused = check(args)
        if refused is not None:
            session.unsupported(None, refused, _location())

    sys.addaudithook(hook)


def _location() -> Any:
    from ..capture import calling_location

    return calling_location(3)
