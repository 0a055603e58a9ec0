"""Everything that reads a store: the command line, SQL over it, and replay.

``fr_replay.replay(trace)`` replays a recorded trace around code that this process calls; see :mod:`fr_replay.library`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .library import Divergence, Replay, Step, replay

__all__ = ["Divergence", "Replay", "Step", "replay"]


def __getattr__(name: str) -> Any:
    # The replay engine is imported in the recorded program's process, which is to wait for nothing that only readers need.
    if name not in __all__:
        raise AttributeError(f"module 'fr_replay' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module("fr_replay.library"), name)
    globals()[name] = value
    return value
