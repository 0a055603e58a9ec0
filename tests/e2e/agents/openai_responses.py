"""OpenAI responses: sync, function calls, previous_response_id, streams, raw responses, async gather and async streams."""

import asyncio
import os
from typing import Any

import openai

BASE_URL = os.environ["FR_TEST_UPSTREAM"] + "/v1"
MODEL = "gpt-x"
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "Weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
    "strict": True,
}


def ask(client: openai.OpenAI) -> None:
    """One question with parameters that the answer echoes, then one that refers to it."""
    first = client.responses.create(model=MODEL, instructions="Be terse.", input="hi ☂", temperature=0.3, metadata={"run": "one"})
    print("sync", first.id, first.model, first.temperature, first.metadata, first.output_text, first.usage and first.usage.total_tokens)
    second = client.responses.create(model=MODEL, input="and then?", previous_response_id=first.id)
    print("follow-up", second.previous_response_id, second.output_text)
    thought = client.responses.create(model=MODEL, input="[[script:thinking]]", reasoning={"effort": "low", "summary": "auto"})
    print("reasoning", [item.to_dict() for item in thought.output])


def use_tools(client: openai.OpenAI) -> None:
    """Parallel function calls until the model answers."""
    items: list[Any] = [{"role": "user", "content": "Weather?"}]
    while True:
        answer = client.responses.create(model=MODEL, input=items, tools=[WEATHER])
        calls = [item for item in answer.output if item.type == "function_call"]
        print("tools", answer.output_text, [call.to_dict() for call in calls])
        if not calls:
            break
        items += [call.to_dict() for call in calls]
        items += [{"type": "function_call_output", "call_id": call.call_id, "output": "mild: " + call.arguments} for call in calls]


def stream(client: openai.OpenAI) -> None:
    """Every event of a text stream, of a function-call stream, and of a refusal."""
    for event in client.responses.create(model=MODEL, input="stream ☂", stream=True):
        print("stream", event.sequence_number, event.type, getattr(event, "delta", ""))
    for event in client.responses.create(model=MODEL, input="w?", tools=[WEATHER], stream=True):
        print("tool stream", event.sequence_number, event.type, getattr(event, "delta", ""))
    with client.responses.stream(model=MODEL, input="[[script:refusal]]") as events:
        print("refusal", [event.type for event in events], events.get_final_response().output[0].to_dict())


def raw(client: openai.OpenAI) -> None:
    """The response headers beside the parsed answer."""
    answer = client.responses.with_raw_response.create(model=MODEL, input="raw")
    print("raw", answer.status_code, answer.headers["x-request-id"], answer.parse().output_text)


async def ask_together() -> None:
    """Five equal questions at once, then one async stream."""
    async with openai.AsyncOpenAI(base_url=BASE_URL, api_key="sk-test", max_retries=0) as client:
        answers = await asyncio.gather(*(client.responses.create(model=MODEL, input="same") for _ in range(5)))
        print("gather", [answer.output_text for answer in answers])
        events = await client.responses.create(model=MODEL, input="async stream ☂", stream=True)
        print("async stream", [event.delta async for event in events if event.type == "response.output_text.delta"])


def main() -> None:
    """Run every part with one client."""
    with openai.OpenAI(base_url=BASE_URL, api_key="sk-test", max_retries=0) as client:
        for part in (ask, use_tools, stream, raw):
            part(client)
    asyncio.run(ask_together())


if __name__ == "__main__":
    main()
