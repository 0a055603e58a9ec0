"""The labelled corpus: what redaction finds of it stays above the bounds that docs/privacy.md states, and so do its own numbers."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from redaction_contexts import hard_negatives
from redaction_corpus import FAMILIES, Labelled, Score, corpus, false_positives, measure, ordinary_texts
from redaction_numbers import NUMBERS, Number

from fr_recorder.redact import Redactor
from fr_recorder.redact.rules import RULES

REDACTOR = Redactor(bytes(range(32)), "k1")
LEAST_RECALL = {"key": 0.99, "contact": 0.97, "payment": 0.97, "identity": 0.97}
MOST_WRONG_PER_30_KB = 0.5


@pytest.fixture(scope="module")
def scores() -> list[Score]:
    """Scores of a small corpus with a seed of its own."""
    return measure(REDACTOR, 20_261_124, 12, [], [])


@pytest.mark.parametrize("family", FAMILIES)
def test_recall_of_a_family(scores: list[Score], family: str) -> None:
    """Of each family at least the promised share is found."""
    planted, found = (sum(getattr(score, name) for score in scores if score.family == family) for name in ("planted", "found"))
    assert planted > 100
    assert found / planted >= LEAST_RECALL[family], [score for score in scores if score.family == family and score.recall < 1]


def test_kind_is_named_rightly(scores: list[Score]) -> None:
    """Kinds of the corpus are kinds of the rules, and hardly a token stands where no value was planted."""
    assert sum(score.wrong for score in scores) <= 0.01 * sum(score.planted for score in scores)


def test_hard_negatives_are_left_alone() -> None:
    """Hashes, ids, order numbers, code and prose: at most one wrong place in 60 KB."""
    wrong: list[str] = []
    found, size, counts = false_positives(REDACTOR, iter(hard_negatives(Random(5), 300_000)), wrong)
    assert found / size * 30_000 <= MOST_WRONG_PER_30_KB, (counts, wrong[:5])


def test_ordinary_source_is_left_alone() -> None:
    """The standard library's source, authors' addresses aside."""
    wrong: list[str] = []
    found, size, counts = false_positives(REDACTOR, ordinary_texts(1_500_000), wrong)
    assert size > 1_000_000
    assert found / size * 30_000 <= MOST_WRONG_PER_30_KB, (counts, wrong[:5])


def test_corpus_is_the_same_for_one_seed() -> None:
    """Seeded: two makings are equal, another seed is another corpus."""
    one, again, other = (list(corpus(seed, 1)) for seed in (1, 1, 2))
    assert one == again != other
    assert all(sample.value in sample.text or "\\" in sample.text for sample in one)


def test_scorer_notices_a_miss() -> None:
    """A redactor that finds nothing scores nothing: the measure can fail."""

    class Blind:
        def text(self, text: str, path: str) -> tuple[str, list[object]]:
            return text, []

    missed: list[Labelled] = []
    assert all(score.found == 0 for score in measure(Blind(), 1, 1, missed, []))  # type: ignore[arg-type]
    assert len(missed) == len(list(corpus(1, 1)))


@pytest.mark.parametrize("number", [number for number in NUMBERS if number.family == "identity"], ids=lambda number: number.kind)
def test_changed_digit_is_no_number(number: Number) -> None:
    """A check digit changed by one makes another number, which is taken for one only where the format has no check digit."""
    random = Random(3)
    unchecked = {"passport_number", "india_pan", "us_ssn", "uk_nino"}
    wrong = 0
    for _ in range(40):
        value = number.make(random)
        place = max(place for place, character in enumerate(value) if character.isdigit())
        changed = f"{value[:place]}{(int(value[place]) + 1) % 10}{value[place + 1 :]}"
        label = number.labels[0] if number.labels else ""
        _, hits = REDACTOR.text(f"{label}{changed}", "t")
        wrong += any(hit.detector == number.kind for hit in hits)
    assert wrong == 40 if number.kind in unchecked else wrong <= 10


def test_corpus_has_every_group_of_rules() -> None:
    """Most kinds that are on by default are in the corpus, so that a rule cannot rot unnoticed."""
    kinds = {sample.kind for sample in corpus(1, 1)}
    enabled = {rule.kind for rule in RULES if rule.enabled}
    assert len(kinds & enabled) >= 120
