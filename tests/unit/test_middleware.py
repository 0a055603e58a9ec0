"""A trace per served request: with its status, route, labels and caller, around streams and failures that go through untouched."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import httpx
import pytest

import fr_recorder as fr
from fr_recorder import recorder
from fr_recorder.middleware import FlightRecorderASGI, FlightRecorderWSGI
from fr_recorder.recorder import Config
from fr_recorder.trace_context import current_context
from fr_recorder.w3c import read_traceparent, write_traceparent
from fr_replay.store import open_store

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Served:
    """What is on record of a test's requests."""

    def __init__(self, path: str) -> None:
        self._path = path

    def rows(self, sql: str = "SELECT * FROM requests ORDER BY started_at") -> list[dict[str, Any]]:
        running = recorder.current_recorder()
        assert running is not None
        running.flush()
        store = open_store(self._path)
        try:
            names, rows = store.rows(sql)
        finally:
            store.close()
        return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A recorder of this process."""
    monkeypatch.setenv("FR_KEYS", str(tmp_path / "keys"))
    assert recorder.start(Config(str(tmp_path / "store"))) is not None
    yield Served(str(tmp_path / "store"))
    recorder.stop()


# -- ASGI


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """Answers by its path; a route is named as Starlette names it."""
    path = scope["path"]
    if path == "/raises":
        raise LookupError("no such order")
    if path.startswith("/orders/"):
        scope["route"] = type("Route", (), {"path": "/orders/{order}"})()
    fr.decision("seen", path=path)
    status = 503 if path == "/busy" else 200
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    for number in range(3):
        await send({"type": "http.response.body", "body": f"piece {number} ".encode(), "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


def ask_asgi(app: Any, *requests: tuple[str, str, dict[str, str]]) -> list[Any]:
    """Requests at once; answers or exceptions, in order."""

    async def all_of_them() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://served") as client:
            sent = (client.request(method, path, headers=headers) for method, path, headers in requests)
            return await asyncio.gather(*sent, return_exceptions=True)

    return asyncio.run(all_of_them())


def test_asgi_requests_are_traces_of_their_own(served: Served) -> None:
    """Method, path, status, route, labels by callback, the caller's trace; what is told inside belongs to it."""
    app = FlightRecorderASGI(
        asgi_app, session=lambda scope: dict(scope["headers"]).get(b"x-session", b"").decode() or None, user=lambda scope: "ann"
    )
    answers = ask_asgi(
        app,
        ("GET", "/orders/7", {"x-session": "s-1", "traceparent": PARENT}),
        ("POST", "/busy", {}),
        ("GET", "/raises", {}),
    )
    assert [answer.status_code for answer in answers[:2]] == [200, 503]
    assert answers[0].text == "piece 0 piece 1 piece 2 " and isinstance(answers[2], LookupError)
    by_name = {row["name"]: row for row in served.rows()}
    assert by_name.keys() == {"GET /orders/7", "POST /busy", "GET /raises"}
    order, busy, raises = (by_name[name] for name in ("GET /orders/7", "POST /busy", "GET /raises"))
    assert (order["request_method"], order["request_route"], order["http_status"], order["status"]) == ("GET", "/orders/{order}", 200, "ok")
    assert (order["session_id"], order["ext_trace_id"], order["ext_span_id"]) == ("s-1", *read_traceparent(PARENT))  # type: ignore[misc]
    assert order["user_ref"].startswith("u_") and order["phase"] == "end"
    assert (busy["http_status"], busy["status"], busy["session_id"], busy["ext_trace_id"]) == (503, "error", None, None)
    assert (raises["http_status"], raises["status"], raises["error_type"]) == (None, "error", "builtins.LookupError")
    assert len({row["trace_id"] for row in by_name.values()}) == 3
    decided = {row["trace_id"]: row["parent_span_id"] for row in served.rows("SELECT * FROM decisions")}
    assert decided == {row["trace_id"]: row["span_id"] for row in (order, busy)}


def test_asgi_passes_other_protocols_and_websockets(served: Served) -> None:
    """Lifespan is no request; a WebSocket is one, without a status."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], current_context() is not None))

    wrapped = FlightRecorderASGI(app)

    async def run() -> None:
        await wrapped({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
        await wrapped({"type": "websocket", "path": "/live", "headers": []}, None, None)  # type: ignore[arg-type]

    asyncio.run(run())
    assert seen == [("lifespan", False), ("websocket", True)]
    assert [(row["name"], row["http_status"], row["status"]) for row in served.rows()] == [("WEBSOCKET /live", None, "ok")]


def test_asgi_client_that_leaves_is_cancelled(served: Served) -> None:
    """A server cancels the task; the cancellation goes through, and the row says so."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(30)

    async def run() -> None:
        task = asyncio.ensure_future(FlightRecorderASGI(app)({"type": "http", "method": "GET", "path": "/"}, None, None))  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert [row["status"] for row in served.rows()] == ["cancelled"]


def test_callback_that_fails_costs_its_label_only(served: Served) -> None:
    """The request is served, and recorded without it."""

    def broken(_: Any) -> str:
        raise RuntimeError("no session")

    app = FlightRecorderASGI(asgi_app, session=broken, user=broken, name=broken, tenant=lambda _: 7)
    assert ask_asgi(app, ("GET", "/x", {}))[0].status_code == 200
    (row,) = served.rows()
    assert (row["name"], row["session_id"], row["user_ref"], row["tenant_id"]) == ("GET /x", None, None, "7")


def test_without_a_recorder_the_application_is_called_as_it_is() -> None:
    """With the very objects of the server."""
    given: list[Any] = []

    async def app(*arguments: Any) -> None:
        given.append(arguments)

    scope, receive, send = {"type": "http"}, object(), object()
    asyncio.run(FlightRecorderASGI(app)(scope, receive, send))  # type: ignore[arg-type]
    assert given == [(scope, receive, send)]
    answer = [b"x"]
    assert FlightRecorderWSGI(lambda *_: answer)({}, print) is answer


# -- WSGI


def wsgi_app(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Answers by its path: a list, a generator that tells a decision, a failure before and after the first piece."""
    path = environ["PATH_INFO"]
    if path == "/raises":
        raise LookupError("no such order")
    start_response("503 Service Unavailable" if path == "/busy" else "200 OK", [("Content-Type", "text/plain")])
    if path == "/list":
        return [b"whole"]
    return stream(path)


def stream(path: str) -> Iterator[bytes]:
    for number in range(3):
        fr.decision("piece", number=number)
        if number and path == "/breaks":
            raise ConnectionResetError("broken off")
        yield f"piece {number} ".encode()


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def serve(app: Any, count: int) -> str:
    """A real server in a thread, for some requests; returns its address."""
    server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
    threading.Thread(target=lambda: [server.handle_request() for _ in range(count)] and server.server_close(), daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def test_wsgi_requests_are_traces_of_their_own(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    """Until the last piece is sent; behind the standard library's checker of the protocol."""
    checked: Callable[..., Any] = validator(
        FlightRecorderWSGI(validator(wsgi_app), session=lambda environ: environ.get("HTTP_X_SESSION"))  # type: ignore[arg-type]
    )
    address = serve(checked, 3)
    assert httpx.get(f"{address}/stream", headers={"x-session": "s-2", "traceparent": PARENT}).text == "piece 0 piece 1 piece 2 "
    assert httpx.get(f"{address}/list").text == "whole"
    assert httpx.get(f"{address}/busy").status_code == 503
    rows = served.rows()
    assert [(row["name"], row["http_status"], row["status"], row["session_id"]) for row in rows] == [
        ("GET /stream", 200, "ok", "s-2"),
        ("GET /list", 200, "ok", None),
        ("GET /busy", 503, "error", None),
    ]
    assert rows[0]["ext_trace_id"] == PARENT[3:35]
    decided = [row["trace_id"] for row in served.rows("SELECT trace_id FROM decisions ORDER BY started_at")]
    assert decided == [rows[0]["trace_id"]] * 3 + [rows[2]["trace_id"]] * 3


@pytest.mark.parametrize(("path", "failure"), [("/raises", LookupError), ("/breaks", ConnectionResetError)])
def test_wsgi_failures_go_through(served: Served, path: str, failure: type[Exception]) -> None:
    """Before and within the answer; the context is that of before afterwards, also where the server closes late."""
    app = FlightRecorderWSGI(wsgi_app)
    with pytest.raises(failure):
        list(app({"REQUEST_METHOD": "GET", "PATH_INFO": path}, lambda *_: None))
    assert current_context() is None
    (row,) = served.rows()
    assert (row["status"], row["error_type"].rpartition(".")[2]) == ("error", failure.__name__)


def test_wsgi_answer_is_as_long_and_closed_as_the_application_s(served: Served) -> None:
    """A list has its length, a generator none; close is called once; a file goes to the server as it is."""
    closed = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a"])

        def close(self) -> None:
            closed.append(True)

    start = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.file_wrapper": FileWrapper}
    listed: Any = FlightRecorderWSGI(lambda *_: [b"a", b"b"])(dict(start), print)
    assert len(listed) == 2 and list(listed) == [b"a", b"b"]
    listed.close()
    open_ended: Any = FlightRecorderWSGI(lambda *_: Pieces())(dict(start), print)
    assert not hasattr(open_ended, "__len__") and bool(open_ended) and b"".join(open_ended) == b"a"
    open_ended.close()
    assert closed == [True] and current_context() is None
    file = FileWrapper(open(__file__, "rb"))  # noqa: SIM115 - the server would close it
    assert FlightRecorderWSGI(lambda *_: file)(dict(start), print) is file
    file.close()
    assert current_context() is None
    assert [row["status"] for row in served.rows()] == ["ok"] * 3


# -- W3C trace context

HEADERS = (
    (PARENT, (PARENT[3:35], PARENT[36:52])),
    (f" {PARENT} ", (PARENT[3:35], PARENT[36:52])),
    (PARENT.replace("00-", "01-", 1) + "-more", (PARENT[3:35], PARENT[36:52])),
    (PARENT + "-more", None),
    (PARENT.replace("00-", "ff-", 1), None),
    (PARENT.upper(), None),
    (f"00-{'0' * 32}-{'1' * 16}-01", None),
    (f"00-{'1' * 32}-{'0' * 16}-01", None),
    ("", None),
    (None, None),
    ("nonsense", None),
)


@pytest.mark.parametrize(("header", "expected"), HEADERS)
def test_traceparent_is_read_as_the_standard_says(header: str | None, expected: tuple[str, str] | None) -> None:
    """Unknown versions as far as they are known; what is invalid is none."""
    assert read_traceparent(header) == expected


def test_traceparent_carries_the_caller_s_trace_on(served: Served) -> None:
    """Under the foreign id with our span; ours outside of a foreign one; None outside of any."""
    assert fr.traceparent() is None
    told: list[str | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told.append(fr.traceparent())

    headers = [(b"traceparent", PARENT.encode())]
    asyncio.run(FlightRecorderASGI(app)({"type": "http", "method": "GET", "path": "/", "headers": headers}, None, None))  # type: ignore[arg-type]
    (row,) = served.rows()
    assert told == [write_traceparent(PARENT[3:35], row["span_id"])]
    with fr.trace("own") as trace:
        assert read_traceparent(fr.traceparent()) is not None and str(fr.traceparent())[3:35] == trace.id
