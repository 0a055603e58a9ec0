"""Contents that are hard to keep: large, many, binary, empty, and text that no encoding has. Prints what was there, as digests.

The first argument says which: ``large``, ``awkward``, ``long`` or ``crowd``.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
from typing import Any

import httpx2

import fr_recorder as fr

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
LARGE_BYTES = 50_000_000
MESSAGES = 10_000
WRITERS = 8
THREADS = 2
CALLS = 40
"""Of each thread of each writer."""


def digest(data: bytes) -> str:
    """How contents are named in the output."""
    return hashlib.sha256(data).hexdigest()


# -- large


@fr.tool(side_effect="read", name="large_text")
def large_text() -> str:
    """50 MB of UTF-8 in characters of one to four bytes, no two blocks alike."""
    block = "plain text, é, ☂ and 😀; " * 1000
    text = "".join(f"{number}:{block}" for number in range(LARGE_BYTES // len(block.encode()) + 1))
    return text.encode()[:LARGE_BYTES].decode(errors="ignore")


@fr.tool(side_effect="read", name="large_bytes")
def large_bytes() -> bytes:
    """50 MB that no compression makes smaller."""
    return os.urandom(LARGE_BYTES)


def large() -> None:
    """Both."""
    print("large_text", digest(large_text().encode()))
    print("large_bytes", digest(large_bytes()))


# -- awkward

AWKWARD_RESULTS: dict[str, Any] = {
    "planes": "é ☂ 😀 \U0010ffff \u200f\u202e rtl \ufeff",
    "controls": "".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029",
    "lone_high": "before \ud83d after",
    "lone_low": "\udc00",
    "swapped": "\ude00\ud83d",
    "in_object": {"\udcff key": ["\ud800", {"b": b"\x00\xff"}]},
    "not_utf8": bytes(range(256)),
    "looks_like_json": '{"a": 1}',
    "bytes_like_text": b"text",
    "empty_text": "",
    "empty_bytes": b"",
    "nothing": None,
    "empty_list": [],
    "numbers": [0, -0.0, 1e308, 2**70, True],
}


@fr.tool(side_effect="read")
def awkward_result(name: str) -> Any:
    """One of the results."""
    return AWKWARD_RESULTS[name]


def awkward() -> None:
    """Every result; uploads and answers that are binary or empty; a prompt whose JSON holds halves of surrogate pairs."""
    for name in AWKWARD_RESULTS:
        awkward_result(name)
    with httpx2.Client(timeout=30) as client:
        for upload in (bytes(range(256)) * 40, b"", b"\xff\xfe{", b'{"a": "\xff"}', "no json: {☂".encode()):
            answer = client.post(f"{UPSTREAM}/tool/echo", content=upload, headers={"content-type": "application/octet-stream"})
            print("echo", digest(upload), digest(answer.content))
        for path in ("/tool/big?bytes=0", "/with/framing=chunked/tool/big?bytes=0"):
            print("empty", path, len(client.get(UPSTREAM + path).content))
        text = '{"model": "gpt-x", "messages": [{"role": "user", "content": "half \\ud83d, a pair \\ud83d\\ude00, a NUL \\u0000, ☂"}]}'
        answer = client.post(f"{UPSTREAM}/v1/chat/completions", content=text.encode(), headers={"content-type": "application/json"})
        print("asked", digest(text.encode()), digest(answer.content))


# -- long


def long() -> None:
    """A prompt of ten thousand messages, and the same with one more."""
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": f"message {n} ☂ " + "word " * (n % 7)} for n in range(MESSAGES)]
    with httpx2.Client(timeout=60) as client:
        for count in (MESSAGES - 1, MESSAGES):
            body = json.dumps({"messages": messages[:count], "model": "gpt-x"}).encode()
            answer = client.post(f"{UPSTREAM}/v1/chat/completions", content=body, headers={"content-type": "application/json"})
            print("asked", count, digest(body), digest(answer.content))


# -- crowd


@fr.tool(side_effect="read")
def answered(question: str) -> bytes:
    """A result of its own for every question."""
    return hashlib.sha512(question.encode()).digest() * 40


def work(writer: str, thread: int, lines: list[str]) -> None:
    """Calls and tools, noted as they return."""
    with httpx2.Client(timeout=60) as client:
        for number in range(CALLS):
            question = f"{writer}-{thread}-{number}"
            body = json.dumps({"messages": [{"role": "user", "content": question}], "model": "gpt-x"}).encode()
            answer = client.post(f"{UPSTREAM}/v1/chat/completions", content=body, headers={"content-type": "application/json"})
            lines.append(f"call {question} {digest(answer.content)}")
            lines.append(f"tool {question} {digest(answered(question))}")


def write_along(writer: str) -> None:
    """One of the crowd: starts when its standard input is closed."""
    lines: list[str] = []
    sys.stdin.read()
    threads = [threading.Thread(target=work, args=(writer, number, lines)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("\n".join(lines), flush=True)


def crowd() -> None:
    """Eight processes that record into one store at once."""
    argv = [sys.executable, __file__, "writer"]
    children = [subprocess.Popen([*argv, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for number in range(WRITERS)]
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
        child.stdin = None
    for child in children:
        printed, _ = child.communicate()
        sys.stdout.write(printed.decode())
        assert child.returncode == 0


if __name__ == "__main__":
    if sys.argv[1] == "writer":
        write_along(sys.argv[2])
    else:
        {"large": large, "awkward": awkward, "long": long, "crowd": crowd}[sys.argv[1]]()
