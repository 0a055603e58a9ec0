"""Child processes of an event loop: ``asyncio.create_subprocess_exec`` and ``_shell``, which anyio and MCP over stdio come down to as well.

What the loop tells the protocol is recorded: data of stdout and stderr, their ends, and the exit; beside it what the program writes and
the signals that it sends. In replay the protocol is told the same, in its turn, by a transport without a process.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .. import boundary
from ..child_log import ChildLog
from ..child_programs import command_of, name_child_lane
from ..harmless import report
from ..lanes import enter_crossing, inside_crossing, leave_crossing
from . import require

__all__ = ["install"]

_PIPE = -1
_STREAMS = {1: "out", 2: "err"}


def install(module: ModuleType) -> None:
    """Patch the event loop of ``asyncio.base_events``."""
    require(module, "BaseEventLoop.subprocess_exec", "BaseEventLoop.subprocess_shell")
    loop: Any = module.BaseEventLoop
    execute, shell = loop.subprocess_exec, loop.subprocess_shell

    async def subprocess_exec(self: Any, protocol_factory: Any, program: Any, *args: Any, **options: Any) -> Any:
        async def start(factory: Any, options: dict[str, Any]) -> Any:
            return await execute(self, factory, program, *args, **options)

        return await _cross(self, protocol_factory, [program, *args], options, start)

    async def subprocess_shell(self: Any, protocol_factory: Any, cmd: Any, **options: Any) -> Any:
        async def start(factory: Any, options: dict[str, Any]) -> Any:
            return await shell(self, factory, cmd, **options)

        return await _cross(self, protocol_factory, cmd, {**options, "shell": True}, start)

    loop.subprocess_exec, loop.subprocess_shell = subprocess_exec, subprocess_shell


def install_watcher(module: ModuleType) -> None:
    """Patch the watcher of ``asyncio.unix_events``: its threads are upkeep, and take no number among the program's."""
    watcher: Any = getattr(module, "ThreadedChildWatcher", None) or getattr(module, "_ThreadedChildWatcher", None)
    if watcher is None:
        return
    add = watcher.add_child_handler

    def add_child_handler(self: Any, *args: Any) -> Any:
        token = enter_crossing()
        try:
            return add(self, *args)
        finally:
            leave_crossing(token)

    watcher.add_child_handler = add_child_handler


async def _cross(loop: Any, protocol_factory: Any, command: Any, options: dict[str, Any], start: Any) -> Any:
    given = {"stdin": _PIPE, "stdout": _PIPE, "stderr": _PIPE, **options}
    passed_on = {name: value for name, value in options.items() if name != "shell" or isinstance(command, list)}
    crossing = None
    if not inside_crossing():
        try:
            lane, env = name_child_lane(command, given.get("env"))
            call = command_of(command, given, lane, 3)
        except Exception as error:  # noqa: BLE001 - odd arguments are the loop's to refuse
            report(error)
        else:
            crossing = boundary.tool(call)
            if env is not None:
                passed_on["env"] = env
    if crossing is None:
        return await start(protocol_factory, passed_on)
    answer = await crossing.serve_async()
    if answer is None:
        return await _record(crossing, call, given, protocol_factory, lambda factory: start(factory, passed_on))
    if answer.error is not None:
        raise answer.error
    from ..served_transport import ServedTransport

    protocol = protocol_factory()
    return ServedTransport(loop, protocol, answer.value, {0: "stdin", 1: "stdout", 2: "stderr"}, call.arguments), protocol


async def _record(crossing: Any, call: Any, given: dict[str, Any], protocol_factory: Any, start: Any) -> Any:
    command = call.arguments
    pipes = {stream for name, stream in (("stdout", "out"), ("stderr", "err")) if command.get(name) == "pipe"}
    lost = "its output went to a file" if "file" in (command.get("stdout"), command.get("stderr")) else None
    log = ChildLog(crossing, pipes, lost=lost or ("it was given other descriptors" if given.get("pass_fds") else None),
                   shared="stdout" not in command)  # fmt: skip

    def factory() -> Any:
        protocol = protocol_factory()
        try:
            _watch(protocol, log)
        except Exception as error:  # noqa: BLE001 - a foreign protocol may have slots or properties; the child runs all the same
            report(error)
            log.cannot_be_served("its protocol could not be watched")
        return protocol

    try:
        transport, protocol = await start(factory)
    except BaseException as error:
        crossing.raised(error)
        raise
    log.pid = transport.get_pid() or 0
    return transport, protocol


def _watch(protocol: Any, log: ChildLog) -> None:
    """Show the log what the protocol is told, before it is."""
    told: dict[str, Any] = {
        name: getattr(protocol, name) for name in ("connection_made", "pipe_data_received", "pipe_connection_lost", "process_exited")
    }
    made: list[Any] = []

    def connection_made(transport: Any) -> None:
        made.append(transport)
        _watch_signals(transport, log)
        stdin = transport.get_pipe_transport(0)
        if stdin is not None:
            _watch_writes(stdin, log)
        told["connection_made"](transport)

    def pipe_data_received(fd: int, data: bytes) -> None:
        if fd in _STREAMS:
            log.piece(_STREAMS[fd], bytes(data))
        else:
            log.cannot_be_served("it used other descriptors than its standard streams")
        told["pipe_data_received"](fd, data)

    def pipe_connection_lost(fd: int, exc: BaseException | None) -> None:
        if fd in _STREAMS:
            log.piece(_STREAMS[fd], b"")
        told["pipe_connection_lost"](fd, exc)

    def process_exited() -> None:
        code = made[0].get_returncode() if made else None
        log.exited(code if code is not None else 0)
        told["process_exited"]()

    for watched in (connection_made, pipe_data_received, pipe_connection_lost, process_exited):
        setattr(protocol, watched.__name__, watched)


def _watch_writes(stdin: Any, log: ChildLog) -> None:
    write = stdin.write

    def watched(data: Any) -> None:
        if len(data):
            log.piece("in", bytes(data))
        write(data)

    stdin.write = watched


def _watch_signals(transport: Any, log: ChildLog) -> None:
    for name in ("send_signal", "terminate", "kill"):
        send = getattr(transport, name)

        def watched(*args: Any, send: Any = send, name: str = name) -> None:
            log.signalled(name)
            send(*args)

        setattr(transport, name, watched)
