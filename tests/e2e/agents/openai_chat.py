"""OpenAI chat completions: sync, tools, streams, raw responses, embeddings, async gather and async streams."""

import asyncio
import json
import os
from typing import Any

import openai

BASE_URL = os.environ["FR_TEST_UPSTREAM"] + "/v1"
MODEL = "gpt-x"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def ask(client: openai.OpenAI) -> None:
    """One plain question, and what the provider says beside the text."""
    answer = client.chat.completions.create(
        model=MODEL, temperature=0.2, seed=7, messages=[{"role": "system", "content": "Be terse."}, {"role": "user", "content": "hi ☂"}]
    )
    print("sync", answer.model, answer.system_fingerprint, answer.usage and answer.usage.to_dict(), answer.choices[0].message.content)


def use_tools(client: openai.OpenAI) -> None:
    """Parallel tool calls until the model answers, twice over in one conversation."""
    messages: list[Any] = [{"role": "system", "content": "You know the weather."}]
    for question in ("Weather?", "And later? [[script:two-then-one]]"):
        messages.append({"role": "user", "content": question})
        while True:
            message = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER]).choices[0].message
            messages.append(message.to_dict())
            print("tools", message.content, [call.to_dict() for call in message.tool_calls or []])
            if not message.tool_calls:
                break
            for call in message.tool_calls:
                assert call.type == "function"
                city = json.loads(call.function.arguments)["city"]
                messages.append({"role": "tool", "tool_call_id": call.id, "content": f"mild in {city}"})


def stream(client: openai.OpenAI) -> None:
    """A streamed text with usage, a streamed tool call, and a stream that the program leaves after two chunks."""
    chunks = client.chat.completions.create(
        model=MODEL, stream=True, stream_options={"include_usage": True}, messages=[{"role": "user", "content": "stream ☂"}]
    )
    for chunk in chunks:
        print("stream", [choice.to_dict() for choice in chunk.choices], chunk.usage and chunk.usage.total_tokens)
    calls = client.chat.completions.create(model=MODEL, stream=True, tools=[WEATHER], messages=[{"role": "user", "content": "w?"}])
    print("tool stream", [choice.delta.to_dict() for chunk in calls for choice in chunk.choices])
    with client.chat.completions.create(model=MODEL, stream=True, messages=[{"role": "user", "content": "[[script:long]]"}]) as left:
        print("left after", [next(iter(left)).choices[0].delta.content for _ in range(2)])


def raw(client: openai.OpenAI) -> None:
    """The response headers, the raw body, and the same as a stream of lines."""
    answer = client.chat.completions.with_raw_response.create(model=MODEL, messages=[{"role": "user", "content": "raw"}])
    print("raw", answer.status_code, answer.headers["x-request-id"], answer.parse().choices[0].message.content)
    with client.chat.completions.with_streaming_response.create(model=MODEL, messages=[{"role": "user", "content": "lines"}]) as lines:
        print("raw lines", lines.headers["content-type"], list(lines.iter_lines()))


def embed(client: openai.OpenAI) -> None:
    """Two embeddings, base64 on the wire."""
    answer = client.embeddings.create(model="embed-x", input=["one", "two ☂"], dimensions=4)
    print("embeddings", answer.model, [item.embedding for item in answer.data])


async def ask_together() -> None:
    """Five equal questions at once, then one async stream."""
    async with openai.AsyncOpenAI(base_url=BASE_URL, api_key="sk-test", max_retries=0) as client:
        asked = (client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "same"}]) for _ in range(5))
        print("gather", [answer.choices[0].message.content for answer in await asyncio.gather(*asked)])
        chunks = await client.chat.completions.create(model=MODEL, stream=True, messages=[{"role": "user", "content": "async stream ☂"}])
        print("async stream", [choice.delta.content async for chunk in chunks for choice in chunk.choices])


def main() -> None:
    """Run every part with one client."""
    with openai.OpenAI(base_url=BASE_URL, api_key="sk-test", max_retries=0) as client:
        for part in (ask, use_tools, stream, raw, embed):
            part(client)
    asyncio.run(ask_together())


if __name__ == "__main__":
    main()
