"""W3C trace context (https://www.w3.org/TR/trace-context/, section 3.2): the header ``traceparent``, read and written. Pure."""

from __future__ import annotations

import re

__all__ = ["read_traceparent", "write_traceparent"]

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


def read_traceparent(header: str | None) -> tuple[str, str] | None:
    """Trace id and parent span id, in hex; None for a header that is none, or is not valid."""
    found = _TRACEPARENT.fullmatch(header.strip()) if header else None
    if found is None:
        return None
    version, trace, span, rest = found.groups()
    if version == "ff" or (version == "00" and rest) or not trace.strip("0") or not span.strip("0"):
        return None
    return trace, span


def write_traceparent(trace: str, span: str) -> str:
    """The header for a request made in a trace and span; sampled, for we keep all."""
    return f"00-{trace}-{span}-01"
