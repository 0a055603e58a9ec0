"""What MCP servers send by themselves: log messages, requests for sampling, and so on.

In replay there is no server, so they cannot come again. Where the program has a handler for one, that it came is put on record as a
call in a lane of its own; the replaying program never makes that call, and the replay stops and names it.
"""

from __future__ import annotations

import contextvars
from types import ModuleType
from typing import Any

from .. import boundary
from ..boundary import ToolCall
from ..harmless import harmless
from ..lanes import Lane, enter_lane, root_lane
from .mcp_session import server_of

__all__ = ["HANDLERS", "install", "note_message"]

HANDLERS = {
    "sampling/createMessage": "sampling_callback",
    "elicitation/create": "elicitation_callback",
    "roots/list": "list_roots_callback",
    "notifications/message": "logging_callback",
}
"""The session's handler of a message, by method; any notification also goes to its message handler."""

_lane: Lane | None = None


def install(module: ModuleType) -> None:
    """Wrap the methods of ``ClientSession`` that messages arrive at: of mcp 2 two, of mcp 1 two others."""
    session: Any = module.ClientSession
    for name, method_of in (
        ("_on_request", lambda _context, method, *_: method),
        ("_on_notify", lambda _context, method, *_: method),
        ("_received_request", lambda responder: responder.request.root.method),
        ("_received_notification", lambda notification: notification.root.method),
    ):
        if hasattr(session, name):
            setattr(session, name, _noting(getattr(session, name), method_of, module))


def _noting(receive: Any, method_of: Any, module: ModuleType) -> Any:
    async def received(self: Any, *args: Any) -> Any:
        _look(self, method_of, args, module)
        return await receive(self, *args)

    return received


@harmless
def _look(session: Any, method_of: Any, args: tuple[Any, ...], module: ModuleType) -> None:
    server = server_of(getattr(session, "_dispatcher", session))
    if server is None:
        return
    method = str(method_of(*args))
    attributes = [HANDLERS.get(method), "message_handler" if method.startswith("notifications/") else None]
    for name in attributes:
        if name is not None and getattr(session, f"_{name}", None) is not getattr(module, f"_default_{name}", None):
            note_message(server, method)
            return


def note_message(server: str, method: str) -> None:
    """Put on record that a message came which the program handles."""

    def note() -> None:
        global _lane
        if _lane is None or not _lane.path.startswith(root_lane().path):
            _lane = root_lane().child("mcp-messages")
        enter_lane(_lane)
        call = ToolCall("tool_call", f"message from the MCP server: {method}", {"server": server}, "unknown", "mcp", None, {})
        crossing = boundary.tool(call)
        if crossing is not None:
            crossing.returned(None)

    # A context of its own: the message may arrive in one that counts as part of the live world.
    contextvars.Context().run(note)
