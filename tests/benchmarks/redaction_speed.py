"""How fast redaction is, one thread: prints a small table. Run: ``python tests/benchmarks/redaction_speed.py``.

Targets: a fresh 30 KB request of 20 messages in 150 microseconds, a 2 KB answer in 30, 5 MB of text in 40 ms, first use in 20 ms.
"""

from __future__ import annotations

import asyncio.base_events
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fr_recorder.redact import Redactor
from fr_schema.parts import cut_body

SOURCE = Path(asyncio.base_events.__file__).read_text().replace("@", " at ")


def microseconds(run: Callable[[], object], repeats: int) -> float:
    """Best mean time of one run, over seven rounds."""
    best = float("inf")
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(repeats):
            run()
        best = min(best, (time.perf_counter() - start) / repeats)
    return best * 1e6


def first_use() -> float:
    """Milliseconds from a new redactor to its first result, in a new process, imports already done."""
    code = (
        "import time; from fr_recorder.redact import Redactor; import re2; start = time.perf_counter()\n"
        "Redactor(bytes(32), 'k1').text('hello', 't'); print((time.perf_counter() - start) * 1e3)"
    )
    times = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) for _ in range(5)]
    return min(times)


def chat_request(mail: str = "") -> str:
    """A request of 30 KB: 20 messages of source text, each with ``mail`` in it."""
    messages = [{"role": "user", "content": SOURCE[place * 1450 : (place + 1) * 1450] + mail} for place in range(20)]
    return json.dumps({"model": "gpt-4o", "temperature": 0, "messages": messages})


def chat_answer() -> bytes:
    """An answer of 2 KB with a tool call."""
    call = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": json.dumps({"user_id": "mia_li_3668"})}}
    message = {"role": "assistant", "content": SOURCE[1000:2500], "tool_calls": [call]}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]
    return json.dumps({"id": "chatcmpl-9", "object": "chat.completion", "model": "gpt-4o", "choices": choices, "usage": usage}).encode()


def chat_stream(events: int, mail: str = "") -> bytes:
    """An answer as server-sent events of one word each."""
    words = [*SOURCE.split()[: events - 1], mail]
    chunks = [
        {"id": "chatcmpl-9", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": f"{word} "}}]}
        for word in words
    ]
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


def main() -> None:
    """Measure and print."""
    redactor = Redactor(bytes(range(32)), "k1")
    clean, dirty = cut_body(chat_request()), cut_body(chat_request(" joe@example.org"))
    assert clean is not None
    assert dirty is not None
    answer, stream, dirty_stream = chat_answer(), chat_stream(1000), chat_stream(1000, "joe@example.org")
    text = (SOURCE * (5_000_000 // len(SOURCE) + 1))[:5_000_000]
    request = chat_request()
    assert redactor.segments(clean[0])[1] == []
    assert redactor.text(text, "t")[1] == []
    rows: list[tuple[str, float, str]] = [
        ("first use, rules compiled (ms)", first_use(), "20"),
        (f"segments, {len(request)} bytes, 20 messages, clean (us)", microseconds(lambda: redactor.segments(clean[0]), 200), "150"),
        ("segments, the same, a hit in every message (us)", microseconds(lambda: redactor.segments(dirty[0]), 20), ""),
        (
            f"body, JSON answer of {len(answer)} bytes, clean (us)",
            microseconds(lambda: redactor.body(answer, "application/json"), 500),
            "30",
        ),
        ("text, 5 MB, clean (ms)", microseconds(lambda: redactor.text(text, "t"), 1) / 1e3, "40"),
        ("body, 1000 events, clean (us per event)", microseconds(lambda: redactor.body(stream, "text/event-stream"), 3) / 1000, ""),
        ("body, 1000 events, one hit (us per event)", microseconds(lambda: redactor.body(dirty_stream, "text/event-stream"), 3) / 1000, ""),
    ]
    for name, measured, target in rows:
        print(f"{name:60s} {measured:9.1f}   {'target ' + target if target else ''}")
    megabytes = len(request) / 1e6
    print(f"{'segments, clean (MB/s)':60s} {megabytes / (rows[1][1] / 1e6):9.0f}")


if __name__ == "__main__":
    main()
