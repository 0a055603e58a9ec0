"""Decorated tools of every kind: sync, async, generator, async generator, method; with the bare decorator and with arguments."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Iterator

import openai

import fr_recorder as fr

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
CLIENT = openai.OpenAI(base_url=UPSTREAM + "/v1", api_key="sk-test", max_retries=0)


def ask(question: str) -> str:
    """One question."""
    answer = CLIENT.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": question}])
    return str(answer.choices[0].message.content)


@fr.tool
def roll(sides: int, *, times: int = 1) -> list[int]:
    """A plain function, with the bare decorator."""
    return [random.SystemRandom().randint(1, sides) for _ in range(times)]


@fr.tool(side_effect="read", name="clock")
def read_clock(label: str = "now") -> dict[str, object]:
    """A function with its own name for the record; the wall clock is read in it."""
    return {"label": label, "time_ns": time.time_ns()}


@fr.tool(side_effect="none")
async def shout(text: str) -> str:
    """An async function that asks the model too."""
    await asyncio.sleep(0.01)
    return (await asyncio.to_thread(ask, f"shout {text}")).upper()


@fr.tool
def count_down(start: int) -> Iterator[str]:
    """A generator; it draws a number for each step."""
    for step in range(start, 0, -1):
        yield f"{step}:{random.SystemRandom().randint(0, 999)}"


@fr.tool
async def tick(count: int) -> AsyncIterator[int]:
    """An async generator."""
    for number in range(count):
        await asyncio.sleep(0.005)
        yield number * random.SystemRandom().randint(1, 9)


class Shop:
    """A tool that is a method."""

    def __init__(self, name: str) -> None:
        self.name = name

    @fr.tool(side_effect="write")
    def order(self, item: str, amount: int = 1) -> str:
        """Pretends to order; the receipt is random."""
        return f"{self.name} sold {amount} {item}, receipt {random.SystemRandom().randint(1000, 9999)}"


async def run_async() -> None:
    """The async tools, alone and together."""
    print("shout", await shout("hello"))
    print("gather", await asyncio.gather(*(shout(f"n{number}") for number in range(3))))
    print("tick", [value async for value in tick(3)])


def main() -> None:
    """Call every tool and put what came into a prompt."""
    with fr.trace("tools of every kind", session="s-1", user="u-1", tags=["test"]):
        rolled = roll(6, times=3)
        print("roll", rolled, roll.__name__, roll.__doc__)
        print("clock", read_clock("start"))
        print("count down", list(count_down(3)))
        left = count_down(5)
        print("left early", next(left), next(left))
        print("order", Shop("corner shop").order("umbrellas", amount=2))
        fr.decision("route", choice="ask", rolled=rolled)
        print("asked", ask(f"I rolled {rolled}"))
        asyncio.run(run_async())


if __name__ == "__main__":
    main()
