"""Children that call the model: a Python subprocess, multiprocessing by fork and by spawn, a process pool, and os.fork."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import openai


def ask(question: str) -> str:
    """One question, on a connection of this process's own."""
    with openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0) as client:
        answer = client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": question}])
    return str(answer.choices[0].message.content)


def put_answer(answers: Any, question: str) -> None:
    """The job of a multiprocessing child."""
    answers.put((question, ask(question)))


def with_multiprocessing(method: str) -> None:
    """One child by a start method, its answer by a queue."""
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    child = context.Process(target=put_answer, args=(answers, f"from a child by {method}"))  # type: ignore[attr-defined]
    child.start()
    print(method, answers.get(timeout=20))
    child.join(20)
    print(method, "exit code", child.exitcode)


def with_os_fork() -> None:
    """A bare fork, its answer by a pipe."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.write(writer, ask("from a bare fork").encode())
        os._exit(7)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        print("os.fork", pipe.read().decode())
    print("os.fork exit code", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def main() -> None:
    """Every kind of child, one after the other, between two calls of the parent."""
    print("parent", ask("before the children"))
    with_os_fork()
    with_multiprocessing("fork")
    with_multiprocessing("spawn")
    with ProcessPoolExecutor(max_workers=2, mp_context=multiprocessing.get_context("fork")) as pool:
        print("pool", list(pool.map(ask, ["pool one", "pool two"])))
    finished = subprocess.run([sys.executable, __file__, "from a subprocess"], capture_output=True, text=True, timeout=30)
    print("subprocess", finished.returncode, finished.stdout.strip(), finished.stderr.strip())
    listed = subprocess.run(["echo", "not a python child"], capture_output=True, text=True, timeout=30)
    print("echo", listed.returncode, listed.stdout.strip())
    print("parent", ask("after the children"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(ask(sys.argv[1]))
    else:
        main()
