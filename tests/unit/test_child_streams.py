"""What passed between the program and a child process, stored and read back."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fr_recorder.child_log import ChildLog
from fr_recorder.child_streams import Streams, read_streams, redacted_streams
from fr_recorder.redact import Redactor

SECRET = b"sk-proj-Ab3dEf6hIj9kLmN2Ab3dEf6hIj9kLmN2Ab3dEf6hIj9kLmN2"
REDACTOR = Redactor(b"k" * 32, "key")


def facts_of(items: list[list[Any]]) -> dict[str, Any]:
    return {"pid": 7, "items": items, "lost": None, "shared": False, "polls": 0}


@given(st.lists(st.tuples(st.sampled_from("ioe"), st.binary(max_size=20)), max_size=12))
def test_streams_are_read_back_as_they_were(pieces: list[tuple[str, bytes]]) -> None:
    """Any bytes, line breaks and braces among them."""
    joined = {"i": b"", "o": b"", "e": b""}
    items: list[list[Any]] = []
    for letter, data in pieces:
        joined[letter] += data
        items.append([letter, len(joined[letter])])
    streams = Streams(facts_of(items), (joined["i"], joined["o"], joined["e"]))
    stored, hits, _ = redacted_streams(streams, REDACTOR)
    read = read_streams(b"".join(stored))
    assert (read.data, read.facts["items"]) == (streams.data, items) or hits


def test_a_secret_in_two_pieces_is_found_and_the_ends_move() -> None:
    """The pieces then end where the token does."""
    whole = b"key " + SECRET + b" end"
    streams = Streams(facts_of([["o", 20], ["o", len(whole)], ["o", len(whole)]]), (b"", whole, b""))
    stored, hits, status = redacted_streams(streams, REDACTOR)
    read = read_streams(b"".join(stored))
    assert (status, bool(hits)) == ("redacted", True)
    assert SECRET[:12] not in b"".join(stored)
    ends = [item[1] for item in read.facts["items"]]
    assert ends == sorted(ends)
    assert ends[-1] == ends[-2] == len(read.data[1])


def test_no_content_where_redaction_fails() -> None:
    """Fail closed: nothing of any stream is stored."""
    failing = SimpleNamespace(body=lambda *_: SimpleNamespace(status="failed", hits=[], data=b"", chunk_offsets=[]))
    assert redacted_streams(Streams(facts_of([]), (b"a", b"b", b"c")), failing) == ([], [], "failed")


class Crossing:
    """Takes what a recorded tool call would take."""

    def __init__(self) -> None:
        self.deliveries: list[int] = []
        self.streams: Streams | None = None

    def happened(self, number: int) -> None:
        self.deliveries.append(number)

    def returned_streams(self, streams: Streams, size: int) -> None:
        assert size == sum(map(len, streams.data))
        self.streams = streams


def test_the_log_ends_with_the_exit_and_the_ends_of_the_pipes() -> None:
    """Not before, and only once; each item has its delivery."""
    crossing = Crossing()
    log = ChildLog(crossing, {"out"}, lost=None, shared=False)
    log.piece("in", b"question")
    log.piece("out", b"answer")
    log.polled_in_vain()
    log.exited(3)
    assert crossing.streams is None
    log.piece("out", b"")
    assert crossing.streams is not None
    assert crossing.streams.facts["items"] == [["i", 8], ["o", 6], ["x", 3, 1], ["o", 6]]
    assert crossing.deliveries == [1, 2, 3, 4]
    log.piece("out", b"late")
    log.end()
    assert len(crossing.deliveries) == 4


def test_a_child_that_says_too_much_is_admitted_and_not_kept() -> None:
    """The agent's memory does not fill with it; replay will say why it cannot hand it out."""
    crossing = Crossing()
    log = ChildLog(crossing, {"out"}, lost=None, shared=False)
    for _ in range(20):
        log.piece("out", b"x" * (1 << 20))
    log.exited(0)
    log.end()
    assert crossing.streams is not None
    assert "more than 16 MiB" in crossing.streams.facts["lost"]
    assert len(crossing.streams.data[1]) <= 16 << 20
