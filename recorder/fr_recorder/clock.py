"""The clock as the program sees it: read for real and noted while recording, handed out from the record in replay.

``time.time``, ``time_ns``, ``localtime`` ... and ``datetime.now`` are C functions whose pointers the extension of the
time-machine package swaps, so that ``from time import time``, libraries and type identity all hold. That extension
looks for a module named ``time_machine`` with a ``traveller_stack``; a stand-in takes that place without the
cost of importing the real one, and turns into it when the program imports time-machine itself. The monotonic clocks
are replaced in the ``time`` module. Code below the seams (event loop, sockets, threading) always gets the real clock.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

from . import real
from .import_hooks import after_import
from .lanes import Lane, current_lane, inside_crossing
from .reads import ReadLog

__all__ = ["ClockKeeper", "LiveClock", "RecordingClock", "install", "wall_clock_is_hooked"]

BELOW_THE_SEAMS = frozenset(
    (
        *("aiohappyeyeballs", "aiohttp", "anyio", "asyncio", "concurrent", "fr_recorder", "fr_replay", "fr_schema", "gc"),
        *("h11", "h2", "hpack", "http", "httpcore", "httpcore2", "importlib", "logging", "multiprocessing"),
        *("queue", "selectors", "sniffio", "socket", "ssl", "subprocess", "tempfile", "threading", "trio"),
        *("urllib3", "uvloop"),
    )
)
"""Top-level modules whose clock reads belong to the live world: their number differs from run to run."""


class ClockKeeper(Protocol):
    """Decides what a clock read gives. ``source`` is ``w``, ``m`` or ``p``; values are nanoseconds."""

    def read(self, source: str, lane: Lane, now: int) -> int:
        """The value for the program, given the real one."""
        ...

    def below(self, source: str, now: int) -> int:
        """The value for code below the seams."""
        ...

    def sleep(self, seconds: float, lane: Lane) -> None:
        """The program sleeps."""
        ...


class RecordingClock:
    """The real clock, noted."""

    def __init__(self, log: ReadLog, next_order: Callable[[], int]) -> None:
        self._log = log
        self._next_order = next_order

    def read(self, source: str, lane: Lane, now: int) -> int:
        # As ReadLog.note does: programs read the clock in loops, and a call less is a tenth of what a read costs.
        values = lane.reads.get(source)
        if values:
            values.append(now)
            if len(values) == 1:
                self._log.enter(lane, source, values)
        else:
            self._log.note(lane, source, now)
        return now

    def below(self, source: str, now: int) -> int:  # noqa: ARG002 - the interface has it
        return now

    def sleep(self, seconds: float, lane: Lane) -> None:
        real.sleep(seconds)
        self._log.note(lane, "s", self._next_order())


_keeper: ClockKeeper | None = None
_hooked = False


class LiveClock:
    """The real clock, for a process in which a replay has ended."""

    def read(self, source: str, lane: Lane, now: int) -> int:  # noqa: ARG002 - the interface has it
        return now

    def below(self, source: str, now: int) -> int:  # noqa: ARG002 - the interface has it
        return now

    def sleep(self, seconds: float, lane: Lane) -> None:  # noqa: ARG002 - the interface has it
        real.sleep(seconds)


def install(keeper: ClockKeeper) -> ClockKeeper | None:
    """Let ``keeper`` answer every clock read of the program from here on. Returns the one before."""
    global _keeper
    before, _keeper = _keeper, keeper
    if not _hooked:
        _hook_wall_clock()
    if before is None:
        for name, source, read_ns in (
            ("time", "w", real.wall_ns),
            ("monotonic", "m", time.monotonic_ns),
            ("perf_counter", "p", time.perf_counter_ns),
        ):
            setattr(time, f"{name}_ns", _clock_function(f"{name}_ns", source, read_ns, as_float=False))
            setattr(time, name, _clock_function(name, source, read_ns, as_float=True))
        time.sleep = _sleep_function()
        after_import("asyncio.base_events", _hook_loop_time)
    return before


def _hook_loop_time(module: ModuleType) -> None:
    """``loop.time()`` is the monotonic clock to the program, and the loop's own business to asyncio."""
    loop: Any = module.BaseEventLoop

    def time(self: Any) -> float:  # noqa: ARG001 - a method
        keeper = _keeper
        assert keeper is not None
        now = real.monotonic_ns()
        if inside_crossing() or _is_below[sys._getframe(1).f_globals.get("__name__")]:
            return keeper.below("m", now) / 1_000_000_000
        return keeper.read("m", current_lane(), now) / 1_000_000_000

    loop.time = time


def wall_clock_is_hooked() -> bool:
    """False where the extension is missing or of another shape: then ``datetime.now`` is not replayed."""
    return _hooked


class _IsBelow(dict[Any, bool]):
    """Module name to whether it lies below the seams, worked out once per name."""

    def __missing__(self, name: Any) -> bool:
        below = not isinstance(name, str) or name.partition(".")[0] in BELOW_THE_SEAMS
        self[name] = below
        return below


_is_below = _IsBelow()


def _clock_function(name: str, source: str, read_ns: Callable[[], int], *, as_float: bool) -> Any:
    """A stand-in for a clock function: an object, because a function as a class attribute would become a method."""
    frame_of, below_of = sys._getframe, _is_below

    def __call__(_self: Any) -> float:
        keeper = _keeper
        assert keeper is not None
        now = read_ns()
        if inside_crossing() or below_of[frame_of(1).f_globals.get("__name__")]:
            value = keeper.below(source, now)
        else:
            value = keeper.read(source, current_lane(), now)
        return value / 1_000_000_000 if as_float else value

    return _stand_in_for(name, __call__)


def _sleep_function() -> Any:
    def __call__(_self: Any, seconds: Any, /) -> None:
        keeper = _keeper
        assert keeper is not None
        if inside_crossing() or _is_below[sys._getframe(1).f_globals.get("__name__")]:
            real.sleep(seconds)
        else:
            keeper.sleep(seconds, current_lane())

    return _stand_in_for("sleep", __call__)


def _stand_in_for(name: str, call: Callable[..., Any]) -> Any:
    members = {
        "__slots__": (),
        "__module__": "time",
        "__name__": name,
        "__qualname__": name,
        "__doc__": f"time.{name}(), as recorded or replayed by fr.",
        "__call__": call,
        "__reduce__": lambda _: name,
        "__repr__": lambda _: f"<built-in function {name}>",
    }
    return type(name, (), members)()


class _Traveller:
    """What the C extension asks for the time. One call per read, straight from C."""

    __slots__ = ("_real",)

    def __init__(self, read: Callable[[], int]) -> None:
        self._real = read

    def time_ns(self) -> int:
        keeper = _keeper
        assert keeper is not None
        now = self._real()
        if inside_crossing() or _is_below[sys._getframe(1).f_globals.get("__name__")]:
            return keeper.below("w", now)
        return keeper.read("w", current_lane(), now)


class _StandIn(ModuleType):
    """Takes the name ``time_machine`` until the program asks for more of it than the C extension does."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _become_real(self)
        return getattr(self, name)


def _become_real(stand_in: Any) -> None:
    """Execute the real time-machine in the stand-in's place, with our traveller at the bottom of its stack."""
    import importlib.machinery

    stack = stand_in.__dict__["traveller_stack"]
    spec = importlib.machinery.PathFinder.find_spec("time_machine")
    if spec is None or spec.loader is None:
        raise ImportError("time_machine is not installed", name="time_machine")
    stand_in.__class__ = ModuleType
    stand_in.__spec__ = spec
    stand_in.__file__ = spec.origin
    stand_in.__path__ = list(spec.submodule_search_locations or [])
    spec.loader.exec_module(stand_in)
    stand_in.__dict__["traveller_stack"][:0] = stack


def _hook_wall_clock() -> None:
    global _hooked
    try:
        import _time_machine
    except ImportError:
        return
    there = sys.modules.get("time_machine")
    if there is not None:
        _stand_below(there, _time_machine)
        return
    stand_in: Any = _StandIn("time_machine")
    stand_in._time_machine = _time_machine
    stand_in.traveller_stack = []
    sys.modules["time_machine"] = stand_in
    _time_machine.patch()
    stand_in.traveller_stack.append(_Traveller(_time_machine.original_time_ns))
    real.wall_ns = _time_machine.original_time_ns
    _hooked = True


def _stand_below(time_machine: Any, extension: Any) -> None:
    """Where time-machine itself is loaded already (pytest loads its plug-in): answer whenever nothing travels above us."""
    global _hooked
    stack = getattr(time_machine, "traveller_stack", None)
    if not isinstance(stack, list):
        return
    if not stack:
        extension.patch()
    stack.insert(0, _Traveller(extension.original_time_ns))
    real.wall_ns = extension.original_time_ns
    _hooked = True
