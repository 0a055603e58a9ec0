"""Which host belongs to which provider, and which hosts only take telemetry: two tables.

A host row holds for the host itself and for every host below it. Names of hosts come from the vendors' SDKs and
documentation. An unknown host is no provider: a gateway may forward to anyone, and a provider that is merely
guessed would be a false statement in the record.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["HOSTS", "TELEMETRY_HOSTS", "TELEMETRY_PATHS", "Host", "is_telemetry", "provider_of", "split_url"]


class Host(NamedTuple):
    """One row: a domain, the provider that answers there, and what the part of the host before the domain must look like."""

    domain: str
    provider: str
    below: str | None = None


HOSTS = (
    Host("api.openai.com", "openai"),
    Host("oai.helicone.ai", "openai"),
    Host("openai.azure.com", "azure"),
    Host("openai.azure.us", "azure"),
    Host("cognitiveservices.azure.com", "azure"),
    Host("services.ai.azure.com", "azure"),
    Host("models.ai.azure.com", "azure"),
    Host("api.anthropic.com", "anthropic"),
    Host("anthropic.helicone.ai", "anthropic"),
    Host("amazonaws.com", "bedrock", r"(?:^|\.)bedrock-(?:runtime|mantle)(?:-fips)?\.[a-z0-9-]+(?:\.vpce)?$"),
    Host("amazonaws.com.cn", "bedrock", r"(?:^|\.)bedrock-runtime(?:-fips)?\.[a-z0-9-]+$"),
    Host("api.aws", "bedrock", r"(?:^|\.)bedrock-(?:runtime|mantle)(?:-fips)?\.[a-z0-9-]+$"),
    Host("generativelanguage.googleapis.com", "gemini"),
    Host("aiplatform.googleapis.com", "vertex"),
    Host("googleapis.com", "vertex", r"^[a-z0-9-]+-aiplatform$|^aiplatform\.[a-z0-9-]+\.rep$"),
    Host("api.mistral.ai", "mistral"),
    Host("codestral.mistral.ai", "mistral"),
    Host("api.groq.com", "groq"),
    Host("api.deepseek.com", "deepseek"),
    Host("api.x.ai", "xai"),
    Host("openrouter.ai", "openrouter"),
    Host("router.huggingface.co", "huggingface"),
    Host("api-inference.huggingface.co", "huggingface"),
    Host("endpoints.huggingface.cloud", "huggingface"),
    Host("api.cohere.com", "cohere"),
    Host("api.cohere.ai", "cohere"),
    Host("api.together.xyz", "together"),
    Host("api.together.ai", "together"),
    Host("api.fireworks.ai", "fireworks"),
    Host("api.cerebras.ai", "cerebras"),
    Host("api.sambanova.ai", "sambanova"),
    Host("api.perplexity.ai", "perplexity"),
    Host("integrate.api.nvidia.com", "nvidia"),
    Host("api.moonshot.ai", "moonshot"),
    Host("api.moonshot.cn", "moonshot"),
    Host("api.z.ai", "zai"),
    Host("open.bigmodel.cn", "zhipu"),
    Host("api.minimax.io", "minimax"),
    Host("api.minimaxi.com", "minimax"),
    Host("dashscope.aliyuncs.com", "dashscope"),
    Host("dashscope-intl.aliyuncs.com", "dashscope"),
    Host("ark.cn-beijing.volces.com", "volcengine"),
    Host("api.siliconflow.cn", "siliconflow"),
    Host("api.siliconflow.com", "siliconflow"),
    Host("api.novita.ai", "novita"),
    Host("api.deepinfra.com", "deepinfra"),
    Host("api.hyperbolic.xyz", "hyperbolic"),
    Host("api.studio.nebius.ai", "nebius"),
    Host("api.studio.nebius.com", "nebius"),
    Host("api.tokenfactory.nebius.com", "nebius"),
    Host("inference.baseten.co", "baseten"),
    Host("api.inference.crusoecloud.com", "crusoe"),
    Host("api.scaleway.ai", "scaleway"),
    Host("api.ai21.com", "ai21"),
    Host("api.voyageai.com", "voyage"),
    Host("api.jina.ai", "jina"),
    Host("models.inference.ai.azure.com", "github"),
    Host("models.github.ai", "github"),
    Host("api.githubcopilot.com", "github_copilot"),
    Host("snowflakecomputing.com", "snowflake"),
    Host("cloud.databricks.com", "databricks"),
    Host("azuredatabricks.net", "databricks"),
    Host("gcp.databricks.com", "databricks"),
    Host("api.cloudflare.com", "cloudflare"),
    Host("gateway.ai.cloudflare.com", "cloudflare"),
    Host("ai-gateway.vercel.sh", "vercel"),
    Host("api.portkey.ai", "portkey"),
    Host("ollama.com", "ollama"),
)

TELEMETRY_HOSTS = (
    "api.smith.langchain.com",
    "posthog.com",
    "telemetry.crewai.com",
    "api.traceloop.com",
    "ingest.sentry.io",
    "ingest.us.sentry.io",
    "ingest.de.sentry.io",
    "cloud.langfuse.com",
    "logfire-api.pydantic.dev",
    "logfire-us.pydantic.dev",
    "logfire-eu.pydantic.dev",
    "otlp.arize.com",
    "app.phoenix.arize.com",
    "api.agentops.ai",
    "otlp.agentops.ai",
    "trace.wandb.ai",
    "api.honeycomb.io",
    "api.eu1.honeycomb.io",
    "nr-data.net",
    "log-api.newrelic.com",
    "metric-api.newrelic.com",
    "trace-api.newrelic.com",
    "logs.datadoghq.com",
    "logs.datadoghq.eu",
    "agent.datadoghq.com",
    "agent.datadoghq.eu",
    "instrumentation-telemetry-intake.datadoghq.com",
    "api.segment.io",
    "api.mixpanel.com",
    "api2.amplitude.com",
    "scarf.sh",
    "applicationinsights.azure.com",
    "dc.services.visualstudio.com",
    "cloudtrace.googleapis.com",
    "telemetry.googleapis.com",
)
"""Domains that take reports about the program and hardly anything else; hosts below them count as well.

Vendors' query APIs (an agent may use them as tools) are left out where they have a host of their own.
"""

TELEMETRY_PATHS = (
    r"/v1/(?:traces|logs|metrics)/?$",  # OTLP over HTTP, to any collector
    r"/api/public/(?:ingestion|otel)\b",  # Langfuse, also self-hosted
    r"/api/\d+/(?:envelope|store)/?$",  # Sentry, also self-hosted
    r"/v1/traces/ingest$",  # OpenAI Agents SDK
    r"/(?:api/v1/)?runs/(?:batch|multipart)$",  # LangSmith, also self-hosted
    r"^/api/telemetry/",  # Hugging Face Hub
)
"""Paths that mean telemetry on any host."""

_BY_DOMAIN: dict[str, tuple[tuple[str, re.Pattern[str] | None], ...]] = {}
for _row in HOSTS:
    _pattern = re.compile(_row.below) if _row.below else None
    _BY_DOMAIN[_row.domain] = (*_BY_DOMAIN.get(_row.domain, ()), (_row.provider, _pattern))
_TELEMETRY_DOMAINS = frozenset(TELEMETRY_HOSTS)
_TELEMETRY_PATH = re.compile("|".join(TELEMETRY_PATHS))
_OLLAMA_PORT = "11434"


def split_url(url: str) -> tuple[str, str, str, str]:
    """``(host, port, path, query)`` of an URL; host in lower case, port ``""`` when it is not named, path not decoded."""
    _, found, rest = url.partition("://")
    if not found:
        rest = url
    rest = rest.partition("#")[0]
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    authority = authority.rpartition("@")[2].lower()
    if authority.startswith("["):
        host, _, port = authority[1:].partition("]")
        return host, port.removeprefix(":"), slash + path, query
    host, _, port = authority.partition(":")
    return host, port, slash + path, query


def provider_of(host: str, port: str) -> str | None:
    """The provider that answers at a host, or None for a host that the table does not know.

    Port 11434 is Ollama's own on any other host.
    """
    domain = host
    while domain:
        for provider, below in _BY_DOMAIN.get(domain, ()):
            if below is None or below.search(host[: max(len(host) - len(domain) - 1, 0)]):
                return provider
        domain = domain.partition(".")[2]
    return "ollama" if port == _OLLAMA_PORT else None


def is_telemetry(url: str) -> bool:
    """True when a request to this URL only reports about the program, and so is neither a model call nor a tool's."""
    host, _, path, _ = split_url(url)
    domain = host
    while domain:
        if domain in _TELEMETRY_DOMAINS:
            return True
        domain = domain.partition(".")[2]
    return _TELEMETRY_PATH.search(path) is not None
