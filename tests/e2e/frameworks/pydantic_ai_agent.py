"""pydantic-ai on openai, unmodified: two tools, one of which writes; argument: sync, async, stream or parallel."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import httpx
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import fr_recorder as fr

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
NOTES = Path("notes-pydantic-ai.txt")


def agent(*, wait: bool) -> Agent[None, str]:
    """The agent, with the lookup as a sync tool (run in a thread) or an async one."""
    made = Agent(OpenAIChatModel("gpt-x", provider=OpenAIProvider(base_url=f"{UPSTREAM}/v1", api_key="sk-test")))

    def weather(city: str) -> str:
        """Weather of a city."""
        return httpx.get(f"{UPSTREAM}/tool/weather", params={"city": city}).text

    async def weather_async(city: str) -> str:
        """Weather of a city."""
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{UPSTREAM}/tool/weather", params={"city": city})).text

    made.tool_plain(weather_async if wait else weather)

    @made.tool_plain
    @fr.tool(side_effect="write")
    def note(text: str) -> str:
        """Write a note to a file."""
        with NOTES.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
        return f"noted {text}"

    return made


def show(messages: list[Any]) -> None:
    """Every part of every message, without the times at which they were made."""
    for message in messages:
        print(message.kind, [(part.part_kind, getattr(part, "content", None), getattr(part, "args", None)) for part in message.parts])
        print("at", getattr(message, "timestamp", None))


def question(script: str) -> str:
    """The prompt; the marker chooses what the scripted model does."""
    return f"weather? ☂ [[script:{script}]]"


async def stream() -> None:
    """Text as it comes, and the events of the run before it."""
    async with agent(wait=True).run_stream(question("default")) as result:
        async for text in result.stream_text(delta=True, debounce_by=None):
            print("delta", repr(text))
        show(result.all_messages())


def main(mode: str) -> None:
    """Run one mode."""
    if mode == "sync":
        show(agent(wait=False).run_sync(question("three-turns")).all_messages())
    elif mode == "async":
        show(asyncio.run(agent(wait=True).run(question("two-then-one"))).all_messages())
    elif mode == "stream":
        asyncio.run(stream())
    else:
        show(agent(wait=False).run_sync(question("four-parallel")).all_messages())
        show(asyncio.run(agent(wait=True).run(question("four-parallel"))).all_messages())


if __name__ == "__main__":
    main(sys.argv[1])
