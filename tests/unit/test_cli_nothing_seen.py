"""Why a run showed no model call."""

import dataclasses
from typing import Any

import pytest

from fr_replay.nothing_seen import REASONS, RunFacts, reason_of

SEEN = RunFacts(argv=("python", "a.py"), exit_code=0, reported=1, seams={}, known_seams=("httpx", "urllib3.connectionpool"), hosts={})

CASES: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("closed flags", {"reported": 0, "argv": ("python3.11", "-I", "a.py")}, "-I"),
    ("closed flags", {"reported": 0, "argv": ("/usr/bin/python", "-uS", "-E", "a.py")}, "-S -E"),
    ("closed flags", {"reported": 0, "argv": ("python", "-W", "error", "-I", "a.py")}, "-I"),
    ("own environment", {"reported": 0}, "did not report in"),
    ("own environment", {"reported": 0, "argv": ("python", "-c", "print(1)", "-I")}, "did not report in"),
    ("own environment", {"reported": 0, "argv": ("python", "-XI", "-mI")}, "did not report in"),
    ("no Python", {"reported": 0, "argv": ("/bin/node", "a.js")}, "no Python reported in: node starts none"),
    ("not hooked", {"seams": {"httpx": "not hooked 9.9: it has no Client"}}, "httpx 9.9: it has no Client"),
    ("other hosts", {"hosts": {"a:1": 2, "b:2": 5}, "seams": {"httpx": "hooked 1.0"}}, "7 HTTP calls were seen"),
    ("other hosts", {"hosts": {"a:1": 1}}, "1 HTTP call was seen"),
    ("no call", {"seams": {"httpx": "hooked 1.0"}}, "httpx 1.0 was hooked, but no call went through"),
    ("no call", {"seams": {"httpx": "hooked 1.0", "aiohttp.connector": "hooked 3.1"}}, "httpx 1.0, aiohttp 3.1 were hooked"),
    ("no call", {"seams": {"urllib.request": "hooked ?"}}, "urllib was hooked"),
    ("no client", {}, "no HTTP client that fr knows (httpx, urllib3) made a call"),
)


@pytest.mark.parametrize(("name", "changes", "words"), CASES, ids=[f"{row[0]} {number}" for number, row in enumerate(CASES)])
def test_reason(name: str, changes: dict[str, Any], words: str) -> None:
    """Each reason of the table is given where it applies, and says what it should."""
    run = dataclasses.replace(SEEN, **changes)
    assert next(reason.name for reason in REASONS if reason.applies(run)) == name
    assert words in reason_of(run)


def test_every_reason_is_tested() -> None:
    """No row of the table is without a case."""
    assert {row[0] for row in CASES} == {reason.name for reason in REASONS}


@pytest.mark.parametrize(("code", "words"), [(0, None), (3, "exit code 3"), (-9, "signal 9")])
def test_failed_command_is_said(code: int, words: str | None) -> None:
    """A program that failed early asked no model: its end is part of the reason."""
    said = reason_of(dataclasses.replace(SEEN, exit_code=code))
    assert (words in said) if words else ("ended with" not in said)
