"""A policy of one's own: the ``[redaction]`` table of ``fr-policy.toml``, checked, and as the canonical text that goes with the record.

Nothing of a policy is looked for by itself: a file in a working directory that came with somebody's repository must not be able to turn
redaction off. It is named by ``FR_POLICY`` or ``fr record --policy``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fr_recorder.redact.rule import Rule
from fr_recorder.redact.rules import DISABLED_BY_DEFAULT, RULES
from fr_recorder.redact.tables import words
from fr_schema.errors import BadInput

__all__ = ["DEFAULT_POLICY", "MODES", "RedactionPolicy", "canonical_text", "parse_policy", "policy_of_text", "read_policy_file"]

MODES: frozenset[str] = words("token drop keep")
"""``token``: a keyed token; ``drop``: a token that is the same for all values; ``keep``: left as it is, and not taken by another rule."""

FIELD_KINDS: frozenset[str] = words("cookie signature one_time_code card_security_code national_id private_key basic_credentials")
"""Kinds that names alone give to values."""

_KINDS = frozenset(rule.kind for rule in RULES) | FIELD_KINDS
_KIND = re.compile(r"[a-z][a-z0-9_]{1,39}")
_LONGEST_PATTERN = 1000
_MOST_RULES = 500
_LEAST_LITERAL = 4
_RULE_FIELDS = ("kind", "pattern", "source", "examples", "near_misses")
_POLICY_FIELDS = ("disable", "enable", "allow", "modes", "rule")
_RE2_LACKS = re.compile(r"\(\?(?:=|!|<=|<!|P=|#|\()|\\[1-9AZBGzb]\b|[*+?}]\+")


class RedactionPolicy(NamedTuple):
    """What is replaced, and how.

    Attributes:
        disabled: kinds whose patterns are not applied.
        rules: own rules, tried before those of the table.
        modes: by kind, one of :data:`MODES`; others have ``token``.
        allow: values that are never replaced, in lower case; ``*`` stands for any characters.
        text: the policy as canonical JSON, empty for the default.
    """

    disabled: frozenset[str] = DISABLED_BY_DEFAULT
    rules: tuple[Rule, ...] = ()
    modes: tuple[tuple[str, str], ...] = ()
    allow: tuple[str, ...] = ()
    text: str = ""

    @property
    def digest(self) -> str:
        """16 hex characters that name the text; empty for the default."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16] if self.text else ""


DEFAULT_POLICY = RedactionPolicy()


def canonical_text(table: Mapping[str, Any]) -> str:
    """The ``[redaction]`` table as JSON that is the same for the same content."""
    return json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def read_policy_file(path: str) -> RedactionPolicy:
    """The redaction policy of a file; the default where it has no ``[redaction]`` table. Raises BadInput in one line."""
    import tomllib

    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise BadInput(f"the policy {path} cannot be read: {error.strerror or error}", hint="FR_POLICY or --policy names it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {error}") from None
    table = found.get("redaction")
    return DEFAULT_POLICY if table is None else parse_policy(table, path)


def policy_of_text(text: str, source: str) -> RedactionPolicy:
    """The policy of its canonical text. Raises BadInput."""
    if not text:
        return DEFAULT_POLICY
    try:
        table = json.loads(text)
    except ValueError as error:
        raise BadInput(f"{source}: {error}") from None
    return parse_policy(table, source)


def parse_policy(table: Any, source: str) -> RedactionPolicy:
    """Check a ``[redaction]`` table. Raises BadInput that names the source, the value and what would be right."""
    reader = _Reader(source)
    if not isinstance(table, dict):
        raise reader.wrong("redaction is not a table")
    reader.only(table, "redaction", _POLICY_FIELDS)
    found = table.get("rule", [])
    if not isinstance(found, list) or len(found) > _MOST_RULES:
        raise reader.wrong(f"[[redaction.rule]] is no list of at most {_MOST_RULES} tables")
    rules = tuple(reader.rule(row, number) for number, row in enumerate(found, 1))
    kinds = _KINDS | {rule.kind for rule in rules}
    modes = table.get("modes", {})
    if not isinstance(modes, dict):
        raise reader.wrong("[redaction.modes] is not a table")
    for kind, mode in modes.items():
        reader.kind(kind, kinds, "modes")
        if mode not in MODES:
            raise reader.wrong(f"[redaction.modes] {kind} = {mode!r}", f"a mode is one of {', '.join(sorted(MODES))}")
    disabled, enabled = (frozenset(reader.kind(kind, kinds, name) for kind in reader.texts(table, name)) for name in ("disable", "enable"))
    allow = tuple(sorted({reader.allowed(value) for value in reader.texts(table, "allow")}))
    return RedactionPolicy((DISABLED_BY_DEFAULT - enabled) | disabled, rules, tuple(sorted(modes.items())), allow, canonical_text(table))


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source

    def rule(self, row: Any, number: int) -> Rule:
        where = f"[[redaction.rule]] {number}"
        if not isinstance(row, dict):
            raise self.wrong(f"{where} is not a table")
        self.only(row, where, _RULE_FIELDS)
        kind, pattern = row.get("kind"), row.get("pattern")
        if not isinstance(kind, str) or not _KIND.fullmatch(kind):
            raise self.wrong(f"{where} kind = {kind!r}", "a kind is 2 to 40 of a-z, 0-9 and _, a letter first")
        if not isinstance(pattern, str) or not 0 < len(pattern) <= _LONGEST_PATTERN:
            raise self.wrong(f"{where} has no pattern of 1 to {_LONGEST_PATTERN} characters")
        examples, near_misses = (tuple(self.texts(row, name)) for name in ("examples", "near_misses"))
        source = row.get("source", self._source)
        return Rule(kind, self.pattern(pattern, where), str(source), examples, near_misses)

    def pattern(self, pattern: str, where: str) -> str:
        """The pattern, so written that it does not cross the border of a text. Raises BadInput."""
        if not pattern.isascii():
            hint = r"write its UTF-8 bytes, such as \xc3\xa9 for é"
            raise self.wrong(f"{where} pattern {pattern!r} holds a character beyond ASCII", hint)
        if _RE2_LACKS.search(pattern.replace("\\b", "")):
            raise self.wrong(f"{where} pattern {pattern!r} looks around or refers back, which takes more than linear time")
        bounded = _bounded(pattern)
        if bounded is None:
            hint = r"a text's beginning and end are borders of words: use \b"
            raise self.wrong(f"{where} pattern {pattern!r} has ^, $ or a negated class in brackets", hint)
        try:
            compiled = re.compile(bounded.encode("latin-1"))
        except re.error as error:
            raise self.wrong(f"{where} pattern {pattern!r}: {error}") from None
        if compiled.groups > 1:
            hint = "one at most: the secret; write (?:...) for others"
            raise self.wrong(f"{where} pattern {pattern!r} has {compiled.groups} groups", hint)
        if compiled.search(b"") or compiled.search(b"a"):
            raise self.wrong(f"{where} pattern {pattern!r} matches nearly everything")
        return bounded

    def kind(self, kind: Any, kinds: frozenset[str], where: str) -> str:
        if kind not in kinds:
            near = sorted(known for known in kinds if isinstance(kind, str) and known[:4] == kind[:4])
            hint = f"near it: {', '.join(near[:6])}" if near else "fr policy kinds lists them"
            raise self.wrong(f"{where} names {kind!r}, which is no kind", hint)
        return str(kind)

    def allowed(self, value: str) -> str:
        if len(value.replace("*", "")) < _LEAST_LITERAL:
            raise self.wrong(f"allow holds {value!r}", f"at least {_LEAST_LITERAL} characters besides *")
        return value.lower()

    def texts(self, table: Mapping[str, Any], name: str) -> Sequence[str]:
        value = table.get(name, [])
        if not isinstance(value, list) or any(not isinstance(item, str) for item in value):
            raise self.wrong(f"{name} is no list of texts")
        return value

    def only(self, table: Mapping[str, Any], where: str, names: Sequence[str]) -> None:
        unknown = sorted(set(table) - set(names))
        if unknown:
            raise self.wrong(f"[{where}] {unknown[0]} is not known here", f"it is one of {', '.join(names)}")

    def wrong(self, what: str, hint: str | None = None) -> BadInput:
        return BadInput(f"{self._source}: {what}", hint=hint)


def _bounded(pattern: str) -> str | None:
    """The pattern with NUL, which stands between texts, taken out of what matches any character; None for one that has anchors.

    ``.`` and ``\\S \\W \\D`` become classes, ``[^`` gets ``\\x00``; the last three inside of a class cannot be bounded so.
    """
    written: list[str] = []
    position, in_class = 0, False
    while position < len(pattern):
        character = pattern[position]
        step = pattern[position : position + 2] if character == "\\" else character
        if in_class:
            if step in ("\\S", "\\W", "\\D"):
                return None
            in_class = step != "]" or written[-1] in ("[", "[^\\x00")
        elif step in ("\\S", "\\W", "\\D"):
            step, position = f"[^\\x00\\{step[1].lower()}]", position + 1
            written.append(step)
            position += 1
            continue
        elif step == ".":
            written.append("[^\\x00\\n]")
            position += 1
            continue
        elif step in ("^", "$"):
            return None
        elif step == "[":
            in_class = True
            if pattern[position + 1 : position + 2] == "^":
                written.append("[^\\x00")
                position += 2
                continue
        written.append(step)
        position += len(step)
    return "".join(written)
