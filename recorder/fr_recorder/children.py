"""Child processes, and a process that becomes another program: each gets a lane of its own, and leaves nothing unwritten.

A fork copies the recorder's memory but not its thread; the child starts anew with its own journal. A spawned Python
is told its place in the run through the environment, and so is a program that this one turns into.
"""

from __future__ import annotations

import os
from _thread import _local
from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import os_system
from .child_programs import LANE_VARIABLE
from .import_hooks import after_import
from .lanes import current_lane

__all__ = ["LANE_VARIABLE", "claim_process_number", "install"]

_forking = _local()


def _nothing() -> None:
    """Where nothing is to be done."""


def install(
    start_child: Callable[[str], None],
    leave: Callable[[], None],
    *,
    stay: Callable[[], None] = _nothing,
    pause: Callable[[], None] = _nothing,
    resume: Callable[[], None] = _nothing,
) -> None:
    """Watch for children.

    Args:
        start_child: called in a forked child with the path of its root lane.
        leave: writes everything; called before the process leaves by ``os._exit`` or becomes another program.
        stay: called when it did not become another program after all.
        pause, resume: called around a fork, in the parent: nothing of ours may be half done in the child.
    """

    def before() -> None:
        _forking.lane = current_lane().child("fork").path
        pause()

    def in_child() -> None:
        # Claimed, so that a program which this child turns into gets another lane.
        claim_process_number(os.environ.get("FR_RUN_FOLDER"), _forking.lane)
        start_child(_forking.lane)

    os.register_at_fork(before=before, after_in_parent=resume, after_in_child=in_child)
    _leave_before_hard_exit(leave)
    _leave_before_exec(leave, stay)
    os_system.install()
    after_import("multiprocessing.popen_spawn_posix", _name_lane_of_spawned)


def claim_process_number(run_folder: str | None, lane_path: str) -> int:
    """How many processes of this run began in the same lane before this one.

    Processes append one byte each to a file of the run; where the byte lands is the number. Without a run
    folder, or when it cannot be written, 0.
    """
    if run_folder is None:
        return 0
    name = lane_path.replace("/", "_").replace("\0", "_")[-200:]
    try:
        descriptor = os.open(os.path.join(run_folder, f"lane-{name}"), os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, b".")
            return os.lseek(descriptor, 0, os.SEEK_CUR) - 1
        finally:
            os.close(descriptor)
    except OSError:
        return 0


def _leave_before_hard_exit(leave: Callable[[], None]) -> None:
    exit_for_real = os._exit

    def _exit(status: int) -> Any:
        leave()
        exit_for_real(status)

    os._exit = _exit


def _leave_before_exec(leave: Callable[[], None], stay: Callable[[], None]) -> None:
    """The other ``exec`` functions of ``os`` come down to these two."""

    def wrapped(function: Any) -> Any:
        def execute(path: Any, *args: Any, **kwargs: Any) -> Any:
            if not (os.path.isfile(path) and os.access(path, os.X_OK)):
                # This will fail, as most tries of execvp along PATH do.
                return function(path, *args, **kwargs)
            leave()
            try:
                return function(path, *args, **kwargs)
            finally:
                stay()

        execute.__name__ = execute.__qualname__ = function.__name__
        return execute

    os.execv, execve = wrapped(os.execv), wrapped(os.execve)
    if os.execve in os.supports_fd:
        os.supports_fd.add(execve)
    os.execve = execve


def _name_lane_of_spawned(module: ModuleType) -> None:
    """multiprocessing's spawn starts the child past subprocess, with this process's own environment."""
    popen: Any = module.Popen
    launch = popen._launch

    def _launch(self: Any, process_obj: Any) -> Any:
        if LANE_VARIABLE not in os.environ:
            return launch(self, process_obj)
        before = os.environ[LANE_VARIABLE]
        os.environ[LANE_VARIABLE] = current_lane().child("spawn").path
        try:
            return launch(self, process_obj)
        finally:
            os.environ[LANE_VARIABLE] = before

    popen._launch = _launch
