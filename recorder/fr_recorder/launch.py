"""``fr record -- CMD``: run a command unchanged, with the recorder in every Python that it starts.

The command keeps its stdin, stdout, stderr, terminal and signals; the launcher only waits. When anything about
recording fails, the command still runs, and the failure is said on stderr.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from fr_schema.errors import CommandNotExecutable, CommandNotFound, FlightError
from fr_schema.ids import new_span_id, new_trace_id, new_writer_id
from fr_schema.version import FORMAT_VERSION, PACKAGE_VERSION

from .code_state import CodeState, GitQuestion, working_folder
from .environment import allowed_environment, secret_names
from .keys import Keys, keys_of_store
from .placement import DEFAULT_TENANT
from .policies import POLICY_VARIABLE, keep_policy, policy_of_file
from .recorder import host_name
from .store import OpenStore, open_store, protection_of
from .w3c import read_traceparent

if TYPE_CHECKING:
    from .redact.policy_file import RedactionPolicy

__all__ = ["LAUNCH_VARIABLES", "ChildStatus", "Recording", "boot_environment", "die_like", "find_command", "record_command", "run_child"]

LAUNCH_VARIABLES = frozenset(
    [
        "FR_MODE",
        "FR_PATH",
        "FR_RUN_FOLDER",
        "FR_LANE",
        "FR_STORE",
        "FR_TRACE",
        "FR_SEED",
        "FR_TAPE",
        "FR_BACKEND",
        "FR_CODE_VERSION",
        "FR_CODE_DIRTY",
        "FR_REDACTION_POLICY",
        "FR_CODE_DIFF",
        "PYTHONPATH",
    ]
)
"""Variables that a launcher sets for the command: never taken over from one run into another."""

_PASSED_ON = frozenset(
    (
        *(signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT),
        *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT, signal.SIGWINCH),
    )
)
_SENT_BY_THE_KERNEL = 0x80
"""``si_code`` of a signal from the terminal (SI_KERNEL), which goes to the whole foreground group."""

_SHELL = "/bin/sh"


@dataclass(frozen=True, slots=True)
class ChildStatus:
    """How a command ended: ``code`` is its exit code, or minus the number of the signal that ended it."""

    code: int

    @property
    def shell_code(self) -> int:
        """The exit code as a shell shows it."""
        return self.code if self.code >= 0 else 128 - self.code


@dataclass(frozen=True, slots=True)
class Recording:
    """What a recorded command left behind.

    Attributes:
        status: how the command ended.
        trace: the run's trace id; None when it could not be recorded.
        store: the store, or None.
        processes: ``(pid, executable, lane)`` of every Python that reported in.
    """

    status: ChildStatus
    trace: str | None
    store: OpenStore | None
    processes: list[tuple[int, str, str]]


def find_command(argv: Sequence[str]) -> str:
    """The program that a command line names. Raises CommandNotFound or CommandNotExecutable."""
    program = argv[0]
    found = shutil.which(program)
    if found is not None:
        return found
    if os.path.sep in program and os.path.exists(program):
        raise CommandNotExecutable(
            f"{program} is not executable", hint=f"chmod +x {program}, or name its interpreter: fr record -- python {program}"
        )
    hint = f"did you mean: fr record -- python {program}" if program.endswith(".py") else "check the spelling and PATH"
    raise CommandNotFound(f"there is no command {program!r}", hint=hint)


def package_folders() -> list[str]:
    """Folders from which our packages and what they need can be imported."""
    import fr_schema

    folders = [
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        os.path.dirname(os.path.dirname(os.path.abspath(fr_schema.__file__))),
    ]
    for name in ("fr_replay", "zstandard", "xxhash", "re2", "_time_machine"):
        import importlib.util

        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            folder = os.path.dirname(spec.origin)
            folders.append(os.path.dirname(folder) if spec.submodule_search_locations else folder)
    return list(dict.fromkeys(folders))


def boot_environment(base: Mapping[str, str], mode: str, run_folder: str) -> dict[str, str]:
    """The environment that makes every Python below start with the recorder in it."""
    boot = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boot")
    old = base.get("PYTHONPATH")
    return {
        **base,
        "PYTHONPATH": os.pathsep.join([boot, old] if old else [boot]),
        "FR_MODE": mode,
        "FR_PATH": os.pathsep.join(package_folders()),
        "FR_RUN_FOLDER": run_folder,
        "FR_LANE": "p0",
    }


def record_command(argv: Sequence[str], store_path: str, *, name: str | None = None, durability: str | None = None) -> Recording:
    """Run a command, recorded. Raises CommandNotFound or CommandNotExecutable before anything is started."""
    program = find_command(argv)
    with ExitStack() as stack:
        try:
            run = _begin_run(program, argv, store_path, name, durability, stack)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the store, the command must run
            _say(f"fr: not recording: {error.one_line() if isinstance(error, FlightError) else error}")
            return Recording(run_child(program, argv, os.environ), None, None, [])
        try:
            status = run_child(program, argv, run.env)
        except CommandNotExecutable as refused:
            run.journal.end(ChildStatus(refused.exit_code))
            raise
        run.journal.end(status)
        return Recording(status, run.trace, run.store, _reported(run.folder))


class _Run(NamedTuple):
    """A run that has begun in the record, and the environment for its command."""

    trace: str
    store: OpenStore
    folder: str
    env: dict[str, str]
    journal: _RunJournal


def _begin_run(program: str, argv: Sequence[str], store_path: str, name: str | None, durability: str | None, stack: ExitStack) -> _Run:
    """Open the store and write the run's beginning. Raises what is wrong with the store or the disk."""
    git = GitQuestion(argv)
    stack.callback(git.stop)
    store = open_store(store_path)
    keys = keys_of_store(store.store_id)
    assert keys is not None
    trace = new_trace_id()
    folder = stack.enter_context(temporary_folder())
    seeds = {"hash": _hash_seed(), "random": secrets.token_hex(16)}
    env = boot_environment(os.environ, "record", folder)
    env |= {"FR_STORE": store.path, "FR_TRACE": trace, "FR_SEED": seeds["random"], "PYTHONHASHSEED": seeds["hash"]}
    if durability:
        env["FR_DURABILITY"] = durability
    code = git.answer(keys.content)
    if code.commit:
        env |= {"FR_CODE_VERSION": code.commit, "FR_CODE_DIRTY": {True: "1", False: "0", None: ""}[code.dirty]}
        env["FR_CODE_DIFF"] = code.diff or ""
    policy = policy_of_file()
    env[POLICY_VARIABLE] = policy.digest if policy is not None else ""
    journal = _RunJournal(store, keys, trace, policy)
    journal.begin(program, argv, name, seeds, code)
    return _Run(trace, store, folder, env, journal)


@contextmanager
def temporary_folder() -> Iterator[str]:
    """A private folder for one run, gone afterwards."""
    folder = tempfile.mkdtemp(prefix="fr-run-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_child(program: str, argv: Sequence[str], env: Mapping[str, str]) -> ChildStatus:
    """Run a command to its end, as if it had been started instead of us. Raises CommandNotExecutable.

    Signals from the terminal reach it directly, since it is in our process group; those that a process sends to us are passed
    on. A process that signals the whole group reaches the command twice: nobody can tell that from a signal to us alone.
    """
    waited_for = {*_PASSED_ON, signal.SIGCHLD}
    ignores_children = signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)

    def in_child() -> None:
        if ignores_children:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        if ignores_children:
            # With SIGCHLD ignored, as some supervisors leave it to their children, the kernel throws exit codes away.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        child = _start(program, argv, dict(env), in_child)
        while child.poll() is None:
            _pass_on(signal.sigwaitinfo(waited_for), child)
        return ChildStatus(child.returncode)
    finally:
        while signal.sigtimedwait(waited_for, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pass_on(received: signal.struct_siginfo, child: subprocess.Popen[bytes]) -> None:
    """Give the child a signal that was meant for it, unless it has it already or has sent it itself."""
    number = received.si_signo
    if received.si_code == _SENT_BY_THE_KERNEL:
        # The terminal tells the whole group, but that it is gone it tells the session's leader alone.
        meant = number == signal.SIGHUP and os.getsid(0) == os.getpid()
    else:
        meant = number != signal.SIGCHLD and received.si_pid != child.pid
    if meant:
        child.send_signal(number)


def _start(program: str, argv: Sequence[str], env: dict[str, str], in_child: Callable[[], None]) -> subprocess.Popen[bytes]:
    """Start a command as a shell would. Raises CommandNotExecutable."""

    def start(argv: Sequence[str], program: str, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(argv, executable=program, env=env, preexec_fn=in_child)  # noqa: PLW1509 - there are no other threads

    try:
        try:
            return start(argv, program, env)
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                # A script without a "#!" line: shells, env and nohup give it to the shell.
                return start(["sh", program, *argv[1:]], _SHELL, env)
            if error.errno == errno.E2BIG and env != dict(os.environ):
                _say("fr: not recording: the environment has no room for the recorder's variables")
                return start(argv, program, os.environ)
            raise
    except OSError as error:
        hint = "does the interpreter in its first line exist?" if error.errno == errno.ENOENT else None
        raise CommandNotExecutable(f"{argv[0]} cannot be executed: {error.strerror}", hint=hint) from error


def die_like(status: ChildStatus) -> int:
    """The exit code to leave with; for a command that a signal ended, leave by the same signal."""
    if status.code >= 0:
        return status.code
    number = -status.code
    try:
        import resource

        # The command has left its core already; ours would only be in the way.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        for stream in (sys.stdout, sys.stderr):
            # A stream that was closed from the start is None.
            if stream is not None:
                stream.flush()
        os.kill(os.getpid(), number)
        time.sleep(1)
    except (OSError, ValueError):
        return status.shell_code
    return status.shell_code


def _hash_seed() -> str:
    given = os.environ.get("PYTHONHASHSEED", "")
    return given if given.isdigit() else str(secrets.randbelow(1 << 32))


def _reported(folder: str) -> list[tuple[int, str, str]]:
    try:
        with open(os.path.join(folder, "processes"), encoding="utf-8", errors="surrogateescape") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
    except FileNotFoundError:
        return []
    return [(int(row[0]), row[1], row[2]) for row in rows if len(row) == 3]


def _say(message: str) -> None:
    # Without the check print() would take stdout, which is the command's.
    if sys.stderr is not None:
        print(message, file=sys.stderr, flush=True)  # noqa: T201 - the launcher is a command-line program


class _RunJournal:
    """The launcher's own journal: that a run began, with what, and how it ended. Written and synced at once."""

    def __init__(self, store: OpenStore, keys: Keys, trace: str, policy: RedactionPolicy | None) -> None:
        from .journal import Journal
        from .redact import Redactor

        self._redactor = Redactor(keys.redaction, keys.key_id, policy=policy)
        keep_policy(store.path, self._redactor.policy)
        self._trace = trace
        self._span = new_span_id()
        self._at = time.time_ns() // 1000
        self._start = time.monotonic_ns()
        self._number = 0
        self._writer = new_writer_id(host_name(), os.getpid())
        self._journal = Journal(store.path, self._writer)
        self._protection = protection_of(store, os.environ.get("FR_ENCRYPT") or None, self._writer)
        self._key_id = keys.key_id

    def begin(self, program: str, argv: Sequence[str], name: str | None, seeds: Mapping[str, str], code: CodeState) -> None:
        """Write the header and the run's beginning."""
        facts: dict[str, Any] = {
            "cwd": working_folder(),
            "seeds": dict(seeds),
            "interpreter": {"program": os.path.join(working_folder(), program), "platform": sys.platform, "machine": os.uname().machine},
        }
        said = {"code_version": code.commit, "code_dirty": code.dirty, "code_diff": code.diff}
        facts |= {name: value for name, value in said.items() if value is not None}
        clean, hits = self._redactor.value(facts, "run")
        clean["argv"], argv_hits = self._redactor.argv(list(argv))
        clean["env"] = {}
        for key, value in allowed_environment(os.environ).items():
            clean["env"][key], env_hits = self._redactor.env(key, value)
            hits = [*hits, *env_hits]
        clean["env"] |= dict.fromkeys(secret_names(os.environ), "[[fr:env:present]]")
        redactions = [(h.path, h.detector, h.count) for h in [*hits, *argv_hits]]
        shown_name, _ = self._redactor.text(name or " ".join(os.path.basename(a) for a in argv[:2]), "name")
        header = {
            "t": "header",
            "role": "launcher",
            "format": FORMAT_VERSION,
            "package": PACKAGE_VERSION,
            "writer": self._writer,
            "pid": os.getpid(),
            "ppid": os.getppid(),
            "host": host_name(),
            "started": self._at,
            "trace": self._trace,
            "run": self._trace,
            "policy": self._redactor.policy_id,
            "key": self._key_id,
            "file": 0,
            "at": self._at,
        }
        if self._protection is not None:
            header["scope"] = DEFAULT_TENANT
        begin = {"t": "begin", "kind": "run", "span": self._span, "trace": self._trace, "at": self._at, "name": shown_name, "facts": clean}
        begin |= {"rstatus": "redacted" if redactions else "clean", "redactions": redactions}
        foreign = read_traceparent(os.environ.get("TRACEPARENT"))
        if foreign is not None:
            # Whoever started the command said which trace it is part of, as OpenTelemetry has it for environment variables.
            begin["ctx"] = {"ext_trace": foreign[0], "ext_span": foreign[1]}
        self._journal.open_next()
        self._write(header, begin)

    def end(self, status: ChildStatus) -> None:
        """Write how the run ended, and close the journal."""
        duration = (time.monotonic_ns() - self._start) // 1000
        at = self._at + duration
        end = {"t": "end", "span": self._span, "trace": self._trace, "at": at, "dur": duration, "rstatus": "clean"}
        end |= {"status": "ok" if status.code == 0 else "error", "facts": {"exit_code": status.code}}
        self._write(end, {"t": "close", "at": at})
        self._journal.close()

    def _write(self, *events: dict[str, Any]) -> None:
        from fr_schema.frames import encode_event

        records = []
        for event in events:
            numbered = {**event, "n": self._number}
            records.append(encode_event(numbered if self._protection is None else self._protection.sealed(numbered)))
            self._number += 1
        try:
            self._journal.append(b"".join(records))
            self._journal.sync()
        except OSError as error:
            _say(f"fr: the run's own record cannot be written: {error}")
