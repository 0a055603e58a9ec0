"""Content on its way to the journal: redacted, cut into parts, named by keyed hash, and stored once.

Runs in the writer thread only. A conversation's request repeats all that went before; here it is recognised by
comparing bytes with the lane's request before it, and only what is new is parsed, redacted, hashed and stored.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from typing import Any, NamedTuple

from fr_schema.frames import encode_blob
from fr_schema.ids import day_of_trace
from fr_schema.parts import GLUE, Segment, cut_body, cut_list
from fr_schema.records import Redaction

__all__ = ["ContentStore", "RequestParts", "StoredContent"]

CUT_BYTES = 1 << 20
"""Content beyond this is cut into parts of this size."""

_JOINED = frozenset((GLUE, "value"))
_FULL_LIST_EVERY = 64
_CONVERSATIONS = 64
_CACHE_CHARACTERS = 16 << 20
_DAYS = 2
_IDS_PER_DAY = 500_000
_PUNCTUATION_BYTES = 64
_MOST_PUNCTUATION = 256


class StoredContent(NamedTuple):
    """Content that is in the journal.

    Attributes:
        parts: hex blob ids, in order.
        size: bytes of redacted content.
        redactions: what was replaced.
        status: clean, redacted, failed or unscanned.
    """

    parts: list[str]
    size: int
    redactions: list[Redaction]
    status: str


class RequestParts(NamedTuple):
    """A request body, as a difference to the request of the span ``base`` (``keep`` of its parts) or in full."""

    base: str | None
    keep: int
    new: list[str]
    size: int
    redactions: list[Redaction]
    status: str


class _Conversation:
    """What is remembered of a lane's last request: the bytes up to its last message, and the parts of those."""

    __slots__ = ("day", "ids", "key", "length", "prefix", "redactions", "since_full", "span")

    def __init__(
        self, day: str, prefix: bytes, key: str, ids: list[str], length: int, redactions: list[Redaction], span: str, since_full: int
    ) -> None:
        self.day = day
        self.prefix = prefix
        self.key = key
        self.ids = ids
        self.length = length
        self.redactions = redactions
        self.span = span
        self.since_full = since_full


class _CachedPart(NamedTuple):
    blob_id: str
    size: int
    redactions: list[Redaction]


class ContentStore:
    """Names and stores parts for one journal.

    ``records`` collects the blob records of the batch being built; the caller takes and clears it. ``kept`` holds
    the parts that the last request shares with the one before it.
    """

    def __init__(self, redactor: Any, content_key: bytes) -> None:
        self._redactor = redactor
        self._key = content_key
        self.records: list[bytes] = []
        self.kept: list[str] = []
        self._stored: OrderedDict[str, set[bytes]] = OrderedDict()
        self._unsure: list[tuple[str, bytes]] = []
        self._conversations: OrderedDict[str, _Conversation] = OrderedDict()
        self._cache: OrderedDict[tuple[str | None, str], _CachedPart] = OrderedDict()
        self._cached_characters = 0
        self._punctuation: dict[bytes, bytes] = {}
        self._last_day = ("", "")

    def put(self, kind: str, data: bytes, trace: str) -> str:
        """Store redacted content as one blob, unless the trace's day has it already. Returns its hex id."""
        blob_id = self._blob_id(kind, data)
        if self._is_new(blob_id, trace):
            self.records.append(encode_blob(blob_id, bytes.fromhex(trace), kind, data))
        return blob_id.hex()

    def _blob_id(self, kind: str, data: bytes) -> bytes:
        """The keyed hash of a part. That of a comma or bracket between messages, which comes back all the time, is remembered."""
        if kind != GLUE or len(data) > _PUNCTUATION_BYTES:
            return hmac.digest(self._key, data, "sha256")
        blob_id = self._punctuation.get(data)
        if blob_id is None:
            blob_id = hmac.digest(self._key, data, "sha256")
            if len(self._punctuation) < _MOST_PUNCTUATION:
                self._punctuation[data] = blob_id
        return blob_id

    def _day(self, trace: str) -> str:
        """The partition of a trace. Formatting a date costs as much as hashing a message, and a process has few traces at a time."""
        known, day = self._last_day
        if known != trace:
            day = day_of_trace(trace)
            self._last_day = trace, day
        return day

    def put_cut(self, kind: str, data: bytes, trace: str) -> list[str]:
        """Store redacted content of any size, in parts of at most ``CUT_BYTES``."""
        if len(data) <= CUT_BYTES:
            return [self.put(kind, data, trace)]
        view = memoryview(data)
        return [self.put(kind, bytes(view[i : i + CUT_BYTES]), trace) for i in range(0, len(data), CUT_BYTES)]

    def committed(self) -> None:
        """The records handed out so far are in the journal."""
        self._unsure.clear()

    def lost(self) -> None:
        """Records made since the last commit did not reach the journal: drop them, and store those blobs again when next needed."""
        self.records = []
        for day, blob_id in self._unsure:
            self._stored.get(day, set()).discard(blob_id)
        self._unsure.clear()
        self._conversations.clear()
        self._cache.clear()
        self._cached_characters = 0

    def forget(self) -> None:
        """What was stored is gone: store everything again when it is next needed."""
        self.lost()
        self._stored.clear()

    def new_file(self) -> None:
        """A new journal file begins: it must not refer to part lists of the file before."""
        self._conversations.clear()

    def _is_new(self, blob_id: bytes, trace: str) -> bool:
        day = self._day(trace)
        ids = self._stored.get(day)
        if ids is None or len(ids) > _IDS_PER_DAY:
            ids = self._stored[day] = set()
            while len(self._stored) > _DAYS:
                self._stored.popitem(last=False)
        if blob_id in ids:
            return False
        ids.add(blob_id)
        self._unsure.append((day, blob_id))
        return True

    # -- requests

    def put_request(self, lane: str, span: str, body: bytes, content_type: str | None, trace: str) -> RequestParts:
        """Store a request body. JSON objects are cut at element boundaries, others are stored as they are."""
        self.kept = []
        if not body:
            return RequestParts(None, 0, [], 0, [], "clean")
        grown = self._put_grown(lane, span, body, trace)
        if grown is not None:
            return grown
        text = _decode(body)
        cut = cut_body(text) if text is not None and text.lstrip()[:1] == "{" else None
        if cut is None:
            self._conversations.pop(lane, None)
            stored = self.put_body(body, content_type, "request", trace)
            return RequestParts(None, 0, stored.parts, stored.size, stored.redactions, stored.status)
        segments, cursor = cut
        if "".join([s.text for s in segments]) != text:
            raise AssertionError("a cut body does not join to itself")
        before = segments[: cursor.segments] if cursor is not None else []
        ids, size, hits = self._put_segments(before, trace)
        prefix_ids, prefix_size, prefix_hits = list(ids), size, list(hits)
        rest_ids, rest_size, rest_hits = self._put_segments(segments[len(before) :], trace)
        if cursor is not None:
            prefix = text[: cursor.offset].encode()
            conversation = _Conversation(self._day(trace), prefix, cursor.key, prefix_ids, prefix_size, prefix_hits, span, 0)
            self._remember(lane, conversation)
        redactions = hits + rest_hits
        return RequestParts(None, 0, ids + rest_ids, size + rest_size, redactions, "redacted" if redactions else "clean")

    def _put_grown(self, lane: str, span: str, body: bytes, trace: str) -> RequestParts | None:
        """A body that begins with all of the lane's last one up to its last message: only the rest is looked at."""
        known = self._conversations.get(lane)
        day = self._day(trace)
        if known is None or not body.startswith(known.prefix) or known.day != day:
            # Of another day: the partition of this trace lacks its parts.
            return None
        rest = _decode(body[len(known.prefix) :])
        cut = cut_list(rest, known.key) if rest is not None else None
        if cut is None or rest is None:
            return None
        segments, cursor = cut
        if "".join([s.text for s in segments]) != rest:
            raise AssertionError("a cut body does not join to itself")
        if cursor is None:
            return None
        grown_ids, grown_size, grown_hits = self._put_segments(segments[: cursor.segments], trace)
        rest_ids, rest_size, rest_hits = self._put_segments(segments[cursor.segments :], trace)
        redactions = known.redactions + grown_hits + rest_hits
        base: str | None = known.span
        since_full = known.since_full + 1
        new, keep = grown_ids + rest_ids, len(known.ids)
        if since_full >= _FULL_LIST_EVERY:
            base, since_full, keep, new = None, 0, 0, known.ids + new
        self.kept = known.ids[:keep]
        size = known.length + grown_size + rest_size
        grown = _Conversation(
            day,
            body[: len(known.prefix) + len(rest[: cursor.offset].encode())],
            cursor.key,
            known.ids + grown_ids,
            known.length + grown_size,
            known.redactions + grown_hits,
            span,
            since_full,
        )
        self._remember(lane, grown)
        return RequestParts(base, keep, new, size, redactions, "redacted" if redactions else "clean")

    def _remember(self, lane: str, conversation: _Conversation) -> None:
        self._conversations[lane] = conversation
        self._conversations.move_to_end(lane)
        while len(self._conversations) > _CONVERSATIONS:
            self._conversations.popitem(last=False)

    def _put_segments(self, segments: list[Segment], trace: str) -> tuple[list[str], int, list[Redaction]]:
        """Redact and store segments, joining the small ones; parts that were seen before are only looked up.

        Returns the parts' ids, their size in bytes, and what was redacted.
        """
        known = [self._known_part(segment, trace) for segment in segments]
        fresh = [segment for segment, part in zip(segments, known, strict=True) if part is None]
        redacted, hits = self._redactor.segments(fresh) if fresh else ([], [])
        redactions = _plain(hits)
        following = iter(redacted)
        ids: list[str] = []
        size = 0
        pending: list[str] = []

        def store(kind: str, text: str) -> int:
            data = _encode(text)
            ids.append(self.put(kind, data, trace))
            return len(data)

        for segment, part in zip(segments, known, strict=True):
            now = next(following) if part is None else segment
            if part is None and now.kind in _JOINED:
                pending.append(now.text)
                continue
            if pending:
                size += store(GLUE, "".join(pending))
                pending.clear()
            if part is not None:
                ids.append(part.blob_id)
                size += part.size
                redactions += part.redactions
                continue
            length = store(now.kind, now.text)
            size += length
            own = _plain(self._redactor.segments([segment])[1]) if hits and now.text != segment.text else []
            self._remember_part(segment, _CachedPart(ids[-1], length, own))
        if pending:
            size += store(GLUE, "".join(pending))
        return ids, size, redactions

    def _known_part(self, segment: Segment, trace: str) -> _CachedPart | None:
        """The stored part of a segment's text, if the trace's day has it."""
        if segment.kind in _JOINED:
            return None
        # By its key as well: whether a value is a secret can depend on what it stands under.
        part = self._cache.get((segment.key, segment.text))
        if part is None or not self._has(part.blob_id, trace):
            return None
        self._cache.move_to_end((segment.key, segment.text))
        return part

    def _has(self, blob_id: str, trace: str) -> bool:
        ids = self._stored.get(self._day(trace))
        return ids is not None and bytes.fromhex(blob_id) in ids

    def _remember_part(self, segment: Segment, part: _CachedPart) -> None:
        if len(segment.text) > _CACHE_CHARACTERS // 4 or (segment.key, segment.text) in self._cache:
            return
        self._cache[segment.key, segment.text] = part
        self._cached_characters += len(segment.text)
        while self._cached_characters > _CACHE_CHARACTERS:
            (_, old), _ = self._cache.popitem(last=False)
            self._cached_characters -= len(old)

    # -- everything else

    def put_body(self, data: bytes, content_type: str | None, kind: str, trace: str) -> StoredContent:
        """Redact a body by its content type and store it."""
        redacted = self._redactor.body(data, content_type)
        if redacted.status == "failed":
            return StoredContent([], 0, _plain(redacted.hits), "failed")
        return StoredContent(self.put_cut(kind, redacted.data, trace), len(redacted.data), _plain(redacted.hits), redacted.status)


def _plain(hits: Any) -> list[Redaction]:
    return [(h.path, h.detector, h.count) for h in hits]


def _decode(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
