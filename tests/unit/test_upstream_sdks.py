"""The scripted upstream as the real SDKs see it: every API shape is parsed by its own SDK."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import types
from mistralai.client import Mistral

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "upstream"))

import api_anthropic
import api_gemini
import api_openai_chat
from api_openai_responses import ECHOED_DEFAULTS
from scripted_upstream import ScriptedUpstream

CITY_SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT_TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": CITY_SCHEMA}}
RESPONSES_TOOL: Any = {"type": "function", "name": "weather", "parameters": CITY_SCHEMA, "strict": True}
ANTHROPIC_TOOL: Any = {"name": "weather", "input_schema": CITY_SCHEMA}
GEMINI_TOOLS = types.Tool(function_declarations=[types.FunctionDeclaration(name="weather", parameters_json_schema=CITY_SCHEMA)])
TWO_CITIES = [{"city": "Paris"}, {"city": "Oslo"}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    """One server for the module, with compressed and oddly cut answers."""
    with ScriptedUpstream(seed=2) as running:
        yield running


@pytest.fixture(scope="module")
def openai_client(upstream: ScriptedUpstream) -> Iterator[openai.OpenAI]:
    """An OpenAI client without retries."""
    with openai.OpenAI(base_url=upstream.url + "/v1", api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def anthropic_client(upstream: ScriptedUpstream) -> Iterator[anthropic.Anthropic]:
    """An Anthropic client without retries."""
    with anthropic.Anthropic(base_url=upstream.url, api_key="k", max_retries=0) as client:
        yield client


def user(text: str) -> Any:
    """A conversation of one user message."""
    return [{"role": "user", "content": text}]


def test_openai_chat_plain(openai_client: openai.OpenAI) -> None:
    """Resolved model, fingerprint, usage and text."""
    answer = openai_client.chat.completions.create(model="gpt-x", messages=user("hi"))
    nonce = answer.id.removeprefix("chatcmpl-")
    assert (answer.model, answer.system_fingerprint) == ("gpt-x-2026-01-01", f"fp_{nonce}")
    assert answer.choices[0].message.content == f"é☂😀 answer {nonce} to: hi"
    assert answer.usage and answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_openai_chat_tools_run_until_an_answer(openai_client: openai.OpenAI) -> None:
    """Two parallel calls, and a text once their results are there."""
    messages = user("w?")
    message = openai_client.chat.completions.create(model="gpt-x", messages=messages, tools=[CHAT_TOOL]).choices[0].message
    calls: Any = message.tool_calls
    assert [json.loads(call.function.arguments) for call in calls] == TWO_CITIES
    messages += [message.to_dict(), *({"role": "tool", "tool_call_id": call.id, "content": "mild"} for call in calls)]
    last = openai_client.chat.completions.create(model="gpt-x", messages=messages, tools=[CHAT_TOOL]).choices[0]
    assert (last.finish_reason, bool(last.message.content), last.message.tool_calls) == ("stop", True, None)


def test_openai_chat_stream_with_usage(openai_client: openai.OpenAI) -> None:
    """The deltas join to the text, and the last chunk has the usage and no choices."""
    chunks = list(
        openai_client.chat.completions.create(model="gpt-x", messages=user("hi ☂"), stream=True, stream_options={"include_usage": True})
    )
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text.endswith("to: hi ☂") and len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].choices == [] and chunks[-1].usage and all(chunk.usage is None for chunk in chunks[:-1])


def test_openai_chat_streamed_tool_calls(openai_client: openai.OpenAI) -> None:
    """Arguments come in pieces that the SDK's own accumulator joins."""
    with openai_client.chat.completions.stream(model="gpt-x", messages=user("w?"), tools=[CHAT_TOOL]) as events:
        calls = events.get_final_completion().choices[0].message.tool_calls or []
    assert [json.loads(call.function.arguments) for call in calls] == TWO_CITIES


@pytest.mark.parametrize("script", ["length", "refusal", "empty", "json", "long"])
@pytest.mark.parametrize("streamed", [False, True])
def test_openai_chat_other_endings(script: str, streamed: bool, openai_client: openai.OpenAI) -> None:
    """Cut, refused, empty, JSON and long answers have the shape that the SDK gives them, streamed or not."""
    create = openai_client.chat.completions
    if streamed:
        with create.stream(model="gpt-x", messages=user(f"[[script:{script}]]")) as events:
            for _ in events:
                pass
            if script == "length":
                choice: Any = events.current_completion_snapshot.choices[0]
            else:
                choice = events.get_final_completion().choices[0]
    else:
        choice = create.create(model="gpt-x", messages=user(f"[[script:{script}]]")).choices[0]
    assert choice.finish_reason == ("length" if script == "length" else "stop")
    assert bool(choice.message.refusal) == (script == "refusal")
    assert bool(choice.message.content) == (script in {"length", "json", "long"})
    if script == "json":
        assert json.loads(choice.message.content)["nonce"]


def test_openai_embeddings(openai_client: openai.OpenAI) -> None:
    """Base64 vectors of the asked size, different for each input."""
    answer = openai_client.embeddings.create(model="embed-x", input=["a", "b"], dimensions=3)
    vectors = [item.embedding for item in answer.data]
    assert [len(vector) for vector in vectors] == [3, 3] and vectors[0] != vectors[1]
    floats = openai_client.embeddings.create(model="embed-x", input="a", encoding_format="float")
    assert all(-1 <= number <= 1 for number in floats.data[0].embedding)


def test_openai_responses_echo_what_was_sent_and_what_was_not(openai_client: openai.OpenAI) -> None:
    """Parameters of the request come back, defaults stand for the others."""
    answer = openai_client.responses.create(model="gpt-x", input="hi", temperature=0.25, metadata={"k": "v"}).to_dict()
    sent = {"temperature": 0.25, "metadata": {"k": "v"}}
    assert {key: answer[key] for key in ECHOED_DEFAULTS} == {**ECHOED_DEFAULTS, **sent}
    assert answer["model"] == "gpt-x-2026-01-01"


def test_openai_responses_tools_and_history(openai_client: openai.OpenAI) -> None:
    """Function calls, their outputs by previous_response_id, then a text; an unknown id is refused."""
    first = openai_client.responses.create(model="gpt-x", input="w?", tools=[RESPONSES_TOOL])
    calls: Any = [item for item in first.output if item.type == "function_call"]
    assert [json.loads(call.arguments) for call in calls] == TWO_CITIES
    outputs: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "mild"} for call in calls]
    second = openai_client.responses.create(model="gpt-x", input=outputs, tools=[RESPONSES_TOOL], previous_response_id=first.id)
    assert second.output_text.endswith("to: w?")
    with pytest.raises(openai.BadRequestError):
        openai_client.responses.create(model="gpt-x", input="hi", previous_response_id="resp_nix")


TEXT_EVENTS = [
    "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.delta",
    "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
]  # fmt: skip


def test_openai_responses_stream_has_the_real_event_sequence(openai_client: openai.OpenAI) -> None:
    """Each kind of event comes in its order, numbered without a gap, and the deltas join to the text."""
    events: Any = list(openai_client.responses.create(model="gpt-x", input="hi ☂", stream=True))
    assert list(dict.fromkeys(event.type for event in events)) == TEXT_EVENTS
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == events[-1].response.output_text and text.endswith("☂")


@pytest.mark.parametrize(
    ("script", "status", "item"),
    [("length", "incomplete", "message"), ("refusal", "completed", "message"), ("thinking", "completed", "reasoning")],
)
def test_openai_responses_other_endings(script: str, status: str, item: str, openai_client: openai.OpenAI) -> None:
    """Cut, refused and reasoned answers, streamed through the SDK's own accumulator."""
    with openai_client.responses.stream(model="gpt-x", input=f"[[script:{script}]]") as events:
        kinds = [event.type for event in events]
    whole = openai_client.responses.create(model="gpt-x", input=f"[[script:{script}]]")
    assert (whole.status, whole.output[0].type) == (status, item)
    assert kinds[-1] == f"response.{status}"


def test_openai_responses_count(openai_client: openai.OpenAI) -> None:
    """The endpoint that counts input tokens."""
    assert openai_client.responses.input_tokens.count(model="gpt-x", input="hello").input_tokens > 0


def test_anthropic_plain_cache_and_count(anthropic_client: anthropic.Anthropic) -> None:
    """A marked prefix is written to the cache once and read after that."""
    system: Any = [{"type": "text", "text": "You are terse. " * 50, "cache_control": {"type": "ephemeral"}}]
    answers = [anthropic_client.messages.create(model="claude-x", max_tokens=9, system=system, messages=user("hi")) for _ in range(2)]
    written, read = [answer.usage for answer in answers]
    assert answers[0].model == "claude-x-20260101" and answers[0].content[0].type == "text"
    assert written.cache_creation_input_tokens == read.cache_read_input_tokens and read.cache_creation_input_tokens == 0
    assert anthropic_client.messages.count_tokens(model="claude-x", messages=user("hi")).input_tokens > 0


@pytest.mark.parametrize("streamed", [False, True])
def test_anthropic_tools(streamed: bool, anthropic_client: anthropic.Anthropic) -> None:
    """Parallel tool use, plain and streamed, until the results are there."""
    options: Any = {"model": "claude-x", "max_tokens": 9, "tools": [ANTHROPIC_TOOL]}
    if streamed:
        with anthropic_client.messages.stream(**options, messages=user("w?")) as events:
            answer: Any = events.get_final_message()
    else:
        answer = anthropic_client.messages.create(**options, messages=user("w?"))
    assert ([block.input for block in answer.content], answer.stop_reason) == (TWO_CITIES, "tool_use")
    results = [{"type": "tool_result", "tool_use_id": block.id, "content": "mild"} for block in answer.content]
    messages: Any = [*user("w?"), {"role": "assistant", "content": answer.to_dict()["content"]}, {"role": "user", "content": results}]
    assert anthropic_client.messages.create(**options, messages=messages).stop_reason == "end_turn"


def test_anthropic_stream(anthropic_client: anthropic.Anthropic) -> None:
    """The text helper and the final message agree; usage comes with the last delta."""
    with anthropic_client.messages.stream(model="claude-x", max_tokens=9, messages=user("[[script:thinking]] ☂")) as events:
        text = "".join(events.text_stream)
        message = events.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert text.endswith("☂") and message.usage.output_tokens > 1


def test_gemini(upstream: ScriptedUpstream) -> None:
    """Plain, function calls, stream and count."""
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=upstream.url))
    answer = client.models.generate_content(model="gemini-x", contents="hi ☂")
    assert answer.model_version == "gemini-x-001" and answer.text and answer.text.endswith("hi ☂")
    assert answer.usage_metadata and answer.usage_metadata.thoughts_token_count == 11
    chunks = list(client.models.generate_content_stream(model="gemini-x", contents="one two three four"))
    assert "".join(chunk.text or "" for chunk in chunks).endswith("four") and len(chunks) > 1
    assert chunks[-1].candidates and chunks[-1].candidates[0].finish_reason == "STOP"
    called = client.models.generate_content(model="gemini-x", contents="w?", config=types.GenerateContentConfig(tools=[GEMINI_TOOLS]))
    assert [call.args for call in called.function_calls or []] == TWO_CITIES
    assert (client.models.count_tokens(model="gemini-x", contents="hi").total_tokens or 0) > 0


def test_gemini_streams_a_json_array_without_alt_sse(upstream: ScriptedUpstream) -> None:
    """The API's other stream form is one JSON array."""
    body = {"contents": [{"role": "user", "parts": [{"text": "one two three four"}]}]}
    answer = httpx.post(upstream.url + "/v1beta/models/gemini-x:streamGenerateContent", json=body)
    parts = [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in answer.json()]
    assert answer.headers["content-type"] == "application/json" and "".join(parts).endswith("four") and len(parts) > 1


def test_mistral(upstream: ScriptedUpstream) -> None:
    """Plain, tools and stream, told apart from OpenAI by the user agent; the alias comes back as it was."""
    with Mistral(api_key="k", server_url=upstream.url) as client:
        answer: Any = client.chat.complete(model="mistral-x", messages=user("hi"))
        assert answer.model == "mistral-x" and answer.choices[0].message.content.endswith("hi")
        called: Any = client.chat.complete(model="mistral-x", messages=user("w?"), tools=[CHAT_TOOL])
        assert [json.loads(call.function.arguments) for call in called.choices[0].message.tool_calls] == TWO_CITIES
        with client.chat.stream(model="mistral-x", messages=user("hi ☂")) as events:
            chunks: Any = [event.data for event in events]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).endswith("☂")
        assert chunks[-1].usage and chunks[-1].choices[0].finish_reason == "stop"


FINISH_TABLES: dict[str, tuple[dict[Any, str], list[Any]]] = {
    "/v1/chat/completions": (api_openai_chat.FINISH_REASONS, ["choices", 0, "finish_reason"]),
    "/mistral/v1/chat/completions": (api_openai_chat.FINISH_REASONS, ["choices", 0, "finish_reason"]),
    "/v1/messages": (api_anthropic.STOP_REASONS, ["stop_reason"]),
    "/v1beta/models/m:generateContent": (api_gemini.FINISH_REASONS, ["candidates", 0, "finishReason"]),
}
FINISH_SCRIPTS = {"stop": "no-tools", "tool_calls": "one-tool", "length": "length", "refusal": "refusal"}


@pytest.mark.parametrize("path", FINISH_TABLES)
@pytest.mark.parametrize("finish", FINISH_SCRIPTS)
def test_finish_reasons_are_the_providers_words(path: str, finish: Any, upstream: ScriptedUpstream) -> None:
    """Every row of every finish table is what the wire says."""
    table, where = FINISH_TABLES[path]
    text = f"[[script:{FINISH_SCRIPTS[finish]}]]"
    tools = [{"functionDeclarations": [{"name": "weather"}]}] if "models" in path else [ANTHROPIC_TOOL if "messages" in path else CHAT_TOOL]
    body = {"model": "m", "messages": user(text), "contents": [{"role": "user", "parts": [{"text": text}]}], "tools": tools}
    answer: Any = httpx.post(upstream.url + path, json=body).json()
    for step in where:
        answer = answer[step]
    assert answer == table[finish]
