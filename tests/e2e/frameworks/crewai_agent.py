"""A crewai crew of one agent, unmodified: two tools, one of which writes; argument: sync, async, stream or parallel."""

import asyncio
import os
import sys
from pathlib import Path

if sys.argv[1] != "sync":
    # Documented by the framework, and read when it is imported; one mode keeps the telemetry, which takes ten seconds to give up.
    os.environ["CREWAI_DISABLE_TELEMETRY"] = "true"

import requests
from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool

import fr_recorder as fr

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
NOTES = Path("notes-crewai.txt")


@tool("weather")
def weather(city: str) -> str:
    """Weather of a city."""
    return requests.get(f"{UPSTREAM}/tool/weather", params={"city": city}, timeout=5).text


@tool("note")
@fr.tool(side_effect="write")
def note(text: str) -> str:
    """Write a note to a file."""
    with NOTES.open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    return f"noted {text}"


def crew(mode: str) -> Crew:
    """One agent with one task, or two tasks at once."""
    llm = LLM(model="openai/gpt-x", base_url=f"{UPSTREAM}/v1", api_key="sk-test", stream=mode == "stream")
    helper = Agent(role="helper", goal="help", backstory="a helper", llm=llm, tools=[weather, note], max_iter=5)
    script = {"sync": "three-turns", "async": "two-then-one", "stream": "default", "parallel": "four-parallel"}[mode]
    task = Task(description=f"weather? ☂ [[script:{script}]]", expected_output="a sentence", agent=helper)
    return Crew(agents=[helper], tasks=[task])


def main(mode: str) -> None:
    """Run one mode."""
    made = crew(mode)
    result = asyncio.run(made.kickoff_async()) if mode == "async" else made.kickoff()
    print("raw", repr(result.raw))
    for output in result.tasks_output:
        print(output.name, repr(output.raw))


if __name__ == "__main__":
    main(sys.argv[1])
