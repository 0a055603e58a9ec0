"""``fr collect``: take OpenTelemetry's traces and logs over HTTP, from agents in any language."""

from __future__ import annotations

import signal
import threading
from typing import Annotated, Any

import typer

from fr_schema.errors import BadInput

from ..capture import chosen_store
from .figures import count_of
from .options import StoreOption
from .output import say

__all__ = ["collect"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_MIB = 1 << 20


def collect(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="Port; 0 takes a free one.")] = 4318,
    wait: Annotated[float, typer.Option("--wait", metavar="SECONDS", min=0.0, help="How long a trace waits for more of it.")] = 6.0,
    body: Annotated[int, typer.Option("--body", metavar="MIB", min=1, max=1024, help="Largest body, once it is decompressed.")] = 64,
    memory: Annotated[int, typer.Option("--memory", metavar="MIB", min=8, help="How much may wait to be written; beyond it: 429.")] = 256,
    store: StoreOption = None,
) -> int:
    """Take OpenTelemetry's traces and logs: OTLP over HTTP, protobuf or JSON, plain or gzip, at /v1/traces and /v1/logs.

    Names of the GenAI conventions, of OpenInference and of OpenLLMetry become columns; what has none is kept in `detail`. A request is
    acknowledged once it is redacted and synced. Ctrl-C or SIGTERM ends it. See docs/opentelemetry.md.
    """
    from ..otlp.collector import Collector
    from ..otlp.server import CollectorServer, Limits

    collector = Collector(chosen_store(store), settle_s=wait, most_bytes=memory * _MIB, tell=say)
    try:
        server = CollectorServer((host, port), collector, Limits(body * _MIB))
    except OSError as error:
        collector.close()
        raise BadInput(
            f"{host}:{port}: {error.strerror or error}", hint="name another with --host and --port; 0 takes a free port"
        ) from None
    if not collector.lasting:
        say("no key file could be kept (set FR_KEYS to a writable folder); the tokens of this collection match no other's")
    if host not in _LOOPBACK:
        say(f"anyone who reaches {host} can write into this store: OTLP is taken without a password")
    if collector.left:
        say(f"{count_of(collector.left, 'signal')} of an earlier collector are taken up again")
    _serve(server, f"collecting at {server.url} into {collector.path}")
    counts = collector.counts()
    collector.close()
    rows = collector.counts().rows
    say(f"collected {count_of(counts.spans, 'span')} and {count_of(counts.logs, 'log record')}; {count_of(rows, 'row')} written")
    return 0


def _serve(server: Any, ready: str) -> None:
    """Say that all is ready and serve until Ctrl-C or SIGTERM, then let the requests in hand end."""
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    say(ready)
    try:
        while not ended.wait(0.5):
            continue
    finally:
        server.shutdown()
        server.server_close()
        for number, handler in before.items():
            signal.signal(number, handler)
