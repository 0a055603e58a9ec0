"""Start the scripted upstream from a test: `with ScriptedUpstream() as up: … up.url … up.requests`. Standard library only.

The server is always its own process. The test's process may be patched by the recorder, and the server must not be.
"""

import http.client
import json
import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from request_log import LoggedRequest

SERVER = Path(__file__).resolve().with_name("server.py")
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


class UpstreamError(RuntimeError):
    """The server did not start, did not stop cleanly, or did not answer."""


class ScriptedUpstream:
    """One server process, from `start()` to `stop()`, or as a context manager.

    The arguments are those of `server.py`. The process ends with this one, even if this one is killed, since it watches its stdin.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        latency_ms: float = 0.0,
        piece_pause_ms: float = 1.0,
        seed: int | None = None,
        encoding: str = "auto",
        framing: str = "auto",
        canned: Path | None = None,
    ) -> None:
        self._arguments = [f"--port={port}", f"--latency-ms={latency_ms}", f"--piece-pause-ms={piece_pause_ms}"]
        self._arguments += [f"--encoding={encoding}", f"--framing={framing}", "--exit-with-stdin"]
        if seed is not None:
            self._arguments.append(f"--seed={seed}")
        if canned is not None:
            self._arguments.append(f"--canned={canned}")
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self.url = ""

    def start(self) -> Self:
        """Start the process and wait until it listens. Raises UpstreamError."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # lives until stop(), which reads it
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FR_")}
        # -E ignores PYTHONPATH, through which a recorder would be injected into the server itself.
        self._process = subprocess.Popen(
            [sys.executable, "-E", str(SERVER), *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
        )
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], START_TIMEOUT_S)
        line = self._process.stdout.readline().decode() if readable else ""
        if not line.startswith("listening on "):
            self._process.kill()
            self._process.wait()
            raise UpstreamError(f"the server did not start: {self._error_text() or line!r}")
        self.url = line.removeprefix("listening on ").strip()
        return self

    def stop(self) -> None:
        """End the process in order; harmless when it has ended. Raises UpstreamError when it failed or wrote to stderr."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        written = self._error_text()
        if process.returncode != 0 or written:
            raise UpstreamError(f"the server ended with {process.returncode}: {written}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()

    def _error_text(self) -> str:
        if self._errors is None or self._errors.closed:
            return ""
        self._errors.seek(0)
        text = self._errors.read().decode(errors="replace").strip()
        self._errors.close()
        return text

    def _ask(self, method: str, path: str) -> Any:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=30)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
        except OSError as error:
            raise UpstreamError(f"the server does not answer: {error}") from error
        finally:
            connection.close()
        return json.loads(body)

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self.url.rpartition(":")[2])

    @property
    def pid(self) -> int:
        """The process id of the running server. Raises UpstreamError when it is not running."""
        if self._process is None:
            raise UpstreamError("the server is not running")
        return self._process.pid

    @property
    def requests(self) -> list[LoggedRequest]:
        """Every request since the start or the last reset, in order of arrival."""
        return [LoggedRequest.from_json(logged) for logged in self._ask("GET", "/__log")]

    @property
    def hits(self) -> int:
        """How many requests there are in the log."""
        return int(self._ask("GET", "/__hits"))

    def reset(self) -> None:
        """Forget the log, the fault counts, the prompt cache, stored responses and the position in canned answers."""
        self._ask("POST", "/__reset")
