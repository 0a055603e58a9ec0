"""The real clock and sleep, kept before anything is patched.

The recorder times itself with these, so that a recorded, frozen or replayed clock never reaches its own
bookkeeping. ``wall_ns`` is replaced by :mod:`fr_recorder.clock` when the C functions themselves are patched,
so call it as ``real.wall_ns()``.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns, sleep, time_ns

__all__ = ["monotonic_ns", "sleep", "wall_ns"]

wall_ns: Callable[[], int] = time_ns
