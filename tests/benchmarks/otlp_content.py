"""What of a conversation reaches the record: under `fr record`, and with OpenTelemetry's instrumentations, as they are, into `fr collect`.

    python tests/benchmarks/otlp_content.py [--large]

One call with 100 messages; with --large also 520 calls of 150 KB, a batch beyond the exporter's 64 MiB. An instrumentation that is not
installed in this interpreter is named and left out. Everything runs on this machine; the model is the scripted server of tests/upstream.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "upstream"))

from scripted_upstream import ScriptedUpstream

from fr_replay.store import open_store

AGENT = str(Path(__file__).resolve().parent / "agents" / "otlp_conversation.py")
FR = str(Path(sys.executable).parent / "fr")
NEEDS = {
    "otel": "opentelemetry.instrumentation.openai_v2",
    "openinference": "openinference.instrumentation.openai",
    "openllmetry": "opentelemetry.instrumentation.openai",
}
SHAPES = {"100 messages in a call": (100, 1, 400), "520 calls of 150 KB": (2, 520, 150_000)}
COLUMNS = ("system_prompt_blob", "model_requested", "model_resolved", "temperature", "seed", "tokens_in", "output_blob", "finish_reason")
MARK = re.compile(r"message-(\d+)-of-(\w+)")
LIMIT_S = 900


def has(module: str) -> bool:
    """Whether a module can be imported here."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def collected(name: str, server: str, shape: tuple[int, int, int], folder: Path, env: dict[str, str]) -> None:
    """Run the agent under an instrumentation that sends to a collector, until that has written all it took."""
    collector = subprocess.Popen([FR, "collect", "--port", "0", "--wait", "1"], env=env, cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        assert collector.stderr is not None
        url = next(found[1] for line in collector.stderr if (found := re.search(r"collecting at (http://\S+)", line)))
        command = [sys.executable, AGENT, name, server, url, *map(str, shape)]
        done = subprocess.run(command, env=env, cwd=folder, timeout=LIMIT_S, capture_output=True, text=True, check=False)
        for line in {
            re.sub(r"\d+", "N", line) for line in done.stderr.splitlines() if "ERROR" in line or "drop" in line.lower() or "Fail" in line
        }:
            print(f"  {name} says: {line[:160]}")
    finally:
        collector.send_signal(signal.SIGTERM)
        collector.communicate(timeout=LIMIT_S)


def recorded(server: str, shape: tuple[int, int, int], folder: Path, env: dict[str, str]) -> None:
    """Run the agent under `fr record`."""
    command = [FR, "record", "--", sys.executable, AGENT, "none", server, "-", *map(str, shape)]
    subprocess.run(command, env=env, cwd=folder, timeout=LIMIT_S, capture_output=True, check=True)


def kept(store: str, shape: tuple[int, int, int]) -> dict[str, Any]:
    """What the store has: calls, messages that are there with their text, and calls with each column filled."""
    opened = open_store(store)
    try:
        rows = opened.rows(f"SELECT {', '.join(f'count({name})' for name in COLUMNS)}, count(*) FROM calls")[1][0]
        found = set()
        for (body,) in opened.rows("SELECT DISTINCT body FROM messages WHERE direction = 'input'")[1]:
            mark = MARK.search(body or "")
            if mark and (mark[1] == "0" or len(body) >= shape[2] - 10):
                found.add(mark.groups())
    finally:
        opened.close()
    return {"calls": rows[-1], "messages": len(found), **dict(zip(COLUMNS, rows[:-1], strict=True))}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    large = parser.parse_args().large
    for title, shape in SHAPES.items():
        if shape[1] > 1 and not large:
            continue
        messages = 1 + (shape[0] - 1) * shape[1]
        print(f"\n{title}: {shape[1]} calls, {messages} different messages\n")
        print("| through | calls | messages | " + " | ".join(COLUMNS) + " |")
        print("|---|---|---|" + "---|" * len(COLUMNS))
        for name in ("fr record", *NEEDS):
            if name in NEEDS and not has(NEEDS[name]):
                print(f"| {name}: {NEEDS[name]} is not installed |")
                continue
            with tempfile.TemporaryDirectory() as made, ScriptedUpstream() as upstream:
                folder = Path(made)
                env = {**os.environ, "FR_STORE": str(folder / "store"), "FR_KEYS": str(folder / "keys")}
                os.environ["FR_KEYS"] = env["FR_KEYS"]
                started = time.monotonic()
                if name == "fr record":
                    recorded(upstream.url, shape, folder, env)
                else:
                    collected(name, upstream.url, shape, folder, env)
                found = kept(env["FR_STORE"], shape)
                said = f"{name} + fr collect" if name in NEEDS else name
                print(
                    f"| {said} ({time.monotonic() - started:.0f} s) | " + " | ".join(str(value) for value in found.values()) + " |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
