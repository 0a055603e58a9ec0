"""``fr proxy``: a recording reverse proxy for programs that are not Python or cannot be touched; or one that serves a record."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from fr_schema.errors import BadInput, FlightError

from .options import StoreOption
from .output import say, write_lines, write_text
from .record_cmd import DURABILITIES
from .table import Line

if TYPE_CHECKING:
    from fr_replay.proxy.load import LoadLimits
    from fr_replay.proxy.routes import Routing
    from fr_replay.proxy.running import Address, Recorded, Served

__all__ = ["proxy"]

_MB = 1 << 20


def proxy(
    *,
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 4141,
    host: Annotated[
        str,
        typer.Option("--host", metavar="ADDRESS", help="Address to listen on. Anyone who reaches another than this machine's can use it."),
    ] = "127.0.0.1",
    route: Annotated[
        list[str] | None,
        typer.Option("--route", metavar="NAME=URL", help="A route of your own, or another upstream for a built-in one; may be repeated."),
    ] = None,
    replay: Annotated[
        str | None, typer.Option("--replay", metavar="TRACE", help="Serve this trace instead: no upstream is asked, no key is needed.")
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            "--wait", metavar="SECONDS", min=0.1, help="With --replay: how long a request that comes too early waits for its turn."
        ),
    ] = 10.0,
    max_streams: Annotated[int, typer.Option("--max-streams", metavar="N", min=1, help="Requests at once; more get 429.")] = 512,
    max_request: Annotated[int, typer.Option("--max-request", metavar="MB", min=1, help="Largest request; a larger one gets 413.")] = 64,
    durability: Annotated[
        str | None, typer.Option(metavar="|".join(DURABILITIES), help="What the record survives; as for fr record.")
    ] = None,
    encrypt: Annotated[
        str | None, typer.Option("--encrypt", metavar="env:NAME|file:PATH|command:CMD", help="Put content under keys; as for fr record.")
    ] = None,
    store: StoreOption = None,
) -> int:
    """Record what a program asks of models through a base URL, whatever it is written in; or serve that record to it again.

    Once it listens, its address goes to stdout, and the base URLs to stderr. Ctrl-C or SIGTERM end it: what is on its way may end within
    ten seconds, a second signal cuts it. Exit code: 0; 2 when it cannot listen or record. With --replay, as fr replay: 0 when everything
    recorded was asked for and answered, 86 diverged, 87 not on record, 88 ended before the record did.
    """
    from fr_replay.proxy.load import LoadLimits
    from fr_replay.proxy.routes import Routing, parse_route
    from fr_replay.proxy.running import Address

    if durability is not None and durability not in DURABILITIES:
        raise BadInput(f"--durability is {durability!r}", hint=f"it is one of {', '.join(DURABILITIES)}")
    routing = Routing(parse_route(text) for text in route or ())
    limits = LoadLimits(streams=max_streams, request_bytes=max_request * _MB)
    address = Address(host, port)
    if replay is not None:
        if durability is not None or encrypt is not None:
            raise BadInput("--durability and --encrypt are for recording, and --replay records nothing", hint="leave them away")
        return _serve(store, replay, address, routing, limits, wait)
    if encrypt is not None:
        from fr_replay.capture import checked_provider

        os.environ["FR_ENCRYPT"] = checked_provider(encrypt)
    return _record(store, durability, address, routing, limits)


def _record(store: str | None, durability: str | None, address: Address, routing: Routing, limits: LoadLimits) -> int:
    from fr_replay.capture import recorder
    from fr_replay.proxy.running import record_through

    config = recorder.Config.from_environment(store, durability=durability)

    def ready(trace: str, port: int) -> None:
        _announce(address, port, f"recording into {config.store}, trace {trace}", routing)

    done = record_through(config, address, routing, limits, ready)
    _seal(done.store)
    say(_summary(done))
    return 0


def _serve(store: str | None, trace: str, address: Address, routing: Routing, limits: LoadLimits, patience_s: float) -> int:
    from fr_replay.proxy.running import serve_trace
    from fr_replay.selectors import resolve_trace

    from .opened import open_for_command

    opened = open_for_command(store)
    trace_id = resolve_trace(opened, trace)

    def ready(count: int, port: int) -> None:
        _announce(address, port, f"serving trace {trace_id}, {_count(count, 'recorded request')}, no upstream is asked", routing)

    done = serve_trace(opened, trace_id, address, routing, limits, patience_s, ready)
    write_lines(_served_lines(done), aside=True)
    return done.outcome.code


def _announce(address: Address, port: int, doing: str, routing: Routing) -> None:
    """Say where it listens: the address for scripts, what to set for people."""
    from fr_replay.proxy.admission import is_loopback

    shown = f"[{address.host}]" if ":" in address.host else address.host
    url = f"http://{shown}:{port}"
    say(f"{doing}; Ctrl-C ends it")
    if not is_loopback(address.host):
        say(f"listening on {address.host}: whoever reaches it can use it, and nothing of what passes is encrypted on the way to it")
    with suppress(OSError):  # Whoever started it may have closed these streams; the proxy goes on.
        _show_routes(url, routing)
        sys.stdout.flush()


def _show_routes(url: str, routing: Routing) -> None:
    lines = [Line(((f"export {row.variable}={url}/{row.name}{row.base}", "cyan"),), 2) for row in routing.routes if row.variable]
    plain = ", ".join(row.name for row in routing.routes if not row.variable)
    write_lines([*lines, Line(((f"other routes, as {url}/NAME: {plain}", "dim"),), 2)], aside=True)
    write_text(f"{url}\n")


def _seal(store_path: str) -> None:
    """Turn the journal into Parquet; a later command does it where this fails."""
    from fr_replay.capture import seal_dead_journals

    try:
        seal_dead_journals(store_path)
    except (FlightError, OSError) as error:
        reason = error.one_line() if isinstance(error, FlightError) else str(error)
        say(f"the journal could not be sealed yet ({reason}), the next fr command will try again")


def _summary(done: Recorded) -> str:
    parts = [f"recorded {_count(done.requests, 'request')} in {_count(done.traces, 'trace')}", f"those without a name in {done.trace}"]
    if done.refused:
        parts.append("answered by the proxy itself: " + ", ".join(f"{count} {code}" for code, count in done.refused.items()))
    if done.late:
        parts.append(f"{_count(done.late, 'answer')} went on before the record was written")
    if done.lost:
        parts.append(f"{_count(done.lost, 'record')} LOST: fr doctor says more")
    return " · ".join(parts)


def _served_lines(done: Served) -> list[Line]:
    from fr_replay.replaying import IDENTICAL

    from .replay_report import report_lines

    outcome = done.outcome
    notes = [Line(((note, "dim"),), 2) for note in done.notes]
    if outcome.outcome != IDENTICAL:
        return [*report_lines(outcome), *notes]
    counts = f" · {_count(outcome.served, 'request')} of {outcome.recorded} served; what the program did beside them was not looked at"
    return [Line((("fr: ", None), ("requests identical", "bold green"), (counts, None))), *notes]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
