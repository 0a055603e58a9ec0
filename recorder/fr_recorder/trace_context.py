"""Which trace the calling code works for, and what the application said about it.

A context is immutable; entering a trace, a span or a tool sets a new one. Tasks inherit it through context
variables, threads through their lane.
"""

from __future__ import annotations

import contextvars
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from .lanes import current_lane

__all__ = ["TraceContext", "current_context", "labels_of", "reset_context", "set_context"]


class TraceContext(NamedTuple):
    """The trace, the span that new spans hang under, and the labels of the application.

    Attributes:
        labels: ``session``, ``task``, ``user`` (raw until the writer has made a pseudonym of it), ``tenant``,
            ``agent``, ``agent_version``, ``tags``, ``ext`` (foreign W3C ids); absent where not given.
    """

    trace_id: str
    span_id: str | None = None
    labels: Mapping[str, Any] = MappingProxyType({})

    def below(self, span_id: str) -> TraceContext:
        """The context of what happens inside a span."""
        return self._replace(span_id=span_id)


_context: contextvars.ContextVar[TraceContext | None] = contextvars.ContextVar("fr_trace", default=None)


def current_context() -> TraceContext | None:
    """The context of the calling code, or None outside of any trace."""
    context = _context.get()
    return context if context is not None else current_lane().context


def set_context(context: TraceContext | None) -> contextvars.Token[TraceContext | None]:
    """Enter a context; give the token to :func:`reset_context`."""
    return _context.set(context)


def reset_context(token: contextvars.Token[TraceContext | None]) -> None:
    """Leave the context entered last.

    A generator or async generator may be closed in another context than the one it began in; then there is
    nothing of ours to undo there.
    """
    try:
        _context.reset(token)
    except ValueError:
        return


def labels_of(**labels: Any) -> dict[str, Any]:
    """The given labels without those that are None."""
    return {name: value for name, value in labels.items() if value is not None}
