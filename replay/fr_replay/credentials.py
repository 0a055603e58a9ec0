"""Which of today's credentials goes into a recorded request, whose own is not in the record. A table, and what is done with it. Pure.

A key is sent only to a host that belongs to its provider; for any other host its variable must be named.
Names of headers and variables are those of the vendors' SDKs and documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from fr_schema.errors import BadInput
from fr_schema.providers.hosts import provider_of, split_url

__all__ = ["CREDENTIALS", "TOKEN_IN_TEXT", "Credential", "Prepared", "with_credentials"]

TOKEN_IN_TEXT = re.compile(r"\[\[fr:[a-z][a-z0-9_]{1,39}:[a-z0-9_-]{1,32}:[a-z2-7]{16}\]\]")
"""What redaction puts in place of a secret; see schema/FORMAT.md."""

_HEADER = "header"
_QUERY = "query"
_BEARER = "Bearer "


class Credential(NamedTuple):
    """One row.

    Attributes:
        provider: as :mod:`fr_schema.providers.hosts` names it.
        variables: environment variables that may hold the credential; the first that is set counts.
        name: header or query parameter, in lower case.
        prefix: what stands before the credential there.
        place: header or query.
    """

    provider: str
    variables: tuple[str, ...]
    name: str = "authorization"
    prefix: str = _BEARER
    place: str = _HEADER


CREDENTIALS = (
    Credential("openai", ("OPENAI_API_KEY",)),
    Credential("azure", ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"), "api-key", ""),
    Credential("azure", ("AZURE_OPENAI_AD_TOKEN", "AZURE_OPENAI_API_KEY")),
    Credential("anthropic", ("ANTHROPIC_API_KEY",), "x-api-key", ""),
    Credential("anthropic", ("ANTHROPIC_AUTH_TOKEN",)),
    Credential("gemini", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), "x-goog-api-key", ""),
    Credential("gemini", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), "key", "", _QUERY),
    Credential("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY")),
    Credential("vertex", ("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN")),
    Credential("vertex", ("GOOGLE_API_KEY",), "x-goog-api-key", ""),
    Credential("vertex", ("GOOGLE_API_KEY",), "key", "", _QUERY),
    Credential("bedrock", ("AWS_BEARER_TOKEN_BEDROCK",)),
    Credential("mistral", ("MISTRAL_API_KEY",)),
    Credential("groq", ("GROQ_API_KEY",)),
    Credential("deepseek", ("DEEPSEEK_API_KEY",)),
    Credential("xai", ("XAI_API_KEY",)),
    Credential("openrouter", ("OPENROUTER_API_KEY",)),
    Credential("huggingface", ("HF_TOKEN", "HUGGINGFACE_API_KEY")),
    Credential("cohere", ("CO_API_KEY", "COHERE_API_KEY")),
    Credential("together", ("TOGETHER_API_KEY",)),
    Credential("fireworks", ("FIREWORKS_API_KEY",)),
    Credential("cerebras", ("CEREBRAS_API_KEY",)),
    Credential("sambanova", ("SAMBANOVA_API_KEY",)),
    Credential("perplexity", ("PERPLEXITY_API_KEY", "PPLX_API_KEY")),
    Credential("nvidia", ("NVIDIA_API_KEY",)),
    Credential("moonshot", ("MOONSHOT_API_KEY",)),
    Credential("zai", ("ZAI_API_KEY",)),
    Credential("zhipu", ("ZHIPUAI_API_KEY",)),
    Credential("minimax", ("MINIMAX_API_KEY",)),
    Credential("dashscope", ("DASHSCOPE_API_KEY",)),
    Credential("volcengine", ("ARK_API_KEY",)),
    Credential("siliconflow", ("SILICONFLOW_API_KEY",)),
    Credential("novita", ("NOVITA_API_KEY",)),
    Credential("deepinfra", ("DEEPINFRA_API_KEY", "DEEPINFRA_API_TOKEN")),
    Credential("hyperbolic", ("HYPERBOLIC_API_KEY",)),
    Credential("nebius", ("NEBIUS_API_KEY",)),
    Credential("ai21", ("AI21_API_KEY",)),
    Credential("voyage", ("VOYAGE_API_KEY",)),
    Credential("jina", ("JINA_API_KEY",)),
    Credential("github", ("GITHUB_TOKEN",)),
    Credential("databricks", ("DATABRICKS_TOKEN",)),
    Credential("cloudflare", ("CLOUDFLARE_API_TOKEN",)),
    Credential("vercel", ("AI_GATEWAY_API_KEY",)),
    Credential("ollama", ("OLLAMA_API_KEY",)),
)
"""A provider that takes its key in several places has a row for each; the place that the recorded request used decides."""

_KEY_PREFIXES = {"authorization": _BEARER}
"""What stands before a key that ``--key-env`` names, by header; nothing before any other."""

_SIGNED = ("x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "amz-sdk-invocation-id", "amz-sdk-request")
"""Headers of AWS's request signature: with a bearer token in its place they would contradict it."""

_PER_CONNECTION = frozenset(("host", "content-length", "connection", "transfer-encoding", "proxy-authorization", "expect", "te", "upgrade"))
"""Headers that the connection of today makes anew."""


class Prepared(NamedTuple):
    """A request that can be sent.

    Attributes:
        url, headers: with today's credentials.
        used: where credentials were put, and the variable that each came from; no value.
        left_out: names of recorded headers that are not sent, since their value is not in the record.
    """

    url: str
    headers: list[tuple[str, str]]
    used: list[str]
    left_out: list[str]


def with_credentials(url: str, headers: Sequence[tuple[str, str]], environment: Mapping[str, str], key_variable: str | None) -> Prepared:
    """Put today's credentials where the record has tokens.

    Args:
        url: where the request will go.
        headers: as recorded.
        key_variable: the variable that a person named; it goes wherever the record has a credential.

    Raises BadInput when a credential cannot be had, or when it is not known whose it is.
    """
    host, port, _, _ = split_url(url)
    provider = provider_of(host, port)
    used: list[str] = []
    left_out: list[str] = []
    sent: list[tuple[str, str]] = []
    for name, value in headers:
        lower = name.lower()
        if lower in _PER_CONNECTION or lower.startswith(":"):
            continue
        if not TOKEN_IN_TEXT.search(value):
            sent.append((name, value))
        elif lower == "cookie" or lower in _SIGNED:
            left_out.append(name)
        else:
            row = _row(provider, _HEADER, lower)
            secret, variable = _secret(row, key_variable, environment, f"the header {name}", host)
            prefix = row.prefix if row is not None else _KEY_PREFIXES.get(lower, "")
            sent.append((name, prefix + secret))
            used.append(f"{name} from {variable}")
    if provider == "bedrock":
        left_out += [name for name, _ in sent if name.lower() in _SIGNED]
        sent = [(name, value) for name, value in sent if name.lower() not in _SIGNED]
    return Prepared(_with_query(url, provider, host, environment, key_variable, used), sent, used, left_out)


def _with_query(
    url: str, provider: str | None, host: str, environment: Mapping[str, str], key_variable: str | None, used: list[str]
) -> str:
    def filled(found: re.Match[str]) -> str:
        row = _row(provider, _QUERY, found[2].lower())
        secret, variable = _secret(row, key_variable, environment, f"the query parameter {found[2]}", host)
        used.append(f"{found[2]} in the query from {variable}")
        return f"{found[1]}{found[2]}={quote(secret, safe='')}"

    return re.sub(rf"([?&])([^=&#]+)={TOKEN_IN_TEXT.pattern}", filled, url)


def _row(provider: str | None, place: str, name: str) -> Credential | None:
    return next((row for row in CREDENTIALS if (row.provider, row.place, row.name) == (provider, place, name)), None)


def _secret(row: Credential | None, key_variable: str | None, environment: Mapping[str, str], where: str, host: str) -> tuple[str, str]:
    """The credential and the variable that it came from."""
    if key_variable is not None:
        value = environment.get(key_variable)
        if not value:
            raise BadInput(f"the environment variable {key_variable} is not set", hint="set it, or name another with --key-env")
        return value, key_variable
    if row is None:
        raise BadInput(
            f"the record does not hold {where}, and {host} is no known provider's host, so no key is sent there by itself",
            hint="--key-env NAME names the environment variable whose value may go there",
        )
    for variable in row.variables:
        value = environment.get(variable)
        if value:
            return value, variable
    more = "; a request signed for AWS is not signed anew, so a bearer token is needed" if row.provider == "bedrock" else ""
    raise BadInput(
        f"the record does not hold {where}, and {' and '.join(row.variables)} {'is' if len(row.variables) == 1 else 'are'} not set{more}",
        hint=f"set {row.variables[0]}, or name another variable with --key-env",
    )
