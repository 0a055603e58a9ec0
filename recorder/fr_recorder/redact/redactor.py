"""The one door through which everything passes before a byte of it reaches a disk.

Fail closed: whatever goes wrong inside, content that was not redacted is not handed back. :meth:`Redactor.body` says so in its status,
the others raise :class:`RedactionFailed`, and the caller leaves the content out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from fr_recorder.redact.bodies import EVENT_FORMATS, PATH, BodyScan, event_reader, format_of, look_at_json
from fr_recorder.redact.clean_texts import CleanTexts
from fr_recorder.redact.edits import splice_bytes
from fr_recorder.redact.engine import Found, engine_for
from fr_recorder.redact.fields import header_field
from fr_recorder.redact.forms import redact_url
from fr_recorder.redact.headers import content_type_of, redact_argument_list, redact_header, redact_variable
from fr_recorder.redact.hits import Hit, RedactionFailed, Tally, member_path
from fr_recorder.redact.kept import Kept
from fr_recorder.redact.known_headers import TellingHeaders, is_plain_number
from fr_recorder.redact.leaves import Leaves
from fr_recorder.redact.policy import policy_id_of
from fr_recorder.redact.policy_file import RedactionPolicy
from fr_recorder.redact.rules import DISABLED_BY_DEFAULT
from fr_recorder.redact.segments import redact_segments
from fr_recorder.redact.streams import Assembly
from fr_recorder.redact.tokens import TokenMaker
from fr_schema.parts import Segment

__all__ = ["RedactedBody", "Redactor", "StreamScanner"]

_SHORT_TEXT = 256
_FEW_SEGMENTS = 16
_Texts = tuple[tuple[str, str | None, str], ...]
"""Kind, key and text of segments."""

_process = os.getpid()


def _begin_child() -> None:
    global _process
    _process = os.getpid()


os.register_at_fork(after_in_child=_begin_child)

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class RedactedBody(NamedTuple):
    """A body after redaction.

    Attributes:
        data: the redacted bytes; the very object that was given when nothing was replaced; empty when redaction failed.
        chunk_offsets: where each transfer chunk ends in ``data``; in order, the last one at its end.
        hits: what was replaced.
        status: ``clean``; ``redacted``; ``failed``: the content is left out; ``unscanned``: binary, kept as it is.
    """

    data: bytes
    chunk_offsets: list[int]
    hits: list[Hit]
    status: str


def _fail_closed(
    method: Callable[Concatenate[Redactor, _Arguments], _Result],
) -> Callable[Concatenate[Redactor, _Arguments], _Result]:
    @wraps(method)
    def guarded(self: Redactor, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, the content must not get past
            failure = RedactionFailed(type(error).__name__)
        raise failure

    return guarded


class Redactor:
    """Replaces secrets and personal data by tokens, under one policy and one key.

    Deterministic under a key, idempotent, and independent of how a text was cut into pieces; safe to use from several threads.
    The engine is compiled on first use, and once more in a forked child.

    Args:
        key: at least 16 bytes; the tokens are keyed with it.
        key_id: names the key in tokens and records; 1 to 32 of ``a-z 0-9 _ -``.
        disabled: kinds whose patterns are not applied. Names of headers and fields still tell.
        policy: in place of ``disabled``: own rules, modes and what is allowed as well.

    Raises:
        ValueError: for a key or key id that cannot be used.
    """

    def __init__(
        self, key: bytes, key_id: str, *, disabled: frozenset[str] = DISABLED_BY_DEFAULT, policy: RedactionPolicy | None = None
    ) -> None:
        self.key_id = key_id
        self.policy = RedactionPolicy(disabled) if policy is None else policy
        self._tokens = TokenMaker(key, key_id, frozenset(kind for kind, mode in self.policy.modes if mode == "drop"))
        self._kept = Kept(self.policy)
        self._ready: dict[int, Leaves] = {}
        self._telling = TellingHeaders()
        self._clean_texts: CleanTexts[str] = CleanTexts()
        self._clean_urls: CleanTexts[str] = CleanTexts()
        self._clean_segments: CleanTexts[_Texts] = CleanTexts()

    @property
    def _leaves(self) -> Leaves:
        leaves = self._ready.get(_process)
        if leaves is None:
            leaves = self._ready[_process] = Leaves(
                engine_for(self.policy.disabled, self.policy.rules, _process), self._tokens, kept=self._kept
            )
        return leaves

    def _remember(self, text: str) -> None:
        if len(text) <= _SHORT_TEXT:
            self._clean_texts.add(text)

    def _hits(self, tally: Tally) -> list[Hit]:
        """What was counted. Names in paths come from the content, so they are redacted as well."""
        if not tally.counts:
            return []
        return [hit if hit.path in self._clean_texts else hit._replace(path=self._path(hit.path)) for hit in tally.hits()]

    def _path(self, path: str) -> str:
        redacted = self._leaves.text(path, "", Tally())
        if redacted is path:
            self._remember(path)
        return redacted

    @property
    def policy_id(self) -> str:
        """Names everything that decides what is replaced: version, engine, and a digest over rules, names and modes."""
        engine = self._leaves.engine
        return policy_id_of(engine.name, engine.rules, self.policy.digest)

    @_fail_closed
    def text(self, text: str, path: str) -> tuple[str, list[Hit]]:
        """A text, which may be JSON itself. The same object comes back when nothing was replaced."""
        if text in self._clean_texts:
            return text, []
        leaves = self._leaves
        look = leaves.look()
        look.at(text)
        if look.is_clean():
            self._remember(text)
            return text, []
        tally = Tally()
        return leaves.text(text, path, tally), self._hits(tally)

    @_fail_closed
    def found(self, text: str) -> list[Found]:
        """What the patterns find in a text and the policy does not keep, with the values: for trying a policy, never for a record."""
        return [found for found in self._leaves.engine.find(text) if not self._kept.keeps(found.kind, found.value)]

    @_fail_closed
    def value(self, value: Any, path: str) -> tuple[Any, list[Hit]]:
        """A decoded JSON value (tuples count as lists). The same object comes back when nothing was replaced."""
        tally = Tally()
        return self._leaves.value(value, path, tally), self._hits(tally)

    @_fail_closed
    def segments(self, segments: list[Segment]) -> tuple[list[Segment], list[Hit]]:
        """The segments of a request body; those in which nothing is replaced come back as they are, text and all.

        Where something was replaced, the hits are :class:`SegmentHits`, which know those of each segment.
        """
        known = _short_key(segments)
        if known is not None and known in self._clean_segments:
            return segments, []
        redacted, hits = redact_segments(segments, self._leaves, self._hits)
        if known is not None and redacted is segments:
            self._clean_segments.add(known)
        return redacted, hits

    @_fail_closed
    def headers(self, headers: Sequence[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[Hit]]:
        """Headers; names stay, values of telling ones become tokens."""
        tally = Tally()
        known, fresh = self._known_headers(headers, tally)
        if fresh:
            look = self._leaves.look()
            for value in fresh:
                look.at(value)
            if not look.is_clean():
                tally = Tally()
                return [(name, redact_header(name, value, self._leaves, tally)) for name, value in headers], self._hits(tally)
            for value in fresh:
                self._remember(value)
        return known, self._hits(tally)

    def _known_headers(self, headers: Sequence[tuple[str, str]], tally: Tally) -> tuple[list[tuple[str, str]], list[str]]:
        """Headers with tokens for telling values, and the values that are not known to be clean, which are yet to be looked at."""
        clean = self._clean_texts
        known, fresh = list(headers), []
        for number, (name, value) in enumerate(headers):
            if header_field(name) is not None:
                known[number] = name, self._telling.redacted(name, value, self._leaves, tally)
            elif value not in clean and not is_plain_number(value):
                fresh.append(value)
        return known, fresh

    @_fail_closed
    def answer(
        self, data: bytes, headers: Sequence[tuple[str, str]], chunk_offsets: Sequence[int]
    ) -> tuple[list[tuple[str, str]], list[Hit], RedactedBody]:
        """Headers and body of an answer, freed of its content-encoding: what :meth:`headers` and :meth:`body` make of them.

        In one look where the body is JSON with nothing to replace in it, as most are.
        """
        tally = Tally()
        known, fresh = self._known_headers(headers, tally)
        try:
            clean = bool(data) and self._is_clean_answer(fresh, data, content_type_of(headers))
        except Exception:  # noqa: BLE001 - what cannot be done for both at once fails, or does not, for each by itself
            clean = False
        if clean:
            return known, self._hits(tally), RedactedBody(data, list(chunk_offsets), [], "clean")
        redacted, hits = self.headers(headers)
        # By the redacted type: a boundary that names somebody must not be known where that name is to be found.
        return redacted, hits, self.body(data, content_type_of(redacted), chunk_offsets)

    def _is_clean_answer(self, fresh: list[str], data: bytes, content_type: str | None) -> bool:
        look = self._leaves.look()
        if not look_at_json(look, data, content_type):
            return False
        for value in fresh:
            look.carefully_at(value)
        if not look.is_clean():
            return False
        for value in fresh:
            self._remember(value)
        return True

    @_fail_closed
    def url(self, url: str) -> tuple[str, list[Hit]]:
        """A URL: the password of its user, telling parameters, and whatever patterns find."""
        if url in self._clean_urls:
            return url, []
        tally = Tally()
        redacted = redact_url(url, self._leaves, "url", tally)
        hits = self._hits(tally)
        if redacted is url and not hits and len(url) <= _SHORT_TEXT:
            self._clean_urls.add(url)
        return redacted, hits

    @_fail_closed
    def argv(self, argv: Sequence[str]) -> tuple[list[str], list[Hit]]:
        """A command line."""
        tally = Tally()
        return redact_argument_list(list(argv), self._leaves, tally), self._hits(tally)

    @_fail_closed
    def env(self, name: str, value: str) -> tuple[str, list[Hit]]:
        """The value of an environment variable."""
        tally = Tally()
        return redact_variable(name, value, self._leaves, member_path("env", name), tally), self._hits(tally)

    def body(self, data: bytes, content_type: str | None, chunk_offsets: Sequence[int] = ()) -> RedactedBody:
        """A whole body, freed of its content-encoding: JSON, server-sent events, lines of JSON, form, multipart, text or binary.

        Args:
            data: the bytes.
            content_type: as in the header; None to judge by the bytes.
            chunk_offsets: where each transfer chunk ends, cumulative.
        """
        try:
            tally = Tally()
            scan = BodyScan(self._leaves, tally)
            edits = scan.edits(data, content_type) if data else []
            if not edits:
                return RedactedBody(data, list(chunk_offsets), self._hits(tally), "unscanned" if scan.unscanned else "clean")
            new, offsets = splice_bytes(data, edits, chunk_offsets)
            hits = self._hits(tally)
            return RedactedBody(new, offsets, [*hits, Hit(PATH, "unscanned", 1)] if scan.unscanned else hits, "redacted")
        except Exception as error:  # noqa: BLE001 - whatever it is, the content must not get past
            return _failed(error, chunk_offsets)

    def stream(self, content_type: str | None) -> StreamScanner:
        """A scanner to be fed with a body as it arrives."""
        return StreamScanner(self, content_type)


class StreamScanner:
    """Takes a body in pieces and does the parsing on the way; the result is that of :meth:`Redactor.body` for the joined pieces."""

    def __init__(self, redactor: Redactor, content_type: str | None) -> None:
        self._redactor = redactor
        self._content_type = content_type
        self._pieces: list[bytes] = []
        self._error: Exception | None = None
        self._assembly: Assembly | None = None
        name = format_of(content_type)
        if name in EVENT_FORMATS:
            try:
                self._assembly = Assembly(redactor._leaves, PATH)
                self._reader = event_reader(name, self._assembly)
            except Exception as error:  # noqa: BLE001 - reported by finish()
                self._error = error

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Never raises."""
        self._pieces.append(data)
        if self._assembly is None or self._error is not None:
            return
        try:
            self._reader.feed(data)
        except Exception as error:  # noqa: BLE001 - reported by finish()
            self._error = error

    def finish(self, chunk_offsets: Sequence[int] = ()) -> RedactedBody:
        """The body, redacted; ``chunk_offsets`` as for :meth:`Redactor.body`."""
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        if self._error is not None:
            return _failed(self._error, chunk_offsets)
        if self._assembly is None:
            return self._redactor.body(data, self._content_type, chunk_offsets)
        try:
            tally = Tally()
            self._reader.end()
            edits = self._assembly.finish(tally)
            if not edits:
                return RedactedBody(data, list(chunk_offsets), self._redactor._hits(tally), "clean")
            new, offsets = splice_bytes(data, edits, chunk_offsets)
            return RedactedBody(new, offsets, self._redactor._hits(tally), "redacted")
        except Exception as error:  # noqa: BLE001 - whatever it is, the content must not get past
            return _failed(error, chunk_offsets)


def _short_key(segments: list[Segment]) -> _Texts | None:
    """What a few short segments are recognised by: those behind the last message are the same in each turn. None for others."""
    if len(segments) > _FEW_SEGMENTS or sum(len(segment.text) for segment in segments) > _SHORT_TEXT:
        return None
    return tuple((segment.kind, segment.key, segment.text) for segment in segments)


def _failed(error: Exception, chunk_offsets: Sequence[int]) -> RedactedBody:
    return RedactedBody(b"", [0] * len(chunk_offsets), [Hit(PATH, f"failed:{type(error).__name__}", 1)], "failed")
