"""The public calls: ``init``, ``trace``, ``decision``, ``llm_call``, ``flush``. Tools are in :mod:`fr_recorder.tools`.

Without a running recorder every one of them does nothing, at next to no cost, so a library may use them freely.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from . import boundary, crossings, lanes, real
from .boundary import ToolCall, ToolCrossing
from .harmless import harmless, report
from .location import Location, calling_location
from .recorder import Config, Recorder, current_recorder, start, watch_children
from .trace_context import TraceContext, current_context, labels_of, reset_context, set_context

__all__ = ["LlmCall", "Trace", "decision", "flush", "init", "llm_call", "trace", "traceparent"]

T = TypeVar("T")

_LEFT = ("CancelledError", "GeneratorExit")
"""Exceptions with which somebody ends a task or a generator from outside."""


def init(
    store: str | None = None,
    *,
    service: str | None = None,
    environment: str | None = None,
    region: str | None = None,
    durability: str | None = None,
    code_version: str | None = None,
    encryption: str | None = None,
) -> bool:
    """Start recording this process. True when it records.

    Under ``fr record`` the recorder is running already and this changes nothing. Never raises: when the store cannot
    be used, one line on stderr says so and the program goes on unrecorded.

    Args:
        store: path; else ``FR_STORE``, else ``./.flightrecorder``.
        service, environment, region: labels of every row; else ``FR_SERVICE`` and so on.
        durability: ``os``, ``group`` (default) or ``sync``; see docs/recording.md.
        code_version: commit or release of the program.
        encryption: where the key comes from that content goes under: ``env:NAME``, ``file:PATH`` or ``command:CMD``; else ``FR_ENCRYPT``.
            A store that was encrypted once stays so. See docs/encryption.md.
    """
    if current_recorder() is not None or boundary.backend() is not None:
        return True
    given = labels_of(service=service, environment=environment, region=region, durability=durability, code_version=code_version)
    given |= labels_of(encryption=encryption)
    try:
        return _begin(store, given)
    except Exception as error:  # noqa: BLE001 - nothing of ours may reach the program
        report(error)
        return False


def _begin(store: str | None, given: dict[str, Any]) -> bool:
    recorder = start(Config.from_environment(store, **given))
    if recorder is None:
        return False
    from . import concurrency
    from .seams import install_seams

    concurrency.install(recorder)
    crossings.set_left_observer(recorder.left)
    watch_children()
    install_seams()
    return True


def flush() -> None:
    """Wait until everything recorded so far is written: 5 seconds at most. Never needed for safety; useful before reading the store."""
    recorder = current_recorder()
    if recorder is not None:
        try:
            recorder.flush()
        except Exception as error:  # noqa: BLE001 - nothing of ours may reach the program
            report(error)


class _Point:
    """What the encoder reads of a span or decision."""

    __slots__ = (
        "at",
        "context",
        "data",
        "end",
        "end_at",
        "error",
        "facts",
        "issue",
        "kind",
        "lane",
        "lane_seq",
        "location",
        "name",
        "outcome",
        "span",
        "start",
    )

    def __init__(self, kind: str, name: str, recorder: Recorder, context: TraceContext, location: Location | None) -> None:
        self.kind = kind
        self.name = name
        self.context = context
        self.location = location
        self.lane = lanes.current_lane()
        self.lane_seq = -1
        self.issue = crossings.next_order()
        self.span = recorder.writer.new_span_id()
        self.at = real.wall_ns()
        self.start = real.monotonic_ns()
        self.data: Any = None
        self.end: str | None = None
        self.end_at = 0
        self.error: BaseException | None = None
        self.facts: dict[str, Any] = {}
        self.outcome: dict[str, Any] = {}

    def take_end_order(self) -> None:
        """Ends of spans are not waited for in replay, so they take no place."""


class Trace:
    """A unit of work: a served request, a task, or a named stretch of a run. Use it with ``with`` or ``async with``.

    Attributes:
        id: the trace id, 32 hex characters; None when nothing records.
        facts, outcome: further facts for its row, told at its beginning and its end, by column.
        failed: it is to end as an error, though nothing is raised.
    """

    def __init__(self, name: str, labels: dict[str, Any], new: bool | None, location: Location | None, inputs: Any = None) -> None:
        self._name = name
        self._labels = labels
        self._new = new
        self._location = location
        self._inputs = inputs
        self._point: _Point | None = None
        self._token: Any = None
        self._lane: Any = None
        self.id: str | None = None
        self.facts: dict[str, Any] = {}
        self.outcome: dict[str, Any] = {}
        self.failed = False

    def __enter__(self) -> Trace:
        self._enter()
        return self

    @harmless
    def _enter(self) -> None:
        backend = boundary.backend()
        if backend is None:
            return
        around = current_context()
        lane = backend.trace_lane(self._name, around=around is not None, new=self._new is True)
        if lane is not None:
            self._lane = lanes.enter_lane(lane)
        context = self._context(backend, around)
        self.id = context.trace_id
        recorder = current_recorder()
        if recorder is None:
            # In replay the structure of traces is kept, and nothing is written.
            self._token = set_context(context)
            return
        point = _Point("span", self._name, recorder, context, self._location)
        if self._inputs is not None:
            from .values import pack

            point.data = pack(dict(self._inputs))
        point.facts = self.facts
        recorder.writer.put_begin(point, len(point.data.data) if point.data is not None else 0)
        self._point = point
        self._token = set_context(context.below(point.span))

    def _context(self, backend: boundary.Backend, around: TraceContext | None) -> TraceContext:
        """The trace of the code around, unless there is none, or a new one is asked for."""
        if around is None or self._new is True:
            return TraceContext(backend.trace_id(new=self._new is True), None, self._labels)
        return TraceContext(around.trace_id, around.span_id, {**around.labels, **self._labels})

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave(error)

    @harmless
    def _leave(self, error: BaseException | None) -> None:
        if self._token is not None:
            reset_context(self._token)
            self._token = None
        if self._lane is not None:
            lanes.leave_lane(self._lane)
            self._lane = None
        point, self._point = self._point, None
        recorder = current_recorder()
        if point is None or recorder is None:
            return
        point.error = error
        point.end = "error" if self.failed else "ok"
        if error is not None:
            point.end = "cancelled" if type(error).__name__ in _LEFT else "error"
        point.outcome = self.outcome
        point.end_at = real.monotonic_ns()
        recorder.writer.put_end(point, 0, wait=True)

    async def __aenter__(self) -> Trace:
        return self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.__exit__(kind, error, trace)


def trace(
    name: str,
    *,
    session: str | None = None,
    user: str | None = None,
    subject: str | None = None,
    tags: dict[str, str] | list[str] | None = None,
    task: str | None = None,
    tenant: str | None = None,
    agent: str | None = None,
    agent_version: str | None = None,
    new: bool | None = None,
    inputs: Mapping[str, Any] | None = None,
    traceparent: str | None = None,
) -> Trace:
    """Open a trace, or a named span of the trace that the code is in already.

    In a server started with ``fr.init()`` each ``fr.trace()`` that is not inside another is a trace of its own: one
    request. Under ``fr record`` the run is the trace and this names a part of it; a recorded server says ``new=True``.

    Args:
        session: conversation id. task: unit of work for cost questions. tenant, agent, agent_version: names.
        user: any id of the person; only a keyed pseudonym of it is stored.
        subject: any id of the person whom the content is about, when that is not the user: with encryption on, whose key it goes under, so
            that ``fr erase --subject`` can destroy it.
        tags: free labels, as a mapping or a list of names.
        new: True for a trace of its own wherever the code is.
        inputs: what the work is done on, by parameter name of the function that does it. Stored redacted and untruncated, so that
            ``fr replay TRACE --handler module:function`` can call that function again.
        traceparent: the W3C header of whoever asks for this work: the record keeps its trace and span ids, so that it can be found by them.
            A header that is not valid is left aside.
    """
    labels = labels_of(
        session=session,
        user=user,
        subject=subject,
        task=task,
        tenant=tenant,
        agent=agent,
        agent_version=agent_version,
        tags=_text_tags(tags),
        trace=name,
        **_foreign(traceparent),
    )
    return Trace(name, labels, new, calling_location(), inputs)


def _foreign(traceparent: str | None) -> dict[str, str]:
    """The labels of a foreign trace, if a header names one."""
    if traceparent is None:
        return {}
    from .w3c import read_traceparent

    try:
        found = read_traceparent(str(traceparent))
    except Exception as error:  # noqa: BLE001 - the program's own objects may raise anything when made text
        report(error)
        return {}
    return {"ext_trace": found[0], "ext_span": found[1]} if found is not None else {}


def _text_tags(tags: dict[str, str] | list[str] | None) -> dict[str, str] | None:
    if not tags:
        return None
    try:
        return {str(k): str(v) for k, v in tags.items()} if isinstance(tags, dict) else {str(tag): "" for tag in tags}
    except Exception as error:  # noqa: BLE001 - the program's own objects may raise anything when made text
        report(error)
        return None


def traceparent() -> str | None:
    """The W3C header ``traceparent`` that carries the current trace on, for requests to services that take part in it; None outside of one.

    A trace that came with such a header (see :mod:`fr_recorder.middleware`) goes on under its caller's id. Requests are not given the
    header by us: they go out as the program made them.
    """
    context = current_context()
    if context is None:
        return None
    from .w3c import write_traceparent

    return write_traceparent(context.labels.get("ext_trace", context.trace_id), context.span_id or context.trace_id[16:])


def decision(label: str, **data: Any) -> None:
    """Record a choice that the program made, and what it was made from.

    Args:
        label: what was chosen, such as ``"escalate"``.
        data: anything that explains it; stored redacted and untruncated.
    """
    recorder = current_recorder()
    if recorder is None:
        return
    try:
        from .values import pack

        context = current_context() or TraceContext(recorder.trace)
        point = _Point("decision", label, recorder, context, calling_location())
        point.data = pack(data)
        recorder.writer.put_begin(point, len(point.data.data))
    except Exception as error:  # noqa: BLE001 - nothing of ours may reach the program
        report(error)


class LlmCall:
    """A model call made by a client that no seam sees. Use it with ``with``; see :func:`llm_call`."""

    def __init__(self, call: ToolCall) -> None:
        self._call = call
        self._crossing: ToolCrossing | None = None
        self._response: dict[str, Any] = {}
        self._returned: Any = None
        self._ran = False

    def __enter__(self) -> LlmCall:
        self._crossing = boundary.tool(self._call)
        return self

    def run(self, client: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Call the client, and return what it returns; in replay return the recorded value without calling it."""
        crossing = self._crossing
        if crossing is None:
            return client(*args, **kwargs)
        self._ran = True
        answer = crossing.serve()
        if answer is not None:
            if answer.error is not None:
                raise answer.error
            self._returned = answer.value
        else:
            from .tools import run_body

            self._returned = run_body(crossing, lambda: client(*args, **kwargs))
        value: T = self._returned
        return value

    def respond(
        self,
        text: str | None = None,
        *,
        model: str | None = None,
        finish_reason: str | None = None,
        usage: dict[str, int] | None = None,
        tool_calls: list[dict[str, Any]] | None = None,
        response_id: str | None = None,
        raw: Any = None,
    ) -> None:
        """Say what the model answered.

        Args:
            model: the version that ran, if the client says so; never the alias that was asked for.
            usage: token counts by the names ``input_tokens``, ``output_tokens``, ``cache_read_tokens``, ``reasoning_tokens``.
        """
        self._response = labels_of(
            text=text, model=model, finish_reason=finish_reason, usage=usage, tool_calls=tool_calls, response_id=response_id, raw=raw
        )
        extra = getattr(self._crossing, "extra", None)
        if extra is not None:
            extra["response"] = self._response

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        crossing, self._crossing = self._crossing, None
        if crossing is None:
            return
        if not self._ran:
            # In replay this checks the request; there is no recorded value to hand out.
            crossing.serve()
        if error is not None:
            crossing.raised(error)
        else:
            crossing.returned(self._returned if self._ran else self._response.get("text"))


def llm_call(
    *,
    model: str,
    messages: list[Any] | None = None,
    provider: str | None = None,
    system: str | None = None,
    tools: list[Any] | None = None,
    **params: Any,
) -> LlmCall:
    """Record a model call of a hand-made client::

        with fr.llm_call(provider="acme", model="m-large", messages=messages, temperature=0.2) as call:
            reply = call.run(client.generate, messages)
            call.respond(reply.text, model=reply.version, usage={"input_tokens": 12, "output_tokens": 7})

    ``call.run`` makes the call replayable; without it the body runs again in replay.
    """
    request = labels_of(model=model, messages=messages, system=system, tools=tools, **params)
    facts = labels_of(provider=provider, model=model)
    return LlmCall(ToolCall("llm_call", model, request, "none", "function", calling_location(), facts))
