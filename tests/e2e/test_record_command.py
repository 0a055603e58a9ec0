"""``fr record -- CMD``: streams, exit codes and arguments of the command are what they are without it."""

import sys
from typing import NamedTuple

import pytest
from plain_parquet import PlainStore
from recording import FR, PROGRAMS, Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.e2e

STREAMS = str(PROGRAMS / "streams.py")


class StreamCase(NamedTuple):
    """One way of treating the standard streams; see ``programs/streams.py``."""

    name: str
    stdin: bytes = b""
    flags: tuple[str, ...] = ()
    code: int = 0


STREAM_CASES = (
    StreamCase("binary"),
    StreamCase("binary", flags=("-u",)),
    StreamCase("large"),
    StreamCase("echo", stdin="first é\nsecond\nfive!".encode() + bytes(range(256)) * 100),
    StreamCase("half_read", stdin=b"first\nthe rest\x00\xff"),
    StreamCase("describe"),
    StreamCase("describe", flags=("-u",)),
    StreamCase("replaced"),
    StreamCase("duplicated"),
    StreamCase("closed", code=9),
    StreamCase("descriptors_closed", code=8),
    StreamCase("nothing"),
    StreamCase("left_hard", code=5),
)


@pytest.mark.parametrize("case", STREAM_CASES, ids=lambda case: " ".join((case.name, *case.flags)))
def test_streams_are_those_of_the_bare_program(case: StreamCase, workspace: Workspace) -> None:
    """The same bytes on stdout and stderr, in the same order, and the same exit code."""
    command = (sys.executable, *case.flags, STREAMS, case.name)
    bare = workspace.bare(*command, stdin=case.stdin)
    recorded = workspace.record(*command, stdin=case.stdin)
    assert bare.code == case.code, bare.stderr
    assert recorded.stdout == bare.stdout
    assert recorded.program_stderr == bare.stderr
    assert recorded.code == bare.code
    assert recorded.trace


def test_what_went_through_stdout_and_stdin_is_in_the_record(workspace: Workspace) -> None:
    """Every byte that Python wrote and read, in order."""
    stdin = "first é\nsecond\nfive!rest of it\n".encode()
    recorded = workspace.record(sys.executable, STREAMS, "echo", stdin=stdin)
    store = PlainStore(workspace.store)
    kept = {row["nd_source"]: store.joined(row["nd_value_parts"]) for row in store.of_kind("output")}
    assert kept == {"stdin": stdin, "stdout": recorded.stdout}
    assert store.unsealed() == []


class EndCase(NamedTuple):
    """A way for a command to end: the program's text, and the status that its parent sees."""

    name: str
    source: str
    code: int


END_CASES = (
    EndCase("zero", "pass", 0),
    EndCase("three", "raise SystemExit(3)", 3),
    EndCase("text", "raise SystemExit('a reason')", 1),
    EndCase("exception", "raise ValueError('é')", 1),
    EndCase("255", "import sys; sys.exit(-1)", 255),
    EndCase("interrupted", "raise KeyboardInterrupt", -2),
    EndCase("terminated", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -15),
    EndCase("killed", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
    EndCase("aborted", "import os; os.abort()", -6),
)


@pytest.mark.parametrize("case", END_CASES, ids=lambda case: case.name)
def test_the_command_s_end_is_passed_on_and_recorded(case: EndCase, workspace: Workspace) -> None:
    """The same exit code, or an end by the same signal; the run's row says so too."""
    command = (sys.executable, "-c", case.source)
    bare = workspace.bare(*command)
    recorded = workspace.record(*command)
    assert (bare.code, bare.stdout) == (case.code, b"")
    assert (recorded.code, recorded.stdout, recorded.program_stderr) == (case.code, b"", bare.stderr)
    (run,) = PlainStore(workspace.store).of_kind("run")
    assert (run["exit_code"], run["phase"], run["status"]) == (case.code, "end", "error" if case.code else "ok")


@pytest.mark.parametrize(("signal_number", "shown"), [(2, b"130"), (15, b"143"), (9, b"137")])
def test_a_shell_sees_a_signal_as_it_always_does(signal_number: int, shown: bytes, workspace: Workspace) -> None:
    """128 and the number, in ``$?``."""
    script = f'"{FR}" record -- "{sys.executable}" -c "import os; os.kill(os.getpid(), {signal_number})"; echo $?'
    assert workspace.run("sh", "-c", script).stdout.strip() == shown


class RefusedCase(NamedTuple):
    """A command that cannot be started."""

    name: str
    command: str
    code: int
    says: str


REFUSED_CASES = (
    RefusedCase("absent", "no-such-command-here", 127, "there is no command 'no-such-command-here'"),
    RefusedCase("empty", "", 127, "there is no command ''"),
    RefusedCase("not executable", "./plain.txt", 126, "./plain.txt is not executable"),
    RefusedCase("folder", "./", 126, "./ is not executable"),
    RefusedCase("no interpreter", "./orphan", 126, "./orphan cannot be executed"),
)


@pytest.mark.parametrize("case", REFUSED_CASES, ids=lambda case: case.name)
def test_a_command_that_cannot_be_started(case: RefusedCase, workspace: Workspace) -> None:
    """The shell's exit codes, one line that names the command, and a store that still opens."""
    workspace.write("plain.txt", "not a program\n")
    workspace.write("orphan", "#!/nonexistent/interpreter\n", executable=True)
    refused = workspace.record(case.command)
    assert (refused.code, refused.stdout) == (case.code, b"")
    assert len(refused.said) == 1
    assert case.says in refused.said[0]
    assert workspace.fr("ls").code in (0, 2)


def test_a_script_without_an_interpreter_line_is_given_to_the_shell(workspace: Workspace) -> None:
    """As a shell, env or nohup does with it."""
    workspace.write("plain", 'echo "$0" "$1"; exit 4\n', executable=True)
    recorded = workspace.record("./plain", "two words")
    assert (recorded.code, recorded.stdout) == (4, b"./plain two words\n")


SHOW_ARGUMENTS = "import sys, os; print([os.fsencode(a) for a in sys.argv[1:]], [os.fsencode(a) for a in sys.orig_argv[3:]])"


def test_arguments_arrive_byte_for_byte(workspace: Workspace) -> None:
    """Empty, spaced, dashed, quoted, broken over lines, and not UTF-8; fr takes none of them for its own."""
    arguments = ("", " a b ", "--name", "--", "-n", "'\"$HOME`", "line\nline", "é☂😀", b"\xff\xfe caf\xe9", "--store")
    command = (sys.executable, "-c", SHOW_ARGUMENTS, *arguments)
    bare = workspace.bare(*command)
    recorded = workspace.record(*command)
    assert (recorded.code, recorded.stdout) == (0, bare.stdout)


def test_arguments_that_are_not_utf8_do_not_make_the_record_unreadable(workspace: Workspace) -> None:
    """The run is sealed, and the store opens, whatever bytes a command line holds."""
    recorded = workspace.record(sys.executable, "-c", "print(1)", b"\xff\xfe caf\xe9")
    assert recorded.stdout == b"1\n"
    (run,) = PlainStore(workspace.store).of_kind("run")
    assert run["argv"][2] == "print(1)"
    assert "caf" in run["argv"][3]
    assert workspace.fr("ls").code == 0


def test_a_huge_environment_reaches_the_command_whole(workspace: Workspace) -> None:
    """One and a half megabytes of it."""
    huge = {f"FILLER_{number}": "x" * 100_000 for number in range(15)}
    program = "import hashlib, os; items = sorted(i for i in os.environ.items() if 'FILLER' in i[0])"
    command = (sys.executable, "-c", program + "; print(len(items), hashlib.sha256(repr(items).encode()).hexdigest())")
    bare = workspace.bare(*command, env=huge)
    assert workspace.record(*command, env=huge).stdout == bare.stdout


def test_a_command_runs_in_a_folder_that_was_removed(workspace: Workspace) -> None:
    """It works there without fr, so it must with fr."""
    gone = workspace.folder / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && exec "{FR}" record -- "{sys.executable}" -c "print(6 * 7)"'
    recorded = workspace.run("sh", "-c", script)
    assert (recorded.code, recorded.stdout, recorded.program_stderr) == (0, b"42\n", b"")
    assert workspace.fr("ls").code == 0


@pytest.mark.parametrize(("variable", "store_says"), [("FR_STORE", "not recording"), ("FR_KEYS", "no key file")])
def test_the_job_survives_a_place_that_cannot_be_written(variable: str, store_says: str, workspace: Workspace) -> None:
    """Without a store it runs unrecorded, without a place for keys recorded; stderr says which in one line."""
    program = "import sys, urllib.request; print(sys.stdin.read()); sys.exit(5)"
    recorded = workspace.record(sys.executable, "-c", program, stdin=b"in", env={variable: "/dev/null/nowhere"})
    assert (recorded.code, recorded.stdout, recorded.program_stderr) == (5, b"in\n", b"")
    assert store_says in recorded.said[0]


def test_the_job_survives_a_store_that_fills_up_while_it_runs(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """A file size limit stands in for a full disk: the journal can't grow, and every answer still arrives."""
    source = """
import os, urllib.request
for number in range(12):
    request = urllib.request.Request(os.environ["FR_TEST_UPSTREAM"] + "/tool/echo", os.urandom(40_000), {"content-type": "text/x"})
    with urllib.request.urlopen(request) as answer:
        print(number, answer.status, len(answer.read()) > 100)
"""
    path = workspace.write("fills.py", source)
    script = f'ulimit -f 200; exec "{FR}" record -- "{sys.executable}" "{path}"'
    recorded = workspace.run("bash", "-c", script, env={"FR_TEST_UPSTREAM": upstream.url})
    assert recorded.stdout.decode().splitlines() == [f"{number} 200 True" for number in range(12)]
    assert recorded.code == 0, recorded.stderr
    assert upstream.hits == 12
    assert [line for line in recorded.said if "records are being lost" in line and "File too large" in line]
    assert workspace.rows("SELECT count(*) AS held FROM http")[0]["held"] >= 1
    assert workspace.rows("SELECT count(*) AS gaps FROM gaps")[0]["gaps"] >= 0


CLOSED_CASES = (
    ("stdin", "<&-", "import sys; print(sys.stdin); sys.exit(4)"),
    ("stdout", ">&-", "import os, sys; os.write(2, repr(sys.stdout).encode()); sys.exit(4)"),
    ("stderr", "2>&-", "import sys; print(sys.stderr); sys.exit(4)"),
    ("all", "<&- >&- 2>&-", "import sys; sys.exit(4 if sys.stdin is sys.stdout is sys.stderr is None else 1)"),
)


@pytest.mark.parametrize(("name", "redirection", "program"), CLOSED_CASES, ids=[case[0] for case in CLOSED_CASES])
def test_a_command_may_be_started_with_its_streams_closed(name: str, redirection: str, program: str, workspace: Workspace) -> None:
    """The command's exit code, and not a word of ours on its stdout."""
    path = workspace.write("closed.py", program)
    bare = workspace.bare("sh", "-c", f'exec "{sys.executable}" "{path}" {redirection}')
    recorded = workspace.run("sh", "-c", f'exec "{FR}" record -- "{sys.executable}" "{path}" {redirection}')
    assert bare.code == 4, bare.stderr
    assert (recorded.code, recorded.stdout) == (4, bare.stdout)
    assert recorded.stderr.startswith(bare.stderr)
