"""Decorated tools that raise: built-in and own exceptions, with causes, from async functions, and in the middle of a generator."""

import asyncio
import os
import random
from collections.abc import Iterator

import openai

import fr_recorder as fr

CLIENT = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0)


class QuotaError(Exception):
    """An exception of the program's own, with more than a message."""

    def __init__(self, message: str, *, left: int) -> None:
        super().__init__(message)
        self.left = left


@fr.tool
def fail(kind: str) -> str:
    """Raises what it is asked for; the number in the message is different every time."""
    number = random.SystemRandom().randint(1000, 9999)
    if kind == "value":
        raise ValueError(f"bad value {number}", number)
    if kind == "key":
        raise KeyError(f"missing {number}")
    if kind == "quota":
        raise QuotaError(f"quota used up {number}", left=number)
    if kind == "cause":
        try:
            raise OSError(28, f"no space left {number}")
        except OSError as error:
            raise RuntimeError("could not store") from error
    return f"fine {number}"


@fr.tool
async def fail_async() -> None:
    """Raises from a coroutine."""
    await asyncio.sleep(0.005)
    raise TimeoutError(f"after {random.SystemRandom().randint(1, 99)} s")


@fr.tool
def break_off() -> Iterator[int]:
    """Yields twice, then raises."""
    yield random.SystemRandom().randint(1, 99)
    yield random.SystemRandom().randint(1, 99)
    raise ConnectionError("the feed broke off")


def described(error: BaseException) -> str:
    """Class, arguments, attributes and cause of an exception."""
    return f"{type(error).__name__} {error.args} left={getattr(error, 'left', None)} cause={error.__cause__!r}"


def main() -> None:
    """Catch every error and tell the model about it."""
    for kind in ("none", "value", "key", "quota", "cause"):
        try:
            said = fail(kind)
        except Exception as error:
            said = described(error)
            print("caught", isinstance(error, ValueError | KeyError | QuotaError | RuntimeError), end=" ")
        print(kind, said)
        answer = CLIENT.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": f"the tool said: {said}"}])
        print("model", answer.choices[0].message.content)
    try:
        asyncio.run(fail_async())
    except TimeoutError as error:
        print("async", described(error))
    received = []
    try:
        for number in break_off():
            print("received", number)
            received.append(number)
    except ConnectionError as error:
        print("generator", received, described(error))


if __name__ == "__main__":
    main()
