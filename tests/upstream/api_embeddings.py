"""OpenAI embeddings: random vectors, as base64 (the SDK's default) or as lists of numbers."""

import base64
import struct
from random import SystemRandom

from api_openai_chat import OPENAI_MODEL_SUFFIX
from scripts import JsonObject, token_count
from wire_api import ApiRequest, compact, dated_model

DEFAULT_DIMENSIONS = 8
_random = SystemRandom()


def _vector(dimensions: int, encoding_format: str) -> str | list[float]:
    packed = struct.pack(f"<{dimensions}f", *(_random.uniform(-1, 1) for _ in range(dimensions)))
    return base64.b64encode(packed).decode() if encoding_format == "base64" else list(struct.unpack(f"<{dimensions}f", packed))


def embed(request: ApiRequest) -> JsonObject:
    """The answer of POST /v1/embeddings: one vector of `dimensions` float32 numbers for each input string."""
    body = request.body
    inputs = [body["input"]] if isinstance(body["input"], str) else body["input"]
    dimensions = body.get("dimensions") or DEFAULT_DIMENSIONS
    tokens = token_count(len(compact(inputs).encode()))
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _vector(dimensions, body.get("encoding_format") or "float")}
            for index in range(len(inputs))
        ],
        "model": dated_model(body["model"], OPENAI_MODEL_SUFFIX),
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
