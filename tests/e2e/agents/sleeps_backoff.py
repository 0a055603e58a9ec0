"""Sleeps and retries with backoff, sync and async, with the elapsed times printed and put into prompts."""

import asyncio
import os
import random
import time
import urllib.error
import urllib.request
from datetime import datetime

import openai

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]


def ask(prefix: str, question: str) -> str:
    """One question; the SDK does not retry."""
    with openai.OpenAI(base_url=f"{UPSTREAM}{prefix}/v1", api_key="sk-test", max_retries=0) as client:
        answer = client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": question}])
    return str(answer.choices[0].message.content)


def with_backoff(prefix: str, question: str) -> str:
    """Retries of the program's own, with growing pauses and jitter."""
    for attempt in range(5):
        try:
            return ask(prefix, question)
        except openai.APIStatusError as error:
            pause_s = 0.05 * 2**attempt + random.uniform(0, 0.02)
            print("attempt", attempt, error.status_code, "pause", pause_s)
            time.sleep(pause_s)
    raise RuntimeError("never answered")


async def sleep_async() -> None:
    """Sleeps in sequence and at once."""
    started = time.monotonic()
    await asyncio.sleep(0.3)
    print("asyncio slept", time.monotonic() - started)
    await asyncio.gather(*(asyncio.sleep(pause_s) for pause_s in (0.1, 0.2, 0.15)))
    elapsed = asyncio.get_running_loop().time() - started
    print("together", elapsed, await asyncio.to_thread(ask, "", f"elapsed {elapsed}"))


def main() -> None:
    """Run every part."""
    started = time.time()
    print("503x2", with_backoff("/fault/503x2", "after two 503s"))
    time.sleep(0.4)
    elapsed = time.time() - started
    print("elapsed", elapsed, ask("", f"elapsed {elapsed} at {datetime.now()}"))
    asyncio.run(sleep_async())
    try:
        urllib.request.urlopen(UPSTREAM + "/tool/status/404", timeout=5)
    except urllib.error.HTTPError as error:
        print("urllib", type(error).__name__, error)


if __name__ == "__main__":
    main()
