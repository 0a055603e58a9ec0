"""Content on its way to the journal: redacted, cut into parts, named by keyed hash, and stored once.

Runs in the writer thread only. A conversation's request repeats all that went before; here it is recognised by
comparing bytes with the lane's request before it, and only what is new is parsed, redacted, hashed and stored.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from fr_schema.frames import encode_blob
from fr_schema.ids import day_of_trace
from fr_schema.parts import GLUE, ListCursor, Segment, byte_offset, cut_body, cut_list
from fr_schema.records import Redaction

from .keyed_hash import KeyedHash
from .placement import Placement, is_shared

__all__ = ["ContentStore", "RequestParts", "SharedParts", "StoredContent", "count_together"]

CUT_BYTES = 1 << 20
"""Content beyond this is cut into parts of this size."""

_JOINED = frozenset((GLUE, "value"))
_FULL_LIST_EVERY = 64
_CONVERSATIONS = 64
_MOST_PLACES = 256
_CACHE_CHARACTERS = 16 << 20
_DAYS = 2
_IDS_PER_DAY = 500_000
_PUNCTUATION_CHARACTERS = 64
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
    """A request body: ``new``, behind the first ``keep`` parts of the request of the span ``base`` and before its last ``tail`` ones."""

    base: str | None
    keep: int
    new: list[str]
    size: int
    redactions: list[Redaction]
    status: str
    tail: int = 0


class _Stored(NamedTuple):
    """A stretch of a request in the journal: its parts' hex ids, their bytes, and what was replaced in them."""

    ids: list[str]
    size: int
    redactions: list[Redaction]


class SharedParts(NamedTuple):
    """What a request shares with the one before it: the first ``length`` of a list that later requests make longer, and a tail."""

    ids: list[str]
    length: int
    tail: list[str]

    def around(self, new: list[str]) -> list[str]:
        """Hex ids of the whole request."""
        return [*self.ids[: self.length], *new, *self.tail]


_NOTHING_SHARED = SharedParts([], 0, [])


class _Conversation(NamedTuple):
    """What is remembered of a lane's last request.

    Attributes:
        day: partition that has its parts.
        body: the request as it was sent; it lives as long as this does.
        end: how many of its bytes come before the end of its last message.
        key: the list that the message stands in.
        ids: the parts of those bytes; a list that later requests make longer, so that each has its own ``length``.
        length, size, redactions: how many parts, their bytes, and what was replaced in them.
        span: whose request it was.
        since_full: how many requests ago the list of parts was last written in full.
        keys: under whose keys its parts are.
        tail, after: what stands behind the last message, and its parts.
    """

    day: str
    body: bytes
    end: int
    key: str
    ids: list[str]
    length: int
    size: int
    redactions: list[Redaction]
    span: str
    since_full: int
    keys: tuple[int, int]
    tail: bytes
    after: _Stored


class _CachedPart(NamedTuple):
    """A part of the journal: its id, the same in hex, its bytes, and what was replaced in it."""

    blob_id: bytes
    name: str
    size: int
    redactions: Sequence[Redaction]


_Work = tuple[Segment, Segment, _CachedPart | None, Sequence[Redaction]]
"""A segment as it was and as it is now; the part that it is if the journal has it; and what was replaced in it."""

_NO_REDACTIONS: tuple[Redaction, ...] = ()


class ContentStore:
    """Names and stores parts for one journal.

    ``records`` collects the blob records of the batch being built; the caller takes and clears it. ``shared`` tells
    the parts that the last request shares with the one before it.
    """

    def __init__(self, redactor: Any, content_key: bytes, protection: Any = None) -> None:
        self._redactor = redactor
        self.protection = protection
        self._own = self._shared = Placement(KeyedHash(content_key))
        self.records: list[bytes] = []
        self.shared = _NOTHING_SHARED
        self._stored: OrderedDict[str, set[bytes]] = OrderedDict()
        self._unsure: list[tuple[set[bytes], bytes]] = []
        self._conversations: OrderedDict[str, _Conversation] = OrderedDict()
        self._cache: OrderedDict[tuple[int, str | None, str], _CachedPart] = OrderedDict()
        self._cached_characters = 0
        self._punctuation: dict[tuple[int, str], tuple[bytes, bytes]] = {}
        self._last_day = ("", "")

    def enter(self, scope: str) -> None:
        """From here on content is a scope's. Only with a protection; raises KeyUnavailable."""
        self._own = self.protection.placement(scope)
        self._shared = self.protection.shared(scope)

    @property
    def _keys(self) -> tuple[int, int]:
        return self._own.generation, self._shared.generation

    def put(self, kind: str, data: bytes, trace: str) -> str:
        """Store redacted content as one blob, unless the trace's day has it already. Returns its hex id."""
        blob_id = self._own.hash.digest(data)
        self._store(blob_id, kind, data, self._ids_of_day(trace), trace)
        return blob_id.hex()

    def _store(self, blob_id: bytes, kind: str, data: bytes, ids: set[bytes], trace: str, where: Placement | None = None) -> None:
        if blob_id not in ids:
            where = where or self._own
            record = where.record(blob_id, kind, data, trace) if where.cipher else encode_blob(blob_id, bytes.fromhex(trace), kind, data)
            ids.add(blob_id)
            self._unsure.append((ids, blob_id))
            self.records.append(record)

    def _put_glue(self, text: str, ids: set[bytes], trace: str) -> tuple[str, int]:
        """Store punctuation; returns its hex id and its bytes. That between messages comes back all the time, and is remembered."""
        place = self._own.generation, text
        known = self._punctuation.get(place)
        if known is None:
            data = _encode(text)
            known = self._own.hash.digest(data), data
            if len(text) <= _PUNCTUATION_CHARACTERS and len(self._punctuation) < _MOST_PUNCTUATION:
                self._punctuation[place] = known
        blob_id, data = known
        self._store(blob_id, GLUE, data, ids, trace)
        return blob_id.hex(), len(data)

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
        for ids, blob_id in self._unsure:
            ids.discard(blob_id)
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
        if self.protection is not None:
            self.protection.look_again()

    def _ids_of_day(self, trace: str) -> set[bytes]:
        """Ids of what the partition of a trace has."""
        day = self._day(trace)
        ids = self._stored.get(day)
        if ids is None or len(ids) > _IDS_PER_DAY:
            ids = self._stored[day] = set()
            while len(self._stored) > _DAYS:
                self._stored.popitem(last=False)
        return ids

    # -- requests

    @property
    def kept(self) -> list[str]:
        """The hex ids of the parts that the last request shares with the one before it."""
        return self.shared.ids[: self.shared.length]

    def put_request(self, lane: str, span: str, body: bytes, content_type: str | None, trace: str) -> RequestParts:
        """Store a request body. JSON objects are cut at element boundaries, others are stored as they are."""
        self.shared = _NOTHING_SHARED
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
        assert text is not None
        _check_cut(segments, text)
        before, after = self._put_segments(segments, cursor.segments if cursor is not None else 0, trace)
        if cursor is not None:
            end = byte_offset(text, body, cursor.offset)
            self._remember(
                lane,
                _Conversation(
                    *(self._day(trace), body, end, cursor.key, list(before.ids), len(before.ids), before.size, before.redactions),
                    *(span, 0, self._keys, body[end:], after),
                ),
            )
        redactions = before.redactions + after.redactions
        return RequestParts(None, 0, before.ids + after.ids, before.size + after.size, redactions, _status(redactions))

    def _put_grown(self, lane: str, span: str, body: bytes, trace: str) -> RequestParts | None:
        """A body that begins with all of the lane's last one up to its last message: only the rest is looked at."""
        known = self._conversations.get(lane)
        day = self._day(trace)
        if known is None or not body.startswith(memoryview(known.body)[: known.end]) or known.day != day or known.keys != self._keys:
            # Of another day: the partition of this trace lacks its parts. Under other keys: they are another's.
            return None
        cut = _cut_rest(known, body)
        if cut is None:
            return None
        segments, cursor, end, same_tail = cut
        grown, after = self._put_segments(segments, cursor.segments, trace)
        tail, after = (known.tail, known.after) if same_tail else (body[end:], after)
        ids = known.ids
        redactions = count_together(known.redactions + grown.redactions)
        size = known.size + grown.size
        base: str | None = known.span
        since_full = known.since_full + 1
        new, keep, kept = grown.ids if same_tail else grown.ids + after.ids, known.length, after.ids if same_tail else []
        if since_full >= _FULL_LIST_EVERY:
            base, since_full, keep, new, kept = None, 0, 0, [*ids[: known.length], *new, *kept], []
        self.shared = SharedParts(ids, keep, kept)
        ids += grown.ids
        growth = (ids, len(ids), size, redactions, span, since_full, known.keys, tail, after)
        self._remember(lane, _Conversation(day, body, end, cursor.key, *growth))
        if after.redactions:
            redactions = redactions + after.redactions
        return RequestParts(base, keep, new, size + after.size, redactions, _status(redactions), len(kept))

    def _remember(self, lane: str, conversation: _Conversation) -> None:
        self._conversations[lane] = conversation
        self._conversations.move_to_end(lane)
        while len(self._conversations) > _CONVERSATIONS:
            self._conversations.popitem(last=False)

    def _put_segments(self, segments: list[Segment], border: int, trace: str) -> tuple[_Stored, _Stored]:
        """Redact and store segments, those before the border and the others, joining the small ones of either.

        All are looked through at once; parts that were seen before are only looked up.
        """
        ids = self._ids_of_day(trace)
        known = [None if segment.kind in _JOINED else self._known_part(segment, ids) for segment in segments]
        fresh = [segment for segment, part in zip(segments, known, strict=True) if part is None]
        redacted, hits = self._redactor.segments(fresh) if fresh else ([], [])
        own = hits.own if hits else {}
        following = iter(enumerate(redacted))
        work: list[_Work] = []
        for segment, part in zip(segments, known, strict=True):
            if part is not None:
                work.append((segment, segment, part, part.redactions))
                continue
            number, now = next(following)
            work.append((segment, now, None, _plain(own[number]) if number in own else _NO_REDACTIONS))
        return self._store_segments(work[:border], ids, trace), self._store_segments(work[border:], ids, trace)

    def _store_segments(self, work: list[_Work], ids: set[bytes], trace: str) -> _Stored:
        names: list[str] = []
        pending: list[str] = []
        redactions: list[Redaction] = []
        size = 0
        for segment, now, part, own in work:
            if own:
                redactions += own
            if part is None and now.kind in _JOINED:
                pending.append(now.text)
                continue
            if pending:
                name, length = self._put_glue("".join(pending), ids, trace)
                names.append(name)
                size += length
                pending = []
            stored = part or self._new_part(segment, now, own, ids, trace)
            names.append(stored.name)
            size += stored.size
        if pending:
            name, length = self._put_glue("".join(pending), ids, trace)
            names.append(name)
            size += length
        return _Stored(names, size, redactions)

    def _new_part(self, segment: Segment, now: Segment, own: Sequence[Redaction], ids: set[bytes], trace: str) -> _CachedPart:
        data = _encode(now.text)
        where = self._where(segment)
        blob_id = where.hash.digest(data)
        self._store(blob_id, now.kind, data, ids, trace, where)
        part = _CachedPart(blob_id, blob_id.hex(), len(data), own)
        self._remember_part(segment, part)
        return part

    def _where(self, segment: Segment) -> Placement:
        return self._shared if self.protection is not None and is_shared(segment.kind, segment.value) else self._own

    def _known_part(self, segment: Segment, ids: set[bytes]) -> _CachedPart | None:
        """The stored part of a segment's text, if the trace's day has it."""
        # By its key as well: whether a value is a secret can depend on what it stands under.
        place = (self._where(segment).generation, segment.key, segment.text)
        part = self._cache.get(place)
        if part is None or part.blob_id not in ids:
            return None
        self._cache.move_to_end(place)
        return part

    def _remember_part(self, segment: Segment, part: _CachedPart) -> None:
        place = (self._where(segment).generation, segment.key, segment.text)
        if len(segment.text) > _CACHE_CHARACTERS // 4 or place in self._cache:
            return
        self._cache[place] = part
        self._cached_characters += len(segment.text)
        while self._cached_characters > _CACHE_CHARACTERS:
            (_, _, old), _ = self._cache.popitem(last=False)
            self._cached_characters -= len(old)

    # -- everything else

    def put_body(self, data: bytes, content_type: str | None, kind: str, trace: str) -> StoredContent:
        """Redact a body by its content type and store it."""
        redacted = self._redactor.body(data, content_type)
        if redacted.status == "failed":
            return StoredContent([], 0, _plain(redacted.hits), "failed")
        return StoredContent(self.put_cut(kind, redacted.data, trace), len(redacted.data), _plain(redacted.hits), redacted.status)


def count_together(redactions: list[Redaction]) -> list[Redaction]:
    """Equal places counted together; beyond 256 different ones the path becomes ``...``."""
    if len(redactions) < 2:
        return redactions
    counted: dict[tuple[str, str], int] = {}
    for path, detector, count in redactions:
        place = (path, detector)
        if place not in counted and len(counted) >= _MOST_PLACES:
            place = ("...", detector)
        counted[place] = counted.get(place, 0) + count
    return [(path, detector, count) for (path, detector), count in counted.items()]


def _cut_rest(known: _Conversation, body: bytes) -> tuple[list[Segment], ListCursor, int, bool] | None:
    """Cut what a body has beyond the lane's last one. Returns segments, cursor, its offset in bytes, and whether the tail is as it was.

    Then the segments are those of the new elements alone: what was cut once behind such an element need not be cut again.
    """
    for tail in (known.tail, b"") if body.endswith(known.tail) else (b"",):
        rest = _decode(body[known.end : len(body) - len(tail)])
        text = rest + "]}" if rest is not None and tail else rest
        segments, cursor = (cut_list(text, known.key) if text is not None else None) or ([], None)
        if rest is not None and text is not None and cursor is not None and (not tail or cursor.offset == len(rest)):
            _check_cut(segments, text)
            return segments[: cursor.segments] if tail else segments, cursor, known.end + len(rest[: cursor.offset].encode()), bool(tail)
    return None


def _check_cut(segments: list[Segment], text: str) -> None:
    if "".join([segment.text for segment in segments]) != text:
        raise AssertionError("a cut body does not join to itself")


def _status(redactions: list[Redaction]) -> str:
    return "redacted" if redactions else "clean"


def _plain(hits: Any) -> list[Redaction]:
    return [(h.path, h.detector, h.count) for h in hits]


def _decode(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
