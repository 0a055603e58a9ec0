"""Decorated tools that run in parallel in threads and call the model inside; the order of completion is printed."""

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

import openai

import fr_recorder as fr

CLIENT = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0)
DICE = random.SystemRandom()


def ask(question: str) -> str:
    """One question."""
    answer = CLIENT.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": question}])
    return str(answer.choices[0].message.content)


@fr.tool
def look_up(word: str) -> tuple[str, int]:
    """Waits a random while and gives a random number; the same word is looked up by several threads."""
    time.sleep(DICE.uniform(0, 0.03))
    return word, DICE.randint(1, 999)


@fr.tool
def research(number: int) -> str:
    """A tool that calls another tool and the model."""
    word, found = look_up("the same word")
    return f"{number} {word} {found} {ask('start')}"


def main() -> None:
    """Eight jobs on a pool of four, then three raw threads that append to one list."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        jobs = {pool.submit(research, number): number for number in range(8)}
        print("order", [jobs[job] for job in as_completed(jobs)])
        for job in jobs:
            print(job.result())
    found: list[tuple[str, int]] = []

    def append(word: str) -> None:
        found.append(look_up(word))

    threads = [threading.Thread(target=append, args=("shared",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("found", found)
    print("asked", ask(f"found {found}"))


if __name__ == "__main__":
    main()
