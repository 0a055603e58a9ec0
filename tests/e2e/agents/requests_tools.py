"""Tools over requests and urllib3: plain, streamed, compressed, sessions, uploads, retries, timeouts and resets."""

import os
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]


def attempt(label: str, function: Any) -> None:
    """Print what a call gives, or the class and message of its error."""
    try:
        print(label, function())
    except Exception as error:
        print(label, "raised", type(error).__name__, error)


def plain() -> None:
    """GET, POST with JSON, form and file upload, a redirect, and an error status."""
    answer = requests.get(UPSTREAM + "/tool/weather", params={"city": "Oslo ☂"}, timeout=5)
    print("get", answer.status_code, answer.headers["server"], answer.json())
    print("post", requests.post(UPSTREAM + "/tool/echo", json={"text": "é☂😀", "n": [1, 2]}, timeout=5).json())
    print("form", requests.post(UPSTREAM + "/tool/echo", data={"a": "1", "b": "é"}, timeout=5).json())
    print("upload", requests.post(UPSTREAM + "/tool/echo", data=iter([b"one", b"two"]), timeout=5).json())
    moved = requests.get(UPSTREAM + "/redirect/2", timeout=5)
    print("redirect", [hop.status_code for hop in moved.history], moved.url, moved.json())
    print("basic auth", requests.get(UPSTREAM + "/auth/basic", auth=("user", "open sesame"), timeout=5).json())
    attempt("status", lambda: requests.get(UPSTREAM + "/tool/status/503", timeout=5).raise_for_status())


def streamed() -> None:
    """Bodies read in pieces, by line, by urllib3's own stream, and left early."""
    with requests.get(UPSTREAM + "/tool/lines?count=4", stream=True, timeout=5) as answer:
        print("iter_content", list(answer.iter_content(chunk_size=16)))
    with requests.get(UPSTREAM + "/tool/lines?count=4", stream=True, timeout=5) as answer:
        print("iter_content, as it comes", list(answer.iter_content(chunk_size=None)))
    with requests.get(UPSTREAM + "/tool/lines?count=4", stream=True, timeout=5) as answer:
        print("iter_lines", list(answer.iter_lines(decode_unicode=True)))
    with requests.get(UPSTREAM + "/tool/lines?count=50&delay_ms=2", stream=True, timeout=5) as answer:
        print("left after", next(answer.iter_lines()))
    with requests.get(UPSTREAM + "/tool/lines?count=2", stream=True, timeout=5) as answer:
        print("raw", answer.raw.read(10), answer.raw.read())


def compressed() -> None:
    """The same endpoint in every encoding that this installation accepts."""
    for encoding in ("gzip", "br", "zstd"):
        for framing in ("length", "chunked"):
            url = f"{UPSTREAM}/with/encoding={encoding},framing={framing}/tool/weather"
            answer = requests.get(url, headers={"accept-encoding": "gzip, br, zstd"}, timeout=5)
            print(encoding, framing, answer.headers.get("content-encoding"), answer.json())
    with requests.get(UPSTREAM + "/with/encoding=gzip/tool/lines?count=3", stream=True, timeout=5) as answer:
        print("gzip lines", answer.headers.get("content-encoding"), list(answer.iter_lines()))


def sessions() -> None:
    """Two requests on one connection, and retries by the adapter."""
    with requests.Session() as session:
        session.headers["x-agent"] = "requests"
        numbers = [session.get(UPSTREAM + "/tool/weather", timeout=5).headers["x-upstream-connection"] for _ in range(2)]
        print("keep-alive", numbers[0] == numbers[1])
        retry = urllib3.Retry(total=3, backoff_factor=0.01, status_forcelist=[429, 503], allowed_methods=None)
        session.mount("http://", HTTPAdapter(max_retries=retry))
        for fault in ("429x2", "503x1", "resetx1"):
            print("retried", fault, session.post(f"{UPSTREAM}/fault/{fault}/tool/echo", data=b"again", timeout=5).json())
        attempt("retries exhausted", lambda: session.get(UPSTREAM + "/fault/429/tool/weather", timeout=5))


def failing() -> None:
    """What the library raises for each way that a connection can fail."""
    attempt("timeout", lambda: requests.get(UPSTREAM + "/fault/timeout/tool/weather", timeout=0.2).text)
    attempt("hang in mid-body", lambda: requests.get(UPSTREAM + "/fault/hang-mid/tool/weather", timeout=0.2).text)
    attempt("reset", lambda: requests.get(UPSTREAM + "/fault/reset/tool/weather", timeout=5).text)
    attempt("reset in mid-body", lambda: requests.get(UPSTREAM + "/fault/reset-mid/tool/big?bytes=2000", timeout=5).text)
    attempt("truncated", lambda: requests.get(UPSTREAM + "/fault/truncate/tool/weather", timeout=5).text)


def urllib3_directly() -> None:
    """urllib3 without requests: one pool, a preloaded answer, a stream, its retries and its errors."""
    with urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(5)) as pool:
        answer = pool.request("GET", UPSTREAM + "/tool/weather", fields={"city": "Quito"})
        print("urllib3", answer.status, answer.json())
        print("urllib3 post", pool.request("POST", UPSTREAM + "/tool/echo", json={"k": "☂"}).json())
        streamed_answer = pool.request("GET", UPSTREAM + "/tool/lines?count=3", preload_content=False)
        print("urllib3 stream", list(streamed_answer.stream(20)))
        streamed_answer.release_conn()
        raw = pool.request("GET", UPSTREAM + "/with/encoding=gzip/tool/weather", headers={"accept-encoding": "gzip"}, decode_content=False)
        print("urllib3 undecoded", raw.headers["content-encoding"], raw.data[:2].hex())
        retried = pool.request("GET", UPSTREAM + "/fault/503x2/tool/weather", retries=urllib3.Retry(3, status_forcelist=[503]))
        print("urllib3 retried", retried.status, retried.json())
        attempt("urllib3 timeout", lambda: pool.request("GET", UPSTREAM + "/fault/timeout/tool/weather", timeout=0.2).data)
        attempt("urllib3 reset", lambda: pool.request("GET", UPSTREAM + "/fault/reset/tool/weather").data)


def main() -> None:
    """Run every part."""
    for part in (plain, streamed, compressed, sessions, failing, urllib3_directly):
        part()


if __name__ == "__main__":
    main()
