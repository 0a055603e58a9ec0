"""What attributes mean, as data: the names of OpenTelemetry's GenAI conventions, current and older, of OpenInference and of OpenLLMetry.

Sources: the attribute registry of ``opentelemetry-semantic-conventions`` 0.66b2, ``openinference-semantic-conventions`` 0.1.42 and
``opentelemetry-semantic-conventions-ai`` 0.5.1, and what the instrumentations of the openai SDK sent in November 2026.
docs/opentelemetry.md shows these tables; a test keeps it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = [
    "COLUMNS",
    "CONTENT",
    "EVENTS",
    "KINDS",
    "LABELS",
    "PARAMETERS",
    "PROVIDERS",
    "RESOURCE",
    "ColumnName",
    "KindRow",
]


class KindRow(NamedTuple):
    """A span with this attribute (``value`` None: whatever it holds) is of this kind: model, embeddings, tool or stretch."""

    attribute: str
    value: str | None
    kind: str


KINDS = (
    KindRow("gen_ai.operation.name", "chat", "model"),
    KindRow("gen_ai.operation.name", "text_completion", "model"),
    KindRow("gen_ai.operation.name", "generate_content", "model"),
    KindRow("gen_ai.operation.name", "embeddings", "embeddings"),
    KindRow("gen_ai.operation.name", "execute_tool", "tool"),
    KindRow("gen_ai.operation.name", None, "stretch"),
    KindRow("openinference.span.kind", "LLM", "model"),
    KindRow("openinference.span.kind", "EMBEDDING", "embeddings"),
    KindRow("openinference.span.kind", "TOOL", "tool"),
    KindRow("openinference.span.kind", None, "stretch"),
    KindRow("traceloop.span.kind", "tool", "tool"),
    KindRow("traceloop.span.kind", None, "stretch"),
    KindRow("llm.request.type", "chat", "model"),
    KindRow("llm.request.type", "completion", "model"),
    KindRow("llm.request.type", "embedding", "embeddings"),
    KindRow("llm.request.type", None, "stretch"),
    KindRow("gen_ai.request.model", None, "model"),
)
"""The first row that fits a span; a span that none fits is a stretch of its trace."""


class ColumnName(NamedTuple):
    """An attribute and the column that it fills; ``form``: text, whole, number, flag, seconds (in the attribute; the column has
    milliseconds) or first (of a list)."""

    attribute: str
    column: str
    form: str = "text"


COLUMNS = (
    ColumnName("gen_ai.request.model", "model_requested"),
    ColumnName("llm.request.model_name", "model_requested"),
    ColumnName("gen_ai.response.model", "model_resolved"),
    ColumnName("llm.response.model_name", "model_resolved"),
    ColumnName("gen_ai.response.id", "response_id"),
    ColumnName("anthropic.request.id", "provider_request_id"),
    ColumnName("openai.response.system_fingerprint", "system_fingerprint"),
    ColumnName("gen_ai.openai.response.system_fingerprint", "system_fingerprint"),
    ColumnName("gen_ai.openai.system_fingerprint", "system_fingerprint"),
    ColumnName("gen_ai.response.finish_reasons", "finish_reason_raw", "first"),
    ColumnName("gen_ai.response.finish_reason", "finish_reason_raw"),
    ColumnName("gen_ai.response.stop_reason", "finish_reason_raw"),
    ColumnName("llm.finish_reason", "finish_reason_raw"),
    ColumnName("llm.response.finish_reason", "finish_reason_raw"),
    ColumnName("llm.response.stop_reason", "finish_reason_raw"),
    ColumnName("gen_ai.usage.input_tokens", "tokens_in", "whole"),
    ColumnName("gen_ai.usage.prompt_tokens", "tokens_in", "whole"),
    ColumnName("llm.token_count.prompt", "tokens_in", "whole"),
    ColumnName("llm.usage.prompt_tokens", "tokens_in", "whole"),
    ColumnName("gen_ai.usage.output_tokens", "tokens_out", "whole"),
    ColumnName("gen_ai.usage.completion_tokens", "tokens_out", "whole"),
    ColumnName("llm.token_count.completion", "tokens_out", "whole"),
    ColumnName("llm.usage.completion_tokens", "tokens_out", "whole"),
    ColumnName("gen_ai.usage.cache_read.input_tokens", "tokens_cache_read", "whole"),
    ColumnName("gen_ai.usage.cache_read_input_tokens", "tokens_cache_read", "whole"),
    ColumnName("llm.token_count.prompt_details.cache_read", "tokens_cache_read", "whole"),
    ColumnName("gen_ai.usage.cache_creation.input_tokens", "tokens_cache_write", "whole"),
    ColumnName("gen_ai.usage.cache_write.input_tokens", "tokens_cache_write", "whole"),
    ColumnName("gen_ai.usage.cache_creation_input_tokens", "tokens_cache_write", "whole"),
    ColumnName("llm.token_count.prompt_details.cache_write", "tokens_cache_write", "whole"),
    ColumnName("gen_ai.usage.reasoning.output_tokens", "tokens_reasoning", "whole"),
    ColumnName("gen_ai.usage.reasoning_tokens", "tokens_reasoning", "whole"),
    ColumnName("llm.usage.reasoning_tokens", "tokens_reasoning", "whole"),
    ColumnName("llm.token_count.completion_details.reasoning", "tokens_reasoning", "whole"),
    ColumnName("gen_ai.response.time_to_first_chunk", "ttft_ms", "seconds"),
    ColumnName("openai.request.service_tier", "service_tier_requested"),
    ColumnName("gen_ai.openai.request.service_tier", "service_tier_requested"),
    ColumnName("openai.response.service_tier", "service_tier_used"),
    ColumnName("gen_ai.openai.response.service_tier", "service_tier_used"),
    ColumnName("gen_ai.openai.api_version", "api_version"),
)
"""Of model calls. Of the rows of one column the first that a span has counts."""

PARAMETERS: Mapping[str, tuple[str, str | None, str]] = {
    "gen_ai.request.temperature": ("temperature", "temperature", "number"),
    "gen_ai.request.top_p": ("top_p", "top_p", "number"),
    "gen_ai.request.top_k": ("top_k", None, "number"),
    "llm.top_k": ("top_k", None, "number"),
    "gen_ai.request.max_tokens": ("max_tokens", "max_output_tokens", "whole"),
    "gen_ai.request.max_completion_tokens": ("max_completion_tokens", "max_output_tokens", "whole"),
    "gen_ai.request.seed": ("seed", "seed", "whole"),
    "gen_ai.openai.request.seed": ("seed", "seed", "whole"),
    "gen_ai.request.frequency_penalty": ("frequency_penalty", None, "number"),
    "llm.frequency_penalty": ("frequency_penalty", None, "number"),
    "gen_ai.request.presence_penalty": ("presence_penalty", None, "number"),
    "llm.presence_penalty": ("presence_penalty", None, "number"),
    "gen_ai.request.stop_sequences": ("stop", None, "any"),
    "llm.chat.stop_sequences": ("stop", None, "any"),
    "gen_ai.request.choice.count": ("n", None, "whole"),
    "gen_ai.request.n": ("n", None, "whole"),
    "gen_ai.request.stream": ("stream", "stream", "flag"),
    "gen_ai.is_streaming": ("stream", "stream", "flag"),
    "llm.is_streaming": ("stream", "stream", "flag"),
    "gen_ai.request.reasoning_effort": ("reasoning_effort", "reasoning_level", "text"),
    "llm.request.reasoning_effort": ("reasoning_effort", "reasoning_level", "text"),
    "gen_ai.request.encoding_formats": ("encoding_format", None, "any"),
    "gen_ai.embeddings.dimension.count": ("dimensions", None, "whole"),
    "gen_ai.output.type": ("output_type", None, "text"),
    "gen_ai.openai.request.response_format": ("response_format", None, "any"),
    "gen_ai.request.structured_output_schema": ("response_format", None, "any"),
}
"""Attributes of parameters: the name in ``params_sent``, the column beside it, and the form."""

LABELS = (
    ColumnName("gen_ai.conversation.id", "session"),
    ColumnName("session.id", "session"),
    ColumnName("traceloop.association.properties.session_id", "session"),
    ColumnName("gen_ai.agent.name", "agent"),
    ColumnName("agent.name", "agent"),
    ColumnName("gen_ai.agent.version", "agent_version"),
    ColumnName("traceloop.entity.version", "agent_version"),
)
"""Whose a span is, and all spans below it that say nothing else: ``session_id``, ``agent_name``, ``agent_version``."""

RESOURCE = (
    ColumnName("service.name", "service"),
    ColumnName("deployment.environment.name", "environment"),
    ColumnName("deployment.environment", "environment"),
    ColumnName("cloud.region", "region"),
    ColumnName("host.name", "host"),
    ColumnName("vcs.ref.head.revision", "code_version"),
    ColumnName("service.version", "code_version"),
)
"""Attributes of the resource, on every row of it."""

PROVIDERS: Mapping[str, str] = {
    "openai": "openai",
    "azure.ai.openai": "azure",
    "az.ai.openai": "azure",
    "azure": "azure",
    "anthropic": "anthropic",
    "aws.bedrock": "bedrock",
    "aws": "bedrock",
    "gcp.gemini": "gemini",
    "gemini": "gemini",
    "google": "gemini",
    "gcp.vertex_ai": "vertex",
    "vertex_ai": "vertex",
    "cohere": "cohere",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "groq": "groq",
    "deepseek": "deepseek",
    "x_ai": "xai",
    "xai": "xai",
    "perplexity": "perplexity",
    "together_ai": "together",
    "together": "together",
    "fireworks": "fireworks",
    "ollama": "ollama",
    "openrouter": "openrouter",
    "cerebras": "cerebras",
    "moonshot": "moonshot",
    "zai": "zai",
    "minimax": "minimax",
}
"""``gen_ai.provider.name``, else ``gen_ai.system``, else ``llm.provider``, and our name; another name is kept as it is."""

CONTENT = (
    ("input", "gen_ai.input.messages", "list of messages with parts, as JSON or as a structure"),
    ("input", "gen_ai.system_instructions", "parts of the system prompt, put before the messages"),
    ("input", "llm.input_messages.N.message.*", "OpenInference, flattened"),
    ("input", "gen_ai.prompt.N.*", "OpenLLMetry before 0.55, flattened"),
    ("input", "gen_ai.prompt", "the oldest convention: JSON or text, on the span or on its event gen_ai.content.prompt"),
    ("input", "llm.prompts.N.prompt.text", "OpenInference, completions"),
    ("input", "input.value", "OpenInference: where it is the request's own JSON, that is what is kept"),
    ("output", "gen_ai.output.messages", "list of messages with parts and finish_reason"),
    ("output", "llm.output_messages.N.message.*", "OpenInference, flattened"),
    ("output", "gen_ai.completion.N.*", "OpenLLMetry before 0.55, flattened"),
    ("output", "gen_ai.completion", "the oldest convention: JSON or text, on the span or on its event gen_ai.content.completion"),
    ("output", "llm.choices.N.completion.text", "OpenInference, completions"),
    ("output", "output.value", "OpenInference: where it is the answer's own JSON, that is what is kept"),
    ("tools", "gen_ai.tool.definitions", "list of tools"),
    ("tools", "llm.tools.N.tool.json_schema", "OpenInference, a JSON text each"),
    ("tools", "llm.request.functions.N.*", "OpenLLMetry before 0.55, flattened"),
)
"""Where conversations stand: of each side the first that a span, or a log record of it, has counts."""

EVENTS = (
    ("gen_ai.client.inference.operation.details", "attributes as on the span"),
    ("gen_ai.system.message", "a message of the request; the body is the message"),
    ("gen_ai.user.message", "a message of the request; the body is the message"),
    ("gen_ai.assistant.message", "a message of the request; the body is the message"),
    ("gen_ai.tool.message", "a message of the request; the body is the message, with the call's id"),
    ("gen_ai.choice", "an answer: the body has index, finish_reason and message"),
    ("gen_ai.content.prompt", "attribute gen_ai.prompt"),
    ("gen_ai.content.completion", "attribute gen_ai.completion"),
    ("exception", "error_type and error_message"),
    ("First Token Stream Event", "ttft_ms: its time less the span's start"),
    ("gen_ai.content.completion.chunk", "ttft_ms: the first one's time less the span's start"),
)
"""Events of spans, or log records with a span's ids, that are understood."""
