"""Programs of several processes, one way of making them for each name on the command line. Every process asks the model.

Each question names its asker and is asked once, so that the record can be compared with the model server's log.
"""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ProcessPoolExecutor

WORKERS = 3


def ask(question: str) -> str:
    """One question, with the standard library alone."""
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": question}]}
    url = os.environ["FR_TEST_UPSTREAM"] + "/v1/chat/completions"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        text: str = json.loads(answer.read())["choices"][0]["message"]["content"]
    assert question[:20] in text
    return question


def fork() -> None:
    """A tree of bare forks that leave by os._exit, os.execv and by falling off the end."""
    ask("root before")
    for number in range(WORKERS):
        if os.fork() == 0:
            ask(f"child {number}")
            if number == 0:
                os._exit(0)
            if number == 1 and os.fork() == 0:
                ask("grandchild")
                os.execv(sys.executable, [sys.executable, __file__, "say", "grandchild as another program"])
            if number == 1:
                os.wait()
            sys.exit(0)
    for _ in range(WORKERS):
        os.wait()
    ask("root after")


def fork_in_threads() -> None:
    """Threads that ask and fork at the same time: a fork may come at any moment of another thread's call."""

    def work(name: int) -> None:
        ask(f"thread {name} before")
        child = os.fork()
        if child == 0:
            ask(f"fork of thread {name}")
            os._exit(0)
        ask(f"thread {name} after")
        assert os.waitpid(child, 0)[1] == 0

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def with_multiprocessing(method: str) -> None:
    """Processes and both kinds of pools by one start method."""
    context = multiprocessing.get_context(method)
    children = [context.Process(target=ask, args=(f"{method} process {number}",)) for number in range(2)]  # type: ignore[attr-defined]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
    pool = context.Pool(2)
    assert len(pool.map(ask, [f"{method} pool job {number}" for number in range(3)])) == 3
    pool.close()
    pool.join()
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        assert len(list(executor.map(ask, [f"{method} future {number}" for number in range(3)]))) == 3
    ask("parent at the end")


def multiprocessing_fork() -> None:
    """Start method fork."""
    with_multiprocessing("fork")


def multiprocessing_spawn() -> None:
    """Start method spawn."""
    with_multiprocessing("spawn")


def multiprocessing_forkserver() -> None:
    """Start method forkserver."""
    with_multiprocessing("forkserver")


def prefork() -> None:
    """A server as gunicorn builds one: the master listens and forks, workers take requests and are stopped by signals."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    ask("master before the fork")
    workers = []
    for _ in range(WORKERS):
        worker = os.fork()
        if worker == 0:
            serve(listener)
            os._exit(0)
        workers.append(worker)
    for number in range(4 * WORKERS):
        with socket.create_connection(listener.getsockname(), timeout=30) as connection:
            connection.sendall(f"request {number}\n".encode())
            assert connection.recv(100) == b"done\n"
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
        assert os.waitpid(worker, 0)[1] == 0
    ask("master after the workers")


def serve(listener: socket.socket) -> None:
    """A worker's life: one request at a time until SIGTERM."""
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    listener.settimeout(0.05)
    while not stopping:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        with connection:
            connection.settimeout(30)
            ask(f"for {connection.recv(100).decode().strip()}")
            connection.sendall(b"done\n")


def subprocesses() -> None:
    """Children by subprocess: directly, through a shell, side by side, and one with an environment without us."""
    command = [sys.executable, __file__, "say"]
    subprocess.run([*command, "direct"], check=True)
    subprocess.run(f'"{sys.executable}" "{__file__}" say "through a shell"', shell=True, check=True)
    running = [subprocess.Popen([*command, f"side by side {number}"]) for number in range(3)]
    assert [child.wait() for child in running] == [0, 0, 0]
    os.system(f'"{sys.executable}" "{__file__}" say "by os.system"')
    assert os.spawnv(os.P_WAIT, sys.executable, [*command, "by spawnv"]) == 0
    ours = {name: os.environ[name] for name in ("FR_TEST_UPSTREAM", "PATH")}
    subprocess.run([*command, "unseen"], check=True, env=ours)


def become() -> None:
    """Turns into another program twice; a program that can't be executed is survived."""
    ask("first life")
    sys.stdout.write("said in the first life\n")
    sys.stdout.flush()
    for missing in ("/nonexistent/program", "/"):
        try:
            os.execv(missing, [missing])
        except OSError as error:
            print(type(error).__name__, flush=True)
    ask("after exec that failed")
    os.execle(sys.executable, sys.executable, __file__, "say", "second life", {**os.environ, "THEN": "third life"})


def daemon() -> None:
    """Daemonises as the textbooks say, answers the launcher's end first, and asks only then."""
    if os.fork() > 0:
        os._exit(0)
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    os.chdir("/")
    os.umask(0o27)
    os.closerange(0, 256)
    for _ in range(3):
        os.open(os.devnull, os.O_RDWR)
    launcher = int(os.environ["LAUNCHER"]) if "LAUNCHER" in os.environ else 0
    while launcher and os.path.exists(f"/proc/{launcher}"):
        time.sleep(0.01)
    ask("from the daemon")
    with open(os.environ["DONE"], "w", encoding="utf-8") as done:
        done.write("done")


def say() -> None:
    """Ask what the command line says, then become what THEN says."""
    ask(sys.argv[2])
    then = os.environ.pop("THEN", None)
    if then is not None:
        os.execv(sys.executable, [sys.executable, __file__, "say", then])


if __name__ == "__main__":
    globals()[sys.argv[1]]()
