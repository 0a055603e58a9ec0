"""Anthropic messages: sync, prompt cache, tools, thinking, streams, token counts, async and async streams."""

import asyncio
import os
from typing import Any

import anthropic

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
MODEL = "claude-x"
WEATHER: Any = {
    "name": "weather",
    "description": "Weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CACHED_SYSTEM: Any = [{"type": "text", "text": "You are terse. " * 60, "cache_control": {"type": "ephemeral"}}]


def ask(client: anthropic.Anthropic) -> None:
    """The same cached system prompt twice: written first, read then; a count of tokens; visible thinking."""
    for question in ("hi ☂", "hi again"):
        answer = client.messages.create(model=MODEL, max_tokens=100, system=CACHED_SYSTEM, messages=[{"role": "user", "content": question}])
        print("sync", answer.id, answer.model, answer.stop_reason, answer.usage.to_dict(), [block.to_dict() for block in answer.content])
    print("count", client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "count me"}]).input_tokens)
    thought = client.messages.create(model=MODEL, max_tokens=2000, messages=[{"role": "user", "content": "[[script:thinking]]"}])
    print("thinking", [block.to_dict() for block in thought.content])


def use_tools(client: anthropic.Anthropic) -> None:
    """Parallel tool use until the model answers."""
    messages: list[Any] = [{"role": "user", "content": "Weather?"}]
    while True:
        answer = client.messages.create(model=MODEL, max_tokens=100, tools=[WEATHER], messages=messages)
        messages.append({"role": "assistant", "content": [block.to_dict() for block in answer.content]})
        print("tools", answer.stop_reason, messages[-1]["content"])
        if answer.stop_reason != "tool_use":
            break
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": f"mild: {block.input}"}
            for block in answer.content
            if block.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results})


def stream(client: anthropic.Anthropic) -> None:
    """Raw events, the text helper, and a tool call in a stream."""
    for event in client.messages.create(model=MODEL, max_tokens=100, stream=True, messages=[{"role": "user", "content": "events ☂"}]):
        print("event", event.to_dict())
    with client.messages.stream(model=MODEL, max_tokens=100, messages=[{"role": "user", "content": "stream ☂"}]) as events:
        print("stream", list(events.text_stream), events.get_final_message().to_dict())
    with client.messages.stream(model=MODEL, max_tokens=100, tools=[WEATHER], messages=[{"role": "user", "content": "w?"}]) as tool_events:
        print("tool stream", [block.to_dict() for block in tool_events.get_final_message().content])


async def ask_together() -> None:
    """Three questions at once, then an async stream."""
    async with anthropic.AsyncAnthropic(base_url=UPSTREAM, api_key="sk-ant-test", max_retries=0) as client:
        asked = (client.messages.create(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "same"}]) for _ in range(3))
        print("gather", [answer.content[0].to_dict() for answer in await asyncio.gather(*asked)])
        async with client.messages.stream(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "async ☂"}]) as events:
            print("async stream", [text async for text in events.text_stream], (await events.get_final_message()).usage.output_tokens)


def retry() -> None:
    """One 529 that the SDK retries, and an error event in a stream."""
    client = anthropic.Anthropic(base_url=UPSTREAM + "/fault/529x1", api_key="sk-ant-test", max_retries=2)
    answer = client.messages.create(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "after a 529"}])
    print("529x1", answer.content[0].to_dict())
    broken = anthropic.Anthropic(base_url=UPSTREAM + "/fault/error-sse", api_key="sk-ant-test", max_retries=0)
    try:
        with broken.messages.stream(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "broken"}]) as events:
            for text in events.text_stream:
                print("before the error", text)
    except anthropic.APIError as error:
        print("error-sse", type(error).__name__, error.message)


def main() -> None:
    """Run every part."""
    with anthropic.Anthropic(base_url=UPSTREAM, api_key="sk-ant-test", max_retries=0) as client:
        for part in (ask, use_tools, stream):
            part(client)
    asyncio.run(ask_together())
    retry()


if __name__ == "__main__":
    main()
