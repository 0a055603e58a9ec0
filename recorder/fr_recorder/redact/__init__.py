"""Redaction at write time: what must not reach a disk is replaced by keyed tokens before it can.

:class:`Redactor` is the one door. Rules are rows of tables (``rules_*.py``), names that tell of a secret too (``fields.py``).

The package loads none of its modules by itself. The writer's thread and the program's may come here at the same moment, each at
another module; a package that is half loaded then lets the one pass that comes to a module of it, and Python resolves the deadlock of
the two with a half-made module in the hands of one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fr_recorder.redact.hits import Hit, RedactionFailed
    from fr_recorder.redact.redactor import RedactedBody, Redactor, StreamScanner
    from fr_recorder.redact.rules import DISABLED_BY_DEFAULT

__all__ = ["DISABLED_BY_DEFAULT", "Hit", "RedactedBody", "RedactionFailed", "Redactor", "StreamScanner"]

_HOMES = {
    "DISABLED_BY_DEFAULT": "rules",
    "Hit": "hits",
    "RedactedBody": "redactor",
    "RedactionFailed": "hits",
    "Redactor": "redactor",
    "StreamScanner": "redactor",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
