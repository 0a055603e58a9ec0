"""A scripted local model server for tests and the demo. It is no model: GET / says so, and so does its `server` header.

    python tests/upstream/server.py --port 0 [--latency-ms N] [--seed S] [--no-compression]

The first line on stdout is `listening on http://127.0.0.1:PORT`; SIGTERM and SIGINT end it with exit code 0. It speaks real HTTP
over loopback: OpenAI chat, responses and embeddings, Anthropic messages, Gemini, Mistral chat, and endpoints for tools. Every
scripted answer holds a fresh random nonce, so a program that prints the same text twice got it from a record the second time.
(Canned answers are sent as recorded; they hold none.) Every request is logged with its exact bytes: GET /__log, GET /__hits, POST /__reset.

The tables are in `scripts.py` (what is answered), `faults.py` (what goes wrong) and `delivery.py` (how bytes travel).
Tests start it through `scripted_upstream.ScriptedUpstream`.
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

from aiohttp import web
from canned import CannedAnswers
from delivery import ENCODINGS, FRAMINGS, DeliveryOptions
from dispatch import Upstream

LARGEST_REQUEST_BYTES = 1 << 30
SHUTDOWN_S = 0.2


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="A scripted local model server for tests and the demo; there is no model behind it.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="mean wait before an answer; each is 0.2 to 1.8 times this")
    parser.add_argument("--piece-pause-ms", type=float, default=1.0, help="pause between the pieces of a stream")
    parser.add_argument("--seed", type=int, default=None, help="seed of latencies and piece borders (never of nonces)")
    parser.add_argument("--encoding", choices=ENCODINGS, default="auto", help="content encoding, where the client accepts it")
    parser.add_argument("--framing", choices=FRAMINGS, default="auto", help="content-length or chunked")
    parser.add_argument("--no-compression", action="store_true", help="the same as --encoding identity")
    parser.add_argument("--canned", type=Path, default=None, help="JSON file of recorded answers for OpenAI chat (see canned.py)")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when stdin closes, so that no server outlives its test")
    return parser.parse_args(arguments)


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # A plain read: a thread that waits inside sys.stdin holds its lock, and the interpreter aborts at exit.
    while os.read(sys.stdin.fileno(), 4096):
        continue
    loop.call_soon_threadsafe(stop.set)


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until a signal, or until stdin closes if that was asked for."""
    upstream = Upstream(
        options=DeliveryOptions(encoding="identity" if arguments.no_compression else arguments.encoding, framing=arguments.framing),
        latency_ms=arguments.latency_ms,
        piece_pause_ms=arguments.piece_pause_ms,
        seed=arguments.seed,
        canned=CannedAnswers.load(arguments.canned) if arguments.canned else None,
    )
    application = web.Application(client_max_size=LARGEST_REQUEST_BYTES)
    application.router.add_route("*", "/{path:.*}", upstream.handle)
    # Without auto_decompress=False the log would hold decoded request bodies; cancellation frees handlers whose client hung up.
    runner = web.AppRunner(application, access_log=None, auto_decompress=False, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", arguments.port)
    await site.start()
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop_signal, stop.set)
    if arguments.exit_with_stdin:
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()
    port = runner.addresses[0][1]
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(parse_arguments()))
