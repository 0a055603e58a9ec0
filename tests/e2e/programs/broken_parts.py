"""A program whose recorder is broken in one part, named by the first argument as ``module:attribute.path``; prints what it gets.

Run under ``fr record``, or by itself with ``init`` as the second argument. The part raises from the moment that it is broken, which
is after start-up, before the first call. ``none`` breaks nothing.
"""

import asyncio
import errno
import importlib
import os
import sys
import threading
import urllib.request
from typing import Any

import httpx2

import fr_recorder as fr

URL = os.environ["FR_TEST_UPSTREAM"]


@fr.tool(side_effect="read")
def add(left: int, right: int) -> int:
    """A tool."""
    return left + right


@fr.tool(side_effect="none")
def refuse() -> None:
    """A tool that raises."""
    raise LookupError("refused")


@fr.tool(side_effect="read")
async def count(limit: int) -> Any:
    """An async generator."""
    for number in range(limit):
        yield number


def break_part(path: str) -> None:
    """Replace a part by a function that raises."""
    if path == "none":
        return
    module, _, attributes = path.partition(":")
    *holders, name = attributes.split(".")
    holder: Any = importlib.import_module(module)
    for attribute in holders:
        holder = getattr(holder, attribute)

    def broken(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EIO, f"{path} is broken") if "journal" in path else RuntimeError(f"{path} is broken")

    setattr(holder, name, broken)


def fill_disk() -> None:
    """Every write beside those to the standard streams fails as on a full disk."""
    write = os.write

    def _write(descriptor: int, data: Any) -> int:
        if descriptor > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    os.write = _write


def work() -> None:
    """Calls through three seams, streams, tools, decisions, spans, a thread and a child; nothing printed differs from run to run."""
    with fr.trace("work", user="ann", tags={"a": "b"}), httpx2.Client() as client:
        answer = client.post(URL + "/tool/echo", content=iter([b"one", b"two"]))
        print(answer.status_code, answer.json()["body_sha256"])
        print(client.post(URL + "/v1/chat/completions", json={"model": "m", "messages": [{"role": "user", "content": "q"}]}).status_code)
        with client.stream("GET", URL + "/tool/lines?count=3") as lines:
            print(len(list(lines.iter_lines())))
        with client.stream("GET", URL + "/tool/lines?count=9") as left:
            print(bool(next(left.iter_lines())))
        try:
            client.get(URL + "/fault/reset/tool/weather")
        except httpx2.HTTPError as error:
            print(type(error).__name__)
        print(add(2, right=3))
        try:
            refuse()
        except LookupError as error:
            print("raised", error)
        fr.decision("done", value=object())
    with urllib.request.urlopen(URL + "/tool/big?bytes=200000") as big:
        print(len(big.read()))
    with fr.llm_call(model="m", messages=[{"role": "user", "content": "q"}]) as call:
        print(call.run(len, "four"))
        call.respond("text", model="m-1")
    thread = threading.Thread(target=lambda: print("thread", add(1, 1)))
    thread.start()
    thread.join()
    asyncio.run(work_async())
    sys.stdout.flush()
    if os.fork() == 0:
        print("child", add(3, 4), flush=True)
        os._exit(0)
    print("child ended", os.wait()[1])


async def work_async() -> None:
    """The asyncio half."""
    async with httpx2.AsyncClient() as client:
        answers = await asyncio.gather(*(client.get(f"{URL}/tool/weather?n={n}") for n in range(3)))
        print([answer.status_code for answer in answers], [number async for number in count(3)])


if __name__ == "__main__":
    if "init" in sys.argv:
        assert fr.init()
    if sys.argv[1] == "full disk":
        fill_disk()
    else:
        break_part(sys.argv[1])
    work()
