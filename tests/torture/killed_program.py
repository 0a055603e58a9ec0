"""Makes model calls until it is killed: ``python killed_program.py KIND RETURNED``, KIND one of `one thread`, `threads`, `event loop`.

Writes the number of each call and what it got into the file RETURNED, at once when the call has returned, and prints the same.
"""

import asyncio
import hashlib
import os
import sys
import threading

import httpx2

URL = os.environ["FR_TEST_UPSTREAM"] + "/v1/chat/completions"
CALLS = 60
WORKERS = 3


def body(worker: int, number: int, last: str) -> dict:
    """A question that depends on the answer before."""
    return {"model": "gpt-x", "messages": [{"role": "user", "content": f"{worker} {number} after {last}"}]}


def returned(file: int, worker: int, number: int, answer: bytes) -> str:
    """Say what came back."""
    short = hashlib.sha256(answer).hexdigest()[:12]
    os.write(file, f"{worker} {number} {short}\n".encode())
    return short


def work(client: httpx2.Client, file: int, worker: int) -> None:
    """Ask one after another."""
    last = ""
    for number in range(CALLS):
        last = returned(file, worker, number, client.post(URL, json=body(worker, number, last)).content)


async def work_async(client: httpx2.AsyncClient, file: int, worker: int) -> None:
    """The same in an event loop."""
    last = ""
    for number in range(CALLS):
        last = returned(file, worker, number, (await client.post(URL, json=body(worker, number, last))).content)


async def main_async(file: int) -> None:
    """Several workers in one loop."""
    async with httpx2.AsyncClient(timeout=30) as client, asyncio.TaskGroup() as group:
        for worker in range(WORKERS):
            group.create_task(work_async(client, file, worker))


def main() -> None:
    """Work until the kill."""
    kind = sys.argv[1]
    file = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if kind == "event loop":
        asyncio.run(main_async(file))
        return
    with httpx2.Client(timeout=30) as client:
        threads = [threading.Thread(target=work, args=(client, file, worker)) for worker in range(1 if kind == "one thread" else WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
