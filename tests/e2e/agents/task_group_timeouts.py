"""Task groups, timeouts, cancellation of a call in flight, and whichever call comes first."""

import asyncio
import os
import time

import openai

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]


def client_for(prefix: str = "") -> openai.AsyncOpenAI:
    """A client whose base URL may go through a fault."""
    return openai.AsyncOpenAI(base_url=f"{UPSTREAM}{prefix}/v1", api_key="sk-test", max_retries=0)


async def ask(client: openai.AsyncOpenAI, question: str) -> str:
    """One question."""
    answer = await client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": question}])
    return str(answer.choices[0].message.content)


async def group(client: openai.AsyncOpenAI) -> None:
    """Three tasks in a group, and a group in which one task fails and takes the others with it."""
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(ask(client, "in a group")) for _ in range(3)]
    print("group", [task.result() for task in asked])

    async def fail() -> None:
        raise ValueError("after " + await ask(client, "then fail"))

    try:
        async with client_for("/fault/timeout") as silent, asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())
            tasks.create_task(ask(silent, "never answered"))
    except* ValueError as errors:
        print("group failed", [str(error) for error in errors.exceptions])


async def time_out() -> None:
    """Three kinds of timeout around calls that are not answered, and around a long sleep."""
    async with client_for("/fault/timeout") as silent:
        try:
            async with asyncio.timeout(0.2):
                await ask(silent, "under asyncio.timeout")
        except TimeoutError as error:
            print("asyncio.timeout", type(error).__name__, error)
        try:
            await asyncio.wait_for(ask(silent, "under wait_for"), 0.2)
        except TimeoutError as error:
            print("wait_for", type(error).__name__, error)
        in_flight = asyncio.create_task(ask(silent, "cancelled in flight"))
        await asyncio.sleep(0.1)
        in_flight.cancel()
        print("cancelled", [type(result).__name__ for result in await asyncio.gather(in_flight, return_exceptions=True)])
    started = time.monotonic()
    try:
        await asyncio.wait_for(asyncio.sleep(100), 1.0)
    except TimeoutError:
        print("sleep timed out after", time.monotonic() - started)


async def first_of(client: openai.AsyncOpenAI) -> None:
    """The first of three equal questions wins and flows into the next prompt; the others are cancelled or awaited."""
    tasks = {asyncio.create_task(ask(client, "race"), name=f"racer {number}") for number in range(3)}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    winners = sorted(f"{task.get_name()}: {task.result()}" for task in done)
    print("first", winners, len(pending))
    print("follow-up", await ask(client, f"the winner was {winners[0]}"))
    for task in pending:
        task.cancel()
    outcomes = await asyncio.gather(*pending, return_exceptions=True)
    print("others", sorted(str(outcome) if isinstance(outcome, str) else type(outcome).__name__ for outcome in outcomes))


async def shielded(client: openai.AsyncOpenAI) -> None:
    """A shielded call goes on after its waiter has timed out; a thread is awaited with time to spare."""
    inner = asyncio.ensure_future(ask(client, "shielded"))
    try:
        await asyncio.wait_for(asyncio.shield(inner), 0.0001)
    except TimeoutError:
        print("shield timed out first")
    print("shielded", await inner)
    await asyncio.wait_for(asyncio.to_thread(time.sleep, 0.05), 5)
    print("thread came back in time")


async def main() -> None:
    """Run every part."""
    async with client_for() as client:
        await group(client)
        await time_out()
        await first_of(client)
        await shielded(client)


if __name__ == "__main__":
    asyncio.run(main())
