"""The retention policy: how long content and rows stay, by class, and what sampling keeps of the rest. Read from TOML; pure but for that.

::

    floor_days = 183                # rows stay at least so long
    max_bytes = "50 GB"             # of the store; what is sacrificed for it within the floor is admitted in a gap row

    [class.support]                 # the first class that matches a trace is its class
    match = { service = "support-desk" }
    content_days = 30
    row_days = 730

    [class.default]                 # of what matches no other
    content_days = 90
    row_days = 365

    [sampling]                      # of traces without an error, a high cost, a side effect, a fallback, a gap or a hold
    share = 0.1
    content_after_days = 7
    rows_after_days = 183
    costly_usd = 1.0
    keep_unknown_tools = true
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

from fr_schema.errors import BadInput

__all__ = ["DEFAULT_FLOOR_DAYS", "POLICY_FILE", "Policy", "RetentionClass", "Sampling", "is_sampled", "policy_path", "read_policy"]

POLICY_FILE = "fr-policy.toml"
DEFAULT_FLOOR_DAYS = 183.0
"""Six months: what the EU AI Act asks for, articles 19(1) and 26(6), where no other law says otherwise."""

MATCHED = ("name", "service", "environment", "region", "agent_name", "agent_version", "tenant_id", "user_ref")
"""What a class may match by: columns of the trace's rows; any other name is that of a tag."""

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?\s*", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class RetentionClass(NamedTuple):
    """How long what matches stays, in days after a trace's last record; None is for ever."""

    name: str
    match: Mapping[str, str]
    content_days: float | None
    row_days: float | None


class Sampling(NamedTuple):
    """What stays of ordinary traces: content of all for some days, rows of all for some more, and then a share.

    Attributes:
        share: of traces, above 0 and at most 1.
        costly_usd: traces that cost at least so much are always kept.
        keep_unknown_tools: traces with a tool that does not say what it does to the world are always kept.
    """

    share: float
    content_after_days: float
    rows_after_days: float
    costly_usd: float
    keep_unknown_tools: bool


class Policy(NamedTuple):
    """What a store keeps, and for how long.

    Attributes:
        source: the file that says so.
        classes: in the order that they are tried; the last one matches everything.
    """

    source: str
    floor_days: float
    max_bytes: int | None
    classes: tuple[RetentionClass, ...]
    sampling: Sampling | None

    def class_of(self, facts: Mapping[str, Any]) -> RetentionClass:
        """The class of a trace: its columns by name, and ``tags``."""
        return next(found for found in self.classes if _matches(found.match, facts))


def _matches(wanted: Mapping[str, str], facts: Mapping[str, Any]) -> bool:
    tags = facts.get("tags") or {}
    return all((facts.get(name) if name in MATCHED else tags.get(name)) == value for name, value in wanted.items())


def is_sampled(unit: str, share: float) -> bool:
    """True for the share of traces that sampling keeps: the same ones for everybody, and of a smaller share a part of these."""
    return int.from_bytes(hashlib.sha256(f"fr:sample:v1\0{unit}".encode()).digest()[:8], "big") < share * 2**64


def policy_path(store: str, given: str | None = None) -> str:
    """The policy of a store: the file given, else ``FR_POLICY``, else ``fr-policy.toml`` in the folder that the store lies in."""
    return given or os.environ.get("FR_POLICY") or os.path.join(os.path.dirname(os.path.abspath(store)), POLICY_FILE)


def read_policy(path: str) -> Policy:
    """Read and check a policy. Raises BadInput with the file and what is wrong in it; OSError."""
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except FileNotFoundError:
        raise BadInput(f"there is no retention policy {path}, so everything is kept", hint="docs/store.md shows one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {error}") from None
    return _Reader(path).policy(found)


class _Reader:
    def __init__(self, path: str) -> None:
        self._path = path

    def policy(self, found: dict[str, Any]) -> Policy:
        self._only(found, "", ("floor_days", "max_bytes", "class", "sampling", "redaction"))
        floor = self._days(found, "", "floor_days", DEFAULT_FLOOR_DAYS)
        assert floor is not None
        tables = self._table(found, "", "class")
        classes = [self._class(name, self._table(tables, "class", name), floor) for name in tables if name != "default"]
        default = self._class("default", self._table(tables, "class", "default"), floor)
        if default.match:
            raise self._wrong("[class.default] cannot have a match: it is for what matches no other")
        sampling = self._sampling(found["sampling"], floor) if "sampling" in found else None
        return Policy(self._path, floor, self._bytes(found.get("max_bytes")), (*classes, default), sampling)

    def _class(self, name: str, table: dict[str, Any], floor: float) -> RetentionClass:
        where = f"class.{name}"
        self._only(table, where, ("match", "content_days", "row_days"))
        match = self._table(table, where, "match")
        if any(not isinstance(value, str) for value in match.values()):
            raise self._wrong(f"[{where}] match holds something that is not text")
        if name != "default" and not match:
            raise self._wrong(f"[{where}] has no match; the class of everything else is [class.default]")
        content, rows = self._days(table, where, "content_days", None), self._days(table, where, "row_days", None)
        if rows is not None and rows < floor:
            raise self._wrong(f"[{where}] row_days = {rows:g} is below floor_days = {floor:g}")
        if rows is not None and content is not None and content > rows:
            raise self._wrong(f"[{where}] content_days = {content:g} is above row_days = {rows:g}: content is read through its rows")
        return RetentionClass(name, match, content, rows)

    def _sampling(self, table: Any, floor: float) -> Sampling:
        if not isinstance(table, dict):
            raise self._wrong("sampling is not a table")
        self._only(table, "sampling", Sampling._fields)
        share = table.get("share")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise self._wrong("[sampling] share must be above 0 and at most 1")
        rows = self._days(table, "sampling", "rows_after_days", floor) or floor
        content = self._days(table, "sampling", "content_after_days", rows)
        costly = table.get("costly_usd", 1.0)
        keep = table.get("keep_unknown_tools", True)
        if isinstance(costly, bool) or not isinstance(costly, int | float) or not isinstance(keep, bool):
            raise self._wrong("[sampling] costly_usd is a number, and keep_unknown_tools true or false")
        if rows < floor:
            raise self._wrong(f"[sampling] rows_after_days = {rows:g} is below floor_days = {floor:g}")
        if content is None or content > rows:
            raise self._wrong("[sampling] content_after_days is above rows_after_days: bodies go before rows")
        return Sampling(float(share), content, rows, float(costly), keep)

    def _days(self, table: dict[str, Any], where: str, name: str, otherwise: float | None) -> float | None:
        value = table.get(name, otherwise)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 100_000:
            raise self._wrong(f"{f'[{where}] ' if where else ''}{name} must be a number of days")
        return float(value)

    def _bytes(self, value: Any) -> int | None:
        if value is None:
            return None
        found = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise self._wrong('max_bytes must be a text such as "50 GB"')
        return int(float(found[1]) * _UNITS[found[2].upper()])

    def _table(self, table: dict[str, Any], where: str, name: str) -> dict[str, Any]:
        value = table.get(name, {})
        if not isinstance(value, dict):
            raise self._wrong(f"{f'{where}.' if where else ''}{name} is not a table")
        return value

    def _only(self, table: Mapping[str, Any], where: str, names: tuple[str, ...]) -> None:
        unknown = sorted(set(table) - set(names))
        if unknown:
            raise self._wrong(f"{f'[{where}] ' if where else ''}{unknown[0]} is not known here", f"it is one of {', '.join(names)}")

    def _wrong(self, what: str, hint: str | None = None) -> BadInput:
        return BadInput(f"{self._path}: {what}", hint=hint)
