"""What a recorded program finds in its process: nothing changed but what replay needs, and every sitecustomize still run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plain_parquet import PlainStore
from recording import PROGRAMS, Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.e2e

SURROUNDINGS = str(PROGRAMS / "surroundings.py")
OURS = ("FR_", "PYTHONPATH", "PYTHONHASHSEED")

ASK = """
import os, sys, urllib.request
with urllib.request.urlopen(os.environ["FR_TEST_UPSTREAM"] + "/tool/weather?city=" + sys.argv[1]) as answer:
    print(sys.argv[1], answer.status, len(answer.read()) > 10)
"""
"""A program that makes one HTTP call with the standard library alone."""


def seen_by(finished: Any) -> dict[str, Any]:
    """What ``programs/surroundings.py`` printed."""
    assert finished.code == 0, finished.stderr
    seen: dict[str, Any] = json.loads(finished.stdout)
    seen["env"] = {bytes.fromhex(k).decode(): bytes.fromhex(v).decode(errors="surrogateescape") for k, v in seen["env"].items()}
    return seen


@pytest.mark.parametrize("flags", [(), ("-u", "-B", "-W", "error"), ("-O", "-X", "dev", "-X", "utf8")], ids=" ".join)
def test_the_program_s_surroundings_are_those_of_the_bare_program(flags: tuple[str, ...], workspace: Workspace) -> None:
    """Environment, paths, flags, signals, descriptors, threads, limits and hooks, but for the variables that are ours."""
    command = (sys.executable, *flags, SURROUNDINGS, "an argument")
    users = {
        "PYTHONPATH": str(workspace.folder / "users"),
        "OPENAI_API_KEY": "k-1",
        "ODD": "é☂ \ufffd",
        "PYTHONWARNINGS": "ignore::ResourceWarning",
    }
    bare = seen_by(workspace.bare(*command, env=users))
    recorded = seen_by(workspace.record(*command, env=users))
    assert bare["path"][1] == users["PYTHONPATH"]
    changed = {k: (bare["env"].get(k), recorded["env"].get(k)) for k in bare["env"].keys() | recorded["env"].keys()}
    assert [name for name, (before, now) in changed.items() if before != now and not name.startswith(OURS)] == []
    assert recorded["env"]["PYTHONPATH"].endswith(":" + users["PYTHONPATH"])
    flags_seen = {
        key: seen["flags"].replace("hash_randomization=0", "hash_randomization=1") for key, seen in (("bare", bare), ("recorded", recorded))
    }
    assert flags_seen["recorded"] == flags_seen["bare"]
    for name in bare.keys() - {"env", "flags", "site"}:
        assert recorded[name] == bare[name], name


def test_a_hash_seed_is_chosen_for_the_program_and_noted(workspace: Workspace) -> None:
    """Set order repeats in replay only if the seed is set before the start, which only the launcher can do."""
    seen = seen_by(workspace.record(sys.executable, SURROUNDINGS, "--hash"))
    seed = seen["env"]["PYTHONHASHSEED"]
    assert 0 <= int(seed) < 1 << 32
    (run,) = PlainStore(workspace.store).of_kind("run")
    assert json.loads(run["seeds"])["hash"] == seed
    again = seen_by(workspace.bare(sys.executable, SURROUNDINGS, "--hash", env={"PYTHONHASHSEED": seed}))
    assert again["hash"] == seen["hash"]


@pytest.mark.parametrize("seed", ["123", "0"])
def test_a_hash_seed_of_the_user_is_kept(seed: str, workspace: Workspace) -> None:
    """It is theirs to choose, 0 included."""
    env = {"PYTHONHASHSEED": seed}
    bare = seen_by(workspace.bare(sys.executable, SURROUNDINGS, "--hash", env=env))
    recorded = seen_by(workspace.record(sys.executable, SURROUNDINGS, "--hash", env=env))
    assert (recorded["env"]["PYTHONHASHSEED"], recorded["hash"]) == (seed, bare["hash"])


def test_a_sitecustomize_that_ours_hides_runs_first(workspace: Workspace) -> None:
    """The user's own, found on PYTHONPATH, is the module of that name, and can change the environment of the program."""
    workspace.write("users/sitecustomize.py", "import os, sys\nos.environ['CUSTOMIZED'] = 'by ' + __name__\nsys.path.append('/added')\n")
    env = {"PYTHONPATH": str(workspace.folder / "users")}
    bare = seen_by(workspace.bare(sys.executable, SURROUNDINGS, env=env))
    recorded = workspace.record(sys.executable, SURROUNDINGS, env=env)
    seen = seen_by(recorded)
    assert bare["env"]["CUSTOMIZED"] == seen["env"]["CUSTOMIZED"] == "by sitecustomize"
    assert (seen["site"], seen["path"]) == (bare["site"], bare["path"])
    assert len(PlainStore(workspace.store).of_kind("run")) == 1
    assert "no Python reported in" not in recorded.said[-1]


def test_a_sitecustomize_that_raises_harms_neither_program_nor_record(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """Without us Python prints the error and goes on; so it does with us."""
    workspace.write("users/sitecustomize.py", "raise RuntimeError('broken sitecustomize')\n")
    workspace.write("ask.py", ASK)
    env = {"PYTHONPATH": str(workspace.folder / "users"), "FR_TEST_UPSTREAM": upstream.url}
    bare = workspace.bare(sys.executable, "ask.py", "Oslo", env=env)
    recorded = workspace.record(sys.executable, "ask.py", "Oslo", env=env)
    assert (recorded.code, recorded.stdout) == (bare.code, bare.stdout) == (0, b"Oslo 200 True\n")
    assert b"broken sitecustomize" in bare.stderr
    assert b"broken sitecustomize" in recorded.program_stderr
    assert len(PlainStore(workspace.store).of_kind("http_call")) == 1


def test_a_usercustomize_still_runs(workspace: Workspace) -> None:
    """Python looks for it after sitecustomize; the base interpreter does, where virtual environments do not."""
    base = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}")
    workspace.write("users/usercustomize.py", "import os\nos.environ['USER_CUSTOMIZED'] = 'yes'\n")
    env = {"PYTHONPATH": str(workspace.folder / "users")}
    bare = seen_by(workspace.bare(base, SURROUNDINGS, env=env))
    recorded = seen_by(workspace.record(base, SURROUNDINGS, env=env))
    assert bare["env"].get("USER_CUSTOMIZED") == recorded["env"].get("USER_CUSTOMIZED") == "yes"
    assert recorded["path"] == bare["path"]


@pytest.mark.parametrize("flag", ["-S", "-I", "-E", "-sEB"])
def test_an_interpreter_that_keeps_sitecustomize_out_runs_unrecorded_and_is_named(flag: str, workspace: Workspace) -> None:
    """The program runs; the last line says plainly that it was not recorded, and why."""
    recorded = workspace.record(sys.executable, flag, "-c", "print('ran')")
    assert (recorded.code, recorded.stdout) == (0, b"ran\n")
    assert "no model call was seen" in recorded.said[-1]
    assert "-S" in recorded.said[-1] or "-I" in recorded.said[-1] or "-E" in recorded.said[-1]
    assert PlainStore(workspace.store).of_kind("process") == []


FOREIGN = """
import json, os, sys, urllib.request
absent = []
for name in ("fr_recorder", "fr_schema", "fr_replay", "pyarrow", "duckdb", "typer", "zstandard", "xxhash", "re2", "openai", "httpx2"):
    try:
        __import__(name)
    except ImportError:
        absent.append(name)
with urllib.request.urlopen(os.environ["FR_TEST_UPSTREAM"] + "/tool/weather") as answer:
    body = answer.read()
print(json.dumps([sorted(absent), sys.path, sys.prefix, answer.status]))
"""


def test_a_virtual_environment_without_us_is_recorded_and_otherwise_left_alone(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """Our packages are lent to it; libraries of our environment do not become importable for the program."""
    venv = workspace.folder / "foreign"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=120)
    program = workspace.write("foreign.py", FOREIGN)
    env = {"FR_TEST_UPSTREAM": upstream.url}
    bare = json.loads(workspace.bare(str(venv / "bin" / "python"), program, env=env).stdout)
    finished = workspace.record(str(venv / "bin" / "python"), program, env=env)
    assert finished.code == 0, finished.stderr
    recorded = json.loads(finished.stdout)
    ours = {"fr_recorder", "fr_schema", "fr_replay"}
    assert ours <= set(bare[0])
    assert set(bare[0]) - set(recorded[0]) <= ours
    assert recorded[1:] == bare[1:]
    (call,) = PlainStore(workspace.store).of_kind("http_call")
    assert call["http_status"] == 200


def test_programs_are_recorded_however_they_are_started(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """``python -m``, a console script, ``env``, a shell script with several Pythons one after the other and side by side."""
    workspace.write("asks/__init__.py", "")
    workspace.write("asks/__main__.py", ASK)
    workspace.write("ask.py", ASK)
    console = workspace.write("ask-console", f"#!{sys.executable}\n{ASK}", executable=True)
    script = workspace.write(
        "all.sh",
        f'#!/bin/sh\nset -e\n"{sys.executable}" -m asks module\n"{console}" console\nenv -u HOME "{sys.executable}" ask.py env\n'
        f"echo \"import sys; sys.argv[1:] = ['stdin']; exec(open('ask.py').read())\" | \"{sys.executable}\"\n"
        f'"{sys.executable}" ask.py one & "{sys.executable}" ask.py two & wait\nexit 6\n',
        executable=True,
    )
    recorded = workspace.record(script, env={"FR_TEST_UPSTREAM": upstream.url})
    names = ["module", "console", "env", "stdin", "one", "two"]
    assert sorted(recorded.stdout.decode().splitlines()) == sorted(f"{name} 200 True" for name in names)
    assert recorded.code == 6
    store = PlainStore(workspace.store)
    assert {row["trace_id"].hex() for row in store.events} == {recorded.trace}
    assert sorted(row["request_url"].rpartition("=")[2] for row in store.of_kind("http_call")) == sorted(names)
    lanes = [row["lane"] for row in store.of_kind("process")]
    assert len(lanes) == len(set(lanes)) == len(names), lanes
