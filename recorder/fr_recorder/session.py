"""One journal and what is needed to write events into it. Belongs to the writer thread."""

from __future__ import annotations

from collections.abc import Sequence
from operator import sub
from typing import Any

from fr_schema.frames import MAX_PAYLOAD_BYTES, encode_event

from . import real
from .content import ContentStore, SharedParts
from .encoder import Encoder
from .fact_events import catch_up, fact_event
from .input_files import input_files
from .journal import Journal
from .outcomes import http_outcome
from .program import installed_packages, loaded_code
from .reads import LaneReads
from .seams import seams_seen

__all__ = ["JournalSession"]

_FRAME_BYTES = 32 << 20


class JournalSession:
    """Encodes events and appends them to the journal.

    Args:
        header: the facts about this process that stand first in every journal file; ``t``, ``file`` and ``n`` are added.
        code_key: key of the hashes of the program's source files.

    Attributes:
        said_goodbye: True once the process has ended in order; what comes later goes into a file that says so.
    """

    def __init__(self, journal: Journal, encoder: Encoder, header: dict[str, Any], code_key: bytes) -> None:
        self.journal = journal
        self._code_key = code_key
        self.encoder = encoder
        self.content: ContentStore = encoder.content
        self._header = header
        self._number = 0
        self._open: dict[str, tuple[dict[str, Any], SharedParts | None, Any]] = {}
        self._began = False
        self.said_goodbye = False
        catch_up(encoder)
        self.reopen()

    # -- jobs

    def begin(self, crossing: Any) -> list[dict[str, Any]]:
        """A crossing begins."""
        scope = self.encoder.enter(crossing.context.labels)
        return _scoped(self._begin(crossing), scope)

    def _begin(self, crossing: Any) -> list[dict[str, Any]]:
        kind = crossing.kind
        if kind == "http":
            event = self.encoder.begin_http(crossing)
        elif kind == "tool":
            event = self.encoder.begin_tool(crossing)
        elif kind == "decision":
            return [self.encoder.decision(crossing)]
        elif kind == "fact":
            return [fact_event(self.encoder, crossing)]
        else:
            event = self.encoder.begin_span(crossing)
        self._open[crossing.span] = event, self.content.shared if kind == "http" else None, crossing
        return [event, *self._files()] if kind == "http" else [event]

    def follow(self, crossing: Any) -> list[dict[str, Any]]:
        """More of an answer has come; nothing is written for it."""
        self.encoder.follow_http(crossing)
        return []

    def end(self, crossing: Any) -> list[dict[str, Any]]:
        """A crossing ends."""
        kind = crossing.kind
        self._open.pop(crossing.span, None)
        scope = self.encoder.enter(crossing.context.labels)
        if kind == "http":
            return _scoped([self.encoder.end_http(crossing)], scope)
        return _scoped([self.encoder.end_tool(crossing) if kind == "tool" else self.encoder.end_span(crossing)], scope)

    def bare(self, phase: str, crossing: Any) -> list[dict[str, Any]]:
        """The event of a crossing whose content could not be encoded: that it happened, when, where, and how it ended."""
        event: dict[str, Any] = {"t": phase, "span": crossing.span, "trace": crossing.context.trace_id, "rstatus": "failed"}
        if phase == "begin":
            kind = crossing.fact_kind if crossing.kind == "fact" else getattr(getattr(crossing, "call", None), "kind", crossing.kind)
            event |= {
                "kind": kind,
                "at": crossing.at // 1000,
                "lane": crossing.lane.path,
                "lseq": crossing.lane_seq,
                "issue": crossing.issue,
            }
            if crossing.kind in ("decision", "fact"):
                return [event | {"t": "point"}]
            self._open[crossing.span] = event, None, crossing
            return [event]
        self._open.pop(crossing.span, None)
        duration = crossing.end_at - crossing.start
        event |= {"at": (crossing.at + duration) // 1000, "dur": duration // 1000}
        if crossing.kind != "http":
            return [event | {"status": crossing.end}]
        event |= {"end": crossing.end, "status": http_outcome(crossing)}
        return [event if crossing.status is None else event | {"code": crossing.status}]

    def reads(self, taken: LaneReads, trace: str) -> list[dict[str, Any]]:
        """Clock values and order marks."""
        lanes = {path: {source: _differences(values) for source, values in sources.items()} for path, sources in taken.items()}
        return [{"t": "reads", "trace": trace, "at": real.wall_ns() // 1000, "lanes": lanes}]

    def gap(self, lost: int, reason: str) -> None:
        """Admit a loss in the journal, before anything else is written."""
        self.append(
            self.records([{"t": "gap", "at": real.wall_ns() // 1000, "trace": self._header["trace"], "lost": lost, "reason": reason}])
        )

    def goodbye(self) -> list[dict[str, Any]]:
        """The process ends in order: with it end the answers that the program never read to their end."""
        self.said_goodbye = True
        left = [crossing for _, _, crossing in self._open.values() if crossing.kind == "http" and crossing.status is not None]
        ends = []
        for crossing in left:
            crossing.abandon()
            try:
                ends += self.end(crossing)
            except Exception:  # noqa: BLE001 - fail closed: without its content, and the other ends and the goodbye stay
                ends += self.bare("end", crossing)
        return [*ends, {"t": "program", **self._program()}, *self._files(last=True), {"t": "close", "at": real.wall_ns() // 1000}]

    def _program(self) -> dict[str, Any]:
        return {"code": loaded_code(self._code_key), "seams": seams_seen()}

    def _files(self, *, last: bool = False) -> list[dict[str, Any]]:
        """What the program has read since; while the provider thinks, so that little time lies between reading and hashing."""
        files = input_files()
        if files is None or not files.waiting:
            return []
        try:
            found = files.take(self._code_key, self.encoder.path, last=last)
        except Exception:  # noqa: BLE001 - fail closed: a path that cannot be redacted is not recorded, and the call's own event is
            return []
        return [{"t": "program", "files": found}] if found else []

    # -- the journal

    def records(self, events: list[dict[str, Any]]) -> list[bytes]:
        """Events as records, each behind the blobs that it needs. Raises TypeError or ValueError for what cannot be written."""
        records = [*self.content.records, *self._encoded(events)]
        if records and max(map(len, records)) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"a record is larger than {MAX_PAYLOAD_BYTES} bytes")
        self.content.records = []
        return records

    def _encoded(self, events: list[dict[str, Any]]) -> list[bytes]:
        records = []
        protection = self.content.protection
        for event in events:
            event["n"] = self._number
            self._number += 1
            records.append(encode_event(event if protection is None else protection.sealed(event)))
        return records

    def append(self, records: list[bytes]) -> None:
        """Write records as frames. Raises OSError."""
        frame: list[bytes] = []
        size = 0
        for record in records:
            if frame and size + len(record) > _FRAME_BYTES:
                self.journal.append(b"".join(frame))
                frame, size = [], 0
            frame.append(record)
            size += len(record)
        if frame:
            self.journal.append(b"".join(frame))
        self.content.committed()

    def begin_file(self) -> None:
        """Write what makes a file readable alone, in one frame, unless it is there: who writes, what runs, and what is open.

        To be called before events are made for the file. Raises OSError.
        """
        if self._began:
            return
        header = {"t": "header", **self._header, "file": self.journal.file, "at": real.wall_ns() // 1000}
        events = [
            header | {"resumed": True} if self.said_goodbye else header,
            {"t": "program", "packages": installed_packages(), **self._program()},
            *(_again(event, shared) for event, shared, _ in self._open.values()),
        ]
        self.journal.append(b"".join(self._encoded(events)))
        self._began = True
        # Whoever finds the file before unlocked now finds its open spans here.
        self.journal.release_previous()

    def rotate(self) -> None:
        """Close the file and begin the next, which repeats what is still open. Raises OSError; the file may then still be in use."""
        self.append(self._encoded([{"t": "close", "at": real.wall_ns() // 1000, "next": self.journal.file + 1}]))
        self.journal.sync()
        self.reopen()
        self.begin_file()

    def reopen(self) -> None:
        """Open the next journal file, for :meth:`begin_file` to begin. Raises OSError."""
        before = self.journal.file
        self.journal.open_next()
        if before >= 0 and not self.journal.keeps(before):
            self.content.forget()
        self.content.new_file()
        self._began = False


def _scoped(events: list[dict[str, Any]], scope: str | None) -> list[dict[str, Any]]:
    """The events, with the scope of what they hold. Files that were read meanwhile are the program's."""
    if scope is not None:
        for event in events:
            if event["t"] != "program":
                event["scope"] = scope
    return events


def _again(event: dict[str, Any], shared: SharedParts | None) -> dict[str, Any]:
    """The begin of an open span for the next file, with its part list in full: the base stands in the file before."""
    again = {key: value for key, value in event.items() if key not in ("base", "keep", "new", "tail")}
    if "base" in event:
        again["body"] = shared.around(event["new"]) if shared is not None else event["new"]
    return {**again, "of": event.get("n")}


def _differences(values: Sequence[int]) -> list[int]:
    """The first value, then each as the difference to the one before."""
    return [values[0], *map(sub, values[1:], values)]
