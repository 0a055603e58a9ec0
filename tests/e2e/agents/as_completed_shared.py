"""Eight workers that write into one list and read it into their prompts, taken in order of completion."""

import asyncio
import os

import openai


async def main() -> None:
    """Who comes first decides what the others ask."""
    board: list[tuple[int, int, str]] = []
    async with openai.AsyncOpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0) as client:

        async def ask(*texts: str) -> str:
            answer = await client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": text} for text in texts])
            return str(answer.choices[0].message.content)

        async def worker(number: int) -> tuple[int, str, str, str]:
            first = await ask("start")
            board.append((number, 1, first[11:19]))
            second = await ask("start", first, f"board so far {len(board)}: {board[-1]}")
            board.append((number, 2, second[11:19]))
            third = await ask("start", first, second, str(board))
            board.append((number, 3, third[11:19]))
            return number, first, second, third

        tasks = [asyncio.create_task(worker(number)) for number in range(8)]
        for finished in asyncio.as_completed(tasks):
            print("done", await finished)
    print(board)


if __name__ == "__main__":
    asyncio.run(main())
