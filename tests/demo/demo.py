"""``make demo``: record a real agent, ask what happened, replay it, and see an edited prompt stopped.

Types the commands that a person would type. The model is a scripted server on loopback, which is stopped before
anything is replayed.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = Path.cwd() / ".demo"
BIN = Path(sys.executable).parent

QUESTION = (
    "SELECT step, model_requested AS asked_for, model_resolved AS ran, attempts, retry_cause AS retried_for, temperature AS temp,"
    " tokens_in, cost_usd FROM calls"
)


class Failed(Exception):
    """A command of the demo did not do what the demo says of it."""


def say(text: str) -> None:
    """Explain the next step."""
    print(f"\n\033[1m# {text}\033[0m" if sys.stdout.isatty() else f"\n# {text}", flush=True)


def type_command(env: dict[str, str], shown: str, *argv: str, expect: int = 0) -> None:
    """Show a command as typed, run it, and check its exit code."""
    print(f"$ {shown}", flush=True)
    code = subprocess.run(argv, env=env, cwd=FOLDER, check=False).returncode
    if code != 0:
        print(f"(exit {code})", flush=True)
    if code != expect:
        raise Failed(f"{shown}: exit code {code}, not {expect}")


def main() -> None:
    """The whole story, in under a minute."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    agent = FOLDER / "agent.py"
    agent.write_text((HERE / "agent.py").read_text())
    server = subprocess.Popen([sys.executable, str(HERE / "model_server.py")], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    env = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "FR_KEYS": str(FOLDER / "keys"),
        "OPENAI_API_KEY": "sk-demo-not-a-real-key",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{server.stdout.readline().strip()}/v1",
    }
    env.pop("FR_STORE", None)
    fr = str(BIN / "fr")
    try:
        say("An agent on the openai SDK runs against a local, scripted model server. It is recorded; it was not changed for that.")
        type_command(
            env, "fr record --name refund-desk -- python agent.py", fr, "record", "--name", "refund-desk", "--", "python", "agent.py"
        )
    finally:
        server.terminate()
        server.wait()
    say("The model server is stopped now. All that follows comes from the record, which is Parquet files:")
    type_command(env, "find .flightrecorder -name '*.parquet'", "find", ".flightrecorder", "-name", "*.parquet")
    type_command(env, "fr ls", fr, "ls")
    say("It is 3 a.m. What was asked of which model, and what did the SDK retry behind our back?")
    type_command(env, f'fr query "{QUESTION}"', fr, "query", QUESTION)
    say("Which tools changed the world?")
    type_command(env, "fr query side-effects", fr, "query", "side-effects")
    say("What exactly did the model see before it decided to pay?")
    type_command(env, "fr show last 2", fr, "show", "last", "2")
    say("Run it again, offline: same requests, same output, and no second refund.")
    type_command(env, "fr replay last", fr, "replay", "last")
    payments = (FOLDER / "payments.log").read_text()
    if payments.count("\n") != 1:
        raise Failed("the replay paid again")
    print("$ cat payments.log")
    print(payments, end="")
    say("Now somebody edits one word of the system prompt.")
    agent.write_text(agent.read_text().replace("Be generous:", "Be careful:"))
    print("$ sed -i 's/Be generous:/Be careful:/' agent.py")
    type_command(env, "fr replay last", fr, "replay", "last", expect=86)
    say(f"That was all. The store is in {FOLDER.name}/.flightrecorder; look around with: fr --store {FOLDER.name}/.flightrecorder ls")


if __name__ == "__main__":
    started = time.monotonic()
    try:
        main()
    except Failed as failed:
        print(f"demo: {failed}", file=sys.stderr)
        sys.exit(1)
    print(f"({time.monotonic() - started:.0f} s)")
