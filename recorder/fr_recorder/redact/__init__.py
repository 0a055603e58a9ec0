"""Redaction at write time: what must not reach a disk is replaced by keyed tokens before it can.

:class:`Redactor` is the one door. Rules are rows of tables (``rules_*.py``), names that tell of a secret too (``fields.py``).
"""

from __future__ import annotations

from fr_recorder.redact.hits import Hit, RedactionFailed
from fr_recorder.redact.redactor import RedactedBody, Redactor, StreamScanner
from fr_recorder.redact.rules import DISABLED_BY_DEFAULT

__all__ = ["DISABLED_BY_DEFAULT", "Hit", "RedactedBody", "RedactionFailed", "Redactor", "StreamScanner"]
