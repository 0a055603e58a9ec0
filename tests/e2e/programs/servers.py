"""A server that records each request as a trace of its own; threaded or asyncio, by the name on the command line.

It prints its port, serves until SIGTERM, and answers each request with the trace id that the library gave.
"""

import asyncio
import json
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
from aiohttp import web

import fr_recorder as fr

URL = os.environ["FR_TEST_UPSTREAM"] + "/v1/chat/completions"


def body_of(question: str) -> dict[str, Any]:
    """A chat request."""
    return {"model": "gpt-x", "messages": [{"role": "user", "content": question}]}


@fr.tool(side_effect="write")
def refund(marker: str) -> str:
    """A tool that itself asks."""
    return f"refunded for {marker}"


@fr.tool(side_effect="read")
async def look_up(marker: str) -> str:
    """The same for the asyncio server."""
    await asyncio.sleep(0)
    return f"found for {marker}"


def ask(client: httpx2.Client, question: str) -> str:
    """One question."""
    text: str = client.post(URL, json=body_of(question)).json()["choices"][0]["message"]["content"]
    return text


def labels(marker: str) -> dict[str, Any]:
    """What the application says of a request."""
    return {"session": f"session-{marker}", "user": f"user-{int(marker) % 4}@corp", "tags": {"marker": marker}, "task": "refunds"}


class Handler(BaseHTTPRequestHandler):
    """A request: three questions, one from a thread and one from a pool, a tool, a decision, a nested span."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        marker = self.path.rpartition("/")[2]
        with fr.trace("request", **labels(marker)) as trace:
            answer = self.work(marker)
            fr.decision("answered", marker=marker)
        data = json.dumps({"trace": trace.id, "answer": answer}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def work(self, marker: str) -> str:
        with httpx2.Client() as client:
            first = ask(client, f"first of [{marker}]")
            with fr.trace("inner"):
                refund(marker)
            thread = threading.Thread(target=ask, args=(client, f"thread of [{marker}]"))
            thread.start()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(ask, client, f"pool of [{marker}]").result()
            thread.join()
        if marker == "13":
            with fr.trace("inner that fails"):
                return fail_softly()
        return first

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


def fail_softly() -> str:
    """An exception inside of a span of its own, caught there."""
    try:
        with fr.trace("failing"):
            raise ValueError("thirteen")
    except ValueError:
        return "unlucky"


def threaded() -> None:
    """Serve with a thread per connection."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(server.server_address[1], flush=True)
    server.serve_forever()
    server.server_close()


async def answer(request: web.Request) -> web.Response:
    """The same for asyncio: questions in tasks, in a thread of the loop's pool, one after the other."""
    marker = request.match_info["marker"]
    client = request.app["client"]

    async def ask_async(question: str) -> str:
        text: str = (await client.post(URL, json=body_of(question))).json()["choices"][0]["message"]["content"]
        return text

    async with fr.trace("request", **labels(marker)) as trace:
        first = await ask_async(f"first of [{marker}]")
        async with fr.trace("inner"):
            await look_up(marker)
        await asyncio.gather(ask_async(f"task of [{marker}]"), asyncio.to_thread(in_thread, f"pool of [{marker}]"))
        fr.decision("answered", marker=marker)
    return web.json_response({"trace": trace.id, "answer": first})


def in_thread(question: str) -> str:
    """A synchronous question from a worker thread of the loop."""
    with httpx2.Client() as client:
        return ask(client, question)


async def asynchronous() -> None:
    """Serve with one event loop."""
    app = web.Application()
    app["client"] = httpx2.AsyncClient()
    app.router.add_get("/{marker}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(runner.addresses[0][1], flush=True)
    await stop.wait()
    await app["client"].aclose()
    await runner.cleanup()


if __name__ == "__main__":
    assert fr.init(service="desk", environment="test", region="here", code_version="1.2.3")
    if sys.argv[1] == "threaded":
        threaded()
    else:
        asyncio.run(asynchronous())
