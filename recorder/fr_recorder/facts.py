"""Facts that only the program, or somebody after it, can tell: ``score``, ``review``, ``retrieval``, ``memory``, ``guardrail``,
``control``, ``handoff``. What is said of calls and prompts is in :mod:`fr_recorder.compensations` and :mod:`fr_recorder.prompts`.

Each call returns at once, and raises nothing. Without a running recorder, and so in replay, it does nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from fr_schema.ids import SPAN_ID_BYTES, is_trace_id

from . import crossings, lanes, real
from .documents import read_documents
from .harmless import report
from .location import Location, calling_location
from .notices import tell
from .recorder import current_recorder
from .request_links import request_links
from .trace_context import TraceContext, current_context

__all__ = ["Fact", "control", "fact_call", "guardrail", "handoff", "memory", "put_fact", "retrieval", "review", "score", "scored"]

F = TypeVar("F", bound=Callable[..., None])


def fact_call(call: F) -> F:
    """A call of the program's that records a fact: without a recorder it does nothing, and it raises nothing."""

    @functools.wraps(call)
    def guarded(*args: Any, **kwargs: Any) -> None:
        if current_recorder() is None:
            return
        try:
            call(*args, **kwargs)
        except Refused as refusal:
            tell(f"fact {call.__name__}", f"fr: fr.{call.__name__}() recorded nothing: {refusal}")
        except Exception as error:  # noqa: BLE001 - nothing of ours may reach the program
            report(error)

    harmless_call: Any = guarded
    return harmless_call  # type: ignore[no-any-return]


class Refused(Exception):
    """The fact cannot be placed; the message says why, and holds nothing of the program's."""


class Place(Protocol):
    """Where facts go: a recorder, or the journal of a command.

    Attributes:
        trace: of facts that are told outside of any.
        labels: of the same.
        writer: has ``new_span_id`` and ``put_begin``.
    """

    @property
    def trace(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, Any]: ...
    @property
    def writer(self) -> Any: ...


class Fact:
    """What the writer's thread reads of a fact.

    Attributes:
        fact_kind: one of :data:`fr_schema.fact_rows.FACT_KINDS`.
        facts: values by column, unredacted.
        content: packed values by column.
        documents: texts of a retrieval's documents; None where one was not given.
        by: the id of a person, of which only a pseudonym is written.
        text: of a prompt, the text that requests are searched for.
        about_last_call: it is about the model call before it.
        elsewhere: its trace was named.
        everywhere: it was told outside of any trace, and holds in all of them.
    """

    __slots__ = (
        *("about_last_call", "at", "by", "content", "context", "documents", "elsewhere", "everywhere", "fact_kind", "facts", "issue"),
        *("lane", "lane_seq", "location", "name", "span", "start", "text"),
    )

    kind = "fact"

    def __init__(self, fact_kind: str, name: str | None, place: Place, trace: str | None, location: Location | None) -> None:
        around = current_context()
        self.fact_kind = fact_kind
        self.name = name
        self.elsewhere = trace is not None and (around is None or trace != around.trace_id)
        self.everywhere = around is None and trace is None
        here = around if around is not None else TraceContext(place.trace, None, place.labels)
        self.context = TraceContext(trace) if self.elsewhere and trace is not None else here
        self.location = location
        self.lane = lanes.current_lane()
        self.lane_seq = -1
        self.issue = crossings.next_order()
        self.span = place.writer.new_span_id()
        self.at = real.wall_ns()
        self.start = real.monotonic_ns()
        self.facts: dict[str, Any] = {}
        self.content: dict[str, Any] = {}
        self.documents: list[str | None] = []
        self.by: Any = None
        self.text: str | None = None
        self.about_last_call = False


def put_fact(
    kind: str,
    name: Any = None,
    *,
    facts: Mapping[str, Any] | None = None,
    detail: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    content: Mapping[str, Any] | None = None,
    documents: Iterable[Any] | None = None,
    by: Any = None,
    trace: Any = None,
    decision: int | str | None = None,
    text: str | None = None,
    about_last_call: bool = False,
    into: Place | None = None,
) -> None:
    """Hand a fact to the writer. Raises Refused, and what the program's own objects raise.

    Args:
        facts, detail, data, content: None among the values means not given; a Packed content is taken as it is.
        documents: as :func:`fr_recorder.documents.read_documents` takes them.
        into: where it goes, if not to the recorder of this process.
    """
    place = into or current_recorder()
    if place is None:
        return
    fact = Fact(kind, None if name is None else str(name), place, _trace_id(trace), calling_location(2) if into is None else None)
    fact.facts = _given({**_about(decision), **(facts or {})})
    fact.by, fact.text = by, text
    fact.about_last_call = about_last_call and decision is None and not fact.elsewhere
    more = _given({**(detail or {}), "data": dict(data) if data else None})
    if more:
        fact.facts["detail"] = _as_json(more)
    size = _take_content(fact, content or {}, documents)
    request_links.wait_for(fact)
    place.writer.put_begin(fact, size)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _as_json(value: Any) -> Any:
    """A value as of now: what the program changes in it later is not on record."""
    import json

    return json.loads(json.dumps(value, default=str))


def _take_content(fact: Fact, content: Mapping[str, Any], documents: Iterable[Any] | None) -> int:
    """Take contents as they are now; returns how large they are."""
    from .values import Packed, pack

    fact.content = {column: value if type(value) is Packed else pack(value) for column, value in content.items() if value is not None}
    size = sum(len(packed.data) for packed in fact.content.values())
    if documents is not None:
        found = read_documents(documents)
        fact.documents = [document.text for document in found]
        fact.facts["document_ids"] = [document.id for document in found]
        scores = [document.score for document in found]
        told = {
            "scores": scores if any(score is not None for score in scores) else None,
            "without_text": [number for number, document in enumerate(found) if not document.text] or None,
        }
        detail = {**_given(told), **fact.facts.get("detail", {})}
        if detail:
            fact.facts["detail"] = detail
        size += sum(len(text) for text in fact.documents if text is not None)
    return size


def _trace_id(trace: Any) -> str | None:
    """The id of a trace given by id or as an ``fr.trace()``. Raises Refused."""
    if trace is None:
        return None
    found = str(getattr(trace, "id", trace)).strip().lower()
    if not is_trace_id(found):
        raise Refused("trace= is not a trace id of 32 hex digits")
    return found


def _about(decision: int | str | None) -> dict[str, Any]:
    """What a fact is about: a step by its number, or a span by its id. Raises Refused."""
    if decision is None:
        return {}
    if isinstance(decision, int) and not isinstance(decision, bool) and decision > 0:
        return {"about_step": decision}
    try:
        if len(bytes.fromhex(str(decision))) == SPAN_ID_BYTES:
            return {"about_span_id": str(decision).lower()}
    except ValueError:
        raise Refused("decision= is neither the number of a step nor a span id of 16 hex digits") from None
    raise Refused("decision= is neither the number of a step nor a span id of 16 hex digits")


# -- what somebody says of it


@fact_call
def score(
    name: str,
    value: float | bool | str,
    *,
    trace: Any = None,
    decision: int | str | None = None,
    comment: str | None = None,
    by: Any = None,
    source: str | None = None,
    **data: Any,
) -> None:
    """Record how good something was::

        fr.score("helpfulness", 4.2, by="ann", comment="found the order at once")
        fr.score("resolved", True, trace=trace_id, source="crm")

    Args:
        value: a number, True or False, or a word.
        trace: the trace that it is about, by id or as an ``fr.trace()``; else the current one. It may be long over, and of another process.
        decision: the step that it is about, by number (as ``fr show TRACE K`` has it) or by span id; else the whole trace.
        comment: why.
        by: any id of the person who says so; only a keyed pseudonym of it is stored.
        source: what says so: ``human``, ``model``, ``program``, or a name of it. ``human`` where ``by`` is given.
        data: anything further.
    """
    put_fact(
        "score",
        name,
        facts={**scored(value), "reason": comment, "by_source": source or ("human" if by is not None else None)},
        data=data,
        by=by,
        trace=trace,
        decision=decision,
    )


def scored(value: Any) -> dict[str, Any]:
    """The columns of a score's value."""
    if isinstance(value, bool):
        return {"score_value": float(value), "fact_value": "true" if value else "false"}
    if isinstance(value, str):
        return {"fact_value": value}
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return {"fact_value": str(value)}
    # JSON has no word for these.
    return {"score_value": number} if number - number == 0 else {"fact_value": str(number)}


@fact_call
def review(
    verdict: str,
    *,
    by: Any = None,
    source: str | None = None,
    reason: str | None = None,
    seconds: float | None = None,
    tool: str | None = None,
    tool_call_id: str | None = None,
    trace: Any = None,
    decision: int | str | None = None,
    **data: Any,
) -> None:
    """Record that somebody decided about what an agent did, or asked to do::

        fr.review("approved", by=reviewer.id, tool="refund", seconds=41.5, reason="within limits")

    Args:
        verdict: ``approved``, ``rejected``, ``edited``, ``escalated``, or another word.
        by, source, trace, decision, data: as for :func:`score`.
        reason: in the reviewer's words.
        seconds: how long the reviewer took.
        tool, tool_call_id: the tool call that was up for approval.
    """
    put_fact(
        "review",
        facts={
            "fact_value": verdict,
            "reason": reason,
            "tool_name": tool,
            "tool_call_id": tool_call_id,
            "by_source": source or ("human" if by is not None else None),
        },
        detail={"seconds": seconds},
        data=data,
        by=by,
        trace=trace,
        decision=decision,
    )


# -- what the program does


@fact_call
def retrieval(
    query: Any,
    documents: Iterable[Any],
    *,
    index: str | None = None,
    index_version: str | None = None,
    embed_model: str | None = None,
    used: Iterable[Any] | None = None,
    seconds: float | None = None,
    name: str | None = None,
    **data: Any,
) -> None:
    """Record what a search gave::

        fr.retrieval(question, hits, index="faq", index_version="2026-11-20")

    Which of the documents reached a prompt is found out from the requests that follow: those that hold the text.

    Args:
        query: what was searched for.
        documents: texts, mappings (``id``, ``text``, ``score``), objects with such attributes (LangChain's, LlamaIndex's), or pairs of
            one of these and a score. Texts are stored redacted, each once.
        index, index_version: the index, and its build; embed_model: what embedded the query.
        used: ids of the documents that reached the prompt, where their texts do not stand in it as they are.
    """
    put_fact(
        "retrieval",
        name,
        facts={"fact_value": index},
        detail={
            "index_version": index_version,
            "used_ids": None if used is None else [str(one) for one in used],
            "embed_model": embed_model,
            "seconds": seconds,
        },
        data=data,
        content={"fact_blob": query},
        documents=documents,
    )


@fact_call
def memory(
    operation: str,
    item: str | None = None,
    value: Any = None,
    *,
    before: Any = None,
    after: Any = None,
    store: str | None = None,
    **data: Any,
) -> None:
    """Record a read or write of what the agent remembers between calls.

    Args:
        operation: ``read``, ``write``, ``update``, ``delete``, ``search``, or another word.
        item: which entry. store: the name of the memory.
        value: what was read, written or searched for. before, after: of an update.
    """
    put_fact(
        "memory",
        store,
        facts={"fact_value": operation},
        detail={"item": item},
        data=data,
        content={"fact_blob": value, "before_blob": before, "after_blob": after},
    )


@fact_call
def guardrail(
    name: str,
    verdict: str,
    *,
    stage: str | None = None,
    reason: str | None = None,
    before: Any = None,
    after: Any = None,
    tool: str | None = None,
    tool_call_id: str | None = None,
    decision: int | str | None = None,
    **data: Any,
) -> None:
    """Record what a check of the program's own made of an input, an answer or a tool call.

    Args:
        verdict: ``allowed``, ``blocked``, ``flagged``, ``changed``, or another word.
        stage: what was checked: ``input``, ``output``, ``tool``, ...
        before, after: what was checked, and what stood in its place.
    """
    put_fact(
        "guardrail",
        name,
        facts={"fact_value": verdict, "reason": reason, "tool_name": tool, "tool_call_id": tool_call_id},
        detail={"stage": stage},
        data=data,
        content={"before_blob": before, "after_blob": after},
        decision=decision,
    )


@fact_call
def control(
    name: str, state: Any, *, before: Any = None, by: Any = None, source: str | None = None, reason: str | None = None, **data: Any
) -> None:
    """Record that a kill switch, a feature control or a breaker has another state from here on.

    Args:
        state: ``on``, ``off``, ``canary``, ``open``, ... ; True and False are ``on`` and ``off``. before: the state until here.
    """
    put_fact(
        "control",
        name,
        facts={"fact_value": _state(state), "reason": reason, "by_source": source or ("human" if by is not None else None)},
        detail={"before": _state(before)},
        data=data,
        by=by,
    )


def _state(state: Any) -> str | None:
    if isinstance(state, bool):
        return "on" if state else "off"
    return None if state is None else str(state)


@fact_call
def handoff(to: str, *, giver: str | None = None, content: Any = None, reason: str | None = None, **data: Any) -> None:
    """Record that one agent gave the work to another, or to a person.

    Args:
        to: who has it now. giver: who had it; else the agent that ``fr.trace(agent=...)`` names.
        content: what was handed over.
    """
    around = current_context()
    named = giver or (around.labels.get("agent") if around is not None else None)
    put_fact("handoff", to, facts={"reason": reason}, detail={"from": named}, data=data, content={"fact_blob": content})
