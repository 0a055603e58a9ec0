"""What the headers of an exchange tell: request id, rate limits, the provider's own time, API version, the vendor behind a gateway.

Header names come from the vendors' SDKs and from recorded answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from .model import Headers

__all__ = [
    "PROVIDER_MARKS",
    "RATELIMIT_NAMES",
    "RATELIMIT_PREFIXES",
    "REQUEST_ID_HEADERS",
    "TIME_HEADERS",
    "TimeHeader",
    "lower_names",
    "provider_by_headers",
    "provider_milliseconds",
    "ratelimit_headers",
    "request_id",
]

REQUEST_ID_HEADERS = (
    "apim-request-id",  # Azure; before x-request-id, which Azure sends as well and support does not ask for
    "request-id",  # Anthropic
    "x-amzn-requestid",  # Bedrock
    "mistral-correlation-id",  # Mistral
    "x-request-id",  # OpenAI and most others
    "x-goog-request-id",
    "x-ms-request-id",
)
"""Names under which vendors send the id that their support asks for; the first one present is taken."""

RATELIMIT_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "anthropic-priority-", "ratelimit-", "x-ms-ratelimit-")
RATELIMIT_NAMES = frozenset({"retry-after", "retry-after-ms", "x-should-retry", "ratelimit", "ratelimit-policy"})


class TimeHeader(NamedTuple):
    """One row: a header that states how long the provider took.

    Attributes:
        name: of the header.
        pattern: its first group is the number.
        milliseconds: what one unit of it is.
    """

    name: str
    pattern: str
    milliseconds: float


TIME_HEADERS = (
    TimeHeader("openai-processing-ms", r"^(\d+(?:\.\d+)?)$", 1.0),
    TimeHeader("x-amzn-bedrock-invocation-latency", r"^(\d+(?:\.\d+)?)$", 1.0),
    TimeHeader("x-compute-time", r"^(\d+(?:\.\d+)?)$", 1000.0),  # Hugging Face, seconds
    TimeHeader("server-timing", r"(?:gfet4t7|x-originResponse);\s*dur=(\d+(?:\.\d+)?)", 1.0),  # Google; Anthropic
)

PROVIDER_MARKS = (
    ("azureml-model-session", "azure"),  # before OpenAI's, which Azure may send as well
    ("anthropic-organization-id", "anthropic"),
    ("anthropic-ratelimit-requests-limit", "anthropic"),
    ("openai-organization", "openai"),
    ("openai-version", "openai"),
    ("mistral-correlation-id", "mistral"),
    ("x-groq-region", "groq"),
)
"""Headers that only one vendor sends: behind a gateway that passes them on, they say who answered."""

_time_patterns = tuple((row.name, re.compile(row.pattern), row.milliseconds) for row in TIME_HEADERS)


def lower_names(headers: Headers) -> dict[str, str]:
    """Headers by lower-case name; of several with one name the first."""
    names: dict[str, str] = {}
    for name, value in headers:
        names.setdefault(name.lower(), value)
    return names


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's id of the exchange. ``headers`` have lower-case names, here and below."""
    for name in REQUEST_ID_HEADERS:
        value = headers.get(name)
        if value:
            return value
    return None


def ratelimit_headers(headers: Mapping[str, str]) -> dict[str, str] | None:
    """The rate limit headers, None when there are none."""
    found = {name: value for name, value in headers.items() if name in RATELIMIT_NAMES or name.startswith(RATELIMIT_PREFIXES)}
    return found or None


def provider_milliseconds(headers: Mapping[str, str]) -> float | None:
    """The provider's own figure for the time it took, in milliseconds."""
    for name, pattern, milliseconds in _time_patterns:
        value = headers.get(name)
        if value:
            found = pattern.search(value)
            if found is not None:
                return float(found[1]) * milliseconds
    return None


def provider_by_headers(headers: Mapping[str, str]) -> str | None:
    """The vendor that an answer's headers give away, or None."""
    for name, provider in PROVIDER_MARKS:
        if name in headers:
            return provider
    return None
