"""Tools over httpx and over httpx2: every way to send and to read, custom transports, redirects, authentication and errors."""

import asyncio
import os
from collections.abc import AsyncIterator, Generator, Iterator
from types import ModuleType
from typing import Any

import httpx
import httpx2

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]


def attempt(label: str, function: Any) -> None:
    """Print what a call gives, or the class and message of its error."""
    try:
        print(label, function())
    except Exception as error:
        print(label, "raised", type(error).__name__, error)


def pieces() -> Iterator[bytes]:
    """An upload whose length is not known before."""
    yield from (b"one", b"two", "☂".encode())


async def async_pieces() -> AsyncIterator[bytes]:
    """The same for an async client."""
    for piece in pieces():
        yield piece


def requests_and_uploads(lib: ModuleType) -> None:
    """Plain requests on one kept-alive connection, uploads of three kinds, redirects, and the top-level functions."""
    with lib.Client(base_url=UPSTREAM, headers={"x-agent": lib.__name__}) as client:
        answers = [client.get("/tool/weather", params={"city": "Oslo ☂"}) for _ in range(2)]
        print("get", answers[0].status_code, answers[0].http_version, answers[0].headers["server"], answers[0].json())
        print("keep-alive", answers[0].headers["x-upstream-connection"] == answers[1].headers["x-upstream-connection"])
        print("post", client.post("/tool/echo", json={"text": "é☂😀"}).json())
        print("streamed upload", client.post("/tool/echo", content=pieces()).json())
        echoed = client.post("/tool/echo", data={"note": "é"}, files={"file": ("x.bin", b"\x00\x01", "application/octet-stream")}).json()
        print("multipart upload", echoed["content_type"].partition(";")[0], echoed["body_bytes"] > 100, echoed["nonce"])
        moved = client.get("/redirect/2", follow_redirects=True)
        print("redirect", [hop.status_code for hop in moved.history], moved.url.path, moved.json())
        kept = client.post("/redirect/1?status=307", content=b"body", follow_redirects=True)
        print("redirected post", kept.json())
        attempt("status", lambda: client.get("/tool/status/503").raise_for_status())
    print("top level", lib.get(UPSTREAM + "/tool/weather").json())


def streams(lib: ModuleType) -> None:
    """Every reader of a streamed body, a body read whole after all, and one left early."""
    readers = ("iter_raw", "iter_bytes", "iter_text", "iter_lines")
    with lib.Client(base_url=UPSTREAM) as client:
        for reader in readers:
            with client.stream("GET", "/tool/lines?count=3") as answer:
                print(reader, list(getattr(answer, reader)()))
        with client.stream("GET", "/with/encoding=gzip/tool/lines?count=3") as answer:
            print("gzip lines", answer.headers.get("content-encoding"), list(answer.iter_lines()))
        with client.stream("GET", "/tool/lines?count=2") as answer:
            print("read whole", answer.read(), answer.num_bytes_downloaded)
        with client.stream("GET", "/tool/lines?count=1000&delay_ms=2") as answer:
            print("left after", next(answer.iter_lines()))
        with client.stream("GET", "/tool/weather") as answer:
            print("never read", answer.status_code)
        for encoding in ("gzip", "br", "zstd"):
            answer = client.get(f"/with/encoding={encoding},framing=chunked/tool/weather")
            print(encoding, answer.headers.get("content-encoding"), answer.json())


def transports(lib: ModuleType) -> None:
    """A mock, a transport of the program's own, and one mounted for a path of its own."""

    def answer_here(request: Any) -> Any:
        return lib.Response(200, json={"mocked": request.url.path, "method": request.method})

    class Labelled(lib.BaseTransport):  # type: ignore[misc, name-defined]
        """Adds a header on the way out and on the way back."""

        def __init__(self) -> None:
            self.inner = lib.HTTPTransport(retries=1)

        def handle_request(self, request: Any) -> Any:
            request.headers["x-label"] = "out"
            answer = self.inner.handle_request(request)
            answer.headers["x-label"] = "back"
            return answer

        def close(self) -> None:
            self.inner.close()

    with lib.Client(transport=lib.MockTransport(answer_here)) as client:
        print("mock", client.get("http://nowhere.invalid/path").json())
    with lib.Client(transport=Labelled()) as client:
        answer = client.get(UPSTREAM + "/tool/weather")
        print("own transport", answer.headers["x-label"], answer.json())
    with lib.Client(mounts={"all://nowhere.invalid": lib.MockTransport(answer_here)}) as client:
        print("mounted", client.get("http://nowhere.invalid/x").json(), client.get(UPSTREAM + "/tool/weather").json())


def authentication(lib: ModuleType) -> None:
    """Basic credentials, and a flow that asks for a token and tries again."""

    class TokenAuth(lib.Auth):  # type: ignore[misc, name-defined]
        """Fetches a bearer token on the first 401."""

        requires_response_body = True

        def auth_flow(self, request: Any) -> Generator[Any, Any, None]:
            refused = yield request
            if refused.status_code == 401:
                issued = yield lib.Request("POST", UPSTREAM + "/auth/token")
                request.headers["authorization"] = "Bearer " + issued.json()["access_token"]
                yield request

    with lib.Client(base_url=UPSTREAM) as client:
        print("basic auth", client.get("/auth/basic", auth=("user", "open sesame")).json())
        print("token auth", client.get("/auth/protected", auth=TokenAuth()).json())
        print("no auth", client.get("/auth/protected").status_code)


def failing(lib: ModuleType) -> None:
    """What the library raises for each way that a connection can fail."""
    with lib.Client(base_url=UPSTREAM) as client:
        attempt("timeout", lambda: client.get("/fault/timeout/tool/weather", timeout=0.2))
        attempt("hang in mid-body", lambda: client.get("/fault/hang-mid/tool/weather", timeout=0.2))
        attempt("reset", lambda: client.get("/fault/reset/tool/weather"))
        attempt("reset in mid-body", lambda: client.get("/fault/reset-mid/tool/big?bytes=2000"))
        attempt("truncated", lambda: client.get("/fault/truncate/tool/weather"))


async def async_client(lib: ModuleType) -> None:
    """The async client: several at once, streams, an async upload, an error, and one left early."""
    async with lib.AsyncClient(base_url=UPSTREAM) as client:
        answers = await asyncio.gather(*(client.get(f"/tool/weather?city={n}") for n in range(4)))
        print("async gather", [answer.json() for answer in answers])
        for reader in ("aiter_raw", "aiter_bytes", "aiter_lines"):
            async with client.stream("GET", "/tool/lines?count=3") as answer:
                print(reader, [piece async for piece in getattr(answer, reader)()])
        print("async upload", (await client.post("/tool/echo", content=async_pieces())).json())
        async with client.stream("GET", "/tool/lines?count=1000&delay_ms=2") as answer:
            async for line in answer.aiter_lines():
                print("async left after", line)
                break
        try:
            await client.get("/fault/timeout/tool/weather", timeout=0.2)
        except lib.TimeoutException as error:
            print("async timeout", type(error).__name__, error)


def main() -> None:
    """Run every part with both libraries."""
    for lib in (httpx, httpx2):
        print("==", lib.__name__)
        for part in (requests_and_uploads, streams, transports, authentication, failing):
            part(lib)
        asyncio.run(async_client(lib))


if __name__ == "__main__":
    main()
