"""The report's arithmetic: medians over rounds, percentiles over all calls, what a recorder adds, and the noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

__all__ = ["added_median", "median_of_medians", "noise", "pooled_percentile", "ratio"]

Rounds = Sequence[Sequence[float]]
"""For each round, one figure per call."""


def median_of_medians(rounds: Rounds) -> float:
    """The median of the rounds' medians. Raises StatisticsError when there is no round, or an empty one."""
    return median([median(one) for one in rounds])


def pooled_percentile(rounds: Rounds, share: float) -> float:
    """The percentile over the calls of all rounds together, by nearest rank; ``share`` is 0.99 for the 99th.

    Raises:
        ValueError: when there is no call.
    """
    pooled = sorted(figure for one in rounds for figure in one)
    if not pooled:
        raise ValueError("no call was measured")
    return pooled[max(0, math.ceil(share * len(pooled)) - 1)]


def added_median(recorder: Rounds, baselines: Sequence[Rounds]) -> float:
    """What a recorder adds: in each round, its median less that of the baselines' calls together; then the median over rounds.

    Differences are taken within a round because the machine's speed drifts from one round to the next.
    """
    differences = []
    for number, one in enumerate(recorder):
        without = [figure for baseline in baselines for figure in baseline[number]]
        differences.append(median(one) - median(without))
    return median(differences)


def noise(baseline: Rounds, repeated: Rounds) -> float:
    """The largest difference between the medians of the baseline and of its repeat in one round."""
    return max(abs(median(a) - median(b)) for a, b in zip(baseline, repeated, strict=True))


def ratio(value: float, base: float) -> float | None:
    """How many times ``base`` a value is; None when the base is not above zero, as an added time within the noise can be."""
    return value / base if base > 0 else None
