"""Filters of the command line as SQL conditions. Values become parameters; nothing that a person typed as a value is pasted into SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from fr_schema.errors import BadInput

from .fact_views import FACT_VIEWS

__all__ = ["FILTERS", "Filter", "Selection", "literal", "with_literals"]


class Filter(NamedTuple):
    """What an option asks of a view.

    Attributes:
        option: its name, without dashes.
        views: the views that it works on.
        condition: SQL; each ``?`` takes the value. ``{is}`` is ``=``, or ``GLOB`` for a value with ``*`` or ``?`` in it.
    """

    option: str
    views: tuple[str, ...]
    condition: str


_OF_PROCESSES = ("templates", "controls", "configs")
_FACTS_WITH_LABELS = tuple(name for name in FACT_VIEWS if name not in _OF_PROCESSES)
_WITH_LABELS = ("calls", "attempts", "tools", "http", "decisions", "traces", "requests", *_FACTS_WITH_LABELS)

FILTERS: tuple[Filter, ...] = (
    Filter("model", ("calls", "attempts"), "(model_requested {is} ? OR model_resolved {is} ?)"),
    Filter("model", ("messages",), "model_requested {is} ?"),
    Filter("model", ("traces",), "len(list_filter(models, lambda m: m {is} ?)) > 0"),
    Filter("provider", ("calls", "attempts"), "provider {is} ?"),
    Filter("agent", _WITH_LABELS, "agent_name {is} ?"),
    Filter("tenant", _WITH_LABELS, "tenant_id {is} ?"),
    Filter("error", ("calls", "attempts", "tools", "http"), "error_type {is} ?"),
    Filter("prompt-hash", ("calls", "attempts"), "starts_with(system_prompt_sha256, lower(?))"),
    Filter("min-cost", ("calls", "attempts", "traces"), "cost_usd >= TRY_CAST(? AS DOUBLE)"),
    Filter("status", ("calls", "attempts", "tools", "http", "traces", "processes", "requests"), "status {is} ?"),
    Filter("tool", ("tools", "reviews", "guardrails"), "tool_name {is} ?"),
    Filter("tool", ("calls", "attempts"), "len(list_filter(json_extract_string(output_tool_calls, '$[*].name'), lambda t: t {is} ?)) > 0"),
    Filter("session", (*_WITH_LABELS, "messages"), "session_id {is} ?"),
    Filter("user", _WITH_LABELS, "user_ref {is} ?"),
    Filter("name", (*(name for name in _WITH_LABELS if name != "handoffs"), "processes", *_OF_PROCESSES), "name {is} ?"),
    Filter("tag", _WITH_LABELS, "tags[?] {is} ?"),
    Filter("since", (*_WITH_LABELS, *_OF_PROCESSES, "messages", "gaps", "processes", "events"), "started_at >= ?"),
    Filter("until", (*_WITH_LABELS, *_OF_PROCESSES, "messages", "gaps", "processes", "events"), "started_at < ?"),
    Filter("since", ("blobs",), "first_seen >= ?"),
    Filter("until", ("blobs",), "first_seen < ?"),
    Filter("since", ("snapshots",), "last_seen >= ?"),
    Filter("until", ("snapshots",), "first_seen < ?"),
)

_WILD = re.compile(r"[*?\[]")


@dataclass
class Selection:
    """A SELECT over one view, with its parameters.

    Attributes:
        view: what is asked.
        columns: SQL of the columns.
        conditions, values: joined with AND; one value per ``?``, in order.
        group: SQL behind GROUP BY, or empty.
        order: SQL behind ORDER BY, or empty.
        limit: most rows, or None.
    """

    view: str
    columns: str = "*"
    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    group: str = ""
    order: str = ""
    limit: int | None = None

    def add(self, option: str, value: str | datetime | None) -> None:
        """Add a filter, unless the value is None. Raises BadInput when the view has nothing that it could ask."""
        if value is None:
            return
        row = next((f for f in FILTERS if f.option == option and self.view in f.views), None)
        if row is None:
            able = [view for f in FILTERS if f.option == option for view in f.views]
            raise BadInput(f"--{option} does not work on {self.view}", hint=f"it works on {', '.join(dict.fromkeys(able))}")
        given: list[Any] = list(_tag_parts(value)) if option == "tag" and isinstance(value, str) else [value]
        wild = isinstance(given[-1], str) and _WILD.search(given[-1]) is not None
        self.conditions.append(row.condition.replace("{is}", "GLOB" if wild else "="))
        self.values += given if len(given) > 1 else given * row.condition.count("?")

    def add_sql(self, condition: str) -> None:
        """Add a condition that a person wrote in SQL. On lines of its own, so that a comment in it ends with it."""
        self.conditions.append(f"(\n{condition}\n)")

    def sql(self) -> str:
        """The statement, with ``?`` for the values."""
        lines = [f"SELECT {self.columns}", f"FROM {self.view}"]
        if self.conditions:
            lines.append("WHERE " + "\n  AND ".join(self.conditions))
        if self.group:
            lines.append(f"GROUP BY {self.group}")
        if self.order:
            lines.append(f"ORDER BY {self.order}")
        if self.limit is not None:
            lines.append(f"LIMIT {self.limit}")
        return "\n".join(lines)


def _tag_parts(text: str) -> tuple[str, str]:
    """Name and value of ``name=value``; a tag without a value is stored with an empty one."""
    name, _, value = text.partition("=")
    if not name:
        raise BadInput(f"{text!r} is not a tag", hint="write it as --tag name=value")
    return name, value


def literal(value: Any) -> str:
    """A value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ '{value.isoformat(sep=' ')}'"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    return "'" + str(value).replace("'", "''") + "'"


_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$[A-Za-z_]\w*|\?", re.DOTALL)


def with_literals(sql: str, values: Sequence[Any] | Mapping[str, Any]) -> str:
    """The SQL with its parameters written in, to be run anywhere; strings and comments in it are left alone."""
    following: Iterable[Any] = iter(()) if isinstance(values, Mapping) else iter(values)
    named = values if isinstance(values, Mapping) else {}

    def fill(found: re.Match[str]) -> str:
        token = found[0]
        if token == "?":
            return literal(next(iter(following)))
        if token.startswith("$") and token[1:] in named:
            return literal(named[token[1:]])
        return token

    return _TOKEN.sub(fill, sql)
