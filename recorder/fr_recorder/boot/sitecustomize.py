"""Found by every Python that ``fr record`` or ``fr replay`` starts, through PYTHONPATH. Starts the flight recorder.

The folder holds nothing else, and leaves ``sys.path`` again once it has done its work. A sitecustomize that this one
hides (Debian ships one, so do debuggers and tracers) is run first.
"""

import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))


def _run_hidden() -> None:
    import importlib.machinery
    import importlib.util

    elsewhere = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    ours = sys.modules.get("sitecustomize")
    sys.modules["sitecustomize"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if ours is not None:
            sys.modules["sitecustomize"] = ours
        raise


def _start() -> None:
    for entry in os.environ.get("FR_PATH", "").split(os.pathsep):
        finder = entry and os.path.join(entry, "fr_recorder", "boot", "start.py")
        if finder and os.path.exists(finder):
            import importlib.util

            try:
                import fr_recorder.boot.start as start
            except ImportError:
                spec = importlib.util.spec_from_file_location("_fr_lend", os.path.join(entry, "fr_recorder", "boot", "lend.py"))
                lend = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(lend)
                lend.lend(os.environ["FR_PATH"].split(os.pathsep))
                import fr_recorder.boot.start as start
            start.start()
            return


try:
    _run_hidden()
except Exception as error:
    sys.stderr.write(f"Error in the sitecustomize that fr record found in its way; continuing: {error!r}\n")
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _here]
if os.environ.get("FR_MODE"):
    try:
        _start()
    except Exception as error:
        sys.stderr.write(f"fr: this Python is not recorded: {type(error).__name__}: {error}\n")
