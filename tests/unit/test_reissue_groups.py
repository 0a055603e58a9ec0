"""Groups of equal decisions, the intervals of their shares, and the words that go with them."""

from typing import NamedTuple

import pytest

from fr_replay.reissue_groups import (
    DECISION,
    ERROR,
    REFUSAL,
    Answer,
    AskedCall,
    canonical_arguments,
    decision_of,
    meaning_of_share,
    summarise,
    wilson,
)


class Known(NamedTuple):
    """Counts, and the 95 % Wilson interval that R's ``prop.test(count, total, correct = FALSE)`` and textbooks give for them."""

    count: int
    total: int
    low: float
    high: float


KNOWN = (
    Known(0, 10, 0.0, 0.27753),
    Known(1, 10, 0.01788, 0.40415),
    Known(5, 10, 0.23659, 0.76341),
    Known(10, 10, 0.72247, 1.0),
    Known(20, 20, 0.83887, 1.0),
    Known(81, 263, 0.25525, 0.36621),
    Known(15, 148, 0.06239, 0.16051),
    Known(0, 20, 0.0, 0.16113),
    Known(1, 29, 0.00611, 0.17176),
)


@pytest.mark.parametrize("row", KNOWN, ids=lambda row: f"{row.count}-of-{row.total}")
def test_wilson_gives_the_known_interval(row: Known) -> None:
    """To four digits. The rows of 263, 148, 20 and 29 are the worked examples of Newcombe (1998), table I."""
    assert wilson(row.count, row.total) == pytest.approx((row.low, row.high), abs=6e-5)


@pytest.mark.parametrize("total", [1, 2, 7, 100])
def test_wilson_is_symmetric_and_holds_the_share(total: int) -> None:
    """The interval of the others is the mirror image, and the observed share lies inside."""
    for count in range(total + 1):
        low, high = wilson(count, total)
        other_low, other_high = wilson(total - count, total)
        assert (low, high) == pytest.approx((1 - other_high, 1 - other_low))
        assert 0 <= low <= count / total <= high <= 1


def test_without_a_trial_nothing_is_known() -> None:
    """The interval is everything, and counts that cannot be are refused."""
    assert wilson(0, 0) == (0.0, 1.0)
    for count, total in ((-1, 3), (4, 3)):
        with pytest.raises(ValueError, match="of 3"):
            wilson(count, total)


class Equal(NamedTuple):
    """Two answers, and whether they are the same decision."""

    name: str
    one: tuple[str | None, tuple[AskedCall, ...]]
    other: tuple[str | None, tuple[AskedCall, ...]]
    equal: bool


PARIS = AskedCall("weather", '{"city": "Paris", "unit": "C"}')
EQUAL = (
    Equal("white space in a text", ("keep it ", ()), ("keep\n  it", ()), True),
    Equal("case of a text", ("Keep it", ()), ("keep it", ()), False),
    Equal("composed and decomposed letters", ("caf\u00e9", ()), ("cafe\u0301", ()), True),
    Equal("no text and an empty one", (None, ()), ("", ()), True),
    Equal("key order of JSON", ('{"a": 1, "b": 2}', ()), ('{"b":2,"a":1}', ()), True),
    Equal("a number of JSON", ('{"a": 1}', ()), ('{"a": 2}', ()), False),
    Equal("key order of arguments", (None, (PARIS,)), (None, (AskedCall("weather", '{"unit":"C","city":"Paris"}'),)), True),
    Equal("an argument", (None, (PARIS,)), (None, (AskedCall("weather", '{"unit":"F","city":"Paris"}'),)), False),
    Equal("the tool", (None, (PARIS,)), (None, (AskedCall("climate", PARIS.arguments),)), False),
    Equal("words beside a call", ("Let me look.", (PARIS,)), (None, (PARIS,)), True),
    Equal("order of parallel calls", (None, (PARIS, AskedCall("now", ""))), (None, (AskedCall("now", "{}"), PARIS)), True),
    Equal("the same call twice", (None, (PARIS, PARIS)), (None, (PARIS,)), False),
    Equal("a call and its text", (None, (AskedCall("now", "{}"),)), ("now()", ()), False),
    Equal("arguments that are no JSON", (None, (AskedCall("now", '{"a":'),)), (None, (AskedCall("now", '{"b":'),)), False),
)


@pytest.mark.parametrize("row", EQUAL, ids=lambda row: row.name)
def test_equal_decisions_are_equal(row: Equal) -> None:
    """What a program would do the same with is one decision, and nothing else is."""
    assert (decision_of(*row.one) == decision_of(*row.other)) is row.equal


def test_arguments_nested_too_deep_are_compared_as_text() -> None:
    """No text that a model can write makes the grouping fail."""
    deep = "[" * 100_000
    assert canonical_arguments(deep) == deep


def answers(*texts: str) -> list[Answer]:
    """Answers with these texts, from step 1."""
    return [Answer(step, DECISION, text, model="m-1", fingerprint=f"fp{step % 2}", latency_ms=step) for step, text in enumerate(texts, 1)]


def test_groups_stand_in_the_order_of_their_size_with_the_recorded_one_marked() -> None:
    """Shares are of all answers; steps tell where each is read."""
    summary = summarise(answers("no", "yes", "yes ", "no", "yes"), Answer(4, DECISION, " no"))
    assert [(group.count, group.share, group.steps, group.recorded) for group in summary.groups] == [
        (3, 0.6, (2, 3, 5), False),
        (2, 0.4, (1, 4), True),
    ]
    assert summary.recorded_seen is True
    assert summary.models == (("m-1", 5),)
    assert dict(summary.fingerprints) == {"fp0": 2, "fp1": 3}
    assert summary.latency_ms == 3
    assert summary.groups[0].interval == wilson(3, 5)


def test_errors_and_refusals_stand_apart() -> None:
    """An error is no answer and changes no share; refusals are one group, however they are worded, and lower the others' share."""
    given = [
        *answers("yes", "yes"),
        Answer(3, REFUSAL, "I can't"),
        Answer(4, REFUSAL, "Sorry, no"),
        Answer(5, ERROR, error="HTTP 429 busy"),
        Answer(6, ERROR, error="HTTP 429 busy"),
    ]
    summary = summarise(given, None)
    assert (summary.sent, summary.answered, summary.errors, summary.steps_of_errors) == (6, 4, (("HTTP 429 busy", 2),), (5, 6))
    assert [(group.kind, group.share, group.steps) for group in summary.groups] == [(DECISION, 0.5, (1, 2)), (REFUSAL, 0.5, (3, 4))]
    assert summary.recorded_seen is None


def test_a_recorded_refusal_is_found_among_refusals_only() -> None:
    """A decision whose text is the refusal's is not a refusal."""
    recorded = Answer(1, REFUSAL, "no")
    assert summarise(answers("no"), recorded).recorded_seen is False
    assert summarise([Answer(1, REFUSAL, "never")], recorded).recorded_seen is True


def test_a_recorded_error_is_no_decision_that_could_come_again() -> None:
    """It is not compared."""
    assert summarise(answers("yes"), Answer(1, ERROR, error="HTTP 500")).recorded_seen is None


def test_unknown_costs_are_counted_and_not_taken_for_nothing() -> None:
    """The sum is of what is known."""
    given = [Answer(1, DECISION, "a", cost_usd=0.25), Answer(2, DECISION, "a"), Answer(3, ERROR, error="x")]
    summary = summarise(given, None)
    assert (summary.cost_usd, summary.without_cost) == (0.25, 1)
    assert summarise(answers("a"), None).cost_usd is None


class Meaning(NamedTuple):
    """Answers, and what may be said of them."""

    texts: tuple[str, ...]
    sentence: str


MEANINGS = (
    Meaning(("a",) * 20, "20 of 20 equal means at least 84 % at 95 %, not deterministic"),
    Meaning(("a",), "1 of 1 equal means at least 21 % at 95 %, not deterministic"),
    Meaning(
        ("a", "a", "a", "b"),
        "the most frequent decision came in 3 of 4: between 30 % and 95 % at 95 %, as of now and for this model version",
    ),
    Meaning((), "nothing was answered, so nothing can be said"),
)


@pytest.mark.parametrize("row", MEANINGS, ids=lambda row: str(len(row.texts)))
def test_meaning_claims_no_more_than_the_numbers(row: Meaning) -> None:
    """Equal answers are a lower bound and no proof."""
    assert meaning_of_share(summarise(answers(*row.texts), None)) == row.sentence
