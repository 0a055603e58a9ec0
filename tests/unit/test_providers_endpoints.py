"""From URL to provider and API: a case for every row of the tables."""

import re
import subprocess
import sys

import pytest

from fr_schema.providers import FAMILIES, Endpoint, classify, is_telemetry
from fr_schema.providers.endpoints import PATHS, url_streams
from fr_schema.providers.hosts import HOSTS, TELEMETRY_HOSTS, TELEMETRY_PATHS, provider_of, split_url

VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model"

CALLS = [
    ("https://api.openai.com/v1/chat/completions", Endpoint("openai", "openai.chat", "chat", None, "v1")),
    (
        "https://a.openai.azure.com/openai/deployments/my-bot/chat/completions?api-version=2024-10-21",
        Endpoint("azure", "openai.chat", "chat", "my-bot", "2024-10-21"),
    ),
    ("https://a.openai.azure.com/openai/v1/chat/completions", Endpoint("azure", "openai.chat", "chat", None, "v1")),
    ("https://api.mistral.ai/v1/fim/completions", Endpoint("mistral", "openai.chat", "chat", None, "v1")),
    ("https://api.openai.com/v1/completions", Endpoint("openai", "openai.completions", "text_completion", None, "v1")),
    (
        "https://a.openai.azure.com/openai/deployments/d/completions?api-version=2024-10-21",
        Endpoint("azure", "openai.completions", "text_completion", "d", "2024-10-21"),
    ),
    ("https://api.fireworks.ai/inference/completions", Endpoint("fireworks", "openai.completions", "text_completion")),
    (
        "https://x.cloud.databricks.com/serving-endpoints/llama/invocations",
        Endpoint("databricks", "openai.chat", "chat", "llama"),
    ),
    ("https://api.openai.com/v1/responses", Endpoint("openai", "openai.responses", "chat", None, "v1")),
    ("https://api.deepseek.com/responses", Endpoint("deepseek", "openai.responses", "chat")),
    (
        "https://a.openai.azure.com/openai/responses?api-version=2025-04-01-preview",
        Endpoint("azure", "openai.responses", "chat", None, "2025-04-01-preview"),
    ),
    ("https://api.openai.com/v1/responses/compact", Endpoint("openai", "openai.responses", "compact", None, "v1")),
    ("https://api.openai.com/v1/responses/input_tokens", Endpoint("openai", "openai.responses", "count_tokens", None, "v1")),
    ("https://api.openai.com/v1/embeddings", Endpoint("openai", "openai.embeddings", "embeddings", None, "v1")),
    (
        "https://a.openai.azure.com/openai/deployments/e/embeddings?api-version=2024-10-21",
        Endpoint("azure", "openai.embeddings", "embeddings", "e", "2024-10-21"),
    ),
    ("https://api.perplexity.ai/embeddings", Endpoint("perplexity", "openai.embeddings", "embeddings")),
    ("https://api.openai.com/v1/moderations", Endpoint("openai", "openai.moderations", "moderation", None, "v1")),
    ("https://api.openai.com/v1/images/generations", Endpoint("openai", "openai.images", "image", None, "v1")),
    ("https://api.openai.com/v1/audio/speech", Endpoint("openai", "openai.audio", "speech", None, "v1")),
    ("https://api.openai.com/v1/audio/transcriptions", Endpoint("openai", "openai.audio", "transcription", None, "v1")),
    ("https://api.anthropic.com/v1/messages?beta=true", Endpoint("anthropic", "anthropic.messages", "chat", None, "v1")),
    ("https://api.anthropic.com/v1/messages/count_tokens", Endpoint("anthropic", "anthropic.messages", "count_tokens", None, "v1")),
    (
        f"{VERTEX}/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict",
        Endpoint("vertex", "anthropic.messages", "chat", "claude-sonnet-4-5@20250929", "v1"),
    ),
    (f"{VERTEX}/anthropic/models/count-tokens:rawPredict", Endpoint("vertex", "anthropic.messages", "count_tokens", None, "v1")),
    (
        f"{VERTEX}/mistralai/models/mistral-large:rawPredict",
        Endpoint("vertex", "openai.chat", "chat", "mistral-large", "v1"),
    ),
    (f"{VERTEX}/google/models/gemini-2.5-pro:generateContent", Endpoint("vertex", "gemini", "chat", "gemini-2.5-pro", "v1")),
    (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        Endpoint("gemini", "gemini", "chat", "gemini-2.5-pro", "v1beta"),
    ),
    (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:countTokens",
        Endpoint("gemini", "gemini", "count_tokens", "gemini-2.5-pro", "v1beta"),
    ),
    (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:batchEmbedContents",
        Endpoint("gemini", "gemini.embeddings", "embeddings", "gemini-embedding-001", "v1beta"),
    ),
    (
        f"{VERTEX}/google/models/text-embedding-005:predict",
        Endpoint("vertex", "vertex.embeddings", "embeddings", "text-embedding-005", "v1"),
    ),
    (
        "https://generativelanguage.googleapis.com/v1beta/interactions",
        Endpoint("gemini", "gemini.interactions", "chat", None, "v1beta"),
    ),
    (f"{BEDROCK}/us.amazon.nova-micro-v1%3A0/converse", Endpoint("bedrock", "bedrock.converse", "chat", "us.amazon.nova-micro-v1:0")),
    (f"{BEDROCK}/us.amazon.nova-micro-v1:0/converse-stream", Endpoint("bedrock", "bedrock.converse", "chat", "us.amazon.nova-micro-v1:0")),
    (
        f"{BEDROCK}/us.anthropic.claude-opus-4-1-20250805-v1:0/invoke-with-response-stream",
        Endpoint("bedrock", "anthropic.messages", "chat", "us.anthropic.claude-opus-4-1-20250805-v1:0"),
    ),
    (f"{BEDROCK}/meta.llama3-8b-instruct-v1:0/invoke", Endpoint("bedrock", "bedrock.invoke", "chat", "meta.llama3-8b-instruct-v1:0")),
    (f"{BEDROCK}/a.b-v1:0/count-tokens", Endpoint("bedrock", "bedrock.converse", "count_tokens", "a.b-v1:0")),
    ("https://api.cohere.com/v2/chat", Endpoint("cohere", "cohere.chat", "chat", None, "v2")),
    ("https://api.cohere.com/v2/embed", Endpoint("cohere", "cohere.embeddings", "embeddings", None, "v2")),
    ("https://api.cohere.com/v2/rerank", Endpoint("cohere", "cohere.rerank", "rerank", None, "v2")),
    ("https://api.jina.ai/rerank", Endpoint("jina", "cohere.rerank", "rerank")),
    ("http://localhost:11434/api/chat", Endpoint("ollama", "ollama.chat", "chat")),
    ("http://localhost:11434/api/generate", Endpoint("ollama", "ollama.generate", "text_completion")),
    ("http://localhost:11434/api/embed", Endpoint("ollama", "ollama.embeddings", "embeddings")),
    ("http://localhost:11434/v1/chat/completions", Endpoint("ollama", "openai.chat", "chat", None, "v1")),
    ("http://127.0.0.1:8971/v1/chat/completions", Endpoint("unknown", "openai.chat", "chat", None, "v1")),
    ("http://127.0.0.1:8971/v1/messages", Endpoint("unknown", "anthropic.messages", "chat", None, "v1")),
    ("http://[::1]:4000/v1beta/models/gemini-x:generateContent", Endpoint("unknown", "gemini", "chat", "gemini-x", "v1beta")),
    ("https://user:pw@gw.corp.example/llm/v1/responses", Endpoint("unknown", "openai.responses", "chat", None, "v1")),
    ("https://user:pw@api.groq.com:443/openai/v1/chat/completions", Endpoint("groq", "openai.chat", "chat", None, "v1")),
    ("https://API.OpenAI.com/v1/chat/completions/", Endpoint("openai", "openai.chat", "chat", None, "v1")),
]


@pytest.mark.parametrize(("url", "expected"), CALLS, ids=[url for url, _ in CALLS])
def test_url_of_a_model_call_is_classified(url: str, expected: Endpoint) -> None:
    """Provider, API, operation, model and version are read from the URL."""
    assert classify("POST", url) == expected


def test_background_response_fetched_later_is_a_retrieval() -> None:
    """Only the GET of one response, by its id, is one."""
    assert classify("GET", "https://api.openai.com/v1/responses/resp_1?stream=false") == Endpoint(
        "openai", "openai.responses", "retrieve", None, "v1"
    )
    assert classify("DELETE", "https://api.openai.com/v1/responses/resp_1") is None
    assert classify("GET", "https://api.openai.com/v1/responses/other") is None


@pytest.mark.parametrize("rule", PATHS, ids=[f"{rule.api_flavor} {rule.pattern}" for rule in PATHS])
def test_every_path_rule_decides_at_least_one_case(rule: object) -> None:
    """No row of the path table is shadowed by the rows above it."""
    assert rule in PATHS
    hits = []
    for url in [url for url, _ in CALLS] + ["https://api.openai.com/v1/responses/resp_1"]:
        host, port, path, _ = split_url(url)
        provider = provider_of(host, port)
        path = path.rstrip("/")
        for row in PATHS:
            open_to = not row.providers or (provider is not None and ("*" in row.providers or provider in row.providers))
            word = re.split("[/:]", path)[-1]
            if open_to and (word in row.words or row.words[0].endswith("/*")) and re.search(row.pattern, path):
                hits.append(row)
                break
    assert rule in hits


@pytest.mark.parametrize("rule", PATHS, ids=[f"{rule.api_flavor} {rule.operation}" for rule in PATHS])
def test_every_api_has_a_decoder(rule: object) -> None:
    """Whatever can be classified can be decoded."""
    assert getattr(rule, "api_flavor", None) in FAMILIES


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "https://api.openai.com/v1/models"),
        ("GET", "https://api.openai.com/v1/chat/completions"),
        ("POST", "https://api.openai.com/v1/files"),
        ("POST", "https://api.openai.com/v1/conversations"),
        ("POST", "https://api.anthropic.com/v1/messages/batches"),
        ("POST", "https://example.com/survey/responses"),
        ("POST", "https://example.com/embeddings"),
        ("POST", "https://example.com/completions"),
        ("POST", "https://example.com/rerank"),
        ("POST", "https://generativelanguage.googleapis.com/v1beta/fileSearchStores"),
        ("GET", "https://example.com/"),
        ("POST", "https://example.com"),
        ("POST", ""),
        ("POST", "not a url"),
        ("POST", "https://s3.us-east-1.amazonaws.com/bucket/key"),
    ],
)
def test_other_requests_are_not_model_calls(method: str, url: str) -> None:
    """A path too short to be trusted, another method, or another service gives None."""
    assert classify(method, url) is None


def _host_for(domain: str, below: str | None) -> str:
    if below is None:
        return domain
    for prefix in ("bedrock-runtime.us-east-1", "us-east1-aiplatform"):
        if re.search(below, prefix):
            return f"{prefix}.{domain}"
    raise AssertionError(f"no example for {below}")


@pytest.mark.parametrize("row", HOSTS, ids=[row.domain for row in HOSTS])
def test_host_table_row_names_its_provider(row: object) -> None:
    """The host itself and one below it belong to the provider; a name that only ends alike does not."""
    domain, provider, below = row  # type: ignore[misc]
    host = _host_for(domain, below)
    assert provider_of(host, "") == provider
    assert provider_of("x." + host, "") == provider if below is None else True
    assert provider_of("evil" + domain, "") is None
    assert provider_of(domain + ".example.com", "") is None


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", "bedrock"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "bedrock"),
        ("aiplatform.eu.rep.googleapis.com", "vertex"),
        ("storage.googleapis.com", None),
        ("amazonaws.com", None),
        ("", None),
    ],
)
def test_hosts_with_a_condition(host: str, provider: str | None) -> None:
    """Cloud domains belong to a provider only where the part before them says so."""
    assert provider_of(host, "") == provider


@pytest.mark.parametrize("domain", TELEMETRY_HOSTS)
def test_telemetry_hosts_are_telemetry(domain: str) -> None:
    """The host and hosts below it are, a name that only ends alike is not."""
    assert is_telemetry(f"https://{domain}/anything")
    assert is_telemetry(f"https://o1.{domain}:443/x?y=z")
    assert not is_telemetry(f"https://not{domain}/anything")


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:4318/v1/traces",
        "http://collector:4318/v1/logs/",
        "https://langfuse.corp.example/api/public/ingestion",
        "https://sentry.corp.example/api/42/envelope/",
        "https://api.openai.com/v1/traces/ingest",
        "https://langsmith.corp.example/api/v1/runs/multipart",
        "https://huggingface.co/api/telemetry/transformers",
    ],
)
def test_telemetry_paths_are_telemetry_on_any_host(url: str) -> None:
    """Each pattern of the path table has a case here."""
    assert is_telemetry(url)
    assert sum(bool(re.search(pattern, split_url(url)[2])) for pattern in TELEMETRY_PATHS) == 1


@pytest.mark.parametrize("url", [url for url, _ in CALLS] + ["https://api.github.com/repos", "https://sentry.io/api/0/projects/"])
def test_model_calls_and_tools_are_not_telemetry(url: str) -> None:
    """What an agent works with is never taken for a report about it."""
    assert not is_telemetry(url)


@pytest.mark.parametrize(
    ("url", "streams"),
    [
        (f"{BEDROCK}/m/converse-stream", True),
        (f"{BEDROCK}/m/invoke", False),
        (f"{VERTEX}/anthropic/models/c:streamRawPredict", True),
        ("https://generativelanguage.googleapis.com/v1beta/models/g:generateContent", False),
        ("https://api.openai.com/v1/chat/completions", None),
    ],
)
def test_streaming_by_url(url: str, streams: bool | None) -> None:
    """Some APIs say by their URL whether they stream, the others do not."""
    assert url_streams(url) is streams


def test_classifying_loads_no_decoder() -> None:
    """On the capture path only the tables are imported, and the decoder of a family when it is needed."""
    code = (
        "import sys; from fr_schema.providers import classify, decode, Exchange\n"
        "classify('POST', 'https://api.openai.com/v1/chat/completions')\n"
        "print(sorted(name[20:] for name in sys.modules if name.startswith('fr_schema.providers.')))\n"
        "decode(Exchange('POST', 'https://api.cohere.com/v2/chat', (), {}, {}, 200, (), b'{}'))\n"
        "print('fr_schema.providers.cohere' in sys.modules, 'fr_schema.providers.gemini' in sys.modules)\n"
        "print([name for name in ('genai_prices', 'pyarrow', 'duckdb', 'numpy', 'httpx', 'urllib.parse') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["['endpoints', 'hosts', 'model']", "True False", "[]"], done.stderr
