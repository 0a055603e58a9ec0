"""``fr diff-prompt``: two system prompts, word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Annotated, Any

import typer

from fr_replay.filters import with_literals
from fr_replay.incidents.hashes import beginning_of_hash
from fr_replay.incidents.word_diff import Piece, changed_words, word_diff
from fr_replay.questions import find_question
from fr_replay.store import Store
from fr_replay.times import zone_of
from fr_schema.errors import BadInput

from .cells import json_text, json_value
from .figures import clock_time, count_of, visible
from .opened import open_for_command
from .options import OutputOption, StoreOption, TimeZoneOption
from .output import write_lines, write_text
from .saved_answer import SqlOption
from .table import Line, Styled

__all__ = ["diff_prompt"]

_STYLES = {"-": "red strike", "+": "bold green"}
_HEADS = {"-": "red", "+": "green"}
_MARKS = {"-": ("[-", "-]"), "+": ("{+", "+}")}
_SHORT = 12
_LOCKED = ("[erased]", "[no key]", "[expired]", "[encrypted]")


def diff_prompt(
    *,
    first: Annotated[str, typer.Argument(metavar="A", help="Hash of a system prompt, or its beginning; fr prompts lists them.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The other one.")],
    full: Annotated[bool, typer.Option("--full", help="Show the lines that are in both, too.")] = False,
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Both prompts and the pieces, for programs.")] = False,
    output: OutputOption = None,
    print_sql: SqlOption = False,
    tz: TimeZoneOption = None,
) -> None:
    """What differs between two system prompts, word by word?

    [-words-] are in A only, {+words+} in B only. What was redacted is compared as its tokens.
    """
    zone = zone_of(tz)
    question = find_question("prompt-text")
    asked = [beginning_of_hash(text, name, "fr prompts lists them") for text, name in ((first, "A"), (second, "B"))]
    if print_sql:
        write_text(with_literals(question.sql, _values(asked[0])), output)
        return
    opened = open_for_command(store)
    before, after = (_prompt(opened, question.sql, beginning) for beginning in asked)
    pieces = word_diff(before["system_prompt"], after["system_prompt"])
    if as_json:
        shown = {"before": before, "after": after, "pieces": [piece._asdict() for piece in pieces]}
        write_text(json_text(json_value(shown, zone if tz is not None else UTC), indent=2), output)
        return
    write_lines(_lines(before, after, pieces, zone, full=full), output)


def _values(beginning: str) -> dict[str, Any]:
    """The question's values, whatever the time: rows that were imported may have none."""
    return {"since": None, "until": None, "prompt": beginning, "limit": 5}


def _prompt(store: Store, sql: str, beginning: str) -> dict[str, Any]:
    """The one prompt whose hash begins so. Raises BadInput."""
    names, rows = store.rows(sql, _values(beginning))
    found = [dict(zip(names, row, strict=True)) for row in rows]
    if not found:
        raise BadInput(f"no system prompt has a hash that begins with {beginning}", hint="fr prompts --since 30d lists them")
    if len(found) > 1:
        some = ", ".join(row["system_prompt_sha256"][:_SHORT] for row in found)
        raise BadInput(f"{beginning} is the beginning of several hashes: {some}", hint="write more characters of it")
    text = found[0]["system_prompt"]
    if text is None or text in _LOCKED:
        why = text or "it is not on record"
        raise BadInput(f"the text of the system prompt {beginning} cannot be read: {why}", hint="fr prompts lists others")
    return found[0]


def _lines(before: Mapping[str, Any], after: Mapping[str, Any], pieces: Sequence[Piece], zone: tzinfo, *, full: bool) -> list[Line]:
    lines = []
    for mark, row in (("-", before), ("+", after)):
        seen = f"{clock_time(row['first_seen'], zone)} to {clock_time(row['last_seen'], zone)}, {count_of(row['calls'], 'call')}"
        lines.append(Line(((f"{mark} {row['system_prompt_sha256'][:_SHORT]}", _HEADS[mark]), (f"  {seen}", "dim"))))
    removed, added = changed_words(pieces)
    same = all(piece.mark == "=" for piece in pieces)
    lines.append(Line((("the same text" if same else f"{count_of(removed, 'word')} taken away, {added:,} added", "bold"),)))
    lines.append(Line(()))
    skipped = 0
    for spans, changed in _text_lines(pieces):
        if not changed and not full:
            skipped += 1
            continue
        if skipped:
            lines.append(_skipped(skipped))
            skipped = 0
        lines.append(Line(spans, 2))
    if skipped:
        lines.append(_skipped(skipped))
    return lines


def _skipped(count: int) -> Line:
    return Line(((f"({count_of(count, 'line')} the same)", "dim"),), 2)


def _text_lines(pieces: Sequence[Piece]) -> list[tuple[tuple[Styled, ...], bool]]:
    """The pieces cut into lines; whether a line holds a change. Marks are text, so that nothing depends on colours."""
    lines: list[tuple[list[Styled], bool]] = [([], False)]
    for mark, text in pieces:
        for number, part in enumerate(text.split("\n")):
            if number:
                if mark != "=" and not part and number == text.count("\n"):
                    lines[-1] = (lines[-1][0], True)
                lines.append(([], mark != "="))
            if part:
                begin, end = _MARKS.get(mark, ("", ""))
                lines[-1][0].append((f"{begin}{visible(part)}{end}", _STYLES.get(mark)))
                lines[-1] = (lines[-1][0], lines[-1][1] or mark != "=")
    return [(tuple(spans), changed) for spans, changed in lines]
