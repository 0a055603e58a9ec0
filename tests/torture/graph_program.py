"""Runs the graphs of some seeds: ``python graph_program.py SEED ...``. The program that is recorded and replayed.

Prints, for every graph, what each worker asked and got and the order in which that reached a shared list. The file that ``TORTURE_LOG``
names gets every request and every answer, noted by the program itself, so that two runs can be compared without the recorder's word.
"""

import asyncio
import contextvars
import hashlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait
from typing import Any

import httpx2
from graphs import Node, family_of, graph

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
BOARD_SHOWN = 4


class Shared:
    """What the workers of one graph share.

    Attributes:
        board: who did what, in the order in which it happened.
        asked: worker to what it asked and got.
        client: for threads.
    """

    def __init__(self, client: httpx2.Client, *, shares: bool) -> None:
        self.board: list[str] = []
        self.shares = shares
        self.asked: dict[str, list[tuple[str, str]]] = {}
        self.client = client

    def prompt(self, who: str, flavour: str) -> str:
        """What the next question of a worker says."""
        own = self.asked.setdefault(who, [])
        return {
            "equal": lambda: "start",
            "board": lambda: f"{len(self.board)} so far: {self.board[-BOARD_SHOWN:]}",
            "own": lambda: f"after {[answer for _, answer in own]}",
            "clock": lambda: f"at {time.time()!r} {time.monotonic()!r}",
        }[flavour]()

    def answered(self, who: str, prompt: str, answer: bytes) -> None:
        """A call has returned."""
        short = hashlib.sha256(answer).hexdigest()[:10]
        self.asked[who].append((prompt, short))
        self.note(f"{who} {short}")

    def note(self, what: str) -> None:
        """Add to what all can see, if this family's workers do."""
        if self.shares:
            self.board.append(what)


def request_for(prompt: str, latency_ms: int, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """URL and body of a question."""
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": prompt}], "stream": stream}
    return f"{UPSTREAM}/with/latency_ms={latency_ms}/v1/chat/completions", body


class InThread:
    """Runs nodes in the calling thread."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared

    def run(self, node: Node, who: str) -> str:
        """Do what a node says. Returns what its kind gives."""
        made: Callable[[Node, str], Any] = getattr(self, node.kind)
        return str(made(node, who))

    def jobs(self, node: Node, who: str) -> list[Callable[[], str]]:
        """The children, each as a function."""
        return [lambda child=child, n=n: self.run(child, f"{who}.{n}") for n, child in enumerate(node.children)]  # type: ignore[misc]

    def sequence(self, node: Node, who: str) -> list[str]:
        return [self.run(child, who) for child in node.children]

    def sleep(self, node: Node, who: str) -> None:
        time.sleep(node.number / 1000)

    def call(self, node: Node, who: str) -> None:
        prompt = self.shared.prompt(who, node.text)
        url, body = request_for(prompt, node.number, stream=False)
        self.shared.answered(who, prompt, self.shared.client.post(url, json=body).content)

    def stream(self, node: Node, who: str) -> None:
        prompt = self.shared.prompt(who, node.text)
        url, body = request_for(prompt, node.number, stream=True)
        with self.shared.client.stream("POST", url, json=body) as answer:
            pieces = list(answer.iter_bytes())
        self.shared.answered(who, prompt, b"|".join(pieces))

    def pool_completed(self, node: Node, who: str) -> list[str]:
        with ThreadPoolExecutor(max_workers=1 + node.number % 4) as pool:
            futures = {pool.submit(job): n for n, job in enumerate(self.jobs(node, who))}
            return [f"{futures[future]}: {future.result()}" for future in as_completed(futures)]

    def pool_results(self, node: Node, who: str) -> str:
        with ThreadPoolExecutor(max_workers=1 + node.number % 4) as pool:
            futures = [pool.submit(job) for job in self.jobs(node, who)]
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
            return f"{len(futures)} jobs, {len(done) > 0}: {[future.result() for future in futures]}"

    def pool_map(self, node: Node, who: str) -> list[str]:
        with ThreadPoolExecutor(max_workers=2) as pool:
            return list(pool.map(lambda job: job(), self.jobs(node, who)))

    def pool_copied(self, node: Node, who: str) -> list[str]:
        with ThreadPoolExecutor(max_workers=3) as pool:
            futures = [pool.submit(contextvars.copy_context().run, job) for job in self.jobs(node, who)]
            return [future.result() for future in as_completed(futures)]

    def threads(self, node: Node, who: str) -> list[str]:
        ended: list[str] = []
        threads = [threading.Thread(target=lambda job=job: ended.append(job())) for job in self.jobs(node, who)]  # type: ignore[misc]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return ended

    def thread_queue(self, node: Node, who: str) -> list[str]:
        made: queue.SimpleQueue[str] = queue.SimpleQueue()
        threads = [threading.Thread(target=lambda job=job: made.put(job())) for job in self.jobs(node, who)]  # type: ignore[misc]
        for thread in threads:
            thread.start()
        taken = [made.get() for _ in threads]
        for thread in threads:
            thread.join()
        return taken

    def own_loop(self, node: Node, who: str) -> str:
        return run_loop(self.shared, node.children[0], who)

    def held_lock(self, node: Node, who: str) -> list[str]:
        lock, done = threading.Lock(), list[str]()

        def hold(job: Callable[[], str]) -> None:
            with lock:
                done.append(job())

        threads = [threading.Thread(target=hold, args=(job,)) for job in self.jobs(node, who)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return done

    def consumers(self, node: Node, who: str) -> list[str]:
        work: queue.SimpleQueue[Callable[[], str] | None] = queue.SimpleQueue()
        done: list[str] = []

        def consume() -> None:
            while (job := work.get()) is not None:
                done.append(job())

        threads = [threading.Thread(target=consume) for _ in range(2)]
        for thread in threads:
            thread.start()
        for job in [*self.jobs(node, who), None, None]:
            work.put(job)
        for thread in threads:
            thread.join()
        return done


class InLoop:
    """Runs nodes in the running event loop."""

    def __init__(self, shared: Shared, client: httpx2.AsyncClient) -> None:
        self.shared = shared
        self.client = client

    async def run(self, node: Node, who: str) -> str:
        """Do what a node says. Returns what its kind gives."""
        made: Callable[[Node, str], Awaitable[Any]] = getattr(self, node.kind)
        return str(await made(node, who))

    def tasks(self, node: Node, who: str) -> list[asyncio.Task[str]]:
        """The children, each as a task."""
        return [asyncio.create_task(self.run(child, f"{who}.{n}"), name=f"{who}.{n}") for n, child in enumerate(node.children)]

    async def sequence(self, node: Node, who: str) -> list[str]:
        return [await self.run(child, who) for child in node.children]

    async def sleep(self, node: Node, who: str) -> None:
        await asyncio.sleep(node.number / 1000)

    async def turns(self, node: Node, who: str) -> None:
        for _ in range(node.number):
            await asyncio.sleep(0)

    async def call(self, node: Node, who: str) -> None:
        prompt = self.shared.prompt(who, node.text)
        url, body = request_for(prompt, node.number, stream=False)
        self.shared.answered(who, prompt, (await self.client.post(url, json=body)).content)

    async def stream(self, node: Node, who: str) -> None:
        prompt = self.shared.prompt(who, node.text)
        url, body = request_for(prompt, node.number, stream=True)
        pieces = []
        async with self.client.stream("POST", url, json=body) as answer:
            async for piece in answer.aiter_bytes():
                pieces.append(piece)
                self.shared.note(f"{who} piece {len(piece)}")
        self.shared.answered(who, prompt, b"|".join(pieces))

    async def gather(self, node: Node, who: str) -> list[str]:
        return await asyncio.gather(*self.tasks(node, who))

    async def group(self, node: Node, who: str) -> list[str]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.run(child, f"{who}.{n}")) for n, child in enumerate(node.children)]
        return [task.result() for task in tasks]

    async def completed(self, node: Node, who: str) -> list[str]:
        return [await done for done in asyncio.as_completed(self.tasks(node, who))]

    async def first(self, node: Node, who: str) -> str:
        tasks = self.tasks(node, who)
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        winners = sorted(task.get_name() for task in done)
        self.shared.note(f"{who} won by {winners}")
        if node.text == "a":
            for task in pending:
                task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        return f"{winners} {ended}"

    async def timeout(self, node: Node, who: str) -> str:
        try:
            if node.text == "a":
                async with asyncio.timeout(node.number / 1000):
                    return await self.run(node.children[0], f"{who}.0")
            return await asyncio.wait_for(self.run(node.children[0], f"{who}.0"), node.number / 1000)
        except TimeoutError:
            self.shared.note(f"{who} timed out")
            return "timed out"

    async def cancel(self, node: Node, who: str) -> str:
        (task,) = self.tasks(node, who)
        await asyncio.sleep(node.number / 1000)
        task.cancel()
        return str(await asyncio.gather(task, return_exceptions=True))

    async def shield(self, node: Node, who: str) -> str:
        (task,) = self.tasks(node, who)
        try:
            return await asyncio.wait_for(asyncio.shield(task), node.number / 1000)
        except TimeoutError:
            self.shared.note(f"{who} waits no longer")
            return await task

    async def failing(self, node: Node, who: str) -> str:
        async def fail() -> None:
            await self.call(Node("call", number=node.number, text="equal"), f"{who}.f")
            raise ValueError(who)

        said: list[str] = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                for n, child in enumerate(node.children):
                    group.create_task(self.run(child, f"{who}.{n}"))
        except* ValueError as errors:
            self.shared.note(f"{who} failed")
            said = [str(error) for error in errors.exceptions]
        return str(said)

    async def lock(self, node: Node, who: str) -> list[str]:
        lock = asyncio.Lock()

        async def hold(child: Node, name: str) -> str:
            async with lock:
                return await self.run(child, name)

        return await asyncio.gather(*(hold(child, f"{who}.{n}") for n, child in enumerate(node.children)))

    async def semaphore(self, node: Node, who: str) -> list[str]:
        places = asyncio.Semaphore(2)

        async def hold(child: Node, name: str) -> str:
            async with places:
                return await self.run(child, name)

        return [await done for done in asyncio.as_completed([hold(child, f"{who}.{n}") for n, child in enumerate(node.children)])]

    async def queue(self, node: Node, who: str) -> list[str]:
        work: asyncio.Queue[tuple[Node, str]] = asyncio.Queue(maxsize=2)
        done: list[str] = []

        async def consume() -> None:
            while True:
                done.append(await self.run(*await work.get()))
                work.task_done()

        consumers = [asyncio.create_task(consume()) for _ in range(2)]
        try:
            for n, child in enumerate(node.children):
                await work.put((child, f"{who}.{n}"))
            await work.join()
        finally:
            for consumer in consumers:
                consumer.cancel()
        await asyncio.gather(*consumers, return_exceptions=True)
        return done

    async def to_thread(self, node: Node, who: str) -> str:
        return await asyncio.to_thread(InThread(self.shared).run, node.children[0], f"{who}.0")

    async def executor(self, node: Node, who: str) -> list[str]:
        loop, jobs = asyncio.get_running_loop(), InThread(self.shared).jobs(node, who)
        return await asyncio.gather(*(loop.run_in_executor(None, job) for job in jobs))


def run_loop(shared: Shared, node: Node, who: str) -> str:
    """Run a node in an event loop of its own."""

    async def main() -> str:
        async with httpx2.AsyncClient(timeout=30) as client:
            running = InLoop(shared, client)
            try:
                return await running.run(node, who)
            finally:
                # Tasks outlive one who was cancelled while it waited for them, and need the client.
                await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

    return asyncio.run(main())


def main() -> None:
    """Run the graphs one after another."""
    seeds = [int(seed) for seed in sys.argv[1:]]
    with httpx2.Client(timeout=30) as client, open(os.environ.get("TORTURE_LOG", os.devnull), "w", encoding="utf-8") as log:
        for seed in seeds:
            shared, node = Shared(client, shares=family_of(seed).shares), graph(seed)
            started = node.kind in vars(InLoop)
            print(f"graph {seed}", flush=True)
            result = run_loop(shared, node, "0") if started else InThread(shared).run(node, "0")
            print(result, shared.board, sorted(shared.asked.items()), flush=True)
            log.write(json.dumps([seed, sorted(shared.asked.items())]) + "\n")


if __name__ == "__main__":
    main()
