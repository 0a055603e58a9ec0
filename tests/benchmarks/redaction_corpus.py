"""How much redaction finds, and how much it finds wrongly, on a labelled corpus.

Run: ``python tests/benchmarks/redaction_corpus.py [--write] [--missed N]``.
The corpus is made from format specifications (``redaction_formats.py``, ``redaction_numbers.py``), never from the rules, and is the same
for one ``--seed``. Each text holds one labelled value. Found means: nothing of six characters or more of it is left. ``--write`` puts the
table into docs/privacy.md, ``--missed`` shows what was missed and what was taken wrongly.
"""

from __future__ import annotations

import argparse
import re
import sysconfig
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from redaction_contexts import BARE, LABELLED, NAMED, hard_negatives, in_json_string
from redaction_formats import FORMATS, filled
from redaction_numbers import NUMBERS

from fr_recorder.redact import Redactor
from fr_recorder.redact.rules import RULES

__all__ = ["FAMILIES", "Labelled", "Score", "corpus", "false_positives", "measure", "ordinary_texts"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "privacy.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
FAMILIES = ("key", "contact", "payment", "identity")
SAMPLE_BYTES = 30_000
_LEFT_OVER = 6
_TOKEN = re.compile(r"\[\[fr:([a-z0-9_]+):[^\]]*\]\]")


class Labelled(NamedTuple):
    """A text with one value in it."""

    family: str
    kind: str
    value: str
    text: str


class Score(NamedTuple):
    """How one kind did: values planted and found, tokens of the kind inside the corpus, and how many of them stand where no value is."""

    kind: str
    family: str
    planted: int
    found: int
    tokens: int
    wrong: int

    @property
    def recall(self) -> float:
        """Share of the planted values that were found, under whatever kind."""
        return self.found / self.planted

    @property
    def precision(self) -> float:
        """Share of this kind's tokens that stand for a planted value; 1 where there are none."""
        return 1 - self.wrong / self.tokens if self.tokens else 1.0


def corpus(seed: int, each: int) -> Iterator[Labelled]:
    """The labelled texts: ``each`` for every format and number."""
    random = Random(seed)
    for form in FORMATS:
        for _ in range(each):
            value = filled(form.template, random)
            around = random.choice(NAMED + BARE if form.bare else NAMED)
            yield Labelled("key", form.kind, value, _placed(around.format(name=form.name, value=value), random))
    for number in NUMBERS:
        for _ in range(each * (4 if number.kind in ("email", "phone", "payment_card", "iban") else 1)):
            value = number.make(random)
            label = random.choice(number.labels) if number.labels else ""
            yield Labelled(number.family, number.kind, value, _placed(random.choice(LABELLED).format(label=label, value=value), random))


def _placed(text: str, random: Random) -> str:
    """Three in ten stand in a longer text, one in ten in JSON inside of it."""
    choice = random.random()
    if choice < 0.1:
        return in_json_string(text)
    return f"We looked at it again.\n\n{text}\n\nThen we went on." if choice < 0.4 else text


def _is_gone(sample: Labelled, redacted: str) -> bool:
    """Whether nothing of six characters or more of the value is left in a text, but for what stands in the words around it as well."""
    rest, around = _TOKEN.sub("\0", redacted), sample.text.replace(sample.value, "\0")
    pieces = {sample.value[n : n + _LEFT_OVER] for n in range(max(1, len(sample.value) - _LEFT_OVER + 1))}
    return not any(piece in rest and piece not in around for piece in pieces)


def measure(redactor: Redactor, seed: int, each: int, missed: list[Labelled], wrongly: list[str]) -> list[Score]:
    """Scores by kind, in the order of the corpus; appends what was missed, and the texts in which something else was taken."""
    planted, found, tokens, wrong = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    families: dict[str, str] = {}
    for sample in corpus(seed, each):
        families.setdefault(sample.kind, sample.family)
        redacted, _ = redactor.text(sample.text, "t")
        planted[sample.kind] += 1
        kinds = _TOKEN.findall(redacted)
        tokens.update(kinds)
        if not _is_gone(sample, redacted):
            missed.append(sample)
            if kinds:
                wrong.update(kinds[:1])
        else:
            found[sample.kind] += 1
            # A text may repeat its value; any token beside is one too many.
            extra = len(kinds) - max(1, sample.text.count(sample.value))
            if extra > 0:
                wrong.update(kinds[-extra:])
                wrongly.append(sample.text)
    negatives = Counter[str]()
    for text in hard_negatives(Random(seed + 1), 600_000):
        redacted, _ = redactor.text(text, "t")
        if kinds := _TOKEN.findall(redacted):
            negatives.update(kinds)
            wrongly.append(text)
    return [
        Score(kind, families[kind], planted[kind], found[kind], tokens[kind] + negatives[kind], wrong[kind] + negatives[kind])
        for kind in planted
    ]


def ordinary_texts(size: int) -> Iterator[str]:
    """Source code and documentation text of the standard library, about ``size`` characters."""
    library = Path(sysconfig.get_paths()["stdlib"])
    read = 0
    for path in sorted(library.glob("**/*.py")):
        if {"site-packages", "test", "tests", "idlelib", "lib2to3"} & set(path.parts):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        read += len(text)
        yield text
        if read > size:
            return


def false_positives(redactor: Redactor, texts: Iterator[str], wrongly: list[str]) -> tuple[int, int, Counter[str]]:
    """Tokens and characters of texts in which nothing but e-mail addresses of authors is planted; those do not count."""
    size, counts = 0, Counter[str]()
    for text in texts:
        size += len(text)
        redacted, hits = redactor.text(text, "t")
        counts.update({hit.detector: hit.count for hit in hits if hit.detector != "email"})
        wrongly += [
            f"{kind}: {redacted[max(0, m.start() - 60) : m.end() + 20]!r}" for m in _TOKEN.finditer(redacted) if (kind := m[1]) != "email"
        ]
    return counts.total(), size, counts


def _report(scores: list[Score], negative: tuple[int, int], ordinary: tuple[int, int], seed: int) -> str:
    rows = ["| kind | planted | recall | precision |", "|---|---:|---:|---:|"]
    totals = defaultdict[str, list[int]](lambda: [0, 0])
    for score in scores:
        totals[score.family][0] += score.planted
        totals[score.family][1] += score.found
    for family in FAMILIES:
        planted, found = totals[family]
        rows.append(f"| **{family}, all** | {planted} | **{found / planted:.2%}** | |")
        rows += [
            f"| `{score.kind}` | {score.planted} | {score.recall:.1%} | {score.precision:.1%} |"
            for score in sorted(scores)
            if score.family == family
        ]
    kinds = len({rule.kind for rule in RULES})
    per = [f"{count / size * SAMPLE_BYTES:.2f}" for count, size in (negative, ordinary)]
    return (
        f"`python tests/benchmarks/redaction_corpus.py --write`, seed {seed}; {kinds} kinds in {len(RULES)} rules.\n"
        f"False positives per 30 KB: {per[0]} in hard negatives (hashes, UUIDs, git ids, base64 images, order numbers, code, prose), "
        f"{per[1]} in the standard library's source (authors' addresses not counted).\n\n" + "\n".join(rows)
    )


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=100, help="texts for each format")
    parser.add_argument("--write", action="store_true", help="put the table into docs/privacy.md")
    parser.add_argument("--missed", type=int, default=0, metavar="N", help="show up to N misses of each kind, and what was taken wrongly")
    options = parser.parse_args()
    redactor = Redactor(bytes(range(32)), "k1")
    missed: list[Labelled] = []
    wrongly: list[str] = []
    scores = measure(redactor, options.seed, options.each, missed, wrongly)
    texts = hard_negatives(Random(options.seed + 1), 600_000)
    hits = sum(len(_TOKEN.findall(redactor.text(text, "t")[0])) for text in texts)
    count, size, _ = false_positives(redactor, ordinary_texts(6_000_000), wrongly)
    report = _report(scores, (hits, sum(map(len, texts))), (count, size), options.seed)
    print(report)
    shown = Counter[str]()
    for sample in missed:
        shown[sample.kind] += 1
        if shown[sample.kind] <= options.missed:
            print(f"missed {sample.kind}: {sample.value!r} in {sample.text!r} -> {redactor.text(sample.text, 't')[0]!r}")
    for text in wrongly[: options.missed * 10]:
        print(f"taken wrongly: {text!r} -> {redactor.text(text, 't')[0]!r}")
    if options.write:
        page = PAGE.read_text()
        PAGE.write_text(page[: page.index(BEGIN) + len(BEGIN)] + "\n" + report + "\n" + page[page.index(END) :])


if __name__ == "__main__":
    main()
