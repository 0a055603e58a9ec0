"""Documented values of parameters that a request left out: a dated table, and nothing that is merely believed.

A row with ``value`` None and origin ``unknown`` says that the parameter has a default and that nobody outside can
know it. That is the honest answer for most: it varies by model (recorded answers of OpenAI's Responses API state a
``top_p`` of 1.0 for gpt-4.1 and gpt-5, and of 0.98 for gpt-5.6), or it is set on the server (vLLM takes
``generation_config.json`` from the model's repository).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .model import Decoded

__all__ = ["DEFAULTS", "Default", "defaulted", "drop_echoed", "mark_server_defaults"]

_ANTHROPIC_WITHOUT_SAMPLING = "2026-10-21"


class Default(NamedTuple):
    """One row.

    Attributes:
        api_flavor, providers: where it holds; no providers: at all that speak the API.
        models: a pattern for ``model_requested``; empty for any.
        name: the parameter, as the API spells it (with dots down to its place).
        value: the default, None when it can't be known.
        origin: ``provider-doc:<date of the documentation that was read>``, or ``unknown``.
        source: where it was read.
    """

    api_flavor: str
    providers: frozenset[str]
    models: str
    name: str
    value: Any
    origin: str
    source: str


_OPENAI = frozenset({"openai"})
_OLD_OPENAI_MODELS = r"^(?:gpt-3\.5|gpt-4(?:$|-(?:0|1106|turbo|32k|vision)))"
_OLD_SPEC = "openai-openapi specification of November 2023"
_SDK = "docstrings of openai-python 3.54.0"
_COHERE = "docstrings of cohere-python, generated from the API definition"
_UNLESS = "provider-doc:2025-10 unless the Modelfile sets it"
_MODELFILE = "Ollama's Modelfile reference"
_NOBODY = "not documented, or documented as varying by model"

DEFAULTS = (
    Default("openai.chat", _OPENAI, _OLD_OPENAI_MODELS, "temperature", 1, "provider-doc:2023-11", _OLD_SPEC),
    Default("openai.chat", _OPENAI, _OLD_OPENAI_MODELS, "top_p", 1, "provider-doc:2023-11", _OLD_SPEC),
    Default("openai.chat", _OPENAI, "", "service_tier", "auto", "provider-doc:2026-11", _SDK),
    Default("openai.chat", frozenset(), "", "temperature", None, "unknown", _NOBODY),
    Default("openai.chat", frozenset(), "", "top_p", None, "unknown", _NOBODY),
    Default("openai.responses", _OPENAI, "", "store", True, "provider-doc:2026-11", _SDK),
    Default("openai.responses", _OPENAI, "", "truncation", "disabled", "provider-doc:2026-11", _SDK),
    Default("openai.responses", _OPENAI, "", "service_tier", "auto", "provider-doc:2026-11", _SDK),
    Default("openai.responses", frozenset(), "", "temperature", None, "unknown", _NOBODY),
    Default("openai.responses", frozenset(), "", "top_p", None, "unknown", _NOBODY),
    Default("openai.completions", frozenset(), "", "temperature", None, "unknown", _NOBODY),
    Default("openai.completions", frozenset(), "", "top_p", None, "unknown", _NOBODY),
    Default(
        "anthropic.messages",
        frozenset({"anthropic"}),
        "",
        "temperature",
        1.0,
        "provider-doc:2026",
        "Anthropic's API reference, which also says that models after Opus 4.6 accept no other value",
    ),
    Default("anthropic.messages", frozenset(), "", "temperature", None, "unknown", _NOBODY),
    Default("anthropic.messages", frozenset(), "", "top_p", None, "unknown", _NOBODY),
    Default("cohere.chat", frozenset({"cohere"}), "", "temperature", 0.3, "provider-doc:2025-08", _COHERE),
    Default("cohere.chat", frozenset({"cohere"}), "", "p", 0.75, "provider-doc:2025-08", _COHERE),
    Default("cohere.chat", frozenset({"cohere"}), "", "k", 0, "provider-doc:2025-08", _COHERE),
    Default("cohere.chat", frozenset(), "", "temperature", None, "unknown", _NOBODY),
    Default("cohere.chat", frozenset(), "", "p", None, "unknown", _NOBODY),
    Default("ollama.chat", frozenset(), "", "options.temperature", 0.8, _UNLESS, _MODELFILE),
    Default("ollama.chat", frozenset(), "", "options.top_k", 40, _UNLESS, _MODELFILE),
    Default("ollama.chat", frozenset(), "", "options.top_p", 0.9, _UNLESS, _MODELFILE),
    Default("ollama.generate", frozenset(), "", "options.temperature", 0.8, _UNLESS, _MODELFILE),
    Default("ollama.generate", frozenset(), "", "options.top_k", 40, _UNLESS, _MODELFILE),
    Default("ollama.generate", frozenset(), "", "options.top_p", 0.9, _UNLESS, _MODELFILE),
    Default("gemini", frozenset(), "", "generationConfig.temperature", None, "unknown", _NOBODY),
    Default("gemini", frozenset(), "", "generationConfig.topP", None, "unknown", _NOBODY),
    Default("bedrock.converse", frozenset(), "", "inferenceConfig.temperature", None, "unknown", _NOBODY),
    Default("bedrock.converse", frozenset(), "", "inferenceConfig.topP", None, "unknown", _NOBODY),
)
"""Of several rows for one parameter the first that fits is taken."""

_SAMPLING = frozenset({"temperature", "top_p"})
_by_flavor: dict[str, list[tuple[Default, re.Pattern[str] | None, tuple[str, ...]]]] = {}
for _row in DEFAULTS:
    _by_flavor.setdefault(_row.api_flavor, []).append((_row, re.compile(_row.models) if _row.models else None, tuple(_row.name.split("."))))


def defaulted(decoded: Decoded) -> dict[str, dict[str, Any]] | None:
    """``{parameter: {"value": …, "origin": …}}`` for what the request did not send; None for calls that generate nothing.

    An explicit null counts as sent. Anthropic's API has no sampling parameters since version 2026-10-21, so they have
    no defaults there either.
    """
    rows = _by_flavor.get(decoded.api_flavor)
    if rows is None or decoded.operation not in ("chat", "text_completion"):
        return None
    without_sampling = decoded.api_flavor == "anthropic.messages" and _dated(decoded.api_version) >= _ANTHROPIC_WITHOUT_SAMPLING
    found: dict[str, dict[str, Any]] = {}
    for row, models, path in rows:
        if row.name in found or (without_sampling and row.name in _SAMPLING):
            continue
        if row.providers and decoded.provider not in row.providers:
            continue
        if models is not None and models.search(decoded.model_requested or "") is None:
            continue
        if not _sent(decoded.params_sent, path):
            found[row.name] = {"value": row.value, "origin": row.origin}
    return found or None


def drop_echoed(decoded: Decoded) -> None:
    """Take out of the defaults what the provider has stated in its answer: a statement is better than a table."""
    if decoded.params_defaulted and decoded.params_echoed:
        echoed = decoded.params_echoed
        decoded.params_defaulted = {name: row for name, row in decoded.params_defaulted.items() if name not in echoed} or None


def mark_server_defaults(decoded: Decoded) -> None:
    """For an answer that shows a vLLM server: its defaults come from the model repository's generation_config.json."""
    for row in (decoded.params_defaulted or {}).values():
        if row["origin"] == "unknown":
            row["origin"] = "server:generation_config"


def _dated(version: str | None) -> str:
    return version if version is not None and version[:2] == "20" else ""


def _sent(params: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    value: Any = params
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return False
        value = value[step]
    return True
