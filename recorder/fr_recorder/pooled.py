"""A job on its way to a process pool, with the lane that its submitter gave it.

Which worker process takes a job is a race; the job's lane says whose it is all the same.
"""

from __future__ import annotations

from typing import Any

from .lanes import Lane, run_job_in_lane

__all__ = ["PooledJob"]


class PooledJob:
    """Calls the job in its lane. Pickled with the job, and unpickled in a worker that runs the recorder too."""

    def __init__(self, lane_path: str, job: Any) -> None:
        self._lane_path = lane_path
        self._job = job

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return run_job_in_lane(Lane(self._lane_path), lambda: self._job(*args, **kwargs))
