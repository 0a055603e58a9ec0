"""Columns as attributes of OTLP spans, as data: OpenTelemetry's current names where it has one, ``fr.*`` where it has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["ATTRIBUTES", "OPERATIONS", "PROVIDER_NAMES", "RESOURCE_ATTRIBUTES", "AttributeName"]


class AttributeName(NamedTuple):
    """A column, the attribute that it becomes, and its form: as (it is), list (of one), seconds (of milliseconds), hex, or length."""

    column: str
    attribute: str
    form: str = "as"


ATTRIBUTES = (
    AttributeName("model_requested", "gen_ai.request.model"),
    AttributeName("model_resolved", "gen_ai.response.model"),
    AttributeName("response_id", "gen_ai.response.id"),
    AttributeName("finish_reason_raw", "gen_ai.response.finish_reasons", "list"),
    AttributeName("temperature", "gen_ai.request.temperature"),
    AttributeName("top_p", "gen_ai.request.top_p"),
    AttributeName("seed", "gen_ai.request.seed"),
    AttributeName("max_output_tokens", "gen_ai.request.max_tokens"),
    AttributeName("stream", "gen_ai.request.stream"),
    AttributeName("reasoning_level", "fr.request.reasoning_level"),
    AttributeName("tokens_in", "gen_ai.usage.input_tokens"),
    AttributeName("tokens_out", "gen_ai.usage.output_tokens"),
    AttributeName("tokens_cache_read", "gen_ai.usage.cache_read.input_tokens"),
    AttributeName("tokens_cache_write", "gen_ai.usage.cache_creation.input_tokens"),
    AttributeName("tokens_reasoning", "gen_ai.usage.reasoning.output_tokens"),
    AttributeName("ttft_ms", "gen_ai.response.time_to_first_chunk", "seconds"),
    AttributeName("session_id", "gen_ai.conversation.id"),
    AttributeName("agent_name", "gen_ai.agent.name"),
    AttributeName("agent_version", "gen_ai.agent.version"),
    AttributeName("user_ref", "user.hash"),
    AttributeName("tool_name", "gen_ai.tool.name"),
    AttributeName("tool_call_id", "gen_ai.tool.call.id"),
    AttributeName("tool_kind", "gen_ai.tool.type"),
    AttributeName("error_type", "error.type"),
    AttributeName("system_fingerprint", "openai.response.system_fingerprint"),
    AttributeName("service_tier_requested", "openai.request.service_tier"),
    AttributeName("service_tier_used", "openai.response.service_tier"),
    AttributeName("request_method", "http.request.method"),
    AttributeName("http_status", "http.response.status_code"),
    AttributeName("code_location", "fr.code_location"),
    AttributeName("provider_request_id", "fr.provider_request_id"),
    AttributeName("model_resolved_source", "fr.model_resolved_source"),
    AttributeName("api_flavor", "fr.api_flavor"),
    AttributeName("finish_reason", "fr.finish_reason"),
    AttributeName("refusal", "fr.refusal"),
    AttributeName("status", "fr.status"),
    AttributeName("attempts", "fr.attempts"),
    AttributeName("retry_cause", "fr.retry_cause"),
    AttributeName("backoff_ms", "fr.backoff_ms"),
    AttributeName("served_by", "fr.served_by"),
    AttributeName("side_effect", "fr.side_effect"),
    AttributeName("cost_usd", "fr.cost_usd"),
    AttributeName("price_version", "fr.price_version"),
    AttributeName("system_prompt_sha256", "fr.system_prompt_sha256", "hex"),
    AttributeName("messages_sha256", "fr.messages_sha256", "hex"),
    AttributeName("tools_sha256", "fr.tools_sha256", "hex"),
    AttributeName("params_sha256", "fr.params_sha256", "hex"),
    AttributeName("response_shape_sha256", "fr.response_shape_sha256", "hex"),
    AttributeName("message_hashes", "fr.messages", "length"),
    AttributeName("task_id", "fr.task_id"),
    AttributeName("tenant_id", "fr.tenant_id"),
    AttributeName("replay_level", "fr.replay_level"),
    AttributeName("replay_missing", "fr.replay_missing"),
    AttributeName("redaction_status", "fr.redaction_status"),
    AttributeName("capture_source", "fr.capture_source"),
    AttributeName("trace_id", "fr.trace_id", "hex"),
    AttributeName("record_id", "fr.record_id", "hex"),
)
"""Of every row that becomes a span; a column that is NULL becomes none."""

RESOURCE_ATTRIBUTES: Mapping[str, str] = {
    "service": "service.name",
    "code_version": "service.version",
    "environment": "deployment.environment.name",
    "region": "cloud.region",
    "host": "host.name",
    "pid": "process.pid",
}

PROVIDER_NAMES: Mapping[str, str] = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""Our names of providers where OpenTelemetry has others; the rest are the same, or have none there."""

OPERATIONS: Mapping[str, str] = {"chat": "chat", "text_completion": "text_completion", "embeddings": "embeddings"}
"""Our operations and ``gen_ai.operation.name``; another becomes the name that it has here."""
