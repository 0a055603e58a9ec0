"""Rows of facts that only the program, or somebody after it, can tell: scores, reviews, retrievals, prompts, fallbacks. Pure.

Which columns a kind fills is data here, so that a fact from a newer or a broken writer cannot fill others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .canonical import sha256_of_value
from .cells import json_cell
from .fold import Blob

__all__ = ["FACT_KINDS", "LAST_CALL", "FactKind", "config_sha256", "fact_columns", "link_columns", "tie_to_calls"]

Row = dict[str, Any]
Event = Mapping[str, Any]

LAST_CALL = "last call"
"""What an event's ``about`` says where the fact is about the model call before it in its lane."""

_SHARED = ("about_span_id", "about_step", "by_ref", "by_source", "reason")


class FactKind(NamedTuple):
    """One kind of fact.

    Attributes:
        value: what ``fact_value`` holds; empty where it holds nothing.
        columns: further typed columns that it may fill, beside those that all may.
        content: columns that name content.
        detail: what its ``detail`` may hold, beside ``data``: whatever further the program gave.
    """

    value: str = ""
    columns: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()


FACT_KINDS: Mapping[str, FactKind] = {
    "retrieval": FactKind(
        "the index that was searched",
        ("document_ids",),
        ("fact_blob",),
        ("index_version", "scores", "without_text", "used_ids", "embed_model", "seconds"),
    ),
    "memory": FactKind("the operation", (), ("fact_blob", "before_blob", "after_blob"), ("item",)),
    "prompt": FactKind("the template's version", (), ("before_blob", "after_blob", "fact_blob")),
    "context": FactKind("", (), ("fact_blob",), ("dropped_count", "dropped_tokens", "kept_tokens")),
    "config": FactKind("", ("config_sha256",), ("fact_blob",)),
    "flags": FactKind("", ("flags",)),
    "guardrail": FactKind("the verdict", ("tool_name", "tool_call_id"), ("before_blob", "after_blob"), ("stage",)),
    "control": FactKind("the state from there on", (), (), ("before",)),
    "handoff": FactKind("", (), ("fact_blob",), ("from",)),
    "compensation": FactKind("what was done", (), ("before_blob", "after_blob")),
    "fallback": FactKind("", ("served_by",), ("fact_blob",), ("from",)),
    "review": FactKind("the verdict", ("tool_name", "tool_call_id"), (), ("seconds",)),
    "score": FactKind("a score that is a word; true or false", ("score_value",)),
}
"""The kinds, in the order of what they are about: what went in, what was in force, what came of it, what was said of it."""

Whole = Callable[[Sequence[str] | None, str], bytes | None]
"""The blob that holds all of some parts, by their kind; None where one of them is not to be had."""


def fact_columns(event: Event, whole: Whole, blob: Callable[[bytes], Blob | None]) -> Row:
    """The columns of a fact's row, beside those that every row has.

    Args:
        event: a point whose ``kind`` is one of FACT_KINDS.
        whole: finds or makes the blob of parts.
        blob: finds a stored part.
    """
    kind = FACT_KINDS[event["kind"]]
    facts = event.get("facts") or {}
    shared = (*_SHARED, "fact_value") if kind.value else _SHARED
    row: Row = {name: facts[name] for name in (*shared, *kind.columns) if facts.get(name) is not None}
    for name in ("about_span_id", "config_sha256"):
        if name in row:
            row[name] = bytes.fromhex(row[name])
    if "flags" in row:
        row["flags"] = list(row["flags"].items())
    if facts.get("detail"):
        row["detail"] = json_cell(facts["detail"])
    parts = event.get("parts") or {}
    for name in kind.content:
        row[name] = whole(parts.get(name), name.removesuffix("_blob"))
    if "documents" in event:
        found = [whole(document, "document") for document in event["documents"] if document]
        if all(one is not None for one in found):
            row["document_blobs"] = found
            row["document_hashes"] = _hashes(found, blob)
    return row


def _hashes(blob_ids: Iterable[bytes | None], blob: Callable[[bytes], Blob | None]) -> list[bytes] | None:
    """SHA-256 of each document's text; None where one cannot be read."""
    hashes = []
    for blob_id in blob_ids:
        stored = blob(blob_id) if blob_id is not None else None
        if stored is None:
            return None
        hashes.append(hashlib.sha256(stored.data).digest())
    return hashes


def config_sha256(value: Any) -> str:
    """The hash of a configuration value, redacted, as 64 hex characters."""
    return sha256_of_value(value)


def link_columns(begin: Event) -> Row:
    """The columns of a call that say what of the program's own facts its request holds, or was made under."""
    links = begin.get("links") or {}
    prompts, documents = links.get("prompts") or (), links.get("docs") or ()
    return {
        "prompt_templates": [label for _, label in prompts] or None,
        "prompt_spans": [span for span, _ in prompts] or None,
        "retrieved_ids": [label for _, label in documents] or None,
        "retrieved_spans": [span for span, _ in documents] or None,
        "config": list(links["config"].items()) if links.get("config") else None,
        "flags": list(links["flags"].items()) if links.get("flags") else None,
        "served_by": (begin.get("ctx") or {}).get("served_by"),
    }


# -- facts about the call before them


def tie_to_calls(rows: Sequence[Row], about_last_call: Iterable[Row]) -> None:
    """Name the call that each of some facts is about, and put what they say into the row of that call, in place.

    It is the model call of the fact's own lane that ended last before it. Where one of a task or thread below that lane ended later, the
    fact may be about that one; then it is about none.
    """
    facts = sorted(about_last_call, key=lambda row: row["seq"])
    if not facts:
        return
    calls = {(row["trace_id"], row["span_id"]): row for row in rows if row["kind"] == "llm_call"}
    ended = sorted(
        (row for row in rows if row["phase"] == "end" and row["lane"] and _call_of(row) is not None),
        key=lambda row: row["seq"],
    )
    for fact in facts:
        last = next((row for row in reversed(ended) if row["seq"] < fact["seq"] and _is_below(row, fact)), None)
        if last is None or last["lane"] != fact["lane"] or (fact["served_by"] is not None and last["status"] == "ok"):
            # An answer from a cache follows no call; only what stands in for one that failed does.
            continue
        fact["about_span_id"] = _call_of(last)
        call = calls.get((fact["trace_id"], fact["about_span_id"]))
        if call is not None and fact["kind"] == "compensation" and fact["fact_value"] is not None:
            call["compensations"] = [*(call["compensations"] or ()), fact["fact_value"]]
        elif call is not None and fact["served_by"] is not None:
            call["served_by"] = fact["served_by"]


def _call_of(row: Row) -> bytes | None:
    """The span of the call that a row ended, or None."""
    if row["kind"] == "llm_attempt":
        found: bytes | None = row["call_span_id"]
        return found
    return row["span_id"] if row["kind"] == "llm_call" and row["lane_seq"] is not None else None


def _is_below(row: Row, fact: Row) -> bool:
    lane: str = row["lane"]
    return row["trace_id"] == fact["trace_id"] and (lane == fact["lane"] or lane.startswith(f"{fact['lane']}/"))
