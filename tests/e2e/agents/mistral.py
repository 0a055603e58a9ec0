"""Mistral chat: sync, tools, stream, async, async stream, and an error."""

import asyncio
import os
from typing import Any

from mistralai.client import Mistral
from mistralai.client.errors import SDKError
from mistralai.client.models import ChatCompletionResponse

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
MODEL = "mistral-x-latest"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def user(text: str) -> Any:
    """A conversation of one user message."""
    return [{"role": "user", "content": text}]


def text_of(answer: ChatCompletionResponse) -> object:
    """The text of the first choice."""
    message = answer.choices[0].message
    assert message is not None
    return message.content


def ask(client: Mistral) -> None:
    """One question, then parallel tool calls until the model answers."""
    answer = client.chat.complete(model=MODEL, messages=user("hi ☂"), temperature=0.2)
    print("sync", answer.id, answer.model, answer.usage.model_dump(exclude_none=True), text_of(answer))
    messages = user("Weather?")
    while True:
        message = client.chat.complete(model=MODEL, messages=messages, tools=[WEATHER]).choices[0].message
        assert message is not None
        calls = message.tool_calls or []
        print("tools", message.content, [call.model_dump() for call in calls])
        if not calls:
            break
        messages.append(message.model_dump(exclude_none=True))
        messages += [{"role": "tool", "tool_call_id": call.id, "name": "weather", "content": "mild"} for call in calls]


def stream(client: Mistral) -> None:
    """Every event of a stream."""
    with client.chat.stream(model=MODEL, messages=user("stream ☂")) as events:
        for event in events:
            choice = event.data.choices[0]
            print("stream", choice.delta.content, choice.finish_reason, event.data.usage and event.data.usage.total_tokens)


async def ask_async() -> None:
    """Two questions at once, then an async stream."""
    async with Mistral(api_key="test-key", server_url=UPSTREAM) as client:
        answers = await asyncio.gather(*(client.chat.complete_async(model=MODEL, messages=user("same")) for _ in range(2)))
        print("gather", [text_of(answer) for answer in answers])
        events = await client.chat.stream_async(model=MODEL, messages=user("async stream ☂"))
        print("async stream", [event.data.choices[0].delta.content async for event in events])


def fail() -> None:
    """An error of the API as the SDK reports it."""
    with Mistral(api_key="test-key", server_url=UPSTREAM + "/fault/400") as client:
        try:
            client.chat.complete(model=MODEL, messages=user("bad"))
        except SDKError as error:
            print("400", type(error).__name__, error.status_code, error.body)


def main() -> None:
    """Run every part."""
    with Mistral(api_key="test-key", server_url=UPSTREAM) as client:
        ask(client)
        stream(client)
    asyncio.run(ask_async())
    fail()


if __name__ == "__main__":
    main()
