"""Tasks and futures of lanes have their lane's hash, so that sets of them have the same order in every run."""

from __future__ import annotations

import subprocess
import sys
import textwrap

PROGRAM = textwrap.dedent(
    """
    import asyncio, concurrent.futures, threading, time
    from fr_recorder import concurrency

    class Observer:
        looks = 0
        def opened(self, lane): pass
        def reached(self, lane): Observer.looks += 1
        def ended(self, lane): pass
        def before_turn(self, loop): pass
        def timer(self, loop, lane, name, when, callback, args, make): return make(when, callback, *args)

    concurrency.install(Observer())

    async def name(number):
        return number

    async def sets():
        padding = [object() for _ in range(int(__import__("sys").argv[1]))]
        tasks = [asyncio.create_task(name(number)) for number in range(9)]
        done, _ = await asyncio.wait(tasks)
        in_set = [task.result() for task in done]
        started = [await task for task in asyncio.as_completed([name(number) for number in range(9)])]
        assert all(isinstance(task, asyncio.Task) and type(task).__name__ == "Task" for task in tasks)
        return in_set, started

    print(asyncio.run(sets()))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(pow, number, 2) for number in range(9)]
        begun = Observer.looks
        done, _ = concurrent.futures.wait(futures)
        print([future.result() for future in done], begun <= 9, Observer.looks == 11)
        print(sorted(future.result() for future in concurrent.futures.as_completed(futures)), Observer.looks)
    """
)


def output_of(padding: int) -> str:
    """What the program prints in an interpreter of its own; the padding moves its objects to other addresses."""
    argv = [sys.executable, "-c", PROGRAM, str(padding)]
    done = subprocess.run(argv, env={"PYTHONHASHSEED": "5"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sets_of_tasks_and_futures_have_one_order() -> None:
    """In three processes with objects at other addresses; looks at jobs are told to the observer."""
    first, *others = (output_of(padding) for padding in (0, 1001, 20_003))
    assert all(other == first for other in others)
    assert "True True" in first and first.splitlines()[-1].endswith(" 12")
