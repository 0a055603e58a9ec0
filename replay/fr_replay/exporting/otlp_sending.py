"""Sending OTLP requests to a collector: JSON, gzip, again when it is told to come back later."""

from __future__ import annotations

import gzip
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from fr_schema.errors import BadInput, FlightError

__all__ = ["NotSent", "endpoint_of", "is_endpoint", "send_requests"]

_TIMEOUT_S = 30.0
_TRIES = 5
_LONGEST_WAIT_S = 30.0
_LATER = frozenset((429, 502, 503, 504))
_PATH = "/v1/traces"
_HEADER_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")


class NotSent(FlightError):
    """A collector could not be reached, or did not take what it was sent."""

    code = "not-sent"


def is_endpoint(text: str) -> bool:
    """True for an address, False for the name of a file."""
    return text.lower().startswith(("http://", "https://"))


def endpoint_of(text: str) -> str:
    """The address that traces are sent to: of one without a path, OTLP's own is taken. Raises BadInput."""
    try:
        parts = urlsplit(text)
        good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise BadInput(f"{text!r} is no address", hint="such as http://127.0.0.1:4318")
    return text.rstrip("/") + _PATH if parts.path in ("", "/") else text


def send_requests(requests: Iterable[Mapping[str, Any]], endpoint: str, *, wait: Callable[[float], None] = time.sleep) -> int:
    """Send requests one after the other; returns how many spans were taken. Headers come from OTEL_EXPORTER_OTLP_HEADERS.

    Raises NotSent, BadInput.
    """
    url, headers, taken = endpoint_of(endpoint), _headers(), 0
    for request in requests:
        spans = sum(len(scoped["spans"]) for group in request["resourceSpans"] for scoped in group["scopeSpans"])
        body = gzip.compress(json.dumps(request, separators=(",", ":")).encode("ascii"), 6)
        answer = _send(url, body, headers, wait)
        partial = answer.get("partialSuccess") if isinstance(answer, dict) else None
        rejected = int((partial or {}).get("rejectedSpans") or 0)
        if rejected:
            raise NotSent(f"{url} rejected {rejected} of {spans} spans: {(partial or {}).get('errorMessage') or 'without a reason'}")
        taken += spans
    return taken


def _headers() -> dict[str, str]:
    """Of OTel's own variable: ``name=value`` pairs with commas between them, percent-encoded. Raises BadInput."""
    text = next((value for name in _HEADER_VARIABLES if (value := os.environ.get(name))), "")
    headers = {"content-type": "application/json", "content-encoding": "gzip", "user-agent": "fr"}
    for pair in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise BadInput(f"{_HEADER_VARIABLES[1]} has {name.strip()[:20]!r} without a value", hint="name=value,name=value")
        headers[name.strip().lower()] = unquote(value.strip())
    return headers


def _send(url: str, body: bytes, headers: Mapping[str, str], wait: Callable[[float], None]) -> Any:
    for number in range(1, _TRIES + 1):
        request = urllib.request.Request(url, body, dict(headers), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                return _parsed(answer.read())
        except urllib.error.HTTPError as error:
            said = error.read(400).decode("utf-8", "replace").strip()
            if error.code not in _LATER or number == _TRIES:
                raise NotSent(f"{url} answered {error.code}: {said or error.reason}") from None
            wait(_seconds(error.headers.get("retry-after"), number))
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise NotSent(f"{url} cannot be reached: {reason}", hint="is a collector running there?") from None
    raise AssertionError("the last try either returns or raises")


def _seconds(retry_after: str | None, number: int) -> float:
    asked = float(retry_after) if retry_after is not None and retry_after.strip().isdigit() else 0.5 * 2**number
    return min(asked, _LONGEST_WAIT_S)


def _parsed(body: bytes) -> Any:
    """A collector's answer; one that answers in another encoding has taken everything, as far as we can tell."""
    try:
        return json.loads(body) if body else {}
    except ValueError:
        return {}
