"""OpenAI chat completions and Mistral chat, which share one shape with small differences.

Wire shapes: the OpenAI API reference (chat/object, chat/streaming) and the Mistral API reference (chat completion).
Only one choice is given, whatever `n` asks for, and there are no logprobs.
"""

import json
from dataclasses import dataclass

from scripts import Answer, Conversation, Finish, JsonObject, OfferedTool, Turn, conversation_from_turns, text_pieces
from wire_api import CREATED_AT, ApiRequest, WireApi, compact, data_event, dated_model, joined_text

OPENAI_MODEL_SUFFIX = "-2026-01-01"
CACHE_STEP_TOKENS = 128
ARGUMENT_PIECE_CHARACTERS = 9
FINISH_REASONS: dict[Finish, str] = {"stop": "stop", "tool_calls": "tool_calls", "length": "length", "refusal": "stop"}


@dataclass(frozen=True)
class ChatDialect:
    """Where two chat APIs differ. Mistral echoes the alias, writes bare hex ids, and sends tool arguments in one delta."""

    model_suffix: str
    id_prefix: str
    call_id_prefix: str
    has_fingerprint: bool
    usage_in_last_chunk: bool
    splits_arguments: bool


OPENAI = ChatDialect(OPENAI_MODEL_SUFFIX, "chatcmpl-", "call_", True, False, True)
MISTRAL = ChatDialect("", "", "", False, True, False)


def _turn(message: JsonObject) -> Turn:
    if message["role"] == "user":
        return Turn("user", joined_text(message.get("content")))
    if message["role"] == "tool":
        return Turn("result")
    return Turn("call" if message.get("tool_calls") else "other")


def read(request: ApiRequest) -> Conversation:
    """Reduce a chat request; the cacheable prefix is the tools and a leading system message, if together they are long enough."""
    body = request.body
    messages = body["messages"]
    functions = [tool["function"] for tool in body.get("tools") or [] if tool.get("type", "function") == "function"]
    leading = joined_text(messages[0].get("content")) if messages and messages[0]["role"] in {"system", "developer"} else ""
    prefix = leading + (json.dumps(functions) if functions else "")
    return conversation_from_turns(
        body["model"],
        [_turn(message) for message in messages],
        [OfferedTool(function["name"], function.get("parameters") or {}) for function in functions],
        cacheable_prefix=prefix if len(prefix.encode()) >= 4 * CACHE_STEP_TOKENS else "",
        prompt_bytes=len(compact(messages).encode()) + len(compact(functions).encode()),
    )


def _usage(answer: Answer, dialect: ChatDialect) -> JsonObject:
    used = answer.usage
    cached = used.cache_read // CACHE_STEP_TOKENS * CACHE_STEP_TOKENS
    completion = used.completion + used.reasoning
    usage: JsonObject = {"prompt_tokens": used.prompt, "completion_tokens": completion, "total_tokens": used.prompt + completion}
    usage["prompt_tokens_details"] = {"cached_tokens": cached}
    if dialect is OPENAI:
        usage["prompt_tokens_details"]["audio_tokens"] = 0
        usage["completion_tokens_details"] = {
            "reasoning_tokens": used.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
    return usage


def _message(answer: Answer, dialect: ChatDialect) -> JsonObject:
    refused = answer.finish == "refusal" and dialect is OPENAI
    message: JsonObject = {"role": "assistant", "content": None if answer.calls or refused else answer.text}
    if dialect is OPENAI:
        message |= {"refusal": answer.text if refused else None, "annotations": []}
    if answer.calls:
        message["tool_calls"] = [
            {
                "id": f"{dialect.call_id_prefix}{answer.nonce}{index}",
                "type": "function",
                "function": {"name": call.name, "arguments": compact(call.arguments)},
            }
            for index, call in enumerate(answer.calls)
        ]
    return message


def _write(request: ApiRequest, answer: Answer, dialect: ChatDialect) -> JsonObject:
    choice: JsonObject = {"index": 0, "message": _message(answer, dialect), "finish_reason": FINISH_REASONS[answer.finish]}
    body: JsonObject = {
        "id": dialect.id_prefix + answer.nonce,
        "object": "chat.completion",
        "created": CREATED_AT,
        "model": dated_model(request.body["model"], dialect.model_suffix),
        "choices": [choice],
        "usage": _usage(answer, dialect),
    }
    if dialect.has_fingerprint:
        choice["logprobs"] = None
        body |= {"service_tier": "default", "system_fingerprint": f"fp_{answer.nonce}"}
    return body


def _argument_deltas(call: JsonObject, index: int, dialect: ChatDialect) -> list[JsonObject]:
    """The deltas of one tool call: the name first, then its arguments in pieces (OpenAI), or all at once (Mistral)."""
    if not dialect.splits_arguments:
        return [{"tool_calls": [{**call, "index": index}]}]
    arguments = call["function"]["arguments"]
    pieces = [arguments[at : at + ARGUMENT_PIECE_CHARACTERS] for at in range(0, len(arguments), ARGUMENT_PIECE_CHARACTERS)]
    opening = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
    return [
        {"tool_calls": [opening]},
        *({"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in pieces),
    ]


def _deltas(message: JsonObject, dialect: ChatDialect) -> list[JsonObject]:
    field = "refusal" if message.get("refusal") else "content"
    deltas: list[JsonObject] = [{"role": "assistant", "content": "" if message["content"] is not None else None}]
    deltas += [{field: piece} for piece in text_pieces(message[field] or "")]
    for index, call in enumerate(message.get("tool_calls") or []):
        deltas += _argument_deltas(call, index, dialect)
    return deltas


def chat_events(request: ApiRequest, body: JsonObject, dialect: ChatDialect = OPENAI) -> list[bytes]:
    """A finished chat completion as its stream of chunks, with the usage chunk if the request asked for it, and `[DONE]`."""
    choice = body["choices"][0]
    base: JsonObject = {key: body[key] for key in ("id", "created", "model", "service_tier", "system_fingerprint") if key in body}
    base["object"] = "chat.completion.chunk"
    wants_usage = bool((request.body.get("stream_options") or {}).get("include_usage")) and not dialect.usage_in_last_chunk
    chunks: list[JsonObject] = [
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in _deltas(choice["message"], dialect)
    ]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    if dialect.usage_in_last_chunk:
        chunks[-1]["choices"][0]["delta"] = {"content": ""}
        chunks[-1]["usage"] = body["usage"]
    if wants_usage:
        chunks = [{**chunk, "usage": None} for chunk in chunks]
        chunks.append({**base, "choices": [], "usage": body["usage"]})
    return [*(data_event(chunk) for chunk in chunks), data_event("[DONE]")]


def openai_error(status: int, message: str, nonce: str) -> JsonObject:
    """OpenAI's error object; the nonce stands in the message."""
    kind = "invalid_request_error" if status < 429 else "rate_limit_error" if status == 429 else "server_error"
    return {"error": {"message": f"{message} ({nonce})", "type": kind, "param": None, "code": f"scripted_{status}"}}


def _mistral_error(status: int, message: str, nonce: str) -> JsonObject:
    return {"object": "error", "message": f"{message} ({nonce})", "type": f"scripted_{status}", "param": None, "code": str(status)}


def _error_event(message: str) -> bytes:
    return data_event({"error": {"message": message, "type": "server_error", "param": None, "code": None}})


def _is_streamed(request: ApiRequest) -> bool:
    return bool(request.body.get("stream"))


OPENAI_CHAT = WireApi(
    name="openai-chat",
    read=read,
    is_streamed=_is_streamed,
    write=lambda request, answer: _write(request, answer, OPENAI),
    events=chat_events,
    error=openai_error,
    error_event=_error_event,
    request_id_header="x-request-id",
    headers={"openai-version": "2020-10-01", "openai-organization": "scripted"},
)
MISTRAL_CHAT = WireApi(
    name="mistral-chat",
    read=read,
    is_streamed=_is_streamed,
    write=lambda request, answer: _write(request, answer, MISTRAL),
    events=lambda request, body: chat_events(request, body, MISTRAL),
    error=_mistral_error,
    error_event=_error_event,
    request_id_header="mistral-correlation-id",
)
