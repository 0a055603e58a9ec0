"""The seam of ``urllib.request``: one exchange of its HTTP handlers, below redirects and authentication."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..boundary import RecordedFailure, http
from ..lanes import enter_crossing, leave_crossing
from . import require
from .http_client_response import recorded_response, tee_response

__all__ = ["install"]


def install(module: ModuleType) -> None:
    """Patch ``urllib.request``. Raises SeamMissing."""
    require(module, "AbstractHTTPHandler.do_open", "URLError")
    handler: Any = module.AbstractHTTPHandler
    do_open = handler.do_open

    def _do_open(self: Any, http_class: Any, req: Any, **http_conn_args: Any) -> Any:
        headers = [*req.unredirected_hdrs.items(), *((k, v) for k, v in req.headers.items() if k not in req.unredirected_hdrs)]
        body = _body_of(req.data)
        crossing = http("urllib", req.get_method(), req.full_url, headers, body)
        if crossing is None:
            return do_open(self, http_class, req, **http_conn_args)
        if body is None:
            req.data = _teed(req.data, crossing)
            if crossing.replays:
                for _ in req.data:
                    pass
        try:
            answer = crossing.serve()
        except RecordedFailure as failure:
            error = failure.rebuilt()
            raise module.URLError(error) if isinstance(error, OSError) and not isinstance(error, module.URLError) else error from None
        if answer is not None:
            response: Any = recorded_response(answer, req.get_method())
            response.url = req.get_full_url()
            response.msg = response.reason
            return response
        token = enter_crossing()
        try:
            response = do_open(self, http_class, req, **http_conn_args)
        except BaseException as error:
            crossing.finish("error", error)
            raise
        finally:
            leave_crossing(token)
        # do_open puts the reason phrase where the headers were.
        reason, response.msg = response.msg, response.headers
        tee_response(response, crossing, req.get_method())
        response.msg = reason
        return response

    handler.do_open = _do_open


def _body_of(data: Any) -> bytes | None:
    """The body if it is in memory; None for files and iterators."""
    if data is None:
        return b""
    return bytes(data) if isinstance(data, bytes | bytearray | memoryview) else None


def _teed(data: Any, crossing: Any) -> Any:
    """The pieces of a file or iterator, shown to the crossing as they go out."""
    pieces = iter(lambda: data.read(65536), b"") if hasattr(data, "read") else data
    for piece in pieces:
        crossing.uploaded(bytes(piece))
        yield piece
