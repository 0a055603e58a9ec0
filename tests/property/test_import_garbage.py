"""Whatever a file holds, importing it gives traces or one sentence about what is wrong; never another error."""

from __future__ import annotations

import copy
import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))

import import_samples as samples
import otlp_samples

from fr_replay.importing.files import FORMATS, UNFORESEEN, Importer
from fr_replay.importing.source import SourceError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(st.characters(exclude_categories=()), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
GOOD: dict[str, tuple[str, Any]] = {
    "vcr": ("c.json", {"version": 1, "interactions": [samples.interaction(), samples.interaction(status=429)]}),
    "openai-messages": ("m.json", [samples.TAU_RUN]),
    "claude-code": ("s.jsonl", samples.claude_session()),
    "inspect": ("l.json", {"eval": samples.INSPECT_EVAL, "samples": [samples.inspect_sample()]}),
    "openai-agents": ("t.json", samples.agents_items()),
    "otlp": ("o.json", otlp_samples.traces(otlp_samples.span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}))),
}
NAMES = [row.name for row in FORMATS]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values below a value."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in below for found in [(*path, key), *places(item, (*path, key))]]


def with_at(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with another one at a path."""
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return changed


def encoded(name: str, value: Any) -> bytes:
    """As the file would be."""
    if name.endswith(".jsonl"):
        return samples.json_lines(value)
    return json.dumps(value).encode()


@pytest.mark.parametrize("format_name", NAMES)
@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_parsers_take_any_bytes(format_name: str, data: bytes) -> None:
    """A parser gives traces or says what is wrong."""
    module = next(row.module for row in FORMATS if row.name == format_name)
    for ending in (".json", ".yaml", ".jsonl", ".eval"):
        try:
            list(import_module(f"fr_replay.importing.{module}").parse(data, "x" + ending))
        except SourceError as error:
            assert str(error)


@pytest.mark.parametrize("format_name", NAMES)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_good_files_with_a_strange_value_in_them_are_imported_or_refused(format_name: str, data: st.DataObject) -> None:
    """Any value anywhere: rows in the store, or one sentence that was foreseen."""
    name, good = GOOD[format_name]
    path = data.draw(st.sampled_from(places(good)))
    content = encoded(name, with_at(good, path, data.draw(JSON)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(content)
        for _, imported in Importer(f"{folder}/store").import_files(format_name, [str(file)]):
            assert UNFORESEEN not in str(imported)
