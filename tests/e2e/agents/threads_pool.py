"""Twelve jobs on a pool of four threads, then six raw threads; the order of completion is printed."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

import openai

CLIENT = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0)


def ask(*texts: str) -> str:
    """One question of several user messages."""
    answer = CLIENT.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": text} for text in texts])
    return str(answer.choices[0].message.content)


def job(number: int) -> tuple[int, str, str, str]:
    """Three dependent questions; the first is the same for every job."""
    first = ask("start")
    second = ask("start", first, "more")
    return number, first, second, ask("start", first, second)


def main() -> None:
    """The pool first, the raw threads after it."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        futures = [pool.submit(job, number) for number in range(12)]
        print("order", [future.result()[0] for future in as_completed(futures)])
        for future in futures:
            print(future.result())
        print("map", list(pool.map(ask, ["a", "b", "c"])))
    answers: dict[int, str] = {}

    def answer_into(number: int) -> None:
        answers[number] = ask("start")

    threads = [threading.Thread(target=answer_into, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("threads", sorted(answers.items()))
    print("completion", list(answers))


if __name__ == "__main__":
    main()
