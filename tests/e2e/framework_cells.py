"""The framework matrix: which programs there are, and what one cell of it is: a recording, a stopped server, a replay, a comparison."""

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from replay_bench import AGENTS, Bench, Run
from scripted_upstream import ScriptedUpstream

FRAMEWORKS = Path(__file__).resolve().parent / "frameworks"
WITNESSED = Path(__file__).resolve().parent / "witness" / "witnessed_fr.py"
MODES = ("sync", "async", "stream", "parallel")
ENCODINGS = ("identity", "gzip")
_SERVER_START_S = 30.0


class Framework(NamedTuple):
    """A row of the matrix.

    Attributes:
        name: as its users call it.
        program: the agent.
        group: the dependency group of its environment.
        modes: the program's argument by mode; a mode that is missing is one that the framework does not have. Programs that
            run all of their modes in one go have the argument ``""``.
        packages: distributions to name with their versions.
        replay: further arguments of ``fr replay``; ``.`` is the cell's folder, which is the program's home as well.
    """

    name: str
    program: Path
    group: str
    modes: dict[str, str]
    packages: tuple[str, ...]
    replay: tuple[str, ...] = ()


def _each(*modes: str, before: str = "") -> dict[str, str]:
    return {mode: before + mode for mode in modes}


def _at_once(*modes: str) -> dict[str, str]:
    return dict.fromkeys(modes, "")


MATRIX = (
    Framework("openai, chat completions", AGENTS / "openai_chat.py", "test", _at_once(*MODES), ("openai", "httpx2")),
    Framework("openai, responses", AGENTS / "openai_responses.py", "test", _at_once("sync", "async", "stream"), ("openai",)),
    Framework("anthropic", AGENTS / "anthropic_messages.py", "test", _at_once(*MODES), ("anthropic",)),
    Framework("google-genai", AGENTS / "google_genai.py", "test", _at_once(*MODES), ("google-genai",)),
    Framework("mistralai", AGENTS / "mistral.py", "test", _at_once(*MODES), ("mistralai",)),
    Framework("litellm", AGENTS / "litellm_providers.py", "litellm", _at_once(*MODES), ("litellm", "httpx")),
    Framework("langchain, langgraph", FRAMEWORKS / "langgraph_agent.py", "frameworks", _each(*MODES), ("langgraph", "langchain-openai")),
    Framework("pydantic-ai", FRAMEWORKS / "pydantic_ai_agent.py", "frameworks", _each(*MODES), ("pydantic-ai-slim",)),
    Framework("openai-agents", FRAMEWORKS / "openai_agents_agent.py", "frameworks", _each(*MODES), ("openai-agents",)),
    Framework("smolagents", FRAMEWORKS / "smolagents_agent.py", "frameworks", _each("sync", "stream", "parallel"), ("smolagents",)),
    Framework("MCP client, stdio", FRAMEWORKS / "mcp_agent.py", "frameworks", _each("async", "parallel", before="stdio-"), ("mcp",)),
    Framework("MCP client, HTTP", FRAMEWORKS / "mcp_agent.py", "frameworks", _each("async", "parallel", before="http-"), ("mcp",)),
    Framework("MCP client 1, stdio", FRAMEWORKS / "mcp_agent.py", "crews", _each("async", "parallel", before="stdio-"), ("mcp",)),
    Framework("MCP client 1, HTTP", FRAMEWORKS / "mcp_agent.py", "crews", _each("async", "parallel", before="http-"), ("mcp",)),
    Framework("autogen", FRAMEWORKS / "autogen_agent.py", "crews", _each("async", "stream", "parallel"), ("autogen-agentchat",)),
    Framework("crewai", FRAMEWORKS / "crewai_agent.py", "crews", _each(*MODES), ("crewai",), replay=("--allow-writes", ".")),
)


class Cell(NamedTuple):
    """What came of one program in one mode and encoding.

    Attributes:
        outcome: ``identical``, ``stopped`` (the replay said that it was none, and why), or ``differs`` (it said nothing).
        detail: the reason.
        recorded, replayed: the runs.
    """

    outcome: str
    detail: str
    recorded: Run
    replayed: Run


def run_cell(folder: Path, python: str, framework: Framework, argument: str, encoding: str) -> Cell:
    """Record, stop the server, replay, compare: standard output, exit code, every request byte for byte, and what tools wrote."""
    bench = Bench(folder)
    notes = folder / "notes-mcp.txt"
    bench.env |= {"FR_TEST_NOTES": str(notes), "HOME": str(folder), "XDG_DATA_HOME": str(folder), "TMPDIR": str(folder)}
    command = [python, str(framework.program), *([argument] if argument else [])]
    with (
        ScriptedUpstream(latency_ms=10, encoding=encoding) as upstream,
        _mcp_server(python, argument, bench.env) as address,
    ):
        bench.env |= {"FR_TEST_UPSTREAM": upstream.url, **({"FR_TEST_MCP": address} if address else {})}
        recorded = bench.fr("record", "--", *command)
        asked = sorted((r.method, upstream.url + r.target, r.body) for r in upstream.requests)
    if recorded.code != 0 or not recorded.stdout:
        return Cell("differs", f"the program failed while it was recorded: {recorded.stderr[-300:]}", recorded, recorded)
    written = _files(folder)
    witness = folder / "witness"
    replayed = _witnessed_replay(bench, witness, framework.replay)
    asked_again = sorted(request for request in _witnessed(witness) if request[1].startswith(upstream.url))
    if replayed.code != 0:
        return Cell("stopped", _reason(replayed.stderr), recorded, replayed)
    for what, same in (
        ("the standard output", replayed.stdout == recorded.stdout),
        ("the requests", asked_again == asked),
        ("what tools wrote", _files(folder) == written),
        ("the verdict", "replay identical" in replayed.stderr),
    ):
        if not same:
            return Cell("differs", what, recorded, replayed)
    return Cell("identical", "", recorded, replayed)


def _reason(said: str) -> str:
    return next((line.removeprefix("fr: ") for line in said.splitlines() if line.startswith("fr: ") and ":" in line[4:]), said[-200:])


def _files(folder: Path) -> dict[str, bytes]:
    """The files that the tools of the programs write."""
    return {path.name: path.read_bytes() for path in folder.glob("notes-*")}


def _witnessed_replay(bench: Bench, witness: Path, arguments: tuple[str, ...]) -> Run:
    """``fr replay last``, with every request of the replaying program written to a file."""
    env = {**bench.env, "FR_TEST_WITNESS": str(witness)}
    done = subprocess.run(
        [sys.executable, str(WITNESSED), "replay", "last", *arguments],
        input=b"",
        capture_output=True,
        env=env,
        cwd=bench.folder,
        timeout=120,
    )
    return Run(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def _witnessed(witness: Path) -> Iterator[tuple[str, str, bytes]]:
    if witness.exists():
        for line in witness.read_text(encoding="utf-8").splitlines():
            method, url, body = json.loads(line)
            # mistralai's URLs have a fragment, which does not go on the wire.
            yield method, url.partition("#")[0], base64.b64decode(body)


@contextmanager
def _mcp_server(python: str, argument: str, env: dict[str, str]) -> Iterator[str]:
    """The address of an MCP server over HTTP while it runs; an empty text for programs that need none."""
    if not argument.startswith("http-"):
        yield ""
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [python, str(FRAMEWORKS / "servers" / "mcp_tools.py"), str(port)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + _SERVER_START_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")


def interpreter_of(group: str) -> str | None:
    """The Python of a group's environment; None where there is none."""
    return sys.executable if group == "test" else os.environ.get(f"FR_{group.upper()}_PYTHON") or None
