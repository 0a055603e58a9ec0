"""The Anthropic messages API: content blocks, tool use, prompt-cache usage, and its named stream events.

Wire shapes: the Anthropic API reference (messages, messages-streaming).
"""

import json
from typing import Any

from scripts import Answer, Conversation, Finish, JsonObject, OfferedTool, Turn, conversation_from_turns, text_pieces, token_count
from wire_api import ApiRequest, WireApi, compact, dated_model, joined_text, named_event

MODEL_SUFFIX = "-20260101"
ARGUMENT_PIECE_CHARACTERS = 10
STOP_REASONS: dict[Finish, str] = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "refusal": "refusal"}
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def _has_block(content: object, kind: str) -> bool:
    return isinstance(content, list) and any(isinstance(block, dict) and block.get("type") == kind for block in content)


def _turn(message: JsonObject) -> Turn:
    content = message["content"]
    if message["role"] == "assistant":
        return Turn("call" if _has_block(content, "tool_use") else "other")
    return Turn("result") if _has_block(content, "tool_result") else Turn("user", joined_text(content))


def _cached_prefix(body: JsonObject) -> str:
    """Everything up to the last block marked with `cache_control`, in the provider's order: tools, system, messages."""
    blocks: list[Any] = list(body.get("tools") or [])
    system = body.get("system") or []
    blocks += system if isinstance(system, list) else [system]
    for message in body["messages"]:
        blocks += message["content"] if isinstance(message["content"], list) else [message["content"]]
    marked = [index for index, block in enumerate(blocks) if isinstance(block, dict) and block.get("cache_control")]
    return json.dumps(blocks[: marked[-1] + 1]) if marked else ""


def read(request: ApiRequest) -> Conversation:
    """Reduce a messages request; tool results arrive in user messages and are no new question."""
    body = request.body
    tools = [tool for tool in body.get("tools") or [] if "input_schema" in tool]
    prompt = compact([body.get("system"), body["messages"], tools])
    return conversation_from_turns(
        body["model"],
        [_turn(message) for message in body["messages"]],
        [OfferedTool(tool["name"], tool["input_schema"]) for tool in tools],
        cacheable_prefix=_cached_prefix(body),
        prompt_bytes=len(prompt.encode()),
    )


def _content(answer: Answer) -> list[JsonObject]:
    content: list[JsonObject] = []
    if answer.thinking:
        content.append({"type": "thinking", "thinking": answer.thinking, "signature": f"c2lnbmF0dXJl{answer.nonce}"})
    if answer.text:
        content.append({"type": "text", "text": answer.text})
    for index, call in enumerate(answer.calls):
        content.append({"type": "tool_use", "id": f"toolu_{answer.nonce}{index}", "name": call.name, "input": call.arguments})
    return content


def write(request: ApiRequest, answer: Answer) -> JsonObject:
    """The finished message object; cached tokens are counted beside `input_tokens`, not in it."""
    used = answer.usage
    return {
        "id": f"msg_{answer.nonce}",
        "type": "message",
        "role": "assistant",
        "model": dated_model(request.body["model"], MODEL_SUFFIX),
        "content": _content(answer),
        "stop_reason": STOP_REASONS[answer.finish],
        "stop_sequence": None,
        "usage": {
            "input_tokens": max(1, used.prompt - used.cache_read - used.cache_write),
            "cache_creation_input_tokens": used.cache_write,
            "cache_read_input_tokens": used.cache_read,
            "cache_creation": {"ephemeral_5m_input_tokens": used.cache_write, "ephemeral_1h_input_tokens": 0},
            "output_tokens": used.completion + used.reasoning,
            "service_tier": "standard",
        },
    }


def _text_deltas(block: JsonObject) -> list[JsonObject]:
    return [{"type": "text_delta", "text": piece} for piece in text_pieces(block["text"])]


def _thinking_deltas(block: JsonObject) -> list[JsonObject]:
    deltas: list[JsonObject] = [{"type": "thinking_delta", "thinking": piece} for piece in text_pieces(block["thinking"])]
    return [*deltas, {"type": "signature_delta", "signature": block["signature"]}]


def _input_deltas(block: JsonObject) -> list[JsonObject]:
    arguments = compact(block["input"])
    pieces = ["", *(arguments[at : at + ARGUMENT_PIECE_CHARACTERS] for at in range(0, len(arguments), ARGUMENT_PIECE_CHARACTERS))]
    return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


BLOCK_DELTAS = {"text": _text_deltas, "thinking": _thinking_deltas, "tool_use": _input_deltas}
EMPTY_FIELDS: dict[str, JsonObject] = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}


def events(_request: ApiRequest, body: JsonObject) -> list[bytes]:
    """The stream of a finished message, with a ping after the first block has opened."""
    opening = {**body, "content": [], "stop_reason": None, "usage": {**body["usage"], "output_tokens": 1}}
    sequence: list[JsonObject] = [{"type": "message_start", "message": opening}]
    for index, block in enumerate(body["content"]):
        opened = {**block, **EMPTY_FIELDS[block["type"]]}
        sequence.append({"type": "content_block_start", "index": index, "content_block": opened})
        if index == 0:
            sequence.append({"type": "ping"})
        sequence += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in BLOCK_DELTAS[block["type"]](block)]
        sequence.append({"type": "content_block_stop", "index": index})
    closing = {"stop_reason": body["stop_reason"], "stop_sequence": None}
    sequence.append({"type": "message_delta", "delta": closing, "usage": {"output_tokens": body["usage"]["output_tokens"]}})
    sequence.append({"type": "message_stop"})
    return [named_event(event) for event in sequence]


def count_tokens(request: ApiRequest) -> JsonObject:
    """The answer of POST /v1/messages/count_tokens."""
    return {"input_tokens": token_count(read(request).prompt_bytes)}


def _error(status: int, message: str, nonce: str) -> JsonObject:
    kind = ERROR_TYPES.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": f"{message} ({nonce})"}, "request_id": f"req_{nonce}"}


def _error_event(message: str) -> bytes:
    return named_event({"type": "error", "error": {"type": "overloaded_error", "message": message}})


ANTHROPIC_MESSAGES = WireApi(
    name="anthropic-messages",
    read=read,
    is_streamed=lambda request: bool(request.body.get("stream")),
    write=write,
    events=events,
    error=_error,
    error_event=_error_event,
    request_id_header="request-id",
    headers={"anthropic-organization-id": "scripted"},
)
