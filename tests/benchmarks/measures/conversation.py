"""Bytes on disk, or sent, for one conversation that resends its history with every turn."""

from __future__ import annotations

import json
from typing import Any

from calling import http_asker
from processes import Upstream, cell_place, run_cell
from recorders.adapter import AGAIN, BASELINE, RECORDERS, Adapter, Place, adapter_of, installed
from recorders.fr import journal_bytes
from report import NOT_INSTALLED, Section, amount
from settings import Bench
from workload import growing_conversation

__all__ = ["in_cell", "measure"]

_CHARACTERS = 1_500
_SHORT_ANSWER = 40
_SEED = "conversation"
_COLUMNS = ("recorder", "bytes", "÷ unique text", "÷ fr sealed")


def in_cell(adapter: Adapter, place: Place, *, url: str, turns: int) -> dict[str, Any]:
    """In a fresh process: hold the conversation; return the size of fr's journal while it is open."""
    adapter.start(place)
    ask = http_asker(url)
    for request in growing_conversation(_SEED, turns, characters=_CHARACTERS):
        adapter.live(request, lambda request=request: ask(request))  # type: ignore[misc]
    adapter.flush()
    return {"journal": journal_bytes(place.folder)}


def measure(bench: Bench) -> list[Section]:
    """Run all cells. Raises BenchmarkFailed."""
    bench.say("conversation: bytes stored or sent, every recorder")
    turns = bench.sizes.turns
    requests = growing_conversation(_SEED, turns, characters=_CHARACTERS)
    unique = sum(len(message["content"].encode()) for message in requests[-1]["messages"])
    sent = sum(len(json.dumps(request, ensure_ascii=False).encode()) for request in requests)
    stored: dict[str, int] = {}
    with Upstream(latency_ms=bench.sizes.latency_ms, answer_characters=_SHORT_ANSWER) as model:
        for row in RECORDERS:
            if not installed(row) or row.name in (BASELINE, AGAIN):
                continue
            with cell_place(bench.scratch) as place:
                cell = run_cell("conversation", row.name, place, {"url": model.url, "turns": turns})
                if row.name == "fr":
                    stored["fr, journal while open"] = cell.figures["journal"]
                stored["fr, sealed" if row.name == "fr" else row.name] = adapter_of(row.name).stored_bytes(place)
    section = Section(
        "conversation",
        "A conversation on disk",
        f"{turns} turns over HTTP; turn k carries k messages of {amount(_CHARACTERS)} characters, answers are one line. Unique text "
        f"{amount(unique)} bytes, request bodies {amount(sent)} bytes in all. Bytes on disk; for otel and langfuse, which keep nothing, "
        "bytes sent.",
        _COLUMNS,
    )
    sealed = stored["fr, sealed"]
    for name, size in stored.items():
        section.rows.append([name, amount(size), amount(size / unique, 2), amount(size / sealed, 1)])
    section.rows += [[row.name, NOT_INSTALLED, "", ""] for row in RECORDERS if not installed(row)]
    section.facts = {"conversation.sealed_mb": sealed / 1e6, "conversation.journal_mb": stored["fr, journal while open"] / 1e6}
    return [section]
