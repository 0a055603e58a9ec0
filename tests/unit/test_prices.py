"""Costs: from the price list by hand, None where the price or the usage is unknown, and never over the network."""

import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fr_schema.prices import FREE_OPERATIONS, PRICED_TIERS, PROVIDER_IDS, SOURCE, STATED_COSTS, Tokens, cost, cost_of
from fr_schema.providers import Decoded, decode
from fr_schema.providers.hosts import HOSTS

sys.path.insert(0, str(Path(__file__).resolve().parent))

from provider_cassettes import CASSETTES, recorded_exchanges

AT = datetime(2026, 11, 1, tzinfo=UTC)
MILLION = 1_000_000

# Prices per million tokens as they stand in the installed list, worked out by hand:
# gpt-4o 2.5 in, 1.25 cached, 10 out; claude-sonnet-4-5 3 in, 0.3 read, 3.75 written, 6 written for an hour, 15 out.
HAND = [
    ("openai", "gpt-4o-2024-08-06", Tokens(MILLION, MILLION), None, 12.5),
    ("openai", "gpt-4o-2024-08-06", Tokens(MILLION, 0, cache_read=MILLION), None, 1.25),
    ("azure", "gpt-4o-2024-08-06", Tokens(MILLION, MILLION), None, 12.5),
    ("anthropic", "claude-sonnet-4-5-20250929", Tokens(10_000, 1000), None, 0.045),
    ("anthropic", "claude-sonnet-4-5-20250929", Tokens(10_000, 1000, 5000, 2000), None, 0.009 + 0.0015 + 0.0075 + 0.015),
    (
        "anthropic",
        "claude-sonnet-4-5-20250929",
        Tokens(10_000, 1000, 5000, 2000),
        {"cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 2000}},
        0.009 + 0.0015 + 0.012 + 0.015,
    ),
    ("anthropic", "claude-sonnet-4-5-20250929", Tokens(10_000, 1000), {"server_tool_use": {"web_search_requests": 2}}, 0.045 + 0.02),
    (
        "cohere",
        "command-r7b-12-2024",
        Tokens(110, 15),
        {"billed_units": {"input_tokens": 10, "output_tokens": 5}},
        10 * 0.0375e-6 + 5 * 0.15e-6,
    ),
    ("openai", "text-embedding-3-small", Tokens(MILLION, None), None, 0.02),
]


@pytest.mark.parametrize(("provider", "model", "tokens", "raw", "usd"), HAND)
def test_cost_worked_out_by_hand(provider: str, model: str, tokens: Tokens, raw: Any, usd: float) -> None:
    """Cache reads, cache writes of both lives, searches and billed units each have their price."""
    found = cost(provider, model, tokens, AT, usage_raw=raw)
    assert found is not None
    assert found.usd == pytest.approx(usd, rel=1e-9)
    assert found.source == SOURCE
    assert found.version[0].isdecimal()


@pytest.mark.parametrize(
    ("provider", "model", "tokens"),
    [
        ("unknown", "gpt-4o", Tokens(1, 1)),
        ("ollama", "llama3.3", Tokens(1, 1)),
        ("huggingface", "gpt-4o", Tokens(1, 1)),
        ("openai", "no-such-model", Tokens(1, 1)),
        ("openai", "gpt-4o", Tokens(None, 1)),
        ("openai", "gpt-4o", Tokens(10, None)),
        ("openai", "gpt-4o", Tokens(None, None)),
        ("openai", "gpt-4o", Tokens(10, 1, cache_read=11)),
        ("bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/x", Tokens(1, 1)),
        ("openai", "", Tokens(1, 1)),
    ],
)
def test_unknown_cost_is_none(provider: str, model: str, tokens: Tokens) -> None:
    """An unknown host, model or count, and counts that contradict each other, have no cost; never zero."""
    assert cost(provider, model, tokens, AT) is None


def test_no_tokens_cost_nothing() -> None:
    """Zero is a price when the counts are known to be zero."""
    found = cost("openai", "gpt-4o", Tokens(0, 0), AT)
    assert found is not None
    assert found.usd == 0.0


def test_old_calls_have_old_prices() -> None:
    """o3 cost five times as much before 10 June 2025; a time without zone is UTC."""
    tokens = Tokens(MILLION, MILLION)
    before, after = cost("openai", "o3", tokens, datetime(2025, 6, 1)), cost("openai", "o3", tokens, datetime(2025, 7, 1, tzinfo=UTC))
    assert before is not None
    assert after is not None
    assert (before.usd, after.usd) == (pytest.approx(50.0), pytest.approx(10.0))


@pytest.mark.parametrize(("tier", "model", "factor"), [("flex", "gpt-5-2025-08-07", 0.5), ("priority", "gpt-4.1-2025-04-14", 1.75)])
def test_service_tier_changes_the_price(tier: str, model: str, factor: float) -> None:
    """Tiers with a price of their own are billed at it."""
    tokens = Tokens(MILLION, 0)
    standard, other = cost("openai", model, tokens, AT, service_tier="default"), cost("openai", model, tokens, AT, service_tier=tier)
    assert standard is not None
    assert other is not None
    assert other.usd == pytest.approx(standard.usd * factor)


@pytest.mark.parametrize("tier", [*PRICED_TIERS, "scale", "PROVISIONED_THROUGHPUT", "reserved"])
def test_tier_without_a_price_has_no_cost(tier: str) -> None:
    """The list price would be wrong for it: Mistral's model has none of these but a batch price."""
    found = cost("mistral", "codestral-latest", Tokens(1000, 1000), AT, service_tier=tier)
    assert (found is not None) == (tier == "batch")


def test_fast_answers_have_their_own_price() -> None:
    """Anthropic's fast mode is priced for the models that have it and unknown for the others."""
    tokens = Tokens(1000, 1000)
    fast, standard = (cost("anthropic", "claude-fable-5-2", tokens, AT, speed=speed) for speed in ("fast", "standard"))
    assert fast is not None
    assert standard is not None
    assert fast.usd > standard.usd
    assert cost("anthropic", "claude-3-opus-20240229", tokens, AT, speed="fast") is None


@pytest.mark.parametrize(
    ("provider", "raw", "usd"),
    [
        ("openrouter", {"cost": 0.0125, "is_byok": False}, 0.0125),
        ("openrouter", {"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}, 0.021),
        ("xai", {"cost_in_usd_ticks": 232_856_000}, 0.0232856),
        ("perplexity", {"cost": {"total_cost": 0.006}}, 0.006),
    ],
)
def test_cost_that_the_provider_states_comes_first(provider: str, raw: Any, usd: float) -> None:
    """It is taken as it stands, for any model, and says who stated it."""
    found = cost(provider, "any-model", Tokens(None, None), AT, usage_raw=raw)
    assert found is not None
    assert (found.usd, found.source) == (pytest.approx(usd), provider)
    assert cost("unknown", "any-model", Tokens(1, 1), AT, usage_raw=raw) is None
    assert provider in {statement.provider for statement in STATED_COSTS}


def test_every_priced_provider_is_one_of_ours_and_of_the_list() -> None:
    """No row of the provider table is dead."""
    from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

    providers = get_snapshot().providers
    assert set(PROVIDER_IDS) <= {row.provider for row in HOSTS}
    for identity in PROVIDER_IDS.values():
        found = find_provider_by_id(providers, identity)
        assert found is not None
        assert found.id == identity


def test_operations_that_spend_nothing_have_no_cost() -> None:
    """Not even of zero, and whatever the columns say."""
    for operation in FREE_OPERATIONS:
        row = Decoded("openai", "openai.responses", operation, model_resolved="gpt-4o", tokens_in=5, tokens_out=5)
        assert cost_of(row, AT) is None


def test_requested_name_is_priced_when_the_resolved_one_is_not_listed() -> None:
    """xAI resolves grok-3-mini to a name that the list does not have."""
    row = Decoded(
        "xai", "openai.chat", "chat", model_requested="grok-3-mini", model_resolved="grok-3-mini-high", tokens_in=MILLION, tokens_out=0
    )
    found = cost_of(row, AT)
    assert found is not None
    assert found.usd == pytest.approx(0.3)


@given(
    st.sampled_from([*PROVIDER_IDS, "unknown", ""]),
    st.sampled_from(["gpt-4o", "claude-sonnet-4-5", "gemini-2.5-pro", "x", "", "\x00", "arn:aws:bedrock:::foundation-model/a"]),
    st.tuples(*[st.none() | st.integers(0, 10**12)] * 4),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.dictionaries(st.sampled_from(["cost", "cache_creation", "cacheDetails", "ttl", "billed_units"]), inner),
    ),
    st.none() | st.sampled_from(["flex", "Priority", "default", "?"]),
)
def test_pricing_never_raises_and_is_never_negative(provider: str, model: str, counts: Any, raw: Any, tier: str | None) -> None:
    """Any counts, any usage object, any tier."""
    found = cost(provider, model, Tokens(*counts), AT, usage_raw=raw, service_tier=tier)
    if found is not None and provider != "openrouter":
        assert found.usd >= 0


@pytest.mark.skipif(not CASSETTES.is_dir(), reason="the recorded provider exchanges (../shared/data) are not here")
def test_list_price_agrees_with_what_openrouter_states() -> None:
    """For plain calls without tools of its own, OpenRouter's statement and the list give the same cost within a tenth."""
    compared = 0
    for recorded in recorded_exchanges():
        decoded = decode(recorded.exchange)
        if decoded is None or decoded.provider != "openrouter" or "advisor" in recorded.name or "annotation" in recorded.name:
            continue
        stated = cost_of(decoded, AT)
        usage = {key: value for key, value in decoded.usage_raw.items() if key != "cost"}
        tokens = Tokens(decoded.tokens_in, decoded.tokens_out, decoded.tokens_cache_read, decoded.tokens_cache_write)
        listed = cost("openrouter", decoded.model_resolved or "", tokens, AT, usage_raw=usage)
        if "cost" in decoded.usage_raw and stated is not None and listed is not None:
            assert listed.usd == pytest.approx(stated.usd, rel=0.1)
            compared += 1
    assert compared >= 5


def test_pricing_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on first use either: a fresh process in which sockets are forbidden prices a call."""
    code = (
        "import socket\n"
        "def forbidden(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = forbidden; socket.create_connection = forbidden; socket.getaddrinfo = forbidden\n"
        "import sys; from datetime import datetime\n"
        "from fr_schema.prices import cost, Tokens\n"
        "assert 'genai_prices' not in sys.modules\n"
        "print(cost('openai', 'gpt-4o', Tokens(1000000, 0), datetime(2026, 1, 1)).usd)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("2.5", 0), done.stderr

    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("network")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    assert cost("openai", "gpt-4o-mini", Tokens(10, 10), AT) is not None
