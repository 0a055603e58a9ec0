"""Each row of the OTLP mapping does what it says, and docs/opentelemetry.md shows it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from fr_replay.exporting.otlp_names import ATTRIBUTES
from fr_replay.importing.source import ModelCall, Place, Stretch, ToolRun
from fr_replay.otlp.model_calls import understood
from fr_replay.otlp.names import COLUMNS, CONTENT, EVENTS, KINDS, LABELS, PARAMETERS, PROVIDERS, RESOURCE, ColumnName, KindRow
from fr_replay.otlp.signals import Signal
from fr_replay.otlp.traces import items_of, kind_of
from fr_replay.otlp.wire import LOGS, TRACES, read_value
from fr_schema.columns import EVENT_COLUMNS
from fr_schema.prices import PROVIDER_IDS

sys.path.insert(0, str(Path(__file__).resolve().parent))

import otlp_samples as samples

PAGE = Path(__file__).resolve().parents[2] / "docs" / "opentelemetry.md"
VALUES = {"text": "word", "whole": 7, "number": 0.5, "flag": True, "seconds": 0.25, "first": ["word", "other"], "any": ["a"]}
FORMED = {**VALUES, "seconds": 250.0, "first": "word"}
MODEL = {"gen_ai.operation.name": "chat"}
BY_NAME = {column.name for column in EVENT_COLUMNS}


def signals(*spans: dict[str, Any], records: tuple[dict[str, Any], ...] = (), resource: dict[str, Any] | None = None) -> list[Signal]:
    """The signals of a request of spans and one of log records."""
    return [
        *read_value(TRACES, samples.traces(*spans, resource=resource)).signals,
        *read_value(LOGS, samples.logs(*records)).signals,
    ]


def call_of(attributes: dict[str, Any], *records: dict[str, Any], **more: Any) -> ModelCall:
    """The only item of a model's span, with log records of it."""
    (item,) = items_of(signals(samples.span({**MODEL, **attributes}, **more), records=records))
    assert isinstance(item, ModelCall)
    return item


def place_of(item: Any) -> Place:
    assert isinstance(item.place, Place)
    return item.place


@pytest.mark.parametrize("row", KINDS, ids=lambda row: f"{row.attribute}={row.value}")
def test_each_kind(row: KindRow) -> None:
    """A span with the attribute is of that kind; a word that no row has is a stretch."""
    assert kind_of({row.attribute: row.value or "something else"}) == row.kind


@pytest.mark.parametrize("row", COLUMNS, ids=lambda row: row.attribute)
def test_each_column(row: ColumnName) -> None:
    """The attribute fills the column, and is not kept a second time."""
    call = call_of({row.attribute: VALUES[row.form]})
    assert call.columns[row.column] == FORMED[row.form]
    assert row.column in BY_NAME
    assert row.attribute not in place_of(call).columns.get("detail", {}).get("attributes", {})


@pytest.mark.parametrize("row", COLUMNS, ids=lambda row: row.attribute)
def test_a_value_of_another_form_is_no_column(row: ColumnName) -> None:
    """What is not of the form that a column has fills none."""
    assert call_of({row.attribute: {"odd": True}}).columns.get(row.column) is None


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_parameter(name: str) -> None:
    """The attribute is in params_sent under the name that APIs have for it, and in its column."""
    parameter, column, form = PARAMETERS[name]
    call = call_of({name: VALUES[form]})
    assert call.columns["params_sent"] == {parameter: VALUES[form]}
    if column is not None:
        assert column in BY_NAME and call.columns[column] == VALUES[form]


@pytest.mark.parametrize("row", LABELS, ids=lambda row: row.attribute)
def test_each_label_holds_for_what_is_below(row: ColumnName) -> None:
    """A span says whose it is for the spans below it that say nothing."""
    outer = samples.span({row.attribute: "one"}, span_id=samples.ROOT, name="agent")
    inner = samples.span(MODEL, parent=samples.ROOT, at_ms=1)
    assert [place_of(item).labels[row.column] for item in items_of(signals(outer, inner))] == ["one", "one"]


@pytest.mark.parametrize("row", RESOURCE, ids=lambda row: row.attribute)
def test_each_attribute_of_the_resource(row: ColumnName) -> None:
    """It is a column of every row."""
    (item,) = items_of(signals(samples.span({}), resource={row.attribute: "one"}))
    assert place_of(item).columns[row.column] == "one" and row.column in BY_NAME


@pytest.mark.parametrize("name", PROVIDERS)
def test_each_provider(name: str) -> None:
    """Its name there becomes ours; prices are known by ours."""
    assert call_of({"gen_ai.provider.name": name}).provider == PROVIDERS[name]
    assert PROVIDERS[name] in PROVIDER_IDS or PROVIDERS[name] == "ollama"


MESSAGES = '[{"role":"user","parts":[{"type":"text","content":"hello"}]}]'
ANSWER = '[{"role":"assistant","parts":[{"type":"text","content":"hello"}],"finish_reason":"stop"}]'
OWN = {"input.mime_type": "application/json", "input.value": '{"messages":[{"role":"user","content":"hello"}]}'}
OWN["output.value"] = '{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"}}]}'
CONTENTS: dict[str, dict[str, Any]] = {
    "gen_ai.input.messages": {"gen_ai.input.messages": MESSAGES},
    "gen_ai.system_instructions": {"gen_ai.system_instructions": '[{"type":"text","content":"hello"}]'},
    "llm.input_messages.N.message.*": {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hello"},
    "gen_ai.prompt.N.*": {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hello"},
    "gen_ai.prompt": {"gen_ai.prompt": "hello"},
    "llm.prompts.N.prompt.text": {"llm.prompts.0.prompt.text": "hello"},
    "input.value": OWN,
    "gen_ai.output.messages": {"gen_ai.output.messages": ANSWER},
    "llm.output_messages.N.message.*": {
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "hello",
    },
    "gen_ai.completion.N.*": {"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "hello"},
    "gen_ai.completion": {"gen_ai.completion": "hello"},
    "llm.choices.N.completion.text": {"llm.choices.0.completion.text": "hello"},
    "output.value": OWN,
    "gen_ai.tool.definitions": {"gen_ai.tool.definitions": '[{"type":"function","name":"hello","parameters":{}}]'},
    "llm.tools.N.tool.json_schema": {"llm.tools.0.tool.json_schema": '{"type":"function","function":{"name":"hello"}}'},
    "llm.request.functions.N.*": {"llm.request.functions.0.name": "hello", "llm.request.functions.0.parameters": "{}"},
}


@pytest.mark.parametrize(("side", "name"), [row[:2] for row in CONTENT], ids=[row[1] for row in CONTENT])
def test_each_place_of_content(side: str, name: str) -> None:
    """What stands there is in the call's request or answer, and is not kept a second time."""
    call = call_of(CONTENTS[name])
    if side == "input":
        assert call.request["messages"][0]["content"] == "hello"
    elif side == "output":
        assert call.answer is not None and call.answer["choices"][0]["message"]["content"] == "hello"
    else:
        assert call.request["tools"][0]["function"]["name"] == "hello"
    assert place_of(call).columns.get("detail", {}).get("attributes") is None


ROLES = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


@pytest.mark.parametrize("role", ROLES)
def test_messages_in_log_records(role: str) -> None:
    """The first conventions sent each message as an event of its own."""
    call = call_of({}, samples.log(f"gen_ai.{role}.message", {"content": "hello", "id": "call_1"}))
    (message,) = call.request["messages"]
    assert (message["role"], message["content"]) == (role, "hello")
    assert message.get("tool_call_id") == ("call_1" if role == "tool" else None)


def test_answers_in_log_records() -> None:
    """``gen_ai.choice`` has the message and the finish reason, which is a column too."""
    body = {"index": 0, "finish_reason": "stop", "message": {"content": "hello"}}
    call = call_of({}, samples.log("gen_ai.choice", body))
    assert call.answer is not None and call.answer["choices"][0]["message"] == {"role": "assistant", "content": "hello"}
    assert (call.columns["finish_reason"], call.columns["finish_reason_raw"]) == ("stop", "stop")


def test_details_in_a_log_record() -> None:
    """The event of the current conventions has attributes as the span has them."""
    call = call_of({}, samples.log("gen_ai.client.inference.operation.details", None, {"gen_ai.input.messages": MESSAGES}))
    assert call.request["messages"] == [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize("name", ["gen_ai.prompt", "gen_ai.completion"])
def test_content_in_events_of_the_span(name: str) -> None:
    """The oldest conventions put the texts into events of the span."""
    event = f"gen_ai.content.{name.partition('.')[2]}"
    call = call_of({}, events=[{"name": event, "attributes": samples.pairs({name: "hello"})}])
    side: Any = call.request if name.endswith("prompt") else call.answer
    assert "hello" in str(side)


@pytest.mark.parametrize("name", ["First Token Stream Event", "gen_ai.content.completion.chunk"])
def test_time_to_the_first_piece(name: str) -> None:
    """Taken from the event that says when it came."""
    at = str(samples.STARTED_NS + 3 * samples.MILLISECOND)
    assert call_of({}, events=[{"name": name, "timeUnixNano": at}]).columns["ttft_ms"] == 3.0


def test_a_failure_has_type_and_message() -> None:
    """From the status, the event and error.type; other kinds of spans too."""
    thrown = {"name": "exception", "attributes": samples.pairs({"exception.type": "ValueError", "exception.message": "bad"})}
    for kind in ("chat", "execute_tool", "invoke_agent"):
        made = samples.span({"gen_ai.operation.name": kind}, status={"code": 2}, events=[thrown])
        (item,) = items_of(signals(made))
        assert isinstance(item, ModelCall | ToolRun | Stretch) and item.error == "bad"
        columns = item.columns if isinstance(item, ModelCall) else place_of(item).columns
        assert columns["error_type"] == "ValueError"


def test_what_has_no_column_is_kept() -> None:
    """Attributes, events, the resource and log records that no table knows."""
    made = samples.span({**MODEL, "odd.name": [1, "two"]}, events=[{"name": "odd", "attributes": samples.pairs({"a": 1})}])
    (item,) = items_of(signals(made, records=(samples.log("odd.log", "text"),), resource={"odd.resource": "r"}))
    detail = place_of(item).columns["detail"]
    assert detail["attributes"] == {"odd.name": [1, "two"]} and detail["resource"] == {"odd.resource": "r"}
    assert detail["events"][0]["attributes"] == {"a": 1} and detail["logs"][0]["body"] == "text"


@pytest.mark.parametrize("prefix", ["llm.input_messages.{}.message", "gen_ai.prompt.{}"])
def test_messages_that_a_limit_took_away_are_missed(prefix: str) -> None:
    """A conversation without its beginning is told to be one, and never called semantic; how many attributes were dropped is told."""
    flat = {f"{prefix.format(n)}.{key}": value for n in (7, 9) for key, value in (("role", "user"), ("content", f"m{n}"))}
    call = call_of(flat, droppedAttributesCount=12)
    assert [message["content"] for message in call.request["messages"]] == ["m7", "m9"]
    assert call.columns["replay_level"] == "none"
    assert any("8 messages" in reason for reason in call.missing) and any("12 attributes" in reason for reason in call.missing)


def test_nothing_is_understood_by_accident() -> None:
    """Of a model's span exactly the known names are taken."""
    from fr_replay.otlp.model_calls import Facts

    (span,) = signals(samples.span({"gen_ai.request.model": "m", "gen_ai.unheard_of": 1, "llm.input_messages.0.message.role": "user"}))
    assert understood(Facts(span, span.attributes, ())) == {"gen_ai.request.model", "llm.input_messages.0.message.role"}


# -- documentation


def test_the_page_shows_the_tables() -> None:
    """Each row of the tables stands in docs/opentelemetry.md, in a line with its column; so does each exported attribute."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]

    def shown(*words: str) -> bool:
        return any(all(f"`{word}`" in line for word in words) for line in lines)

    missing = [row for row in (*COLUMNS, *LABELS, *RESOURCE) if not shown(row.attribute, row.column)]
    missing += [row for row in KINDS if not shown(row.attribute, row.kind)]
    missing += [name for name, (parameter, _, _) in PARAMETERS.items() if not shown(name, parameter)]
    missing += [name for name in (*(row[1] for row in CONTENT), *(row[0] for row in EVENTS)) if not shown(name)]
    missing += [name for name, ours in PROVIDERS.items() if name != ours and not shown(name, ours)]
    missing += [row for row in ATTRIBUTES if not shown(row.column, row.attribute)]
    assert missing == []
