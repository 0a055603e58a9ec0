"""The signals of one trace as items: model calls, tool runs and stretches, each in its place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..importing.source import Item, Place, Stretch, ToolRun
from .messages import json_in
from .model_calls import Facts, call_of_span, error_of, formed, happenings_left, understood
from .names import KINDS, LABELS, RESOURCE
from .signals import Signal, digest_of_log

__all__ = ["items_of", "kind_of", "nested_calls", "placed_in_order"]

_FROM_EVENT = "gen_ai.client.inference.operation.details"
_ASSOCIATION = "traceloop.association.properties."
_CONTENT_OF_STRETCH = {
    "input.value": "input",
    "output.value": "output",
    "traceloop.entity.input": "input",
    "traceloop.entity.output": "output",
    "gen_ai.input.messages": "input_messages",
    "gen_ai.output.messages": "output_messages",
    "gen_ai.system_instructions": "system_instructions",
}
"""Attributes of stretches that hold what went in and came out, and their names in ``inputs_blob``."""

_TOOL_NAMES = ("gen_ai.tool.name", "tool.name", "traceloop.entity.name")
_TOOL_ARGUMENTS = ("gen_ai.tool.call.arguments", "tool.parameters", "traceloop.entity.input", "input.value")
_TOOL_RESULTS = ("gen_ai.tool.call.result", "traceloop.entity.output", "output.value")
_TOOL_IDS = ("gen_ai.tool.call.id", "tool.id", "tool_call.id")
_OF_TOOLS = frozenset((*_TOOL_NAMES, *_TOOL_ARGUMENTS, *_TOOL_RESULTS, *_TOOL_IDS, "input.mime_type", "output.mime_type", "error.type"))
_OF_STRETCHES = frozenset((*_CONTENT_OF_STRETCH, "error.type"))
_OF_EVERY_SPAN = frozenset((*(row.attribute for row in LABELS), "llm.request.type", "metadata", "tag.tags"))


def kind_of(attributes: Mapping[str, Any]) -> str:
    """model, embeddings, tool or stretch, by the first row of the table that fits."""
    for row in KINDS:
        value = attributes.get(row.attribute)
        if value is not None and (row.value is None or str(value).lower() == row.value.lower()):
            return row.kind
    return "stretch"


def placed_in_order(signals: Iterable[Signal]) -> tuple[list[Signal], dict[str, list[Signal]]]:
    """The spans by their start, and the log records by their span and in order; of a span that came twice the first."""
    spans: dict[str, Signal] = {}
    logs: dict[str, list[Signal]] = {}
    for signal in signals:
        if not signal.is_log:
            spans.setdefault(signal.span_id, signal)
        elif signal not in logs.setdefault(signal.span_id, []):
            logs[signal.span_id].append(signal)
    for records in logs.values():
        records.sort(key=lambda record: record.started_us or 0)
    return sorted(spans.values(), key=lambda span: (span.started_us or 0, span.parent_span_id is not None)), logs


def nested_calls(spans: Iterable[Signal]) -> set[str]:
    """The parents of models' spans."""
    return {span.parent_span_id for span in spans if span.parent_span_id is not None and kind_of(span.attributes) == "model"}


def items_of(signals: Iterable[Signal], around_calls: Iterable[str] = (), *, keep_parents: bool = True) -> list[Item]:
    """The items of one trace's signals.

    A model's span directly around another is the same call seen by two instrumentations: the inner one is the call, and the outer one a
    stretch, so that nothing is counted twice.

    Args:
        around_calls: further spans that are known to be around a model's.
        keep_parents: False puts spans whose parent is not among the signals under the trace's root.
    """
    spans, logs = placed_in_order(signals)
    by_id = {span.span_id: span for span in spans}
    outer = nested_calls(spans).union(around_calls)
    labels: dict[str, dict[str, Any]] = {}
    items: list[Item] = []
    for span in spans:
        facts = _facts(span, logs.pop(span.span_id, ()))
        parent = span.parent_span_id if keep_parents or span.parent_span_id in by_id else None
        items.append(_item(facts, parent, span.span_id in outer, _labels(span, by_id, labels)))
    items += [_orphan(log) for records in logs.values() for log in records]
    return items


def _facts(span: Signal, logs: Sequence[Signal]) -> Facts:
    attributes = dict(span.attributes)
    for log in logs:
        if log.name == _FROM_EVENT:
            attributes = {**log.attributes, **attributes}
    return Facts(span, attributes, logs)


def _labels(span: Signal, by_id: Mapping[str, Signal], known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A span's labels: its own, else those of the nearest span around it. Filled into ``known`` from the outside in."""
    chain: list[Signal] = []
    at: Signal | None = span
    while at is not None and at.span_id not in known and at not in chain:
        chain.append(at)
        at = by_id.get(at.parent_span_id or "")
    for inner in reversed(chain):
        above = known.get(inner.parent_span_id or "", {})
        own: dict[str, Any] = {}
        for row in LABELS:
            value = inner.attributes.get(row.attribute)
            if value is not None and value != "":
                own.setdefault(row.column, str(value))
        if inner.user is not None:
            own["user_ref" if inner.user_is_pseudonym else "user"] = inner.user
        known[inner.span_id] = {**above, **own}
    return known[span.span_id]


def _item(facts: Facts, parent: str | None, is_outer: bool, labels: Mapping[str, Any]) -> Item:
    span = facts.span
    kind = kind_of(facts.attributes)
    if kind in ("model", "embeddings") and not is_outer:
        place = _place(facts, parent, labels, understood(facts))
        return call_of_span(facts, place, embeddings=kind == "embeddings")
    if kind == "tool":
        return _tool(facts, _place(facts, parent, labels, _OF_TOOLS))
    data: dict[str, Any] = {}
    for name, said in _CONTENT_OF_STRETCH.items():
        if facts.attributes.get(name) is not None:
            data.setdefault(said, json_in(facts.attributes[name]))
    kind_of_error, message = error_of(span)
    more = {"error_type": kind_of_error} if kind_of_error is not None else {}
    place = _place(facts, parent, labels, _OF_STRETCHES, more)
    return Stretch(span.name or "span", place, data, message, span.started_us, span.ended_us)


def _tool(facts: Facts, place: Place) -> ToolRun:
    span, attributes = facts.span, facts.attributes
    kind, message = error_of(span)
    if kind is not None:
        place = Place(place.span_id, place.parent_span_id, place.labels, {**place.columns, "error_type": kind})
    result = next((attributes[name] for name in _TOOL_RESULTS if attributes.get(name) is not None), None)
    name = next((str(attributes[name]) for name in _TOOL_NAMES if attributes.get(name)), span.name.removeprefix("execute_tool "))
    arguments = next((attributes[name] for name in _TOOL_ARGUMENTS if attributes.get(name) is not None), None)
    call_id = next((str(attributes[name]) for name in _TOOL_IDS if attributes.get(name)), None)
    return ToolRun(
        name=name or "unknown",
        arguments=json_in(arguments),
        result=json_in(result),
        has_result=result is not None or (span.ended_us is not None and message is None),
        call_id=call_id,
        kind="mcp" if "mcp.method.name" in attributes or "mcp.session.id" in attributes else "function",
        error=message,
        started_us=span.started_us,
        ended_us=span.ended_us,
        place=place,
    )


def _orphan(log: Signal) -> Item:
    """A log record whose span did not come with it: a stretch below that span. What it says is on record, and nothing counts twice."""
    stand_in = replace(log, is_log=False, name="", attributes={}, body=None)
    detail = {"logs": [{"name": log.name, "body": log.body, "attributes": dict(log.attributes)}]}
    place = _place(Facts(stand_in, {}, ()), log.span_id, {}, (), {"detail": detail})
    place = replace(place, span_id=digest_of_log(log))
    return Stretch("log record without its span", place, {}, None, log.started_us, log.started_us)


def _place(
    facts: Facts, parent: str | None, labels: Mapping[str, Any], taken: Iterable[str], more: Mapping[str, Any] | None = None
) -> Place:
    """Where an item stands, and what of its span has no column."""
    span = facts.span
    columns: dict[str, Any] = {"capture_source": "openinference" if "openinference.span.kind" in facts.attributes else "otel"}
    for row in RESOURCE:
        value = formed(span.resource.get(row.attribute), row.form)
        if value is not None:
            columns.setdefault(row.column, value)
    given = dict(labels)
    if "user_ref" in given:
        columns["user_ref"] = given.pop("user_ref")
    tags = {name[len(_ASSOCIATION) :]: str(value) for name, value in facts.attributes.items() if name.startswith(_ASSOCIATION)}
    tags |= _tags_of(facts.attributes)
    if tags:
        given["tags"] = tags
    if span.name:
        given["trace"] = span.name
    detail = _detail(facts, _OF_EVERY_SPAN.union(taken))
    if detail:
        columns["detail"] = detail
    return Place(span.span_id, parent, given, {**columns, **(more or {})})


def _tags_of(attributes: Mapping[str, Any]) -> dict[str, str]:
    """OpenInference's ``metadata`` and ``tag.tags``."""
    metadata, names = json_in(attributes.get("metadata")), attributes.get("tag.tags")
    given = metadata.items() if isinstance(metadata, dict) else ()
    found = {str(name): value if isinstance(value, str) else json.dumps(value, default=str) for name, value in given}
    return {**found, **{str(name): "" for name in (names if isinstance(names, list) else ())}}


def _detail(facts: Facts, taken: Iterable[str]) -> dict[str, Any]:
    """What no column has of a span, its resource and its events."""
    known = set(taken)
    left = {name: value for name, value in facts.attributes.items() if name not in known and not name.startswith(_ASSOCIATION)}
    resource = {name: value for name, value in facts.span.resource.items() if name not in {row.attribute for row in RESOURCE}}
    events = [
        {"name": event.name, "at_us": event.at_us, "attributes": dict(event.attributes)}
        for event in (*happenings_left(facts.span), *(e for e in facts.span.happenings if e.name == "exception"))
    ]
    logs = [
        {"name": log.name, "body": log.body, "attributes": dict(log.attributes)} for log in facts.logs if not log.name.startswith("gen_ai.")
    ]
    told = {"attributes": left, "resource": resource, "scope": facts.span.scope, "events": events, "logs": logs}
    told["links"] = list(facts.span.links)
    return {name: value for name, value in told.items() if value}
