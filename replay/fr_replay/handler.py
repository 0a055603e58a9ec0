"""Running a server's handler again on the recorded inputs of one of its requests: ``fr replay TRACE --handler module:function``.

The handler runs in this process, around it the recorded world of its trace. The state that the server had built up by then is not there.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fr_schema.errors import BadInput, FlightError, NotReplayable

from .library import Divergence, Replay
from .replaying import DIVERGED, IDENTICAL, ReplayOutcome
from .store import Store
from .tape_writer import Permissions
from .trace_record import read_trace_record

__all__ = ["HandlerOutcome", "load_handler", "replay_handler"]

_RETURNED_CHARACTERS = 200


@dataclass(slots=True)
class HandlerOutcome:
    """How a handler's replay ended.

    Attributes:
        replayed: outcome, counts and facts, as of a command.
        handler: ``module:function``.
        returned: the beginning of the returned value's repr; None when it raised or was stopped.
        raised: the class of what it raised, or None.
        inputs: names of the inputs that it was given.
        limits: what was not restored, one sentence each.
    """

    replayed: ReplayOutcome
    handler: str
    returned: str | None = None
    raised: str | None = None
    inputs: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)


def load_handler(name: str) -> Callable[..., Any]:
    """The function that ``module:function`` names, imported with the working directory in front. Raises BadInput."""
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        raise BadInput(f"{name!r} names no handler", hint="write module:function, such as shop.api:handle_request")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise BadInput(
            f"{name} cannot be imported: {error}", hint="run fr in the program's folder, and from the environment that has its packages"
        ) from error
    if not callable(found):
        raise BadInput(f"{name} is a {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]


def replay_handler(store: Store, trace_id: str, name: str, permissions: Permissions) -> HandlerOutcome:
    """Call the handler with the recorded inputs, served from the record.

    Raises BadInput for a name that is no function or does not take the recorded inputs, NotReplayable where the record is not enough.
    """
    record = read_trace_record(store, trace_id)
    if record.command:
        raise BadInput(f"trace {trace_id} has a command on record, so it needs no handler", hint=f"fr replay {trace_id}")
    run = Replay(trace_id, store, record, permissions=permissions)
    handler = load_handler(name)
    _check_takes(handler, name, run.inputs)
    outcome = HandlerOutcome(run.outcome_of(IDENTICAL, {}), name, inputs=sorted(run.inputs), limits=run.limits)
    started = time.monotonic()
    raised: Exception | None = None
    try:
        with run:
            try:
                value = handler(**run.inputs)
                if inspect.iscoroutine(value):
                    value = asyncio.run(value)
                outcome.returned = repr(value)[:_RETURNED_CHARACTERS]
            except FlightError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the handler raises is its outcome
                raised = error
                outcome.raised = f"{type(error).__module__}.{type(error).__qualname__}"
    except Divergence as stopped:
        outcome.returned = outcome.raised = None
        outcome.replayed = run.outcome_of(stopped.outcome, stopped.facts)
    else:
        outcome.replayed = _judge(run, outcome.raised, raised)
    outcome.replayed.seconds = time.monotonic() - started
    return outcome


def _check_takes(handler: Callable[..., Any], name: str, inputs: dict[str, Any]) -> None:
    try:
        inspect.signature(handler).bind(**inputs)
    except ValueError:
        # A function without a signature: the call itself will tell.
        return
    except TypeError as error:
        if not inputs:
            raise NotReplayable(
                f"{name} needs arguments, and the trace has no inputs on record", hint="record them: fr.trace(name, inputs={...})"
            ) from error
        raise BadInput(f"{name} does not take the recorded inputs {', '.join(sorted(inputs))}: {error}") from error


def _judge(run: Replay, raised: str | None, error: Exception | None) -> ReplayOutcome:
    """All calls were the same; so must be the way in which it ended."""
    if raised == run.recorded_error:
        return run.outcome_of(IDENTICAL, {})
    then = f"it ended in {run.recorded_error}" if run.recorded_error else "it ended well"
    now = f"the handler raised {raised}: {error}" if raised else "the handler ended well"
    return run.outcome_of(DIVERGED, {"what": f"all requests were the same; {now}, and when it was recorded {then}", "differences": []})
