"""Aligning the decisions of two traces: what is paired, what stands alone, and where the two part."""

from typing import NamedTuple

import pytest

from fr_replay.comparing import Decided, Pair, align, compare
from fr_replay.divergence import canonical_http


def decided(step: int, said: str, lane: str) -> Decided:
    """A decision: ``question=answer``; without ``=`` the request is not on record, without an answer there is none."""
    question, known, answer = said.partition("=")
    request = canonical_http("POST", "https://m.example/v1", [], f'{{"q": "{question}"}}'.encode()) if known else None
    return Decided(step, lane, "m", None, request, {"text": answer, "tool_calls": [], "finish_reason": "stop"} if answer else None, answer)


def trace(*rows: str) -> list[Decided]:
    """Decisions by step, each ``question=answer``, with ``@lane`` behind it where it is not the first lane."""
    parted = [row.partition("@") for row in rows]
    return [decided(step, said, lane or "p0") for step, (said, _, lane) in enumerate(parted, 1)]


class Case(NamedTuple):
    """Two traces, and the pairs of steps with their outcome."""

    name: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    pairs: tuple[tuple[int | None, int | None, str], ...]


CASES = (
    Case("equal", ("a=1", "b=2"), ("a=1", "b=2"), ((1, 1, "same"), (2, 2, "same"))),
    Case("answer", ("a=1", "b=2"), ("a=1", "b=3"), ((1, 1, "same"), (2, 2, "answer differs"))),
    Case("request", ("a=1", "b=2"), ("a=1", "c=2"), ((1, 1, "same"), (2, 2, "request differs"))),
    Case("inserted", ("a=1", "b=2"), ("a=1", "x=0", "b=2"), ((1, 1, "same"), (None, 2, "only in the second"), (2, 3, "same"))),
    Case("inserted in front", ("a=1",), ("x=0", "a=1"), ((None, 1, "only in the second"), (1, 2, "same"))),
    Case("dropped", ("a=1", "x=0", "b=2"), ("a=1", "b=2"), ((1, 1, "same"), (2, None, "only in the first"), (3, 2, "same"))),
    Case("shorter", ("a=1", "b=2"), ("a=1",), ((1, 1, "same"), (2, None, "only in the first"))),
    Case("equal requests twice", ("a=1", "a=2"), ("a=1", "a=3"), ((1, 1, "same"), (2, 2, "answer differs"))),
    Case("nothing in common", ("a=1",), ("b=1", "c=1"), ((1, 1, "request differs"), (None, 2, "only in the second"))),
    Case("an answer that is missing", ("a=1",), ("a=",), ((1, 1, "answer differs"),)),
    Case("requests that are not on record", ("a",), ("a",), ((1, 1, "same"),)),
    Case(
        "parallel lanes in another order",
        ("a=1@p0/w#0", "b=2@p0/w#1"),
        ("b=2@p0/w#1", "a=1@p0/w#0"),
        ((1, 2, "same"), (2, 1, "same")),
    ),
    Case(
        "equal requests in parallel lanes",
        ("a=1@p0/w#0", "a=2@p0/w#1"),
        ("a=2@p0/w#1", "a=1@p0/w#0"),
        ((1, 2, "same"), (2, 1, "same")),
    ),
    Case("lanes of other names", ("a=1@p0", "b=2@p0"), ("a=1@x", "b=2@y"), ((1, 1, "same"), (2, 2, "same"))),
    Case("nothing at all", (), (), ()),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_decisions_are_aligned(case: Case) -> None:
    """Each row, and the same with the sides changed: only the words for the sides change."""
    mirrored = {"only in the first": "only in the second", "only in the second": "only in the first"}
    first, second = trace(*case.first), trace(*case.second)
    assert [steps(pair) for pair in align(first, second)] == list(case.pairs)
    back = {(other, one, mirrored.get(outcome, outcome)) for one, other, outcome in case.pairs}
    assert {steps(pair) for pair in align(second, first)} == back


def steps(pair: Pair) -> tuple[int | None, int | None, str]:
    """A pair as the table of cases writes it."""
    return pair.first and pair.first.step, pair.second and pair.second.step, pair.verdict


def test_the_parting_is_the_first_pair_that_is_not_the_same() -> None:
    """Its differences are given, not those of later steps."""
    comparison = compare(trace("a=1", "b=2", "c=3"), trace("a=1", "bb=2", "d=3"))
    assert (comparison.parting, comparison.equal) == (1, False)
    assert [(d.path, d.recorded, d.replayed) for d in comparison.request] == [("q", "b", "bb")]
    assert (comparison.request_total, comparison.answer_total, comparison.answer) == (1, 0, ())


def test_equal_traces_have_no_parting() -> None:
    """Nor differences."""
    comparison = compare(trace("a=1"), trace("a=1"))
    assert (comparison.parting, comparison.equal, comparison.request, comparison.answer) == (None, True, (), ())
