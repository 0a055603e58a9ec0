"""What the proxy answers by itself: every error that is its own and not the upstream's, as data, and its body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["REFUSALS", "Refusal", "Refused", "error_body"]


class Refusal(NamedTuple):
    """One reason.

    Attributes:
        code: its slug, in the body and in the header ``x-fr-proxy-error``.
        status: the HTTP status. SDKs try 408, 409, 429 and 5xx again by themselves; what will not be better the next time has another.
        retry_after_s: sent as ``retry-after``; 0 leaves it to the client; None is for what is not to be tried again, which is said
            by ``x-should-retry: false``, a header that the SDKs of OpenAI and Anthropic follow.
    """

    code: str
    status: int
    retry_after_s: int | None = None


REFUSALS: Mapping[str, Refusal] = {
    row.code: row
    for row in (
        Refusal("unknown-route", 404),
        Refusal("not-a-path", 400),
        Refusal("foreign-host", 403),
        Refusal("body-too-large", 413),
        Refusal("too-many-requests", 429, 1),
        Refusal("no-upgrade", 501),
        Refusal("upstream-unreachable", 502, 0),
        Refusal("out-of-memory", 503, 1),
        Refusal("stopping", 503, 1),
        Refusal("upstream-timeout", 504, 0),
        Refusal("diverged", 422),
        Refusal("record-ended", 422),
        Refusal("unsupported", 422),
    )
}
"""By code. ``diverged``, ``record-ended`` and ``unsupported`` are those of a replay, named as ``fr replay`` names its outcomes."""


class Refused(Exception):
    """The proxy answers a request by itself.

    Attributes:
        refusal: the row.
        detail: further facts for the body, or None.
    """

    def __init__(self, code: str, message: str, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.refusal = REFUSALS[code]
        self.detail = detail

    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        refusal = self.refusal
        headers = {"content-type": "application/json", "x-fr-proxy-error": refusal.code}
        if refusal.retry_after_s is None:
            return headers | {"x-should-retry": "false"}
        return headers | ({"retry-after": str(refusal.retry_after_s)} if refusal.retry_after_s else {})


def error_body(refused: Refused) -> bytes:
    """The body, in the shape that the SDKs of OpenAI, Anthropic and Google read a message from; ``fr`` holds the facts."""
    error = {"type": f"fr_{refused.refusal.code}", "code": refused.refusal.code, "message": f"fr proxy: {refused}"}
    body: dict[str, Any] = {"type": "error", "error": error}
    if refused.detail is not None:
        body["fr"] = dict(refused.detail)
    return json.dumps(body, ensure_ascii=False, default=str, indent=1).encode("utf-8", "replace")
