"""Bodies of every encoding and framing through every client library; prints what each program saw of them.

For each body a line: library, url, status, the digest that the server gave, and the digest of what the library handed out.
"""

import asyncio
import hashlib
import os
import urllib.request
from collections.abc import Iterator

import aiohttp
import httpx
import httpx2
import requests
import urllib3

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
ENCODINGS = ("identity", "gzip", "br", "zstd")
FRAMINGS = ("length", "chunked")
SIZES = (0, 1, 70_000)


def urls(library: str) -> Iterator[str]:
    """Every body that a library fetches."""
    for encoding in ENCODINGS:
        for framing in FRAMINGS:
            for size in SIZES:
                yield f"{UPSTREAM}/with/encoding={encoding},framing={framing}/tool/big?bytes={size}&lib={library}"


def show(library: str, url: str, status: int, said: str | None, body: bytes) -> None:
    """One line."""
    print(library, url.removeprefix(UPSTREAM), status, said, hashlib.sha256(body).hexdigest())


def with_httpx(library: str) -> None:
    """httpx and httpx2: the whole body, and the body as a stream."""
    module = {"httpx": httpx, "httpx2": httpx2}[library]
    with module.Client() as client:
        for url in urls(library):
            answer = client.get(url)
            show(library, url, answer.status_code, answer.headers.get("x-content-sha256"), answer.content)
        for url in urls(f"{library}-stream"):
            with client.stream("GET", url) as streamed:
                body = b"".join(streamed.iter_bytes())
            show(f"{library}-stream", url, streamed.status_code, streamed.headers.get("x-content-sha256"), body)


async def with_async_httpx(library: str) -> None:
    """The same for the async clients."""
    module = {"httpx": httpx, "httpx2": httpx2}[library]
    async with module.AsyncClient() as client:
        for url in urls(f"{library}-async"):
            async with client.stream("GET", url) as streamed:
                body = b"".join([piece async for piece in streamed.aiter_bytes()])
            show(f"{library}-async", url, streamed.status_code, streamed.headers.get("x-content-sha256"), body)


def with_requests() -> None:
    """requests: at once, and in pieces of 1,000 bytes."""
    with requests.Session() as session:
        session.headers["accept-encoding"] = "gzip, br, zstd"
        for url in urls("requests"):
            answer = session.get(url, timeout=30)
            show("requests", url, answer.status_code, answer.headers.get("x-content-sha256"), answer.content)
        for url in urls("requests-stream"):
            with session.get(url, timeout=30, stream=True) as streamed:
                body = b"".join(streamed.iter_content(1000))
            show("requests-stream", url, streamed.status_code, streamed.headers.get("x-content-sha256"), body)


def with_urllib3() -> None:
    """urllib3: at once, not preloaded, and not decoded at all."""
    pool = urllib3.PoolManager(headers={"accept-encoding": "gzip, br, zstd"})
    for url in urls("urllib3"):
        answer = pool.request("GET", url)
        show("urllib3", url, answer.status, answer.headers.get("x-content-sha256"), answer.data)
    for url in urls("urllib3-stream"):
        streamed = pool.request("GET", url, preload_content=False)
        body = b"".join(streamed.stream(777, decode_content=True))
        streamed.release_conn()
        show("urllib3-stream", url, streamed.status, streamed.headers.get("x-content-sha256"), body)


def with_urllib() -> None:
    """The standard library asks for no encoding, and gets none."""
    for url in urls("urllib"):
        with urllib.request.urlopen(url) as answer:
            show("urllib", url, answer.status, answer.headers.get("x-content-sha256"), answer.read())
    for url in urls("urllib-pieces"):
        with urllib.request.urlopen(url) as answer:
            body = b"".join(iter(lambda reader=answer: reader.read(999), b""))  # type: ignore[misc]
            show("urllib-pieces", url, answer.status, answer.headers.get("x-content-sha256"), body)


async def with_aiohttp() -> None:
    """aiohttp: at once, and as it comes."""
    async with aiohttp.ClientSession() as session:
        for url in urls("aiohttp"):
            async with session.get(url) as answer:
                show("aiohttp", url, answer.status, answer.headers.get("x-content-sha256"), await answer.read())
        for url in urls("aiohttp-stream"):
            async with session.get(url) as answer:
                body = b"".join([piece async for piece in answer.content.iter_any()])
                show("aiohttp-stream", url, answer.status, answer.headers.get("x-content-sha256"), body)


def main() -> None:
    """Every library."""
    for library in ("httpx", "httpx2"):
        with_httpx(library)
        asyncio.run(with_async_httpx(library))
    with_requests()
    with_urllib3()
    with_urllib()
    asyncio.run(with_aiohttp())


if __name__ == "__main__":
    main()
