"""Two traces side by side: which decisions are the same, where the two stop being the same run, and what differs there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import islice
from typing import Any, NamedTuple

from .contents import Contents
from .divergence import CanonicalRequest, Difference, canonical_http, differences, same
from .reading import Row, asked_tools, rows_of
from .reissue_groups import AskedCall, canonical_arguments
from .store import Store

__all__ = [
    "ONLY_FIRST",
    "ONLY_SECOND",
    "SAME",
    "WHATIF_FROM",
    "WHATIF_OF",
    "Comparison",
    "Decided",
    "Pair",
    "align",
    "compare",
    "read_decided",
    "shared_steps",
]

SAME = "same"
REQUEST_DIFFERS = "request differs"
ANSWER_DIFFERS = "answer differs"
ONLY_FIRST = "only in the first"
ONLY_SECOND = "only in the second"

WHATIF_OF, WHATIF_FROM = "whatif-of", "whatif-from"
"""Labels of a what-if's trace: the parent's id, and the step from which on it was live."""

_SHOWN_DIFFERENCES = 6


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of a trace, as far as it is compared.

    Attributes:
        step: its number; 0 for one that a what-if took from the record.
        lane, model, location: as recorded.
        request: in canonical form; None when the record does not hold it.
        answer: what was decided: ``text``, ``tool_calls``, ``finish_reason``, or ``error``; None when no answer is on record.
        told: the answer in words.
    """

    step: int
    lane: str | None
    model: str | None
    location: str | None
    request: Any
    answer: dict[str, Any] | None
    told: str


class Pair(NamedTuple):
    """A decision of the first trace and the one of the second that it is compared with; one of them may be missing."""

    first: Decided | None
    second: Decided | None

    @property
    def verdict(self) -> str:
        """SAME, REQUEST_DIFFERS, ANSWER_DIFFERS, ONLY_FIRST or ONLY_SECOND."""
        if self.second is None:
            return ONLY_FIRST
        if self.first is None:
            return ONLY_SECOND
        if not same(self.first.request, self.second.request):
            return REQUEST_DIFFERS
        return SAME if same(self.first.answer, self.second.answer) else ANSWER_DIFFERS


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two traces compared.

    Attributes:
        pairs: in the order of the first trace's steps, what only the second has where it came.
        parting: index of the first pair that is not the same, or None.
        request, answer: the first differences there.
        request_total, answer_total: how many there are.
    """

    pairs: tuple[Pair, ...]
    parting: int | None
    request: tuple[Difference, ...] = ()
    answer: tuple[Difference, ...] = ()
    request_total: int = 0
    answer_total: int = 0

    @property
    def equal(self) -> bool:
        return self.parting is None


def compare(first: Sequence[Decided], second: Sequence[Decided], shared: int = 0) -> Comparison:
    """Align the decisions of two traces, and look at the first place where they differ.

    Args:
        shared: so many steps of the first were handed out to the second, a what-if, which therefore does not have them.
    """
    served = [Pair(decided, replace(decided, step=0)) for decided in first[:shared]]
    pairs = (*served, *align(first[shared:], second))
    parting = next((index for index, pair in enumerate(pairs) if pair.verdict != SAME), None)
    if parting is None:
        return Comparison(pairs, None)
    pair = pairs[parting]
    if pair.first is None or pair.second is None:
        return Comparison(pairs, parting)
    requests = list(differences(pair.first.request, pair.second.request))
    answers = list(differences(pair.first.answer, pair.second.answer))
    return Comparison(
        pairs,
        parting,
        tuple(islice(requests, _SHOWN_DIFFERENCES)),
        tuple(islice(answers, _SHOWN_DIFFERENCES)),
        len(requests),
        len(answers),
    )


def align(first: Sequence[Decided], second: Sequence[Decided]) -> list[Pair]:
    """Pair the decisions of two traces.

    Lane by lane where both have the same lanes, since the order of parallel lanes is chance; else in the order of their steps. In a
    lane, equal requests are paired first; what lies between is paired in order, and the rest stands alone.
    """
    lanes_first, lanes_second = ({decided.lane for decided in side} for side in (first, second))
    if lanes_first & lanes_second:
        lanes: Iterable[Any] = dict.fromkeys(decided.lane for decided in (*first, *second))
        pairs = [pair for lane in lanes for pair in _align_lane(_of(first, lane), _of(second, lane))]
    else:
        pairs = _align_lane(first, second)
    return _in_order(pairs)


def _of(side: Sequence[Decided], lane: str | None) -> list[Decided]:
    return [decided for decided in side if decided.lane == lane]


def _align_lane(first: Sequence[Decided], second: Sequence[Decided]) -> list[Pair]:
    keys_first, keys_second = ([_key(decided) for decided in side] for side in (first, second))
    pairs: list[Pair] = []
    for _, a1, a2, b1, b2 in SequenceMatcher(None, keys_first, keys_second, autojunk=False).get_opcodes():
        for offset in range(max(a2 - a1, b2 - b1)):
            one = first[a1 + offset] if a1 + offset < a2 else None
            other = second[b1 + offset] if b1 + offset < b2 else None
            pairs.append(Pair(one, other))
    return pairs


def _key(decided: Decided) -> str:
    """Equal for equal requests; never equal for requests that are not on record."""
    if decided.request is None:
        return f"no request {id(decided)}"
    try:
        return json.dumps(decided.request, sort_keys=True, default=str)
    except RecursionError:
        return f"deep request {id(decided)}"


def _in_order(pairs: Sequence[Pair]) -> list[Pair]:
    """By the first trace's steps; what only the second has stands behind what it follows there."""
    by_first = sorted((pair for pair in pairs if pair.first is not None), key=lambda pair: pair.first.step if pair.first else 0)
    for alone in sorted((pair for pair in pairs if pair.first is None), key=lambda pair: pair.second.step if pair.second else 0):
        step = alone.second.step if alone.second else 0
        before = [index for index, pair in enumerate(by_first) if pair.second is not None and pair.second.step < step]
        by_first.insert(max(before, default=-1) + 1, alone)
    return by_first


# -- reading


def shared_steps(second: Store, first_id: str) -> int:
    """How many steps of the first trace the second one, a what-if of it, was served."""
    tags = dict(next((row["tags"] for row in rows_of(second, "SELECT tags FROM traces") if row["tags"]), {}))
    return int(tags[WHATIF_FROM]) - 1 if tags.get(WHATIF_OF) == first_id else 0


def read_decided(near: Store, contents: Contents) -> list[Decided]:
    """The decisions of a trace, by step."""
    calls = rows_of(near, "SELECT * FROM calls ORDER BY step")
    attempts = rows_of(
        near,
        "SELECT lower(hex(call_span_id)) AS call, request_method, request_url, request_headers FROM all_events"
        " WHERE kind = 'llm_attempt' ORDER BY attempt_no, seq",
    )
    by_call = {row["call"]: row for row in attempts}
    contents.fetch([*(call["output_blob"] for call in calls), *(part for call in calls for part in call["request_parts"] or ())])
    contents.fetch(tool["arguments_blob"] for call in calls for tool in asked_tools(call))
    return [_decided(call, by_call.get(call["span_id"]), contents) for call in calls]


def _decided(call: Row, attempt: Row | None, contents: Contents) -> Decided:
    calls = tuple(AskedCall(tool["name"] or "?", contents.text(tool["arguments_blob"]) or "") for tool in asked_tools(call))
    answer = _answer(call, calls, contents.text(call["output_blob"]))
    return Decided(
        step=call["step"],
        lane=call["lane"],
        model=call["model_resolved"] or call["model_requested"],
        location=call["code_location"],
        request=_request(call, attempt, contents),
        answer=answer,
        told=_told(answer),
    )


def _request(call: Row, attempt: Row | None, contents: Contents) -> CanonicalRequest | None:
    text = contents.joined(call["request_parts"])
    if text is None:
        return None
    body = text.encode("utf-8", "surrogatepass")
    if attempt is None:
        return canonical_http("", call["model_requested"] or "", [], body)
    headers = [(name, value) for name, value in json.loads(attempt["request_headers"] or "[]")]
    return canonical_http(attempt["request_method"] or "", attempt["request_url"] or "", headers, body)


def _answer(call: Row, calls: Sequence[AskedCall], text: str | None) -> dict[str, Any] | None:
    if call["phase"] == "begin":
        return None
    if call["status"] == "error":
        return {"error": f"{call['http_status'] or ''} {call['error_type'] or ''}".strip() or "error"}
    asked = [{"name": asked.name, "arguments": canonical_arguments(asked.arguments)} for asked in calls]
    return {"text": text, "tool_calls": asked, "finish_reason": call["finish_reason"]}


def _told(answer: dict[str, Any] | None) -> str:
    if answer is None:
        return "(no answer on record)"
    if "error" in answer:
        return f"error: {answer['error']}"
    asked = " + ".join(f"{call['name']}({call['arguments']})" for call in answer["tool_calls"])
    return asked or answer["text"] or "(no text)"
