"""Eight workers with three dependent questions each; the first question is the same for all, and nothing is shared."""

import asyncio
import os

import openai


async def main() -> None:
    """Only the pairing of worker and answer matters here."""
    async with openai.AsyncOpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0) as client:

        async def ask(*texts: str) -> str:
            answer = await client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": text} for text in texts])
            return str(answer.choices[0].message.content)

        async def worker(number: int) -> tuple[int, str, str, str]:
            first = await ask("start")
            second = await ask("start", first, "more")
            return number, first, second, await ask("start", first, second)

        for result in await asyncio.gather(*(worker(number) for number in range(8))):
            print(result)


if __name__ == "__main__":
    asyncio.run(main())
