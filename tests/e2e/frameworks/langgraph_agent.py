"""LangGraph's ready-made agent on langchain-openai, two tools, one of which writes; argument: sync, async, stream or parallel."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent

import fr_recorder as fr

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
NOTES = Path("notes-langgraph.txt")


@tool
def weather(city: str) -> str:
    """Weather of a city."""
    import httpx

    return httpx.get(f"{UPSTREAM}/tool/weather", params={"city": city}).text


@tool
async def weather_async(city: str) -> str:
    """Weather of a city."""
    import httpx

    async with httpx.AsyncClient() as client:
        return (await client.get(f"{UPSTREAM}/tool/weather", params={"city": city})).text


@tool
@fr.tool(side_effect="write")
def note(text: str) -> str:
    """Write a note to a file."""
    with NOTES.open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    return f"noted {text}"


def agent(lookup: Any) -> Any:
    """The agent, with the lookup as a sync or an async tool."""
    model = ChatOpenAI(model="gpt-x", base_url=f"{UPSTREAM}/v1", api_key="sk-test", max_retries=0)
    return create_react_agent(model, [lookup, note])


def show(messages: list[Any]) -> None:
    """Every message of the conversation, with its tool calls."""
    for message in messages:
        print(type(message).__name__, repr(message.content), getattr(message, "tool_calls", None), getattr(message, "tool_call_id", None))


def question(script: str) -> dict[str, Any]:
    """The agent's input; the marker chooses what the scripted model does."""
    return {"messages": [("user", f"weather? ☂ [[script:{script}]]")]}


async def stream() -> None:
    """Model tokens and graph updates as they come, from the async interface."""
    async for kind, piece in agent(weather_async).astream(question("default"), stream_mode=["messages", "updates"]):
        print(kind, repr(piece[0].content) if kind == "messages" else sorted(piece))


def main(mode: str) -> None:
    """Run one mode."""
    if mode == "sync":
        show(agent(weather).invoke(question("three-turns"))["messages"])
    elif mode == "async":
        show(asyncio.run(agent(weather_async).ainvoke(question("two-then-one")))["messages"])
    elif mode == "stream":
        asyncio.run(stream())
        for kind, piece in agent(weather).stream(question("one-tool"), stream_mode=["messages", "updates"]):
            print(kind, repr(piece[0].content) if kind == "messages" else sorted(piece))
    else:
        show(agent(weather).invoke(question("four-parallel"))["messages"])
        show(asyncio.run(agent(weather_async).ainvoke(question("four-parallel")))["messages"])


if __name__ == "__main__":
    main(sys.argv[1])
