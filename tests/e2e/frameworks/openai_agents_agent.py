"""openai-agents, unmodified and with its tracing as it comes: two tools, one of which writes; argument: sync, async, stream or parallel."""

import asyncio
import os
import sys
from pathlib import Path

import httpx

import fr_recorder as fr

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
os.environ["OPENAI_BASE_URL"] = f"{UPSTREAM}/v1"
os.environ["OPENAI_API_KEY"] = "sk-test"

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool  # noqa: E402  # the client reads them at import
from agents.result import RunResultBase  # noqa: E402
from openai import AsyncOpenAI  # noqa: E402

NOTES = Path("notes-openai-agents.txt")


@function_tool
async def weather(city: str) -> str:
    """Weather of a city."""
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{UPSTREAM}/tool/weather", params={"city": city})).text


@function_tool
@fr.tool(side_effect="write")
def note(text: str) -> str:
    """Write a note to a file."""
    with NOTES.open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    return f"noted {text}"


def agent(*, responses: bool = False) -> Agent:
    """The agent, on chat completions or on the Responses API, which is the framework's own choice."""
    model = "gpt-x" if responses else OpenAIChatCompletionsModel("gpt-x", AsyncOpenAI(max_retries=0))
    return Agent(name="helper", instructions="Help.", model=model, tools=[weather, note])


def question(script: str) -> str:
    """The prompt; the marker chooses what the scripted model does."""
    return f"weather? ☂ [[script:{script}]]"


def show(result: RunResultBase) -> None:
    """Every new item and the final output."""
    for item in result.new_items:
        print(item.type, item.to_input_item())
    print("final", repr(result.final_output))


async def stream(*, responses: bool) -> None:
    """Raw model events and run items as they come."""
    result = Runner.run_streamed(agent(responses=responses), question("default"))
    async for event in result.stream_events():
        print(event.type, getattr(event, "name", None), getattr(getattr(event, "data", None), "type", None))
    show(result)


def main(mode: str) -> None:
    """Run one mode."""
    if mode == "sync":
        show(Runner.run_sync(agent(), question("three-turns")))
        show(Runner.run_sync(agent(responses=True), question("one-tool")))
    elif mode == "async":
        show(asyncio.run(Runner.run(agent(), question("two-then-one"))))
    elif mode == "stream":
        asyncio.run(stream(responses=False))
        asyncio.run(stream(responses=True))
    else:
        show(asyncio.run(Runner.run(agent(), question("four-parallel"))))


if __name__ == "__main__":
    main(sys.argv[1])
