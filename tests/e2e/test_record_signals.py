"""Signals and terminals under ``fr record``: the command gets each signal once, and sees the terminal that it would have had."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from plain_parquet import PlainStore
from recording import FR, PROGRAMS, Workspace
from terminal import COLUMNS, LIMIT_S, ROWS, Terminal

pytestmark = pytest.mark.e2e

NOTING = str(PROGRAMS / "signals.py")
SENT_ALONE = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


@contextmanager
def recorded(workspace: Workspace, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A recorded command that has said that it is ready."""
    argv = [FR, "record", "--", *command]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=workspace.env, cwd=workspace.folder) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"ready")
            yield process
        finally:
            process.kill()


def wait_for_lines(path: Path, count: int) -> list[str]:
    """The lines of a file, once there are so many."""
    deadline = time.monotonic() + LIMIT_S
    while len(lines := path.read_text().splitlines()) < count:
        assert time.monotonic() < deadline, lines
        time.sleep(0.01)
    return lines


def exit_code_on_record(workspace: Workspace) -> int | None:
    """The exit code in the run's sealed row."""
    (run,) = PlainStore(workspace.store).of_kind("run")
    code: int | None = run["exit_code"]
    return code


def test_every_signal_sent_to_fr_reaches_the_command_once(workspace: Workspace) -> None:
    """Signals of a supervisor: each arrives, none twice, and none of them harms the launcher."""
    notes = workspace.folder / "notes"
    with recorded(workspace, sys.executable, NOTING, str(notes)) as process:
        for number, name in enumerate(SENT_ALONE):
            process.send_signal(getattr(signal, name))
            assert wait_for_lines(notes, number + 1)[number] == name
        workspace.write("stop", "")
        stdout, stderr = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, stdout) == (0, b"told to stop\n"), stderr
    assert notes.read_text().splitlines() == list(SENT_ALONE)
    assert exit_code_on_record(workspace) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_ends_the_command_ends_fr_the_same_way(number: signal.Signals, workspace: Workspace) -> None:
    """The parent sees the same signal, and the record is sealed and says it."""
    program = workspace.write("waits.py", "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)\n")
    with recorded(workspace, sys.executable, program) as process:
        process.send_signal(number)
        _, stderr = process.communicate(timeout=LIMIT_S)
    assert process.returncode == -number
    assert stderr.splitlines()[-1].startswith(b"fr: recorded trace ")
    assert exit_code_on_record(workspace) == -number
    assert PlainStore(workspace.store).unsealed() == []


def test_a_command_that_signals_its_own_group_gets_it_once(workspace: Workspace) -> None:
    """``os.kill(0, ...)`` reaches fr as well, which must neither die of it nor send it back."""
    notes = workspace.folder / "notes"
    argv = [FR, "record", "--", sys.executable, NOTING, str(notes), "--own-group"]
    # A session of its own, or the signal would reach the tests.
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=workspace.env, cwd=workspace.folder, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"ready")
        process.send_signal(signal.SIGUSR1)
        assert wait_for_lines(notes, 2) == ["SIGTERM", "SIGUSR1"]
        workspace.write("stop", "")
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0


def test_signals_that_were_ignored_stay_ignored(workspace: Workspace) -> None:
    """As under nohup: the hangup ends neither fr nor the command."""
    notes = workspace.folder / "notes"
    command = f'trap "" HUP; exec "{FR}" record -- "{sys.executable}" "{NOTING}" "{notes}"'
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, env=workspace.env, cwd=workspace.folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"ready")
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR2)
        assert wait_for_lines(notes, 1) == ["SIGUSR2"]
        workspace.write("stop", "")
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0


def test_the_exit_code_is_kept_where_the_parent_ignores_its_children(workspace: Workspace) -> None:
    """With SIGCHLD ignored, which is inherited, the kernel throws exit codes away unless the launcher sees to it."""
    program = "import signal, sys; print(signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN); sys.exit(4)"
    command = ["fr", "record", "--", sys.executable, "-c", program]
    source = f"import os, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv({FR!r}, {command})"
    recorded = workspace.run(sys.executable, "-c", source)
    assert (recorded.code, recorded.stdout) == (4, b"True\n")


DESCRIBE_TERMINAL = """
import os, signal, sys
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.name, stream.isatty(), stream.line_buffering, stream.encoding, os.isatty(stream.fileno()), os.ttyname(stream.fileno())[:9])
print(os.get_terminal_size(), os.tcgetpgrp(0) == os.getpgrp())
answer = input("what is your name? ")
print(repr(answer), repr(sys.stdin.readline()))
"""


def on_terminal(workspace: Workspace, *argv: str) -> tuple[int, bytes]:
    """Run the describing program at a terminal, and type two lines."""
    with Terminal(argv, workspace.env, workspace.folder) as terminal:
        terminal.wait_for(b"name? ")
        terminal.type("Zoë\n".encode())
        terminal.type(b"second line\n")
        code = terminal.finish()
    return code, terminal.shown


def test_a_terminal_is_as_it_is_without_us(workspace: Workspace) -> None:
    """The same screen: terminals everywhere, the same size and foreground group, the prompt, the echo, both lines."""
    program = workspace.write("describe.py", DESCRIBE_TERMINAL)
    bare_code, bare = on_terminal(workspace, sys.executable, program)
    code, shown = on_terminal(workspace, FR, "record", "--", sys.executable, program)
    assert f"columns={COLUMNS}, lines={ROWS}".encode() in bare
    screen, found, last_line = shown.partition(b"fr: recorded trace ")
    assert found, shown
    assert (code, screen) == (bare_code, bare)
    assert last_line.count(b"\n") == 1
    store = PlainStore(workspace.store)
    typed = {row["nd_source"]: store.joined(row["nd_value_parts"]) for row in store.of_kind("output")}
    assert typed["stdin"] == "Zoë\nsecond line\n".encode()


def test_control_c_is_delivered_once(workspace: Workspace) -> None:
    """The terminal interrupts the whole foreground group; fr must not pass it on again."""
    notes = workspace.folder / "notes"
    with Terminal([FR, "record", "--", sys.executable, NOTING, str(notes)], workspace.env, workspace.folder) as terminal:
        terminal.wait_for(b"ready")
        terminal.type(b"\x03")
        assert wait_for_lines(notes, 1) == ["SIGINT"]
        terminal.type(b"\x1c")
        assert wait_for_lines(notes, 2) == ["SIGINT", "SIGQUIT"]
        workspace.write("stop", "")
        assert terminal.finish() == 0
    assert notes.read_text().splitlines() == ["SIGINT", "SIGQUIT"]


def test_control_c_ends_an_ordinary_program_and_fr_with_it(workspace: Workspace) -> None:
    """The program's own traceback, the last line of fr, and an end by SIGINT as a shell expects it."""
    program = workspace.write("waits.py", "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)\n")
    with Terminal([FR, "record", "--", sys.executable, program], workspace.env, workspace.folder) as terminal:
        terminal.wait_for(b"ready")
        terminal.type(b"\x03")
        code = terminal.finish()
    assert code == -signal.SIGINT
    assert terminal.shown.count(b"KeyboardInterrupt") == 1
    assert b"fr: recorded trace " in terminal.shown.splitlines()[-1]
    assert exit_code_on_record(workspace) == -signal.SIGINT


def test_a_closed_terminal_hangs_up_on_the_command_once(workspace: Workspace) -> None:
    """The kernel tells the whole group; the command goes on if it likes, and is recorded to its end."""
    notes = workspace.folder / "notes"
    with Terminal([FR, "record", "--", sys.executable, NOTING, str(notes)], workspace.env, workspace.folder) as terminal:
        terminal.wait_for(b"ready")
        command = int(terminal.shown.split()[1])
        terminal.hang_up()
        assert wait_for_lines(notes, 1) == ["SIGHUP"]
        os.kill(command, signal.SIGUSR1)
        assert wait_for_lines(notes, 2) == ["SIGHUP", "SIGUSR1"]
        workspace.write("stop", "")
        terminal.process.wait(LIMIT_S)
    assert exit_code_on_record(workspace) is not None
