"""A store with planted incidents, recorded by the real recorder from real processes that ask a model server in this process."""

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FR = (sys.executable, "-c", "import sys; from fr_replay.cli.main import main; sys.exit(main())")
"""The command line of ``fr``, by the interpreter of the tests."""

LONG_ANSWER = "HEAD of the long answer\n" + "\n".join(f"line {n} of it" for n in range(400)) + "\nTAIL of the long answer"
SYSTEM_PROMPT = "You are a refund agent. Be brief."
SLOW_S = 0.4

AGENT = """
import datetime, json, os, sys
import httpx
import fr_recorder as fr

BASE = os.environ["MODEL_SERVER"]
SYSTEM = "You are a refund agent. Be brief."
PROPERTIES = {"order": {"type": "string"}, "cents": {"type": "integer"}, "note": {"type": "string"}}
SCHEMA = {"type": "object", "properties": PROPERTIES, "required": ["order", "cents"]}
TOOLS = [{"type": "function", "function": {"name": "refund", "description": "Give money back.", "parameters": SCHEMA}}]
client = httpx.Client()


def ask(messages, model="gpt-4o", headers=(), **params):
    body = {"model": model, "messages": messages, **params}
    return client.post(BASE + "/v1/chat/completions", json=body, headers={"authorization": "Bearer sk-planted-000", **dict(headers)})


@fr.tool(side_effect="irreversible")
def refund(order, cents):
    return f"refunded {cents} for {order}"


@fr.tool(side_effect="read")
def lookup(order):
    raise KeyError(f"no order {order}")


conversation = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "[[tool]] refund o-1"}]
answer = ask(conversation, tools=TOOLS, temperature=0.2).json()["choices"][0]["message"]
conversation.append(answer)
arguments = json.loads(answer["tool_calls"][0]["function"]["arguments"])
conversation.append({"role": "tool", "tool_call_id": answer["tool_calls"][0]["id"], "content": refund(**arguments)})
conversation.append({"role": "user", "content": "[[long]] and now?"})
ask(conversation, tools=TOOLS)
try:
    lookup("o-404")
except KeyError:
    fr.decision("escalate", why="order not found", order="o-404")
for number in (0, 1):
    if ask([{"role": "user", "content": "[[busy]] once"}], headers={"x-stainless-retry-count": str(number)}).status_code == 200:
        break
ask([{"role": "user", "content": "[[broken]] always"}])
ask([{"role": "user", "content": "[[moved]] alias"}])
ask([{"role": "user", "content": "[[slow]] please"}])
ask([{"role": "user", "content": "[[escape]] my card is 4111 1111 1111 1111"}])
client.get(BASE + "/weather?city=Oslo")
print("done")
"""

SERVED = """
import os, sys
import httpx
import fr_recorder as fr

assert fr.init(sys.argv[1], service="shop")
client = httpx.Client()
for user, session, plan in (("ann", "s-17", "pro"), ("bob", "s-18", "free")):
    with fr.trace("support", session=session, user=user, tags={"plan": plan}, task="t-1"):
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"hello from {session}"}]}
        client.post(os.environ["MODEL_SERVER"] + "/v1/chat/completions", json=body)
with fr.trace("handmade", session="s-19"):
    messages = [{"role": "user", "content": "hi"}]
    with fr.llm_call(provider="acme", model="m-large", messages=messages, system="Be kind.", temperature=0.5) as call:
        call.respond("hello you", model="m-large-7", finish_reason="stop", usage={"input_tokens": 5, "output_tokens": 2})
"""

KILLED = """
import os, signal, threading, time
import httpx


def kill():
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)


threading.Thread(target=kill, daemon=True).start()
body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "[[hang]]"}]}
httpx.post(os.environ["MODEL_SERVER"] + "/v1/chat/completions", json=body)
"""


class _Handler(BaseHTTPRequestHandler):
    """An OpenAI-like chat server that does what a mark in the last message says. No model."""

    protocol_version = "HTTP/1.1"
    server: "ModelServer"

    def do_GET(self) -> None:
        self._send(200, {"weather": "mild"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = str(body["messages"][-1]["content"])
        if "[[hang]]" in said:
            self.server.release.wait(20)
        if "[[slow]]" in said:
            time.sleep(SLOW_S)
        if "[[busy]]" in said and self.headers.get("x-stainless-retry-count") == "0":
            self._send(429, {"error": {"message": "slow down", "type": "rate_limit_error", "code": "rate_limited"}})
        elif "[[broken]]" in said:
            self._send(500, {"error": {"message": "it broke", "type": "server_error", "code": None}})
        else:
            self._send(200, _answer(body, said))

    def _send(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in (("content-type", "application/json"), ("content-length", str(len(data))), ("openai-version", "2020-10-01")):
            self.send_header(name, text)
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            # The client was killed meanwhile: that is one of the planted incidents.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def _answer(body: dict[str, Any], said: str) -> dict[str, Any]:
    version = "2024-11-20" if "[[moved]]" in said else "2024-08-06"
    text = LONG_ANSWER if "[[long]]" in said else "\x1b[31mred\x07 text" if "[[escape]]" in said else f"answer to: {said}"
    message: dict[str, Any] = {"role": "assistant", "content": text}
    reason = "stop"
    if "[[tool]]" in said:
        call = {"id": "call_1", "type": "function", "function": {"name": "refund", "arguments": '{"order": "o-1", "cents": 1200}'}}
        message, reason = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": f"{body['model']}-{version}",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }


class ModelServer(ThreadingHTTPServer):
    """The server, in threads of this process."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.release = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


@dataclass(frozen=True)
class Planted:
    """The store, and what belongs to it.

    Attributes:
        store, keys: folders.
        env: the environment in which ``fr`` finds both.
        recorded: standard error of ``fr record`` on the planted agent.
        run, killed: trace ids of the two runs.
    """

    store: str
    keys: str
    env: dict[str, str]
    recorded: str
    run: str
    killed: str


def environment(folder: Path, server: str = "") -> dict[str, str]:
    """An environment in which ``fr`` uses a store and keys in ``folder``, in UTC, and nothing of the machine's."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("FR_") and key not in ("NO_COLOR", "COLUMNS")}
    return {**inherited, "FR_STORE": str(folder / "store"), "FR_KEYS": str(folder / "keys"), "TZ": "UTC", "MODEL_SERVER": server}


def run_fr(*args: str, env: dict[str, str], **options: Any) -> subprocess.CompletedProcess[str]:
    """``fr`` as a process of its own."""
    return subprocess.run([*FR, *args], env=env, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, **options)


def trace_in(text: str) -> str:
    """The trace id in the last line that ``fr record`` prints."""
    last = text.splitlines()[-1]
    return last.split("trace ", 1)[1][:32]


@functools.cache
def planted() -> Planted:
    """The planted store, made once per test process."""
    folder = Path(tempfile.mkdtemp(prefix="fr-test-planted-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    server = ModelServer()
    env = environment(folder, server.url)
    for name, text in (("agent.py", AGENT), ("served.py", SERVED), ("killed.py", KILLED)):
        (folder / name).write_text(text)
    killed = run_fr("record", "--name", "killed", "--", sys.executable, str(folder / "killed.py"), env=env)
    server.release.set()
    subprocess.run([sys.executable, str(folder / "served.py"), env["FR_STORE"]], env=env, check=True, timeout=60)
    recorded = run_fr("record", "--name", "planted", "--", sys.executable, str(folder / "agent.py"), env=env, cwd=str(folder))
    assert recorded.returncode == 0, recorded.stderr
    server.shutdown()
    server.server_close()
    return Planted(env["FR_STORE"], env["FR_KEYS"], env, recorded.stderr, trace_in(recorded.stderr), trace_in(killed.stderr))


def copy_of_planted(folder: Path) -> dict[str, str]:
    """The environment of a copy of the planted store, to be damaged."""
    found = planted()
    shutil.copytree(found.store, folder / "store")
    return {**found.env, "FR_STORE": str(folder / "store")}
