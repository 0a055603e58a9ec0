"""What a policy keeps: kinds in mode ``keep``, and values that it allows."""

from __future__ import annotations

import re

from fr_recorder.redact.policy_file import RedactionPolicy

__all__ = ["NOTHING_KEPT", "Kept"]


class Kept:
    """Says whether a value that was found stays. Most policies keep nothing, which costs nothing."""

    __slots__ = ("_allowed", "_kinds", "anything")

    def __init__(self, policy: RedactionPolicy) -> None:
        self._kinds = frozenset(kind for kind, mode in policy.modes if mode == "keep")
        parts = [".*".join(map(re.escape, value.split("*"))) for value in policy.allow]
        self._allowed = re.compile("|".join(f"(?:{part})" for part in parts), re.DOTALL) if parts else None
        self.anything = bool(self._kinds or parts)

    def keeps(self, kind: str, value: str) -> bool:
        """Whether a value of a kind stays as it is."""
        return kind in self._kinds or (self._allowed is not None and self._allowed.fullmatch(value.lower()) is not None)


NOTHING_KEPT = Kept(RedactionPolicy())
