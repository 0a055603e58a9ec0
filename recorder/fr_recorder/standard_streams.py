"""What the program writes to its standard output, and reads from its standard input.

The stream's raw file is replaced by one that does the same and shows the bytes, so buffering, encoding, terminals and
``fileno()`` stay as they were. Output of other processes, and bytes written past Python, are not seen here.
"""

from __future__ import annotations

import io
import os
import sys
from _thread import RLock
from collections import deque
from collections.abc import Callable
from typing import Any

from .harmless import harmless

__all__ = ["OutputBuffer", "install"]

_FLUSH_FROM_BYTES = 64 << 10
_SOURCES = ("stdout", "stdin")

Sink = Callable[[str, bytes], None]
"""Gets ``stdout`` or ``stdin``, and bytes."""


class OutputBuffer:
    """Collects what went through the streams until it is worth handing over, cut behind a line break.

    Cutting at lines keeps a secret from being split over two scans; a line without end is handed over in one piece.
    """

    def __init__(self, hand_over: Sink) -> None:
        self._hand_over = hand_over
        self.forget()

    @harmless
    def __call__(self, source: str, data: bytes) -> None:
        self._held[source].append(data)
        self._sizes[source] += len(data)
        if self._sizes[source] >= _FLUSH_FROM_BYTES:
            self._flush(source, last=False)

    @harmless
    def flush(self) -> None:
        """Hand over all that is held."""
        for source in _SOURCES:
            self._flush(source, last=True)

    def forget(self) -> None:
        """In the child of a fork: what is held belongs to the parent."""
        # No lock: a signal handler may print while its own thread is in here. Appends and pops of a deque are atomic.
        self._held: dict[str, deque[bytes]] = {source: deque() for source in _SOURCES}
        self._sizes = dict.fromkeys(_SOURCES, 0)

    def _flush(self, source: str, *, last: bool) -> None:
        held, pieces = self._held[source], []
        while held:
            pieces.append(held.popleft())
        data = b"".join(pieces)
        keep = b""
        if not last:
            cut = data.rfind(b"\n") + 1
            begun = data.rfind(b"-----BEGIN ")
            if begun >= 0 and data.find(b"-----END ", begun) < 0 and len(data) - begun < _FLUSH_FROM_BYTES:
                cut = begun
            if cut:
                data, keep = data[:cut], data[cut:]
        self._sizes[source] = len(keep)
        if keep:
            held.appendleft(keep)
        if data:
            self._hand_over(source, data)


class _ShownOutput(io.FileIO):
    """A file descriptor's raw stream that shows what is written through it."""

    def __init__(self, descriptor: int, show: Callable[[bytes], None]) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._show = show
        self._renew_lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        # Without a buffer above (python -u) nothing else keeps two threads' bytes in one order here and at the descriptor;
        # re-entrant, since a signal handler may print in the middle of a write.
        self._one_at_a_time = RLock()

    def write(self, data: Any) -> Any:
        with self._one_at_a_time:
            written = super().write(data)
            if written:
                self._show(bytes(memoryview(data).cast("B")[:written]))
        return written


class _ShownInput(io.FileIO):
    """A file descriptor's raw stream that shows what is read through it."""

    def __init__(self, descriptor: int, show: Callable[[bytes], None]) -> None:
        super().__init__(descriptor, "rb", closefd=False)
        self._show = show

    def readinto(self, buffer: Any) -> int | None:
        count = super().readinto(buffer)
        if count:
            self._show(bytes(memoryview(buffer).cast("B")[:count]))
        return count

    def readall(self) -> Any:
        data = super().readall()
        if data:
            self._show(data)
        return data


def install(sink: Sink) -> None:
    """Show standard output and input to ``sink`` from here on. Streams that are not plain files are left alone."""
    stdout = _wrapped(sys.stdout, _ShownOutput, io.BufferedWriter, lambda data: sink("stdout", data))
    if stdout is not None:
        if sys.__stdout__ is sys.stdout:
            sys.__stdout__ = stdout  # type: ignore[misc]
        sys.stdout = stdout
    stdin = _wrapped(sys.stdin, _ShownInput, io.BufferedReader, lambda data: sink("stdin", data))
    if stdin is not None:
        if sys.__stdin__ is sys.stdin:
            sys.__stdin__ = stdin  # type: ignore[misc]
        sys.stdin = stdin
        if _is_terminal(stdin):
            _wrap_prompt(sink)


def _raw_file(stream: Any) -> io.FileIO | None:
    """The file under a standard stream as the interpreter made it; with ``-u`` there is no buffer in between."""
    if type(stream) is not io.TextIOWrapper:
        return None
    buffer: Any = stream.buffer
    raw = buffer if isinstance(buffer, io.FileIO) else getattr(buffer, "raw", None)
    return raw if isinstance(raw, io.FileIO) else None


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (OSError, ValueError):
        return False


def _wrapped(stream: Any, shown: Any, buffered: Any, show: Callable[[bytes], None]) -> Any:
    """The same stream over a raw file that shows its bytes; None for a stream that is not a plain file."""
    old = _raw_file(stream)
    if old is None:
        return None
    if shown is _ShownOutput:
        stream.flush()
    raw = shown(stream.fileno(), show)
    raw.name = old.name
    wrapped: Any = io.TextIOWrapper(
        raw if stream.buffer is old else buffered(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        newline="\n",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    wrapped.mode = stream.mode
    return wrapped


def _wrap_prompt(sink: Sink) -> None:
    """On a terminal ``input()`` reads through the C library, past our stream."""
    import builtins

    ask = builtins.input

    def _input(prompt: object = "", /) -> str:
        line = ask(prompt)
        sink("stdin", line.encode("utf-8", "surrogateescape") + b"\n")
        return line

    builtins.input = _input
