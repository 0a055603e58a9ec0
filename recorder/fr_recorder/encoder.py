"""Turning crossings into journal events: where everything is redacted, and the last place that sees it unredacted.

Runs in the writer thread only. A failure here costs the content of one event, never the event: it is written
with ``rstatus = failed`` and without what could not be redacted.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from types import CodeType
from typing import Any

from fr_schema.records import Redaction

from .child_programs import redacted_command
from .child_streams import redacted_streams
from .content import ContentStore, StoredContent, count_together
from .crossings import RecordedHttp, RecordedTool
from .following import answer_of, follow
from .header_blocks import HeaderBlocks, text_headers
from .location import describe_location, working_directory
from .outcomes import delivery_differences, http_outcome
from .placement import DEFAULT_TENANT, scope_name
from .request_links import request_links
from .trace_context import TraceContext
from .transfer import UnknownEncoding, decode_chunks
from .values import Packed, PackedError, pack_error

__all__ = ["Encoder", "http_outcome", "text_headers"]


_MOST_LOCATIONS = 4096
_SCOPE_LABELS = ("subject", "scope")
"""Labels that say whose key content goes under, and are not written themselves."""


class Encoder:
    """Makes events; their blobs are collected in ``content.records``."""

    def __init__(self, redactor: Any, content: ContentStore, pseudonym_key: bytes, monotonic_start: int) -> None:
        self._redactor = redactor
        self._blocks = HeaderBlocks(redactor)
        self.content = content
        self._pseudonym_key = pseudonym_key
        self._monotonic_start = monotonic_start
        self._scopes: dict[tuple[str, str], str] = {}
        self._locations: dict[tuple[int, int, str], tuple[CodeType, str, list[Redaction]]] = {}

    @property
    def redactor(self) -> Any:
        """What everything passes through before it is written."""
        return self._redactor

    def enter(self, labels: Mapping[str, Any]) -> str | None:
        """From here on content is of the subject and tenant that the labels name. Returns the scope; None where nothing is encrypted.

        Raises KeyUnavailable.
        """
        if self.content.protection is None:
            return None
        scope = self._scope(labels)
        self.content.enter(scope)
        return scope

    def _scope(self, labels: Mapping[str, Any]) -> str:
        given: str | None = labels.get("scope")
        if given is not None:
            return given
        subject = labels.get("subject", labels.get("user"))
        names = (labels.get("tenant"), subject)
        if names == (None, None):
            return DEFAULT_TENANT
        place = (str(names[0]), str(subject))
        known = self._scopes.get(place)
        if known is None:
            tenant = self._redactor.text(place[0], "labels")[0] if names[0] is not None else None
            if len(self._scopes) >= _MOST_LOCATIONS:
                self._scopes.clear()
            known = self._scopes[place] = scope_name(tenant, None if subject is None else place[1], self.pseudonym)
        return known

    # -- what all begins share

    def begin_event(self, kind: str, crossing: Any, hits: list[Redaction]) -> dict[str, Any]:
        """When, where, in which order, and under which labels something begins."""
        event: dict[str, Any] = {
            "t": "begin",
            "kind": kind,
            "span": crossing.span,
            "trace": crossing.context.trace_id,
            "at": crossing.at // 1000,
            "mono": (crossing.start - self._monotonic_start) // 1000,
            "lane": crossing.lane.path,
            "lseq": crossing.lane_seq,
            "issue": crossing.issue,
        }
        if crossing.context.span_id is not None:
            event["parent"] = crossing.context.span_id
        if crossing.context.labels:
            event["ctx"] = self.labels(crossing.context, hits)
        return event

    def labels(self, context: TraceContext, hits: list[Redaction]) -> dict[str, Any]:
        """The application's labels, redacted; the user as a keyed pseudonym."""
        labels = {name: label if isinstance(label, str | dict) else str(label) for name, label in context.labels.items()}
        user = labels.pop("user", None)
        for name in _SCOPE_LABELS:
            labels.pop(name, None)
        redacted, found = self._redactor.value(labels, "labels")
        hits += _plain(found)
        return {**redacted, "user": self.pseudonym(user)} if user is not None else dict(redacted)

    def pseudonym(self, user: Any) -> str:
        """The same user gives the same name under the same key; the name gives nothing without it."""
        digest = hmac.digest(self._pseudonym_key, b"user\0" + str(user).encode("utf-8", "surrogatepass"), "sha256")
        return "u_" + base64.b32encode(digest[:10]).decode().lower()

    def path(self, path: str) -> str:
        """The path of a file that the program read, redacted."""
        clean: str = self._redactor.text(path, "input_files")[0]
        return clean

    def location_of(self, crossing: Any, hits: list[Redaction]) -> str | None:
        """Where in the program it was, redacted: a path may name a person."""
        location = crossing.location
        if location is None:
            return None
        here = working_directory()
        # The code object itself would be hashed by its content; it is kept, so that its id stays its own.
        place = (id(location[0]), location[1], here)
        known = self._locations.get(place)
        if known is None:
            described, found = self._redactor.text(describe_location(location, here), "code_location")
            if len(self._locations) >= _MOST_LOCATIONS:
                self._locations.clear()
            known = self._locations[place] = location[0], str(described), _plain(found)
        hits += known[2]
        return known[1]

    # -- HTTP

    def begin_http(self, crossing: RecordedHttp) -> dict[str, Any]:
        """The intent: the full request."""
        hits: list[Redaction] = []
        event = self.begin_event("http", crossing, hits)
        url, url_hits = self._redactor.url(crossing.url)
        block = self._blocks.redacted(crossing.headers)
        hits += _plain(url_hits) + block.redactions
        event["loc"] = self.location_of(crossing, hits)
        event["via"] = crossing.transport
        event["method"] = crossing.method
        event["url"] = url
        event["headers"] = block.headers
        event["call"] = crossing.call_span
        event["attempt"] = crossing.attempt
        event["call_at"] = crossing.call_at // 1000
        if crossing.cause is not None:
            event |= {"cause": crossing.cause, "backoff": crossing.backoff_us}
        body = self.content.put_request(crossing.lane.path, crossing.span, crossing.body or b"", block.content_type, event["trace"])
        if body.base is None:
            event["body"] = body.new
        else:
            event |= {"base": body.base, "keep": body.keep, "new": body.new}
            if body.tail:
                event["tail"] = body.tail
        event |= {"len": body.size, "rstatus": "redacted" if hits and body.status == "clean" else body.status}
        event |= request_links.of_request(event["trace"], crossing.body)
        return _with_hits(event, hits + body.redactions)

    def follow_http(self, crossing: RecordedHttp) -> None:
        """Look through what has come of an answer."""
        follow(self._redactor, crossing)

    def end_http(self, crossing: RecordedHttp) -> dict[str, Any]:
        """The outcome: status, headers, body, and when each piece of it reached the program."""
        duration = crossing.end_at - crossing.start
        event: dict[str, Any] = {
            "t": "end",
            "span": crossing.span,
            "trace": crossing.context.trace_id,
            "at": (crossing.at + duration) // 1000,
            "dur": duration // 1000,
            "end": crossing.end,
            "status": http_outcome(crossing),
        }
        if crossing.request_sent is not None:
            event["sent"] = crossing.request_sent
        hits: list[Redaction] = []
        status = "clean"
        offsets: list[int] | None = None
        if crossing.status is not None:
            event["code"] = crossing.status
            event["hv"] = crossing.http_version
            status, offsets = self._answer(crossing, event, hits)
        if crossing.error is not None:
            hits += self._failure(event, pack_error(crossing.error))
        event["del"] = delivery_differences(crossing.deliveries, crossing.issue, offsets)
        event["rstatus"] = "redacted" if hits and status == "clean" else status
        return _with_hits(event, hits)

    def _answer(self, crossing: RecordedHttp, event: dict[str, Any], hits: list[Redaction]) -> tuple[str, list[int] | None]:
        """Put the answer's headers into the event and store its body; returns its redaction status and the chunk ends if they moved."""
        chunks = crossing.chunks
        named = text_headers(crossing.response_headers)
        encoding = _header(named, "content-encoding")
        pieces, whole = chunks, True
        if crossing.left_out is not None:
            event["rheaders"], found = self._redactor.headers(named)
            hits += [*_plain(found), ("response", f"not stored: {crossing.left_out}", 1)]
            return "failed", None
        if encoding:
            try:
                pieces, whole = decode_chunks(encoding, chunks)
            except UnknownEncoding as error:
                headers, found = self._redactor.headers(named)
                hits += _plain(found)
                event["rheaders"], event["enc"] = headers, _header(headers, "content-encoding")
                # The error names the encoding, which is not to be told where it was something to replace.
                why = str(error) if event["enc"] == encoding else f"content-encoding {event['enc']!r}"
                hits.append(("response", f"not stored: {why}", 1))
                return "failed", None
        headers, found, redacted, changed = answer_of(self._redactor, crossing, named, pieces)
        hits += _plain(found)
        event["rheaders"] = headers
        if encoding:
            event["enc"] = _header(headers, "content-encoding")
        hits += _plain(redacted.hits)
        if redacted.status == "failed":
            return "failed", None
        trace = event["trace"]
        if redacted.data:
            event["rbody"] = self.content.put_cut("response", redacted.data, trace)
        event["rlen"] = len(redacted.data)
        if changed:
            event["changed"] = True
        if not encoding:
            return redacted.status, list(redacted.chunk_offsets) if changed else None
        if not changed and whole:
            # As transferred only where all of that was decoded, and so looked through.
            event["wire"] = self.content.put_cut("wire", b"".join(chunks), trace)
            return redacted.status, None
        return redacted.status, list(redacted.chunk_offsets)[: len(chunks)]

    # -- tools and hand-made clients

    def begin_tool(self, crossing: RecordedTool) -> dict[str, Any]:
        """The intent of a tool call: its arguments."""
        hits: list[Redaction] = []
        call = crossing.call
        event = self.begin_event(call.kind, crossing, hits)
        stored = self.packed(crossing.arguments, "args", event["trace"], "command" if call.tool_kind == "subprocess" else "arguments")
        facts, found = self._redactor.value(_json_value(call.facts), "facts")
        hits += _plain(found) + stored.redactions
        event |= {"loc": self.location_of(call, hits), "name": call.name, "side": call.side_effect, "tool_kind": call.tool_kind}
        event |= {"args": stored.parts, "aform": crossing.arguments.form, "blane": crossing.body_lane.path}
        event["rstatus"] = "redacted" if hits and stored.status == "clean" else stored.status
        if facts:
            event["facts"] = facts
        if call.kind == "llm_call" and isinstance(crossing.arguments.data, str):
            event |= request_links.of_request(event["trace"], crossing.arguments.data.encode("utf-8", "surrogatepass"))
        return _with_hits(event, hits)

    def end_tool(self, crossing: RecordedTool) -> dict[str, Any]:
        """The outcome of a tool call: the untruncated result, or the exception."""
        duration = crossing.end_at - crossing.start
        trace = crossing.context.trace_id
        event: dict[str, Any] = {
            "t": "end",
            "span": crossing.span,
            "trace": trace,
            "at": (crossing.at + duration) // 1000,
            "dur": duration // 1000,
            "status": crossing.end,
            "del": delivery_differences(crossing.deliveries, crossing.issue, None),
        }
        hits: list[Redaction] = []
        status = "clean"
        if crossing.items is not None:
            stored = self._items(crossing.items, trace)
            event |= {"result": stored.parts, "form": "iterator", "len": stored.size}
            hits, status = hits + stored.redactions, stored.status
        elif crossing.result is not None:
            stored = self.packed(crossing.result, "result", trace, "result")
            event |= {"result": stored.parts, "form": crossing.result.form, "len": stored.size}
            hits, status = hits + stored.redactions, stored.status
        if crossing.error is not None:
            hits += self._failure(event, crossing.error)
        if crossing.extra:
            extra, found = self._redactor.value(_json_value(crossing.extra), "facts")
            hits += _plain(found)
            event["facts"] = extra
        event["rstatus"] = "redacted" if hits and status == "clean" else status
        return _with_hits(event, hits)

    def _failure(self, event: dict[str, Any], error: PackedError) -> list[Redaction]:
        """Put an exception into an end event; returns what was redacted in it."""
        trace = event["trace"]
        state = self.packed(error.state, "error", trace, "error")
        message, found = self._redactor.text(error.message, "error_message")
        traceback, more = self._redactor.text(error.traceback, "traceback")
        event |= {"err": error.class_name, "msg": message, "estate": state.parts, "eform": error.state.form}
        event["trace_text"] = self.content.put_cut("traceback", traceback.encode("utf-8", "surrogatepass"), trace)
        return _plain(found) + _plain(more) + state.redactions

    def packed(self, value: Packed, kind: str, trace: str, path: str) -> StoredContent:
        """Redact and store a packed Python value."""
        if value.form == "bytes":
            return self.content.put_body(value.data, None, kind, trace)
        if value.form == "streams":
            pieces, found, status = redacted_streams(value.data, self._redactor)
            parts = [part for piece in pieces if piece for part in self.content.put_cut(kind, piece, trace)]
            return StoredContent(parts, sum(map(len, pieces)), found, status)
        redacted, hits = self._redact_packed(value, path)
        data = redacted.encode("utf-8", "surrogatepass")
        return StoredContent(self.content.put_cut(kind, data, trace), len(data), _plain(hits), "redacted" if hits else "clean")

    def _redact_packed(self, value: Packed, path: str) -> tuple[str, Any]:
        if value.form in ("json", "typed"):
            parsed = json.loads(value.data)
            clean, hits = redacted_command(self._redactor, parsed) if path == "command" else self._redactor.value(parsed, path)
            return (json.dumps(clean, ensure_ascii=False, separators=(",", ":")) if hits else value.data), hits
        text, hits = self._redactor.text(value.data, path)
        return text, hits

    def _items(self, items: list[Packed], trace: str) -> StoredContent:
        """The items of a generator as one JSON list of [form, text] pairs; bytes in base64."""
        rows, hits, status = [], [], "clean"
        for item in items:
            if item.form == "bytes":
                clean = self._redactor.body(item.data, None)
                hits += _plain(clean.hits)
                if clean.status == "failed":
                    # A list with a hole in it would be served as if it were whole.
                    return StoredContent([], 0, hits, "failed")
                status = "unscanned" if clean.status == "unscanned" else status
                rows.append(["bytes", base64.b64encode(clean.data).decode()])
            else:
                text, found = self._redact_packed(item, "result")
                hits += _plain(found)
                rows.append([item.form, text])
        data = json.dumps(rows, separators=(",", ":")).encode()
        return StoredContent(
            self.content.put_cut("result", data, trace), len(data), hits, "redacted" if hits and status == "clean" else status
        )

    # -- spans, decisions, output

    def begin_span(self, crossing: Any) -> dict[str, Any]:
        """A named stretch of a trace begins."""
        hits: list[Redaction] = []
        event = self.begin_event("span", crossing, hits)
        name, found = self._redactor.text(crossing.name, "name")
        hits += _plain(found)
        event |= {"name": name, "loc": self.location_of(crossing, hits)}
        status = "clean"
        if crossing.data is not None:
            stored = self.packed(crossing.data, "inputs", event["trace"], "inputs")
            event |= {"inputs": stored.parts, "iform": crossing.data.form}
            hits, status = hits + stored.redactions, stored.status
        if getattr(crossing, "facts", None):
            event["facts"] = self._redactor.value(_json_value(crossing.facts), "facts")[0]
        event["rstatus"] = "redacted" if hits and status == "clean" else status
        return _with_hits(event, hits)

    def end_span(self, crossing: Any) -> dict[str, Any]:
        """A named stretch of a trace ends."""
        duration = crossing.end_at - crossing.start
        event: dict[str, Any] = {
            "t": "end",
            "span": crossing.span,
            "trace": crossing.context.trace_id,
            "at": (crossing.at + duration) // 1000,
            "dur": duration // 1000,
            "status": crossing.end,
            "rstatus": "clean",
        }
        if crossing.error is not None:
            message, found = self._redactor.text(str(crossing.error), "error_message")
            cls = type(crossing.error)
            event |= {"err": f"{cls.__module__}.{cls.__qualname__}", "msg": message}
            event = _with_hits(event, _plain(found))
        if getattr(crossing, "outcome", None):
            event["facts"] = self._redactor.value(_json_value(crossing.outcome), "facts")[0]
        return event

    def decision(self, crossing: Any) -> dict[str, Any]:
        """A choice that the program recorded itself."""
        hits: list[Redaction] = []
        event = self.begin_event("decision", crossing, hits) | {"t": "point"}
        event["loc"] = self.location_of(crossing, hits)
        label, found = self._redactor.text(crossing.name, "decision_label")
        stored = self.packed(crossing.data, "decision", event["trace"], "decision")
        hits += _plain(found) + stored.redactions
        return _with_hits(event | {"label": label, "data": stored.parts, "rstatus": "redacted" if hits else stored.status}, hits)

    def output(self, source: str, data: bytes, trace: str) -> dict[str, Any]:
        """Bytes that went through the program's standard output or input."""
        scope = self.enter({})
        redacted = self._redactor.body(data, "text/plain; charset=utf-8")
        event: dict[str, Any] = {"t": "output", "trace": trace, "src": source, "len": len(redacted.data), "rstatus": redacted.status}
        if scope is not None:
            event["scope"] = scope
        event["body"] = [] if redacted.status == "failed" else self.content.put_cut("output", redacted.data, trace)
        return _with_hits(event, _plain(redacted.hits))


def _json_value(value: Any) -> Any:
    """What the application said, as JSON has it: whatever else is in it becomes text. Raises TypeError, ValueError."""
    return json.loads(json.dumps(value, default=str)) if value else value


def _header(headers: list[tuple[str, str]], name: str) -> str | None:
    for key, value in headers:
        if key.lower() == name:
            return value
    return None


def _plain(hits: Any) -> list[Redaction]:
    if not hits:
        return []
    return [(h.path, h.detector, h.count) for h in hits]


def _with_hits(event: dict[str, Any], hits: list[Redaction]) -> dict[str, Any]:
    """The event with its redactions, equal ones counted together."""
    if hits:
        event["redactions"] = [list(redaction) for redaction in count_together(hits)]
    return event
