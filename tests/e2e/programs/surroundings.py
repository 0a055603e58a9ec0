"""Prints as JSON what a program can see of the process that it runs in."""

import gc
import json
import locale
import os
import resource
import signal
import sys
import threading
import warnings


def surroundings() -> dict[str, object]:
    """Everything that a recorder might change by being there."""
    limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")}
    return {
        "env": {os.fsencode(k).hex(): os.fsencode(v).hex() for k, v in os.environ.items()},
        "path": sys.path,
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "flags": str(sys.flags),
        "warnings": [str(row) for row in warnings.filters],
        "prefixes": [sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix],
        "hooks": [
            repr(hook)[:40]
            for hook in (sys.excepthook, sys.displayhook, sys.breakpointhook, sys.unraisablehook, sys.gettrace(), sys.getprofile())
        ],
        "switches": [sys.getrecursionlimit(), sys.getswitchinterval(), gc.get_threshold(), gc.isenabled(), sys.dont_write_bytecode],
        "signals": {s.name: str(signal.getsignal(s)).split(" at ")[0] for s in signal.Signals},
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "threads": [threading.active_count(), len(os.listdir("/proc/self/task"))],
        "descriptors": sorted(os.listdir("/proc/self/fd"), key=int),
        "limits": limits,
        "place": [
            os.getcwd(),
            os.umask(0o22),
            os.getpgrp() == os.getpgid(os.getppid()),
            os.getsid(0) == os.getsid(os.getppid()),
            os.nice(0),
        ],
        "locale": [locale.setlocale(locale.LC_ALL), sys.getfilesystemencoding(), locale.getencoding()],
        "main": sorted(vars(sys.modules["__main__"])),
        "site": "sitecustomize" in sys.modules and getattr(sys.modules["sitecustomize"], "__file__", None),
        "hash": hash("the same in every run with one seed") if "--hash" in sys.argv else None,
    }


if __name__ == "__main__":
    print(json.dumps(surroundings(), indent=1))
