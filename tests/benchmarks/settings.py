"""How large and how often: the full run, and a quick one that only shows that everything works."""

from __future__ import annotations

import sys
from typing import NamedTuple

__all__ = ["FULL", "QUICK", "Bench", "Sizes"]


class Sizes(NamedTuple):
    """How much each measure does.

    Attributes:
        live_calls, canned_calls: measured calls of a cell.
        turns: of a conversation.
        first_seen: requests of real text that was not seen before; there are 27.
        killed_after: calls before the process kills itself.
        starts: how often each command is started.
        replay_calls: calls of the recorded run.
        replays: how often it is replayed.
        outcome_agents: at most so many agents whose replays are looked at.
        latency_ms: how long the server takes to answer.
        clock_reads: of each clock, in one loop.
        long_turns: of the conversation that is split.
        large_results: tool results of 5 MB.
        sealed_calls, burst_calls: calls of those measures.
        writer_calls: of each of the eight processes that write at once.
    """

    live_calls: int = 200
    canned_calls: int = 200
    turns: int = 100
    first_seen: int = 27
    killed_after: int = 50
    starts: int = 15
    replay_calls: int = 300
    replays: int = 3
    outcome_agents: int = 100
    latency_ms: float = 20.0
    clock_reads: int = 20_000
    long_turns: int = 400
    large_results: int = 10
    sealed_calls: int = 300
    burst_calls: int = 10_000
    writer_calls: int = 300


FULL = Sizes()
QUICK = Sizes(
    live_calls=5,
    canned_calls=5,
    turns=5,
    first_seen=3,
    killed_after=5,
    starts=1,
    replay_calls=1,
    replays=1,
    outcome_agents=2,
    latency_ms=1.0,
    clock_reads=100,
    long_turns=5,
    large_results=1,
    sealed_calls=3,
    burst_calls=40,
    writer_calls=3,
)


class Bench(NamedTuple):
    """One run of the benchmarks.

    Attributes:
        scratch: a folder for everything that is written.
        rounds: how often the cells of a measure are gone through, in turn.
        sizes: how much each does.
    """

    scratch: str
    rounds: int
    sizes: Sizes

    def say(self, what: str) -> None:
        """Show on stderr what is being measured now."""
        print(f"measuring: {what}", file=sys.stderr, flush=True)
