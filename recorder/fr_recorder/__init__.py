"""Flight recorder for AI agents: ``import fr_recorder as fr``.

::

    fr.init()                                     # or run the program under `fr record -- python agent.py`

    @fr.tool(side_effect="write")
    def refund(order: str, cents: int) -> str: ...

    with fr.trace("support", session="s-17", user="ann", tags={"plan": "pro"}):
        ...                                       # model calls of known client libraries are recorded as they are

Importing this starts nothing; what is used is imported at its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fr_schema.version import PACKAGE_VERSION as __version__

    from .api import LlmCall, Trace, decision, flush, init, llm_call, trace, traceparent
    from .compensations import Fallback, compensated, fallback
    from .facts import control, guardrail, handoff, memory, retrieval, review, score
    from .prompts import config, context, flags, prompt
    from .tools import tool

__all__ = [
    "Fallback",
    "LlmCall",
    "Trace",
    "__version__",
    "compensated",
    "config",
    "context",
    "control",
    "decision",
    "fallback",
    "flags",
    "flush",
    "guardrail",
    "handoff",
    "init",
    "llm_call",
    "memory",
    "prompt",
    "retrieval",
    "review",
    "score",
    "tool",
    "trace",
    "traceparent",
]

_HOMES = {
    "tool": "fr_recorder.tools",
    "__version__": "fr_schema.version",
    **dict.fromkeys(("Fallback", "compensated", "fallback"), "fr_recorder.compensations"),
    **dict.fromkeys(("control", "guardrail", "handoff", "memory", "retrieval", "review", "score"), "fr_recorder.facts"),
    **dict.fromkeys(("config", "context", "flags", "prompt"), "fr_recorder.prompts"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'fr_recorder' has no attribute {name!r}")
    import importlib

    home = importlib.import_module(_HOMES.get(name, "fr_recorder.api"))
    value = getattr(home, "PACKAGE_VERSION" if name == "__version__" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
