"""An agent on the openai SDK that knows nothing of a recorder: a tool call, a stream, a retry, an error, calls at once."""

import asyncio
import os
import sys

import openai

BASE = os.environ["OPENAI_BASE_URL"]
HEADERS = {"x-fr-trace": os.environ["AGENT_TRACE"], "x-fr-user": "Ann Planted"} if "AGENT_TRACE" in os.environ else {}
SECRET = " to ann.planted@example.com" if HEADERS else ""
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
}


def client(fault: str = "", **options: object) -> openai.OpenAI:
    """A client, perhaps with a fault on its way."""
    return openai.OpenAI(
        base_url=BASE.replace("/v1", f"{fault}/v1"), api_key="sk-planted-0123456789abcdef", default_headers=HEADERS, **options
    )


def in_turn(plain: openai.OpenAI, edit: str) -> None:
    """One after the other."""
    messages = [{"role": "user", "content": "[[script:one-tool]] the weather" + edit}]
    answer = plain.chat.completions.create(model="gpt-4o", messages=messages, tools=[TOOL])
    print(answer.choices[0].finish_reason, [call.function.arguments for call in answer.choices[0].message.tool_calls or ()])
    stream = plain.chat.completions.create(model="gpt-4o", stream=True, messages=[{"role": "user", "content": "streamed" + SECRET}])
    print([choice.delta.content for chunk in stream for choice in chunk.choices])
    print(
        client("/fault/429x2")
        .chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "retried"}])
        .choices[0]
        .message.content
    )
    try:
        client("/fault/400").chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "bad"}])
    except openai.BadRequestError as error:
        print(error.status_code, error.code, error.body)


async def at_once() -> None:
    """Six calls at once."""
    async with openai.AsyncOpenAI(base_url=BASE, api_key="sk-planted-0123456789abcdef", default_headers=HEADERS) as several:

        async def ask(number: int) -> str:
            answer = await several.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": f"parallel {number}"}])
            return str(answer.choices[0].message.content)

        for answer in await asyncio.gather(*(ask(number) for number in range(6))):
            print(answer)


if __name__ == "__main__":
    edit = sys.argv[1] if len(sys.argv) > 1 else ""
    in_turn(client(), edit)
    asyncio.run(at_once())
