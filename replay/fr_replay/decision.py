"""One decision: all that a model was given, all that it answered, and how the answer came about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fr_schema import providers
from fr_schema.errors import BadInput
from fr_schema.providers.request_side import tool_definitions

from .contents import Contents
from .fact_reading import about_call, read_facts
from .messages import Message, messages_of_body, parsed, read_message
from .reading import Row, asked_tools, rows_of
from .store import Store

__all__ = ["AskedTool", "Decision", "Offered", "read_decision"]

_SCHEMA_KEYS = ("parameters", "input_schema", "inputSchema", "schema", "parametersJsonSchema", "parameters_json_schema")


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool that the model could ask for."""

    name: str
    description: str | None
    schema: Any


@dataclass(frozen=True, slots=True)
class AskedTool:
    """A tool call in the answer, and what became of it.

    Attributes:
        id, name, arguments: as the model wrote them; the arguments are text, JSON where all went well.
        result: what the model was shown as its result in the next request; None when no later request has one.
        failed: the conversation says that it failed; None when there is no result.
        made: the row of the call as the program made it, or None; found by id, else by name and arguments.
    """

    id: str | None
    name: str | None
    arguments: str
    result: str | None
    failed: bool | None
    made: Row | None


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision.

    Attributes:
        call: its row of ``events``, ids as bytes; the columns of the last attempt with the time since the first.
        step, steps: its number in the trace, and how many there are.
        system_prompt: its text, or None.
        messages: what was sent, in order.
        request_body: the request's JSON where it has no messages that we know; else None.
        tools: what the model could ask for.
        output, reasoning: texts of the answer, or None.
        asked: tool calls of the answer.
        attempts: rows of the exchanges, each with ``chunks``: pieces in which the answer came.
        facts: what was said of this call: scores, reviews, compensations.
    """

    call: Row
    step: int
    steps: int
    system_prompt: str | None
    messages: list[Message]
    request_body: str | None
    tools: list[Offered]
    output: str | None
    reasoning: str | None
    asked: list[AskedTool]
    attempts: list[Row]
    facts: list[Row]


def read_decision(near: Store, contents: Contents, step: int) -> Decision:
    """Read step ``step`` of the trace in ``near``. Raises BadInput when there is no such step."""
    found = rows_of(near, "SELECT step, span_id FROM calls ORDER BY step")
    span = next((row["span_id"] for row in found if row["step"] == step), None)
    if span is None:
        have = f"it has steps 1 to {len(found)}" if len(found) > 1 else "it has step 1 only" if found else "it has no model call"
        raise BadInput(f"the trace has no step {step}", hint=f"{have}; fr show TRACE lists them")
    # A call that went on in a later journal file has a row in each; the one with most attempts is the whole.
    call = rows_of(
        near,
        "SELECT * FROM all_events WHERE kind = 'llm_call' AND span_id = unhex(?) ORDER BY attempts DESC NULLS LAST, phase DESC LIMIT 1",
        (span,),
    )[0]
    attempts = rows_of(
        near, "SELECT * FROM all_events WHERE kind = 'llm_attempt' AND call_span_id = unhex(?) ORDER BY attempt_no, seq", (span,)
    )
    for attempt in attempts:
        attempt["chunks"] = _chunks(attempt["deliveries"])
    asked = asked_tools(call)
    made = _results_in(near, call, asked)
    contents.fetch([call["system_prompt_blob"], call["output_blob"], call["reasoning_blob"], call["error_blob"]])
    contents.fetch([*(call["message_blobs"] or ()), *(call["request_parts"] or ())])
    contents.fetch([*(row["arguments_blob"] for row in asked), *(blob for row in made for blob in _blobs_of_tool(row))])
    body_text = contents.joined(call["request_parts"])
    body = parsed(body_text) if body_text is not None else None
    messages = _messages(call, contents, body)
    return Decision(
        call=call,
        step=step,
        steps=len(found),
        system_prompt=contents.text(call["system_prompt_blob"]),
        messages=messages,
        request_body=None if messages else body_text,
        tools=_offered(call, body),
        output=contents.text(call["output_blob"]),
        reasoning=contents.text(call["reasoning_blob"]),
        asked=_join_tools(asked, made, contents),
        attempts=attempts,
        facts=about_call(read_facts(near, contents), call, step),
    )


def _chunks(deliveries: str | None) -> int | None:
    """How many pieces of the body reached the program: all deliveries but the headers and the end."""
    return max(len(json.loads(deliveries)) - 2, 0) if deliveries else None


def _messages(call: Row, contents: Contents, body: Any) -> list[Message]:
    """The messages, from their own parts where each has one."""
    flavor = call["api_flavor"]
    if not call["message_blobs"]:
        return messages_of_body(flavor, body)
    messages = []
    for position, blob in enumerate(call["message_blobs"], 1):
        text = contents.text(blob)
        lost = f"[this message is not in the store: blob {bytes(blob).hex()}]"
        locked = contents.locked(blob)
        if locked is not None:
            messages.append(Message(position, "?", locked, (), (), (), None, locked, bytes(blob).hex()))
            continue
        messages.append(read_message(flavor, lost if text is None else text, position, bytes(blob).hex()))
    return messages


def _offered(call: Row, body: Any) -> list[Offered]:
    """The tools of the request, through the decoder of its API; of a hand-made call as they were given."""
    if not isinstance(body, dict):
        return []
    if call["request_url"]:
        exchange = providers.Exchange(
            method=call["request_method"] or "POST",
            url=call["request_url"],
            request_headers=[(name, value) for name, value in json.loads(call["request_headers"] or "[]")],
            request=body,
            lists={},
            status=None,
            response_headers=[],
            response_body=b"",
            complete=False,
        )
        decoded = providers.decode(exchange)
        found = decoded.tools if decoded is not None else ()
    else:
        tools = body.get("tools")
        found = tool_definitions(tools if isinstance(tools, list) else (), _SCHEMA_KEYS)
    return [Offered(tool.name, tool.description, tool.schema) for tool in found]


# -- what became of the tool calls


def _results_in(near: Store, call: Row, asked: Sequence[Row]) -> list[Row]:
    """Rows of the asked tools from this call on: as the program made them, and as later requests show them."""
    if not asked:
        return []
    rows = rows_of(
        near,
        "SELECT kind, started_at, duration_ms, status, error_type, error_message, tool_name, tool_call_id, side_effect, tool_args_blob,"
        " tool_result_parts, tool_result_bytes, tool_result_form, code_location, span_id FROM all_events"
        " WHERE kind IN ('tool_call', 'tool_seen') AND coalesce(started_at >= ?, seq >= ?) ORDER BY started_at, seq",
        (call["started_at"], call["seq"]),
    )
    names, ids = {row["name"] for row in asked}, {row["id"] for row in asked}
    return [row for row in rows if row["tool_name"] in names or row["tool_call_id"] in ids]


def _blobs_of_tool(row: Row) -> Sequence[bytes]:
    return [row["tool_args_blob"], *(row["tool_result_parts"] or ())] if row["kind"] == "tool_seen" else [row["tool_args_blob"]]


def _join_tools(asked: Sequence[Row], rows: Sequence[Row], contents: Contents) -> list[AskedTool]:
    """Each asked call with its rows; of equal calls the first asked is the first made."""
    unclaimed = [row for row in rows if row["kind"] == "tool_call"]
    seen = {row["tool_call_id"]: row for row in reversed(rows) if row["kind"] == "tool_seen"}
    joined = []
    for call in asked:
        arguments = contents.text(call["arguments_blob"]) or ""
        made = next((row for row in unclaimed if _is_same_call(row, call, arguments, contents)), None)
        if made is not None:
            unclaimed.remove(made)
        shown = seen.get(call["id"]) if call["id"] is not None else None
        result = contents.joined(shown["tool_result_parts"]) if shown is not None else None
        joined.append(
            AskedTool(call["id"], call["name"], arguments, result, shown["status"] == "error" if shown is not None else None, made)
        )
    return joined


def _is_same_call(row: Row, call: Row, arguments: str, contents: Contents) -> bool:
    """By the model's id where the program passed it on, else by name and arguments."""
    if row["tool_call_id"] is not None:
        return bool(row["tool_call_id"] == call["id"])
    return bool(row["tool_name"] == call["name"]) and parsed(contents.text(row["tool_args_blob"]) or "") == parsed(arguments)
