"""Child processes by ``os.system``: recorded and served like those of ``subprocess``. What they write goes past us to the terminal."""

from __future__ import annotations

import os
from typing import Any

from . import boundary
from .lanes import inside_crossing

__all__ = ["install"]

_LANE = "FR_LANE"


def install() -> None:
    """Patch ``os.system``."""
    system = os.system

    def _system(command: Any) -> Any:
        if inside_crossing() or boundary.backend() is None or not isinstance(command, str | bytes | os.PathLike):
            return system(command)
        from .child_log import ChildLog
        from .child_programs import command_of, name_child_lane

        lane, _ = name_child_lane(command, None)
        crossing = boundary.tool(command_of(command, {"shell": True}, lane, 2))
        if crossing is None:
            return _below(system, command, lane)
        answer = crossing.serve()
        if answer is not None:
            if answer.error is not None:
                raise answer.error
            return answer.value.wait()
        log = ChildLog(crossing, set(), lost=None, shared=True)
        try:
            code = _below(system, command, lane)
        except BaseException as error:
            crossing.raised(error)
            raise
        log.exited(code)
        return code

    def _below(run: Any, command: Any, lane: str | None) -> Any:
        if lane is None:
            return run(command)
        before = os.environ[_LANE]
        os.environ[_LANE] = lane
        try:
            return run(command)
        finally:
            os.environ[_LANE] = before

    os.system = _system
