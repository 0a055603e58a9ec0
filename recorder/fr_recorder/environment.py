"""Which environment variables a run's record holds: an allow-list, since any other may be a secret.

``FR_ENV`` adds names or patterns, separated by commas. Variables whose name says that they hold a secret are
recorded as present, never with a value, so that replay can put a stand-in in their place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

__all__ = ["ALLOWED", "allowed_environment", "is_secret_name", "secret_names"]

ALLOWED = (
    *("*_BASE_URL", "*_API_BASE", "*_API_HOST", "*_API_URL", "*_API_VERSION", "*_ENDPOINT", "*_MODEL", "*_MODEL_NAME", "*_REGION"),
    *("OPENAI_*", "ANTHROPIC_*", "AZURE_OPENAI_*", "GOOGLE_*", "GEMINI_*", "VERTEX*", "MISTRAL_*", "GROQ_*", "COHERE_*", "BEDROCK_*"),
    *("LITELLM_*", "LANGCHAIN_*", "LANGSMITH_*", "LANGGRAPH_*", "CREWAI_*", "OLLAMA_*", "VLLM_*", "HF_*", "OTEL_*", "AWS_REGION"),
    *("AWS_DEFAULT_REGION", "AWS_PROFILE", "PYTHON*", "VIRTUAL_ENV", "CONDA_DEFAULT_ENV", "LANG", "LC_*", "TZ", "TERM", "COLUMNS"),
    *("LINES", "NO_COLOR", "CI", "PWD", "SHELL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HOSTNAME", "KUBERNETES_SERVICE_HOST", "FR_SERVICE", "FR_ENVIRONMENT", "FR_REGION"),
    *("FR_DURABILITY", "FR_ENV"),
)
"""Patterns of names whose values are recorded, redacted, unless the name also looks like a secret's."""

_SECRET = re.compile(
    r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PWD|CREDENTIALS?|AUTH|COOKIE|SIGNATURE|DSN|PRIVATE)S?($|_)", re.IGNORECASE
)
_NOT_SECRET = frozenset(("PWD", "OLDPWD", "SSH_AUTH_SOCK"))


def is_secret_name(name: str) -> bool:
    """True when a variable's name says that its value is a secret."""
    return name not in _NOT_SECRET and _SECRET.search(name) is not None


def allowed_environment(env: Mapping[str, str]) -> dict[str, str]:
    """The variables whose values may be recorded (they still go through redaction)."""
    patterns = (*ALLOWED, *(p.strip() for p in env.get("FR_ENV", "").split(",") if p.strip()))
    return {name: value for name, value in sorted(env.items()) if not is_secret_name(name) and any(fnmatchcase(name, p) for p in patterns)}


def secret_names(env: Mapping[str, str]) -> list[str]:
    """The names of variables that hold secrets and belong to a known provider or framework, or were asked for by ``FR_ENV``."""
    patterns = (
        *(p for p in ALLOWED if p.endswith("_*")),
        "*_API_KEY",
        "*_TOKEN",
        "*_SECRET",
        *(p.strip() for p in env.get("FR_ENV", "").split(",") if p.strip()),
    )
    return sorted(name for name in env if is_secret_name(name) and any(fnmatchcase(name, p) for p in patterns))
