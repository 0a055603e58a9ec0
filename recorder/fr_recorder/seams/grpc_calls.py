"""gRPC is not recorded. Its C library opens connections past Python, where no audit hook sees them, so this seam says of each call
where it goes: in replay the guards stop it by name, as they stop any connection that the record does not hold.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from . import require

__all__ = ["install", "install_aio"]

_CALLABLES = (
    "_UnaryUnaryMultiCallable",
    "_UnaryStreamMultiCallable",
    "_SingleThreadedUnaryStreamMultiCallable",
    "_StreamUnaryMultiCallable",
    "_StreamStreamMultiCallable",
)
_WAYS = ("__call__", "with_call", "future")


def install(module: ModuleType) -> None:
    """Announce every call of ``grpc``'s channels; they connect when the first call is made. Raises SeamMissing."""
    require(module, *_CALLABLES)
    for cls in (getattr(module, name) for name in _CALLABLES):
        for way in _WAYS:
            if way in vars(cls):
                setattr(cls, way, _announced(vars(cls)[way]))


def install_aio(module: ModuleType) -> None:
    """Announce every channel of ``grpc.aio``, whose calls do not know where they go. Raises SeamMissing."""
    require(module, "Channel.__init__")
    channel: Any = module.Channel
    begin = channel.__init__

    def __init__(self: Any, target: str, *args: Any, **kwargs: Any) -> None:
        _announce(target)
        begin(self, target, *args, **kwargs)

    channel.__init__ = __init__


def _announced(call: Any) -> Any:
    def announced(self: Any, *args: Any, **kwargs: Any) -> Any:
        target = getattr(self, "_target", "")
        _announce(target.decode("utf-8", "replace") if isinstance(target, bytes) else str(target))
        return call(self, *args, **kwargs)

    return announced


def _announce(target: str) -> None:
    scheme, found, rest = target.partition(":")
    if found and scheme in ("unix", "unix-abstract", "vsock"):
        return
    address = rest.rpartition("/")[2] if found and scheme in ("dns", "ipv4", "ipv6", "xds") else target
    host, _, port = address.rpartition(":")
    sys.audit("socket.connect", None, (host.strip("[]") or address, int(port) if port.isdigit() else 443))
