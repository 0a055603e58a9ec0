"""``fr reissue TRACE STEP``: send a recorded request again, today, some times, and say which decisions come and how often."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import typer

from fr_schema.errors import BadInput

from ..credentials import Prepared, with_credentials
from ..live_http import LiveRequest
from ..reading import open_trace
from ..reissue import (
    INTERRUPTED,
    RecordedRequest,
    Sending,
    answers_of,
    at_base,
    estimated_cost,
    filled_body,
    read_request,
    send_again,
    tokens_in,
)
from ..reissue_groups import summarise
from ..selectors import resolve_trace
from ..store import Store
from .cells import json_text
from .figures import count_of, money
from .opened import open_for_command
from .options import StoreOption
from .output import measure, progress_bar, say, terminal_width, write_lines, write_text
from .reissue_report import as_mapping, report_lines

__all__ = ["ReissueOptions", "reissue", "reissue_step"]

EXIT_NO_ANSWER = 1
EXIT_INTERRUPTED = 130


class ReissueOptions(NamedTuple):
    """How to re-issue; the options of the command, which says what each means."""

    times: int = 1
    at_once: int = 1
    base_url: str | None = None
    key_variable: str | None = None
    fill: Sequence[str] = ()
    allow_tokens: bool = False
    max_cost: float | None = None
    timeout_s: float = 600.0
    yes: bool = False
    as_json: bool = False


def reissue(
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="Trace id, the beginning of one (4 characters or more), or `last`.")],
    step: Annotated[int, typer.Argument(metavar="STEP", min=1, help="Number of a model call in the trace.")],
    *,
    times: Annotated[int, typer.Option("-n", metavar="N", min=1, max=10_000, help="How many times to send it.")] = 1,
    at_once: Annotated[int, typer.Option("-j", metavar="J", min=1, max=16, help="How many may be on their way at once.")] = 1,
    base_url: Annotated[str | None, typer.Option("--base-url", metavar="URL", help="Ask there instead of the recorded host.")] = None,
    key_variable: Annotated[
        str | None, typer.Option("--key-env", metavar="NAME", help="Environment variable with the key; else by the provider.")
    ] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option("--fill", metavar="TOKEN=VALUE", help="Put VALUE where redaction left TOKEN; may be repeated. @FILE reads it."),
    ] = None,
    allow_tokens: Annotated[bool, typer.Option("--allow-tokens", help="Send what redaction left in the request as it is.")] = False,
    max_cost: Annotated[float | None, typer.Option("--max-cost", metavar="USD", min=0, help="Send no more than this pays for.")] = None,
    timeout_s: Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Longest wait for the network.")] = 600.0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before sending.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The outcome as one JSON object.")] = False,
    store: StoreOption = None,
) -> int:
    """Send a recorded request again, and group the answers by what they decide.

    The recorded bytes go to the recorded address, with credentials from today's environment; no program runs, and no tool. The answers
    are recorded as a trace of their own. Exit status: 0 answered; 1 nothing was answered; 2 refused before sending, or bad usage; 87 the
    record does not hold the request; 130 interrupted, after a report of the answers that had come.
    """
    options = ReissueOptions(times, at_once, base_url, key_variable, tuple(fill or ()), allow_tokens, max_cost, timeout_s, yes, as_json)
    opened = open_for_command(store)
    return reissue_step(opened, resolve_trace(opened, trace), step, options)


def reissue_step(opened: Store, trace_id: str, step: int, options: ReissueOptions) -> int:
    """Re-issue a step of a trace, and say what came of it; returns the exit code."""
    near, contents = open_trace(opened, trace_id)
    try:
        request = read_request(near, contents, trace_id, step)
    finally:
        near.close()
    url = at_base(request.url, options.base_url)
    body = _whole_body(request, options)
    prepared = with_credentials(url, request.headers, os.environ, options.key_variable)
    estimate = estimated_cost(request, options.base_url, datetime.now(UTC))
    if options.max_cost is not None and estimate is None:
        raise BadInput("--max-cost cannot be kept: the price of this model or the recorded tokens are not known", hint="leave it out")
    if options.max_cost is not None and estimate is not None and estimate > options.max_cost:
        raise BadInput(f"one request is estimated at {money(estimate)}, more than --max-cost {options.max_cost:g}; nothing was sent")
    _ask_first(request, url, prepared, estimate, options)
    live = LiveRequest(request.method, prepared.url, prepared.headers, body)
    facts = {"base_url": options.base_url, "filled": len(options.fill), "tokens_sent": len(tokens_in(body))}
    with progress_bar(options.times, "re-issuing") as answered:
        sending = send_again(
            opened.path, request, live, times=options.times, at_once=options.at_once, timeout_s=options.timeout_s,
            max_cost=options.max_cost, each=estimate, facts=facts, answered=answered, interrupted=_say_interrupted,
        )  # fmt: skip
    return _report(opened.path, request, sending, estimate, options)


def _whole_body(request: RecordedRequest, options: ReissueOptions) -> bytes:
    """The body with what the person fills in; refused while redacted parts are left, unless they may go as they are."""
    body = filled_body(request.body, dict(_fill(text) for text in options.fill))
    left = tokens_in(body)
    if left and not options.allow_tokens:
        raise BadInput(
            f"the request was redacted when it was recorded, so the model would read something else: {', '.join(left)}",
            hint="--fill TOKEN=VALUE for each, or --allow-tokens to send them as they are",
        )
    if left:
        say(
            f"{count_of(len(left), 'redacted part')} of the request {'goes' if len(left) == 1 else 'go'} out as recorded: {', '.join(left)}"
        )
    return body


def _fill(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadInput(f"--fill {text} has no TOKEN=VALUE")
    if value.startswith("@"):
        with open(value[1:], encoding="utf-8") as file:
            return name, file.read().removesuffix("\n")
    return name, value


def _ask_first(request: RecordedRequest, url: str, prepared: Prepared, estimate: float | None, options: ReissueOptions) -> None:
    """Say what will be sent and what it costs, and ask. Raises BadInput when the person says no, or there is nobody to ask."""
    model = request.call["model_requested"] or "a model"
    total = f"about {money(estimate * options.times)}" if estimate is not None else "at a cost that is not known"
    what = f"{count_of(options.times, 'request')} of {request.call['tokens_in'] or '?'} tokens to {model} at {_host(url)}, {total}"
    keys = f", {', '.join(prepared.used)}" if prepared.used else ""
    dropped = f", without {', '.join(prepared.left_out)}" if prepared.left_out else ""
    if options.yes:
        say(f"sending {what}{keys}{dropped}")
        return
    if not sys.stdin.isatty():
        raise BadInput(f"this sends {what}{keys}{dropped}; there is nobody to ask", hint="add --yes")
    say(f"this sends {what}{keys}{dropped}")
    if not typer.confirm("fr: send it?", default=False, err=True):
        raise BadInput("nothing was sent")


def _say_interrupted() -> None:
    say("nothing more is sent; waiting for the answers on their way, which have been asked for (Ctrl-C again leaves them)")


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _report(store_path: str, request: RecordedRequest, sending: Sending, estimate: float | None, options: ReissueOptions) -> int:
    """Read the answers from the record, which is where they will be looked for later as well."""
    near, contents = open_trace(open_for_command(store_path), sending.trace_id)
    try:
        answers = answers_of(near, contents)
    finally:
        near.close()
    if len(answers) < sending.sent:
        say(f"{count_of(sending.sent - len(answers), 'answer')} could not be recorded, and is not counted: fr show {sending.trace_id}")
    summary = summarise(answers, request.recorded)
    if options.as_json:
        write_text(json_text(as_mapping(request, sending, summary, estimate), indent=2))
    else:
        write_lines(report_lines(request, sending, summary, width=terminal_width(), measure=measure))
    if sending.stopped == INTERRUPTED:
        return EXIT_INTERRUPTED
    return 0 if summary.answered else EXIT_NO_ANSWER
