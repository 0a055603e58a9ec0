"""The lines of ``fr show TRACE STEP``: a decision as the model saw it, and how the answer came about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from typing import Any

from fr_replay.decision import AskedTool, Decision
from fr_replay.fact_reading import held_by_call
from fr_replay.messages import Message, call_text
from fr_replay.reading import Row
from fr_schema.providers.conversation import ShownCall

from .figures import clock_time, count_of, first_words, money, offset, one_line, span_of_time, tokens, visible
from .folding import FOLD_HINT, fold_items, text_lines
from .show_facts import fact_lines
from .show_trace import NO_END, STATUS_STYLES, model_text
from .table import Line, TableColumn, table_lines

__all__ = ["decision_lines"]

_SOURCES = {
    "body": "named in the answer",
    "header": "named in a header of the answer",
    "deployment": "named by the deployment",
    "declared": "named by the program",
    "unknown": "the answer names no version",
}
_ROLE_STYLES = {"system": "magenta", "developer": "magenta", "user": "green", "assistant": "cyan", "model": "cyan", "tool": "yellow"}
_EFFECTS = {"write": "yellow", "irreversible": "bold red"}
_MESSAGES_HEAD = 4
_MESSAGES_TAIL = 16
_WORDS = 160
_ONE_LINE = 100
_ATTEMPT_TABLE = (
    TableColumn("try", right=True),
    TableColumn("http", right=True),
    TableColumn("status", styles=STATUS_STYLES),
    TableColumn("after", right=True),
    TableColumn("because"),
    TableColumn("time", right=True),
    TableColumn("error", least=20),
)

Measure = Callable[[str], int]


def decision_lines(
    decision: Decision, trace_start: datetime | None, zone: tzinfo, *, width: int | None, full: bool, measure: Measure
) -> list[Line]:
    """All sections, in the order in which the model met them; what is not on record has no section."""
    lines = _header(decision, trace_start, zone)
    lines += _params(decision.call)
    lines += _attempts(decision, width, measure)
    lines += _system(decision, full)
    lines += _tools(decision, full)
    lines += _conversation(decision, full)
    lines += _answer(decision, full)
    lines += _facts(decision, trace_start)
    return lines


def _title(text: str, note: str = "") -> list[Line]:
    spans: list[tuple[str, str | None]] = [(text, "bold cyan")]
    return [Line(()), Line((*spans, (f"  {note}", "dim")) if note else tuple(spans))]


def _labelled(facts: Iterable[tuple[str, str]], width: int = 10) -> list[Line]:
    return [Line(((f"{label:<{width}}", "dim"), (text, None)), 2, hang=width) for label, text in facts if text]


# -- what and how


def _header(decision: Decision, trace_start: datetime | None, zone: tzinfo) -> list[Line]:
    call = decision.call
    status = call["status"] or ""
    title = [(f"step {decision.step} of {decision.steps}", "bold"), ("  trace ", "dim"), (call["trace_id"].hex(), None), ("  ", None)]
    at = call["started_at"]
    since = offset((at - trace_start).total_seconds() * 1000) if at is not None and trace_start is not None else ""
    return [
        Line((*title, (status, STATUS_STYLES.get(status, "green")))),
        *_labelled(
            [
                ("model", f"{model_text(call)} ({_named_where(call)})"),
                ("asked", one_line(" · ".join(filter(None, _asked_where(call))))),
                ("started", f"{clock_time(at, zone)}, {since} in the trace" if since else ""),
                ("took", _timing(decision)),
                ("tokens", _usage(call)),
                ("cost", _cost(call)),
                ("code", one_line(call["code_location"] or "")),
                ("sdk", one_line(" ".join(filter(None, (call["sdk_name"], call["sdk_version"]))))),
                ("ids", one_line(" · ".join(filter(None, (call["response_id"], call["provider_request_id"], call["system_fingerprint"]))))),
                ("redacted", _redactions(call)),
                ("served by", _served(call)),
                ("made good", one_line(", ".join(call["compensations"] or ()))),
                *((label, one_line(text)) for label, text in held_by_call(call)),
                ("replay", _replay(call)),
            ]
        ),
    ]


def _named_where(call: Row) -> str:
    """Where the version that ran is named."""
    if call["model_resolved"] is None and call["http_status"] is None and call["transport"] != "manual":
        return "no answer names a version"
    source = call["model_resolved_source"] or "unknown"
    return _SOURCES.get(source, source)


def _asked_where(call: Row) -> tuple[str | None, ...]:
    operation = call["operation"] if call["operation"] != "chat" else None
    return call["provider"], call["api_flavor"], operation, call["server_address"]


def _served(call: Row) -> str:
    """Only where it was not the model that was asked first, as it came."""
    return one_line(call["served_by"]) if call["served_by"] not in (None, "primary") else ""


def _replay(call: Row) -> str:
    return "" if call["replay_level"] == "exact_io" else f"not exactly on record: {one_line(', '.join(call['replay_missing'] or ()))}"


def _timing(decision: Decision) -> str:
    call = decision.call
    if call["phase"] == "begin":
        return NO_END
    parts = [span_of_time(call["duration_ms"])]
    if call["ttft_ms"] is not None:
        parts.append(f"first bytes after {span_of_time(call['ttft_ms'])}")
    chunks = decision.attempts[-1]["chunks"] if decision.attempts else None
    if chunks:
        parts.append(f"in {count_of(chunks, 'chunk')}")
    if call["provider_ms"] is not None:
        parts.append(f"the provider says {span_of_time(call['provider_ms'])}")
    return ", ".join(part for part in parts if part)


def _usage(call: Row) -> str:
    if call["tokens_in"] is None and call["tokens_out"] is None:
        return ""
    details = (("tokens_cache_read", "read from cache"), ("tokens_cache_write", "written to cache"))
    inside = "".join(f", {tokens(call[column])} {word}" for column, word in details if call[column])
    reasoning = f", {tokens(call['tokens_reasoning'])} for reasoning" if call["tokens_reasoning"] else ""
    return f"{tokens(call['tokens_in']) or '?'} in{inside} · {tokens(call['tokens_out']) or '?'} out{reasoning}"


def _cost(call: Row) -> str:
    if call["cost_usd"] is not None:
        return f"{money(call['cost_usd'])} by {call['price_source']} {call['price_version'] or ''}".rstrip()
    return "not known" if call["status"] == "ok" and call["tokens_in"] is not None else ""


def _redactions(call: Row) -> str:
    if call["redaction_status"] == "failed":
        return "content was left out because it could not be redacted"
    found: dict[str, int] = {}
    for row in call["redactions"] or ():
        found[row["detector"]] = found.get(row["detector"], 0) + row["count"]
    return ", ".join(f"{count} {detector}" for detector, count in found.items())


def _params(call: Row) -> list[Line]:
    """The three layers: what the program sent, what the answer says was in force, and what the provider documents for the rest."""
    sent, echoed, defaulted = (json.loads(call[column] or "null") or {} for column in ("params_sent", "params_echoed", "params_defaulted"))
    named = {key: value for key, value in sent.items() if key != "model"}
    layers = [
        ("sent", _pairs(named)),
        ("echoed", _pairs(echoed)),
        (
            "default",
            "  ".join(f"{key}={_json(row['value'])} ({row['origin']})" for key, row in defaulted.items() if row["value"] is not None),
        ),
        ("not known", ", ".join(key for key, row in defaulted.items() if row["value"] is None)),
        ("choice", "" if call["tool_choice"] is None else f"tool_choice={call['tool_choice']}"),
    ]
    lines = _labelled(layers)
    return [*_title("parameters"), *lines] if lines else []


def _pairs(values: dict[str, Any]) -> str:
    return "  ".join(f"{key}={first_words(_json(value), _WORDS)}" for key, value in values.items())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _attempts(decision: Decision, width: int | None, measure: Measure) -> list[Line]:
    """The table of attempts, when there is more to say of them than the call says."""
    rows = decision.attempts
    if len(rows) < 2 and all(row["status"] == "ok" for row in rows):
        return []
    cells = [
        [
            str(row["attempt_no"] or number),
            str(row["http_status"] or "-"),
            row["status"] or "",
            span_of_time(row["backoff_ms"]),
            one_line(row["retry_cause"] or ""),
            span_of_time(row["duration_ms"]),
            first_words(" ".join(filter(None, (row["error_type"], row["error_message"]))), _WORDS),
        ]
        for number, row in enumerate(rows, 1)
    ]
    return [*_title("attempts"), *table_lines(_ATTEMPT_TABLE, cells, width=width, indent=2, measure=measure)]


def _facts(decision: Decision, trace_start: datetime | None) -> list[Line]:
    """What was said of this decision, by the program or by somebody after it."""
    if not decision.facts:
        return []
    return [*_title("said of it"), *fact_lines(decision.facts, trace_start)]


# -- what the model was given


def _system(decision: Decision, full: bool) -> list[Line]:
    text, digest = decision.system_prompt, decision.call["system_prompt_sha256"]
    if text is None and digest is None:
        return []
    note = f"sha256 {digest.hex()}" if digest else ""
    lines = [*_title("system prompt", f"{len(text or ''):,} characters"), Line(((f"{note} (equal hash, equal prompt)", "dim"),), 2)]
    return lines + (text_lines(text, indent=2, full=full) if text is not None else [Line((("its text is not in the store", "red"),), 2)])


def _tools(decision: Decision, full: bool) -> list[Line]:
    if not decision.tools:
        return []
    digest = decision.call["tools_sha256"]
    lines = _title(f"tools offered: {len(decision.tools)}")
    lines += [Line(((f"sha256 {digest.hex()}", "dim"),), 2)] if digest else []
    for tool in decision.tools:
        description = tool.description or ""
        shown = description if full else first_words(description, _WORDS)
        lines.append(Line(((tool.name, "bold"), (_signature(tool.schema), None), (f"  {one_line(shown)}", "dim")), 2))
        if full and tool.schema is not None:
            lines += text_lines(json.dumps(tool.schema, ensure_ascii=False, indent=2), indent=6, full=True, style="dim")
    return lines


def _signature(schema: Any) -> str:
    """``(city, days?)``: the parameters of a tool, with a question mark behind those that may be left out."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return ""
    required = schema.get("required") or ()
    return f"({', '.join(name if name in required else name + '?' for name in properties)})"


def _conversation(decision: Decision, full: bool) -> list[Line]:
    if decision.request_body is not None:
        return [*_title("request body"), *text_lines(decision.request_body, indent=2, full=full)]
    messages = decision.messages
    if not messages:
        return []
    asked = {call.id: call for message in messages for call in message.calls if call.id is not None}
    head, folded, tail = (messages, 0, ()) if full else fold_items(messages, _MESSAGES_HEAD, _MESSAGES_TAIL)
    lines = _title(f"messages: {len(messages)}")
    for message in head:
        lines += _message(message, asked, decision.system_prompt, full)
    if folded:
        lines.append(Line(((f"... {folded:,} messages folded, {FOLD_HINT}", "dim italic"),), 2))
    for message in tail:
        lines += _message(message, asked, decision.system_prompt, full)
    return lines


def _message(message: Message, asked: dict[str, ShownCall], system_prompt: str | None, full: bool) -> list[Line]:
    style = _ROLE_STYLES.get(message.role, "bold")
    lines = [Line(((f"{message.position:>3} ", "dim"), (one_line(message.role), style)), 0)]
    if message.text is not None and message.text == system_prompt and message.content is not None:
        lines[0] = Line((*lines[0].spans, ("  the system prompt above", "dim")))
    elif message.text is not None and _is_short(message):
        lines[0] = Line((*lines[0].spans, ("  ", None), (visible(message.text), None)), 0)
    elif message.text is not None:
        lines += text_lines(message.text, indent=4, full=full)
    lines += [Line(((f"[{one_line(part)}]", "dim"),), 4) for part in message.other]
    for call in message.calls:
        lines += text_lines(f"→ {call_text(call.name, call.arguments)}", indent=4, full=full, style="cyan")
    for result in message.results:
        origin = asked.get(result.id or "")
        what = first_words(call_text(origin.name, origin.arguments), _WORDS) if origin else result.name or result.id or "a tool"
        failed: tuple[tuple[str, str | None], ...] = (("  failed", "red"),) if result.failed else ()
        lines.append(Line(((f"result of {what}", "dim"), *failed), 4))
        lines += text_lines(result.content, indent=6, full=full)
    return lines


def _is_short(message: Message) -> bool:
    """True for a message of one short line and nothing else, which then stands beside its role."""
    text = message.text or ""
    return len(text) <= _ONE_LINE and "\n" not in text and not (message.calls or message.results or message.other)


# -- what it answered


def _answer(decision: Decision, full: bool) -> list[Line]:
    call = decision.call
    if call["phase"] == "begin":
        return [*_title("answer"), Line(((NO_END, "yellow"),), 2)]
    lines = _title("answer", _how_it_ended(call))
    if call["error_type"] or call["error_message"]:
        lines += text_lines(f"{call['error_type'] or 'error'}: {call['error_message'] or ''}", indent=2, full=full, style="red")
    if decision.reasoning is not None:
        lines += [Line((("reasoning", "dim"),), 2), *text_lines(decision.reasoning, indent=4, full=full, style="dim")]
    if decision.output:
        lines += text_lines(decision.output, indent=2, full=full)
    for asked in decision.asked:
        lines += _asked(asked, full)
    if len(lines) == 2 and not call["http_status"]:
        lines.append(Line((("nothing", "dim"),), 2))
    return lines


def _how_it_ended(call: Row) -> str:
    reason, raw = call["finish_reason"], call["finish_reason_raw"]
    ended = f"finish reason {reason}{f' ({raw})' if raw and raw != reason else ''}" if reason else ""
    parts = (ended, "refused" if call["refusal"] else "", "" if call["status"] in ("ok", "error") else str(call["status"]))
    return " · ".join(part for part in parts if part)


def _asked(asked: AskedTool, full: bool) -> list[Line]:
    lines = text_lines(f"→ {call_text(asked.name, asked.arguments)}", indent=2, full=full, style="cyan")
    made = asked.made
    if made is not None:
        effect = made["side_effect"] or "unknown"
        outcome = f"{made['error_type']}: {made['error_message'] or ''}" if made["error_type"] else made["status"] or "not ended"
        spans: Sequence[tuple[str, str | None]] = (
            ("ran: ", "dim"),
            *((((f"{effect} ", _EFFECTS.get(effect)),)) if effect != "unknown" else ()),
            (
                f"{one_line(outcome)}, {span_of_time(made['duration_ms']) or 'no end on record'}",
                "red" if made["status"] == "error" else None,
            ),
            (f"  {one_line(made['code_location'] or '')}", "dim"),
        )
        lines.append(Line(tuple(spans), 4))
    if asked.result is not None:
        lines.append(Line((("the model was then shown", "dim"), *((("  as a failure", "red"),) if asked.failed else ())), 4))
        lines += text_lines(asked.result, indent=6, full=full)
    if made is None and asked.result is None:
        lines.append(Line((("no result on record", "dim"),), 4))
    return lines
