"""Answers as the proxy gives them: the upstream's with no header more or less, and its own refusals."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from multidict import CIMultiDict

from .refusals import Refused, error_body

__all__ = ["PassedOn", "only_what_was_sent", "refusal"]

_ADDED_BY_AIOHTTP = ("Content-Type", "Date", "Server")


class PassedOn(web.StreamResponse):
    """An answer that is another server's.

    Args:
        status, reason: its status line.
        headers: its headers, without those of the connection.
    """

    def __init__(self, status: int, reason: str | None, headers: Sequence[tuple[str, str]]) -> None:
        super().__init__(status=status, reason=reason, headers=CIMultiDict(headers))
        self._given = frozenset(name.lower() for name, _ in headers)

    def drop_added(self) -> None:
        """Take away what aiohttp has added and the other server had not sent."""
        for name in _ADDED_BY_AIOHTTP:
            if name.lower() not in self._given:
                self.headers.popall(name, None)

    def break_off(self, request: web.Request) -> None:
        """End the connection without ending the body: what was sent still arrives, and the client sees that it is not all."""
        self.force_close()
        if request.transport is not None:
            request.transport.close()


async def only_what_was_sent(_: web.Request, response: web.StreamResponse) -> None:
    """To be called before an answer's headers leave."""
    if isinstance(response, PassedOn):
        response.drop_added()


def refusal(refused: Refused) -> web.Response:
    """The proxy's own answer."""
    return web.Response(status=refused.refusal.status, body=error_body(refused), headers=refused.headers())
