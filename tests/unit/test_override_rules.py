"""Rules that change a model request on its way: where each API keeps what, and what is left alone."""

import json
from typing import Any, NamedTuple

import pytest

from fr_replay.override_rules import PLACES, Place, Rule, RuleFailed, parse_rule, rewrite, system_rule
from fr_schema.errors import BadInput

CHAT = "https://api.openai.com/v1/chat/completions"
URLS = {
    "openai.chat": CHAT,
    "openai.responses": "https://api.openai.com/v1/responses",
    "anthropic.messages": "https://api.anthropic.com/v1/messages",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent?alt=sse",
    "bedrock.converse": "https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude/converse",
    "ollama.chat": "http://127.0.0.1:11434/api/chat",
}


def changed(url: str, body: dict[str, Any], *rules: Rule) -> dict[str, Any]:
    """The body with rules in it."""
    new: dict[str, Any] = json.loads(rewrite("POST", url, json.dumps(body).encode(), rules).body)
    return new


@pytest.mark.parametrize("row", PLACES, ids=lambda row: f"{row.flavor}-{row.name}")
def test_a_common_name_goes_where_the_api_keeps_it(row: Place) -> None:
    """Each row: the value stands at its path, and nowhere else."""
    body = changed(URLS[row.flavor], {"messages": [], "contents": []}, Rule(row.name, "v"))
    for key in row.path.split("."):
        body = body[key]
    assert body in ("v", {"parts": [{"text": "v"}]}, [{"text": "v"}])


class System(NamedTuple):
    """Messages of an API that has its system prompt among them, before and after."""

    before: list[Any]
    after: list[Any]


USER = {"role": "user", "content": "hi"}
SYSTEMS = (
    System([USER], [{"role": "system", "content": "new"}, USER]),
    System([{"role": "system", "content": "old"}, USER], [{"role": "system", "content": "new"}, USER]),
    System([{"role": "developer", "content": "old"}, USER], [{"role": "developer", "content": "new"}, USER]),
)


@pytest.mark.parametrize("row", SYSTEMS, ids=lambda row: str(row.before[0]["role"]))
def test_a_system_message_is_replaced_or_put_first(row: System) -> None:
    """Its role stays what it was."""
    assert changed(CHAT, {"messages": row.before}, system_rule("new"))["messages"] == row.after


def test_a_model_in_the_url_is_changed_there() -> None:
    """Gemini and Bedrock name it in the path; the body is left byte for byte."""
    for flavor, model in (("gemini", "gemini-3-flash"), ("bedrock.converse", "amazon.nova")):
        body = b'{"contents" : [] }'
        new = rewrite("POST", URLS[flavor], body, [Rule("model", model)])
        assert (f"/{model}:" in new.url or f"/{model}/" in new.url, new.body, new.changed) == (True, body, ["model"])
    assert changed(CHAT, {"model": "a"}, Rule("model", "b")) == {"model": "b"}


def test_a_path_reaches_into_lists_and_objects() -> None:
    """Objects on the way are made; what else is there stays."""
    body = {"messages": [USER, {"role": "user", "content": [{"type": "text", "text": "old"}]}]}
    new = changed(CHAT, body, Rule("messages[1].content[0].text", "new"), Rule("stream_options.include_usage", True))
    assert new["messages"] == [USER, {"role": "user", "content": [{"type": "text", "text": "new"}]}]
    assert new["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("name", ["messages[1].content", "messages.content", "model.name", "messages[0][0]", "messages[5]"])
def test_a_path_that_leads_nowhere_fails(name: str) -> None:
    """Nothing is made up."""
    with pytest.raises(RuleFailed, match="nothing at"):
        changed(CHAT, {"model": "m", "messages": [USER]}, Rule(name, 1))


@pytest.mark.parametrize("body", [b"", b"[1]", b"\x00\x01", b"a=b"])
def test_what_is_no_json_object_cannot_be_changed(body: bytes) -> None:
    """It is not sent unchanged either."""
    with pytest.raises(RuleFailed, match="no JSON"):
        rewrite("POST", CHAT, body, [Rule("temperature", 0)])


def test_a_rule_that_changes_nothing_leaves_every_byte() -> None:
    """Spaces and escapes too, and it is not named among the changes."""
    body = b'{ "temperature":0.5 , "messages": ["\\u00e9"] }'
    assert rewrite("POST", CHAT, body, [Rule("temperature", 0.5)]) == (CHAT, body, [])
    assert rewrite("POST", CHAT, body, [Rule("temperature", 0)]).changed == ["temperature"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("temperature=0", Rule("temperature", 0)),
        ("model=gpt-4o", Rule("model", "gpt-4o")),
        ('model="gpt-4o"', Rule("model", "gpt-4o")),
        ("messages[0].content=a=b", Rule("messages[0].content", "a=b")),
        ("stop=[1, 2]", Rule("stop", [1, 2])),
        ("user=", Rule("user", "")),
        ("stream=false", Rule("stream", False)),
    ],
)
def test_a_value_is_json_or_else_text(text: str, rule: Rule) -> None:
    """What a person types is taken as they mean it."""
    assert parse_rule(text) == rule


@pytest.mark.parametrize("text", ["temperature", "=1", "a[b]=1", "a..b=1", "a[]=1"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(BadInput, match="no PATH=VALUE"):
        parse_rule(text)
