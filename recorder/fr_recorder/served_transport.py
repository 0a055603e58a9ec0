"""In replay: the transport of a child process that does not run, for the event loop's protocols. Imported only where one is served."""

from __future__ import annotations

import asyncio
from typing import Any

from .lanes import enter_crossing, leave_crossing

__all__ = ["ServedTransport"]


class ServedTransport(asyncio.SubprocessTransport):
    """Tells the protocol what it was told when the child ran, in the recorded order.

    Args:
        child: hands out the record: ``news()``, ``write()``, ``signal()`` and ``pid``.
        streams: names of the standard streams by descriptor.
        command: of each stream that was redirected, where to.
    """

    def __init__(self, loop: Any, protocol: Any, child: Any, streams: dict[int, str], command: dict[str, Any]) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._child = child
        self._returncode: int | None = None
        self._closed = False
        self._waiters: list[asyncio.Future[int]] = []
        self._pipes: dict[int, Any] = {}
        for descriptor, name in streams.items():
            if command.get(name) == "pipe":
                self._pipes[descriptor] = _StdinPipe(self, child) if descriptor == 0 else _OutputPipe()
        protocol.connection_made(self)
        token = enter_crossing()
        try:
            # Below the recorded call: the program has no task here.
            self._task = loop.create_task(self._tell())
        finally:
            leave_crossing(token)

    async def _tell(self) -> None:
        open_pipes = {descriptor for descriptor in self._pipes if descriptor}
        async for letter, value in self._child.news():
            descriptor = {"o": 1, "e": 2}.get(letter)
            if descriptor is None:
                self._exited(value)
            elif value:
                self._protocol.pipe_data_received(descriptor, value)
            else:
                open_pipes.discard(descriptor)
                self._protocol.pipe_connection_lost(descriptor, None)
        if self._returncode is not None and not open_pipes:
            self._closed = True
            self._protocol.connection_lost(None)

    def _exited(self, code: int) -> None:
        self._returncode = code
        self._protocol.process_exited()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(code)
        self._waiters.clear()

    async def _wait(self) -> int:
        """Called by ``asyncio.subprocess.Process.wait``."""
        if self._returncode is not None:
            return self._returncode
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        return int(await waiter)

    def stdin_closed(self) -> None:
        """The program has closed stdin."""
        self._loop.call_soon(self._protocol.pipe_connection_lost, 0, None)

    def get_pid(self) -> int:
        return int(self._child.pid)

    def get_returncode(self) -> int | None:
        return self._returncode

    def get_pipe_transport(self, fd: int) -> Any:
        return self._pipes.get(fd)

    def send_signal(self, signal: int) -> None:  # noqa: ARG002 - there is no process to get it
        self._child.signal("send_signal")

    def terminate(self) -> None:
        self._child.signal("terminate")

    def kill(self) -> None:
        self._child.signal("kill")

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True


class _OutputPipe(asyncio.ReadTransport):
    """Has nothing to pause: what was recorded came when the program had room for it."""

    _closed = False

    def is_closing(self) -> bool:
        return self._closed

    def is_reading(self) -> bool:
        return not self._closed

    def pause_reading(self) -> None:
        """Nothing to be done."""

    def resume_reading(self) -> None:
        """Nothing to be done."""

    def close(self) -> None:
        self._closed = True


class _StdinPipe(asyncio.WriteTransport):
    """Compares what the program writes with the record."""

    def __init__(self, transport: ServedTransport, child: Any) -> None:
        super().__init__()
        self._transport = transport
        self._child = child
        self._closing = False

    def write(self, data: Any) -> None:
        if len(data):
            self._child.write(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.close()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._transport.stdin_closed()

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 16_384, 65_536

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever kept."""
