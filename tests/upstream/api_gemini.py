"""The Gemini API: generateContent and streamGenerateContent (server-sent events with `alt=sse`, else one JSON array).

Wire shapes: the Gemini API reference (GenerateContentResponse). The model stands in the path, not in the body.
"""

import re
from typing import Any

from scripts import Answer, Conversation, Finish, JsonObject, OfferedTool, Turn, conversation_from_turns, text_pieces, token_count
from wire_api import ApiRequest, WireApi, compact, data_event, dated_model

MODEL_SUFFIX = "-001"
MODEL_IN_PATH = re.compile(r"/models/([^/:]+):(\w+)$")
WORDS_PER_CHUNK = 3
FINISH_REASONS: dict[Finish, str] = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
STATUS_NAMES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
HIDDEN_THOUGHT_TOKENS = 11  # Gemini bills thoughts that it does not show


def model_of(path: str) -> str:
    """The model named in a path such as /v1beta/models/gemini-x:generateContent. Raises ValueError when there is none."""
    found = MODEL_IN_PATH.search(path)
    if found is None:
        raise ValueError(f"no model in the path {path!r}")
    return found[1]


def _turn(content: JsonObject) -> Turn:
    parts = content.get("parts") or []
    if any("functionCall" in part for part in parts):
        return Turn("call")
    if any("functionResponse" in part for part in parts):
        return Turn("result")
    if content.get("role", "user") == "user":
        return Turn("user", "".join(part.get("text", "") for part in parts))
    return Turn("other")


def _schema_of(function: JsonObject) -> JsonObject:
    """The argument schema under any of its names; the API takes proto JSON in both spellings, and the SDK sends the snake one."""
    names = ("parametersJsonSchema", "parameters_json_schema", "parameters")
    return next((function[name] for name in names if function.get(name)), {})


def read(request: ApiRequest) -> Conversation:
    """Reduce a generateContent request."""
    body = request.body
    functions: list[JsonObject] = []
    for tool in body.get("tools") or []:
        functions += tool.get("functionDeclarations") or tool.get("function_declarations") or []
    prompt = compact([body.get("systemInstruction") or body.get("system_instruction"), body.get("contents"), functions])
    return conversation_from_turns(
        model_of(request.path),
        [_turn(content) for content in body.get("contents") or []],
        [OfferedTool(f["name"], _schema_of(f)) for f in functions],
        cacheable_prefix="",
        prompt_bytes=len(prompt.encode()),
    )


def _parts(answer: Answer) -> list[JsonObject]:
    parts: list[JsonObject] = []
    if answer.thinking:
        parts.append({"text": answer.thinking, "thought": True})
    if answer.text and answer.finish != "refusal":
        parts.append({"text": answer.text})
    parts += [{"functionCall": {"name": call.name, "args": call.arguments}} for call in answer.calls]
    return parts


def write(request: ApiRequest, answer: Answer) -> JsonObject:
    """The finished response; thought tokens are counted beside the candidate's own."""
    used = answer.usage
    thoughts = used.reasoning or HIDDEN_THOUGHT_TOKENS
    return {
        "candidates": [
            {"content": {"parts": _parts(answer), "role": "model"}, "finishReason": FINISH_REASONS[answer.finish], "index": 0},
        ],
        "usageMetadata": {
            "promptTokenCount": used.prompt,
            "candidatesTokenCount": used.completion,
            "totalTokenCount": used.prompt + used.completion + thoughts,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": used.prompt}],
            "thoughtsTokenCount": thoughts,
        },
        "modelVersion": dated_model(model_of(request.path), MODEL_SUFFIX),
        "responseId": f"resp-{answer.nonce}",
    }


def _part_pieces(part: JsonObject) -> list[JsonObject]:
    if "text" not in part:
        return [part]
    return [{**part, "text": piece} for piece in text_pieces(part["text"], words_each=WORDS_PER_CHUNK)]


def _chunks(body: JsonObject) -> list[JsonObject]:
    candidate = body["candidates"][0]
    pieces: list[Any] = [piece for part in candidate["content"]["parts"] for piece in _part_pieces(part)]
    chunks: list[JsonObject] = [
        {**body, "candidates": [{"content": {"parts": [piece], "role": "model"}, "index": 0}]} for piece in pieces or [{"text": ""}]
    ]
    chunks[-1]["candidates"][0]["finishReason"] = candidate["finishReason"]
    return chunks


def events(request: ApiRequest, body: JsonObject) -> list[bytes]:
    """The chunks of a finished response: events with CRLF line ends under `alt=sse`, else the elements of a JSON array."""
    chunks = _chunks(body)
    if request.query.get("alt") == "sse":
        return [data_event(chunk).replace(b"\n\n", b"\r\n\r\n") for chunk in chunks]
    written = [compact(chunk).encode() for chunk in chunks]
    return [b"[" + written[0], *(b",\r\n" + chunk for chunk in written[1:]), b"]"]


def count_tokens(request: ApiRequest) -> JsonObject:
    """The answer of POST /v1beta/models/MODEL:countTokens."""
    counted = token_count(read(request).prompt_bytes)
    return {"totalTokens": counted, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": counted}]}


def _error(status: int, message: str, nonce: str) -> JsonObject:
    return {"error": {"code": status, "message": f"{message} ({nonce})", "status": STATUS_NAMES.get(status, "INTERNAL")}}


def _error_event(message: str) -> bytes:
    return data_event(_error(503, message, "in stream")).replace(b"\n\n", b"\r\n\r\n")


GEMINI = WireApi(
    name="gemini",
    read=read,
    is_streamed=lambda request: request.path.endswith(":streamGenerateContent"),
    write=write,
    events=events,
    error=_error,
    error_event=_error_event,
    request_id_header="x-scripted-request-id",
    stream_type="text/event-stream",
)
