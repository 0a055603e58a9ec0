"""CPU that the recorder's writer spends on a call, without threads, network or waiting: a figure that a busy machine changes little.

    python tests/benchmarks/writer_cost.py [--calls 100]

*Warm* is one call after the other. *Cold* walks through 24 MB before each event, as other work on the processor does while an agent waits
for its model: what is in the caches then is gone, and how much code and how many tables an event touches counts more than what it computes.
Of a streamed answer, *while it comes* is looked through before its end, and the program waits for *end* alone.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from time import thread_time_ns
from typing import Any, NamedTuple

from upstream import Settings, completion
from workload import Request, chat_request, growing_conversation, text

_WALKED_BYTES = 24 << 20
_STREAMED_CHUNKS = (100, 500, 2_000)
_UNCOUNTED = 5


class _HandedOver:
    """Stands in for the writer: beginnings and ends are encoded later, under the clock; what comes between at once."""

    def __init__(self, follow: Callable[[Any], None]) -> None:
        self.put_following = follow
        self._spans = 0

    def new_span_id(self) -> str:
        self._spans += 1
        return f"{self._spans:016x}"

    def accepts(self, size: int) -> bool:
        return size >= 0

    def put_begin(self, crossing: Any, size: int) -> None:
        """Nothing is to be done for it."""

    def put_end(self, crossing: Any, size: int, *, wait: bool) -> None:
        crossing.take_end_order()


class Call(NamedTuple):
    """One call: the request's body, and the answer's type and chunks."""

    body: bytes
    answer_type: str
    chunks: list[bytes]


def chat_calls(requests: list[Request], answer_characters: int) -> list[Call]:
    """Calls with whole answers."""
    bodies = [json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode() for request in requests]
    return [Call(body, "application/json", [completion(body, Settings(0.0, answer_characters, None))]) for body in bodies]


def streamed_calls(calls: int, chunks: int, seed: str) -> list[Call]:
    """Calls whose answers come in this many events of five characters."""
    made = []
    for number in range(calls):
        said = text(random.Random(f"{seed}:{number}"), 5 * chunks)
        events = [
            {
                "id": f"chatcmpl-{number}",
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": {"content": said[at : at + 5]}}],
            }
            for at in range(0, len(said), 5)
        ]
        body = json.dumps(chat_request(seed, number, messages=2, characters=400)).encode()
        made.append(Call(body, "text/event-stream", [b"data: %s\n\n" % json.dumps(event).encode() for event in events]))
    return made


class Bench:
    """A store, one journal session, and the crossings to feed it with."""

    def __init__(self, folder: str) -> None:
        from fr_recorder import recorder
        from fr_recorder.crossings import RecordingBackend
        from fr_recorder.trace_context import TraceContext

        started = recorder.start(recorder.Config(folder))
        if started is None:
            raise SystemExit("writer_cost.py: the store cannot be made")
        self._session = started._new_session()
        self._session.begin_file()
        self._following = 0.0
        writer: Any = _HandedOver(self._follow)
        self._backend = RecordingBackend(writer, TraceContext(started.trace), in_run=False)

    def _crossing(self, call: Call) -> Any:
        headers = [(b"Host", b"127.0.0.1:4711"), (b"Accept", b"*/*"), (b"Accept-Encoding", b"gzip, deflate, br, zstd")]
        headers += [(b"Connection", b"keep-alive"), (b"User-Agent", b"python-httpx2/2.16"), (b"authorization", b"Bearer sk-benchmark")]
        headers += [(b"Content-Length", b"%d" % len(call.body)), (b"Content-Type", b"application/json")]
        crossing: Any = self._backend.http("httpx2", "POST", "http://127.0.0.1:4711/v1/chat/completions", headers, call.body, None)
        request_id = f"req_{secrets.token_hex(12)}".encode()
        crossing.answered(200, [(b"content-type", call.answer_type.encode()), (b"x-request-id", request_id)], "HTTP/1.1")
        return crossing

    def _follow(self, crossing: Any) -> None:
        self._following += self._timed(self._session.follow, crossing, cold=False)

    def _timed(self, job: Callable[[Any], Any], crossing: Any, *, cold: bool) -> float:
        if cold:
            bytes(_WALKED_BYTES)
        started = thread_time_ns()
        records = self._session.records(job(crossing))
        if records:
            self._session.append(records)
        return (thread_time_ns() - started) / 1000

    def costs(self, calls: list[Call], *, cold: bool) -> tuple[float, float, float]:
        """Median µs of CPU for the beginning, for the answer while it comes, and for the end."""
        rows = []
        for call in calls:
            crossing = self._crossing(call)
            begin, self._following = self._timed(self._session.begin, crossing, cold=cold), 0.0
            for chunk in call.chunks:
                crossing.chunk(chunk)
            crossing.finish("eof")
            rows.append((begin, self._following, self._timed(self._session.end, crossing, cold=cold)))
        begins, followings, ends = zip(*rows[min(_UNCOUNTED, len(rows) - 1) :], strict=True)
        return statistics.median(begins), statistics.median(followings), statistics.median(ends)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU that the recorder's writer spends on a call.")
    parser.add_argument("--calls", type=int, default=100, help="how many of each kind (default 100)")
    given = parser.parse_args()
    kinds: dict[str, Callable[[str], list[Call]]] = {
        "fresh 30 KB prompt, answer of 2 KB": lambda seed: chat_calls([chat_request(seed, n) for n in range(given.calls)], 1_600),
        "turn of a growing conversation": lambda seed: chat_calls(
            growing_conversation(seed, given.calls, messages_per_turn=2, characters=750), 40
        ),
    }
    for chunks in _STREAMED_CHUNKS:
        kinds[f"answer streamed in {chunks:,} events"] = partial(streamed_calls, max(10, given.calls // 10), chunks)
    print(f"{'µs of CPU, median':<40}{'':>6}{'begin':>9}{'while it comes':>16}{'end':>9}")
    with tempfile.TemporaryDirectory(prefix="fr-bench-") as folder:
        bench = Bench(folder)
        for name, make in kinds.items():
            for cold in (False, True):
                begin, following, end = bench.costs(make(f"{name}:{cold}"), cold=cold)
                print(f"{name:<40}{'cold' if cold else 'warm':>6}{begin:>9,.0f}{following:>16,.0f}{end:>9,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
