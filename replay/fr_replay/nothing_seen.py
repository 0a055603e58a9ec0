"""Why a recorded command showed no model call: what a person should know before they trust an empty record. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["REASONS", "Reason", "RunFacts", "reason_of"]

_PYTHON = re.compile(r"(python|pypy)[0-9.]*t?(-dbg)?(\.exe)?")
_CLOSED_FLAGS = frozenset("SIE")
_FLAGS_WITH_VALUE = frozenset("WXcm")
_HOSTS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a run.

    Attributes:
        argv: the command line.
        exit_code: as recorded; negative: ended by that signal.
        reported: how many Python processes reported in.
        seams: client library to ``hooked <version>`` or ``not hooked <version>: <why>``, over all processes.
        known_seams: every HTTP client that has a seam.
        hosts: host to number of HTTP calls that went to no model API, telemetry left out.
        telemetry: HTTP calls that only reported something to a vendor.
        tool_calls: tool calls that were recorded.
    """

    argv: Sequence[str]
    exit_code: int
    reported: int
    seams: Mapping[str, str]
    known_seams: Sequence[str]
    hosts: Mapping[str, int]
    telemetry: int = 0
    tool_calls: int = 0

    @property
    def unhooked(self) -> list[str]:
        """Libraries that were imported and could not be hooked, with version and reason."""
        return [f"{name} {text.removeprefix('not hooked ')}" for name, text in self.seams.items() if text.startswith("not hooked")]

    @property
    def hooked(self) -> list[str]:
        """Libraries that were hooked, with their versions; those of the standard library have none."""
        versions = {name.partition(".")[0]: text.removeprefix("hooked ") for name, text in self.seams.items() if text.startswith("hooked")}
        return [name if version == "?" else f"{name} {version}" for name, version in versions.items()]

    @property
    def closed_flags(self) -> str:
        """Flags of the command's interpreter that keep the recorder out, such as ``-I``; empty when there are none."""
        if not self.argv or not _PYTHON.fullmatch(os.path.basename(self.argv[0])):
            return ""
        return " ".join(f"-{letter}" for letter in dict.fromkeys(_single_flags(self.argv[1:])) if letter in _CLOSED_FLAGS)

    @property
    def starts_python(self) -> bool:
        """True when the command itself is a Python interpreter."""
        return bool(self.argv) and _PYTHON.fullmatch(os.path.basename(self.argv[0])) is not None


class Reason(NamedTuple):
    """One reason: when it applies, and how it is said. The first of the table that applies is taken."""

    name: str
    applies: Callable[[RunFacts], bool]
    text: Callable[[RunFacts], str]


REASONS: tuple[Reason, ...] = (
    Reason(
        "closed flags",
        lambda run: run.reported == 0 and bool(run.closed_flags),
        lambda run: f"Python was started with {run.closed_flags}, which keeps every recorder out; leave it away",
    ),
    Reason(
        "own environment",
        lambda run: run.reported == 0 and run.starts_python,
        lambda _: "that Python did not report in: it clears its environment, or its own sitecustomize or start-up failed",
    ),
    Reason(
        "no Python",
        lambda run: run.reported == 0,
        lambda run: (
            f"no Python reported in: {os.path.basename(run.argv[0])} starts none, or starts it with -S, -I or -E"
            " or with an environment of its own (env -i, sudo, a container)"
        ),
    ),
    Reason(
        "not hooked",
        lambda run: bool(run.unhooked),
        lambda run: f"{'; '.join(run.unhooked)} - this version could not be hooked",
    ),
    Reason(
        "other hosts",
        lambda run: bool(run.hosts),
        lambda run: (
            f"{_calls(sum(run.hosts.values()))} seen, none of them to a model API that fr knows ({_hosts(run.hosts)});"
            " fr.llm_call() records clients of your own"
        ),
    ),
    Reason(
        "no call",
        lambda run: bool(run.hooked),
        lambda run: f"{', '.join(run.hooked)} {'was' if len(run.hooked) == 1 else 'were'} hooked, but no call went through",
    ),
    Reason(
        "no client",
        lambda _: True,
        lambda run: (
            f"Python ran, but no HTTP client that fr knows ({', '.join(name.partition('.')[0] for name in run.known_seams)}) made a call"
        ),
    ),
)
"""From what keeps the recorder out entirely to what it saw and could not place."""


def reason_of(run: RunFacts) -> str:
    """Why no model call was seen, in words; with the exit code, since a program that failed early asked no model."""
    said = next(reason.text(run) for reason in REASONS if reason.applies(run))
    ended = f"signal {-run.exit_code}" if run.exit_code < 0 else f"exit code {run.exit_code}"
    return f"{said} (the command ended with {ended})" if run.exit_code != 0 else said


def _single_flags(arguments: Sequence[str]) -> list[str]:
    """The one-letter flags in front of the script, ``-c`` or ``-m``."""
    letters: list[str] = []
    following = iter(arguments)
    for argument in following:
        if not argument.startswith("-") or argument in ("-", "--") or argument.startswith("--"):
            break
        for position, letter in enumerate(argument[1:], 1):
            if letter in _FLAGS_WITH_VALUE:
                if letter in "cm":
                    return letters
                if position == len(argument) - 1:
                    next(following, None)
                break
            letters.append(letter)
    return letters


def _calls(count: int) -> str:
    return "1 HTTP call was" if count == 1 else f"{count} HTTP calls were"


def _hosts(hosts: Mapping[str, int]) -> str:
    most = sorted(hosts, key=lambda host: (-hosts[host], host))
    return ", ".join(most[:_HOSTS_SHOWN]) + (" ..." if len(most) > _HOSTS_SHOWN else "")
