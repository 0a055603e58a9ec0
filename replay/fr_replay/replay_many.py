"""Replaying a set of recorded runs: after a change of the code, which of them does the same as before?"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import datetime
from typing import NamedTuple

from fr_schema.errors import EXIT_DIVERGED, EXIT_ENDED_EARLY, EXIT_UNSUPPORTED, BadInput, FlightError
from fr_schema.ids import day_of_trace

from .engine.modes import Mode
from .filters import Selection
from .replaying import UNSUPPORTED, ReplayOutcome, replay_trace
from .store import Store
from .tape_writer import Permissions

__all__ = ["ChosenRun", "choose_runs", "part_of_run", "replay_runs", "worst_code"]

_WORST_FIRST = (EXIT_DIVERGED, EXIT_ENDED_EARLY, EXIT_UNSUPPORTED)


class ChosenRun(NamedTuple):
    """A run to be replayed."""

    trace_id: str
    name: str | None
    started_at: datetime


def choose_runs(store: Store, name: str | None, since: datetime | None, until: datetime | None, where: Sequence[str]) -> list[ChosenRun]:
    """Recorded runs of commands, oldest first. Raises BadInput when there is none, QueryFailed for SQL that is none."""
    chosen = Selection("traces", "trace_id, name, started_at", order="started_at, trace_id")
    chosen.conditions.append("is_run")
    for option, value in (("name", name), ("since", since), ("until", until)):
        chosen.add(option, value)
    for condition in where:
        chosen.add_sql(condition)
    sql = chosen.sql()
    store.check_reads_only(sql)
    runs = [ChosenRun(*row) for row in store.rows(sql, chosen.values)[1]]
    if not runs:
        raise BadInput(
            "there is no recorded run to replay", hint="fr ls lists what there is; only commands under fr record can be replayed"
        )
    return runs


def part_of_run(store: Store, trace_id: str) -> Store:
    """The store from the day on which a run began: it may go on past midnight, and has nothing from before."""
    begun = day_of_trace(trace_id)
    return store.narrowed(days=frozenset(day for day in store.segments.days if day >= begun))


def replay_runs(store: Store, runs: Sequence[ChosenRun], permissions: Permissions, mode: Mode, workers: int) -> Iterator[ReplayOutcome]:
    """Replay runs, ``workers`` at once, and give each outcome as it comes. Left early, it kills the programs that run."""
    stop, asking = threading.Event(), threading.Lock()

    def replay(run: ChosenRun) -> ReplayOutcome:
        near = None
        try:
            with asking:
                near = part_of_run(store, run.trace_id)
            return replay_trace(near, run.trace_id, permissions, mode, aside=stop, asking=asking)
        except FlightError as error:
            return ReplayOutcome(UNSUPPORTED, run.trace_id, facts={"what": error.one_line()})
        finally:
            if near is not None:
                with asking:
                    near.close()

    with ThreadPoolExecutor(workers) as pool:
        left = {pool.submit(replay, run) for run in runs}
        try:
            while left:
                done, left = wait(left, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def worst_code(outcomes: Sequence[ReplayOutcome]) -> int:
    """The exit code of a set: that of a diverged run, else of one that ended early, else of one that could not be replayed, else 0."""
    codes = {outcome.code for outcome in outcomes}
    return next((code for code in _WORST_FIRST if code in codes), 0)
