"""Draw the README's picture: what a terminal shows when an edited prompt is replayed. Run after ``make demo``:

python tests/demo/picture.py docs/replay.svg
"""

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

FOLDER = Path.cwd() / ".demo"
BIN = Path(sys.executable).parent
COMMANDS = (("sed -i 's/Be generous:/Be careful:/' agent.py",), ("fr replay last", "fr", "replay", "last"))
WIDTH = 108
_REMOTE_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def on_terminal(argv: tuple[str, ...]) -> str:
    """What a command writes on a terminal of this width, escape sequences included."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "FR_KEYS": str(FOLDER / "keys"), "COLUMNS": str(WIDTH),
           "TERM": "xterm-256color", "OPENAI_API_KEY": "sk-demo-not-a-real-key"}  # fmt: skip
    env.pop("NO_COLOR", None)
    subprocess.run(["stty", "cols", str(WIDTH)], stdin=theirs, check=True)
    child = subprocess.Popen([str(BIN / argv[0]), *argv[1:]], cwd=FOLDER, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    output = io.BytesIO()
    while True:
        try:
            data = os.read(ours, 65_536)
        except OSError:
            # The other side of a terminal is closed.
            break
        if not data:
            break
        output.write(data)
    child.wait()
    return output.getvalue().decode().replace("\r\n", "\n")


def main(path: str) -> None:
    """Run the commands and write the picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for shown, *argv in COMMANDS:
        console.print(Text.assemble(("$ ", "green"), (shown, "bold")))
        if argv:
            console.print(Text.from_ansi(on_terminal(tuple(argv))))
    svg = console.export_svg(title="fr replay", unique_id="fr")
    Path(path).write_text(_REMOTE_FONTS.sub("", svg), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
