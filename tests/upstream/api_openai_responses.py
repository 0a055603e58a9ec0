"""The OpenAI responses API: answers that echo the request's parameters, and the named event sequence of its streams.

Wire shapes: the OpenAI API reference (responses/object, responses-streaming).
"""

import json

from api_openai_chat import CACHE_STEP_TOKENS, OPENAI_MODEL_SUFFIX, openai_error
from scripts import Answer, Conversation, JsonObject, OfferedTool, Turn, conversation_from_turns, text_pieces, token_count
from wire_api import CREATED_AT, ApiRequest, WireApi, compact, dated_model, joined_text, named_event

TEXT_TYPES = ("input_text", "output_text", "text")
ARGUMENT_PIECE_CHARACTERS = 11

# What the provider fills in where the request is silent; the answer echoes all of it.
ECHOED_DEFAULTS: JsonObject = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def input_items(body: JsonObject) -> list[JsonObject]:
    """The request's input as a list of items; a string is one user message."""
    given = body.get("input", "")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return list(given)


def _turn(item: JsonObject) -> Turn:
    kind = item.get("type", "message")
    if kind == "function_call":
        return Turn("call")
    if kind == "function_call_output":
        return Turn("result")
    if kind == "message" and item.get("role") == "user":
        return Turn("user", joined_text(item.get("content"), text_types=TEXT_TYPES))
    return Turn("other")


def read(request: ApiRequest) -> Conversation:
    """Reduce a responses request; the server has already put the items of `previous_response_id` in front of its input."""
    body = request.body
    items = input_items(body)
    functions = [tool for tool in body.get("tools") or [] if tool.get("type") == "function"]
    prefix = str(body.get("instructions") or "") + (json.dumps(functions) if functions else "")
    return conversation_from_turns(
        body["model"],
        [_turn(item) for item in items],
        [OfferedTool(function["name"], function.get("parameters") or {}) for function in functions],
        cacheable_prefix=prefix if len(prefix.encode()) >= 4 * CACHE_STEP_TOKENS else "",
        prompt_bytes=len(compact(items).encode()) + len(prefix.encode()),
    )


def _message_item(answer: Answer, status: str) -> JsonObject:
    part: JsonObject = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
    if answer.finish == "refusal":
        part = {"type": "refusal", "refusal": answer.text}
    return {"id": f"msg_{answer.nonce}", "type": "message", "role": "assistant", "status": status, "content": [part]}


def _output(answer: Answer, status: str) -> list[JsonObject]:
    output: list[JsonObject] = []
    if answer.thinking:
        summary = [{"type": "summary_text", "text": answer.thinking}]
        output.append({"id": f"rs_{answer.nonce}", "type": "reasoning", "summary": summary})
    for index, call in enumerate(answer.calls):
        output.append(
            {
                "id": f"fc_{answer.nonce}{index}",
                "type": "function_call",
                "call_id": f"call_{answer.nonce}{index}",
                "name": call.name,
                "arguments": compact(call.arguments),
                "status": "completed",
            }
        )
    if not answer.calls:
        output.append(_message_item(answer, status))
    return output


def write(request: ApiRequest, answer: Answer) -> JsonObject:
    """The finished response object."""
    used = answer.usage
    status = "incomplete" if answer.finish == "length" else "completed"
    completion = used.completion + used.reasoning
    echoed = {key: request.body[key] if request.body.get(key) is not None else default for key, default in ECHOED_DEFAULTS.items()}
    return {
        "id": f"resp_{answer.nonce}",
        "object": "response",
        "created_at": CREATED_AT,
        "completed_at": CREATED_AT + 1,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if answer.finish == "length" else None,
        "model": dated_model(request.body["model"], OPENAI_MODEL_SUFFIX),
        "output": _output(answer, status),
        **echoed,
        "usage": {
            "input_tokens": used.prompt,
            "input_tokens_details": {"cached_tokens": used.cache_read // CACHE_STEP_TOKENS * CACHE_STEP_TOKENS},
            "output_tokens": completion,
            "output_tokens_details": {"reasoning_tokens": used.reasoning},
            "total_tokens": used.prompt + completion,
        },
    }


def _call_events(item: JsonObject, output_index: int) -> list[JsonObject]:
    where = {"item_id": item["id"], "output_index": output_index}
    arguments = item["arguments"]
    pieces = [arguments[at : at + ARGUMENT_PIECE_CHARACTERS] for at in range(0, len(arguments), ARGUMENT_PIECE_CHARACTERS)]
    return [
        *({"type": "response.function_call_arguments.delta", **where, "delta": piece} for piece in pieces),
        {"type": "response.function_call_arguments.done", **where, "name": item["name"], "arguments": arguments},
    ]


def _text_events(item: JsonObject, output_index: int) -> list[JsonObject]:
    part = item["content"][0]
    kind = part["type"]
    field = "refusal" if kind == "refusal" else "text"
    where = {"item_id": item["id"], "output_index": output_index, "content_index": 0}
    extra: JsonObject = {} if kind == "refusal" else {"logprobs": []}
    return [
        {"type": "response.content_part.added", **where, "part": {**part, field: ""}},
        *({"type": f"response.{kind}.delta", **where, "delta": piece, **extra} for piece in text_pieces(part[field])),
        {"type": f"response.{kind}.done", **where, field: part[field], **extra},
        {"type": "response.content_part.done", **where, "part": part},
    ]


def _reasoning_events(item: JsonObject, output_index: int) -> list[JsonObject]:
    part = item["summary"][0]
    where = {"item_id": item["id"], "output_index": output_index, "summary_index": 0}
    return [
        {"type": "response.reasoning_summary_part.added", **where, "part": {**part, "text": ""}},
        *({"type": "response.reasoning_summary_text.delta", **where, "delta": piece} for piece in text_pieces(part["text"])),
        {"type": "response.reasoning_summary_text.done", **where, "text": part["text"]},
        {"type": "response.reasoning_summary_part.done", **where, "part": part},
    ]


ITEM_EVENTS = {"message": _text_events, "function_call": _call_events, "reasoning": _reasoning_events}
EMPTY_FIELDS: dict[str, JsonObject] = {"message": {"content": []}, "function_call": {"arguments": ""}, "reasoning": {"summary": []}}


def events(_request: ApiRequest, body: JsonObject) -> list[bytes]:
    """The stream of a finished response, each event numbered by `sequence_number`."""
    unfinished = {**body, "status": "in_progress", "output": [], "usage": None, "completed_at": None, "incomplete_details": None}
    sequence: list[JsonObject] = [
        {"type": "response.created", "response": unfinished},
        {"type": "response.in_progress", "response": unfinished},
    ]
    for index, item in enumerate(body["output"]):
        opened = {**item, **EMPTY_FIELDS[item["type"]]}
        if "status" in item:
            opened["status"] = "in_progress"
        sequence.append({"type": "response.output_item.added", "output_index": index, "item": opened})
        sequence += ITEM_EVENTS[item["type"]](item, index)
        sequence.append({"type": "response.output_item.done", "output_index": index, "item": item})
    sequence.append({"type": f"response.{body['status']}", "response": body})
    return [named_event({**event, "sequence_number": number}) for number, event in enumerate(sequence)]


def count_tokens(request: ApiRequest) -> JsonObject:
    """The answer of POST /v1/responses/input_tokens."""
    return {"object": "response.input_tokens", "input_tokens": token_count(read(request).prompt_bytes)}


def _error_event(message: str) -> bytes:
    return named_event({"type": "error", "sequence_number": 999, "code": "server_error", "message": message, "param": None})


OPENAI_RESPONSES = WireApi(
    name="openai-responses",
    read=read,
    is_streamed=lambda request: bool(request.body.get("stream")),
    write=write,
    events=events,
    error=openai_error,
    error_event=_error_event,
    request_id_header="x-request-id",
    headers={"openai-version": "2020-10-01", "openai-organization": "scripted"},
)
