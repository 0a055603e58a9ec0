"""Events of facts that only the program can tell: redacted, and remembered where later requests are held against them.

Runs in the writer thread only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fr_schema.fact_rows import LAST_CALL, config_sha256
from fr_schema.records import Redaction

from .content import count_together
from .request_links import request_links
from .values import Packed

if TYPE_CHECKING:
    from .encoder import Encoder
    from .facts import Fact

__all__ = ["catch_up", "fact_event"]

UNNAMED = "unnamed"
"""What a prompt without a name is called in the calls that hold it."""


def fact_event(encoder: Encoder, fact: Fact) -> dict[str, Any]:
    """The event of a fact."""
    request_links.arrived(fact.span)
    hits: list[Redaction] = []
    event = encoder.begin_event(fact.fact_kind, fact, hits) | {"t": "point", "loc": encoder.location_of(fact, hits)}
    clean = _clean_facts(encoder, fact, hits)
    name, facts = clean.pop("name", None), clean
    status = "clean"
    trace = event["trace"]
    parts: dict[str, list[str]] = {}
    for column, packed in fact.content.items():
        stored = encoder.packed(packed, column.removesuffix("_blob"), trace, column.removesuffix("_blob"))
        parts[column] = stored.parts
        hits += stored.redactions
        status = stored.status if stored.status in ("failed", "unscanned") else status
    if fact.documents:
        event["documents"] = []
        for number, text in enumerate(fact.documents):
            document = encoder.packed(Packed("text", text), "document", trace, "documents") if text else None
            event["documents"].append(document.parts if document is not None else [])
            hits += document.redactions if document is not None else []
            if facts["document_ids"][number] is None:
                # Named after its part, so that the same text has the same name in every retrieval.
                facts["document_ids"][number] = (
                    f"part:{document.parts[0][:12]}" if document is not None and document.parts else f"#{number}"
                )
    if name is not None:
        event["name"] = name
    _remember(fact, name, facts)
    event |= {key: value for key, value in (("facts", facts), ("parts", parts)) if value}
    if fact.about_last_call:
        event["about"] = LAST_CALL
    if fact.elsewhere:
        event["elsewhere"] = True
    if hits:
        event["redactions"] = [list(redaction) for redaction in count_together(hits)]
    return event | {"rstatus": "redacted" if hits and status == "clean" else status}


def catch_up(encoder: Encoder) -> None:
    """In the child of a fork: what the parent's writer had not come to holds here, too. The parent writes it."""
    for fact in request_links.take_inherited():
        try:
            clean = _clean_facts(encoder, fact, [])
        except Exception:  # noqa: BLE001, S112 - fail closed: what cannot be redacted is linked to nothing
            continue
        _remember(fact, clean.pop("name", None), clean)


def _clean_facts(encoder: Encoder, fact: Fact, hits: list[Redaction]) -> dict[str, Any]:
    """Name and facts, redacted; the person as a keyed pseudonym."""
    facts = {name: value for name, value in {"name": fact.name, **fact.facts}.items() if value is not None}
    # As JSON has them: whatever else is in them becomes text.
    clean, found = encoder.redactor.value(json.loads(json.dumps(facts, default=str)), "facts")
    hits += [(hit.path, hit.detector, hit.count) for hit in found]
    if fact.by is not None:
        clean = {**clean, "by_ref": encoder.pseudonym(fact.by)}
    if fact.fact_kind == "config" and fact.content["fact_blob"].form != "repr":
        # A repr may hold an address, and would be another one in each process.
        value, _ = encoder.redactor.value(_plain_value(fact.content["fact_blob"]), "config")
        clean = {**clean, "config_sha256": config_sha256(value)}
    return dict(clean)


def _plain_value(packed: Packed) -> Any:
    """What the hash of a configuration value is made over: the value as its part has it."""
    return json.loads(packed.data) if packed.form in ("json", "typed") else str(packed.data)


def _remember(fact: Fact, name: str | None, facts: dict[str, Any]) -> None:
    trace = fact.context.trace_id
    scope = None if fact.everywhere else trace
    if fact.fact_kind == "prompt" and fact.text is not None:
        version = facts.get("fact_value")
        label = name or UNNAMED
        request_links.note_prompt(trace, fact.span, label if version is None else f"{label}@{version}", fact.text)
    elif fact.fact_kind == "retrieval":
        named = zip(facts.get("document_ids", ()), fact.documents, strict=False)
        request_links.note_documents(trace, fact.span, [(label, text) for label, text in named if label is not None])
    elif fact.fact_kind == "config" and "config_sha256" in facts:
        request_links.note_config(scope, name or UNNAMED, facts["config_sha256"])
    elif fact.fact_kind == "flags":
        request_links.note_flags(scope, facts.get("flags", {}))
