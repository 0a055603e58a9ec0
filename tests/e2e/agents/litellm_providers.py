"""LiteLLM over two providers: sync, stream, tools, async and async stream; needs an environment of its own (it pins an older openai)."""

import asyncio
import os
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import litellm  # type: ignore[import-not-found]  # lives in an environment of its own

litellm.suppress_debug_info = True

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
PROVIDERS: tuple[tuple[str, str], ...] = (("openai/gpt-x", UPSTREAM + "/v1"), ("anthropic/claude-x", UPSTREAM))
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def options(model: str, api_base: str, question: str) -> dict[str, Any]:
    """The arguments that every call shares."""
    return {
        "model": model,
        "api_base": api_base,
        "api_key": "sk-test",
        "max_retries": 0,
        "messages": [{"role": "user", "content": question}],
    }


def ask(model: str, api_base: str) -> None:
    """A plain answer, a stream, and a tool call."""
    answer = litellm.completion(**options(model, api_base, "hi ☂"))
    print(model, "sync", answer.model, answer.choices[0].message.content, answer.usage.total_tokens)
    chunks = litellm.completion(**options(model, api_base, "stream ☂"), stream=True)
    print(model, "stream", [chunk.choices[0].delta.content for chunk in chunks])
    called = litellm.completion(**options(model, api_base, "w?"), tools=[WEATHER])
    print(model, "tools", [(call.id, call.function.name, call.function.arguments) for call in called.choices[0].message.tool_calls])


async def ask_async(model: str, api_base: str) -> None:
    """Three answers at once, then an async stream."""
    answers = await asyncio.gather(*(litellm.acompletion(**options(model, api_base, "same")) for _ in range(3)))
    print(model, "gather", [answer.choices[0].message.content for answer in answers])
    chunks = await litellm.acompletion(**options(model, api_base, "async stream ☂"), stream=True)
    print(model, "async stream", [chunk.choices[0].delta.content async for chunk in chunks])


async def ask_all_async() -> None:
    """Both providers, one after the other, in one event loop."""
    for model, api_base in PROVIDERS:
        await ask_async(model, api_base)


def main() -> None:
    """Both providers, sync and async."""
    for model, api_base in PROVIDERS:
        ask(model, api_base)
    asyncio.run(ask_all_async())


if __name__ == "__main__":
    main()
