"""From method and URL to provider, shape of the API, operation, model and API version.

The host says who answers, the path says which API is spoken. A known API on an unknown host (a gateway, a proxy, a
local server) is classified by its path, with the provider ``unknown``: that holds for every API, also for those that
one vendor invented, since Anthropic's and Google's shapes are served for other models too (gateways, Ollama, vLLM,
Z.ai, OpenRouter). What an answer's own headers say about the vendor is added in decoding.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .hosts import is_telemetry, provider_of, split_url
from .model import Endpoint

__all__ = ["PATHS", "PathRule", "classify", "is_telemetry", "url_streams"]


class PathRule(NamedTuple):
    """One row: an API call by its path.

    Attributes:
        words: the path's last word, which is what follows the last slash or colon; ``x/*`` is a last word that can be
            anything after a segment ``x``. Rows are looked up by it.
        pattern: a regular expression for the end of the path, as sent, still percent-encoded. A group named
            ``model`` is the model or deployment.
        api_flavor, operation: as in :class:`Endpoint`.
        providers: empty for a call that is recognised on any host; else the only providers it is looked for at.
            ``*`` is any known host, for paths too short to be trusted elsewhere.
        method: the HTTP method.
    """

    words: tuple[str, ...]
    pattern: str
    api_flavor: str
    operation: str
    providers: frozenset[str] = frozenset()
    method: str = "POST"


_KNOWN = frozenset({"*"})
_DEPLOYMENT = r"(?:/(?:deployments|engines)/(?P<model>[^/]+))?"
_GEMINI_MODEL = r"/(?:models|tunedModels|endpoints|dynamic)/(?P<model>[^/]+?)"
_GOOGLE = frozenset({"gemini", "vertex"})

PATHS = (
    # -- OpenAI and the many that speak its chat API
    PathRule(("completions",), _DEPLOYMENT + r"/chat/completions$", "openai.chat", "chat"),
    PathRule(("completions",), r"/(?:fim|agents)/completions$", "openai.chat", "chat", frozenset({"mistral"})),
    PathRule(
        ("completions",),
        r"/v\d+/completions$|/(?:deployments|engines)/(?P<model>[^/]+)/completions$",
        "openai.completions",
        "text_completion",
    ),
    PathRule(("completions",), r"/completions$", "openai.completions", "text_completion", _KNOWN),
    PathRule(("invocations",), r"/serving-endpoints/(?P<model>[^/]+)/invocations$", "openai.chat", "chat", frozenset({"databricks"})),
    PathRule(("responses",), r"/(?:v\d+|openai|codex)/responses$", "openai.responses", "chat"),
    PathRule(("responses",), r"/responses$", "openai.responses", "chat", _KNOWN),
    PathRule(("responses/*",), r"/responses/resp_[^/]+$", "openai.responses", "retrieve", method="GET"),
    PathRule(("compact",), r"/responses/compact$", "openai.responses", "compact"),
    PathRule(("input_tokens",), r"/responses/input_tokens$", "openai.responses", "count_tokens"),
    PathRule(("embeddings",), r"/v\d+/embeddings$|/deployments/(?P<model>[^/]+)/embeddings$", "openai.embeddings", "embeddings"),
    PathRule(("moderations",), r"/v\d+/(?:chat/)?moderations$", "openai.moderations", "moderation"),
    PathRule(
        ("generations", "edits", "variations"), r"/v\d+/images/\w+$|/deployments/(?P<model>[^/]+)/images/\w+$", "openai.images", "image"
    ),
    PathRule(("speech",), r"/v\d+/audio/speech$|/deployments/(?P<model>[^/]+)/audio/speech$", "openai.audio", "speech"),
    PathRule(
        ("transcriptions", "translations"),
        r"/v\d+/audio/\w+$|/deployments/(?P<model>[^/]+)/audio/\w+$",
        "openai.audio",
        "transcription",
    ),
    # -- Anthropic
    PathRule(("messages",), r"/v1/messages$", "anthropic.messages", "chat"),
    PathRule(("count_tokens",), r"/v1/messages/count_tokens$", "anthropic.messages", "count_tokens"),
    PathRule(
        ("rawPredict", "streamRawPredict"),
        r"/publishers/anthropic/models/count-tokens(?:@[^/:]*)?:rawPredict$",
        "anthropic.messages",
        "count_tokens",
    ),
    PathRule(("rawPredict", "streamRawPredict"), r"/publishers/anthropic/models/(?P<model>[^/:]+):\w+$", "anthropic.messages", "chat"),
    PathRule(("rawPredict", "streamRawPredict"), r"/publishers/\w+/models/(?P<model>[^/:]+):\w+$", "openai.chat", "chat"),
    # -- Gemini, on both of Google's platforms
    PathRule(("generateContent", "streamGenerateContent"), _GEMINI_MODEL + r":\w+$", "gemini", "chat"),
    PathRule(("countTokens",), _GEMINI_MODEL + r":countTokens$", "gemini", "count_tokens"),
    PathRule(("embedContent", "batchEmbedContents"), _GEMINI_MODEL + r":\w+$", "gemini.embeddings", "embeddings"),
    PathRule(("predict",), r"/publishers/google/models/(?P<model>[^/:]*embed[^/:]*):predict$", "vertex.embeddings", "embeddings", _GOOGLE),
    PathRule(("interactions",), r"/v\d+\w*/interactions$", "gemini.interactions", "chat", _GOOGLE),
    # -- Bedrock
    PathRule(("converse", "converse-stream"), r"/model/(?P<model>[^/]+)/converse(?:-stream)?$", "bedrock.converse", "chat"),
    PathRule(
        ("invoke", "invoke-with-response-stream"),
        r"/model/(?P<model>[^/]*anthropic[^/]*)/invoke(?:-with-response-stream)?$",
        "anthropic.messages",
        "chat",
    ),
    PathRule(
        ("invoke", "invoke-with-response-stream"),
        r"/model/(?P<model>[^/]+)/invoke(?:-with-response-stream)?$",
        "bedrock.invoke",
        "chat",
    ),
    PathRule(("count-tokens",), r"/model/(?P<model>[^/]+)/count-tokens$", "bedrock.converse", "count_tokens"),
    # -- Cohere
    PathRule(("chat",), r"/v2/chat$", "cohere.chat", "chat"),
    PathRule(("embed",), r"/v[12]/embed$", "cohere.embeddings", "embeddings"),
    PathRule(("rerank",), r"/v\d+/rerank$", "cohere.rerank", "rerank"),
    PathRule(("rerank",), r"/rerank$", "cohere.rerank", "rerank", _KNOWN),
    # -- Ollama
    PathRule(("chat",), r"/api/chat$", "ollama.chat", "chat"),
    PathRule(("generate",), r"/api/generate$", "ollama.generate", "text_completion"),
    PathRule(("embed", "embeddings"), r"/api/embed(?:dings)?$", "ollama.embeddings", "embeddings"),
    PathRule(("embeddings",), r"/embeddings$", "openai.embeddings", "embeddings", _KNOWN),
)

_STREAM_WORDS = frozenset({"streamGenerateContent", "streamRawPredict", "converse-stream", "invoke-with-response-stream"})

_Compiled = tuple[re.Pattern[str], PathRule]
_BY_WORD: dict[str, tuple[_Compiled, ...]] = {}
for _rule in PATHS:
    for _word in _rule.words:
        _BY_WORD[_word] = (*_BY_WORD.get(_word, ()), (re.compile(_rule.pattern), _rule))

_VERSION_SEGMENT = re.compile(r"/(v\d+(?:(?:alpha|beta)\d*)?)(?=/)")
_VERSION_PARAMETER = re.compile(r"(?:^|&)api-version=([^&]+)")


def classify(method: str, url: str) -> Endpoint | None:
    """Which model API a request goes to, or None when it is not a model call (by method, host and path).

    A query-only variation of the same call (``?beta=true``, ``?key=…``) is the same endpoint. On an unknown host the
    answer is a supposition until the body has been seen: :func:`fr_schema.providers.decode` checks it.
    """
    host, port, path, query = split_url(url)
    path = path.rstrip("/")
    slash = path.rfind("/")
    word = path[max(slash, path.rfind(":")) + 1 :]
    candidates = _BY_WORD.get(word) or _BY_WORD.get(path[path.rfind("/", 0, max(slash, 0)) + 1 : slash] + "/*")
    if candidates is None:
        return None
    provider = provider_of(host, port)
    for pattern, rule in candidates:
        if rule.method != method.upper() or not _looked_for_at(rule, provider):
            continue
        found = pattern.search(path)
        if found is None:
            continue
        model = found.groupdict().get("model")
        if model is not None and "%" in model:
            from urllib.parse import unquote

            model = unquote(model)
        return Endpoint(provider or "unknown", rule.api_flavor, rule.operation, model, _api_version(path, query))
    return None


def url_streams(url: str) -> bool | None:
    """True or False for the APIs whose URL, not body, says whether the answer is streamed; None for the others."""
    path = split_url(url)[2].rstrip("/")
    word = path[max(path.rfind("/"), path.rfind(":")) + 1 :]
    if word in _STREAM_WORDS:
        return True
    return False if word in ("generateContent", "rawPredict", "converse", "invoke") else None


def _looked_for_at(rule: PathRule, provider: str | None) -> bool:
    if not rule.providers:
        return True
    return provider is not None and (provider in rule.providers or rule.providers is _KNOWN)


def _api_version(path: str, query: str) -> str | None:
    if query:
        parameter = _VERSION_PARAMETER.search(query)
        if parameter is not None:
            return parameter[1]
    versions = _VERSION_SEGMENT.findall(path)
    return versions[-1] if versions else None
