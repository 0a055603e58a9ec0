"""Messages of the APIs as a person reads them."""

import json
from typing import Any

import pytest

from fr_replay.messages import call_text, messages_of_body, read_message

CASES: tuple[tuple[str, str | None, Any, dict[str, Any]], ...] = (
    ("chat text", "openai.chat", {"role": "user", "content": "hi"}, {"role": "user", "text": "hi"}),
    (
        "chat parts",
        "openai.chat",
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"text": "a\n\nb"},
    ),
    (
        "chat image",
        "openai.chat",
        {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:x"}}]},
        {"text": "see", "other": ("image_url, 53 characters",)},
    ),
    (
        "chat calls",
        "openai.chat",
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": '{"a":1}'}}]},
        {"role": "assistant", "text": None, "calls": [("c1", "f", '{"a":1}')]},
    ),
    (
        "chat result",
        "openai.chat",
        {"role": "tool", "tool_call_id": "c1", "content": "mild"},
        {"role": "tool", "text": None, "results": [("c1", None, "mild", False)]},
    ),
    (
        "responses call",
        "openai.responses",
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"role": "assistant"},
    ),
    (
        "responses result",
        "openai.responses",
        {"type": "function_call_output", "call_id": "c", "output": "mild"},
        {"role": "tool", "results": [("c", None, "mild", False)]},
    ),
    (
        "responses reasoning",
        "openai.responses",
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "thought"}]},
        {"role": "assistant", "text": "thought"},
    ),
    (
        "anthropic blocks",
        "anthropic.messages",
        {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}]},
        {"text": "a", "calls": [("t", "f", '{"x":1}')], "other": ()},
    ),
    (
        "anthropic failed result",
        "anthropic.messages",
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "no", "is_error": True}]},
        {"text": None, "results": [("t", None, "no", True)]},
    ),
    ("gemini text", "gemini", {"role": "model", "parts": [{"text": "hi"}]}, {"role": "model", "text": "hi", "other": ()}),
    (
        "gemini call",
        "gemini",
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1}}}]},
        {"calls": [(None, "f", '{"x":1}')]},
    ),
    (
        "bedrock result",
        "bedrock.converse",
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "mild"}], "status": "success"}}]},
        {"results": [("t", None, "mild", False)], "other": ()},
    ),
    ("plain text input", "openai.responses", "just text", {"role": "user", "text": "just text"}),
    ("unknown shape", None, {"weird": 1}, {"role": "message", "text": '{"weird": 1}'}),
)


@pytest.mark.parametrize(("flavor", "value", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_message_is_read(flavor: str | None, value: Any, expected: dict[str, Any]) -> None:
    """Role, text, tool calls, results and other parts, by API."""
    message = read_message(flavor, json.dumps(value), 1)
    found = {name: getattr(message, name) for name in expected}
    for name in ("calls", "results"):
        if name in found:
            found[name] = [tuple(item) for item in found[name]]
    assert found == expected
    assert message.content == value


@pytest.mark.parametrize(
    "raw", ["not JSON", '{"role": "user"', "[1, 2]", "null", '{"content": 5}', '{"role": ["a"], "content": {"x": []}}']
)
def test_strange_message_is_shown_as_it_is(raw: str) -> None:
    """Whatever a message is, it is read, and its raw text is kept."""
    message = read_message("openai.chat", raw, 3, "ab")
    assert message.raw == raw
    assert message.text
    assert (message.position, message.blob_id) == (3, "ab")


BODIES: tuple[tuple[Any, list[str]], ...] = (
    ({"messages": [{"role": "user", "content": "a"}]}, ["a"]),
    ({"input": "a question"}, ["a question"]),
    ({"contents": [{"parts": [{"text": "a"}]}]}, ["a"]),
    ({"prompt": "once upon"}, ["once upon"]),
    ({"model": "x"}, []),
    (None, []),
    ([1], []),
)


@pytest.mark.parametrize(("body", "texts"), BODIES)
def test_messages_are_found_in_a_whole_body(body: Any, texts: list[str]) -> None:
    """A request whose messages were not stored one by one is read from its body."""
    assert [message.text for message in messages_of_body("openai.chat", body)] == texts


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("f", '{"a": 1, "b": "x ☂"}', 'f(a=1, b="x ☂")'),
        ("f", "", "f()"),
        (None, "{}", "?()"),
        ("f", '{"cut": ', 'f({"cut": )'),
        ("f", "[1]", "f([1])"),
    ],
)
def test_call_is_written_as_in_a_program(name: str | None, arguments: str, text: str) -> None:
    """Arguments that are an object become keyword arguments; anything else is shown as it is."""
    assert call_text(name, arguments) == text
