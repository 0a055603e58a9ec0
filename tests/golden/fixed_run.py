"""The run that the golden files hold: the real recorder, driven call by call, under a clock, keys and a machine that do not exist."""

from __future__ import annotations

import itertools
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))

from fact_rig import in_context, in_lane
from recorder_rig import CHAT_URL, JSON_HEADERS, NEXT_DAY_TRACE, NOON_MS, TRACE, Rig

from fr_recorder import crossings, real, session
from fr_recorder.api import _Point
from fr_recorder.boundary import ToolCall
from fr_recorder.crossings import RecordedHttp, RecordedTool
from fr_recorder.facts import put_fact
from fr_recorder.lanes import Lane
from fr_recorder.request_links import request_links
from fr_recorder.trace_context import TraceContext
from fr_recorder.values import pack

WRITER = "w00000000001-aaaaaa-7-00000001"
LABELS = {"session": "s-17", "user": "ann", "tags": {"plan": "pro", "é": "☂"}, "task": "t-1", "agent": "desk", "trace": "support"}
TOOLS = [
    {"type": "function", "function": {"name": "refund", "parameters": {"type": "object", "properties": {"order": {"type": "string"}}}}}
]
CALL = {"id": "call_1", "type": "function", "function": {"name": "refund", "arguments": '{"order": "o-1"}'}}
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief. é☂😀"},
    {"role": "user", "content": "Money back for o-1, says ann@shop.example"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "refunded o-1"},
]
WANTS_TOOL = {
    "id": "chatcmpl-2",
    "object": "chat.completion",
    "model": "golden-1-2026-01-01",
    "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": [CALL]}}],
    "system_fingerprint": "fp_1",
    "service_tier": "default",
    "usage": {
        "prompt_tokens": 21,
        "completion_tokens": 9,
        "total_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 4},
    },
}
ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","model":"golden-1-2026-01-01","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"hello"}}],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}'
)
RUN_SPAN = "f" * 16
RUN = {
    "cwd": "/srv",
    "seeds": {"hash": "1", "random": "00"},
    "interpreter": {"program": "/usr/bin/python3", "platform": "linux", "machine": "x86_64"},
    "code_version": "c0ffee",
    "code_dirty": False,
    "argv": ["python3", "agent.py", "--password=[[fr:password:k1:aaaaaaaaaaaaaaaa]]"],
    "env": {"LANG": "C.UTF-8", "OPENAI_API_KEY": "[[fr:env:present]]"},
}


def request(count: int, **params: Any) -> bytes:
    """The conversation up to a message, asked of a model that no price list has."""
    return json.dumps({"messages": MESSAGES[:count], "tools": TOOLS, "model": "golden-1", "temperature": 0.5, **params}).encode()


def events(*texts: str) -> list[bytes]:
    """A streamed answer, event by event."""
    head = {"id": "chatcmpl-3", "object": "chat.completion.chunk", "model": "golden-1-2026-01-01"}
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts
    ]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return [*(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n"]


def gzipped(data: bytes) -> bytes:
    """RFC 1952 with one stored block, which no library's version changes."""
    block = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + block + struct.pack("<II", zlib.crc32(data), len(data))


@contextmanager
def fixed_world() -> Iterator[None]:
    """Clocks that tick a millisecond at each look, the first place in the order, and packages and files of no real machine."""
    ticks = itertools.count(1).__next__
    with ExitStack() as stack:
        stack.enter_context(patch.object(real, "wall_ns", lambda: NOON_MS * 1_000_000 + ticks() * 1_000_000))
        stack.enter_context(patch.object(real, "monotonic_ns", lambda: ticks() * 1_000_000))
        stack.enter_context(patch.object(crossings, "next_order", itertools.count(1).__next__))
        stack.enter_context(patch.object(session, "installed_packages", lambda: {"openai": "3.0.0"}))
        stack.enter_context(patch.object(session, "loaded_code", lambda _: {"/srv/agent.py": "ab" * 32}))
        stack.enter_context(patch.object(session, "seams_seen", lambda: {"httpx": "hooked"}))
        yield


class _Recorder:
    """Drives the rig as the seams do."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder, writer=WRITER)
        self.writer: Any = self.rig
        self.context = TraceContext(TRACE, None, LABELS)

    def http(self, body: bytes, *, url: str = CHAT_URL, lane: Lane | None = None, trace: str | None = None) -> RecordedHttp:
        """An exchange begins."""
        context = TraceContext(trace) if trace is not None else self.context
        headers = [("content-type", "application/json"), ("authorization", "Bearer " + "planted-000")]
        headers += [("user-agent", "OpenAI/Python 3.0.0"), ("x-stainless-package-version", "3.0.0")]
        crossing = RecordedHttp(self.writer, context, lane or self.rig.lane, "httpx", "POST", url, headers, body, None)
        self.rig.put_begin(crossing, len(body))
        return crossing

    def answer(self, crossing: RecordedHttp, pieces: list[bytes], headers: Any = JSON_HEADERS, status: int = 200, end: str = "eof") -> None:
        """The answer arrives, piece by piece."""
        crossing.answered(status, headers, "HTTP/1.1")
        for piece in pieces:
            crossing.chunk(piece)
        crossing.finish(end)

    def tool(self, name: str, side_effect: str, arguments: dict[str, Any]) -> RecordedTool:
        """A tool call begins."""
        call = ToolCall("tool_call", name, arguments, side_effect, "function", None, {"call_id": "call_1"} if name == "refund" else {})
        crossing = RecordedTool(self.writer, self.context, self.rig.lane, call, pack(arguments))
        self.rig.put_begin(crossing, 0)
        return crossing

    def fact(self, kind: str, name: str | None, **told: Any) -> None:
        """A fact that the program tells."""
        with in_context(self.context), in_lane(self.rig.lane):
            put_fact(kind, name, into=SimpleNamespace(trace=TRACE, labels={}, writer=self.rig), **told)

    def point(self, kind: str, name: str) -> _Point:
        """A span or decision."""
        recorder: Any = SimpleNamespace(writer=self.rig)
        point = _Point(kind, name, recorder, self.context, None)
        point.lane = self.rig.lane
        return point


def record_into(folder: Path) -> Rig:
    """Record the run into ``folder/store``: two journal files of one writer, closed. Use inside :func:`fixed_world`."""
    does = _Recorder(folder)
    rig = does.rig
    run = {"t": "begin", "kind": "run", "span": RUN_SPAN, "trace": TRACE, "at": NOON_MS * 1000, "name": "python3 agent.py", "facts": RUN}
    ended = {"t": "end", "span": RUN_SPAN, "trace": TRACE, "at": NOON_MS * 1000 + 500_000, "dur": 500_000, "status": "error"}
    rig.write([{**run, "rstatus": "redacted", "redactions": [("argv", "password", 1)]}])
    rig.write([{**ended, "rstatus": "clean", "facts": {"exit_code": 3}}])
    span = does.point("span", "support")
    rig.put_begin(span, 0)
    does.context = does.context.below(span.span)

    does.answer(does.http(request(2, seed=7, top_p=0.9, max_tokens=50, tool_choice="auto")), [json.dumps(WANTS_TOOL).encode()])
    does.tool(
        "refund", "write", {"order": "o-1", "amounts": (1, 2.5), "when": datetime(2026, 1, 1, tzinfo=UTC), "raw": [b"text", b"\xff"]}
    ).returned("refunded o-1")
    streamed = does.http(request(4, stream=True))
    does.answer(streamed, events("Done", " ☂", " é😀"), [("content-type", "text/event-stream"), ("x-request-id", "req_1")])

    does.answer(does.http(request(4)), [b'{"error": {"message": "slow down", "type": "rate_limit"}}'], status=429)
    packed = gzipped(ANSWER)
    does.answer(does.http(request(4)), [packed[:20], packed[20:]], [*JSON_HEADERS, ("content-encoding", "gzip")])

    does.tool("snapshot", "read", {}).returned(bytes(range(256)))
    items = does.tool("items", "none", {"lone": "\ud800 surrogate"})
    for item in ("one", {"two": 2}, None):
        items.yielded(item)
    items.returned(None)
    does.tool("lookup", "read", {"order": "o-404"}).raised(LookupError("no order", 404))

    decision = does.point("decision", "escalate")
    decision.data = pack({"why": "order not found", "tries": 2})
    rig.put_begin(decision, 0)
    does.fact(
        "compensation", None, facts={"fact_value": "json_repair"}, content={"before_blob": "{", "after_blob": "{}"}, about_last_call=True
    )
    does.fact("score", "helpful", facts={"score_value": 4.5, "reason": "asked ann@shop.example"}, by="ann", decision=1)
    rig.write(rig.session.reads({"p0": {"w": [NOON_MS * 1_000_000, NOON_MS * 1_000_000 + 5], "s": [3, 9], "t:fire": [1, 12, 4]}}, TRACE))
    rig.write([rig.encoder.output("stdout", b"first line\nsecond \xff line\n", TRACE), rig.encoder.output("stdin", b"yes\n", TRACE)])
    rig.session.gap(3, "the queue to the writer is full")

    request_links.forget()
    does.fact("config", "retriever", content={"fact_blob": {"k": 3}})
    does.fact("flags", None, facts={"flags": {"new_ranker": "true"}})
    text = str(MESSAGES[0]["content"])
    does.fact("prompt", "brief", facts={"fact_value": "4"}, content={"after_blob": text, "fact_blob": {"how": "brief"}}, text=text)
    does.fact(
        "retrieval", None, facts={"fact_value": "faq"}, content={"fact_blob": "money"}, documents=[{"id": "d1", "text": "é☂", "score": 0.5}]
    )

    across = does.http(request(2, seed=9), lane=Lane("p0/t1"))
    rig.session.rotate()
    does.answer(across, [ANSWER])
    does.answer(does.http(request(2)), [ANSWER[:40]], end="closed")
    request_links.forget()
    does.answer(does.http(request(1), trace=NEXT_DAY_TRACE), [ANSWER])
    does.http(b"name=value", url="https://tools.example/form?page=2").finish("error", ConnectionResetError(104, "reset by peer"))
    does.answer(does.http(b"\x00\xff not text", url="https://tools.example/raw"), [b""], [], 204)
    span.end, span.end_at = "ok", real.monotonic_ns()
    rig.put_end(span, 0, wait=True)
    does.http(request(3))
    rig.close()
    return rig
