"""Thirty days of simulated traffic, seeded, with room for an incident; written as sealed segments by the sealer's own function.

A working week has its tides: days are busier than nights, weekends quieter, calls slower around noon, and one agent works at night
only. Several agents, models, endpoints, regions, tenants. Only rows are simulated: that recorded exchanges become such rows is shown
by the tests of the recorder and of the providers.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sketches import Sketch, Step

from fr_recorder.seal import Origin, write_segment
from fr_recorder.store import open_store
from fr_schema.columns import BLOB_COLUMNS, EVENT_COLUMNS
from fr_schema.ids import uuid7_at
from fr_schema.version import FORMAT_VERSION

__all__ = ["AGENTS", "Habits", "Month", "Place", "present", "sha"]

_EMPTY: dict[str, Any] = {column.name: None for column in EVENT_COLUMNS}
_EMPTY_BLOB: dict[str, Any] = {column.name: None for column in BLOB_COLUMNS}
_WRITES = frozenset(("update_reservation_flights", "book_reservation", "update_reservation_baggages", "update_reservation_passengers"))
_IRREVERSIBLE = frozenset(("cancel_reservation", "send_certificate", "transfer_to_human_agents"))
_REGIONS = ("eu-central-1", "us-east-1", "us-west-2")
_TENANTS = 9
_USERS = 400


@dataclass(frozen=True)
class Habits:
    """How an agent behaves at a moment: what an incident changes. Shares are of calls; ``slow`` and ``broken`` are by tool."""

    agent: str
    model: str
    version: str | None
    provider: str
    server: str
    prompt: str
    params: str = '{"temperature": 0.2}'
    tools: tuple[str, ...] = ("get_reservation_details", "cancel_reservation", "update_reservation_flights")
    code: str = "c0ffee1"
    sdk: str = "3.1.0"
    night: bool = False
    traffic: float = 1.0
    error_share: float = 0.01
    retry_share: float = 0.02
    retry_cause: str = "429"
    fallback_share: float = 0.004
    repair_share: float = 0.004
    cut_share: float = 0.01
    refuse_share: float = 0.004
    empty_share: float = 0.002
    median_ms: float = 900.0
    usd_per_token: float = 4e-6
    wordiness: float = 1.0
    shape: str = "plain"
    slow: dict[str, float] = field(default_factory=dict)
    broken: dict[str, float] = field(default_factory=dict)


AGENTS: tuple[Habits, ...] = (
    Habits("airline", "gpt-4o", "gpt-4o-2024-08-06", "openai", "gateway-a.internal:443", "You are an airline agent. Be brief.", traffic=4),
    Habits(
        "search",
        "claude-sonnet-4-5",
        "claude-sonnet-4-5-20250929",
        "anthropic",
        "gateway-b.internal:443",
        "You search for flights. Answer with a list.",
        params='{"temperature": 0.7}',
        usd_per_token=6e-6,
        median_ms=1400,
        traffic=2,
    ),
    Habits(
        "router", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", "openai", "gateway-b.internal:443", "Name the desk.", median_ms=300, traffic=2
    ),
    Habits(
        "ledger",
        "mistral-large-latest",
        None,
        "mistral",
        "api.mistral.ai:443",
        "You check the day's bookings.",
        night=True,
        median_ms=3000,
        traffic=3,
    ),
)
"""Four agents; one provider names no version, one agent works from one to five in the morning only."""


@dataclass(frozen=True)
class Place:
    """Where in the month a trace is: its number, moment, and whose it is."""

    number: int
    moment: datetime
    tenant: str
    user: str
    region: str
    task: str


Change = Callable[[Habits, Place], Habits]


@dataclass
class Month:
    """Traffic up to a moment.

    Attributes:
        seed: of everything that is drawn.
        until: the present, with a zone: the last trace begins before it.
        sketches: the shapes of traces.
        days, traces_per_day: how much.
        change: an incident: habits as they are at a place.
        text: what a user says at a place; None for nothing.
        result: what a tool gives at a place; None for nothing.
        silent: whether an agent is not asked at a place.
        facts: rows of facts that the program told, with kind, moment and columns.
        places: what was written: the trace, its place and its habits.
    """

    seed: int
    until: datetime
    sketches: Sequence[Sketch]
    days: int = 30
    traces_per_day: int = 400
    change: Change = lambda habits, place: habits
    text: Callable[[Place], str | None] = lambda place: None
    result: Callable[[Place, str], str | None] = lambda place, tool: None
    silent: Callable[[Habits, Place], bool] = lambda habits, place: False
    facts: list[tuple[str, datetime, dict[str, Any]]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    blobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: list[tuple[str, Place, Habits]] = field(default_factory=list)

    @property
    def writer(self) -> str:
        """The one process life that records all of it."""
        return f"w0000000001a-abcdef-7-{self.seed:08x}"

    def write(self, folder: Path) -> str:
        """Write the store; returns its path."""
        store = open_store(str(folder / "store")).path
        draw = random.Random(self.seed)
        moments = sorted(self._moments(draw))
        for number, moment in enumerate(moments):
            user = int(draw.paretovariate(1.2) * 7) % _USERS
            place = Place(number, moment, f"tenant-{user % _TENANTS}", f"u_{user:04}", _REGIONS[user % 3], f"task-{number // 2}")
            self._trace(draw, place, draw.choice(self.sketches))
        for number, (kind, moment, columns) in enumerate(self.facts):
            at = int(moment.timestamp() * 1e6)
            trace = columns.pop("trace", None) or uuid7_at(at // 1000, b"facts-" + number.to_bytes(4))
            self._add(kind, trace, at, 0.0, {"phase": "point"} | columns)
        write_segment(store, self.writer, 0, self.rows, list(self.blobs.values()), Origin(None, True))
        return store

    def _moments(self, draw: random.Random) -> list[datetime]:
        """Beginnings: by day and night, and fewer at weekends."""
        found: list[datetime] = []
        wanted = self.days * self.traces_per_day
        while len(found) < wanted:
            moment = self.until - timedelta(days=self.days) * draw.random()
            tide = 0.4 + 0.6 * max(math.sin(math.pi * (moment.hour + moment.minute / 60 - 6) / 14), 0)
            if draw.random() < tide * (0.5 if moment.isoweekday() > 5 else 1):
                found.append(moment)
        return found

    def _agent(self, draw: random.Random, moment: datetime) -> Habits:
        awake = [agent for agent in AGENTS if not agent.night or 1 <= moment.hour < 5]
        return draw.choices(awake, [agent.traffic for agent in awake])[0]

    def _trace(self, draw: random.Random, place: Place, sketch: Sketch) -> None:
        usual = self._agent(draw, place.moment)
        noon = 1 + 0.2 * max(math.sin(math.pi * (place.moment.hour - 6) / 14), 0)
        habits = self.change(replace(usual, median_ms=usual.median_ms * noon), place)
        if self.silent(habits, place):
            return
        at = int(place.moment.timestamp() * 1e6)
        trace = uuid7_at(at // 1000, draw.randbytes(10))
        self.places.append((trace, place, habits))
        whose = {
            "user_ref": place.user,
            "tenant_id": place.tenant,
            "region": place.region,
            "task_id": place.task,
            "session_id": f"s-{place.number // 3}",
            "agent_name": habits.agent,
            "code_version": habits.code,
        }
        text = self.text(place)
        for step in sketch:
            at += self._call(draw, trace, at, habits, step, whose, text)
            for tool in step.tools:
                at += self._tool(draw, trace, at, habits, tool, whose, self.result(place, tool))

    def _call(self, draw: random.Random, trace: str, at: int, habits: Habits, step: Step, whose: dict[str, Any], text: str | None) -> int:
        failed, retried, fell_back, repaired, cut, refused, empty = (
            draw.random() < share
            for share in (
                habits.error_share,
                habits.retry_share,
                habits.fallback_share,
                habits.repair_share,
                habits.cut_share,
                habits.refuse_share,
                habits.empty_share,
            )
        )
        took = habits.median_ms * draw.lognormvariate(0, 0.45) * (2.2 if retried else 1)
        tokens_out = max(int(step.tokens_out * habits.wordiness * draw.lognormvariate(0, 0.2)), 1)
        facts: dict[str, Any] = {
            "provider": habits.provider,
            "server_address": habits.server,
            "operation": "chat",
            "transport": "httpx",
            "model_requested": habits.model,
            "model_resolved_source": "unknown" if failed or habits.version is None else "body",
            "system_prompt_sha256": sha(habits.prompt),
            "system_prompt_blob": self._blob("system", habits.prompt),
            "params_sha256": sha(habits.params),
            "params_sent": habits.params,
            "tools_sha256": sha(repr(habits.tools)),
            "tool_names": list(habits.tools),
            "sdk_name": habits.provider,
            "sdk_version": habits.sdk,
            "attempts": 2 if retried else 1,
            "served_by": None if failed else "fallback" if fell_back else "retry" if retried else "primary",
        }
        if text is not None:
            facts["message_blobs"] = [self._blob("message", json.dumps({"role": "user", "content": text}))]
        if repaired and "compensations" in _EMPTY:
            facts["compensations"] = ["json_repair"]
        call = len(self.rows)
        if failed:
            facts |= {"error_type": "server_error", "http_status": 503}
        else:
            finish = "length" if cut else "refusal" if refused else "tool_calls" if step.tools else "stop"
            facts |= {
                "model_resolved": habits.version,
                "finish_reason": finish,
                "refusal": refused,
                "output_sha256": None if empty or finish == "tool_calls" else sha(str(at)),
                "output_tool_calls": json.dumps([{"id": f"c{at}", "name": tool} for tool in step.tools])
                if finish == "tool_calls"
                else None,
                "response_shape_sha256": sha(f"{habits.shape} {habits.provider} {bool(step.tools)}"),
                "cost_usd": (step.tokens_in + 4 * tokens_out) * habits.usd_per_token,
                "tokens_in": step.tokens_in,
                "tokens_out": tokens_out,
            }
        self._add("llm_call", trace, at, took, facts | whose | {"status": "error" if failed else "ok"})
        if retried or failed:
            of_call = {name: facts[name] for name in ("provider", "server_address", "model_requested", "operation", "transport")}
            of_call |= {"call_span_id": call.to_bytes(8)}
            first = {"attempt_no": 1, "status": "error", "http_status": int(habits.retry_cause) if retried else 503}
            self._add(
                "llm_attempt", trace, at, took / 2, of_call | whose | first | {"error_type": "rate_limited" if retried else "server_error"}
            )
            if retried:
                second = {"attempt_no": 2, "status": "error" if failed else "ok", "retry_cause": habits.retry_cause, "backoff_ms": 300.0}
                self._add("llm_attempt", trace, at + int(took * 500), took / 2, of_call | whose | second)
        return int(took * 1000)

    def _tool(self, draw: random.Random, trace: str, at: int, habits: Habits, tool: str, whose: dict[str, Any], result: str | None) -> int:
        failed = draw.random() < habits.broken.get(tool, 0.015)
        took = 60 * draw.lognormvariate(0, 0.5) * habits.slow.get(tool, 1.0)
        effect = "irreversible" if tool in _IRREVERSIBLE else "write" if tool in _WRITES else "read"
        facts: dict[str, Any] = {"tool_name": tool, "tool_kind": "function", "side_effect": effect, "status": "error" if failed else "ok"}
        if failed:
            facts["error_type"] = "TimeoutError"
        if result is not None:
            facts |= {"tool_result_parts": [self._blob("result", result)], "tool_result_form": "text"}
        self._add("tool_call", trace, at, took, facts | whose)
        return int(took * 1000)

    def _add(self, kind: str, trace: str, at: int, took: float, facts: dict[str, Any]) -> None:
        seq = len(self.rows)
        self.rows.append(
            _EMPTY
            | {
                "schema_version": FORMAT_VERSION,
                "record_id": bytes.fromhex(uuid7_at(at // 1000, seq.to_bytes(10))),
                "kind": kind,
                "phase": "end",
                "trace_id": bytes.fromhex(trace),
                "span_id": seq.to_bytes(8),
                "seq": seq,
                "writer_id": self.writer,
                "recorded_at": at,
                "started_at": at,
                "ended_at": at + int(took * 1000),
                "duration_ms": took,
                "capture_source": "wire",
                "replay_level": "none",
                "salvaged": False,
                "redaction_policy": "test",
                "redaction_status": "clean",
                "sample_rule": "all",
                "sample_weight": 1.0,
            }
            | facts
        )

    def _blob(self, kind: str, text: str) -> bytes:
        if text not in self.blobs:
            at = int((self.until - timedelta(days=self.days)).timestamp() * 1e6)
            self.blobs[text] = _EMPTY_BLOB | {
                "blob_id": sha(text),
                "kind": kind,
                "writer_id": self.writer,
                "first_trace_id": bytes.fromhex(uuid7_at(at // 1000, bytes(10))),
                "recorded_at": at,
                "size": len(text.encode()),
                "text": True,
                "codec": "none",
                "cipher": "none",
                "data": text.encode(),
            }
        return sha(text)


def sha(text: str) -> bytes:
    """The hash that stands for a text in the rows."""
    return hashlib.sha256(text.encode()).digest()


def present(draw: random.Random) -> datetime:
    """A moment of a working day at which somebody is on call, in the month that all months here end in."""
    return datetime(2026, 3, 23, tzinfo=UTC) + timedelta(days=draw.randrange(5), hours=draw.randrange(24), minutes=draw.randrange(60))
