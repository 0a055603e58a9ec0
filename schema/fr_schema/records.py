"""The events of a journal: what the recorder writes, and the row builder reads.

Events are plain JSON objects with a ``t`` that says which of these they are. Times are integers in
microseconds; ids are hex text; ``parts`` are lists of hex blob ids whose contents, joined, are the value.
Keys that do not apply are left out. Readers ignore keys they do not know.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

__all__ = [
    "BeginEvent",
    "CloseEvent",
    "EndEvent",
    "FactEvent",
    "GapEvent",
    "HeaderEvent",
    "OutputEvent",
    "ProgramEvent",
    "ReadsEvent",
    "Redaction",
]

Redaction = tuple[str, str, int]
"""``(path, detector, count)``."""


class HeaderEvent(TypedDict, total=False):
    """First event of every journal file: who writes, and since when.

    ``resumed``: the process had said goodbye when it began this file, and has its row already.
    """

    t: Literal["header"]
    format: int
    writer: str
    file: int
    pid: int
    ppid: int
    host: str
    at: int
    trace: str
    run: str | None
    lane: str
    policy: str
    key: str
    package: str
    service: str | None
    environment: str | None
    region: str | None
    code_version: str | None
    code_dirty: bool | None
    code_diff: str | None
    container: dict[str, str]
    resumed: bool


class BeginEvent(TypedDict, total=False):
    """A span begins. ``kind`` decides which of the further keys are there.

    ``of`` repeats a begin of an earlier journal file that was still open when this file began.

    HTTP: ``method url headers body(parts) len base keep new tail`` — the request's part list is the first ``keep``
    entries of the list of the span ``base``, then ``new``, then the last ``tail`` entries of that list (0 where it is not
    there); or ``body`` in full. ``call attempt cause
    backoff call_at`` tie attempts together.
    Tools: ``tool side args(parts) call_id tool_kind``. Decisions: ``label data(parts)``.

    Exchanges and calls of hand-made clients: ``links`` tells which of the program's own facts it has to do with: ``prompts``, a list of
    ``[span, name@version]``, and ``docs``, one of ``[span, document id]``, whose texts the request holds; ``config`` and ``flags`` in
    force, by name.
    """

    t: Literal["begin"]
    n: int
    span: str
    parent: str | None
    trace: str
    kind: str
    at: int
    mono: int
    name: str | None
    lane: str
    lseq: int
    issue: int
    loc: str | None
    ctx: dict[str, Any]
    redactions: list[Redaction]
    rstatus: str


class EndEvent(TypedDict, total=False):
    """A span ends.

    HTTP: ``sent code rheaders rbody(parts) rlen changed wire(parts) enc hv end``. Tools: ``result(parts) form len``. An exception:
    ``err msg estate(parts) eform trace_text(parts)``.

    ``del`` holds one ``[order, microseconds, size, loop turns]`` per delivery to the program: the headers first
    (when an answer came), then each chunk, then the end. All four are differences: to the delivery before, and for the first to
    the start of the span (whose order is its ``issue``) and, for loop turns, to 0. Sizes refer to ``wire`` where it is there, else
    to ``rbody``.
    """

    t: Literal["end"]
    n: int
    span: str
    trace: str
    at: int
    dur: int
    status: str
    err: str | None
    msg: str | None
    redactions: list[Redaction]
    rstatus: str


class FactEvent(TypedDict, total=False):
    """A fact that only the program can tell, with the keys of a begin; ``kind`` is one of :data:`fr_schema.fact_rows.FACT_KINDS`.

    ``facts`` holds values by column, ``parts`` lists of parts by column, ``documents`` a list of parts for each document. ``about``
    says that it is about the model call before it; ``elsewhere`` that its trace was named, and need not be of this run.
    """

    t: Literal["point"]
    n: int
    span: str
    trace: str
    kind: str
    at: int
    name: str | None
    facts: dict[str, Any]
    parts: dict[str, list[str]]
    documents: list[list[str]]
    about: str
    elsewhere: bool
    rstatus: str


class ReadsEvent(TypedDict, total=False):
    """What the lanes read from outside since the last such event of this journal.

    ``lanes`` maps a lane to its sources. Sources ``w m p`` (wall, monotonic and performance clock, ns) hold the
    first value in full and the others as differences; ``s`` (woken from ``time.sleep``) and ``e`` (thread or job
    ended) hold places in the process-wide order, coded likewise. ``t:<callback>`` holds three values per timer of an
    event loop that fired: its number among the lane's timers with that callback, its place in the order, and the loop's turn.
    """

    t: Literal["reads"]
    n: int
    trace: str
    at: int
    lanes: dict[str, dict[str, list[int]]]


class OutputEvent(TypedDict, total=False):
    """Bytes that went through the program's standard output or input, in order."""

    t: Literal["output"]
    n: int
    trace: str
    src: str
    body: list[str]
    len: int


class GapEvent(TypedDict, total=False):
    """Something is missing, how many records, and why."""

    t: Literal["gap"]
    n: int
    trace: str
    at: int
    lost: int
    reason: str


class ProgramEvent(TypedDict, total=False):
    """What the process runs: installed ``packages`` and versions, ``code`` (keyed hashes of the program's loaded source
    files by path), ``seams`` (client libraries seen), ``files`` (what it read: hash, size and time by path). Later events add to
    earlier ones.
    """

    t: Literal["program"]
    n: int
    packages: dict[str, str]
    code: dict[str, str]
    seams: dict[str, str]
    files: dict[str, str]


class CloseEvent(TypedDict, total=False):
    """Last event of a journal file that was closed in order.

    ``next``: the number of the file that continues it, and repeats what is open. When something follows all the same, that file
    could not be begun.
    """

    t: Literal["close"]
    n: int
    at: int
    next: int | None
