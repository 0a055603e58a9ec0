"""``fr replay`` for traces without a command: what is on record is checked, or a handler is run around it."""

from __future__ import annotations

import sys

from fr_schema.errors import EXIT_BAD_INPUT, EXIT_UNSUPPORTED, NotReplayable

from ..rechecking import recheck_trace
from ..replaying import IDENTICAL
from ..selectors import store_of_trace
from ..store import Store
from ..tape_writer import Permissions
from ..trace_record import is_proxied, read_trace_record
from .cells import json_text
from .output import write_lines
from .recheck_report import ByProxy, handler_lines, handler_mapping, recheck_lines, recheck_mapping
from .replay_report import report_lines
from .table import Line

__all__ = ["check_trace", "run_handler"]


def check_trace(opened: Store, trace_id: str, *, as_json: bool) -> int:
    """Check what is stored of a trace, say what else its record allows, and return the exit code.

    87, since no program ran again; 2 when something is not as it was recorded.
    """
    near = store_of_trace(opened, trace_id)
    found = recheck_trace(near, opened, trace_id)
    steps = int(near.rows("SELECT count(*) FROM calls")[1][0][0])
    try:
        read_trace_record(opened, trace_id)
        reason = None
    except NotReplayable as refused:
        reason = str(refused)
    served = _by_proxy(opened, trace_id)
    if as_json:
        _write_json(recheck_mapping(found, trace_id, reason, served))
    else:
        write_lines(recheck_lines(found, trace_id, reason, steps, served), aside=True)
    return EXIT_BAD_INPUT if found.faults else EXIT_UNSUPPORTED


def _by_proxy(opened: Store, trace_id: str) -> ByProxy | None:
    """Of a trace that came through ``fr proxy``: whether it can be served. None for any other."""
    if not is_proxied(opened, trace_id):
        return None
    from ..proxy.served_trace import why_not_served

    return ByProxy(why_not_served(opened, trace_id))


def run_handler(opened: Store, trace_id: str, name: str, permissions: Permissions, *, as_json: bool) -> int:
    """Run a handler around the record of a trace, report, and return the exit code. Raises BadInput, NotReplayable."""
    from ..handler import replay_handler

    outcome = replay_handler(opened, trace_id, name, permissions)
    sys.stdout.flush()
    if as_json:
        _write_json(handler_mapping(outcome))
    else:
        lines = handler_lines(outcome) if outcome.replayed.outcome == IDENTICAL else report_lines(outcome.replayed)
        write_lines(lines, aside=True)
    return outcome.replayed.code


def _write_json(mapping: object) -> None:
    write_lines([Line(((json_text(mapping, indent=2), None),), wrap=False)], aside=True)
