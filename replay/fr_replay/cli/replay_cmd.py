"""``fr replay``: run a recorded command again, offline, and stop at the first difference; or many of them."""

from __future__ import annotations

import os
import sys
from datetime import UTC
from typing import Any

from fr_schema.errors import BadInput

from ..engine.modes import AT, STRICT, Mode
from ..replay_many import choose_runs, part_of_run, replay_runs
from ..replaying import REACHED, ReplayOutcome, replay_trace
from ..selectors import LAST, resolve_trace
from ..store import Store
from ..tape_writer import Permissions
from ..trace_record import is_of_a_command
from .cells import json_text, json_value
from .opened import open_for_command
from .options import SinceOption, StoreOption, TimeZoneOption, UntilOption, window_of
from .output import terminal_width, write_lines
from .replay_options import (
    AllOption,
    AllowSubprocessOption,
    AllowWritesOption,
    BreakOption,
    FillOption,
    HandlerOption,
    JobsOption,
    JsonOption,
    LiveOption,
    MaxCostOption,
    NameOption,
    RealtimeOption,
    StepOption,
    TimesOption,
    TolerantOption,
    ToOption,
    TraceArgument,
    WhereOption,
    YesOption,
    asked_mode,
)
from .replay_report import as_mapping, report_lines
from .table import Line

__all__ = ["replay"]


def replay(
    *,
    trace: TraceArgument = None,
    to: ToOption = None,
    step: StepOption = None,
    break_at: BreakOption = None,
    tolerant: TolerantOption = False,
    realtime: RealtimeOption = False,
    live: LiveOption = False,
    times: TimesOption = None,
    fill: FillOption = None,
    max_cost: MaxCostOption = None,
    yes: YesOption = False,
    handler: HandlerOption = None,
    allow_writes: AllowWritesOption = None,
    allow_subprocess: AllowSubprocessOption = False,
    everything: AllOption = False,
    where: WhereOption = None,
    name: NameOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    tz: TimeZoneOption = None,
    jobs: JobsOption = 1,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> int:
    """Run a recorded command again with the recorded world: no network, no keys, no tool that writes.

    The program's own output goes to stdout, what fr has to say to stderr. Exit status: 0 identical (requests, standard output
    and exit code), or the step that was asked for was reached; 86 diverged; 87 something that the record does not hold, or a
    refused side effect; 88 the program ended before its record did; 2 bad usage. With --all the outputs of the programs are not
    shown, a line for each run goes to stdout, and the exit status is 86 if one diverged, else 88, 87 or 0.
    """
    mode = asked_mode(to, step, break_at, tolerant=tolerant, realtime=realtime)
    if not live:
        _refuse({"-n": times, "--fill": fill, "--max-cost": max_cost, "--yes": yes}, "is for a request that is sent again", "add --live")
    elif step is None:
        raise BadInput("--live sends the request of one step again", hint="add --step K")
    permissions = Permissions(tuple(os.path.abspath(folder) for folder in allow_writes or ()), allow_subprocess)
    chosen = {"--where": where, "--name": name, "--since": since, "--until": until, "-j": jobs if jobs != 1 else None}
    if everything:
        alone = {"TRACE": trace, "--live": live, "--to": to, "--step": step, "--break": break_at, "--handler": handler}
        _refuse(alone, "does not go with --all", "leave one of them away")
        window = window_of(since, until, tz)
        opened = open_for_command(store)
        runs = choose_runs(opened, name, window.since, window.until, where or ())
        from .replay_many_report import replay_all

        return replay_all(runs, replay_runs(opened, runs, permissions, mode, jobs), as_json=as_json)
    if live and step is not None:
        from .reissue_cmd import ReissueOptions, reissue_step

        opened = open_for_command(store)
        options = ReissueOptions(times or 1, jobs, fill=tuple(fill or ()), max_cost=max_cost, yes=yes, as_json=as_json)
        return reissue_step(opened, resolve_trace(opened, trace or LAST), step, options)
    _refuse(chosen, "chooses among all runs", "add --all")
    opened = open_for_command(store)
    trace_id = resolve_trace(opened, trace or LAST)
    if handler is not None or not is_of_a_command(opened, trace_id):
        from .commandless import check_trace, run_handler

        if mode != STRICT:
            raise BadInput("--to, --step, --break, --tolerant and --realtime are for traces of fr record", hint="see fr replay --help")
        if handler is None:
            return check_trace(opened, trace_id, as_json=as_json)
        return run_handler(opened, trace_id, handler, permissions, as_json=as_json)
    return _replay_one(opened, trace_id, permissions, mode, as_json=as_json)


def _refuse(options: dict[str, Any], why: str, hint: str) -> None:
    """Raise BadInput for the first of the options that was given."""
    for option, value in options.items():
        if value:
            raise BadInput(f"{option} {why}", hint=hint)


def _replay_one(opened: Store, trace_id: str, permissions: Permissions, mode: Mode, *, as_json: bool) -> int:
    near = part_of_run(opened, trace_id)
    try:
        outcome = replay_trace(near, trace_id, permissions, mode)
    finally:
        near.close()
    sys.stdout.flush()
    shown = mode.step if mode.stop == AT and outcome.outcome == REACHED else None
    if as_json:
        mapping = as_mapping(outcome) | (_decision_of(opened, outcome, shown) if shown is not None else {})
        write_lines([Line(((json_text(mapping, indent=2), None),), wrap=False)], aside=True)
    else:
        decision = _decision_lines(opened, outcome, shown) if shown is not None else []
        write_lines([*report_lines(outcome), *decision], aside=True)
    return outcome.code


def _decision_of(opened: Store, outcome: ReplayOutcome, step: int) -> dict[str, Any]:
    """The decision as ``fr show TRACE K --json`` has it."""
    from ..decision import read_decision
    from ..reading import open_trace
    from .show_json import decision_object

    near, contents = open_trace(opened, outcome.trace_id)
    try:
        return {"decision": json_value(decision_object(read_decision(near, contents, step)), UTC)}
    finally:
        near.close()


def _decision_lines(opened: Store, outcome: ReplayOutcome, step: int) -> list[Line]:
    """The decision as ``fr show TRACE K`` shows it."""
    from ..reading import open_trace
    from .show_cmd import step_lines

    near, contents = open_trace(opened, outcome.trace_id)
    try:
        return [Line(()), *step_lines(near, contents, step, zone=window_of(None, None, None).zone, width=terminal_width(aside=True))]
    finally:
        near.close()
