"""Token counts in one convention: input includes what the cache gave and took, output includes reasoning.

Providers count differently; each row of the table says how. Sources: the vendors' SDK types and documentation, and
the arithmetic of recorded answers (their totals show what is counted apart).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .json_fields import Path, count, dig, mapping, sequence
from .model import Decoded

__all__ = ["CONVENTIONS", "HIDDEN_REASONING_PROVIDERS", "REASONING_APART_PROVIDERS", "Convention", "fill_usage", "forget_running_output"]


class Convention(NamedTuple):
    """How one API counts.

    Attributes:
        tokens_in, tokens_out: the base counts; the first path that leads to a number is taken.
        cache_read, cache_write, reasoning: parts of them; likewise.
        also_in, also_out: counts that the base leaves out; all that are present are added.
        total: a grand total; with it, reasoning that is counted apart shows in the arithmetic.
    """

    tokens_in: tuple[Path, ...]
    tokens_out: tuple[Path, ...]
    cache_read: tuple[Path, ...] = ()
    cache_write: tuple[Path, ...] = ()
    reasoning: tuple[Path, ...] = ()
    also_in: tuple[Path, ...] = ()
    also_out: tuple[Path, ...] = ()
    total: tuple[Path, ...] = ()


_ANTHROPIC_READ: Path = ("cache_read_input_tokens",)
_ANTHROPIC_WRITE: Path = ("cache_creation_input_tokens",)

CONVENTIONS: Mapping[str, Convention] = {
    # prompt_tokens includes the cache; the other names for cache reads are DeepSeek's, Moonshot's and Mistral's.
    "openai.chat": Convention(
        tokens_in=(("prompt_tokens",), ("input_tokens",)),
        tokens_out=(("completion_tokens",), ("output_tokens",)),
        cache_read=(("prompt_tokens_details", "cached_tokens"), ("prompt_cache_hit_tokens",), ("cached_tokens",), ("num_cached_tokens",)),
        cache_write=(("prompt_tokens_details", "cache_write_tokens"),),
        reasoning=(("completion_tokens_details", "reasoning_tokens"), ("reasoning_tokens",)),
        total=(("total_tokens",),),
    ),
    "openai.responses": Convention(
        tokens_in=(("input_tokens",),),
        tokens_out=(("output_tokens",),),
        cache_read=(("input_tokens_details", "cached_tokens"),),
        cache_write=(("input_tokens_details", "cache_write_tokens"),),
        reasoning=(("output_tokens_details", "reasoning_tokens"),),
        total=(("total_tokens",),),
    ),
    # input_tokens leaves the cache out (Anthropic's SDK says so in words).
    "anthropic.messages": Convention(
        tokens_in=(("input_tokens",),),
        tokens_out=(("output_tokens",),),
        cache_read=(_ANTHROPIC_READ,),
        cache_write=(_ANTHROPIC_WRITE,),
        reasoning=(("output_tokens_details", "thinking_tokens"),),
        also_in=(_ANTHROPIC_READ, _ANTHROPIC_WRITE),
    ),
    # promptTokenCount includes the cache; thoughts and the prompts of Google's own tools are counted apart.
    "gemini": Convention(
        tokens_in=(("promptTokenCount",),),
        tokens_out=(("candidatesTokenCount",), ("responseTokenCount",)),
        cache_read=(("cachedContentTokenCount",),),
        reasoning=(("thoughtsTokenCount",),),
        also_in=(("toolUsePromptTokenCount",),),
        also_out=(("thoughtsTokenCount",),),
    ),
    "gemini.interactions": Convention(
        tokens_in=(("total_input_tokens",),),
        tokens_out=(("total_output_tokens",),),
        cache_read=(("total_cached_tokens",),),
        reasoning=(("total_thought_tokens",),),
        also_in=(("total_tool_use_tokens",),),
        also_out=(("total_thought_tokens",),),
    ),
    # total input = inputTokens + cacheReadInputTokens + cacheWriteInputTokens (Bedrock user guide, prompt caching).
    "bedrock.converse": Convention(
        tokens_in=(("inputTokens",),),
        tokens_out=(("outputTokens",),),
        cache_read=(("cacheReadInputTokens",),),
        cache_write=(("cacheWriteInputTokens",),),
        also_in=(("cacheReadInputTokens",), ("cacheWriteInputTokens",)),
    ),
    # ``tokens`` is what the model read and wrote, ``billed_units`` what is paid for (without Cohere's own preamble).
    "cohere.chat": Convention(
        tokens_in=(("tokens", "input_tokens"), ("billed_units", "input_tokens")),
        tokens_out=(("tokens", "output_tokens"), ("billed_units", "output_tokens")),
        cache_read=(("cached_tokens",),),
    ),
    "ollama": Convention(tokens_in=(("prompt_eval_count",),), tokens_out=(("eval_count",),)),
    "bedrock.invoke": Convention(
        tokens_in=(("inputTokenCount",), ("inputTokens",), ("prompt_token_count",), ("inputTextTokenCount",)),
        tokens_out=(("outputTokenCount",), ("outputTokens",), ("generation_token_count",)),
        cache_read=(("cacheReadInputTokenCount",),),
        cache_write=(("cacheWriteInputTokenCount",),),
    ),
    "embeddings": Convention(
        tokens_in=(
            ("prompt_tokens",),
            ("input_tokens",),
            ("total_tokens",),
            ("billed_units", "input_tokens"),
            ("tokens", "input_tokens"),
            ("promptTokenCount",),
            ("prompt_eval_count",),
        ),
        tokens_out=(("completion_tokens",), ("output_tokens",)),
    ),
}

HIDDEN_REASONING_PROVIDERS = frozenset({"gemini", "vertex"})
"""Providers whose OpenAI-compatible answers leave thinking out of ``completion_tokens`` and show it only in the total."""

REASONING_APART_PROVIDERS = frozenset({"xai"})
"""Providers whose chat answers do not count reasoning in ``completion_tokens``, by their documentation (the Responses API does)."""


def fill_usage(decoded: Decoded, usage: Any, convention: str) -> None:
    """Fill ``usage_raw`` and the token columns from a usage object; what it does not say stays None."""
    fields = mapping(usage)
    if not fields:
        return
    decoded.usage_raw = usage
    rules = CONVENTIONS[convention]
    tokens_in = _plus(_first(fields, rules.tokens_in), fields, rules.also_in)
    tokens_out = _plus(_first(fields, rules.tokens_out), fields, rules.also_out)
    decoded.tokens_cache_read = _first(fields, rules.cache_read)
    decoded.tokens_cache_write = _first(fields, rules.cache_write)
    decoded.tokens_reasoning = _first(fields, rules.reasoning)
    if convention == "openai.chat" and tokens_in is not None and tokens_out is not None:
        tokens_out += _reasoning_apart(decoded, tokens_in, tokens_out, _first(fields, rules.total))
    if convention == "anthropic.messages":
        tokens_in, tokens_out = _with_compaction(decoded, fields, tokens_in, tokens_out)
    decoded.tokens_in, decoded.tokens_out = tokens_in, tokens_out


def forget_running_output(decoded: Decoded) -> None:
    """Take back the output counts of a stream that never said how it ended: they were totals so far, not of the call."""
    if decoded.finish_reason_raw is None:
        decoded.tokens_out = None
        decoded.tokens_reasoning = None


def _first(fields: Mapping[str, Any], paths: tuple[Path, ...]) -> int | None:
    for path in paths:
        found = count(dig(fields, path))
        if found is not None:
            return found
    return None


def _plus(base: int | None, fields: Mapping[str, Any], paths: tuple[Path, ...]) -> int | None:
    for path in paths:
        more = count(dig(fields, path))
        if more is not None:
            base = more if base is None else base + more
    return base


def _reasoning_apart(decoded: Decoded, tokens_in: int, tokens_out: int, total: int | None) -> int:
    """Output tokens that an OpenAI-shaped answer left out of ``completion_tokens``."""
    reasoning = decoded.tokens_reasoning
    if total is None:
        return (reasoning or 0) if decoded.provider in REASONING_APART_PROVIDERS else 0
    missing = total - tokens_in - tokens_out
    if missing <= 0:
        return 0
    if missing == reasoning:
        return missing
    if decoded.provider in HIDDEN_REASONING_PROVIDERS and reasoning is None:
        decoded.tokens_reasoning = missing
        return missing
    return 0


def _with_compaction(
    decoded: Decoded, fields: Mapping[str, Any], tokens_in: int | None, tokens_out: int | None
) -> tuple[int | None, int | None]:
    """Add the tokens of server-side compactions, which Anthropic lists per iteration but leaves out of its totals."""
    rules = CONVENTIONS["anthropic.messages"]
    for iteration in sequence(fields.get("iterations")):
        entry = mapping(iteration)
        if entry.get("type") != "compaction":
            continue
        tokens_in = (tokens_in or 0) + (_plus(_first(entry, rules.tokens_in), entry, rules.also_in) or 0)
        tokens_out = (tokens_out or 0) + (_first(entry, rules.tokens_out) or 0)
        for name, paths in (("tokens_cache_read", rules.cache_read), ("tokens_cache_write", rules.cache_write)):
            more = _first(entry, paths)
            if more:
                setattr(decoded, name, (getattr(decoded, name) or 0) + more)
    return tokens_in, tokens_out
