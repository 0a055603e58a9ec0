"""Google GenAI: sync, function calls, streams, token counts, async, async streams, and an error."""

import asyncio
import os

from google import genai
from google.genai import errors, types

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
MODEL = "gemini-x"
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="weather",
            description="Weather of a city.",
            parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        )
    ]
)


def ask(client: genai.Client) -> None:
    """One question with a system instruction, the usage with thoughts, and a count of tokens."""
    config = types.GenerateContentConfig(system_instruction="Be terse.", temperature=0.1)
    answer = client.models.generate_content(model=MODEL, contents="hi ☂", config=config)
    usage = answer.usage_metadata
    print("sync", answer.model_version, answer.response_id, usage and usage.model_dump(exclude_none=True), answer.text)
    print("count", client.models.count_tokens(model=MODEL, contents="count me").total_tokens)


def use_tools(client: genai.Client) -> None:
    """Parallel function calls until the model answers."""
    contents: list[types.Content] = [types.Content(role="user", parts=[types.Part.from_text(text="Weather?")])]
    config = types.GenerateContentConfig(tools=[WEATHER])
    while True:
        answer = client.models.generate_content(model=MODEL, contents=list(contents), config=config)
        calls = answer.function_calls or []
        print("tools", [call.model_dump(exclude_none=True) for call in calls], None if calls else answer.text)
        if not calls:
            break
        assert answer.candidates and answer.candidates[0].content
        contents.append(answer.candidates[0].content)
        results = [types.Part.from_function_response(name=call.name or "", response={"is": f"mild {call.args}"}) for call in calls]
        contents.append(types.Content(role="user", parts=results))


def stream(client: genai.Client) -> None:
    """Every chunk of a stream."""
    for chunk in client.models.generate_content_stream(model=MODEL, contents="stream ☂"):
        reason = chunk.candidates[0].finish_reason if chunk.candidates else None
        print("stream", chunk.text, reason, chunk.usage_metadata and chunk.usage_metadata.total_token_count)


async def ask_together(client: genai.Client) -> None:
    """Three questions at once, then an async stream."""
    asked = (client.aio.models.generate_content(model=MODEL, contents="same") for _ in range(3))
    print("gather", [answer.text for answer in await asyncio.gather(*asked)])
    chunks = await client.aio.models.generate_content_stream(model=MODEL, contents="async stream ☂")
    print("async stream", [chunk.text async for chunk in chunks])


def fail() -> None:
    """An error of the API as the SDK reports it."""
    client = genai.Client(api_key="test-key", http_options=types.HttpOptions(base_url=UPSTREAM + "/fault/400"))
    try:
        client.models.generate_content(model=MODEL, contents="bad")
    except errors.ClientError as error:
        print("400", type(error).__name__, error.code, error.message)


def main() -> None:
    """Run every part with one client."""
    client = genai.Client(api_key="test-key", http_options=types.HttpOptions(base_url=UPSTREAM))
    for part in (ask, use_tools, stream):
        part(client)
    asyncio.run(ask_together(client))
    fail()


if __name__ == "__main__":
    main()
