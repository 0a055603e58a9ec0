"""Real exchanges with model providers, as a recorder would hand them to the decoders.

The data lie beside the repository (see tests/unit/test_providers_cassettes.py); a body is ``parsed_body`` where it was
JSON and ``body`` where it was not.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from fr_schema.parts import ELEMENT_KINDS
from fr_schema.providers import Element, Exchange

CASSETTES = Path(__file__).resolve().parents[2] / "../shared/data/provider-cassettes"


class RecordedExchange(NamedTuple):
    """One interaction: its file and number, the exchange built from it, and what the file holds in clear."""

    family: str
    name: str
    exchange: Exchange
    request_json: Any
    response_json: Any
    response_body: bytes


def as_exchange(
    method: str,
    url: str,
    request: Any,
    response: bytes,
    *,
    status: int | None = 200,
    request_headers: tuple[tuple[str, str], ...] = (),
    response_headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),),
    complete: bool = True,
) -> Exchange:
    """An exchange whose request is cut as the recorder cuts it: the long lists stand apart, empty ones nowhere."""
    lists: dict[str, list[Element]] = {}
    rest: dict[str, Any] | None = None
    if isinstance(request, dict):
        rest = dict(request)
        for key in ELEMENT_KINDS:
            if isinstance(rest.get(key), list):
                values = rest.pop(key)
                if values:
                    lists[key] = [Element(value, None) for value in values]
    return Exchange(method, url, request_headers, rest, lists, status, response_headers, response, complete)


def _headers(raw: dict[str, list[str | bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value.decode() if isinstance(value, bytes) else value) for name, values in raw.items() for value in values)


def _json_of(message: dict[str, Any]) -> Any:
    if "parsed_body" in message:
        return message["parsed_body"]
    body = message.get("body") or ""
    text = body.get("string") if isinstance(body, dict) else body
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _bytes_of(message: dict[str, Any]) -> bytes:
    if "parsed_body" in message:
        return json.dumps(message["parsed_body"]).encode()
    body = message.get("body") or ""
    text = body.get("string") if isinstance(body, dict) else body
    return text.encode() if isinstance(text, str) else text or b""


def _recorded(path: Path) -> list[RecordedExchange]:
    interactions = yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))["interactions"]
    found: list[RecordedExchange] = []
    for number, interaction in enumerate(interactions):
        # xAI's own SDK speaks gRPC: those files hold protobuf messages and no HTTP exchange.
        if "request" not in interaction:
            continue
        request, response = interaction["request"], interaction["response"]
        request_json, body = _json_of(request), _bytes_of(response)
        exchange = as_exchange(
            request["method"],
            request["uri"],
            request_json,
            body,
            status=response["status"]["code"],
            request_headers=_headers(request.get("headers") or {}),
            response_headers=_headers(response.get("headers") or {}),
        )
        name = f"{path.parent.name}/{path.stem}#{number}"
        found.append(RecordedExchange(path.parent.name, name, exchange, request_json, _json_of(response), body))
    return found


@cache
def recorded_exchanges() -> list[RecordedExchange]:
    """Every HTTP exchange of every file, in order; an empty list when the data are not there."""
    return [recorded for path in sorted(CASSETTES.glob("*/*.yaml")) for recorded in _recorded(path)]


def grpc_files() -> list[str]:
    """Names of the files that hold gRPC messages, which no HTTP decoder can read."""
    return [path.name for path in sorted(CASSETTES.glob("*/*.yaml")) if "request_sample:" in path.read_text()]
