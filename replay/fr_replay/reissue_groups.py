"""Answers to one request that was sent several times: which are the same decision, how often, and how sure that is. Pure."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

__all__ = [
    "DECISION",
    "ERROR",
    "REFUSAL",
    "Answer",
    "AskedCall",
    "Group",
    "Interval",
    "Summary",
    "canonical_arguments",
    "decision_of",
    "meaning_of_share",
    "summarise",
    "wilson",
]

DECISION = "decision"
REFUSAL = "refusal"
ERROR = "error"

_Z_95 = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""

_SPACE = re.compile(r"\s+")


class AskedCall(NamedTuple):
    """A tool call in an answer: the tool's name, and the arguments as text, JSON where all went well."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        step: its step in the trace that holds it.
        kind: DECISION, REFUSAL or ERROR.
        text: the answer's text, or None.
        calls: the tool calls that it asks for.
        finish_reason, model, fingerprint: as answered; None where the answer does not say.
        latency_ms: until its last byte; None when none came.
        cost_usd: None where price or usage is not known.
        error: why there is no answer, in words; None for an answer.
    """

    step: int
    kind: str
    text: str | None = None
    calls: tuple[AskedCall, ...] = ()
    finish_reason: str | None = None
    model: str | None = None
    fingerprint: str | None = None
    latency_ms: float | None = None
    cost_usd: float | None = None
    error: str | None = None


class Interval(NamedTuple):
    """A confidence interval of a share, both ends from 0 to 1."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Group:
    """Answers that are the same decision.

    Attributes:
        kind: DECISION or REFUSAL.
        decision: what they share; see :func:`decision_of`. Of refusals the first one's text: their wording does not count.
        example: one of them.
        steps: all of them.
        share: of all answers, refusals among them and errors not.
        interval: the 95 % Wilson interval of that share.
        recorded: the recorded answer is one of these.
    """

    kind: str
    decision: str
    example: Answer
    steps: tuple[int, ...]
    share: float
    interval: Interval
    recorded: bool

    @property
    def count(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of sending one request several times.

    Attributes:
        sent, answered: requests, and those that were answered, by refusals too.
        groups: the most frequent first.
        errors: what went wrong, and how often.
        models, fingerprints, finish_reasons: what the answers say, and how often; None for those that do not say.
        latency_ms: the median of the answers.
        cost_usd: sum of the known costs; None when none is known.
        without_cost: answers whose cost is not known.
        recorded_seen: the recorded decision came again; None when none is on record.
    """

    sent: int
    answered: int
    groups: tuple[Group, ...]
    errors: tuple[tuple[str, int], ...] = ()
    models: tuple[tuple[str | None, int], ...] = ()
    fingerprints: tuple[tuple[str | None, int], ...] = ()
    finish_reasons: tuple[tuple[str | None, int], ...] = ()
    latency_ms: float | None = None
    cost_usd: float | None = None
    without_cost: int = 0
    recorded_seen: bool | None = None
    steps_of_errors: tuple[int, ...] = field(default=())


def wilson(count: int, total: int, z: float = _Z_95) -> Interval:
    """Wilson's score interval for ``count`` of ``total`` (E. B. Wilson, 1927). Without any trial nothing is known: 0 to 1.

    Raises ValueError for counts that cannot be.
    """
    if not 0 <= count <= total:
        raise ValueError(f"{count} of {total}")
    if total == 0:
        return Interval(0.0, 1.0)
    share, square = count / total, z * z
    middle = (share + square / (2 * total)) / (1 + square / total)
    half = z / (1 + square / total) * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    # At the ends the formula gives 0 and 1, and arithmetic something beside them.
    return Interval(0.0 if count == 0 else middle - half, 1.0 if count == total else middle + half)


def canonical_arguments(text: str) -> str:
    """Arguments as JSON with sorted keys and without spaces; other text as it is."""
    try:
        value = json.loads(text or "{}", strict=False)
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return text


def decision_of(text: str | None, calls: Sequence[AskedCall]) -> str:
    """What an answer decides, in a form in which equal decisions are equal texts.

    With tool calls these are the decision, whatever is said beside them; their order in the answer does not count, nor do
    their ids. Without, it is the text: of JSON the canonical form, else with Unicode composed and each stretch of
    white space as one space.
    """
    if calls:
        return "\n".join(sorted(f"{call.name}({canonical_arguments(call.arguments)})" for call in calls))
    stripped = (text or "").strip()
    if stripped[:1] in ("{", "["):
        return canonical_arguments(stripped)
    return _SPACE.sub(" ", unicodedata.normalize("NFC", stripped))


def summarise(answers: Sequence[Answer], recorded: Answer | None) -> Summary:
    """Group answers by decision.

    Args:
        answers: everything that was sent, errors included.
        recorded: the answer of the record, or None when it holds none.
    """
    given = [answer for answer in answers if answer.kind != ERROR]
    failed = [answer for answer in answers if answer.kind == ERROR]
    known = recorded if recorded is not None and recorded.kind != ERROR else None
    by_key: dict[tuple[str, str], list[Answer]] = {}
    for answer in given:
        by_key.setdefault(_key(answer), []).append(answer)
    groups = [_group(key, members, len(given), known) for key, members in by_key.items()]
    groups.sort(key=lambda group: (-group.count, group.steps))
    latencies = [answer.latency_ms for answer in given if answer.latency_ms is not None]
    costs = [answer.cost_usd for answer in answers if answer.cost_usd is not None]
    return Summary(
        sent=len(answers),
        answered=len(given),
        groups=tuple(groups),
        errors=tuple((str(error), count) for error, count in _counted(answer.error for answer in failed)),
        models=_counted(answer.model for answer in given),
        fingerprints=_counted(answer.fingerprint for answer in given),
        finish_reasons=_counted(answer.finish_reason for answer in given),
        latency_ms=median(latencies) if latencies else None,
        cost_usd=sum(costs) if costs else None,
        without_cost=sum(answer.cost_usd is None for answer in given),
        recorded_seen=None if known is None else any(group.recorded for group in groups),
        steps_of_errors=tuple(answer.step for answer in failed),
    )


def _key(answer: Answer) -> tuple[str, str]:
    return (REFUSAL, "") if answer.kind == REFUSAL else (DECISION, decision_of(answer.text, answer.calls))


def _group(key: tuple[str, str], members: list[Answer], total: int, recorded: Answer | None) -> Group:
    kind, decision = key
    return Group(
        kind=kind,
        decision=decision if kind == DECISION else decision_of(members[0].text, ()),
        example=members[0],
        steps=tuple(answer.step for answer in members),
        share=len(members) / total,
        interval=wilson(len(members), total),
        recorded=recorded is not None and _key(recorded) == key,
    )


def _counted(values: Iterable[Any]) -> tuple[tuple[Any, int], ...]:
    return tuple(Counter(values).most_common())


def meaning_of_share(summary: Summary) -> str:
    """One sentence that says what the numbers allow to say, and what not."""
    total = summary.answered
    if total == 0:
        return "nothing was answered, so nothing can be said"
    first = summary.groups[0]
    low = f"{100 * first.interval.low:.0f} %"
    if first.count == total:
        return f"{total} of {total} equal means at least {low} at 95 %, not deterministic"
    high = f"{100 * first.interval.high:.0f} %"
    came = f"the most frequent decision came in {first.count} of {total}"
    return f"{came}: between {low} and {high} at 95 %, as of now and for this model version"
