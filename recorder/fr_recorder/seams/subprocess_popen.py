"""Child processes by ``subprocess.Popen``, which ``run``, ``check_output``, ``getoutput`` and ``os.popen`` come down to.

A child is a tool call named ``subprocess``: the command line, and then what the program wrote to it, read from it, and learned of its end,
in the order in which that reached the program. In replay none of it is started, except for a Python that recorded itself: that one is
started again and replays its own part.

What is not seen, and makes replay stop with the reason: output that went to a file, other descriptors that were passed on, pipes that
the program read by their descriptor (``select``, ``os.read``). A child that writes to the program's own stdout is served without it.
"""

from __future__ import annotations

import io
import os
import sys
from types import ModuleType
from typing import Any

from .. import boundary
from ..boundary import ToolCall
from ..child_log import ChildLog
from ..child_programs import asked_by_probe, command_of, name_child_lane
from ..harmless import report
from ..lanes import inside_crossing
from . import require

__all__ = ["install"]


def install(subprocess: ModuleType) -> None:
    """Patch ``Popen``."""
    require(subprocess, *(f"Popen.{name}" for name in ("_execute_child", "_communicate", "_wait", "_internal_poll", "_close_pipe_fds")))
    popen: Any = subprocess.Popen
    _patch_start(popen)
    _patch_talk(popen, subprocess.TimeoutExpired)
    _patch_end(popen, subprocess.TimeoutExpired)


def _names(function: Any) -> tuple[str, ...]:
    code = function.__code__
    return tuple(code.co_varnames[1 : code.co_argcount])


def _reason_not_served(given: dict[str, Any], command: dict[str, Any]) -> str | None:
    if "file" in (command.get("stdout"), command.get("stderr")):
        return "its output went to a file"
    return "it was given other descriptors than its standard streams" if given.get("pass_fds") else None


def _patch_start(popen: Any) -> None:
    start, execute = popen.__init__, popen._execute_child
    start_names, execute_names = _names(start), _names(execute)

    def __init__(self: Any, args: Any, *rest: Any, **options: Any) -> None:
        # asyncio's own use of it has a seam above.
        by_loop = sys._getframe(1).f_globals.get("__name__") == "asyncio.unix_events"
        if by_loop or inside_crossing() or asked_by_probe() or not isinstance(args, str | bytes | os.PathLike | list | tuple):
            start(self, args, *rest, **options)
            return
        given = {**dict(zip(start_names[1:], rest, strict=False)), **options}
        crossing = None
        try:
            lane, env = name_child_lane(args, given.get("env"))
            call = command_of(args, given, lane, 2)
            if env is not None and len(rest) < start_names.index("env"):
                options["env"] = env
        except Exception as error:  # noqa: BLE001 - odd arguments are Popen's to refuse
            report(error)
        else:
            crossing = boundary.tool(call)
        if crossing is None:
            start(self, args, *rest, **options)
            return
        answer = crossing.serve()
        if answer is None:
            _record(self, crossing, call, given, lambda: start(self, args, *rest, **options))
        elif answer.error is not None:
            raise answer.error
        else:
            self._fr_served = answer.value
            start(self, args, *rest, **options)
            _serve_pipes(self, answer.value, given.get("bufsize", -1))

    def _execute_child(self: Any, *args: Any, **named: Any) -> None:
        served = self.__dict__.get("_fr_served")
        if served is None:
            execute(self, *args, **named)
            return
        values = {**dict(zip(execute_names, args, strict=False)), **named}
        self.pid = served.pid
        self._close_pipe_fds(*(values[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")))

    popen.__init__, popen._execute_child = __init__, _execute_child


def _record(self: Any, crossing: Any, call: ToolCall, given: dict[str, Any], start: Any) -> None:
    try:
        start()
    except BaseException as error:
        crossing.raised(error)
        raise
    try:
        command = call.arguments
        pipes = {name for name, stream in (("out", self.stdout), ("err", self.stderr)) if stream is not None}
        shared = "stdout" not in command or (command.get("stderr") == "stdout" and "stdout" not in command)
        log = ChildLog(crossing, pipes, lost=_reason_not_served(given, command), shared=shared)
        log.pid = self.pid
        bufsize = given.get("bufsize", -1)
        for attribute, name in (("stdin", "in"), ("stdout", "out"), ("stderr", "err")):
            stream = getattr(self, attribute)
            if stream is not None:
                shown = (_ShownWriteEnd if name == "in" else _ShownReadEnd)(os.dup(stream.fileno()), log, name)
                setattr(self, attribute, _in_place_of(stream, shown, bufsize))
        self._fr_log = log
    except Exception as error:  # noqa: BLE001 - the child runs, and the program goes on with it as it is
        report(error)
        crossing.raised(RuntimeError("not recorded"))


def _serve_pipes(self: Any, served: Any, bufsize: int) -> None:
    for attribute, name in (("stdin", "in"), ("stdout", "out"), ("stderr", "err")):
        stream = getattr(self, attribute)
        if stream is not None:
            setattr(self, attribute, _in_place_of(stream, _ServedEnd(served, name), bufsize))


def _in_place_of(stream: Any, raw: Any, bufsize: int | None) -> Any:
    """The same kind of file object over another raw one; the old one is closed."""
    binary = getattr(stream, "buffer", stream)
    made: Any = raw
    if not isinstance(binary, io.RawIOBase):
        size = bufsize if bufsize is not None and bufsize > 1 else io.DEFAULT_BUFFER_SIZE
        made = io.BufferedWriter(raw, size) if raw.writable() else io.BufferedReader(raw, size)
    if stream is not binary:
        settings = {"encoding": stream.encoding, "errors": stream.errors}
        if raw.writable():
            settings |= {"write_through": stream.write_through, "line_buffering": stream.line_buffering}
        made = io.TextIOWrapper(made, **settings)
    stream.close()
    return made


class _ShownReadEnd(io.FileIO):
    """The program's end of a pipe from the child, that shows what is read."""

    def __init__(self, descriptor: int, log: ChildLog, name: str) -> None:
        super().__init__(descriptor, "rb")
        self._log = log
        self._stream = name

    def readinto(self, buffer: Any) -> int | None:
        count = super().readinto(buffer)
        if count is not None:
            self._log.piece(self._stream, bytes(memoryview(buffer).cast("B")[:count]))
        return count

    def readall(self) -> Any:
        data = super().readall()
        if data:
            self._log.piece(self._stream, data)
        if data is not None:
            self._log.piece(self._stream, b"")
        return data

    def read(self, size: int | None = -1) -> Any:
        if size is None or size < 0:
            return self.readall()
        data = super().read(size)
        if data is not None:
            self._log.piece(self._stream, data)
        return data

    def fileno(self) -> int:
        self._log.cannot_be_served("the program took the descriptor of its pipe")
        return super().fileno()

    def close(self) -> None:
        super().close()
        self._log.closed(self._stream)


class _ShownWriteEnd(io.FileIO):
    """The program's end of the pipe to the child's stdin, that shows what is written."""

    def __init__(self, descriptor: int, log: ChildLog, name: str) -> None:
        super().__init__(descriptor, "wb")
        self._log = log
        self._stream = name

    def write(self, data: Any) -> Any:
        written = super().write(data)
        if written:
            self._log.piece(self._stream, bytes(memoryview(data).cast("B")[:written]))
        return written

    def fileno(self) -> int:
        self._log.cannot_be_served("the program took the descriptor of its pipe")
        return super().fileno()


class _ServedEnd(io.RawIOBase):
    """In replay: a pipe from or to a child that does not run."""

    def __init__(self, served: Any, name: str) -> None:
        super().__init__()
        self._served = served
        self._stream = name
        self._left = b""

    def readable(self) -> bool:
        return self._stream != "in"

    def writable(self) -> bool:
        return self._stream == "in"

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = self._served.read(self._stream)
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._left))
        view[:count], self._left = self._left[:count], self._left[count:]
        return count

    def readall(self) -> bytes:
        pieces = [self._left]
        self._left = b""
        while piece := self._served.read(self._stream):
            pieces.append(piece)
        return b"".join(pieces)

    def write(self, data: Any) -> int:
        taken = bytes(memoryview(data).cast("B"))
        self._served.write(taken)
        return len(taken)

    def fileno(self) -> int:
        return int(self._served.no_descriptor())


def _patch_talk(popen: Any, timeout_expired: Any) -> None:
    communicate = popen._communicate

    def _communicate(self: Any, input: Any, endtime: Any, orig_timeout: Any) -> Any:
        served, log = self.__dict__.get("_fr_served"), self.__dict__.pop("_fr_log", None)
        if served is not None:
            return _served_communicate(self, served, input, orig_timeout, timeout_expired)
        if log is None:
            return communicate(self, input, endtime, orig_timeout)
        given = getattr(self, "_fr_input", None) or input
        lost = log._lost
        try:
            got = communicate(self, input, endtime, orig_timeout)
        except timeout_expired as expired:
            # It goes on with what is left of its input; the record has all of it with the call that returns.
            self._fr_input = given
            log._lost = lost
            log.communicate_timed_out(given, (expired.output, expired.stderr))
            raise
        finally:
            self._fr_log = log
        log._lost = lost
        log.communicated(self.returncode, given, got)
        return got

    popen._communicate = _communicate


def _served_communicate(self: Any, served: Any, given: Any, timeout: Any, timeout_expired: Any) -> Any:
    if self.stdin is not None and not self.stdin.closed:
        # What was written before, and lies in its buffer, goes out first.
        self.stdin.flush()
    given = self.__dict__.get("_fr_input") or given
    self._fr_input = given
    answer = served.communicate(given)
    if answer.timed_out:
        raise timeout_expired(self.args, timeout, output=answer.out, stderr=answer.err)
    for stream in (self.stdin, self.stdout, self.stderr):
        if stream is not None:
            stream.close()
    self.returncode = answer.code
    return answer.out, answer.err


def _patch_end(popen: Any, timeout_expired: Any) -> None:
    wait, poll, send_signal = popen._wait, popen._internal_poll, popen.send_signal

    def _wait(self: Any, timeout: Any) -> Any:
        served, log = self.__dict__.get("_fr_served"), self.__dict__.get("_fr_log")
        if self.returncode is not None or (served is None and log is None):
            return wait(self, timeout)
        if served is not None:
            self.returncode = served.wait()
            if self.returncode is None:
                raise timeout_expired(self.args, timeout)
            return self.returncode
        try:
            code = wait(self, timeout)
        except timeout_expired:
            log.wait_timed_out()
            raise
        log.exited(code)
        return code

    def _internal_poll(self: Any, *args: Any, **named: Any) -> Any:
        served, log = self.__dict__.get("_fr_served"), self.__dict__.get("_fr_log")
        if served is not None:
            if self.returncode is None:
                self.returncode = served.poll()
            return self.returncode
        known = self.returncode is not None
        code = poll(self, *args, **named)
        if log is not None and not known:
            if args or named:
                # Popen itself looks after a child that the program has let go of.
                if code is not None:
                    log.end()
            elif code is None:
                log.polled_in_vain()
            else:
                log.exited(code)
        return code

    def _send_signal(self: Any, sig: int) -> None:
        if self.__dict__.get("_fr_served") is None:
            send_signal(self, sig)
        else:
            self.poll()

    popen._wait, popen._internal_poll, popen.send_signal = _wait, _internal_poll, _send_signal
