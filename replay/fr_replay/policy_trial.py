"""Trying a redaction policy: on its own examples, and on a text, of which no value is shown whole."""

from __future__ import annotations

from typing import NamedTuple

from .capture import RULES, RedactionPolicy, Redactor

__all__ = ["Trial", "blunt_patterns", "failed_examples", "kinds_of", "masked", "trial"]

_MASK_ENDS = 12
_ORDINARY = (
    "The quick brown fox jumps over the lazy dog. On 2024-05-01 at 10:15:00 order 1234567 was shipped to 10 Downing Street for 99.90 EUR.\n"
    'def total(items: list[dict[str, int]]) -> int:\n    return sum(item["price"] * item["count"] for item in items)  # cents\n'
    '{"id": "call_1", "type": "function", "model": "some-model-2024-08-06", "usage": {"prompt_tokens": 100, "total_tokens": 120}}\n'
)


class Trial(NamedTuple):
    """What a policy finds in a body.

    Attributes:
        rows: line (None where the value stands in an encoded or joined place), kind, masked value and path of each.
        status: as :class:`RedactedBody` has it.
        policy: id of the policy.
    """

    rows: list[tuple[int | None, str, str | None, str]]
    status: str
    policy: str

    @property
    def number(self) -> int:
        """How many values would be replaced."""
        return len(self.rows)


def masked(value: str) -> str:
    """A value of which only the ends show: two characters of each where there are enough, else none."""
    if len(value) < _MASK_ENDS:
        return "*" * len(value)
    return f"{value[:2]}{'*' * min(len(value) - 4, 20)}{value[-2:]} ({len(value)})"


def trial(redactor: Redactor, data: bytes, content_type: str | None = None) -> Trial:
    """What would be replaced in a body. A value and its line are shown where the patterns find it in the text as it stands."""
    body = redactor.body(data, content_type)
    text = data.decode("utf-8", "replace")
    found = redactor.found(text) if body.status not in ("failed", "unscanned") else []
    left: dict[str, list[tuple[int | None, str | None]]] = {}
    for hit in found:
        left.setdefault(hit.kind, []).append((text.count("\n", 0, hit.start) + 1, masked(hit.value)))
    rows: list[tuple[int | None, str, str | None, str]] = []
    for place in body.hits:
        for _ in range(place.count):
            line, value = left[place.detector].pop(0) if left.get(place.detector) else (None, None)
            rows.append((line, place.detector, value, place.path))
    return Trial(sorted(rows, key=lambda row: row[0] or 0), body.status, redactor.policy_id)


def failed_examples(policy: RedactionPolicy) -> list[str]:
    """What own rules do not find of their examples, and find of their near misses, one line each."""
    redactor = Redactor(bytes(32), "check", policy=policy._replace(modes=(), allow=()))
    wrong = []
    for number, rule in enumerate(policy.rules, 1):
        for wanted, texts in ((True, rule.examples), (False, rule.near_misses)):
            for text in texts:
                kinds = {found.kind for found in redactor.found(text)}
                if (rule.kind in kinds) != wanted:
                    sentence = "is not found in its example" if wanted else "is found in its near miss"
                    wrong.append(f"[[redaction.rule]] {number}: {rule.kind} {sentence} {text!r}")
    return wrong


def blunt_patterns(policy: RedactionPolicy) -> list[str]:
    """Own rules without examples, and those that find something in a few ordinary lines; one line each."""
    redactor = Redactor(bytes(32), "check", policy=policy._replace(modes=(), allow=()))
    ordinary = {found.kind for found in redactor.found(_ORDINARY)}
    warnings = [f"{rule.kind} has no examples, so nothing shows that it works" for rule in policy.rules if not rule.examples]
    return warnings + [f"{rule.kind} finds something in ordinary text" for rule in policy.rules if rule.kind in ordinary]


def kinds_of(policy: RedactionPolicy) -> list[tuple[str, int, str, str]]:
    """Kind, number of rules, mode and first source of everything that patterns find."""
    modes = dict(policy.modes)
    by_kind: dict[str, list[str]] = {}
    for rule in (*policy.rules, *RULES):
        by_kind.setdefault(rule.kind, []).append(rule.source)
    return [
        (kind, len(sources), "off" if kind in policy.disabled else modes.get(kind, "token"), sources[0])
        for kind, sources in sorted(by_kind.items())
    ]
