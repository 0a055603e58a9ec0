"""The matching engine: which rules match where in a text.

One ``re2.Set`` over all rules answers in a single pass which of them may match at all; only those are then run one by one. Everything
works on bytes in Latin-1 mode, so offsets are byte offsets and no Unicode class can make two engines differ.

Where google-re2 cannot be imported, the standard library's ``re`` runs the same patterns: the results are the same (tested), it is
about thirty times slower, and it does not promise linear time. The policy id names the engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from fr_recorder.redact.checks import CHECKS
from fr_recorder.redact.encoded import ENCODED, decoded_run
from fr_recorder.redact.rule import Rule
from fr_recorder.redact.rules import RULES
from fr_recorder.redact.tokens import MARKER, MARKER_KIND, TOKEN

__all__ = ["SEPARATOR", "SHORTEST_MATCH", "Engine", "Found", "engine_for"]

SEPARATOR = "\0"
"""Stands between leaves that are scanned together; no rule matches across it."""

SHORTEST_MATCH = 5
"""No rule matches fewer characters, its surroundings included."""

_SENTINEL = b"\x01fr\x02"
_MOST_ROUNDS = 8
_FEW_BRACKETS = 32
_WINDOW = 32 << 20
_WINDOW_OVERLAP = 256 << 10
_SET_MEMORY = 8 << 20
"""What the set's automaton may grow to inside the agent; measured on 30 MB of source: 8 MiB cost 1.4 s, 32 MiB 1.0 s, 2 MiB 3.6 s."""


class Found(NamedTuple):
    """One secret in a text: characters from ``start`` to ``end``, its kind, and the characters themselves."""

    start: int
    end: int
    kind: str
    value: str


class _Span(NamedTuple):
    phase: int
    start: int
    negative_length: int
    row: int

    @property
    def end(self) -> int:
        return self.start - self.negative_length


class _Match(Protocol):
    def span(self, group: int = 0) -> tuple[int, int]: ...


class _Pattern(Protocol):
    def search(self, text: bytes | bytearray, pos: int = 0) -> _Match | None: ...


class _Matcher(Protocol):
    """The part of the work that differs between the two engines."""

    name: str

    def may_match(self, buffer: bytes | bytearray) -> Sequence[int]: ...

    def pattern(self, row: int) -> _Pattern: ...


class _Re2Matcher:
    name = "re2"

    def __init__(self, rules: Sequence[Rule]) -> None:
        import re2

        self._rules = rules
        self._re2 = re2
        self._patterns: dict[int, Any] = {}
        self._options = re2.Options()
        self._options.encoding = re2.Options.Encoding.LATIN1
        self._options.log_errors = False
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors = False
        options.never_capture = True
        options.max_mem = _SET_MEMORY
        self._set = re2.Set.SearchSet(options)
        for rule in rules:
            self._set.Add((rule.gate or rule.pattern).encode("latin-1"))
        self._set.Add(_SENTINEL)
        self._set.Compile()

    def may_match(self, buffer: bytes | bytearray) -> Sequence[int]:
        """Rows that may match. The set cannot report that it ran out of memory, so a sentinel that must always be found tells."""
        rows = self._set.Match(bytes(buffer) + _SENTINEL)
        sentinel = len(self._rules)
        if rows == [sentinel]:
            return ()
        if not rows or sentinel not in rows:
            return range(sentinel)
        return sorted(row for row in rows if row != sentinel)

    def pattern(self, row: int) -> Any:
        if row not in self._patterns:
            self._patterns[row] = self._re2.compile(self._rules[row].pattern.encode("latin-1"), self._options)
        return self._patterns[row]


class _ReMatcher:
    name = "re"

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._hints = [tuple(hint.encode() for hint in rule.hints) for rule in rules]
        self._patterns: dict[int, Any] = {}

    def may_match(self, buffer: bytes | bytearray) -> Sequence[int]:
        """Rows that may match: all, but for those of which no literal occurs."""
        lowered = bytes(buffer).lower()
        return [row for row, hints in enumerate(self._hints) if not hints or any(hint in lowered for hint in hints)]

    def pattern(self, row: int) -> Any:
        if row not in self._patterns:
            self._patterns[row] = re.compile(self._rules[row].pattern.encode("latin-1"))
        return self._patterns[row]


class Engine:
    """Finds the secrets of the enabled kinds. Safe to use from several threads.

    Args:
        disabled: kinds that are not looked for.
        name: ``re2``, ``re``, or None for the best that can be imported.
        own: rules besides those of the table, and before them.

    Raises:
        ImportError: when ``re2`` is asked for and missing.
    """

    def __init__(self, disabled: frozenset[str], name: str | None = None, own: tuple[Rule, ...] = ()) -> None:
        self.rules = tuple(rule for rule in (*own, *RULES) if rule.kind not in disabled)
        self._matcher = _matcher(self.rules, name)
        self.name = self._matcher.name
        self._tails = [re.compile(f"{rule.tail}*".encode("latin-1")) if rule.tail else None for rule in self.rules]
        self._checks = [self._encoded if rule.check == ENCODED else CHECKS[rule.check] if rule.check else None for rule in self.rules]

    def is_clean(self, leaves: Sequence[str]) -> bool:
        """Whether none of the leaves holds anything to replace; they are joined and scanned in one pass."""
        return self._is_clean(_encode_all(leaves))

    def _is_clean(self, buffer: bytes) -> bool:
        if _holds_marker(buffer):
            masked = _mask_tokens(buffer)
            if MARKER in masked:
                return False
            buffer = bytes(masked)
        if len(buffer) > _WINDOW:
            return next(self._spans(buffer), None) is None
        for row in self._matcher.may_match(buffer):
            for _ in self._spans_of(row, buffer):
                return False
        return True

    def dirty(self, leaves: Sequence[str]) -> list[int]:
        """Numbers of the leaves that hold something to replace; they are joined and scanned in one pass."""
        buffer = _encode_all(leaves)
        if MARKER in buffer or buffer.count(b"\0") != len(leaves) + 1:
            if self._is_clean(buffer):
                return []
            return [number for number, leaf in enumerate(leaves) if not self.is_clean([leaf])]
        starts = sorted({span.start for span in self._spans(buffer)})
        numbers: list[int] = []
        number = position = 0
        for start in starts:
            number += buffer.count(b"\0", position, start)
            position = start
            if not numbers or numbers[-1] != number - 1:
                numbers.append(number - 1)
        return numbers

    def find(self, text: str) -> list[Found]:
        """All secrets of a text in order, without overlaps.

        Of two that overlap, the one that begins earlier stays, then the longer, then the one whose rule comes first. What has been found
        is blanked and the rest is looked at again, since the blank is a boundary that was not there before: so a second call on the
        redacted text finds nothing more. After eight rounds the rest is left to that second call, to keep the time linear.
        """
        if len(text) < SHORTEST_MATCH:
            return []
        buffer = _encode(text)
        work = bytearray(buffer)
        taken: list[tuple[int, int, str]] = []
        if MARKER in buffer:
            work = _mask_tokens(buffer)
            taken += _mask_markers(work)
        for _ in range(_MOST_ROUNDS):
            spans = _resolve(self._spans(work))
            if not spans:
                break
            for span in spans:
                start, end = _whole_characters(work, span.start, span.end)
                taken.append((start, end, self.rules[span.row].kind))
                work[start:end] = bytes(end - start)
        return _to_characters(text, buffer, sorted(taken)) if taken else []

    def _spans(self, buffer: bytes | bytearray) -> Iterator[_Span]:
        if len(buffer) <= _WINDOW:
            for row in self._matcher.may_match(buffer):
                yield from self._spans_of(row, buffer)
            return
        seen: set[_Span] = set()
        for offset in range(0, len(buffer), _WINDOW - _WINDOW_OVERLAP):
            window = buffer[offset : offset + _WINDOW]
            for row in self._matcher.may_match(window):
                for span in self._spans_of(row, window):
                    moved = span._replace(start=span.start + offset)
                    if moved not in seen:
                        seen.add(moved)
                        yield moved

    def _encoded(self, buffer: bytes | bytearray, start: int, end: int) -> bool | int:  # noqa: ARG002 - a check's arguments
        """Whether what a run of Base64 stands for holds a secret: its end then, so that all of it is replaced. Not looked into twice."""
        found = decoded_run(buffer, start)
        if found is None:
            return False
        text = bytes(_mask_tokens(found[0]))
        for row in self._matcher.may_match(text):
            if self.rules[row].check != ENCODED and next(self._spans_of(row, text), None) is not None:
                return found[1]
        return False

    def _spans_of(self, row: int, buffer: bytes | bytearray) -> Iterator[_Span]:
        """Candidates of one rule; each is blanked at once, so that the next may begin right behind it."""
        pattern = self._matcher.pattern(row)
        check, tail = self._checks[row], self._tails[row]
        phase = self.rules[row].phase
        work: bytes | bytearray = buffer
        blanked: bytearray | None = None
        position = 0
        while (match := pattern.search(work, position)) is not None:
            start, end = _secret_span(match)
            if start == end:
                position = max(match.span()[0], position) + 1
                continue
            verdict = check is None or check(work, start, end)
            if verdict:
                end = end if verdict is True else verdict
                if tail is not None and (rest := tail.match(work, end)) is not None:
                    end = rest.end()
                yield _Span(phase, start, start - end, row)
                if blanked is None:
                    work = blanked = bytearray(buffer)
                blanked[start:end] = bytes(end - start)
                position = end - 1
            else:
                position = max(match.span()[0], position) + 1


def _matcher(rules: Sequence[Rule], name: str | None) -> _Matcher:
    if name == "re":
        return _ReMatcher(rules)
    try:
        return _Re2Matcher(rules)
    except ImportError:
        if name == "re2":
            raise
        return _ReMatcher(rules)


@lru_cache(maxsize=16)
def engine_for(disabled: frozenset[str], own: tuple[Rule, ...], process: int) -> Engine:
    """The engine for a set of disabled kinds and own rules, compiled once per process.

    A forked child needs its own: a lock inside of RE2 may have been held by another thread at the moment of the fork.
    """
    del process
    return Engine(disabled, own=own)


def _encode_all(leaves: Sequence[str]) -> bytes:
    """Leaves between NULs. One by one, since a single character of a large script would make the whole of a joined text wide."""
    try:
        pieces = [*map(str.encode, leaves)]
    except UnicodeEncodeError:
        pieces = [leaf.encode("utf-8", "surrogatepass") for leaf in leaves]
    return b"\0%b\0" % b"\0".join(pieces)


def _encode(text: str) -> bytes:
    framed = f"\0{text}\0"
    try:
        return framed.encode()
    except UnicodeEncodeError:
        return framed.encode("utf-8", "surrogatepass")


def _secret_span(match: Any) -> tuple[int, int]:
    """The one group that took part, or the whole match."""
    group: int = match.lastindex or 0
    span: tuple[int, int] = match.span(group)
    return span


def _holds_marker(buffer: bytes) -> bool:
    """``MARKER in buffer``, by way of its first character: that is found many times as fast as all of it, and is rare in most texts."""
    at = -1
    for _ in range(_FEW_BRACKETS):
        at = buffer.find(MARKER[:1], at + 1)
        if at < 0 or buffer.startswith(MARKER, at):
            return at >= 0
    return buffer.find(MARKER, at + 1) >= 0


def _mask_tokens(buffer: bytes) -> bytearray:
    return bytearray(TOKEN.sub(lambda match: bytes(len(match[0])), buffer))


def _mask_markers(work: bytearray) -> list[tuple[int, int, str]]:
    taken = []
    position = work.find(MARKER)
    while position >= 0:
        end = position + len(MARKER)
        taken.append((position, end, MARKER_KIND))
        work[position:end] = bytes(len(MARKER))
        position = work.find(MARKER, end)
    return taken


def _resolve(candidates: Iterator[_Span]) -> list[_Span]:
    """Choose among overlapping candidates; those of the lowest phase come first and alone.

    Where several rules agree on the same characters, the one that comes first in the table names the kind, whatever its phase.
    """
    spans = sorted(candidates)
    rows: dict[tuple[int, int], int] = {}
    for span in spans:
        place = (span.start, span.negative_length)
        rows[place] = min(span.row, rows.get(place, span.row))
    kept: list[_Span] = []
    for span in spans:
        if span.phase != spans[0].phase:
            break
        if not kept or span.start >= kept[-1].end:
            kept.append(span._replace(row=rows[span.start, span.negative_length]))
    return kept


def _whole_characters(work: bytearray, start: int, end: int) -> tuple[int, int]:
    """Widen a span that ends within a UTF-8 sequence."""
    while work[start] & 0xC0 == 0x80:
        start -= 1
    while work[end] & 0xC0 == 0x80:
        end += 1
    return start, end


def _to_characters(text: str, buffer: bytes, taken: Sequence[tuple[int, int, str]]) -> list[Found]:
    """Byte spans of the buffer as character spans of the text."""
    if len(buffer) == len(text) + 2:
        return [Found(start - 1, end - 1, kind, text[start - 1 : end - 1]) for start, end, kind in taken]
    found: list[Found] = []
    byte_position, position = 1, 0
    for start, end, kind in taken:
        position += len(buffer[byte_position:start].decode("utf-8", "surrogatepass"))
        length = len(buffer[start:end].decode("utf-8", "surrogatepass"))
        found.append(Found(position, position + length, kind, text[position : position + length]))
        position += length
        byte_position = end
    return found
