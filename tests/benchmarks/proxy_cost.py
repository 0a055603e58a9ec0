"""What ``fr proxy`` adds: to the first byte of an answer, in CPU per request, and with 200 streams at once.

``python tests/benchmarks/proxy_cost.py [--calls 200] [--streams 200] [--rounds 3] [--json FILE]``. Four processes: a model server that
streams events, a plain pass-through of the same library (aiohttp, a dozen lines, records nothing), ``fr proxy``, and this one, the client.
The three ways are asked in turn within each round, so that what else the machine does falls on all of them. Needs Linux, for ``/proc``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web

FR = str(Path(sys.executable).parent / "fr")
WAYS = ("direct", "plain", "fr")
THINKING_S = 0.02
EVENT = b'data: {"id":"c1","object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{"content":"word %d "}}]}\n\n'
LAST = b'data: {"id":"c1","object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
FILES = 8192


class Asked(NamedTuple):
    """One request as the client saw it: seconds until the first byte of the body, and until the last; how many bytes."""

    first_s: float
    whole_s: float
    size: int


# -- the other processes


async def serve(handler: Any) -> None:
    """Serve until killed; the port goes to stdout."""
    application = web.Application(client_max_size=1 << 30)
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


async def model(request: web.Request) -> web.StreamResponse:
    """Stream as many events as the header says, with a pause before the first and between them."""
    await request.read()
    events, pause = int(request.headers["x-events"]), float(request.headers["x-pause"])
    answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await asyncio.sleep(THINKING_S)
    await answer.prepare(request)
    for number in range(events):
        await answer.write(EVENT % number)
        await asyncio.sleep(pause)
    await answer.write(LAST)
    await answer.write(DONE)
    await answer.write_eof()
    return answer


async def plain_proxy(upstream: str) -> None:
    """A pass-through of the same library that does nothing else."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False) as client:

        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            kept = {name: value for name, value in request.headers.items() if name.lower() not in ("host", "content-length")}
            async with client.request(request.method, upstream + request.raw_path, headers=kept, data=body) as answer:
                passed = web.StreamResponse(status=answer.status, headers={"content-type": answer.headers["content-type"]})
                await passed.prepare(request)
                async for chunk in answer.content.iter_any():
                    await passed.write(chunk)
                await passed.write_eof()
                return passed

        await serve(handle)


def started(*argv: str, **env: str) -> tuple[subprocess.Popen[str], str]:
    """A process, and the URL that it prints."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **env})
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://"), f"{argv} did not start"
    return process, url


def cpu_of(process: subprocess.Popen[str]) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- the client


def body_of(number: int) -> bytes:
    """A chat request of about 12 KB."""
    messages = [{"role": "system", "content": "You are precise. " * 300}]
    messages += [{"role": "user", "content": f"question {number} part {part}: " + "what then? " * 60} for part in range(10)]
    return json.dumps({"model": "m", "stream": True, "messages": messages}).encode()


async def ask(client: aiohttp.ClientSession, base: str, number: int, events: int, pause: float) -> Asked:
    """One request."""
    headers = {"content-type": "application/json", "authorization": "Bearer sk-none", "x-events": str(events), "x-pause": str(pause)}
    body = body_of(number)
    began = time.perf_counter()
    async with client.post(f"{base}/v1/chat/completions", data=body, headers=headers) as answer:
        assert answer.status == 200, (answer.status, await answer.text())
        first = await answer.content.readany()
        first_s = time.perf_counter() - began
        rest = await answer.content.read()
    assert rest.endswith(DONE) or first.endswith(DONE)
    return Asked(first_s, time.perf_counter() - began, len(first) + len(rest))


async def one_after_another(client: aiohttp.ClientSession, bases: dict[str, str], calls: int) -> dict[str, list[Asked]]:
    """So many calls each way, in turn."""
    found: dict[str, list[Asked]] = {way: [] for way in WAYS}
    for number in range(calls):
        for way in WAYS:
            found[way].append(await ask(client, bases[way], number, 5, 0.001))
    return found


async def all_at_once(client: aiohttp.ClientSession, base: str, streams: int) -> tuple[list[Asked], float]:
    """So many streams of four seconds at once, and how long they took together."""
    began = time.perf_counter()
    asked = await asyncio.gather(*(ask(client, base, 100_000 + n, 80, 0.05) for n in range(streams)))
    return list(asked), time.perf_counter() - began


def quantile(values: list[float], share: float) -> float:
    """In milliseconds."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1000


async def measure(arguments: argparse.Namespace, bases: dict[str, str], processes: dict[str, subprocess.Popen[str]]) -> dict[str, Any]:
    """All rounds."""
    told: dict[str, Any] = {"sequential": [], "streams": []}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        await one_after_another(client, bases, 5)
        for _ in range(arguments.rounds):
            before = {way: cpu_of(processes[way]) for way in ("plain", "fr")}
            found = await one_after_another(client, bases, arguments.calls)
            firsts = {way: [one.first_s for one in found[way]] for way in WAYS}
            told["sequential"].append(
                {
                    "first_byte_ms": {w: {"p50": quantile(firsts[w], 0.5), "p95": quantile(firsts[w], 0.95)} for w in WAYS},
                    "cpu_ms_per_call": {w: (cpu_of(processes[w]) - before[w]) * 1000 / arguments.calls for w in before},
                }
            )
            for way in WAYS:
                began = cpu_of(processes[way]) if way in processes else 0.0
                asked, whole = await all_at_once(client, bases[way], arguments.streams)
                row = {"way": way, "streams": len(asked), "seconds": whole, "bytes": sum(one.size for one in asked)}
                row |= {"first_p50_ms": quantile([a.first_s for a in asked], 0.5), "first_max_ms": max(a.first_s for a in asked) * 1000}
                row["cpu_s"] = cpu_of(processes[way]) - began if way in processes else None
                told["streams"].append(row)
    return told


def recorded_calls(store: str, env: dict[str, str]) -> int:
    """Calls in the store whose answer is whole."""
    sql = "SELECT count(*) AS n FROM attempts WHERE response_end = 'eof' AND output_blob IS NOT NULL"
    ran = subprocess.run(
        [FR, "--store", store, "query", sql, "-f", "json"], capture_output=True, text=True, env={**os.environ, **env}, check=True
    )
    return int(json.loads(ran.stdout)[0]["n"])


def report(told: dict[str, Any]) -> str:
    """What was measured, in words."""
    lines = ["first byte, one call after another, ms    direct     plain        fr  fr-direct  fr-plain   cpu plain   cpu fr"]
    for row in told["sequential"]:
        first, cpu = row["first_byte_ms"], row["cpu_ms_per_call"]
        for share in ("p50", "p95"):
            d, p, f = (first[way][share] for way in WAYS)
            lines.append(f"  {share}{'':35} {d:9.2f} {p:9.2f} {f:9.2f} {f - d:10.2f} {f - p:9.2f} {cpu['plain']:11.2f} {cpu['fr']:8.2f}")
    lines.append("streams at once            first p50 ms   first max ms   all done s   cpu s of the proxy")
    for row in told["streams"]:
        cpu_s = "" if row["cpu_s"] is None else f"{row['cpu_s']:.2f}"
        first = f"{row['first_p50_ms']:9.1f} {row['first_max_ms']:14.1f}"
        lines.append(f"  {row['way']:8} {row['streams']:5}           {first} {row['seconds']:12.2f} {cpu_s:>12}")
    added = [row["first_byte_ms"]["fr"]["p50"] - row["first_byte_ms"]["direct"]["p50"] for row in told["sequential"]]
    beside = [row["first_byte_ms"]["fr"]["p50"] - row["first_byte_ms"]["plain"]["p50"] for row in told["sequential"]]
    lines.append(f"added to the first byte (median of {len(added)} rounds): {statistics.median(added):.2f} ms to direct,")
    lines.append(f"  {statistics.median(beside):.2f} ms to a pass-through that records nothing")
    lines.append(f"on record, whole: {told['recorded']} of {told['asked']} calls")
    return "\n".join(lines)


def main() -> int:
    """Run all; exit 1 when a call is not on record whole."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("role", nargs="?", choices=("model", "plain"))
    parser.add_argument("upstream", nargs="?")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    if arguments.role == "model":
        asyncio.run(serve(model))
    if arguments.role == "plain":
        asyncio.run(plain_proxy(arguments.upstream))
    with tempfile.TemporaryDirectory() as folder:
        env = {"FR_STORE": f"{folder}/store", "FR_KEYS": f"{folder}/keys"}
        server, upstream = started(sys.executable, __file__, "model")
        plain, plain_url = started(sys.executable, __file__, "plain", upstream)
        recording, fr_url = started(FR, "proxy", "--port", "0", "--route", f"up={upstream}", **env)
        try:
            bases = {"direct": upstream, "plain": plain_url, "fr": f"{fr_url}/up"}
            told = asyncio.run(measure(arguments, bases, {"plain": plain, "fr": recording}))
        finally:
            recording.terminate()
            recording.wait(60)
            for process in (plain, server):
                process.kill()
                process.wait()
        told["asked"] = 5 + arguments.rounds * (arguments.calls + arguments.streams)
        told["recorded"] = recorded_calls(f"{folder}/store", env)
    print(report(told))
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=1))
    return 0 if told["recorded"] == told["asked"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
