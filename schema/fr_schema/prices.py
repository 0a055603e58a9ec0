"""What a model call cost, from the price list of the ``genai-prices`` package: offline, dated, and None where unknown.

The list is the snapshot inside the installed package; nothing here starts that package's updater, so no price is ever
fetched. It is imported on first use (tens of milliseconds), which is when sealing or reading, never while capturing.
Costs are computed from the columns, in the record's own convention (input includes cache, output includes reasoning),
so that every row can be priced anew with a later list. Tools that a provider runs itself are priced only where its usage
object counts them (Anthropic's web searches).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from .providers.json_fields import Path, count, dig, mapping, number, sequence
from .providers.model import Decoded

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

__all__ = [
    "FREE_OPERATIONS",
    "PRICED_TIERS",
    "PROVIDER_IDS",
    "SOURCE",
    "STANDARD_TIERS",
    "STATED_COSTS",
    "Cost",
    "StatedCost",
    "Tokens",
    "cost",
    "cost_of",
]

SOURCE = "genai-prices"

PROVIDER_IDS: Mapping[str, str] = {
    "openai": "openai",
    "azure": "azure",
    "anthropic": "anthropic",
    "bedrock": "aws",
    "gemini": "google",
    "vertex": "google",
    "mistral": "mistral",
    "groq": "groq",
    "deepseek": "deepseek",
    "xai": "x-ai",
    "openrouter": "openrouter",
    "cohere": "cohere",
    "together": "together",
    "fireworks": "fireworks",
    "cerebras": "cerebras",
    "perplexity": "perplexity",
    "moonshot": "moonshotai",
    "zai": "zai",
    "zhipu": "zhipuai",
    "minimax": "minimax",
    "novita": "novita",
    "cloudflare": "cloudflare",
    "databricks": "databricks",
    "github_copilot": "github-copilot",
    "baseten": "baseten",
    "voyage": "voyageai",
}
"""Our name of a provider and the list's. A provider that is not here has no price: to price an unknown host by the
name of a model would be a guess (a local server costs nothing, a gateway may cost more)."""

STANDARD_TIERS = frozenset({"", "default", "standard", "auto", "on_demand"})
"""Service tiers, in lower case, that are billed at the list price."""

PRICED_TIERS: Mapping[str, tuple[str, str]] = {
    "priority": ("service_tier", "priority"),
    "on_demand_priority": ("service_tier", "priority"),
    "fast": ("service_tier", "fast"),
    "flex": ("service_tier", "flex"),
    "on_demand_flex": ("service_tier", "flex"),
    "batch": ("processing", "batch"),
}
"""Other tiers, and the condition under which the list has a price for them; without such a price the cost is unknown."""

FREE_OPERATIONS = frozenset({"count_tokens", "retrieve"})
"""Operations that spend no tokens; they have no cost either, rather than one of zero."""


class StatedCost(NamedTuple):
    """One row: where a provider's usage object states what the call cost.

    Attributes:
        provider, path: whose, and where in the usage object.
        usd: what one unit of it is in US dollars.
        also_when, also: a flag in the usage object, and the amount to be added when it is true.
    """

    provider: str
    path: Path
    usd: float
    also_when: str = ""
    also: Path | None = None


STATED_COSTS = (
    # With a key of one's own, OpenRouter bills its fee and the upstream bills the rest.
    StatedCost("openrouter", ("cost",), 1.0, "is_byok", ("cost_details", "upstream_inference_cost")),
    StatedCost("xai", ("cost_in_usd_ticks",), 1e-10),
    StatedCost("perplexity", ("cost", "total_cost"), 1.0),
)

_WRITE_5_MINUTES: tuple[Path, ...] = (("cache_creation", "ephemeral_5m_input_tokens"),)
_WRITE_1_HOUR: tuple[Path, ...] = (("cache_creation", "ephemeral_1h_input_tokens"),)
_AUDIO_IN: tuple[Path, ...] = (("prompt_tokens_details", "audio_tokens"), ("input_tokens_details", "audio_tokens"))
_AUDIO_OUT: tuple[Path, ...] = (("completion_tokens_details", "audio_tokens"), ("output_tokens_details", "audio_tokens"))


@dataclass(frozen=True, slots=True)
class Cost:
    """The price of one call.

    Attributes:
        usd: in US dollars.
        source: who says so.
        version: of the price list.
    """

    usd: float
    source: str
    version: str


class Tokens(NamedTuple):
    """Token counts of a call as the columns have them; None is unknown, and is no zero."""

    tokens_in: int | None
    tokens_out: int | None
    cache_read: int | None = None
    cache_write: int | None = None


def cost(
    provider: str,
    model: str,
    tokens: Tokens,
    at: datetime,
    *,
    usage_raw: Any = None,
    service_tier: str | None = None,
    speed: str | None = None,
) -> Cost | None:
    """The cost of a call that ran at a time, or None when the price or the usage is not known.

    What the provider itself states in its usage object comes before the list.

    Args:
        provider: our name of the provider.
        model: as answered, or as asked for when the answer named none.
        tokens: the counts.
        at: when the call began; a time without zone is UTC. Old calls get old prices, as far back as the list goes.
        usage_raw: the provider's usage object, for what prices know and columns don't: how long a cache entry lives,
            audio tokens, Cohere's billed units.
        service_tier: as answered.
        speed: Anthropic's ``usage.speed``.
    """
    stated = _stated(provider, mapping(usage_raw))
    if stated is not None:
        return stated
    provider_id = PROVIDER_IDS.get(provider)
    if provider_id is None or tokens.tokens_in is None:
        return None
    found = _model(provider_id, _plain_name(model))
    if found is None:
        return None
    tier = (service_tier or "").lower()
    conditions: dict[str, str] = {}
    if tier not in STANDARD_TIERS:
        if tier not in PRICED_TIERS:
            return None
        key, value = PRICED_TIERS[tier]
        conditions[key] = value
    if speed not in (None, "standard"):
        conditions["speed"] = str(speed)
    priced_provider, info = found
    if not _has_prices_for(info, conditions):
        return None
    if tier == "default":
        conditions["service_tier"] = tier
    usage = _usage(tokens, mapping(usage_raw))
    return _calculate(priced_provider, info, usage, at, conditions, output_known=tokens.tokens_out is not None)


def cost_of(decoded: Decoded, at: datetime) -> Cost | None:
    """The cost of a decoded call: by the model that ran, else by the name that was asked for, which bills the same."""
    if decoded.operation in FREE_OPERATIONS:
        return None
    tokens = Tokens(decoded.tokens_in, decoded.tokens_out, decoded.tokens_cache_read, decoded.tokens_cache_write)
    speed = dig(decoded.usage_raw, ("speed",))
    for model in dict.fromkeys((decoded.model_resolved, decoded.model_requested)):
        if model is not None:
            found = cost(
                decoded.provider,
                model,
                tokens,
                at,
                usage_raw=decoded.usage_raw,
                service_tier=decoded.service_tier_used,
                speed=speed if isinstance(speed, str) else None,
            )
            if found is not None:
                return found
    return None


def _plain_name(model: str) -> str:
    """A model's name without the resource path around it."""
    return model.rpartition(":foundation-model/")[2].rpartition(":inference-profile/")[2]


@lru_cache(maxsize=1)
def _version() -> str:
    from genai_prices import __version__

    return str(__version__)


@lru_cache(maxsize=1024)
def _model(provider_id: str, model: str) -> tuple[Provider, ModelInfo] | None:
    """The list's entry for a model; the search goes through patterns and takes up to a millisecond, hence the cache."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        return get_snapshot().find_provider_model(model, None, provider_id, None)
    except LookupError:
        return None


def _has_prices_for(info: ModelInfo, conditions: Mapping[str, str]) -> bool:
    variants = [variant.when for variant in info.price_variants or ()]
    return all(any(when.get(key) == value for when in variants) for key, value in conditions.items())


def _usage(tokens: Tokens, raw: Mapping[str, Any]) -> dict[str, int]:
    """Counts under the list's names. More exact ones are given only together with the whole that contains them."""
    usage = {"input_tokens": tokens.tokens_in or 0, "output_tokens": tokens.tokens_out or 0}
    billed = mapping(raw.get("billed_units"))
    if billed:
        usage["input_tokens"] = count(billed.get("input_tokens")) or 0
        usage["output_tokens"] = count(billed.get("output_tokens")) or 0
        return usage
    if tokens.cache_read:
        usage["cache_read_tokens"] = tokens.cache_read
    if tokens.cache_write:
        usage["cache_write_tokens"] = tokens.cache_write
        for name, paths in (("cache_write_5m_tokens", _WRITE_5_MINUTES), ("cache_write_1h_tokens", _WRITE_1_HOUR)):
            part = _first_count(raw, paths)
            if part and part <= tokens.cache_write:
                usage[name] = part
        for entry in sequence(raw.get("cacheDetails")):
            lifetime, part = dig(entry, ("ttl",)), count(dig(entry, ("inputTokens",)))
            if lifetime in ("5m", "1h") and part and part <= tokens.cache_write:
                usage[f"cache_write_{lifetime}_tokens"] = part
    searches = count(dig(raw, ("server_tool_use", "web_search_requests")))
    if searches:
        usage["web_searches"] = searches
    for name, paths in (("input_audio_tokens", _AUDIO_IN), ("output_audio_tokens", _AUDIO_OUT)):
        part = _first_count(raw, paths)
        if part:
            usage[name] = part
    return usage


def _first_count(raw: Mapping[str, Any], paths: tuple[Path, ...]) -> int | None:
    for path in paths:
        found = count(dig(raw, path))
        if found is not None:
            return found
    return None


def _calculate(
    provider: Provider, info: ModelInfo, usage: Mapping[str, int], at: datetime, conditions: Mapping[str, str], *, output_known: bool
) -> Cost | None:
    from genai_prices import Usage

    try:
        price = info.calc_price(Usage(**usage), provider, genai_request_timestamp=at, price_context=dict(conditions) or None)
    except ValueError:
        # The list can't price this combination of counts (cache and audio at once, or counts that contradict each other).
        return None
    prices = price.model_price
    if not output_known and prices.output_mtok:
        return None
    if prices.input_mtok is None and prices.output_mtok is None:
        return None
    if usage.get("web_searches") and prices.web_searches_kcount is None:
        return None
    return Cost(float(price.total_price), SOURCE, _version())


def _stated(provider: str, raw: Mapping[str, Any]) -> Cost | None:
    """The cost that the provider itself states in its usage object: better than any list, since it knows who served the call."""
    for statement in STATED_COSTS:
        if statement.provider != provider:
            continue
        amount = number(dig(raw, statement.path))
        if amount is None:
            continue
        if statement.also is not None and raw.get(statement.also_when) is True:
            more = number(dig(raw, statement.also))
            if more is None:
                return None
            amount += more
        return Cost(amount * statement.usd, provider, "stated in the answer")
    return None
