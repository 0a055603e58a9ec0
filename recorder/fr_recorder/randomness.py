"""Randomness from recorded seeds: the same run with the same seed draws the same numbers, lane by lane.

Seeds are recorded, not draws. ``os.urandom`` and ``secrets`` stay real, so that no key can be derived from a record.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .import_hooks import after_import
from .lanes import current_lane

__all__ = ["Seeds", "install"]


class Seeds:
    """Bytes that follow from the run's seed, the purpose, the lane, and how often the lane asked.

    Lanes differ between processes of a run, so their streams do too.
    """

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._counts: dict[tuple[str, str], itertools.count[int]] = {}
        self._restores: list[Callable[[], None]] = []
        self.active = True

    def restore_with(self, restore: Callable[[], None]) -> None:
        """Have this done when the seeds are taken back."""
        self._restores.append(restore)

    def take_back(self) -> None:
        """Let the generators draw as they did before."""
        self.active = False
        while self._restores:
            self._restores.pop()()

    def draw(self, count: int, purpose: str) -> bytes:
        """The next ``count`` bytes for this purpose in the calling lane."""
        path = current_lane().path
        number = next(self._counts.setdefault((purpose, path), itertools.count()))
        return hashlib.shake_128(self._seed + f"{purpose}|{path}|{number}".encode()).digest(count)

    def draw_int(self, count: int, purpose: str) -> int:
        """:meth:`draw` as an unsigned integer."""
        return int.from_bytes(self.draw(count, purpose), "big")


def install(seed: bytes) -> Seeds:
    """Seed what is imported, and what will be, unless the program gives a seed of its own. ``take_back`` of the seeds ends it."""
    seeds = Seeds(seed)
    for name, seed_module in (("random", _seed_random), ("uuid", _seed_uuid), ("numpy.random", _seed_numpy)):
        after_import(name, _while_active(seed_module, seeds))
    return seeds


def _while_active(seed_module: Callable[[ModuleType, Seeds], None], seeds: Seeds) -> Callable[[ModuleType], None]:
    def apply(module: ModuleType) -> None:
        if seeds.active:
            seed_module(module, seeds)

    return apply


def _replace(seeds: Seeds, owner: Any, name: str, value: Any) -> None:
    """Set an attribute until the seeds are taken back."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    seeds.restore_with(lambda: setattr(owner, name, before))


def _seed_random(module: ModuleType, seeds: Seeds) -> None:
    cls: Any = module.Random
    seed_for_real = cls.seed

    def seed(self: Any, a: Any = None, version: int = 2) -> None:
        seed_for_real(self, seeds.draw_int(32, "random") if a is None else a, version)

    shared: Any = module._inst
    state = shared.getstate()
    seeds.restore_with(lambda: shared.setstate(state))
    _replace(seeds, cls, "seed", seed)
    _replace(seeds, module, "seed", shared.seed)
    shared.seed()
    # The module reseeds itself from the system in a forked child; this hook is registered later and so runs after it.
    os.register_at_fork(after_in_child=lambda: shared.seed() if seeds.active else None)


def _seed_uuid(module: ModuleType, seeds: Seeds) -> None:
    cls: Any = module.UUID

    def uuid4() -> Any:
        """Generate a random UUID (from the run's recorded seed)."""
        return cls(bytes=seeds.draw(16, "uuid4"), version=4)

    _replace(seeds, module, "uuid4", uuid4)
    if hasattr(module, "uuid7"):
        import time

        def uuid7() -> Any:
            """Generate a time-ordered UUID (from the recorded clock and the run's recorded seed)."""
            value = (time.time_ns() // 1_000_000).to_bytes(6, "big") + seeds.draw(10, "uuid7")
            number = int.from_bytes(value, "big") & ~(0xF000 << 64) & ~(0xC000 << 48) | (7 << 76) | (0x8000 << 48)
            return cls(int=number)

        _replace(seeds, module, "uuid7", uuid7)
    # uuid1 asks a system library for time and sequence unless it is not there; then it uses the clock and random.
    for name in ("_generate_time_safe", "_UuidCreate"):
        if hasattr(module, name):
            _replace(seeds, module, name, None)


def _seed_numpy(module: ModuleType, seeds: Seeds) -> None:
    numpy_random: Any = module
    state = numpy_random.get_state()
    seeds.restore_with(lambda: numpy_random.set_state(state))
    numpy_random.seed([seeds.draw_int(4, "numpy") for _ in range(4)])
    make = numpy_random.default_rng

    def default_rng(seed: Any = None) -> Any:
        """Construct a new Generator (unseeded ones from the run's recorded seed)."""
        return make(seeds.draw_int(16, "numpy.default_rng") if seed is None else seed)

    _replace(seeds, numpy_random, "default_rng", default_rng)
