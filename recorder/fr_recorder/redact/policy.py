"""The policy id: a short name for everything that decides what is replaced by what.

Replay redacts the live request under the recorded policy; two records with one policy id were redacted alike. The digest covers the
rules, the names that tell, and how values are normalised, so none of them can change unnoticed. What the digest cannot see, the code
that applies them, is covered by ``VERSION``, which a golden test ties to results.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

from fr_recorder.redact import fields
from fr_recorder.redact.rule import Rule
from fr_recorder.redact.streams import DELTA_FIELDS, DISCRIMINATORS
from fr_recorder.redact.tokens import NORMALISERS, TOKEN

__all__ = ["VERSION", "digest_in", "policy_id_of"]

VERSION = 2
"""To be raised with every change that gives another result for the same rules and names."""

_MODE = "token"


@lru_cache(maxsize=16)
def policy_id_of(engine: str, rules: Sequence[Rule], digest: str = "") -> str:
    """``fr<version>:<engine>:<8 hex>`` for an engine and the enabled rules, and ``:<digest>`` of a policy's own text behind it."""
    lines = [f"{rule.kind}\t{rule.pattern}\t{rule.gate}\t{rule.check}\t{rule.tail}\t{rule.phase}\t{_MODE}" for rule in rules]
    for name in fields.__all__:
        table = getattr(fields, name)
        if isinstance(table, dict):
            lines += [f"{name}\t{key}\t{value}" for key, value in sorted(table.items())]
        elif isinstance(table, frozenset):
            lines += [f"{name}\t{key}" for key in sorted(table)]
        elif isinstance(table, tuple):
            lines += [f"{name}\t{row}" for row in table]
    lines += [f"normal\t{kind}\t{how}" for kind, how in sorted(NORMALISERS.items())]
    lines += [f"stream\t{name}" for name in (*DISCRIMINATORS, *sorted(DELTA_FIELDS))]
    lines.append(TOKEN.pattern.decode())
    name = f"fr{VERSION}:{engine}:{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:8]}"
    return f"{name}:{digest}" if digest else name


def digest_in(policy_id: str | None) -> str:
    """The digest of a policy's own text in its id, empty for the default."""
    return (policy_id or "").partition(":")[2].partition(":")[2].partition(":")[2]
