"""How a difference is told to a person: which kind, where, which character, and what stands there on either side."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from fr_replay.cli.differences import all_difference_lines, output_lines
from fr_replay.divergence import canonical_http, difference_row, differences, list_lengths

LONG = "You are a careful clerk. " * 400
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": LONG + "Never refund more than 100 EUR." + LONG},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "How can I help?"},
    {"role": "user", "content": [{"type": "text", "text": "My order\nis late"}, {"type": "text", "text": "A-17"}]},
    {"role": "tool", "content": json.dumps({"items": [{"sku": "x", "n": 1}, {"sku": "y", "n": 2}]})},
    {"role": "user", "content": "Please refund"},
]


def body(*, messages: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    """A request's body."""
    return {"model": "m", "temperature": 0.5, "messages": MESSAGES if messages is None else messages, **more}


def without(number: int) -> list[Any]:
    return [*MESSAGES[:number], *MESSAGES[number + 1 :]]


def having(number: int, **changed: Any) -> list[Any]:
    return [*MESSAGES[:number], {**MESSAGES[number], **changed}, *MESSAGES[number + 1 :]]


class Told(NamedTuple):
    """A request as it is now, and lines that the report must have."""

    name: str
    now: dict[str, Any]
    lines: tuple[str, ...]


TOLD = (
    Told("dropped", body(messages=without(2)), ("messages: 6 recorded, 5 now", "dropped: messages[2] (assistant)")),
    Told("truncated", body(messages=MESSAGES[:-1]), ("messages: 6 recorded, 5 now", "truncated: messages[5] (user) is missing at the end")),
    Told(
        "inserted",
        body(messages=[*MESSAGES[:1], {"role": "user", "content": 'say "hi"'}, *MESSAGES[1:]]),
        ("inserted: messages[1] (user)", r'+ replayed: {"role": "user", "content": "say \"hi\""}'),
    ),
    Told(
        "swapped",
        body(messages=[MESSAGES[0], MESSAGES[2], MESSAGES[1], *MESSAGES[3:]]),
        ("moved: messages[2] (assistant) is now at messages[1]",),
    ),
    Told(
        "deep in a long text",
        body(messages=having(0, content=LONG + "Never refund more than 900 EUR." + LONG)),
        ("at messages[0].content (system), character 10024 of 20031", "Never refund more than 100 EUR.", "Never refund more than 900 EUR."),
    ),
    Told("role", body(messages=having(1, role="developer")), ("at messages[1].role (user), character 1 of 4", "+ replayed: developer")),
    Told(
        "inside JSON in a text",
        body(messages=having(4, content=json.dumps({"items": [{"sku": "x", "n": 1}, {"sku": "y", "n": 3}]}))),
        ("at messages[4].content (read as JSON): items[1].n (tool)", "- recorded: 2", "+ replayed: 3"),
    ),
    Told(
        "item dropped inside JSON in a text",
        body(messages=having(4, content=json.dumps({"items": [{"sku": "x", "n": 1}]}))),
        ("truncated: messages[4].content (read as JSON): items[1] (tool) is missing at the end",),
    ),
    Told(
        "line break",
        body(messages=having(3, content=[{"type": "text", "text": "My order is late"}, {"type": "text", "text": "A-17"}])),
        ("messages[3].content[0].text (user), character 9 of 16: U+000A LINE FEED, now U+0020 SPACE", r"My order\nis late"),
    ),
    Told(
        "look-alike",
        body(messages=having(5, content="Please r\u0435fund")),
        ("character 9 of 13: U+0065 LATIN SMALL LETTER E, now U+0435 CYRILLIC SMALL LETTER IE",),
    ),
    Told(
        "trailing space",
        body(messages=having(5, content="Please refund ")),
        ("after the recorded text's end at character 13", '+ replayed: "Please refund "'),
    ),
    Told("shorter text", body(messages=having(5, content="Please")), ("character 7 of 13, where the replayed text ends",)),
    Told("type", {**body(), "temperature": "0.5"}, ("at temperature", "- recorded: 0.5 (number)", '+ replayed: "0.5" (text)')),
    Told("another parameter", body(top_p=1), ("inserted: top_p", "+ replayed: 1")),
)


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told.name)
def test_a_difference_is_told(told: Told) -> None:
    """The report has the kind, the place, the character and both sides."""
    before, now = (canonical_http("POST", "http://h/p", [], json.dumps(side).encode()) for side in (body(), told.now))
    rows = [difference_row(difference, 4_000) for difference in differences(before, now)]
    facts = {"differences": rows, "total": len(rows), "lengths": list_lengths(before, now)}
    text = "\n".join(line.text for line in all_difference_lines(facts))
    for line in told.lines:
        assert line in text, text
    assert len(json.dumps(rows)) < 20_000


def test_differences_that_are_not_shown_are_counted() -> None:
    """A moved element counts as the two differences that it is made of."""
    rows = [{"path": f"a[{n}]", "kind": "changed", "recorded": 1, "replayed": 2, "character": None, "who": None} for n in range(2)]
    lines = all_difference_lines({"differences": rows, "total": 5})
    assert lines[-1].text.strip() == "and 3 more differences"


OUTPUTS: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
    (
        {"line": 3, "character": 4, "from_character": 0, "recorded": "total 5", "replayed": "totam 5"},
        ("at line 3 of the standard output, character 5", "- recorded: total 5"),
    ),
    ({"line": 9, "character": None, "from_character": 0, "recorded": "x", "replayed": None}, ("+ replayed: (no such line)",)),
    ({"line": 1, "character": 1, "from_character": 0, "recorded": "x", "replayed": "x"}, ("at its end: the line break",)),
)


@pytest.mark.parametrize(("stdout", "told"), OUTPUTS)
def test_a_line_of_output_is_told(stdout: dict[str, Any], told: tuple[str, ...]) -> None:
    """Line and character, and what stands there; the line break too."""
    text = "\n".join(line.text for line in output_lines(stdout))
    for line in told:
        assert line in text
