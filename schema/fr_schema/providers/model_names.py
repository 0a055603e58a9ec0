"""What a model's name says: a fixed version, or an alias that may mean another model tomorrow.

The rule of the record: ``model_resolved`` is what the provider *stated* to have run, never the name that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .json_fields import text
from .model import Decoded

__all__ = ["ECHOING_PROVIDERS", "ECHO_MARKS", "FLOATING_NAMES", "VERSIONED_NAMES", "Name", "is_floating", "is_versioned", "settle_model"]


class Name(NamedTuple):
    """One row: a pattern for names, the providers it holds for (none given: all), an example, and where this is known from."""

    pattern: str
    providers: frozenset[str]
    example: str
    source: str


VERSIONED_NAMES = (
    Name(r"-20\d\d-\d\d-\d\d$", frozenset(), "gpt-4o-2024-08-06", "OpenAI's dated snapshots"),
    Name(r"[-@]20\d{6}(?:-v\d+(?::\d+)*)?$", frozenset(), "claude-sonnet-4-5-20250929", "Anthropic's dated snapshots; @ on Vertex"),
    Name(r"-v\d+(?::\w+)*$", frozenset({"bedrock"}), "us.amazon.nova-micro-v1:0", "Bedrock's foundation model ids"),
    Name(r"-\d\d-20\d\d$", frozenset({"cohere"}), "command-r7b-12-2024", "Cohere's model overview"),
    Name(r"-\d{3}$", frozenset({"gemini", "vertex"}), "gemini-2.0-flash-001", "Google's stable versions"),
    Name(r"-preview-\d\d-(?:\d\d|20\d\d)$", frozenset({"gemini", "vertex"}), "gemini-2.5-flash-preview-09-2025", "Google's previews"),
    Name(r"-2[3-9](?:0[1-9]|1[0-2])$", frozenset({"mistral"}), "mistral-large-2411", "Mistral's model overview"),
    Name(r"@sha256:[0-9a-f]{64}$", frozenset(), "qwen3@sha256:" + "0" * 64, "content address"),
)
"""Names that mean one version for ever. Only such a name, in the request, can be ``declared``."""

FLOATING_NAMES = (
    Name(r"[-:]latest$", frozenset(), "mistral-large-latest", "Mistral echoes this alias in its answers (seen in recorded exchanges)"),
    Name(r"^~|/auto$", frozenset({"openrouter"}), "~anthropic/claude-opus-latest", "OpenRouter's routed names"),
    Name(r"^deepseek-(?:chat|reasoner)$", frozenset({"deepseek"}), "deepseek-chat", "DeepSeek's documentation calls both aliases"),
)
"""Names that are aliases even when an answer repeats them: they say nothing about what ran."""

ECHOING_PROVIDERS = frozenset({"ollama", "unknown"})
"""Where an answer that repeats the requested name proves nothing: servers that echo the name they serve a model under."""

ECHO_MARKS = (
    ("kv_transfer_params", None, "vLLM writes this key into every answer"),
    ("prompt_token_ids", None, "vLLM"),
    ("system_fingerprint", "fp_ollama", "Ollama's OpenAI-compatible API"),
)
"""``(key, value or None for any, whose)``: signs in an answer that the server behind a provider echoes the name."""

_NOT_MODELS = ("application-inference-profile/", "prompt-router/", "provisioned-model/", "imported-model/", "custom-model")

_versioned = tuple((re.compile(row.pattern), row.providers) for row in VERSIONED_NAMES)
_floating = tuple((re.compile(row.pattern), row.providers) for row in FLOATING_NAMES)


def is_versioned(name: str, provider: str) -> bool:
    """True when the name means one fixed version at that provider."""
    if name.startswith("arn:") and any(part in name for part in _NOT_MODELS):
        return False
    return any((not providers or provider in providers) and pattern.search(name) for pattern, providers in _versioned)


def is_floating(name: str, provider: str) -> bool:
    """True when the name is an alias by its very form."""
    return any((not providers or provider in providers) and pattern.search(name) for pattern, providers in _floating)


def settle_model(decoded: Decoded, answered: Any, answer: Mapping[str, Any] | None = None) -> None:
    """Fill ``model_resolved`` and its source from the name that the answer gives, if it gives one.

    - ``body``: the answer names a model, and not merely by echoing an alias;
    - ``declared``: the answer names none (or echoes), but the request asked for one fixed version;
    - ``unknown``, with None: everything else. It is not called at all for an error or when no answer came.
    """
    name = text(answered)
    requested = decoded.model_requested
    if name is not None:
        name = name.removeprefix("models/")
        if not is_floating(name, decoded.provider) and not (_same(name, requested) and _echoes(decoded.provider, answer)):
            decoded.model_resolved, decoded.model_resolved_source = name, "body"
            return
    if requested is not None and is_versioned(requested, decoded.provider):
        decoded.model_resolved, decoded.model_resolved_source = requested, "declared"


def _same(name: str, requested: str | None) -> bool:
    return requested is not None and name.casefold() == requested.casefold()


def _echoes(provider: str, answer: Mapping[str, Any] | None) -> bool:
    if provider in ECHOING_PROVIDERS:
        return True
    if answer is None:
        return False
    return any(key in answer and (wanted is None or answer[key] == wanted) for key, wanted, _ in ECHO_MARKS)
