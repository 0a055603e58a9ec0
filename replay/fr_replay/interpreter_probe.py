"""What ``fr record`` would meet in one interpreter. Run as a script by it, in the environment of ``fr record``, but not recording.

Prints one JSON object. Nothing is imported above that the interpreter may not have; client libraries are imported here, and only here.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from types import ModuleType
from typing import Any

__all__ = ["probe"]

_NEEDED = ("fr_schema", "fr_recorder", "fr_replay", "zstandard", "xxhash")
_BOOT_MODULE = "fr_recorder.boot.start"


def probe() -> dict[str, Any]:
    """All findings about this interpreter; see :mod:`fr_replay.interpreters` for what they mean."""
    facts: dict[str, Any] = {
        "executable": sys.executable,
        "version": sys.version.split()[0],
        "implementation": sys.implementation.name,
        "prefix": sys.prefix,
        "flags": [name for name in ("isolated", "ignore_environment", "no_site") if getattr(sys.flags, name)],
        "sitecustomize": _sitecustomize(),
        "lent": _lend_if_needed(),
        "imports": {name: _import_fault(name) for name in _NEEDED},
    }
    if facts["imports"]["fr_recorder"] is None:
        facts["seams"] = _seams()
        facts["clock"] = _clock()
        facts["redaction"] = _redaction()
    return facts


def _sitecustomize() -> dict[str, Any]:
    """Whether ours was run, and which other one it ran. Ours leaves ``sys.path`` once it has been run."""
    boot = os.environ.get("FR_PROBE_BOOT", "")
    told = boot in os.environ.get("PYTHONPATH", "").split(os.pathsep)
    ignored = sys.flags.ignore_environment or sys.flags.no_site
    left = boot not in [os.path.abspath(entry or os.curdir) for entry in sys.path]
    file: str | None = getattr(sys.modules.get("sitecustomize"), "__file__", None)
    booted = told and left and not ignored and file is not None
    chained = file if booted and file is not None and os.path.dirname(os.path.abspath(file)) != boot else None
    return {"booted": booted, "chained": chained}


def _lend_if_needed() -> bool:
    """Do as the boot does: where our packages are not installed, lend them."""
    if importlib.util.find_spec("fr_recorder") is not None:
        return False
    for entry in os.environ.get("FR_PATH", "").split(os.pathsep):
        file = os.path.join(entry, "fr_recorder", "boot", "lend.py")
        if entry and os.path.exists(file):
            spec = importlib.util.spec_from_file_location("_fr_lend", file)
            if spec is None or spec.loader is None:
                continue
            lend = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(lend)
            lend.lend(os.environ["FR_PATH"].split(os.pathsep))
            return True
    return False


def _import_fault(name: str) -> str | None:
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - the report is of whatever goes wrong
        return f"{type(error).__name__}: {error}"
    return None


def _seams() -> list[dict[str, Any]]:
    """Every seam: is its library here, and does the hook find its place in it? The hook is set in this process only."""
    from fr_replay.capture import seams

    return [{"module": seam.module, "hook": seam.hook, "carries": seam.carries, **_try_seam(seams, seam)} for seam in seams.SEAMS]


def _try_seam(seams: ModuleType, seam: Any) -> dict[str, Any]:
    top = seam.module.partition(".")[0]
    if importlib.util.find_spec(top) is None:
        return {"state": "not installed", "version": None, "why": None}
    version = None
    try:
        module = importlib.import_module(seam.module)
        version = getattr(sys.modules[top], "__version__", None)
        where, _, function = seam.installer.partition(":")
        getattr(importlib.import_module(f"{seams.__name__}.{where}"), function)(module)
    except Exception as error:  # noqa: BLE001 - a library of another shape is a finding
        return {"state": "missing", "version": version, "why": f"{type(error).__name__}: {error}"}
    return {"state": "hooked", "version": version, "why": None}


def _clock() -> dict[str, Any]:
    fault = _import_fault("_time_machine")
    return {"hooked": fault is None, "why": fault}


def _redaction() -> dict[str, Any]:
    from fr_replay.capture import Redactor

    try:
        return {"policy": Redactor(bytes(32), "probe").policy_id, "engine": "re2" if _import_fault("re2") is None else "re"}
    except Exception as error:  # noqa: BLE001 - as above
        return {"policy": None, "engine": None, "why": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    # The folder of this script would hide modules of the same names.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != os.path.dirname(os.path.abspath(__file__))]
    sys.stdout.write(json.dumps(probe()) + "\n")
