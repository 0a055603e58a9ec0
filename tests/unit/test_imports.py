"""What is loaded when: the agent's start path and `fr --help` stay light."""

import json
import subprocess
import sys

import pytest

from fr_replay import capture

READING = frozenset(("pyarrow", "duckdb", "typer", "rich", "numpy"))
START_PATH = READING | {"asyncio"}
BOOT = "from fr_recorder import children, clock, concurrency, crossings, randomness, recorder, seams, standard_streams"

CASES = (
    ("fr --help", "from fr_replay.cli.main import main; main(['--help'])", READING),
    ("fr --version", "from fr_replay.cli.main import main; main(['--version'])", READING),
    ("an unknown command", "from fr_replay.cli.main import main; main(['nosuch'])", READING),
    ("import fr_recorder", "import fr_recorder", START_PATH | {"inspect"}),
    ("the boot's start", "import fr_recorder.boot.start", START_PATH | {"inspect"}),
    ("the boot path", f"{BOOT}; seams.install_seams()", START_PATH),
    ("fr_schema", "import fr_schema.rows, fr_schema.fold, fr_schema.frames, fr_schema.providers", READING),
    ("the door to the recorder", "import fr_replay.capture", START_PATH | {"fr_recorder.boundary"}),
)


def _loaded(code: str) -> set[str]:
    """Top-level and full names of the modules that some code loads, beyond what the interpreter had."""
    script = f"import json, sys; before = set(sys.modules)\n{code}\nsys.stdout.write('\\n' + json.dumps(sorted(set(sys.modules) - before)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    names = json.loads(ran.stdout.splitlines()[-1])
    return set(names) | {name.partition(".")[0] for name in names}


@pytest.mark.parametrize(("code", "banned"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_costly_modules_are_not_loaded(code: str, banned: frozenset[str]) -> None:
    """None of the banned modules is among those that are loaded."""
    assert _loaded(code) & banned == set()


def test_boot_path_does_not_load_inspect() -> None:
    """The injected start does without inspect."""
    assert "inspect" not in _loaded(BOOT)


def test_every_name_of_the_door_is_there() -> None:
    """Each name that the door offers can be had, and nothing else."""
    for name in capture.__all__:
        assert getattr(capture, name) is not None
    with pytest.raises(AttributeError):
        getattr(capture, "non" + "sense")
