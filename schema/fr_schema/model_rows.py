"""The model columns: what the recorded bytes of an exchange say about the call, through the provider decoders."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from . import providers
from .canonical import sha256_of_list, sha256_of_value, shape_sha256, tools_sha256
from .cells import json_cell
from .client_facts import host_of, sdk_of
from .fold import Blob
from .ids import BLOB_ID_BYTES, derived_blob_id, record_id
from .parts import ELEMENT_KINDS, GLUE, VALUE_KINDS
from .prices import cost_of
from .providers.conversation import ShownCall, ShownResult, shown_tools
from .providers.model import Decoded, Element, Exchange

__all__ = ["ModelReader"]

Row = dict[str, Any]
Keep = Callable[[bytes, str, bytes, str, int, str | None], None]

_OWN_TEXT = frozenset((*ELEMENT_KINDS.values(), *VALUE_KINDS.values(), "large"))
_PIECES = frozenset((GLUE, "value", "request"))
"""Kinds of parts that are stretches of a request."""

_MARK = "\ue000fr:"
_CACHED_ELEMENTS = 20_000
_DECODER = json.JSONDecoder(strict=False)

# Columns of a call that repeat its last attempt's.
_ATTEMPT_ONLY = ("call_span_id", "attempt_no", "backoff_ms", "lane_seq", "issue_no", "deliveries")


class _AskedCall(NamedTuple):
    """A tool call as a message shows it, the message's blob id, and the call's place in it."""

    shown: ShownCall
    blob_id: bytes
    position: int


class ModelReader:
    """Fills model columns of HTTP rows, and makes the rows that follow from them.

    Args:
        blob: finds a stored part.
        keep: takes a derived blob: id, kind, content, hex trace id, time in microseconds, scope.
        earlier: finds a stored part that an earlier file of the same writer has, and this one has not.
    """

    def __init__(self, blob: Callable[[bytes], Blob | None], keep: Keep, earlier: Callable[[bytes], Blob | None] = lambda _: None) -> None:
        self._blob = blob
        self._keep = keep
        self._earlier = earlier
        self._elements: OrderedDict[bytes, tuple[Any, str]] = OrderedDict()
        self._shown: set[tuple[bytes, bytes]] = set()
        self._call_started: dict[bytes, int] = {}

    # -- one exchange

    def fill(self, row: Row, *, call_started_at: int) -> None:
        """Decode an HTTP row's exchange; a model's turns the row into an llm_attempt."""
        method, url = row["request_method"] or "", row["request_url"] or ""
        endpoint = providers.classify(method, url)
        if endpoint is None:
            if providers.is_telemetry(url):
                row["operation"] = "telemetry"
            row["server_address"] = host_of(url)
            return
        row["server_address"] = host_of(url)
        exchange = self._exchange(row)
        decoded = providers.decode(exchange)
        if decoded is None:
            # The path looked like a model's API, the request does not.
            return
        row["kind"] = "llm_attempt"
        self._call_started[row["span_id"]] = call_started_at
        try:
            self._fill_columns(row, decoded, exchange)
        except RecursionError:
            # Nested as deep as JSON can be: the bytes are in the record, the columns stay NULL.
            row["provider"], row["api_flavor"], row["operation"] = decoded.provider, decoded.api_flavor, decoded.operation
        row["model_resolved_source"] = row["model_resolved_source"] or "unknown"

    def _exchange(self, row: Row) -> Exchange:
        request, lists = self._request(row["request_parts"])
        body = self._join(row["response_parts"]) or b""
        return Exchange(
            method=row["request_method"] or "",
            url=row["request_url"] or "",
            request_headers=[(k, v) for k, v in json.loads(row["request_headers"] or "[]")],
            request=request,
            lists=lists,
            status=row["http_status"],
            response_headers=[(k, v) for k, v in json.loads(row["response_headers"] or "[]")],
            response_body=body,
            complete=row["response_end"] in ("eof", "closed") and row["redaction_status"] != "failed",
        )

    def _join(self, parts: list[bytes] | None) -> bytes | None:
        """The content of parts; None when one of them is not to be had."""
        if parts is None:
            return None
        blobs = [self._blob(part) for part in parts]
        return None if any(b is None for b in blobs) else b"".join(b.data for b in blobs if b is not None)

    def _request(self, parts: list[bytes] | None) -> tuple[dict[str, Any] | None, dict[str, list[Element]]]:
        """The request as a mapping, its long lists apart; elements are parsed once, however often they are resent."""
        if not parts:
            return None, {}
        texts: list[str] = []
        elements: list[Element] = []
        for part in parts:
            blob = self._blob(part)
            if blob is None:
                return None, {}
            if blob.kind in _OWN_TEXT or (len(parts) > 1 and _is_element(blob)):
                texts.append(f'"{_MARK}{len(elements)}"')
                elements.append(Element(self._element(part, blob)[0], part))
            else:
                texts.append(blob.data.decode("utf-8", "surrogatepass"))
        try:
            top = _DECODER.decode("".join(texts))
        except (ValueError, RecursionError):
            return None, {}
        if not isinstance(top, dict):
            return None, {}
        lists: dict[str, list[Element]] = {}
        for key, value in list(top.items()):
            if _is_mark(value):
                top[key] = elements[int(value[len(_MARK) :])].value
            elif isinstance(value, list) and value and all(_is_mark(item) for item in value):
                lists[key] = [elements[int(item[len(_MARK) :])] for item in value]
                del top[key]
            elif isinstance(value, list) and key in ELEMENT_KINDS:
                lists[key] = [Element(item, None) for item in value]
                del top[key]
        return top, lists

    def _element(self, blob_id: bytes, blob: Blob) -> tuple[Any, str]:
        """An element's value, and the hash over its canonical form."""
        known = self._elements.get(blob_id)
        if known is None:
            try:
                value = _DECODER.decode(blob.data.decode("utf-8", "surrogatepass"))
            except (ValueError, RecursionError):
                value = None
            known = self._elements[blob_id] = value, sha256_of_value(value)
            if len(self._elements) > _CACHED_ELEMENTS:
                self._elements.popitem(last=False)
        return known

    def _hash_of(self, element: Element) -> str:
        known = self._elements.get(element.blob_id) if element.blob_id is not None else None
        return known[1] if known is not None else sha256_of_value(element.value)

    def _fill_columns(self, row: Row, decoded: Decoded, exchange: Exchange) -> None:
        for name in _SAME_NAME:
            row[name] = getattr(decoded, name)
        for name in ("temperature", "top_p", "seed", "max_output_tokens", "reasoning_level"):
            row[name] = _typed(name, getattr(decoded, name))
        row["params_sent"] = _json(decoded.params_sent)
        row["params_echoed"] = _json(decoded.params_echoed)
        row["params_defaulted"] = _json(decoded.params_defaulted)
        row["params_sha256"] = bytes.fromhex(sha256_of_value(decoded.params_sent))
        row["tool_choice"] = _json(decoded.tool_choice)
        row["usage_raw"] = _json(decoded.usage_raw)
        row["safety"] = _json(decoded.safety)
        row["ratelimit"] = _json(decoded.ratelimit)
        if decoded.response_format is not None:
            row["response_format_sha256"] = bytes.fromhex(sha256_of_value(decoded.response_format))
        row["sdk_name"], row["sdk_version"] = sdk_of(exchange.request_headers)
        if decoded.error_type is not None:
            row["error_type"], row["error_message"] = decoded.error_type, decoded.error_message
            row["status"] = "error"
        elif row["status"] in ("ok", "abandoned") and row["response_end"] in ("closed", "abandoned") and decoded.stream:
            # SDKs hang up once the model has said that it is done, some of them before the last event.
            row["status"] = "ok" if decoded.finish_reason is not None else "abandoned"
        self._fill_prompt(row, decoded, exchange)
        self._fill_answer(row, decoded)
        self._fill_cost(row, decoded)

    def _fill_prompt(self, row: Row, decoded: Decoded, exchange: Exchange) -> None:
        messages = next((exchange.lists[key] for key, kind in ELEMENT_KINDS.items() if kind == "message" and exchange.lists.get(key)), None)
        if messages is not None:
            hashes = [self._hash_of(element) for element in messages]
            row["message_hashes"] = [bytes.fromhex(h) for h in hashes]
            row["messages_sha256"] = bytes.fromhex(sha256_of_list(hashes))
            if all(e.blob_id is not None for e in messages):
                row["message_blobs"] = [e.blob_id for e in messages]
        if decoded.tools:
            row["tools_sha256"] = bytes.fromhex(
                tools_sha256({"name": t.name, "description": t.description, "schema": t.schema} for t in decoded.tools)
            )
            row["tool_names"] = [t.name for t in decoded.tools]
        if decoded.system_prompt is not None:
            data = decoded.system_prompt.encode("utf-8", "surrogatepass")
            row["system_prompt_sha256"] = hashlib.sha256(data).digest()
            row["system_prompt_blob"] = self._derive(row, "system_prompt", data, self._system_source(row, decoded, exchange))
        tools = [self._hash_of(element) for element in exchange.lists.get("tools", ())]
        if tools or decoded.system_prompt is not None:
            row["prefix_sha256"] = bytes.fromhex(sha256_of_list([*tools, (row["system_prompt_sha256"] or b"").hex()]))

    def _system_source(self, row: Row, decoded: Decoded, exchange: Exchange) -> bytes:
        """What the system prompt's blob id is derived from: the parts that hold it, so that equal prompts share one blob."""
        sources = []
        for key, index in decoded.system_source:
            elements = exchange.lists.get(key, ())
            if index is not None and index < len(elements) and elements[index].blob_id is not None:
                sources.append(elements[index].blob_id or b"")
            elif index is None:
                sources += [p for p in row["request_parts"] or () if getattr(self._blob(p), "kind", "") == "system"]
        return b"".join(sources) or b"".join(row["request_parts"] or ())

    def _fill_answer(self, row: Row, decoded: Decoded) -> None:
        source = b"".join(row["response_parts"] or ())
        if decoded.output_text is not None:
            data = decoded.output_text.encode("utf-8", "surrogatepass")
            row["output_sha256"] = hashlib.sha256(data).digest()
            row["output_blob"] = self._derive(row, "text", data, source)
        if decoded.reasoning_text is not None:
            row["reasoning_blob"] = self._derive(row, "reasoning", decoded.reasoning_text.encode("utf-8", "surrogatepass"), source)
        if decoded.tool_calls:
            row["output_tool_calls"] = _json(
                [
                    {
                        "id": call.id,
                        "name": call.name,
                        "arguments_blob": self._derive(
                            row, "args", call.arguments.encode("utf-8", "surrogatepass"), source, f"args:{n}"
                        ).hex(),
                    }
                    for n, call in enumerate(decoded.tool_calls)
                ]
            )
        if decoded.response_value is not None:
            row["response_shape_sha256"] = bytes.fromhex(shape_sha256(decoded.response_value))

    def _derive(self, row: Row, kind: str, data: bytes, source: bytes, label: str | None = None) -> bytes:
        blob_id = derived_blob_id(source, label or kind)
        self._keep(blob_id, kind, data, row["trace_id"].hex(), row["started_at"], self._scope_of(row, source))
        return blob_id

    def _scope_of(self, row: Row, source: bytes) -> str | None:
        """The scope of what is derived from parts: theirs where they have one in common, else the row's."""
        if row["scope"] is None:
            return None
        blobs = [self._blob(source[at : at + BLOB_ID_BYTES]) for at in range(0, len(source), BLOB_ID_BYTES)]
        scopes = {blob.scope if blob is not None else row["scope"] for blob in blobs}
        scope: str | None = scopes.pop() if len(scopes) == 1 else row["scope"]
        return scope

    def _fill_cost(self, row: Row, decoded: Decoded) -> None:
        if decoded.usage_raw is None or row["status"] != "ok":
            return
        price = cost_of(decoded, datetime.fromtimestamp(row["started_at"] / 1e6, UTC))
        if price is not None:
            row["cost_usd"], row["price_source"], row["price_version"] = price.usd, price.source, price.version

    # -- what follows from exchanges

    def call_row(self, attempts: list[Row]) -> Row:
        """The row of a call: its last attempt's columns, with the time from its first attempt's start."""
        attempts = sorted(attempts, key=lambda row: row["attempt_no"] or 1)
        last = attempts[-1]
        row = {**last, "kind": "llm_call", "span_id": last["call_span_id"], "capture_source": "wire"}
        row |= dict.fromkeys(_ATTEMPT_ONLY)
        started = self._call_started.get(last["span_id"], last["started_at"])
        row["started_at"] = started
        if last["ended_at"] is not None:
            row["duration_ms"] = (last["ended_at"] - started) / 1000
        if last["ttft_ms"] is not None:
            row["ttft_ms"] = last["ttft_ms"] + (last["started_at"] - started) / 1000
        row["attempts"] = last["attempt_no"]
        row["served_by"] = _served_by(row["status"], last["attempt_no"] or 1, last["served_by"])
        row["record_id"] = bytes.fromhex(record_id(row["writer_id"], row["seq"] * 4 + 1, row["recorded_at"]))
        return row

    def shown_tool_rows(self, row: Row) -> list[Row]:
        """Tool calls whose result stands in this request for the first time in its trace."""
        if row["kind"] != "llm_attempt" or not row["message_blobs"]:
            return []
        trace = row["trace_id"]
        if all((trace, blob_id) in self._shown for blob_id in row["message_blobs"]):
            return []
        asked: dict[str, _AskedCall] = {}
        unnamed: list[_AskedCall] = []
        rows: list[Row] = []
        for blob_id in row["message_blobs"]:
            known = self._was_shown(trace, blob_id)
            self._shown.add((trace, blob_id))
            blob = self._blob(blob_id)
            value = self._element(blob_id, blob)[0] if blob is not None else None
            for position, shown in enumerate(shown_tools(row["api_flavor"], value)):
                if isinstance(shown, ShownCall):
                    # Told apart by where they stand: providers and caches hand out one id twice.
                    made = _AskedCall(shown, blob_id, position)
                    unnamed.append(made)
                    if shown.id is not None:
                        asked[shown.id] = made
                    continue
                call = asked.get(shown.id or "") or next((c for c in unnamed if c.shown.name == shown.name), None)
                if call in unnamed:
                    unnamed.remove(call)
                if not known:
                    rows.append(self._shown_row(row, shown, call, blob_id, position))
        return rows

    def _was_shown(self, trace: bytes, blob_id: bytes) -> bool:
        """True when a request of the same trace held this message before, in this journal file or an earlier one."""
        if (trace, blob_id) in self._shown:
            return True
        earlier = self._earlier(blob_id)
        return earlier is not None and earlier.trace_id == trace

    def _shown_row(self, row: Row, shown: ShownResult, call: _AskedCall | None, blob_id: bytes, position: int) -> Row:
        keep = {k: row[k] for k in _SHARED_BY_SHOWN}
        result = shown.content.encode("utf-8", "surrogatepass")
        made = {
            **dict.fromkeys(row),
            **keep,
            "kind": "tool_seen",
            "phase": "point",
            "span_id": derived_blob_id(blob_id, f"tool:{position}")[:8],
            "parent_span_id": row["call_span_id"],
            "record_id": bytes.fromhex(
                record_id(f"{row['writer_id']}/seen/{row['trace_id'].hex()}/{blob_id.hex()}", position, row["started_at"])
            ),
            "status": "error" if shown.failed else "ok",
            "tool_name": call.shown.name if call else shown.name,
            "tool_call_id": shown.id,
            "tool_kind": "function",
            "side_effect": "unknown",
            "tool_result_bytes": len(result),
            "tool_result_form": "text",
            "replay_level": "none",
            "replay_missing": ["seen in the conversation only"],
        }
        made["tool_result_blob"] = self._derive(row, "result", result, blob_id, f"tool:{position}")
        made["tool_result_parts"] = [made["tool_result_blob"]]
        if call is not None:
            # From the message that holds the arguments: the same result may answer calls with other arguments.
            data = call.shown.arguments.encode("utf-8", "surrogatepass")
            made["tool_args_blob"] = self._derive(row, "args", data, call.blob_id, f"args:{call.position}")
        return made

    def fill_hand_made(self, row: Row, begin: dict[str, Any], end: dict[str, Any]) -> None:
        """A call of a hand-made client: the columns that the application gave."""
        facts = begin.get("facts") or {}
        response = (end.get("facts") or {}).get("response") or {}
        usage = response.get("usage") or {}
        row |= {
            "transport": "manual",
            "provider": facts.get("provider"),
            "operation": "chat",
            "model_requested": facts.get("model"),
            "model_resolved": response.get("model"),
            "model_resolved_source": "declared" if response.get("model") else "unknown",
            "finish_reason": response.get("finish_reason"),
            "finish_reason_raw": response.get("finish_reason"),
            "response_id": response.get("response_id"),
            "usage_raw": _json(usage or None),
            "tokens_in": usage.get("input_tokens"),
            "tokens_out": usage.get("output_tokens"),
            "tokens_cache_read": usage.get("cache_read_tokens"),
            "tokens_reasoning": usage.get("reasoning_tokens"),
            "attempts": 1,
            "attempt_no": 1,
            "served_by": _served_by(row["status"], 1, row["served_by"]),
        }
        request = self._packed_json(begin.get("args"))
        if isinstance(request, dict):
            params = {k: v for k, v in request.items() if k not in ("messages", "system", "tools")}
            row["params_sent"] = _json(params)
            row["params_sha256"] = bytes.fromhex(sha256_of_value(params))
            row["temperature"] = _typed("temperature", params.get("temperature"))
            if isinstance(request.get("system"), str):
                data = request["system"].encode("utf-8", "surrogatepass")
                row["system_prompt_sha256"] = hashlib.sha256(data).digest()
                row["system_prompt_blob"] = self._derive(row, "system_prompt", data, bytes.fromhex(begin["args"][0]))
            row["request_parts"] = [bytes.fromhex(p) for p in begin["args"]]
        if isinstance(response.get("text"), str):
            data = response["text"].encode("utf-8", "surrogatepass")
            row["output_sha256"] = hashlib.sha256(data).digest()
            row["output_blob"] = self._derive(row, "text", data, row["span_id"] + row["trace_id"])

    def _packed_json(self, parts: list[str] | None) -> Any:
        data = self._join([bytes.fromhex(p) for p in parts]) if parts else None
        try:
            return json.loads(data) if data else None
        except ValueError:
            return None


_SAME_NAME = (
    *("provider", "api_flavor", "operation", "api_version", "model_requested", "model_resolved", "model_resolved_source"),
    *("system_fingerprint", "response_id", "provider_request_id", "stream", "finish_reason", "finish_reason_raw", "refusal"),
    *("tokens_in", "tokens_out", "tokens_cache_read", "tokens_cache_write", "tokens_reasoning"),
    *("service_tier_requested", "service_tier_used", "provider_ms"),
)
"""Columns that a decoder fills under their own names."""

_SHARED_BY_SHOWN = (
    *("schema_version", "trace_id", "run_id", "seq", "writer_id", "recorded_at", "started_at", "session_id", "task_id", "user_ref"),
    *("tenant_id", "agent_name", "agent_version", "tags", "service", "environment", "region", "host", "pid", "code_version"),
    *("code_dirty", "capture_source", "lane", "salvaged", "redaction_policy", "redaction_key_id", "redaction_status"),
    *("sample_rule", "sample_weight", "name", "scope"),
)


def _is_element(blob: Blob) -> bool:
    """True for an element of a request that was stored first as something else, such as the result of a tool that is a message."""
    return blob.kind not in _PIECES and blob.data[:1] == b"{" and blob.data[-1:] == b"}"


def _served_by(status: str, attempts: int, said: str | None) -> str | None:
    """What served a call; ``said`` by the program, which alone knows of its fallbacks."""
    return None if status != "ok" else said or ("primary" if attempts == 1 else "retry")


def _is_mark(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(_MARK)


def _json(value: Any) -> str | None:
    return None if value is None else json_cell(value)


def _typed(name: str, value: Any) -> Any:
    """A projected parameter in its column's type, or None when it is of another."""
    if isinstance(value, bool) or value is None:
        return None
    if name in ("temperature", "top_p"):
        return value if isinstance(value, int | float) else None
    if name in ("seed", "max_output_tokens"):
        return value if isinstance(value, int) else None
    return str(value)
