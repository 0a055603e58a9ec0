"""``fr record -- CMD``: run a command unchanged, recorded; seal its record; say in one line what there is of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from fr_schema.errors import BadInput, FlightError

from .figures import count_of, money, span_of_time
from .options import StoreOption
from .output import say

__all__ = ["CONTEXT_SETTINGS", "DURABILITIES", "record", "summary_line"]

CONTEXT_SETTINGS = {"allow_interspersed_args": False}
"""Options behind the command's name belong to the command."""

DURABILITIES = ("os", "group", "sync")


def record(
    *,
    argv: Annotated[list[str], typer.Argument(metavar="-- CMD [ARG ...]", help="The command, as it is typed without fr.")],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="A name for the trace; else the command's.")] = None,
    durability: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(DURABILITIES),
            help="What the record survives: os: kill -9; group (default): power loss, but for the last 50 ms; sync: power loss.",
        ),
    ] = None,
    encrypt: Annotated[
        str | None,
        typer.Option(
            "--encrypt",
            metavar="env:NAME|file:PATH|command:CMD",
            help="Put content under keys; here is the key that wraps them. See docs/encryption.md.",
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy", metavar="FILE", help="What to redact and how: [redaction] in this file; else FR_POLICY. See docs/privacy.md."
        ),
    ] = None,
    store: StoreOption = None,
) -> int:
    """Run a command unchanged, and record what it asks of models and tools.

    Its input, output, signals and exit code are passed through. The last line on stderr names the trace. Exit code: the command's;
    127 when there is no such command, 126 when it cannot be executed, 2 for wrong options.
    """
    from fr_replay.capture import checked_provider, chosen_store, die_like, read_policy_file, record_command

    if durability is not None and durability not in DURABILITIES:
        raise BadInput(f"--durability is {durability!r}", hint=f"it is one of {', '.join(DURABILITIES)}")
    if encrypt is not None:
        os.environ["FR_ENCRYPT"] = checked_provider(encrypt)
    if policy is not None:
        read_policy_file(policy)
        os.environ["FR_POLICY"] = os.path.abspath(policy)
    recording = record_command(argv, chosen_store(store), name=name, durability=durability)
    if recording.trace is not None and recording.store is not None:
        try:
            _seal_and_say(recording.store.path, recording.trace, argv, recording)
        except (FlightError, OSError) as error:
            reason = error.one_line() if isinstance(error, FlightError) else str(error)
            say(f"recorded trace {recording.trace}; its journals could not be sealed yet ({reason}), the next fr command will try again")
        except Exception as error:  # noqa: BLE001 - the record is on disk; whatever fails behind it must not change the command's exit code
            say(f"recorded trace {recording.trace}, but its summary failed: {type(error).__name__}: {error}")
    return die_like(recording.status)


def _seal_and_say(store_path: str, trace: str, argv: Sequence[str], recording: Any) -> None:
    """Turn the run's journals into Parquet, and say the last line. Raises OSError when they cannot be sealed."""
    from fr_replay.capture import seal_dead_journals
    from fr_replay.segments import segments_of_run
    from fr_replay.store import Store

    for journal in seal_dead_journals(store_path, trace=trace):
        if journal.damage:
            reason = "; ".join(journal.damage[:3])
            say(f"a journal is damaged: {reason}; what could be read of it is in the store, and the damaged file in {journal.kept}")
    store = Store(store_path, segments_of_run(store_path, trace), trace=trace)
    try:
        names, rows = store.rows("SELECT * FROM traces WHERE trace_id = ?", (trace,))
        facts = dict(zip(names, rows[0], strict=True)) if rows else {}
        for note in store.notes:
            say(note)
        if facts.get("llm_calls"):
            say(summary_line(trace, facts))
        else:
            say(_warning(store, trace, argv, facts, recording))
    finally:
        store.close()


def summary_line(trace: str, facts: dict[str, Any]) -> str:
    """The last line of a recorded run, from its row of ``traces``; what is not known or nothing is left out."""
    parts = [f"recorded trace {trace}", count_of(facts["llm_calls"], "llm call"), count_of(facts["tool_calls"], "tool call")]
    used = (facts["tokens_in"] or 0) + (facts["tokens_out"] or 0)
    if used:
        parts.append(count_of(used, "token"))
    if facts["cost_usd"]:
        parts.append(money(facts["cost_usd"]) + ("+" if facts["calls_without_cost"] else ""))
    if facts["duration_ms"]:
        parts.append(span_of_time(facts["duration_ms"]))
    if facts["llm_errors"]:
        parts.append(f"{facts['llm_errors']} failed")
    if facts["gaps"]:
        parts.append(f"{count_of(facts['gaps'], 'gap')}: fr show {trace[:12]} names them")
    return " · ".join(parts)


def _warning(store: Any, trace: str, argv: Sequence[str], facts: dict[str, Any], recording: Any) -> str:
    """The last line of a run in which no model call was seen: that, and why."""
    from fr_replay.capture import seams
    from fr_replay.nothing_seen import RunFacts, reason_of

    _, processes = store.rows("SELECT seams FROM processes WHERE seams IS NOT NULL")
    _, hosts = store.rows("SELECT coalesce(server_address, '?'), count(*) FROM http WHERE operation IS NULL GROUP BY 1")
    seen: dict[str, str] = {}
    for (libraries,) in processes:
        seen |= libraries
    clients = [seam.module for seam in seams.SEAMS if seam.carries.startswith("HTTP")]
    run = RunFacts(
        argv=argv,
        exit_code=recording.status.code,
        reported=len(recording.processes),
        seams={name: text for name, text in seen.items() if name in clients},
        known_seams=clients,
        hosts=dict(hosts),
        tool_calls=facts.get("tool_calls") or 0,
    )
    tools = f" with {count_of(run.tool_calls, 'tool call')}" if run.tool_calls else ""
    return f"recorded trace {trace}{tools}, but no model call was seen: {reason_of(run)}; fr doctor lists what can be hooked"
