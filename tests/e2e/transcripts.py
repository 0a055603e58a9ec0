"""Comparing what a program printed in two runs, when the model server answers with fresh nonces each time."""

import re

_CHANGING = (
    (re.compile(r"(127\.0\.0\.1:|port=)[0-9]+"), "HOST"),
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
    (re.compile(r"(temperature_c|wind_kmh)(\\?[\"']: ?)-?[0-9.]+"), r"\1\2N"),
    (re.compile(r"-?0\.[0-9]{10,}"), "N"),
    (re.compile(r"(received|expected|read,|of) [0-9]+|[0-9]+ (more expected|bytes)"), "COUNT"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])"), "DIGEST"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?=[0-9]?(?![0-9a-zA-Z]))"), "NONCE"),
)
"""What differs from run to run though nothing is wrong: ports, addresses, random weather and embeddings, hashes of them, nonces."""

_BORDER = re.compile(r"(?<=[^\\])'(, ?)b?'")


def normalised(output: bytes) -> list[str]:
    """The lines of an output without what changes from run to run.

    Borders between pieces of a body (``[b'ab', b'c']``) are dropped as well: TCP puts them where it likes.
    """
    lines = []
    for line in output.decode("utf-8", "backslashreplace").splitlines():
        kept = line
        for pattern, replacement in _CHANGING:
            kept = pattern.sub(replacement, kept)
        joined = _BORDER.sub("", kept)
        for pattern, replacement in _CHANGING:
            joined = pattern.sub(replacement, joined)
        lines.append(joined)
    return lines
