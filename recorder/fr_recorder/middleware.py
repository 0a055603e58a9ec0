"""Middleware that opens a trace per served request, for ASGI (FastAPI, Starlette, Django, Quart) and WSGI (Flask, Django, Bottle)::

    app = FlightRecorderASGI(app, user=lambda scope: scope.get("user_id"))
    app = FlightRecorderWSGI(app, session=lambda environ: environ.get("HTTP_X_SESSION"))

Requests, answers and exceptions go through untouched. Where nothing records, the application is called as if this were not here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from . import boundary
from .api import Trace
from .harmless import report
from .location import calling_location
from .trace_context import labels_of
from .w3c import read_traceparent

__all__ = ["FlightRecorderASGI", "FlightRecorderWSGI"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApplication = Callable[[Environ, StartResponse], Iterable[bytes]]


class _Requests:
    """What both kinds share: which labels a request's trace has, by the application's callbacks."""

    def __init__(self, callbacks: Mapping[str, Callable[[Any], Any] | None]) -> None:
        self._callbacks = {label: callback for label, callback in callbacks.items() if callback is not None}

    def trace(self, request: Any, method: str, path: str, parent: str | None) -> Trace | None:
        """The trace of a request; None where nothing records."""
        if boundary.backend() is None:
            return None
        try:
            given = {label: self._asked(label, request) for label in self._callbacks}
            name = given.pop("name", None) or f"{method} {path}"
            labels = labels_of(trace=name, **given)
            foreign = read_traceparent(parent)
            if foreign is not None:
                labels |= {"ext_trace": foreign[0], "ext_span": foreign[1]}
            trace = Trace(name, labels, True, calling_location())
            trace.facts["request_method"] = method
        except Exception as error:  # noqa: BLE001 - nothing of ours may reach the program
            report(error)
            return None
        return trace

    def _asked(self, label: str, request: Any) -> str | None:
        """What the application says of a request. A callback that fails costs its label, and not the request."""
        try:
            value = self._callbacks[label](request)
            return None if value is None else str(value)
        except Exception as error:  # noqa: BLE001 - the request is to be served all the same
            report(error)
            return None


def _answered(trace: Trace, status: int) -> None:
    trace.outcome["http_status"] = status
    trace.failed = status >= 500


class FlightRecorderASGI:
    """A trace for each HTTP request and WebSocket of an ASGI application.

    Args:
        app: the application.
        name, session, user, task, tenant, agent: labels of the trace; each gets the scope, and may return None. Without a name the trace is
            called ``METHOD path``; names are not encrypted, so give one where paths name persons.
    """

    def __init__(
        self,
        app: ASGIApplication,
        *,
        name: Callable[[Scope], str | None] | None = None,
        session: Callable[[Scope], Any] | None = None,
        user: Callable[[Scope], Any] | None = None,
        task: Callable[[Scope], Any] | None = None,
        tenant: Callable[[Scope], Any] | None = None,
        agent: Callable[[Scope], Any] | None = None,
    ) -> None:
        self.app = app
        self._requests = _Requests({"name": name, "session": session, "user": user, "task": task, "tenant": tenant, "agent": agent})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope.get("type")
        if kind not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        method = str(scope.get("method", "WEBSOCKET"))
        trace = self._requests.trace(scope, method, str(scope.get("path", "")), _header(scope, b"traceparent"))
        if trace is None:
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message.get("type") == "http.response.start" and isinstance(message.get("status"), int):
                _answered(trace, message["status"])
            await send(message)

        with trace:
            try:
                await self.app(scope, receive, sending)
            finally:
                route = getattr(scope.get("route"), "path", None)
                if isinstance(route, str):
                    trace.outcome["request_route"] = route


def _header(scope: Scope, name: bytes) -> str | None:
    headers: Any = scope.get("headers") or ()
    return next((bytes(value).decode("latin-1") for key, value in headers if bytes(key).lower() == name), None)


class FlightRecorderWSGI:
    """A trace for each request of a WSGI application, until its answer is sent.

    Args:
        app: the application.
        name, session, user, task, tenant, agent: as for :class:`FlightRecorderASGI`; each gets the environment.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        name: Callable[[Environ], str | None] | None = None,
        session: Callable[[Environ], Any] | None = None,
        user: Callable[[Environ], Any] | None = None,
        task: Callable[[Environ], Any] | None = None,
        tenant: Callable[[Environ], Any] | None = None,
        agent: Callable[[Environ], Any] | None = None,
    ) -> None:
        self.app = app
        self._requests = _Requests({"name": name, "session": session, "user": user, "task": task, "tenant": tenant, "agent": agent})

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method, path = str(environ.get("REQUEST_METHOD", "")), str(environ.get("PATH_INFO", ""))
        trace = self._requests.trace(environ, method, path, environ.get("HTTP_TRACEPARENT"))
        if trace is None:
            return self.app(environ, start_response)

        def starting(status: str, *more: Any) -> Any:
            code = str(status)[:3]
            if code.isdecimal():
                _answered(trace, int(code))
            return start_response(status, *more)

        trace.__enter__()
        try:
            pieces = self.app(environ, starting)
        except BaseException as error:
            trace.__exit__(type(error), error, error.__traceback__)
            raise
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(pieces, wrapper):
            # The server sends a file by itself, if it gets it as it is.
            trace.__exit__(None, None, None)
            return pieces
        return (_SizedAnswer if hasattr(pieces, "__len__") else _Answer)(pieces, trace)


class _Answer:
    """The pieces of an answer, unchanged; the trace ends with the last one, with a failure, or when the server closes it."""

    def __init__(self, pieces: Iterable[bytes], trace: Trace) -> None:
        self._pieces = pieces
        self._trace = trace
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> _Answer:
        return self

    def __next__(self) -> bytes:
        try:
            if self._iterator is None:
                self._iterator = iter(self._pieces)
            return next(self._iterator)
        except StopIteration:
            raise
        except BaseException as error:
            self._trace.__exit__(type(error), error, error.__traceback__)
            raise

    def close(self) -> None:
        """The server is done with the answer."""
        try:
            close = getattr(self._pieces, "close", None)
            if close is not None:
                close()
        finally:
            self._trace.__exit__(None, None, None)


class _SizedAnswer(_Answer):
    """An answer that tells how many pieces it has: a server sets the length of an answer of one."""

    def __len__(self) -> int:
        pieces: Any = self._pieces
        return len(pieces)
