"""A command on a pseudo-terminal of its own, in a session of its own: what a person at a keyboard would have started."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

LIMIT_S = 60.0
ROWS, COLUMNS = 33, 97


class Terminal:
    """Use with ``with``; leaving kills what still runs."""

    def __init__(self, argv: Sequence[str], env: dict[str, str], cwd: Path) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd, preexec_fn=take_terminal)  # noqa: PLW1509 - the tests have no other threads
        os.close(slave)
        self.shown = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.hang_up()

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def wait_for(self, text: bytes) -> None:
        """Read until the text has been shown. Fails with what was shown instead."""
        deadline = time.monotonic() + LIMIT_S
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} was not shown, but {self.shown!r}"
            assert self._read(0.2), f"{text!r} was not shown before the end, but {self.shown!r}"

    def finish(self) -> int:
        """Read to the end; returns the exit code, negative for a signal."""
        deadline = time.monotonic() + LIMIT_S
        while self._read(0.2):
            assert time.monotonic() < deadline, self.shown
        return self.process.wait(LIMIT_S)

    def hang_up(self) -> None:
        """Take the terminal away, as a closed window does."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def _read(self, timeout_s: float) -> bool:
        """Take what there is; False once nobody has the terminal open any more."""
        readable, _, _ = select.select([self._master], [], [], timeout_s)
        if not readable:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:
            # Linux answers EIO when the last process has closed its end.
            return False
        self.shown += data
        return bool(data)
