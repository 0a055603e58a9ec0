"""Single edits of a recorded program, and where replay must report each."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from edited_texts import NAMES, QUESTIONS, SYSTEM
from torture_bench import HERE, Bench, facts_of, upstream

__all__ = ["EDITS", "Edit", "MutationResults", "run_edits"]

SOURCE = (HERE / "edited_program.py").read_text(encoding="utf-8")
PROGRAM = "program.py"
EXTRA_CALL = 'ask([{"role": "user", "content": "One more."}])\n'
LAST_CALL = 'history.append({"role": "assistant", "content": ask(history)})  # step 6\nprint'


class Edit(NamedTuple):
    """One edit.

    Attributes:
        what: in words.
        old, new: the text that stands once in the program, and what takes its place.
        step: the decision at which it must be reported; None for a tool call, output and exit code.
        path: of the first difference; None where there is none to show.
        character: of the first difference, for a changed text.
        code: the exit code of ``fr replay``.
    """

    what: str
    old: str
    new: str
    step: int | None
    path: str | None
    character: int | None = None
    code: int = 86


def _characters(what: str, text: str, step: int, path: str, every: int) -> Iterator[Edit]:
    """One character changed, here and there in a text, and one dropped."""
    for place in range(0, len(text), every):
        other = "#" if text[place] != "#" else "+"
        changed = text[:place] + other + text[place + 1 :]
        yield Edit(f"{what}: character {place} changed", f'"{text}"', f'"{changed}"', step, path, place)
    for place in range(1, len(text) - 1, 5 * every):
        if text[place] != text[place + 1]:
            yield Edit(f"{what}: character {place} dropped", f'"{text}"', f'"{text[:place] + text[place + 1 :]}"', step, path, place)


def _tools() -> Iterator[Edit]:
    for number, name in enumerate(NAMES):
        listed = ", ".join(f'"{n}"' for n in NAMES)
        left = ", ".join(f'"{n}"' for n in NAMES if n != name)
        yield Edit(f"tool {name} dropped", f"[{listed}]", f"[{left}]", 1, f"tools[{number}]")
        yield Edit(
            f"tool {name} renamed", f"[{listed}]", f"[{listed}]".replace(name, f"{name}_2"), 1, f"tools[{number}].function.name", len(name)
        )
        yield Edit(f"a tool before {name}", f"[{listed}]", f"[{listed}]".replace(f'"{name}"', f'"other", "{name}"'), 1, f"tools[{number}]")


_PARAMETERS = (
    *(Edit(f"temperature {t}", "TEMPERATURE = 0.25", f"TEMPERATURE = {t}", 1, "temperature") for t in (0, 0.0, 0.2, 0.26, 0.5, 1, 2.0)),
    *(Edit(f"limit {n}", "LIMIT = 400", f"LIMIT = {n}", 1, "max_tokens") for n in (399, 401, 40, 4000, 400.0)),
    *(
        Edit(f"model {name}", '"gpt-torture"', f'"{name}"', 1, "model", place)
        for name, place in (("gpt-tortura", 10), ("GPT-torture", 0), ("gpt-torture-2", 11), ("gpt", 3))
    ),
    Edit("temperature as text", "TEMPERATURE = 0.25", 'TEMPERATURE = "0.25"', 1, "temperature"),
    Edit("a parameter's value", '"seed": 11', '"seed": 12', 1, "seed"),
    Edit("a parameter dropped", '"seed": 11, ', "", 1, "seed"),
    Edit("a parameter added", '"seed": 11', '"seed": 11, "top_p": 0.5', 1, "top_p"),
    Edit("a parameter null", '"seed": 11', '"seed": None', 1, "seed"),
    Edit("true for a number", '"seed": 11', '"seed": True', 1, "seed"),
    Edit("another user", '"guest-7"', '"guest-8"', 1, "user", 6),
    Edit("a header", '"org-night"', '"org-day"', 1, "headers.openai-organization", 4),
    Edit("a header dropped", 'HEADERS = {"openai-organization": "org-night"}', "HEADERS = {}", 1, "headers.openai-organization"),
    Edit("a header added", '"org-night"}', '"org-night", "anthropic-beta": "x"}', 1, "headers.anthropic-beta"),
    Edit("another path", "/v1/chat/completions", "/v1/chat/completions/", 1, "url"),
    Edit("a query", "/v1/chat/completions", "/v1/chat/completions?x=1", 1, "query.x"),
    Edit("a schema's type", '"type": "integer"', '"type": "number"', 1, "tools[0].function.parameters.properties.number.type", 0),
    Edit("a schema's property dropped", ', "note": {"type": "string"}', "", 1, "tools[0].function.parameters.properties.note"),
    Edit("tools not offered", "ask(history, TOOLS)})  # step 1", "ask(history)})  # step 1", 1, "tools"),
    Edit("tools not offered later", "ask(history, TOOLS)})  # step 3", "ask(history)})  # step 3", 3, "tools"),
    Edit("tools offered", "ask(history)})  # step 2", "ask(history, TOOLS)})  # step 2", 2, "tools"),
)

_MESSAGES = (
    Edit("a role", '{"role": "system", "content": SYSTEM}', '{"role": "user", "content": SYSTEM}', 1, "messages[0].role", 0),
    Edit("a question's role", '"user", "content": QUESTIONS[1]', '"system", "content": QUESTIONS[1]', 2, "messages[4].role", 0),
    Edit("no system prompt", '[{"role": "system", "content": SYSTEM}]', "[]", 1, "messages[0]"),
    Edit("a message before", '[{"role": "system"', '[{"role": "user", "content": "x"}, {"role": "system"', 1, "messages[0]"),
    Edit("another question first", "QUESTIONS[0]})", "QUESTIONS[1]})", 1, "messages[1].content"),
    Edit("a question twice", "QUESTIONS[2]})", "QUESTIONS[1]})", 3, "messages[6].content"),
    Edit("history turned round", "ask(history)})  # step 2", "ask(history[::-1])})  # step 2", 2, None),
    Edit("history cut", "ask(history)})  # step 2", "ask(history[:-1])})  # step 2", 2, "messages[4]"),
    Edit("history without its head", "ask(history)})  # step 6", "ask(history[1:])})  # step 6", 6, "messages[0]"),
    Edit("a message dropped", 'history.append({"role": "user", "content": QUESTIONS[1]})\n', "", 2, "messages[4]"),
    Edit("a name on a message", 'QUESTIONS[1]})', 'QUESTIONS[1], "name": "ann"})', 2, "messages[4].name"),
    Edit("content as parts", "QUESTIONS[1]})", '[{"type": "text", "text": QUESTIONS[1]}]})', 2, "messages[4].content"),
    Edit("an answer edited", "ask(history)})  # step 2", 'ask(history) + "!"})  # step 2', 3, "messages[5].content"),
    Edit("a tool's result edited", 'note="harbour side")}', 'note="harbour side") + "."}', 2, "messages[3].content"),
)  # fmt: skip

_CALLS = (
    *(Edit(f"a tool's argument {n}", "find_room(12,", f"find_room({n},", None, "arguments.number") for n in (1, 11, 13, 120, "'12'")),
    *(Edit(f"another tool's argument {n}", "nights=2", f"nights={n}", None, "arguments.nights") for n in (0, 1, 3, 22)),
    Edit("a tool's text", '"harbour side"', '"harbour bide"', None, "arguments.note", 8),
    Edit("another tool", "book_room(12, nights=2)})", "find_room(12, note='x')})", None, "tool", 0),
    Edit("a tool not called", 'find_room(12, note="harbour side")})', '"room 12: harbour side"})', None, None),
    Edit("an extra call at the end", "print(history[-1]", EXTRA_CALL + "print(history[-1]", None, None),
    Edit("an extra call before the first", 'history = [{"role"', EXTRA_CALL + 'history = [{"role"', 1, None),
    *(
        Edit(f"an extra call before step {step}", old, EXTRA_CALL + old, step, None)
        for step, old in ((4, "first = ask("), (5, "second = ask("))
    ),
    Edit("a call twice", "second = ask(", 'ask([{"role": "user", "content": "The night."}])\nsecond = ask(', 5, "messages[0].content"),
    Edit("a call left out", "first = ask(", "first = str(", 4, "messages[0].content"),
    Edit("the next call left out", "second = ask(", "second = str(", 5, None),
    Edit("the last call left out", LAST_CALL, "print", None, None, code=88),
    Edit("calls swapped", "Summarise the night.", "List what is still to do.", 4, "messages[0].content", 0),
    Edit("other output", "print(history[-1]", 'print("said", history[-1]', None, None),
    Edit("other exit code", "print(history[-1][\"content\"])", "print(history[-1][\"content\"])\nraise SystemExit(3)", None, None),
)  # fmt: skip

EDITS: tuple[Edit, ...] = (
    *_characters("system prompt", SYSTEM, 1, "messages[0].content", 2),
    *_characters("first question", QUESTIONS[0], 1, "messages[1].content", 4),
    *_characters("second question", QUESTIONS[1], 2, "messages[4].content", 4),
    *_characters("third question", QUESTIONS[2], 3, "messages[6].content", 4),
    *_characters("fourth question", QUESTIONS[3], 6, "messages[9].content", 4),
    *_tools(),
    *_PARAMETERS,
    *_MESSAGES,
    *_CALLS,
)


class MutationResults(NamedTuple):
    """What replay made of the edits.

    Attributes:
        edits: how many there were.
        reported: how many were stopped at all.
        placed: how many of these at the right step, path and character.
        wrong: what was not.
        false_reports: replays of the unedited program that did not end identical, of ``controls``.
    """

    edits: int
    reported: int
    placed: int
    wrong: list[str]
    controls: int
    false_reports: int


def run_edits(edits: Sequence[Edit], say: Callable[[str], None], controls: int = 3) -> MutationResults:
    """Record the program once, and replay it with each edit in turn, and without."""
    reported = placed = false_reports = 0
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="fr-torture-") as folder:
        bench = Bench(Path(folder))
        path = bench.folder / PROGRAM
        path.write_text(SOURCE, encoding="utf-8")
        with upstream() as server:
            recorded = bench.fr("record", "--", sys.executable, PROGRAM, FR_TEST_UPSTREAM=server.url)
        if recorded.code != 0:
            raise RuntimeError(f"the program itself ended with {recorded.code}: {recorded.stderr[-2000:]}")
        for _ in range(controls):
            false_reports += bench.replay().code != 0
        for edit in edits:
            if SOURCE.count(edit.old) != 1:
                raise RuntimeError(f"{edit.what}: {edit.old!r} stands {SOURCE.count(edit.old)} times in the program")
            path.write_text(SOURCE.replace(edit.old, edit.new), encoding="utf-8")
            problem = _problem(edit, bench)
            reported += problem != "not reported"
            placed += problem is None
            if problem is not None:
                wrong.append(f"{edit.what}: {problem}")
                say(wrong[-1])
    return MutationResults(len(edits), reported, placed, wrong, controls, false_reports)


def _problem(edit: Edit, bench: Bench) -> str | None:
    """What is wrong with the report on an edit; None when all of it is right."""
    replayed = bench.replay("last", "--json")
    if replayed.code == 0:
        return "not reported"
    facts = facts_of(replayed)["facts"]
    first = (facts.get("differences") or [{}])[0]
    found = (replayed.code, facts.get("step"), edit.path and first.get("path"), edit.character is not None and first.get("character"))
    wanted = (edit.code, edit.step, edit.path, edit.character is not None and edit.character)
    return None if found == wanted else f"reported at {found}, to be reported at {wanted}"
