"""Replays the desk's traces in this process in many ways, one after the other; prints what came of each as JSON."""

import asyncio
import datetime
import json
import os
import random
import socket
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import desk

import fr_replay

TRACES: dict[str, list[str]] = json.loads(sys.argv[1])
SUPPORT, SEVERAL = TRACES["support"], TRACES["several"]
results: dict[str, Any] = {}


def scenario(name: str, trace: str, code: Any, **options: Any) -> None:
    """Run some code under replay and note what came of it."""
    began = time.perf_counter()
    try:
        with fr_replay.replay(trace, **options) as run:
            value = code(run)
        results[name] = {"value": value, "served": run.served}
    except BaseException as error:
        results[name] = {"error": type(error).__name__, "outcome": getattr(error, "outcome", None), "text": str(error)}
    results[name]["seconds"] = time.perf_counter() - began


def swallow(run: fr_replay.Replay) -> str:
    """A framework that catches everything, and goes on."""
    said = []
    for question in ("another?", "yet another?"):
        try:
            desk.handle(run.inputs["order"], question)
        except BaseException as error:
            said.append(type(error).__name__)
    results["swallowed inside"] = said
    return "went on"


def in_thread(run: fr_replay.Replay) -> str:
    """The handler in a thread of the test's own, which the record does not have."""
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(desk.handle(**run.inputs)))
    thread.start()
    thread.join()
    return answers[0]


def one_task_less(run: fr_replay.Replay) -> list[str]:
    """Three questions where the record has four: the others' order cannot be kept."""

    async def three() -> list[str]:
        async with desk.openai.AsyncOpenAI(base_url=f"{desk.ADDRESS}/v1", api_key="none") as client:

            async def one() -> str:
                said = await client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": run.inputs["topic"]}])
                return said.choices[0].message.content or ""

            one.__qualname__ = "several.<locals>.one"
            return [await done for done in asyncio.as_completed([one() for _ in range(3)])]

    return asyncio.run(three())


async def in_a_running_loop(trace: str) -> None:
    """``async with``, in a task."""
    async with fr_replay.replay(trace) as run:
        results["async with"] = {"value": await desk.several(**run.inputs), "served": run.served}


def nested(_: fr_replay.Replay) -> str:
    """A replay inside of a replay."""
    try:
        fr_replay.replay(SUPPORT[1]).__enter__()
    except Exception as error:
        return str(error)
    return "went on"


def own_failure(run: fr_replay.Replay) -> None:
    """The code under test raises by itself, with calls left."""
    raise ZeroDivisionError(run.trace_id)


before = random.getstate(), uuid.uuid4, time.time()
for number, trace in enumerate(SUPPORT):
    scenario(f"handle {number}", trace, lambda run: desk.handle(**run.inputs))
scenario("inner function", SUPPORT[0], lambda run: desk.answer(**run.inputs))
for number, trace in enumerate(SEVERAL):
    scenario(f"several {number}", trace, lambda run: asyncio.run(desk.several(**run.inputs)))
asyncio.run(in_a_running_loop(SEVERAL[0]))
scenario("pooled", TRACES["pooled"][0], lambda run: desk.pooled(**run.inputs))
scenario("thread", SUPPORT[0], in_thread)
scenario("redacted", TRACES["mailed"][0], lambda _: desk.answer("mail ann.lee@example.com", "why?"))
scenario("edited", SUPPORT[0], lambda run: desk.handle(run.inputs["order"], "another?"))
scenario("swallowed", SUPPORT[0], swallow)
scenario("redacted and edited", TRACES["mailed"][0], lambda _: desk.answer("mail tim.fox@example.com", "why?"))
scenario("left out", SUPPORT[0], lambda _: None)
scenario("left out, partial", SUPPORT[0], lambda _: None, partial=True)
scenario("one call more", SUPPORT[0], lambda run: [desk.handle(**run.inputs), desk.ask("more")])
scenario("one task less", SEVERAL[0], one_task_less)
scenario("connection", SUPPORT[0], lambda _: socket.create_connection(("192.0.2.7", 80), timeout=1))
scenario("other http", SUPPORT[0], lambda _: desk.fetch("/private").decode())
scenario("in a pool of the test", SUPPORT[0], lambda run: ThreadPoolExecutor(1).submit(desk.answer, **run.inputs).result())
scenario("own failure", SUPPORT[0], own_failure)
scenario("nested", SUPPORT[0], nested, partial=True)
scenario("steps", SUPPORT[0], lambda run: [[s.number, s.model, s.status, s.request, s.answer] for s in run.steps], partial=True)
scenario("date", SUPPORT[0], lambda _: [time.time(), datetime.datetime.now(datetime.UTC).timestamp(), time.sleep(3600)], partial=True)
scenario("limits", SUPPORT[0], lambda run: run.limits, partial=True)
scenario("unknown", "abcdef", lambda _: None)
after = random.getstate(), uuid.uuid4, time.time()
results["afterwards"] = {
    "random": before[:2] == after[:2],
    "clock": abs(time.time() - datetime.datetime.now().timestamp()) < 1 and before[2] <= after[2] < before[2] + 120,
    "keys": [name for name in os.environ if name.endswith("_API_KEY")],
}
sys.stdout.write(json.dumps(results))
