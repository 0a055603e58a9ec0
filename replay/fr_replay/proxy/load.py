"""How much the proxy takes on at once, and what it has done so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from .refusals import Refused

__all__ = ["Load", "LoadLimits"]


class LoadLimits(NamedTuple):
    """What the proxy takes on.

    Attributes:
        streams: requests at once; one more is answered 429.
        request_bytes: of one body; a larger one is answered 413.
        answer_bytes: of one answer that are kept for the record; a larger one is passed on whole, and the record says that it lacks it.
        held_bytes: of all bodies that are kept at a time; beyond it a new request is answered 503.
    """

    streams: int = 512
    request_bytes: int = 64 << 20
    answer_bytes: int = 64 << 20
    held_bytes: int = 512 << 20


class Load:
    """Counts what is in work. Used by the event loop's thread only.

    Attributes:
        streams: requests in work.
        held: bytes of bodies that are kept.
        stopping: True once no new request is taken.
        counts: what was done: ``requests``, and the codes of what was refused.
    """

    def __init__(self, limits: LoadLimits) -> None:
        self.limits = limits
        self.streams = 0
        self.held = 0
        self.stopping = False
        self.counts: Counter[str] = Counter()

    @contextmanager
    def taken(self) -> Iterator[Held]:
        """Take one request into work. Raises Refused where there is no room."""
        if self.stopping:
            raise Refused("stopping", "it is being stopped")
        if self.streams >= self.limits.streams:
            raise Refused("too-many-requests", f"{self.streams} requests are in work already, which is its limit (--max-streams)")
        if self.held >= self.limits.held_bytes:
            raise Refused("out-of-memory", f"{self.held >> 20} MB of requests and answers are in work already, which is its limit")
        self.streams += 1
        held = Held(self)
        try:
            yield held
        finally:
            self.streams -= 1
            held.release()


class Held:
    """The bytes that one exchange keeps in memory."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._of_request = 0
        self._of_answer = 0

    def expect_request(self, size: int) -> None:
        """Refuse a body whose announced size is beyond the limit. Raises Refused."""
        if size > self._load.limits.request_bytes:
            limit = self._load.limits.request_bytes
            raise Refused("body-too-large", f"the request has {size:,} bytes, and its limit is {limit:,} (--max-request)")

    def add_request(self, size: int) -> None:
        """So many more bytes of the request came. Raises Refused."""
        self._of_request += size
        self._load.held += size
        self.expect_request(self._of_request)
        if self._load.held > self._load.limits.held_bytes:
            raise Refused("out-of-memory", "too much of requests and answers is in memory at once")

    def add_answer(self, size: int) -> str | None:
        """So many more bytes of the answer came; why they cannot be kept, or None."""
        limits = self._load.limits
        self._of_answer += size
        self._load.held += size
        if self._of_answer > limits.answer_bytes:
            return f"the answer is larger than {limits.answer_bytes:,} bytes"
        if self._load.held > limits.held_bytes:
            return f"more than {limits.held_bytes:,} bytes of requests and answers were in work at once"
        return None

    def drop_answer(self) -> None:
        """The answer is not kept any more."""
        self._load.held -= self._of_answer
        self._of_answer = 0

    def release(self) -> None:
        """Nothing of the exchange is kept any more."""
        self._load.held -= self._of_request + self._of_answer
        self._of_request = self._of_answer = 0
