"""smolagents' tool-calling agent on openai, two tools, one of which writes; argument: sync, stream or parallel (it has no async)."""

import os
import sys
from pathlib import Path

import requests
from smolagents import OpenAIServerModel, ToolCallingAgent, tool

import fr_recorder as fr

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
NOTES = Path("notes-smolagents.txt")


@tool
def weather(city: str) -> str:
    """Weather of a city.

    Args:
        city: name of the city
    """
    return requests.get(f"{UPSTREAM}/tool/weather", params={"city": city}, timeout=5).text


@tool
@fr.tool(side_effect="write")
def note(text: str) -> str:
    """Write a note to a file.

    Args:
        text: what to write
    """
    with NOTES.open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    return f"noted {text}"


def main(mode: str) -> None:
    """Run one mode. The scripted model never calls final_answer, so the agent asks for one when its steps are used up."""
    model = OpenAIServerModel("gpt-x", api_base=f"{UPSTREAM}/v1", api_key="sk-test")
    agent = ToolCallingAgent(tools=[weather, note], model=model, max_steps=3, stream_outputs=mode == "stream", verbosity_level=1)
    script = {"sync": "three-turns", "stream": "default", "parallel": "four-parallel"}[mode]
    if mode == "stream":
        for event in agent.run(f"weather? ☂ [[script:{script}]]", stream=True):
            print(type(event).__name__, repr(getattr(event, "content", None) or getattr(event, "output", None)))
    else:
        print("final", agent.run(f"weather? ☂ [[script:{script}]]"))
    for step in agent.memory.steps:
        print(type(step).__name__, getattr(step, "observations", None))


if __name__ == "__main__":
    main(sys.argv[1])
