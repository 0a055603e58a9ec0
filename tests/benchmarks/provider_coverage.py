"""Which columns the decoders fill, provider by provider, over the recorded exchanges: a Markdown table on stdout.

Run: python tests/benchmarks/provider_coverage.py
A cell is the share of that provider's successful conversations in which the column is filled; ``·`` is none.
"""

import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from fr_schema.prices import cost_of
from fr_schema.providers import Decoded, decode

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))

from provider_cassettes import CASSETTES, RecordedExchange, recorded_exchanges

COLUMNS = (
    *("model_requested", "model_resolved", "system_fingerprint", "response_id", "provider_request_id", "params_echoed", "params_defaulted"),
    *("system_prompt", "tools", "output_text", "reasoning_text", "tool_calls", "finish_reason", "refusal", "safety"),
    *("tokens_in", "tokens_out", "tokens_cache_read", "tokens_cache_write", "tokens_reasoning", "service_tier_used", "provider_ms"),
)
_REPETITIONS = 5


def _filled(decoded: Decoded, column: str) -> bool:
    return getattr(decoded, column) not in (None, (), {})


def _share(count: int, total: int) -> str:
    return "·" if count == 0 else f"{round(100 * count / total)} %"


def _microseconds(recorded: RecordedExchange) -> float:
    started = perf_counter()
    for _ in range(_REPETITIONS):
        decode(recorded.exchange)
    return (perf_counter() - started) / _REPETITIONS * 1e6


def main() -> int:
    """Print the tables; exit code 1 when the recorded exchanges are not there."""
    if not CASSETTES.is_dir():
        print("the recorded provider exchanges (../shared/data) are not here", file=sys.stderr)
        return 1
    totals: Counter[str] = Counter()
    filled: dict[str, Counter[str]] = defaultdict(Counter)
    sources: dict[str, Counter[str]] = defaultdict(Counter)
    times: dict[str, list[float]] = defaultdict(list)
    not_understood: list[str] = []
    at = datetime.now(UTC)
    for recorded in recorded_exchanges():
        decoded = decode(recorded.exchange)
        if decoded is None:
            continue
        if not decoded.understood:
            not_understood.append(recorded.name)
        if decoded.operation != "chat" or (recorded.exchange.status or 0) >= 400:
            continue
        name = f"{decoded.provider} {decoded.api_flavor}"
        totals[name] += 1
        sources[name][decoded.model_resolved_source] += 1
        times[name].append(_microseconds(recorded))
        filled[name].update(column for column in COLUMNS if _filled(decoded, column))
        filled[name]["cost"] += cost_of(decoded, at) is not None
    names = sorted(totals)
    print("| column | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    print("| exchanges | " + " | ".join(str(totals[name]) for name in names) + " |")
    for column in (*COLUMNS, "cost"):
        print(f"| {column} | " + " | ".join(_share(filled[name][column], totals[name]) for name in names) + " |")
    words = [", ".join(f"{source} {count}" for source, count in sorted(sources[name].items())) for name in names]
    print("| model_resolved_source | " + " | ".join(words) + " |")
    print("| median decode, µs | " + " | ".join(f"{sorted(times[name])[len(times[name]) // 2]:.0f}" for name in names) + " |")
    print(f"\nNot understood: {', '.join(not_understood) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
