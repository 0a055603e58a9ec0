"""``fr whatif TRACE --from K``: run a recorded command with one thing changed from a step on, and record what becomes of it."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from fr_schema.errors import BadInput

from ..override_rules import Rule, parse_rule, system_rule
from ..replay_many import part_of_run
from ..replaying import DIVERGED, UNSUPPORTED, ReplayOutcome
from ..selectors import resolve_trace
from ..tape_writer import Permissions
from ..whatif_run import WENT_LIVE, WhatIfOutcome, run_whatif
from .cells import json_text
from .figures import count_of
from .opened import open_for_command
from .options import StoreOption
from .output import say, write_lines
from .replay_report import report_lines
from .table import Line

__all__ = ["whatif"]


def whatif(
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="Trace id, the beginning of one (4 characters or more), or `last`.")],
    *,
    step: Annotated[int, typer.Option("--from", metavar="STEP", min=1, help="Live from this model call on; what is before it is served.")],
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Put VALUE into every request from then on; may be repeated.")
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", metavar="TEXT", help="Another system prompt from then on; @FILE reads it.")
    ] = None,
    mock_tools: Annotated[bool, typer.Option("--mock-tools", help="Hand out recorded results to equal tool calls after the step.")] = False,
    allow_tools: Annotated[bool, typer.Option("--allow-tools", help="Run tools after the step, with all that they do.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before sending.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Say how it ended as JSON, on stderr: stdout is the program's.")] = False,
    store: StoreOption = None,
) -> int:
    """Run a recorded command again with something changed: served before a step, live and changed from it on.

    Before the step all is as in fr replay: each request must be the recorded one. From it on, model requests are changed and sent with
    today's keys, and recorded as a trace of its own; tools are refused unless an option says otherwise. Exit status: 0 the program came
    to its end; 86 it diverged before the step; 87 something was refused, or cannot be done; 88 it ended before the step; 2 bad usage.
    """
    if mock_tools and allow_tools:
        raise BadInput("--mock-tools and --allow-tools exclude each other", hint="choose one")
    rules = [parse_rule(text) for text in sets or ()]
    if system is not None:
        rules.append(_system(system))
    opened = open_for_command(store)
    parent = resolve_trace(opened, trace)
    _ask_first(step, rules, "allow" if allow_tools else "mock" if mock_tools else "refuse", yes=yes)
    near = part_of_run(opened, parent)
    try:
        tools = "allow" if allow_tools else "mock" if mock_tools else "refuse"
        outcome = run_whatif(near, parent, step, rules, tools, Permissions((), allow_tools))
    finally:
        near.close()
    sys.stdout.flush()
    if as_json:
        write_lines([Line(((json_text(_as_mapping(outcome), indent=2), None),), wrap=False)], aside=True)
    else:
        write_lines(_lines(outcome), aside=True)
    return outcome.code


def _system(text: str) -> Rule:
    if text.startswith("@"):
        with open(os.path.expanduser(text[1:]), encoding="utf-8") as file:
            return system_rule(file.read())
    return system_rule(text)


def _ask_first(step: int, rules: list[Rule], tools: str, *, yes: bool) -> None:
    changes = ", ".join(rule.name for rule in rules) or "nothing"
    what = f"the program runs again, and from step {step} on its requests go live; changed: {changes}; tools then: {tools}"
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput(f"{what}; there is nobody to ask", hint="add --yes")
    say(what)
    if not typer.confirm("fr: run it?", default=False, err=True):
        raise BadInput("nothing was run")


def _as_mapping(outcome: WhatIfOutcome) -> dict[str, Any]:
    return {
        "outcome": outcome.outcome,
        "exit": outcome.code,
        "trace": outcome.trace_id,
        "parent": outcome.parent,
        "step": outcome.step,
        "served": outcome.served,
        "live": outcome.live,
        "program_exit": outcome.exit_code,
        "facts": outcome.facts,
    }


def _lines(outcome: WhatIfOutcome) -> list[Line]:
    read = f"fr diff {outcome.parent[:12]} {outcome.trace_id[:12]} shows where it parted"
    if outcome.outcome == WENT_LIVE:
        parts = f" · {count_of(outcome.served, 'call')} served · {count_of(outcome.live, 'live request')} · exit code {outcome.exit_code}"
        return [Line((("fr: ", None), (f"what-if from step {outcome.step}", "bold green"), (parts, None))), _trace(outcome, read)]
    if outcome.outcome in (DIVERGED, UNSUPPORTED):
        stopped = ReplayOutcome(outcome.outcome, outcome.parent, served=outcome.served, facts=outcome.facts)
        return [*report_lines(stopped), _trace(outcome, f"{count_of(outcome.live, 'live request')}")]
    return [Line((("fr: ", None), ("NOT REACHED", "bold red"), (f": {outcome.facts['what']}", None)))]


def _trace(outcome: WhatIfOutcome, text: str) -> Line:
    return Line(((f"trace {outcome.trace_id}: {text}", "dim"),), 2)
