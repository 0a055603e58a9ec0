"""The HTTP server in front of both kinds of proxy: binding, and an end in order."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from fr_schema.errors import BadInput

from .answers import only_what_was_sent

__all__ = ["Handler", "listen"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_DRAIN_S = 10.0
_LOOK_S = 0.02
_LARGEST_HEADER_BYTES = 1 << 16
_BACKLOG = 1024


async def listen(
    handler: Handler,
    host: str,
    port: int,
    *,
    in_work: Callable[[], int],
    on_ready: Callable[[int], None],
    on_stopping: Callable[[], None],
) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; then take no more, let what is in work end for ten seconds, or until a second signal.

    Args:
        in_work: how many requests are being answered.
        on_ready: called with the port once connections are taken.
        on_stopping: called at the first signal.

    Raises BadInput where the address cannot be listened on.
    """

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    application.on_response_prepare.append(only_what_was_sent)
    runner = web.AppRunner(
        application,
        access_log=None,
        auto_decompress=False,
        handler_cancellation=True,
        shutdown_timeout=0.0,
        max_line_size=_LARGEST_HEADER_BYTES,
        max_field_size=_LARGEST_HEADER_BYTES,
    )
    await runner.setup()
    try:
        bound = _bind(host, port)
        await web.SockSite(runner, bound, backlog=_BACKLOG).start()
        signals = _Signals()
        on_ready(bound.getsockname()[1])
        await signals.first.wait()
        on_stopping()
        for site in list(runner.sites):
            await site.stop()
        await _drained(in_work, signals.second)
    finally:
        await runner.cleanup()


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise BadInput(
            f"{host}:{port} cannot be listened on: {error.strerror}", hint="--port 0 takes a free port, --host another address"
        ) from error
    return bound


class _Signals:
    """The first signal to stop, and the second."""

    def __init__(self) -> None:
        self.first, self.second = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup has SIGHUP ignored, and wants it so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._received)

    def _received(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


async def _drained(in_work: Callable[[], int], hurry: asyncio.Event) -> None:
    """Wait until no request is in work."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + _DRAIN_S
    while in_work() and not hurry.is_set() and clock() < deadline:
        await asyncio.sleep(_LOOK_S)
