"""The OpenAI SDK's own retries (429 twice, one 503, one reset), and the errors that it hands to the program."""

import asyncio
import os

import openai

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]


def client_for(prefix: str, *, max_retries: int = 2, timeout_s: float = 10.0) -> openai.OpenAI:
    """A client whose base URL goes through a fault."""
    return openai.OpenAI(base_url=f"{UPSTREAM}{prefix}/v1", api_key="sk-test", max_retries=max_retries, timeout=timeout_s)


def ask(client: openai.OpenAI, question: str) -> str:
    """One question with everything that can go wrong printed as class and message."""
    try:
        answer = client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": question}])
    except openai.APIStatusError as error:
        return f"{type(error).__name__} {error.status_code} {error.code} {error.body}"
    except openai.APIError as error:
        return f"{type(error).__name__} {error.message} caused by {type(error.__cause__).__name__} {error.__cause__}"
    return str(answer.choices[0].message.content)


def stream(client: openai.OpenAI, question: str) -> None:
    """A stream that breaks: the pieces that came, then the error."""
    pieces = []
    try:
        for chunk in client.chat.completions.create(model="gpt-x", stream=True, messages=[{"role": "user", "content": question}]):
            pieces += [choice.delta.content for choice in chunk.choices]
    except Exception as error:
        print(question, len(pieces), pieces, type(error).__name__, error)
    else:
        print(question, "ended in order", pieces)


async def ask_async() -> None:
    """Retries of the async client."""
    async with openai.AsyncOpenAI(base_url=f"{UPSTREAM}/fault/429x2/v1", api_key="sk-test", max_retries=3) as client:
        answer = await client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": "async after 429s"}])
        print("async 429x2", answer.choices[0].message.content)


def main() -> None:
    """Run every fault once."""
    print("429x2", ask(client_for("/fault/429x2"), "after two 429s"))
    print("503x1", ask(client_for("/fault/503x1"), "after one 503"))
    print("resetx1", ask(client_for("/fault/resetx1"), "after a reset"))
    print("400", ask(client_for("/fault/400"), "bad request"))
    print("401", ask(client_for("/fault/401"), "wrong key"))
    print("429", ask(client_for("/fault/429", max_retries=1), "quota"))
    print("reset", ask(client_for("/fault/reset", max_retries=0), "reset"))
    print("timeout", ask(client_for("/fault/timeout", max_retries=0, timeout_s=0.2), "timeout"))
    stream(client_for("/fault/error-sse", max_retries=0), "error event in a stream")
    stream(client_for("/fault/reset-mid", max_retries=0), "reset in a stream")
    stream(client_for("/fault/truncate", max_retries=0), "truncated stream")
    stream(client_for("/fault/hang-mid", max_retries=0, timeout_s=0.2), "stream that hangs")
    asyncio.run(ask_async())


if __name__ == "__main__":
    main()
