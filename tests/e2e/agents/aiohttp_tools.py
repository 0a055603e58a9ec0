"""Tools over aiohttp: JSON, forms, streamed bodies, compression, errors, uploads, and a client that hangs up early."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import aiohttp

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]


async def attempt(label: str, call: Awaitable[Any]) -> None:
    """Print what a call gives, or the class and message of its error."""
    try:
        print(label, await call)
    except Exception as error:
        print(label, "raised", type(error).__name__, error)


async def get_json(session: aiohttp.ClientSession, path: str, **options: Any) -> Any:
    """One GET, read as JSON."""
    async with session.get(UPSTREAM + path, **options) as answer:
        return await answer.json()


async def plain(session: aiohttp.ClientSession) -> None:
    """GET, POST with JSON and form, a redirect, several at once, and an error status."""
    async with session.get(UPSTREAM + "/tool/weather", params={"city": "Oslo ☂"}) as answer:
        print("get", answer.status, answer.headers["server"], await answer.json())
    async with session.post(UPSTREAM + "/tool/echo", json={"text": "é☂😀"}) as answer:
        print("post", await answer.json())
    async with session.post(UPSTREAM + "/tool/echo", data={"a": "1", "b": "é"}) as answer:
        print("form", await answer.text())
    async with session.get(UPSTREAM + "/redirect/2") as answer:
        print("redirect", [hop.status for hop in answer.history], answer.url, await answer.json())
    print("gather", await asyncio.gather(*(get_json(session, f"/tool/weather?city={n}") for n in range(4))))
    await attempt("status", get_json(session, "/tool/status/503", raise_for_status=True))


async def pieces() -> AsyncIterator[bytes]:
    """An upload whose length is not known before."""
    for piece in (b"one", b"two", "☂".encode()):
        yield piece


async def streamed(session: aiohttp.ClientSession) -> None:
    """Bodies read as they come, by line, in chunks, in one go, and an upload from a generator."""
    async with session.get(UPSTREAM + "/tool/lines?count=3") as answer:
        print("iter_any", [piece async for piece in answer.content.iter_any()])
    async with session.get(UPSTREAM + "/tool/lines?count=3") as answer:
        read = []
        while line := await answer.content.readline():
            read.append(line)
        print("readline", read)
    async with session.get(UPSTREAM + "/tool/lines?count=3") as answer:
        print("iter_chunks", [piece async for piece in answer.content.iter_chunks()])
    async with session.get(UPSTREAM + "/tool/lines?count=3") as answer:
        print("iter_chunked", [piece async for piece in answer.content.iter_chunked(16)])
    async with session.post(UPSTREAM + "/tool/echo", data=pieces()) as answer:
        print("upload", await answer.json())
    form = aiohttp.FormData()
    form.add_field("note", "é☂")
    form.add_field("file", b"\x00\x01\x02", filename="x.bin", content_type="application/octet-stream")
    async with session.post(UPSTREAM + "/tool/echo", data=form) as answer:
        echoed = await answer.json()
        print("multipart", echoed["content_type"].partition(";")[0], echoed["body_bytes"] > 100, echoed["nonce"])


async def chat(session: aiohttp.ClientSession) -> None:
    """A hand-made chat client: an answer and a stream of events."""
    url = UPSTREAM + "/v1/chat/completions"
    headers = {"authorization": "Bearer sk-test"}
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": "by hand ☂"}]}
    async with session.post(url, json=body, headers=headers) as answer:
        print("chat", (await answer.json())["choices"][0]["message"]["content"])
    async with session.post(url, json={**body, "stream": True}, headers=headers) as answer:
        print("chat stream", [line.decode() async for line in answer.content if line.strip()])


async def compressed(session: aiohttp.ClientSession) -> None:
    """The same endpoint in every encoding that this installation accepts."""
    for encoding in ("gzip", "br", "zstd"):
        async with session.get(f"{UPSTREAM}/with/encoding={encoding},framing=chunked/tool/weather") as answer:
            print(encoding, answer.headers.get("content-encoding"), await answer.json())
    async with session.get(UPSTREAM + "/with/encoding=gzip/tool/lines?count=3") as answer:
        print("gzip lines", [line.decode() async for line in answer.content])


async def failing(session: aiohttp.ClientSession) -> None:
    """What the library raises for each way that a connection can fail, and a program that leaves early."""
    short = aiohttp.ClientTimeout(total=0.2)
    await attempt("timeout", get_json(session, "/fault/timeout/tool/weather", timeout=short))
    await attempt("hang in mid-body", get_json(session, "/fault/hang-mid/tool/weather", timeout=short))
    await attempt("reset", get_json(session, "/fault/reset/tool/weather"))
    await attempt("reset in mid-body", get_json(session, "/fault/reset-mid/tool/lines?count=9"))
    await attempt("truncated", get_json(session, "/fault/truncate/tool/weather"))
    async with session.get(UPSTREAM + "/tool/lines?count=1000&delay_ms=2") as answer:
        print("left after", await answer.content.readline())


async def main() -> None:
    """Run every part in one session."""
    async with aiohttp.ClientSession(headers={"x-agent": "aiohttp"}) as session:
        for part in (plain, streamed, chat, compressed, failing):
            await part(session)


if __name__ == "__main__":
    asyncio.run(main())
