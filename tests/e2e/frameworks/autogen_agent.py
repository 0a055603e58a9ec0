"""autogen 0.7's assistant agent, unmodified: two tools, one of which writes; argument: async, stream or parallel (it has no sync)."""

import asyncio
import os
import sys
from pathlib import Path

import httpx
from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient

import fr_recorder as fr

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
NOTES = Path("notes-autogen.txt")
ABILITIES = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=False)


async def weather(city: str) -> str:
    """Weather of a city."""
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{UPSTREAM}/tool/weather", params={"city": city})).text


@fr.tool(side_effect="write")
def note(text: str) -> str:
    """Write a note to a file."""
    with NOTES.open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    return f"noted {text}"


async def run(mode: str) -> None:
    """One task, with the messages of its end or as they come."""
    client = OpenAIChatCompletionClient(model="gpt-x", base_url=f"{UPSTREAM}/v1", api_key="sk-test", model_info=ABILITIES)
    agent = AssistantAgent(
        "helper", client, tools=[weather, note], reflect_on_tool_use=True, max_tool_iterations=4, model_client_stream=mode == "stream"
    )
    script = {"async": "two-then-one", "stream": "default", "parallel": "four-parallel"}[mode]
    task = f"weather? ☂ [[script:{script}]]"
    if mode == "stream":
        async for message in agent.run_stream(task=task):
            print(type(message).__name__, repr(getattr(message, "content", None)))
    else:
        for message in (await agent.run(task=task)).messages:
            print(type(message).__name__, repr(getattr(message, "content", None)))
    await client.close()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
