"""The benchmarks' server, a process of its own: a stand-in for a model, and a collector for recorders that send what they record.

    python tests/benchmarks/upstream.py [--latency-ms 20] [--answer-characters 1600] [--keep FOLDER]

The first line on stdout is ``listening on http://127.0.0.1:PORT``; it ends when stdin closes. POST to a path that ends in
``/chat/completions`` is answered as OpenAI does, after the latency; there is no model behind it. Any other POST is an upload:
answered at once, counted, and with ``--keep`` written to FOLDER as it came, one file each, ``.gz`` where it says so.

One blocking thread per connection, TCP_NODELAY, and one ``send`` per answer: an event loop rounds its timers to milliseconds, and
Nagle's algorithm adds 40 ms, either of which hides what is to be measured.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import secrets
import socket
import sys
import threading
import time
from typing import NamedTuple

from workload import MODEL, answer_text

_READ_BYTES = 1 << 18
_uploads = itertools.count(1).__next__


class Settings(NamedTuple):
    """How the server answers: seconds before an answer, characters of its text, and the folder that keeps uploads."""

    latency_s: float
    answer_characters: int
    keep: str | None


class Received(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


def read_request(connection: socket.socket, buffered: bytes) -> tuple[Received, bytes] | None:
    """The next request on a connection and the bytes after it; None when the client has hung up.

    Raises:
        ValueError: when the request has a body of unknown length.
    """
    while (end := buffered.find(b"\r\n\r\n")) < 0:
        piece = connection.recv(_READ_BYTES)
        if not piece:
            return None
        buffered += piece
    head = buffered[:end].decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if "transfer-encoding" in headers:
        raise ValueError("a request body of unknown length; this server reads content-length only")
    length = int(headers.get("content-length", "0"))
    pieces, missing = [buffered[end + 4 :]], length - (len(buffered) - end - 4)
    while missing > 0:
        piece = connection.recv(_READ_BYTES)
        if not piece:
            return None
        pieces.append(piece)
        missing -= len(piece)
    data = b"".join(pieces)
    return Received(head[0].split(" ")[1], headers, data[:length]), data[length:]


def completion(body: bytes, settings: Settings) -> bytes:
    """A chat completion in OpenAI's form; its text names the question's mark and a nonce."""
    at = body.rfind(b"ask-")
    number = int(body[at + 4 : at + 10]) if at >= 0 and body[at + 4 : at + 10].isdigit() else 0
    nonce = secrets.token_hex(6)
    answer = {
        "id": f"chatcmpl-{nonce}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": f"{MODEL}-2024-08-06",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": answer_text(number, nonce, settings.answer_characters), "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": len(body) // 4, "completion_tokens": 400, "total_tokens": len(body) // 4 + 400},
        "service_tier": "default",
        "system_fingerprint": "fp_benchmark",
    }
    return json.dumps(answer, ensure_ascii=False).encode()


def _respond(connection: socket.socket, data: bytes) -> None:
    head = (
        "HTTP/1.1 200 OK\r\nserver: fr-benchmark-stand-in\r\ncontent-type: application/json\r\n"
        f"x-request-id: req_{secrets.token_hex(12)}\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    connection.sendall(head.encode() + data)


def _keep(received: Received, folder: str) -> None:
    name = f"{_uploads():06d}" + (".gz" if received.headers.get("content-encoding") == "gzip" else ".raw")
    with open(os.path.join(folder, name), "wb") as file:
        file.write(received.body)


def serve_connection(connection: socket.socket, settings: Settings) -> None:
    """Answer the requests of one connection until the client hangs up."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffered = b""
    with connection:
        try:
            while (read := read_request(connection, buffered)) is not None:
                received, buffered = read
                due = time.monotonic() + settings.latency_s
                if received.path.endswith("/chat/completions"):
                    data = completion(received.body, settings)
                    time.sleep(max(0.0, due - time.monotonic()))
                    _respond(connection, data)
                else:
                    if settings.keep is not None and received.body:
                        _keep(received, settings.keep)
                    _respond(connection, b"{}")
        except ConnectionError:
            # The client was killed, which one of the measures does on purpose.
            return


def main() -> int:
    """Serve on a free port of loopback until stdin closes."""
    parser = argparse.ArgumentParser(description="The benchmarks' server: a scripted stand-in for a model, and a collector.")
    parser.add_argument("--latency-ms", type=float, default=20.0)
    parser.add_argument("--answer-characters", type=int, default=1_600)
    parser.add_argument("--keep", default=None)
    given = parser.parse_args()
    settings = Settings(given.latency_ms / 1000, given.answer_characters, given.keep)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve_connection, args=(connection, settings), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    # A plain read: a thread that waits inside sys.stdin holds its lock, and the interpreter aborts at exit.
    while os.read(sys.stdin.fileno(), 4096):
        continue
    return 0


if __name__ == "__main__":
    sys.exit(main())
