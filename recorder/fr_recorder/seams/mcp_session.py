"""The MCP seam: what an MCP client asks its servers, over stdio and HTTP, for the mcp package 1 and 2.

Every request of a session is a tool call of kind ``mcp``, recorded with its parameters and its result; in replay the result is
handed out and no server is started or asked. The transport below is the live world: recording, nothing in it is
recorded again; in replay a stand-in takes its place. Sessions over other transports (in memory, websocket, a program's own) are
left alone. What a server sends by itself (log messages, progress, sampling) is recorded where the program has a
handler for it, and cannot be handed out: replay stops there.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from .. import boundary
from ..boundary import ToolCall
from ..children import LANE_VARIABLE
from ..lanes import current_lane, enter_crossing, inside_crossing, leave_crossing
from ..location import calling_location
from . import require

__all__ = ["install_dispatcher", "install_session", "install_sse", "install_stdio", "install_streamable_http", "server_of"]

_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""The parameter that names what a request is about, by method."""

_servers: dict[int, tuple[Any, str]] = {}
"""Streams of open transports of ours, by identity, with the server's name. The stream is held so that the identity stays its own."""


def install_stdio(module: ModuleType) -> None:
    """Wrap ``mcp.client.stdio.stdio_client``. Raises SeamMissing."""
    _wrap_transport(module, "stdio_client", _command_of)


def install_streamable_http(module: ModuleType) -> None:
    """Wrap the streamable HTTP transport. Raises SeamMissing."""
    _wrap_transport(module, "streamable_http_client", _address_of)
    if hasattr(module, "streamablehttp_client"):
        # The older name makes its own HTTP client around the newer one, which it finds wrapped.
        _wrap_transport(module, "streamablehttp_client", _address_of)


def install_sse(module: ModuleType) -> None:
    """Wrap the older HTTP transport, ``sse_client``. Raises SeamMissing."""
    _wrap_transport(module, "sse_client", _address_of)


def install_dispatcher(module: ModuleType) -> None:
    """mcp 2: wrap ``JSONRPCDispatcher.send_raw_request``, which deals in plain JSON. Raises SeamMissing."""
    require(module, "JSONRPCDispatcher.send_raw_request", "JSONRPCDispatcher.run")
    dispatcher: Any = module.JSONRPCDispatcher
    send = dispatcher.send_raw_request

    async def send_raw_request(self: Any, method: str, params: Any, opts: Any = None, **more: Any) -> Any:
        server = server_of(self)
        if server is None:
            return await send(self, method, params, opts, **more)
        if opts and opts.get("on_progress") is not None:
            opts = {**opts, "on_progress": _noting_progress(server, opts["on_progress"])}
        return await _ask(server, method, params, lambda: send(self, method, params, opts, **more))

    dispatcher.send_raw_request = send_raw_request


def install_session(module: ModuleType) -> None:
    """mcp 1: wrap ``BaseSession.send_request``, which deals in models. Raises SeamMissing. mcp 2 has none; nothing is done there."""
    session: Any = getattr(module, "BaseSession", None)
    if session is None:
        return
    require(module, "BaseSession.send_request")
    send = session.send_request

    async def send_request(self: Any, request: Any, result_type: Any, *args: Any, **kwargs: Any) -> Any:
        server = server_of(self)
        if server is None:
            return await send(self, request, result_type, *args, **kwargs)
        asked = request.model_dump(by_alias=True, mode="json", exclude_none=True)
        if kwargs.get("progress_callback") is not None:
            kwargs["progress_callback"] = _noting_progress(server, kwargs["progress_callback"])

        async def live() -> Any:
            result = await send(self, request, result_type, *args, **kwargs)
            return result.model_dump(by_alias=True, mode="json", exclude_unset=True)

        return result_type.model_validate(await _ask(server, asked["method"], asked.get("params"), live))

    session.send_request = send_request


async def _ask(server: str, method: str, params: Any, live: Any) -> Any:
    """One request: from the record in replay, else live and noted."""
    crossing = boundary.tool(_call(server, method, params))
    if crossing is None:
        return await live()
    answer = await crossing.serve_async()
    if answer is not None:
        if answer.error is not None:
            raise answer.error
        return answer.value
    token = enter_crossing()
    try:
        result = await live()
    except BaseException as error:
        crossing.raised(error)
        raise
    finally:
        leave_crossing(token)
    crossing.returned(result)
    return result


def _noting_progress(server: str, report: Any) -> Any:
    from .mcp_messages import note_message

    async def reported(*args: Any, **kwargs: Any) -> None:
        note_message(server, "notifications/progress")
        await report(*args, **kwargs)

    return reported


def _call(server: str, method: str, params: Any) -> ToolCall:
    named = params.get(_NAMED.get(method, "")) if isinstance(params, dict) else None
    arguments = {"server": server, "method": method, "params": params}
    return ToolCall("tool_call", str(named or method), arguments, "unknown", "mcp", calling_location(3), {})


def server_of(owner: Any) -> str | None:
    """The server behind a session or dispatcher; None where its transport is none of ours."""
    held = _servers.get(id(getattr(owner, "_read_stream", None)))
    return held[1] if held is not None else None


def _command_of(parameters: Any) -> str:
    return " ".join(os.path.basename(part) for part in (parameters.command, *parameters.args))


def _address_of(url: Any) -> str:
    return str(url).partition("?")[0]


def _wrap_transport(module: ModuleType, name: str, name_server: Any) -> None:
    require(module, name)
    connect = getattr(module, name)
    import functools

    @functools.wraps(connect)
    def transport(*args: Any, **kwargs: Any) -> Any:
        behind = boundary.backend()
        if behind is None or inside_crossing():
            return connect(*args, **kwargs)
        target: Any = args[0] if args else kwargs.get("server", kwargs.get("url"))
        with_session_id = name.startswith("streamable") and not _is_version_2()
        if getattr(behind, "replays", False):
            return _StandIn(name_server(target), with_session_id=with_session_id)
        if args and getattr(target, "env", None) and LANE_VARIABLE in target.env:
            # The server is given the whole environment, so it is recorded too: as part of a tool, which replay does not run.
            lane = current_lane().child("tool:mcp-server").path
            args = (target.model_copy(update={"env": {**target.env, LANE_VARIABLE: lane}}), *args[1:])
        return _Live(connect(*args, **kwargs), name_server(target))

    setattr(module, name, transport)


def _is_version_2() -> bool:
    import sys

    return "mcp.shared.jsonrpc_dispatcher" in sys.modules


class _Transport:
    """A transport whose streams are known to be ours while it is open."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._stream: Any = None

    def _opened(self, read_stream: Any) -> None:
        self._stream = read_stream
        _servers[id(read_stream)] = (read_stream, self._server)

    def _closed(self) -> None:
        _servers.pop(id(self._stream), None)


class _Live(_Transport):
    """Recording: the real transport. What it does belongs to the live world."""

    def __init__(self, inner: Any, server: str) -> None:
        super().__init__(server)
        self._inner = inner

    async def __aenter__(self) -> Any:
        token = enter_crossing()
        try:
            read_stream, write_stream, *more = await self._inner.__aenter__()
        finally:
            leave_crossing(token)
        self._opened(read_stream)
        return (read_stream, _Quiet(write_stream), *more)

    async def __aexit__(self, *raised: Any) -> Any:
        self._closed()
        token = enter_crossing()
        try:
            return await self._inner.__aexit__(*raised)
        finally:
            leave_crossing(token)


class _Quiet:
    """A stream to the server: what a message sets off below is part of the live world, whoever sends it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def send(self, item: Any) -> None:
        token = enter_crossing()
        try:
            await self._inner.send(item)
        finally:
            leave_crossing(token)

    async def __aenter__(self) -> _Quiet:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> Any:
        return await self._inner.__aexit__(*raised)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _StandIn(_Transport):
    """Replay: streams with nobody at the other end."""

    def __init__(self, server: str, *, with_session_id: bool) -> None:
        super().__init__(server)
        self._with_session_id = with_session_id
        self._far_ends: tuple[Any, ...] = ()

    async def __aenter__(self) -> Any:
        import anyio

        send_to_program, read_stream = anyio.create_memory_object_stream[Any](0)
        write_stream, receive_from_program = anyio.create_memory_object_stream[Any](float("inf"))
        self._far_ends = (send_to_program, read_stream, write_stream, receive_from_program)
        self._opened(read_stream)
        return (read_stream, write_stream, lambda: None) if self._with_session_id else (read_stream, write_stream)

    async def __aexit__(self, *_raised: Any) -> None:
        self._closed()
        for stream in self._far_ends:
            await stream.aclose()
