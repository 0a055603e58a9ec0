"""Making the measured calls, inside a cell, and taking their times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

# Taken before any recorder starts: some replace these functions in their modules, and their clock would then be what is measured.
from time import perf_counter_ns, process_time_ns, thread_time_ns
from typing import Any, NamedTuple

from recorders.adapter import Adapter, Answer
from workload import Request

__all__ = ["WARM_UP", "Times", "http_asker", "measured_calls"]

WARM_UP = 10
"""Calls that are made first and not counted: connections, lazy imports, the recorder's first batch."""

_TIMEOUT_S = 30.0


class Times(NamedTuple):
    """What calls cost.

    Attributes:
        latency_us: of each call, as its caller sees it.
        thread_us: CPU of the caller's thread, of each call.
        process_us: CPU of the process per call: all its threads, up to the end of the final flush.
    """

    latency_us: list[float]
    thread_us: list[float]
    process_us: float


def http_asker(url: str) -> Callable[[Request], Answer]:
    """A chat client on httpx2 with keep-alive, as today's SDKs are. Raises httpx2's errors for an answer that is not 200."""
    import httpx2

    client = httpx2.Client(timeout=_TIMEOUT_S)
    headers = {"authorization": "Bearer sk-benchmark-not-a-real-key"}

    def ask(request: Request) -> Answer:
        response = client.post(f"{url}/v1/chat/completions", json=request, headers=headers)
        response.raise_for_status()
        answer: Answer = response.json()
        return answer

    return ask


def measured_calls(
    adapter: Adapter,
    call: Callable[[Request, Callable[[], Any]], Answer],
    ask: Callable[[Request], Answer],
    warm_up: Sequence[Request],
    requests: Sequence[Request],
) -> Times:
    """Make the calls one after another, and take their times; those of ``warm_up`` go before and are not counted.

    Args:
        call: the adapter's ``live`` or ``by_hand``.

    Raises:
        RuntimeError: when an answer is not a chat completion.
    """
    for request in warm_up:
        call(request, partial(ask, request))
    adapter.flush()
    latency, thread = [], []
    before = process_time_ns()
    for request in requests:
        started, thread_started = perf_counter_ns(), thread_time_ns()
        answer = call(request, partial(ask, request))
        thread_ended, ended = thread_time_ns(), perf_counter_ns()
        latency.append((ended - started) / 1000)
        thread.append((thread_ended - thread_started) / 1000)
        if "choices" not in answer:
            raise RuntimeError("the answer is not a chat completion")
    adapter.flush()
    return Times(latency, thread, (process_time_ns() - before) / 1000 / len(latency))
