"""Saved questions: one ``.sql`` file each, with a header that says what it asks and what it takes.

A file begins with::

    -- name: top-cost
    -- question: Which runs or requests cost the most?
    -- args: since=24h until=now limit=20

and holds one SELECT over the views, with ``$since`` and so on in the place of values. A line ``-- reads: since..until`` promises that its
answer depends on no trace but those that have rows which began in that window, so that days without one are not read; there may be several
stretches, such as ``before..before_until`` or ``since-168h..until-168h`` (see :func:`fr_replay.narrowing.can_read`). ``FR_QUESTIONS`` names
folders (separated as in PATH) whose ``.sql`` files are added; one of the same name takes the place of ours.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from importlib import resources
from typing import Any, NamedTuple

from fr_replay.narrowing import can_read
from fr_replay.times import parse_time
from fr_schema.errors import BadInput

__all__ = ["BUILT_IN", "TIME_ARGUMENTS", "Question", "find_question", "is_question_name", "load_questions", "parse_question", "values_of"]

BUILT_IN = "built in"
"""Source of our own questions."""

TIME_ARGUMENTS = ("since", "until", "baseline_since", "baseline_until")
"""Arguments whose values are points in time."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_HEADER = re.compile(r"--\s*(name|question|args|reads)\s*:\s*(.*)")


class Question(NamedTuple):
    """One saved question.

    Attributes:
        name: what is typed.
        text: the question in words.
        arguments: names and defaults, as text; an empty default is NULL.
        sql: the SELECT.
        source: path of the file, or ``built in``.
        reads: the stretches of time whose rows its answer depends on; None: all of it.
    """

    name: str
    text: str
    arguments: dict[str, str]
    sql: str
    source: str
    reads: str | None = None


def is_question_name(text: str) -> bool:
    """True for one lower-case word, as names of questions are and SQL never is."""
    return _NAME.fullmatch(text) is not None


def parse_question(text: str, source: str) -> Question:
    """The question in a file's text. Raises BadInput when its header is not complete."""
    header: dict[str, str] = {}
    for line in text.splitlines():
        found = _HEADER.match(line)
        if found is None:
            break
        header[found[1]] = found[2].strip()
    missing = [key for key in ("name", "question") if not header.get(key)]
    if missing:
        raise BadInput(
            f"{source} is not a question: it has no line `-- {missing[0]}: ...`",
            hint="the first lines are -- name:, -- question: and -- args:",
        )
    if not is_question_name(header["name"]):
        raise BadInput(f"{source} has the name {header['name']!r}", hint="a name is lower-case words joined by dashes")
    arguments = dict(_argument(word, source) for word in header.get("args", "").split())
    sql = "\n".join(line for line in text.splitlines() if _HEADER.match(line) is None).strip().rstrip(";")
    reads = header.get("reads") or None
    if reads is not None and (not can_read(reads) or not {"since", "until"} <= arguments.keys()):
        raise BadInput(f"{source} says that it reads {reads!r}", hint="write -- reads: since..until, with the arguments since and until")
    return Question(header["name"], header["question"], arguments, sql, source, reads)


def _argument(word: str, source: str) -> tuple[str, str]:
    name, equals, default = word.partition("=")
    if not equals or not name.isidentifier():
        raise BadInput(f"{source} has the argument {word!r}", hint="arguments are written name=default, with nothing behind = for NULL")
    return name, default


def load_questions(folders: str | None = None) -> dict[str, Question]:
    """All questions by name: ours, then those of the folders in ``folders`` (for None: in ``FR_QUESTIONS``). Raises BadInput or OSError."""
    found = {question.name: question for question in _built_in()}
    for folder in (os.environ.get("FR_QUESTIONS", "") if folders is None else folders).split(os.pathsep):
        if not folder:
            continue
        if not os.path.isdir(folder):
            raise BadInput(f"FR_QUESTIONS names {folder}, which is no folder", hint="make it, or leave it away")
        for name in sorted(os.listdir(folder)):
            if name.endswith(".sql"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    question = parse_question(file.read(), path)
                found[question.name] = question
    return found


def _built_in() -> Iterator[Question]:
    for file in sorted(resources.files(__name__).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            yield parse_question(file.read_text(encoding="utf-8"), BUILT_IN)


def find_question(name: str) -> Question:
    """The question of that name. Raises BadInput, with the nearest name."""
    questions = load_questions()
    if name not in questions:
        close = get_close_matches(name, questions, n=1)
        raise BadInput(
            f"there is no question {name!r}", hint=f"did you mean fr query {close[0]}?" if close else "fr query --list lists them"
        )
    return questions[name]


def values_of(question: Question, given: Sequence[str], options: Mapping[str, str | None], zone: tzinfo) -> dict[str, Any]:
    """The parameters of a question.

    Args:
        given: ``name=value`` words.
        options: values of options that go by the name of an argument; None for those that were not given.
        zone: what times without a zone mean.

    Raises:
        BadInput: an argument that the question does not take, or a value that cannot be what the default is.
    """
    texts = dict(question.arguments)
    for word in given:
        name, equals, value = word.partition("=")
        if not equals:
            raise BadInput(f"{word!r} is not an argument", hint=f"write name=value; {_takes(question)}")
        if name not in texts:
            raise BadInput(f"{question.name} takes no {name}", hint=_takes(question))
        texts[name] = value
    for name, option in options.items():
        if option is None:
            continue
        if name not in texts:
            raise BadInput(f"--{name} does not work on {question.name}", hint=_takes(question))
        texts[name] = option
    now = datetime.now(UTC)
    return {name: _typed(name, text, question.arguments[name], zone, now) for name, text in texts.items()}


def _takes(question: Question) -> str:
    if not question.arguments:
        return f"{question.name} takes no arguments"
    return f"{question.name} takes {' '.join(f'{name}={default}' for name, default in question.arguments.items())}"


def _typed(name: str, text: str, default: str, zone: tzinfo, now: datetime) -> Any:
    """A value of the kind that the argument's name or default shows: a time, a number, or text."""
    if text == "":
        return None
    if name in TIME_ARGUMENTS:
        return parse_time(text, zone, now)
    for kind in (int, float):
        if _is(kind, default):
            if not _is(kind, text):
                raise BadInput(f"{name} is {text!r}", hint=f"it is a number, such as {default}")
            return kind(text)
    return text


def _is(kind: type[int] | type[float], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True
