"""OTLP: traces as OpenTelemetry's spans, with the names of its GenAI conventions, as requests in OTLP's JSON.

A trace goes out under the foreign trace id that it came with or was joined to, else under its own. Content is left out unless it is asked
for, as OpenTelemetry's own instrumentations do; hashes of it are always there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from fr_schema.version import PACKAGE_VERSION

from ..contents import Contents
from ..decision import Decision, read_decision
from ..messages import Message, parsed
from ..reading import Row, open_trace, rows_of
from ..store import Store
from .otlp_names import ATTRIBUTES, OPERATIONS, PROVIDER_NAMES, RESOURCE_ATTRIBUTES
from .trace_content import bytes_of, load_contents, parts_of, trace_rows

__all__ = ["export_requests"]

SPANS_PER_REQUEST = 512

_SPANS = ("run", "span", "llm_call", "llm_attempt", "http_call", "tool_call")
_INTERNAL, _CLIENT = 1, 3
_CLIENTS = frozenset(("llm_call", "llm_attempt", "http_call"))
_ERRORS = frozenset(("error", "cancelled"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCOPE = {"name": "fr", "version": PACKAGE_VERSION}
_ROOT_KINDS = ("run",)
_OF_THE_CALL = ("gen_ai.", "openai.", "fr.cost", "fr.price")


def export_requests(store: Store, trace_ids: Sequence[str], *, content: bool) -> Iterator[dict[str, Any]]:
    """Some traces as export requests, each of up to 512 spans. Raises QueryFailed or DamagedFile."""
    for trace_id in trace_ids:
        rows = trace_rows(store, trace_id)
        spans = _spans(store, trace_id, rows, content)
        groups: dict[str, list[dict[str, Any]]] = {}
        resources: dict[str, dict[str, Any]] = {}
        for row, span in spans:
            resource = _resource(row)
            key = json.dumps(resource, sort_keys=True)
            resources[key] = resource
            groups.setdefault(key, []).append(span)
        for key, of_resource in groups.items():
            for start in range(0, len(of_resource), SPANS_PER_REQUEST):
                some = of_resource[start : start + SPANS_PER_REQUEST]
                scoped = [{"scope": _SCOPE, "spans": some}]
                yield {"resourceSpans": [{"resource": {"attributes": _pairs(resources[key])}, "scopeSpans": scoped}]}


def _spans(store: Store, trace_id: str, rows: Sequence[Row], content: bool) -> Iterator[tuple[Row, dict[str, Any]]]:
    contents = load_contents(store, trace_id, rows) if content else None
    decisions = _decisions(store, rows) if content else {}
    roots = {row["trace_id"]: row["span_id"] for row in rows if row["kind"] in _ROOT_KINDS}
    chosen = _latest(row for row in rows if row["kind"] in _SPANS)
    events: dict[bytes, list[dict[str, Any]]] = {}
    for row in rows:
        if row["kind"] == "decision":
            parent = row["parent_span_id"] or roots.get(row["trace_id"]) or b""
            events.setdefault(parent, []).append(_decision_event(row, contents))
    for row in chosen:
        attributes = _attributes(row)
        if contents is not None:
            attributes |= _content(row, contents, decisions.get(row["span_id"]))
        yield row, _span(row, attributes, roots, events.get(row["span_id"], []))


def _latest(rows: Any) -> list[Row]:
    """A span that went on in a later journal file has a row in each; the one with most attempts, or with an end, is the whole."""
    best: dict[tuple[str, bytes], Row] = {}
    for row in rows:
        key = row["kind"], row["span_id"]
        known = best.get(key)
        if known is None or (row["attempts"] or 0, row["phase"] == "end") > (known["attempts"] or 0, known["phase"] == "end"):
            best[key] = row
    return list(best.values())


def _decisions(store: Store, rows: Sequence[Row]) -> dict[bytes, Decision]:
    """Model calls as they are read for people, by their spans."""
    found: dict[bytes, Decision] = {}
    for trace_id in dict.fromkeys(row["trace_id"].hex() for row in rows if row["kind"] == "llm_call"):
        near, contents = open_trace(store, trace_id)
        for row in rows_of(near, "SELECT step FROM calls ORDER BY step"):
            decision = read_decision(near, contents, row["step"])
            found[decision.call["span_id"]] = decision
    return found


# -- one span


def _span(row: Row, attributes: Mapping[str, Any], roots: Mapping[bytes, bytes], events: list[dict[str, Any]]) -> dict[str, Any]:
    began = row["started_at"] or row["recorded_at"]
    made: dict[str, Any] = {
        "traceId": (row["ext_trace_id"] or row["trace_id"]).hex(),
        "spanId": row["span_id"].hex(),
        "name": _name(row),
        "kind": _CLIENT if row["kind"] in _CLIENTS else _INTERNAL,
        "startTimeUnixNano": _nanoseconds(began),
        "attributes": _pairs(attributes),
        "status": {"code": 2, **({"message": row["error_message"]} if row["error_message"] else {})} if row["status"] in _ERRORS else {},
    }
    if row["ended_at"] is not None:
        made["endTimeUnixNano"] = _nanoseconds(row["ended_at"])
    parent = row["call_span_id"] if row["kind"] == "llm_attempt" else row["parent_span_id"]
    parent = parent or (roots.get(row["trace_id"]) if row["kind"] not in _ROOT_KINDS else None) or row["ext_span_id"]
    if parent is not None and parent != row["span_id"]:
        made["parentSpanId"] = parent.hex()
    detail = _detail(row)
    happened = [*events, *(_event(event) for event in detail.get("events", ()) if isinstance(event, dict))]
    return {**made, "events": happened} if happened else made


def _name(row: Row) -> str:
    if row["kind"] == "llm_call":
        return " ".join(text for text in (OPERATIONS.get(row["operation"], row["operation"]), row["model_requested"]) if text) or "chat"
    if row["kind"] == "tool_call":
        return f"execute_tool {row['tool_name']}"
    if row["kind"] in ("llm_attempt", "http_call"):
        return str(row["request_method"] or "HTTP")
    return str(row["name"] or row["kind"])


def _attributes(row: Row) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if row["kind"] == "llm_call":
        made["gen_ai.operation.name"] = OPERATIONS.get(row["operation"], row["operation"] or "chat")
        made["gen_ai.provider.name"] = PROVIDER_NAMES.get(row["provider"], row["provider"])
    elif row["kind"] == "tool_call":
        made["gen_ai.operation.name"] = "execute_tool"
    if row["server_address"]:
        made |= _server(row["server_address"])
    if row["kind"] in ("llm_attempt", "http_call") and row["request_url"]:
        made["url.full"] = row["request_url"]
    if row["kind"] == "llm_attempt" and (row["attempt_no"] or 1) > 1:
        made["http.request.resend_count"] = row["attempt_no"] - 1
    for name in ATTRIBUTES:
        value = row[name.column]
        # An attempt's span is the HTTP exchange below its call: what the model did stands there once.
        if value is not None and not (row["kind"] == "llm_attempt" and name.attribute.startswith(_OF_THE_CALL)):
            made[name.attribute] = _FORMS[name.form](value)
    made["fr.kind"] = row["kind"]
    if row["started_at"] is None:
        made["fr.time_unknown"] = True
    if row["kind"] == "run" and row["exit_code"] is not None:
        made["process.exit.code"] = row["exit_code"]
    made |= {f"fr.tag.{name}": value for name, value in dict(row["tags"] or {}).items()}
    made |= {name: value for name, value in _detail(row).get("attributes", {}).items() if name not in made}
    return {name: value for name, value in made.items() if value is not None}


_FORMS: Mapping[str, Any] = {
    "as": lambda value: value,
    "list": lambda value: [value],
    "seconds": lambda value: value / 1000,
    "hex": lambda value: value.hex(),
    "length": len,
}


def _server(address: str) -> dict[str, Any]:
    host, colon, port = address.rpartition(":")
    return {"server.address": host, "server.port": int(port)} if colon and port.isdigit() else {"server.address": address}


def _detail(row: Row) -> dict[str, Any]:
    """What a collected span had beside the columns."""
    found = parsed(row["detail"]) if row["detail"] and row["capture_source"] in ("otel", "openinference") else None
    return found if isinstance(found, dict) else {}


def _resource(row: Row) -> dict[str, Any]:
    made = {name: row[column] for column, name in RESOURCE_ATTRIBUTES.items() if row[column] is not None}
    return {"service.name": "fr", "telemetry.sdk.name": "fr", **made, **_detail(row).get("resource", {})}


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    at = event.get("at_us")
    made = {"name": str(event.get("name")), "attributes": _pairs(event.get("attributes") or {})}
    return {**made, "timeUnixNano": str(at * 1000)} if isinstance(at, int) else made


def _decision_event(row: Row, contents: Contents | None) -> dict[str, Any]:
    attributes: dict[str, Any] = {"fr.decision.label": row["decision_label"]}
    if contents is not None and row["decision_blob"]:
        attributes["fr.decision.data"] = contents.text(row["decision_blob"])
    return {"name": "fr.decision", "timeUnixNano": _nanoseconds(row["started_at"] or row["recorded_at"]), "attributes": _pairs(attributes)}


# -- content


def _content(row: Row, contents: Contents, decision: Decision | None) -> dict[str, Any]:
    if row["kind"] == "llm_call" and decision is not None:
        return _conversation(decision)
    if row["kind"] == "tool_call":
        told = {"gen_ai.tool.call.arguments": _text(row, "tool_args_blob", contents), "gen_ai.tool.call.result": None}
        told["gen_ai.tool.call.result"] = _text(row, "tool_result_parts", contents)
        return {name: text for name, text in told.items() if text is not None}
    inputs = _text(row, "inputs_blob", contents)
    return {"fr.inputs": inputs} if inputs is not None else {}


def _text(row: Row, column: str, contents: Contents) -> str | None:
    parts = parts_of(row, column)
    data = bytes_of(contents, parts) if parts else None
    return data.decode("utf-8", "backslashreplace") if data is not None else None


def _conversation(decision: Decision) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if decision.messages:
        made["gen_ai.input.messages"] = _json([_message(message) for message in decision.messages])
    if decision.system_prompt is not None and not any(message.role in ("system", "developer") for message in decision.messages):
        made["gen_ai.system_instructions"] = _json([{"type": "text", "content": decision.system_prompt}])
    if decision.tools:
        tools = [{"type": "function", "name": t.name, "description": t.description, "parameters": t.schema} for t in decision.tools]
        made["gen_ai.tool.definitions"] = _json([{key: value for key, value in tool.items() if value is not None} for tool in tools])
    parts: list[dict[str, Any]] = []
    if decision.reasoning is not None:
        parts.append({"type": "reasoning", "content": decision.reasoning})
    if decision.output is not None:
        parts.append({"type": "text", "content": decision.output})
    parts += [_tool_call(call.id, call.name, call.arguments) for call in decision.asked]
    if parts:
        reason = decision.call["finish_reason_raw"] or decision.call["finish_reason"]
        # The conventions want a finish reason; where the record has none, none is made up.
        told = {"finish_reason": reason} if reason else {}
        made["gen_ai.output.messages"] = _json([{"role": "assistant", "parts": parts, **told}])
    return made


def _message(message: Message) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "text", "content": message.text}] if message.text is not None else []
    parts += [_tool_call(call.id, call.name, call.arguments) for call in message.calls]
    parts += [{"type": "tool_call_response", "id": result.id, "response": result.content} for result in message.results]
    if message.other or not parts:
        # Images, files and what else a message may hold have no common form there: the message itself is the part.
        parts.append({"type": "fr.message", "content": message.content if message.content is not None else message.raw})
    return {"role": message.role, "parts": parts}


def _tool_call(call_id: str | None, name: str | None, arguments: str) -> dict[str, Any]:
    value = parsed(arguments)
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments if value is None else value}


# -- OTLP's JSON


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _nanoseconds(moment: datetime) -> str:
    return str((moment - _EPOCH) // timedelta(microseconds=1) * 1000)


def _pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _any(value)} for name, value in attributes.items() if value is not None]


def _any(value: Any) -> dict[str, Any]:
    """A value as OTLP's AnyValue: 64-bit integers are text there."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_any(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _pairs(value)}}
    return {"stringValue": value if isinstance(value, str) else str(value)}
