"""Two streams read in turn by one task, then two read by two tasks that write into one list."""

import asyncio
import os
from typing import Any

import openai


async def main() -> None:
    """Chunk by chunk from both."""
    async with openai.AsyncOpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0) as client:

        async def stream(question: str) -> Any:
            return await client.chat.completions.create(model="gpt-x", stream=True, messages=[{"role": "user", "content": question}])

        left, right = await stream("left ☂ [[script:long]]"), await stream("right ☂ stream")
        pairs = []
        async for chunk in left:
            other = await anext(right, None)
            pairs.append((chunk.choices[0].delta.content, other.choices[0].delta.content if other else None))
            if other is None:
                break
        print("in turn", pairs)
        await left.close()
        merged: list[str] = []

        async def read(name: str) -> None:
            async for chunk in await stream(f"{name} ☂ one two three four"):
                piece = chunk.choices[0].delta.content
                merged.append(f"{name}:{piece}")

        await asyncio.gather(read("a"), read("b"))
        print("merged", merged)
        answer = await client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": " ".join(merged)}])
        print("after", answer.choices[0].message.content)


if __name__ == "__main__":
    asyncio.run(main())
