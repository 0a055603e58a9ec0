"""A support desk: the handlers of a server's requests, as a test or ``fr replay --handler`` calls them again."""

import asyncio
import datetime
import os
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai

import fr_recorder as fr

ADDRESS = os.environ["FR_TEST_UPSTREAM"]
CLIENT = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key="sk-none", max_retries=0)


@fr.tool(side_effect="irreversible")
def refund(order: str, cents: int) -> str:
    """Pay back; leaves a line in a file, so that a second run is seen."""
    with Path(os.environ["DESK_LEDGER"]).open("a", encoding="utf-8") as ledger:
        ledger.write(f"{order} {cents}\n")
    return f"refunded {cents}"


def ask(text: str) -> str:
    """One model call."""
    answer = CLIENT.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content or ""


def answer(order: str, question: str) -> str:
    """What a request does, without opening its trace."""
    first = ask(f"on {datetime.datetime.now().date()} about {order}: {question}")
    done = refund(order, 500)
    with fr.trace("summary"):
        return ask(f"{first[:20]} {done}")


def handle(order: str, question: str) -> str:
    """One request."""
    with fr.trace("support", inputs={"order": order, "question": question}):
        return answer(order, question)


async def several(topic: str) -> list[str]:
    """One request that asks four times at once, with equal prompts."""
    async with fr.trace("several", inputs={"topic": topic}), openai.AsyncOpenAI(base_url=f"{ADDRESS}/v1", api_key="sk-none") as client:

        async def one() -> str:
            said = await client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": topic}])
            return said.choices[0].message.content or ""

        return [await done for done in asyncio.as_completed([one() for _ in range(4)])]


def pooled(topic: str) -> list[str]:
    """One request that uses a thread pool."""
    with fr.trace("pooled", inputs={"topic": topic}), ThreadPoolExecutor(3) as pool:
        return list(pool.map(ask, [f"{topic} {number % 2}" for number in range(6)]))


def failing(order: str) -> str:
    """One request that ends in an exception."""
    with fr.trace("failing", inputs={"order": order}):
        raise LookupError(ask(f"find {order}")[:3])


def fetch(path: str) -> bytes:
    """An HTTP call that the record does not have."""
    with urllib.request.urlopen(f"{ADDRESS}{path}", timeout=5) as reply:
        return bytes(reply.read())
