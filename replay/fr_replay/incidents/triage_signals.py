"""The signals of ``fr triage``: what each says in words, and what to type next. Pure.

Which are red is decided by the saved question ``triage`` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

__all__ = ["SIGNALS", "Signal", "next_command"]

_CHANGES = "fr changes --around {at}"


class Signal(NamedTuple):
    """One signal.

    Attributes:
        name: as in the saved question.
        meaning: what is compared with the same length before.
        command: what to type when it is red. ``{at}`` is when it began, ``{since}`` a little earlier, ``{until}`` the window's end,
            ``{trace}`` the trace that it is about.
    """

    name: str
    meaning: str
    command: str


SIGNALS: tuple[Signal, ...] = (
    Signal("model", "share of calls by a version that did not run before", _CHANGES),
    Signal("prompt", "share under a system prompt that was not in use before", _CHANGES),
    Signal("tools", "share offered a set of tools that was not offered before", _CHANGES),
    Signal("parameters", "share with parameters that were not sent before", _CHANGES),
    Signal("code", "share from a code or SDK version that did not run before", _CHANGES),
    Signal("config", "share under configuration or feature flags that were not in force before", _CHANGES),
    Signal("retrieval", "share with documents from an index or build that was not searched before", _CHANGES),
    Signal("endpoint", "share that went to a provider's address that was not asked before", _CHANGES),
    Signal("errors", "share of model calls that failed", "fr query errors since={since} until={until}"),
    Signal("retries", "share that took a retry", "fr query retries since={since} until={until}"),
    Signal("fallbacks", "share that a fallback served, or that the program had to mend", "fr degraded --since {since} --until {until}"),
    Signal("output", "share cut off, refused, filtered or empty", "fr malformed --since {since} --until {until}"),
    Signal("answer shape", "share of answers with fields or types that were not seen before", _CHANGES),
    Signal("answers", "tokens of an answer: more of them shorter or longer than nearly all before", _CHANGES),
    Signal("tool errors", "share of tool calls that failed", "fr query tools since={since} until={until}"),
    Signal("tool latency", "time of tool calls, 95th percentile", "fr query tools since={since} until={until}"),
    Signal("latency", "time of model calls, 95th percentile", "fr changes --around {at} --metric latency"),
    Signal("cost", "cost per trace, 95th percentile, and the costliest", "fr query top-cost since={since} until={until}"),
    Signal("reviews", "share of decisions of reviewers that were not an approval", "fr reviews --since {since} --until {until}"),
    Signal("recorder", "admissions of loss, and silence", "fr query gaps since={since} until={until}"),
)


def next_command(row: Mapping[str, Any], until: datetime, store: str | None) -> str | None:
    """What to type for a row of the saved question; None where it is not red.

    Args:
        until: the end of the window.
        store: what ``--store`` was given, which the command then needs too.
    """
    if row["state"] != "red":
        return None
    subject = str(row["subject"] or "")
    if subject.startswith("trace "):
        return _with_store(f"fr show {subject.removeprefix('trace ')}", store)
    began = row["since"] or until
    signal = next(signal for signal in SIGNALS if signal.name == row["signal"])
    at, since, last = (_plain(moment) for moment in (began, began - timedelta(minutes=1), until + timedelta(seconds=1)))
    return _with_store(signal.command.format(at=at, since=since, until=last), store)


def _with_store(command: str, store: str | None) -> str:
    from shlex import quote

    return command if store is None else f"{command} --store {quote(store)}"


def _plain(moment: datetime) -> str:
    """A moment to the second, with its offset, without anything that a shell would read."""
    return moment.replace(microsecond=0).isoformat()
