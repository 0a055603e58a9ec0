"""Everything that reads a store: the command line, SQL over it, and replay.

``fr_replay.replay(trace)`` replays a recorded trace around code that this process calls; see :mod:`fr_replay.library`.
``fr_replay.open(store)`` asks a store from a program or a notebook; see :mod:`fr_replay.reader`.
``import_file`` and ``export`` bring traces in from other tools' files, and out for them; see :mod:`fr_replay.interchange`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .interchange import export, import_file
    from .library import Divergence, Replay, Step, replay
    from .reader import open_reader as open  # noqa: F401 - handed out below, and not by a star import

__all__ = ["Divergence", "Replay", "Step", "export", "import_file", "replay"]

_HOMES = {"export": ("interchange", "export"), "import_file": ("interchange", "import_file"), "open": ("reader", "open_reader")}
"""Module and name there of what is not in ``library``. ``open`` is not in ``__all__``: no star import is to hide Python's own."""


def __getattr__(name: str) -> Any:
    # The replay engine is imported in the recorded program's process, which is to wait for nothing that only readers need.
    if name not in __all__ and name not in _HOMES:
        raise AttributeError(f"module 'fr_replay' has no attribute {name!r}")
    import importlib

    module, attribute = _HOMES.get(name, ("library", name))
    value = getattr(importlib.import_module(f"fr_replay.{module}"), attribute)
    globals()[name] = value
    return value
