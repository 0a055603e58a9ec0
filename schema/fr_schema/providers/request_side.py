"""The request's half of a model call: model, parameters without content, system prompt, tools.

One table of places serves all APIs, since no two of them use one name for different things (exceptions are said in
the rows). Messages are looked at only for their role, and only as far as the first run of system messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .answer_headers import lower_names, provider_by_headers, provider_milliseconds, ratelimit_headers, request_id
from .defaults import defaulted
from .endpoints import url_streams
from .json_fields import Path, dig, first, flag, mapping, number, sequence, text
from .model import Decoded, Element, Endpoint, Exchange, ToolDefinition

__all__ = [
    "CONTENT_KEYS",
    "NESTED_CONTENT",
    "PROJECTIONS",
    "begin",
    "content_text",
    "elements",
    "set_system",
    "tool_definition",
    "tool_definitions",
]

CONTENT_KEYS = frozenset(
    {
        *("messages", "input", "inputs", "contents", "content", "prompt", "message", "chat_history", "suffix", "prediction"),
        *("system", "instructions", "systemInstruction", "system_instruction", "preamble", "tools", "functions"),
        *("documents", "query", "texts", "images", "image", "mask", "instances", "requests", "inputText", "inputImage"),
        *("context", "promptVariables", "generateContentRequest", "file"),
    }
)
"""Top-level keys of any request that hold content. Everything else is a parameter."""

NESTED_CONTENT = (("toolConfig", frozenset({"tools"})), ("prompt", frozenset({"variables"})))
"""Objects of which only these keys are content: Bedrock's tool configuration, and OpenAI's reference to a stored prompt."""

PROJECTIONS: tuple[tuple[str, tuple[Path, ...]], ...] = (
    (
        "temperature",
        (
            ("temperature",),
            ("generationConfig", "temperature"),
            ("inferenceConfig", "temperature"),
            ("options", "temperature"),
            ("generation_config", "temperature"),
        ),
    ),
    (
        "top_p",
        (
            ("top_p",),
            ("generationConfig", "topP"),
            ("inferenceConfig", "topP"),
            ("options", "top_p"),
            ("generation_config", "top_p"),
            ("p",),
        ),
    ),
    ("seed", (("seed",), ("random_seed",), ("generationConfig", "seed"), ("options", "seed"), ("generation_config", "seed"))),
    (
        "max_output_tokens",
        (
            ("max_completion_tokens",),
            ("max_output_tokens",),
            ("max_tokens",),
            ("generationConfig", "maxOutputTokens"),
            ("inferenceConfig", "maxTokens"),
            ("options", "num_predict"),
            ("generation_config", "max_output_tokens"),
            ("max_gen_len",),
        ),
    ),
)
"""Columns that project one parameter, and where the APIs have it; the first place with a number is taken."""

_EFFORT_PATHS: tuple[Path, ...] = (
    ("reasoning_effort",),
    ("reasoning", "effort"),
    ("output_config", "effort"),
    ("generationConfig", "thinkingConfig", "thinkingLevel"),
    ("generation_config", "thinking_level"),
    ("additionalModelRequestFields", "output_config", "effort"),
    ("additionalModelRequestFields", "reasoning_effort"),
    ("additionalModelRequestFields", "reasoning_config"),
    ("additionalModelRequestFields", "reasoningConfig", "maxReasoningEffort"),
)
_BUDGET_PATHS: tuple[Path, ...] = (
    ("thinking", "budget_tokens"),
    ("thinking", "token_budget"),
    ("reasoning", "max_tokens"),
    ("generationConfig", "thinkingConfig", "thinkingBudget"),
    ("additionalModelRequestFields", "thinking", "budget_tokens"),
)
_MODE_PATHS: tuple[Path, ...] = (("thinking", "type"), ("think",), ("additionalModelRequestFields", "thinking", "type"))
_TIER_PATHS: tuple[Path, ...] = (("service_tier",), ("serviceTier", "type"), ("serviceTier",))
_STREAMED_UNLESS_SAID = frozenset({"ollama.chat", "ollama.generate"})
_SYSTEM_ROLES = frozenset({"system", "developer"})
_JOINT = "\n\n"


def begin(exchange: Exchange, endpoint: Endpoint) -> Decoded:
    """A row with everything that the request and the headers say, whatever the API; the families add the rest.

    On an unknown host, headers that only one vendor sends name the provider.
    """
    headers = lower_names(exchange.response_headers)
    provider = endpoint.provider
    if provider == "unknown":
        provider = provider_by_headers(headers) or provider
    decoded = Decoded(provider=provider, api_flavor=endpoint.api_flavor, operation=endpoint.operation)
    request = mapping(exchange.request)
    decoded.api_version = _api_version(exchange, endpoint, request)
    decoded.model_requested = _model_requested(endpoint, request)
    decoded.provider_request_id = request_id(headers)
    decoded.ratelimit = ratelimit_headers(headers)
    decoded.provider_ms = provider_milliseconds(headers)
    decoded.params_sent = _params(request)
    _project(decoded, decoded.params_sent)
    decoded.params_defaulted = defaulted(decoded)
    decoded.service_tier_requested = text(first(request, _TIER_PATHS))
    decoded.stream = _streamed(exchange, endpoint, request)
    return decoded


def elements(exchange: Exchange, key: str) -> Sequence[Element]:
    """The elements of a list of the request, also when the recorder left the list in its place."""
    taken_out = exchange.lists.get(key)
    if taken_out is not None:
        return taken_out
    return [Element(value, None) for value in sequence(mapping(exchange.request).get(key))]


def content_text(content: Any) -> str | None:
    """The text of a message's or a system prompt's content: a string, or the text parts of a list, joined by an empty line."""
    if isinstance(content, str):
        return content or None
    if isinstance(content, Mapping):
        return text(content.get("text")) or (content_text(content.get("parts")) if "parts" in content else None)
    parts = [part if isinstance(part, str) else text(mapping(part).get("text")) for part in sequence(content)]
    return _JOINT.join(part for part in parts if part) or None


def set_system(decoded: Decoded, exchange: Exchange, *, field: str | None = None, messages: str | None = None) -> None:
    """Find the system prompt: in a field of the request, and in system messages of a list.

    Of the messages the first run of role ``system`` or ``developer`` counts, so that a remark which an agent inserts
    later does not look like another system prompt; beside a field, only a run that opens the list. Several texts are
    joined by an empty line.
    """
    texts: list[str] = []
    source: list[tuple[str, int | None]] = []
    if field is not None:
        from_field = content_text(mapping(exchange.request).get(field))
        if from_field is not None:
            texts.append(from_field)
            source.append((field, None))
    if messages is not None:
        for index, message in _first_system_run(elements(exchange, messages), must_open=bool(texts)):
            from_message = content_text(message.get("content"))
            if from_message is not None:
                texts.append(from_message)
                source.append((messages, index))
    if texts:
        decoded.system_prompt = texts[0] if len(texts) == 1 else _JOINT.join(texts)
        decoded.system_source = tuple(source)


def _first_system_run(messages: Sequence[Element], *, must_open: bool) -> Iterable[tuple[int, Mapping[str, Any]]]:
    inside = False
    for index, element in enumerate(messages):
        value = element.value
        if isinstance(value, Mapping) and value.get("role") in _SYSTEM_ROLES:
            inside = True
            yield index, value
        elif inside or must_open:
            return


def tool_definition(tool: Any, schema_keys: Sequence[str]) -> ToolDefinition | None:
    """One tool in the neutral shape. ``schema_keys``: where the API keeps the schema of the arguments.

    A tool of the provider's own (web search and the like) has its type for a name and its settings for a schema.
    """
    fields = mapping(tool)
    inner = fields
    for wrapper in ("function", "custom", "toolSpec"):
        if isinstance(fields.get(wrapper), Mapping):
            inner = fields[wrapper]
            break
    name = text(inner.get("name"))
    schema = next((inner[key] for key in schema_keys if key in inner), None)
    if name is None:
        name = text(fields.get("server_label")) or text(fields.get("type"))
        if name is None:
            return None
    if schema is None and inner is fields and fields.get("type") not in ("function", "custom"):
        schema = {key: value for key, value in fields.items() if key not in ("name", "description")} or None
    return ToolDefinition(name, text(inner.get("description")), schema)


def tool_definitions(tools: Iterable[Any], schema_keys: Sequence[str]) -> tuple[ToolDefinition, ...]:
    """All tools of a request that can be told by a name."""
    found = (tool_definition(tool, schema_keys) for tool in tools)
    return tuple(tool for tool in found if tool is not None)


def _params(request: Mapping[str, Any]) -> dict[str, Any]:
    params = {key: value for key, value in request.items() if key not in CONTENT_KEYS}
    for key, content in NESTED_CONTENT:
        value = request.get(key)
        if isinstance(value, Mapping):
            kept = {name: item for name, item in value.items() if name not in content}
            if kept:
                params[key] = kept
            else:
                params.pop(key, None)
    return params


def _project(decoded: Decoded, params: Mapping[str, Any]) -> None:
    for column, paths in PROJECTIONS:
        for path in paths:
            if path[0] not in params:
                continue
            value = number(dig(params, path))
            if value is not None:
                setattr(decoded, column, value if column in ("temperature", "top_p") else int(value))
                break
    decoded.reasoning_level = _reasoning_level(params)


def _reasoning_level(params: Mapping[str, Any]) -> str | None:
    effort = first(params, _EFFORT_PATHS)
    if isinstance(effort, str):
        return effort
    budget = number(first(params, _BUDGET_PATHS))
    if budget is not None:
        return f"budget:{int(budget)}"
    mode = first(params, _MODE_PATHS)
    if isinstance(mode, bool):
        return "on" if mode else "off"
    return text(mode)


def _model_requested(endpoint: Endpoint, request: Mapping[str, Any]) -> str | None:
    """The URL's model or deployment, which is what routes the call, else the body's."""
    name = endpoint.model or text(request.get("model")) or text(request.get("agent"))
    return name.removeprefix("models/") if name is not None else None


def _api_version(exchange: Exchange, endpoint: Endpoint, request: Mapping[str, Any]) -> str | None:
    """A dated version header or field of Anthropic's comes before the ``v1`` of a path."""
    for name, value in exchange.request_headers:
        if name.lower() == "anthropic-version" and value:
            return value
    return text(request.get("anthropic_version")) or endpoint.api_version


def _streamed(exchange: Exchange, endpoint: Endpoint, request: Mapping[str, Any]) -> bool | None:
    said = flag(request.get("stream"))
    if said is not None:
        return said
    by_url = url_streams(exchange.url)
    if by_url is not None:
        return by_url
    if endpoint.operation not in ("chat", "text_completion") or exchange.request is None:
        return None
    return endpoint.api_flavor in _STREAMED_UNLESS_SAID
