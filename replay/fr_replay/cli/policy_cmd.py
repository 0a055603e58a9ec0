"""``fr policy``: check a redaction policy, try it on a file, list the kinds that there are."""

from __future__ import annotations

import os
from datetime import UTC
from typing import Annotated

import typer

from fr_replay.policy_trial import blunt_patterns, failed_examples, kinds_of, trial
from fr_schema.errors import BadInput

from ..capture import RedactionPolicy, Redactor, policy_of_text, read_policy_file
from .figures import count_of
from .options import FormatOption, OutputOption
from .output import say, sink_for, write_rows, write_text

__all__ = ["policy"]

_ACTIONS = ("check", "test", "kinds")


def policy(
    action: Annotated[str, typer.Argument(metavar="check|test|kinds")],
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="check: the policy; test: the text to try it on, or -.")] = None,
    *,
    policy_file: Annotated[str | None, typer.Option("--policy", metavar="FILE", help="test, kinds: the policy, if not FR_POLICY.")] = None,
    content_type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="test: content type; else the bytes tell.")] = None,
    format_name: FormatOption = None,
    output: OutputOption = None,
) -> int:
    """Check a redaction policy, show what it finds in a file, or list the kinds.

    check: exit code 0 when the policy can be used and its own rules find their examples and leave their near misses alone, else 2.
    test: what would be replaced, by kind, each value masked but for its ends; exit code 1 when something is found. Nothing is recorded.
    """
    if action not in _ACTIONS:
        raise BadInput(f"fr policy has no action {action!r}", hint=f"it is one of {', '.join(_ACTIONS)}")
    if action == "check":
        return _check(file or policy_file or os.environ.get("FR_POLICY"))
    used = _policy(policy_file or os.environ.get("FR_POLICY"))
    sink = sink_for(format_name, output, UTC, zone_given=False)
    if action == "kinds":
        write_rows(sink, ("kind", "rules", "mode", "source"), kinds_of(used))
        return 0
    if file is None:
        raise BadInput("fr policy test needs a file", hint="fr policy test FILE, or - for standard input")
    data = _data(file)
    found = trial(Redactor(os.urandom(32), "trial", policy=used), data, content_type)
    write_rows(sink, ("line", "kind", "value", "path"), found.rows)
    say(f"{found.status}: {count_of(found.number, 'value')} in {len(data):,} bytes would be replaced, under {found.policy}")
    return 1 if found.number else 0


def _check(path: str | None) -> int:
    if path is None:
        raise BadInput("no policy is named", hint="fr policy check FILE, or set FR_POLICY")
    used = read_policy_file(path)
    if not used.text:
        write_text(f"{path}: no [redaction], so the rules that come with fr hold as they are")
        return 0
    wrong = failed_examples(used)
    if wrong:
        raise BadInput(f"{path}: {wrong[0]}", hint=f"and {len(wrong) - 1} more" if len(wrong) > 1 else None)
    for warning in blunt_patterns(used):
        say(f"{path}: {warning}")
    own = f"{count_of(len(used.rules), 'rule')} of your own, {count_of(len(used.modes), 'mode')}"
    own = f"{own}, {count_of(len(used.allow), 'allowed value')}"
    write_text(f"{path}: can be used; {own}; {Redactor(bytes(32), 'check', policy=used).policy_id}")
    return 0


def _policy(path: str | None) -> RedactionPolicy:
    return read_policy_file(path) if path else policy_of_text("", "default")


def _data(path: str) -> bytes:
    import sys

    if path == "-":
        return sys.stdin.buffer.read()
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from None
