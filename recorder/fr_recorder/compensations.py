"""Answers that were not used as they came, and answers that came from elsewhere: ``compensated``, ``fallback``."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .facts import fact_call, put_fact
from .harmless import harmless
from .recorder import current_recorder
from .trace_context import TraceContext, current_context, reset_context, set_context

__all__ = ["Fallback", "compensated", "fallback"]


@fact_call
def compensated(
    kind: str, *, before: Any = None, after: Any = None, reason: str | None = None, decision: int | str | None = None, **data: Any
) -> None:
    """Record that the program made good for an answer::

        fr.compensated("json_repair", before=text, after=repaired)

    The model call before it, of the same task or thread, has the kind in its column ``compensations``.

    Args:
        kind: ``json_repair``, ``rewrite``, ``simpler_schema``, ``prior_result``, ``empty_default``, ``truncate``, or another word.
        before, after: what came, and what stood in its place.
        decision: the step that it is about, where it is not the call before it.
    """
    put_fact(
        "compensation",
        facts={"fact_value": kind, "reason": reason},
        data=data,
        content={"before_blob": before, "after_blob": after},
        decision=decision,
        about_last_call=True,
    )


class Fallback:
    """What :func:`fallback` returns: model calls made inside of it, by ``with`` or ``async with``, have its ``served_by``."""

    def __init__(self, served_by: str) -> None:
        self._served_by = served_by
        self._token: Any = None

    def __enter__(self) -> Fallback:
        self._enter()
        return self

    @harmless
    def _enter(self) -> None:
        recorder = current_recorder()
        if recorder is None:
            return
        around = current_context() or TraceContext(recorder.trace)
        self._token = set_context(around._replace(labels={**around.labels, "served_by": self._served_by}))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave()

    @harmless
    def _leave(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            reset_context(token)

    async def __aenter__(self) -> Fallback:
        return self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave()


def fallback(
    served_by: str = "fallback", *, primary: str | None = None, reason: str | None = None, value: Any = None, **data: Any
) -> Fallback:
    """Record that something else than the first choice serves the program::

        with fr.fallback(primary="gpt-5", reason="429"):
            answer = client.chat.completions.create(model="gpt-5-mini", ...)     # its call is served_by fallback

        fr.fallback("cache", value=cached)                                       # no model was asked

    Args:
        served_by: ``fallback`` for another model, asked inside of ``with``; ``cache``, ``default`` or ``human`` where no other call is
            made: the model call before it, of the same task or thread, is then said to have been served so, if it failed.
        primary: what did not serve. value: what was used instead.
    """
    _record_fallback(served_by, primary, reason, value, data)
    return Fallback(served_by)


@fact_call
def _record_fallback(served_by: str, primary: str | None, reason: str | None, value: Any, data: dict[str, Any]) -> None:
    put_fact(
        "fallback",
        facts={"served_by": served_by, "reason": reason},
        detail={"from": primary},
        data=data,
        content={"fact_blob": value},
        about_last_call=served_by != "fallback",
    )
