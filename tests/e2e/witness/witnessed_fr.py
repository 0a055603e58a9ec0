"""``fr`` with a witness in the replaying program; see request_witness.py beside this file."""

import os
import sys
from pathlib import Path
from typing import Any

from fr_replay import replaying
from fr_replay.cli.main import main

replay_environment = replaying.replay_environment


def environment_with_witness(*args: Any, **kwargs: Any) -> dict[str, str]:
    """The replaying program's environment, with the witness as what it starts."""
    env = replay_environment(*args, **kwargs)
    path = os.pathsep.join((env.get("PYTHONPATH", ""), str(Path(__file__).resolve().parent)))
    return {**env, "PYTHONPATH": path, "FR_BACKEND": "request_witness:start"}


replaying.replay_environment = environment_with_witness

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
