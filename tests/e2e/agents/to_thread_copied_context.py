"""Parallel jobs that run inside a copy of the submitter's context: asyncio.to_thread, and copy_context().run in a pool."""

import asyncio
import contextvars
import os
from concurrent.futures import ThreadPoolExecutor

import openai

CLIENT = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0)


def ask(*texts: str) -> str:
    """One question of several user messages."""
    answer = CLIENT.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": text} for text in texts])
    return str(answer.choices[0].message.content)


def job(number: int) -> tuple[int, str, str]:
    """Two dependent questions; the first is the same for every job."""
    first = ask("start")
    return number, first, ask("start", first)


async def in_threads() -> None:
    """Six jobs in asyncio's own pool, then two through run_in_executor."""
    for result in await asyncio.gather(*(asyncio.to_thread(job, number) for number in range(6))):
        print("to_thread", result)
    loop = asyncio.get_running_loop()
    print("run_in_executor", await asyncio.gather(*(loop.run_in_executor(None, job, number) for number in range(2))))


def main() -> None:
    """Both ways to copy a context."""
    asyncio.run(in_threads())
    with ThreadPoolExecutor(max_workers=4) as pool:
        for future in [pool.submit(contextvars.copy_context().run, job, number) for number in range(6)]:
            print("copied context", future.result())


if __name__ == "__main__":
    main()
