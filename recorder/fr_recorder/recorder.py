"""The recorder of this process: one store, one writer, one journal. Started by ``fr.init()`` or by ``fr record``."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from fr_schema.errors import FlightError
from fr_schema.ids import new_trace_id, new_writer_id
from fr_schema.version import FORMAT_VERSION, PACKAGE_VERSION

from . import boundary, crossings, lanes, real
from .harmless import harmless
from .keys import Keys, keys_of_store
from .lanes import Lane
from .limits import Limits, WriterStatus
from .notices import tell
from .policies import keep_policy, named_policy
from .reads import ReadLog
from .standard_streams import OutputBuffer
from .store import OpenStore, chosen_store, open_store
from .trace_context import TraceContext
from .writer import Writer

if TYPE_CHECKING:
    from .redact.policy_file import RedactionPolicy

__all__ = ["Config", "Recorder", "current_recorder", "set_aside", "start", "stop", "watch_children"]

_FORK_WAIT_S = 2.0
"""The longest that a fork waits for the writer, whatever the disk does."""

_LAST_BATCH_WAIT_S = 10.0
"""The longest that the exit waits for what is being written, when not everything could be in time."""

DURABILITIES = ("os", "group", "sync")


class Config(NamedTuple):
    """How to record.

    Attributes:
        store: path of the store.
        durability: ``os`` (survives the process), ``group`` (power loss, but for the last 50 ms) or ``sync`` (power loss).
        trace: trace id of what happens outside of any ``fr.trace()``; made when None.
        run: trace id of the ``fr record`` run around it, or None.
        lane: path of the root lane.
        service, environment, region: labels of every row.
        code_version, code_dirty, code_diff: git commit of the program, whether its tree was changed, and a keyed hash of the changes;
            None when unknown.
        encryption: provider of the key-encryption key; None for that of the store's key ring, and for no encryption where it has none.
    """

    store: str
    durability: str = "group"
    trace: str | None = None
    run: str | None = None
    lane: str = "p0"
    service: str | None = None
    environment: str | None = None
    region: str | None = None
    code_version: str | None = None
    code_dirty: bool | None = None
    code_diff: str | None = None
    encryption: str | None = None
    limits: Limits = Limits()

    @staticmethod
    def from_environment(store: str | None = None, **given: Any) -> Config:
        """The environment's settings, with those given in their place."""
        get = os.environ.get
        dirty, reads = get("FR_CODE_DIRTY"), get("FR_CLOCK_READS") or ""
        found = {
            "durability": get("FR_DURABILITY") or "group",
            "encryption": get("FR_ENCRYPT") or None,
            "service": get("FR_SERVICE") or get("OTEL_SERVICE_NAME"),
            "environment": get("FR_ENVIRONMENT"),
            "region": get("FR_REGION") or get("AWS_REGION") or get("GOOGLE_CLOUD_REGION"),
            "code_version": get("FR_CODE_VERSION"),
            "code_dirty": None if not dirty else dirty == "1",
            "code_diff": get("FR_CODE_DIFF") or None,
            "limits": Limits(clock_reads=int(reads)) if reads.isdecimal() and len(reads) < 19 else Limits(),
        }
        settings: dict[str, Any] = {**found, **{k: v for k, v in given.items() if v is not None}}
        return Config(store=chosen_store(store), **settings)


class Recorder:
    """Writes what this process does into a store.

    Args:
        policy: what is redacted, and how; None for the default.

    Attributes:
        trace, labels: of what happens outside of any ``fr.trace()``.
    """

    def __init__(self, config: Config, store: OpenStore, keys: Keys, policy: RedactionPolicy | None = None) -> None:
        self.config = config
        self._policy = policy
        self.store = store
        self.keys = keys
        self.trace = config.trace or new_trace_id()
        self.labels: dict[str, Any] = {}
        self.reads = ReadLog(config.limits.clock_reads)
        self.reads.when_full = self._put_reads
        self.output = OutputBuffer(self._put_output)
        self.writer_id = ""
        self._paused = False
        self.writer: Writer = self._new_writer()

    def _new_writer(self) -> Writer:
        self.writer_id = new_writer_id(host_name(), os.getpid())
        return Writer(self._new_session, self.config.durability, self.config.limits, self.reads, self.trace)

    @harmless
    def _put_reads(self) -> None:
        """The program reads the clock and does nothing else; called in its thread."""
        self.writer.put_reads()

    def _new_session(self) -> Any:
        """Runs in the writer thread, at the first event: this is where the costly imports are."""
        from .content import ContentStore
        from .encoder import Encoder
        from .journal import Journal
        from .placement import DEFAULT_TENANT
        from .redact import Redactor
        from .session import JournalSession
        from .store import protection_of

        redactor = Redactor(self.keys.redaction, self.keys.key_id, policy=self._policy)
        keep_policy(self.store.path, redactor.policy)
        content = ContentStore(redactor, self.keys.content, protection_of(self.store, self.config.encryption, self.writer_id))
        encoder = Encoder(redactor, content, self.keys.redaction, _STARTED)
        journal = Journal(self.store.path, self.writer_id)
        header, _ = redactor.value(self._header(redactor.policy_id), "header")
        if content.protection is not None:
            header["scope"] = DEFAULT_TENANT
        return JournalSession(journal, encoder, header, self.keys.content)

    def _header(self, policy: str) -> dict[str, Any]:
        from .container import this_container

        config = self.config
        facts = {
            "format": FORMAT_VERSION,
            "package": PACKAGE_VERSION,
            "writer": self.writer_id,
            "pid": os.getpid(),
            "ppid": os.getppid(),
            "host": host_name(),
            "started": _STARTED_AT // 1000,
            "trace": self.trace,
            "run": config.run,
            "lane": config.lane,
            "policy": policy,
            "key": self.keys.key_id,
            "service": config.service,
            "environment": config.environment,
            "region": config.region,
            "code_version": config.code_version,
            "code_dirty": config.code_dirty,
            "code_diff": config.code_diff,
            "container": this_container() or None,
            "executable": sys.executable,
            "python": sys.version.split()[0],
            "argv0": os.path.basename(sys.argv[0]) if getattr(sys, "argv", None) else None,
        }
        return {name: value for name, value in facts.items() if value is not None}

    def _put_output(self, source: str, data: bytes) -> None:
        trace = self.trace
        self.writer.put(lambda session: [session.encoder.output(source, data, trace)], len(data))

    def pause(self, longest_s: float = _FORK_WAIT_S) -> None:
        """Let the writer finish what it is at, and begin nothing more. Before a fork, and at exit.

        The child would inherit modules that are imported by half, and locks of libraries that no thread there will ever release.
        """
        self._paused = self.writer._write_lock.acquire(True, longest_s)

    def resume(self) -> None:
        """After a fork, in the parent."""
        if self._paused:
            self._paused = False
            self.writer._write_lock.release()

    def go_on(self) -> None:
        """After :meth:`close`, when the process lives on after all: a new writer and journal."""
        self.writer = self._new_writer()
        self.stand_behind_boundary()

    def start_in_child(self, lane: str) -> None:
        """In the child of a fork: a new writer and journal, in the same trace."""
        self._paused = False
        self.writer.abandon()
        self.reads.forget()
        self.output.forget()
        self.config = self.config._replace(lane=lane)
        _tell_links("begin_child")
        lanes.set_root_lane(lane)
        os.environ["FR_LANE"] = lane
        self.writer = self._new_writer()
        self.stand_behind_boundary()

    def stand_behind_boundary(self) -> None:
        """Let every seam report to this recorder."""
        boundary.install(crossings.RecordingBackend(self.writer, TraceContext(self.trace), in_run=self.config.run is not None))

    def flush(self) -> None:
        """Write all that the program has handed over so far."""
        self.output.flush()
        self.writer.flush()

    def close(self) -> None:
        """Write everything and say goodbye in the journal."""
        self.output.flush()
        self.writer.close()

    def backlog_bytes(self) -> int:
        """Content that was handed over and is not written yet; near ``Limits.queue_bytes`` the next call may have to wait."""
        return self.writer._queued_bytes

    def status(self) -> WriterStatus:
        """Counters of this process."""
        return self.writer.status()

    # -- LaneObserver

    def opened(self, lane: Lane) -> None:
        """Nothing is noted of a lane's beginning: its name says it."""

    @harmless
    def reached(self, lane: Lane) -> None:
        """The beginning of a thread or job, and a look at what has ended, are ordered events."""
        self.reads.note(lane, "b", crossings.next_order())

    @harmless
    def ended(self, lane: Lane) -> None:
        """The end of a thread or job is an ordered event."""
        self.reads.note(lane, "e", crossings.next_order())

    def timer(self, loop: Any, lane: Lane, name: str, when: float, callback: Callable[..., Any], args: tuple[Any, ...], make: Any) -> Any:  # noqa: ARG002
        """When a timer fires, note its number among the lane's timers of that name, its place, and the loop's turn."""
        number = lane.next_timer(name)

        def fire(*args: Any) -> Any:
            self._fired(lane, f"t:{name}", number)
            return callback(*args)

        return make(when, fire, *args)

    def left(self, lane: Lane, number: int) -> None:
        """Note the place and the loop's turn at which the connection of a lane's crossing of this number was put away."""
        self._fired(lane, "c", number)

    @harmless
    def _fired(self, lane: Lane, source: str, number: int) -> None:
        for value in (number, crossings.next_order(), crossings.loop_turns()):
            self.reads.note(lane, source, value)

    def before_turn(self, loop: Any) -> None:
        """Turns are counted where they are made."""


def _tell_links(what: str) -> None:
    """Only where the program has told facts is there somebody to tell."""
    module = sys.modules.get("fr_recorder.request_links")
    if module is not None:
        getattr(module.request_links, what)()


_STARTED = real.monotonic_ns()
_STARTED_AT = real.wall_ns()
_recorder: Recorder | None = None
_watching = False
_host: str | None = None


def host_name() -> str:
    """The host's name."""
    global _host
    if _host is None:
        _host = os.uname().nodename
    return _host


def watch_children() -> None:
    """Follow this process into forks, and write everything before it leaves past ``atexit`` or becomes another program."""
    global _watching
    if _watching:
        return
    _watching = True
    from . import children

    def telling(action: Callable[..., None]) -> Callable[..., None]:
        def tell_recorder(*args: Any) -> None:
            if _recorder is not None:
                action(_recorder, *args)

        return tell_recorder

    children.install(
        telling(Recorder.start_in_child),
        telling(Recorder.close),
        stay=telling(Recorder.go_on),
        pause=telling(Recorder.pause),
        resume=telling(Recorder.resume),
    )


def current_recorder() -> Recorder | None:
    """The recorder of this process, or None."""
    return _recorder


def start(config: Config) -> Recorder | None:
    """Start recording; the running recorder if there is one. None, with one line on stderr, when it cannot be done."""
    global _recorder
    if _recorder is not None:
        return _recorder
    if config.durability not in DURABILITIES:
        tell("durability", f"fr: durability is {config.durability!r}, not one of {', '.join(DURABILITIES)}; using group")
        config = config._replace(durability="group")
    try:
        store = open_store(config.store)
        policy = named_policy(store.path)
    except Exception as error:  # noqa: BLE001 - a store that cannot be opened must not stop the program
        tell("store", f"fr: not recording: {error.one_line() if isinstance(error, FlightError) else error}")
        return None
    keys = keys_of_store(store.store_id)
    assert keys is not None
    if not keys.lasting:
        tell("keys", "fr: no key file could be kept (set FR_KEYS to a writable folder); tokens of this process match no other's")
    lanes.set_root_lane(config.lane)
    recorder = Recorder(config, store, keys, policy)
    recorder.stand_behind_boundary()
    _recorder = recorder
    atexit.register(_close_at_exit, recorder)
    return recorder


def _close_at_exit(recorder: Recorder) -> None:
    """Write everything, and leave the interpreter as it was.

    An interpreter that an interrupt has ended kills itself with SIGINT after this. It remembers that in a flag which any ``exec``
    of text clears, such as the one in ``namedtuple`` when the recorder imports something now; an ``exec`` that is interrupted sets it.
    """
    recorder.close()
    if recorder.writer.is_running():
        # It has more to write than the exit waits for. A thread that finalization finds inside of a C++ library aborts the process.
        recorder.pause(_LAST_BATCH_WAIT_S)
        if not recorder.writer.is_running():
            # It was at its last words: what exit handlers after this one do is written by themselves.
            recorder.resume()
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        try:
            exec("raise KeyboardInterrupt")
        except KeyboardInterrupt:
            return


def set_aside() -> Callable[[], None]:
    """Let nothing be recorded for now; returns what takes the recording up again."""
    global _recorder
    recorder, _recorder = _recorder, None
    behind = boundary.backend()
    boundary.install(None)

    def take_up() -> None:
        global _recorder
        _recorder = recorder
        boundary.install(behind)

    return take_up


def stop() -> None:
    """Stop recording and write everything. For tests, and for programs that want to."""
    global _recorder
    recorder, _recorder = _recorder, None
    if recorder is not None:
        boundary.install(None)
        recorder.close()
        _tell_links("forget")
        atexit.unregister(_close_at_exit)
