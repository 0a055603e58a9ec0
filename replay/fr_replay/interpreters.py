"""What ``fr record`` would see in an interpreter: asked of that interpreter, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

from fr_schema.errors import BadInput

from .capture import LAUNCH_VARIABLES, boot_environment, find_command

__all__ = ["ask_interpreter", "caveats_of"]

_PATIENCE_S = 120


def ask_interpreter(python: str) -> dict[str, Any]:
    """The findings of :mod:`fr_replay.interpreter_probe`. Raises BadInput when this is no interpreter, or CommandNotFound."""
    program = find_command([python])
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "interpreter_probe.py")
    inherited = {key: value for key, value in os.environ.items() if key not in LAUNCH_VARIABLES or key == "PYTHONPATH"}
    env = boot_environment(inherited, "", "")
    env["FR_PROBE_BOOT"] = env["PYTHONPATH"].split(os.pathsep)[0]
    try:
        ran = subprocess.run(
            [program, script],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
        )
        found = json.loads(ran.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        raise BadInput(f"{python} gave no answer within {_PATIENCE_S} seconds") from None
    except OSError as error:
        raise BadInput(f"{python} cannot be run: {error.strerror or error}") from None
    except (ValueError, IndexError):
        said = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
        raise BadInput(f"{python} is not a Python that can be asked: {said}", hint="name an interpreter with --python PATH") from None
    if not isinstance(found, dict):
        raise BadInput(f"{python} is not a Python that can be asked", hint="name an interpreter with --python PATH")
    return found


def caveats_of(found: Mapping[str, Any]) -> list[str]:
    """What keeps this interpreter from being recorded whole, each in one sentence; empty when nothing does."""
    caveats = []
    if found["flags"]:
        caveats.append(f"it runs with {', '.join(found['flags'])}: fr record cannot enter it, and must be told fr.init() in the program")
    elif not found["sitecustomize"]["booted"]:
        caveats.append("it does not run the sitecustomize that fr record puts first in PYTHONPATH: a wrapper clears its environment")
    caveats += [f"{name} cannot be imported there: {fault}" for name, fault in found["imports"].items() if fault is not None]
    clock = found.get("clock")
    if clock is not None and not clock["hooked"]:
        caveats.append(f"the wall clock cannot be recorded there, so replay shows other times: {clock['why']}")
    redaction = found.get("redaction")
    if redaction is not None and redaction["policy"] is None:
        caveats.append(f"redaction does not work there, so content would be left out: {redaction['why']}")
    elif redaction is not None and redaction["engine"] != "re2":
        caveats.append("google-re2 cannot be imported there: redaction falls back to a slower engine")
    caveats += [
        f"{seam['module']} {seam['version'] or '?'} cannot be hooked: {seam['why']}"
        for seam in found.get("seams", ())
        if seam["state"] == "missing"
    ]
    caveats.append("a program that starts Python with -S, -E or -I, or with an environment of its own, is not seen")
    return caveats
