"""What of a row and of an event goes under a key where content is encrypted, and which hashes are keyed. Data, and what applies it.

Everything else stays clear, so that questions about models, tokens, costs, times and failures need no key. Labels that the application
gives (session, task, tenant, agent, tags, names of traces and tools) are clear too, and must not name persons.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from .envelope import COLUMNS, EVENT, CannotOpen, ScopeCipher, head_of

__all__ = [
    "EVENT_KEYS",
    "OWN_HASHES",
    "TENANT_HASHES",
    "WITHHELD",
    "key_hashes",
    "open_event",
    "opened_columns",
    "seal_event",
    "tenant_scope",
    "withheld_of",
]

Row = dict[str, Any]

WITHHELD = (
    *("error_message", "request_url", "request_headers", "response_headers", "params_sent", "params_echoed", "tool_choice", "safety"),
    *("deliveries", "decision_label", "argv", "cwd", "env", "input_files", "redactions"),
    *("reason", "detail", "document_ids", "retrieved_ids"),
)
"""Columns that can hold what people wrote, or tell its words by their lengths (``deliveries``)."""

_CLEAR_KINDS = frozenset(("gap", "hold", "expiry", "erasure"))
"""Rows that we write ourselves: what they say is ours."""

TENANT_HASHES = (
    *("params_sha256", "response_format_sha256", "system_prompt_sha256", "tools_sha256", "response_shape_sha256"),
    *("prefix_sha256", "document_hashes", "config_sha256"),
)
"""Hashes that are compared across subjects: keyed with the tenant scope's key."""

OWN_HASHES = ("messages_sha256", "message_hashes", "output_sha256")
"""Hashes over what a subject said or was told: keyed with the key of the row's own scope."""

EVENT_KEYS = frozenset(("url", "headers", "rheaders", "msg", "label", "facts", "del", "redactions", "files", "links"))
"""Keys of a journal's events that hold what the withheld columns are made of."""


def tenant_scope(scope: str) -> str:
    """The scope of the tenant that a scope is of."""
    return scope.partition("/")[0]


def seal_event(cipher: ScopeCipher, event: Mapping[str, Any]) -> dict[str, Any]:
    """An event with its content in ``sealed`` (hex). Raises CannotOpen."""
    withheld = {key: value for key, value in event.items() if key in EVENT_KEYS}
    if not withheld:
        return dict(event)
    rest = {key: value for key, value in event.items() if key not in EVENT_KEYS}
    # Python's reader takes back what its writer makes of NaN and of halves of UTF-16 pairs.
    content = json.dumps(withheld, separators=(",", ":")).encode()
    return rest | {"sealed": cipher.seal(EVENT, str(event["n"]).encode(), content).hex()}


def open_event(event: Mapping[str, Any], open_sealed: Callable[[str, str, bytes, bytes], bytes | None]) -> dict[str, Any]:
    """An event with its content again; where it does not open, with the head of its envelope as ``locked`` (hex)."""
    sealed = event.get("sealed")
    if sealed is None:
        return dict(event)
    rest = {key: value for key, value in event.items() if key != "sealed"}
    envelope = bytes.fromhex(sealed)
    found = open_sealed(event["scope"], EVENT, str(event["n"]).encode(), envelope)
    if found is None:
        return rest | {"locked": head_of(envelope).hex()}
    opened: dict[str, Any] = json.loads(found)
    return opened | rest


def withheld_of(row: Row) -> Row:
    """What of a row goes under a key: nothing where it is there already, or where the row's words are ours."""
    if row["kind"] in _CLEAR_KINDS or row["sealed_columns"] is not None:
        return {}
    return {name: row[name] for name in WITHHELD if row.get(name) is not None}


def opened_columns(row_id: bytes, envelope: bytes, cipher: ScopeCipher) -> Row:
    """The withheld columns of a row. Raises CannotOpen."""
    found = json.loads(cipher.open(COLUMNS, row_id, envelope))
    if not isinstance(found, dict):
        raise CannotOpen("it holds no columns")
    return {name: value for name, value in found.items() if name in WITHHELD}


def key_hashes(row: Row, own: bytes | None, tenant: bytes | None) -> None:
    """Put HMAC-SHA256 under a scope's key in the place of each plain hash over content, in place. Without a key the hash is left out."""
    for names, key in ((OWN_HASHES, own), (TENANT_HASHES, tenant)):
        for name in names:
            value = row.get(name)
            if value is not None:
                row[name] = None if key is None else _keyed(key, value)


def _keyed(key: bytes, value: bytes | list[bytes]) -> bytes | list[bytes]:
    return [hmac.digest(key, item, "sha256") for item in value] if isinstance(value, list) else hmac.digest(key, value, "sha256")
