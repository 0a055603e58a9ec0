"""What a command line starts: which program, in which lane, and whether it is a Python that reports in by itself."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any

from .boundary import ToolCall
from .lanes import current_lane
from .location import calling_location

__all__ = [
    "LANE_VARIABLE",
    "PROBES",
    "asked_by_probe",
    "command_of",
    "is_python",
    "name_child_lane",
    "program_of",
    "redacted_command",
    "runs_python",
]

LANE_VARIABLE = "FR_LANE"

_PIPE, _STDOUT, _DEVNULL = -1, -2, -3
_KINDS = {None: "inherited", _PIPE: "pipe", _STDOUT: "stdout", _DEVNULL: "null"}

_SHELL_SYNTAX = frozenset("|&;<>()$`\\*?[]#~=%!{}\n\"'")
_SCRIPT_HEAD_BYTES = 200


def program_of(args: Any) -> str:
    """The program that a command line for ``Popen`` names."""
    first = args if isinstance(args, str | bytes | os.PathLike) else next(iter(args), "")
    try:
        return (os.fsdecode(first).split() or ["?"])[0]
    except TypeError:
        # Popen itself will refuse it.
        return "?"


def is_python(program: str) -> bool:
    """True for a Python interpreter, and for a script whose first line names one."""
    name = os.path.basename(program)
    if name.startswith("python") and not name.removeprefix("python").removesuffix("t").strip("0123456789."):
        return True
    path = program if os.sep in program else _on_path(program)
    if path is None:
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(_SCRIPT_HEAD_BYTES)
    except (OSError, ValueError):
        # Not to be read, or no path at all.
        return False
    return head.startswith(b"#!") and b"python" in head.partition(b"\n")[0]


def _on_path(program: str) -> str | None:
    for folder in os.get_exec_path():
        path = os.path.join(folder, program)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return None


PROBES = frozenset(("ctypes", "distro", "platform", "uuid"))
"""Top-level modules whose child processes ask the machine what it is (``uname -p``), once per process and for whoever asks first."""

_IN_BETWEEN = frozenset(("subprocess", "os", "fr_recorder", "fr_replay", "functools"))


def asked_by_probe() -> bool:
    """True when a child is started by one of :data:`PROBES`: it belongs to the machine, and is neither recorded nor held back."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__")).partition(".")[0]
        if module not in _IN_BETWEEN:
            return module in PROBES
        frame = frame.f_back
    return False


def runs_python(args: Any, *, shell: bool) -> bool:
    """True when the command is a Python and nothing else: by a shell too, where the line is without any syntax of its own."""
    if isinstance(args, str | bytes) and shell and _SHELL_SYNTAX.intersection(os.fsdecode(args)):
        return False
    return is_python(program_of(args))


def name_child_lane(args: Any, env: Any) -> tuple[str | None, Any]:
    """The lane of a child that is about to start, and its environment with that lane in it.

    An environment without ours is left alone, and the child then has no lane. The number of the child among its equals is taken.
    """
    if LANE_VARIABLE not in os.environ or not (env is None or LANE_VARIABLE in env):
        return None, env
    lane = current_lane().child(f"process:{os.path.basename(program_of(args))}").path
    return lane, {**(os.environ if env is None else env), LANE_VARIABLE: lane}


def redacted_command(redactor: Any, command: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The arguments of a child's crossing, redacted: as any tool's, and the command line also as a command line (``--token VALUE``)."""
    clean, hits = redactor.value(command, "arguments")
    words = clean.get("args")
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        again, more = redactor.argv(words)
        if more:
            clean, hits = {**clean, "args": again}, [*hits, *more]
    return clean, hits


def command_of(args: Any, given: dict[str, Any], lane: str | None, depth: int) -> ToolCall:
    """What the record says of a child that is about to start.

    Args:
        given: the arguments of ``Popen`` by name. Of a changed environment only the names are kept.
        depth: how many frames above is the library's function that the program called.
    """
    env, shell = given.get("env"), bool(given.get("shell"))
    command: dict[str, Any] = {"args": list(args) if isinstance(args, list | tuple) else args}
    if shell:
        command["shell"] = True
    if given.get("cwd") is not None:
        command["cwd"] = os.fsdecode(given["cwd"])
    if env is not None:
        command["env_names"] = sorted(os.fsdecode(name) for name in env if os.environ.get(os.fsdecode(name)) != os.fsdecode(env[name]))
        command["env_names"] = [name for name in command["env_names"] if not name.startswith("FR_")]
    for name in ("stdin", "stdout", "stderr"):
        kind = _kind(given.get(name))
        if kind != "inherited":
            command[name] = kind
    facts = {"lane": lane, "python": runs_python(args, shell=shell)}
    return ToolCall("tool_call", "subprocess", command, "unknown", "subprocess", calling_location(depth), facts)


def _kind(target: Any) -> str:
    if target is None or isinstance(target, int):
        return _KINDS.get(target, "file" if target not in (0, 1, 2) else "inherited")
    try:
        return "inherited" if target.fileno() in (0, 1, 2) else "file"
    except (AttributeError, OSError, ValueError):
        return "file"
