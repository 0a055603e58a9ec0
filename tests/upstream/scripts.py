"""What the scripted upstream answers: a provider-neutral plan made from one request.

There is no model here. A script is a row of `SCRIPTS`: how many tool calls each round asks for, and the text that follows.
The last user message may name one with a marker such as `[[script:three-turns]]`; without a marker it is `default`.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any, Literal, NamedTuple

JsonObject = dict[str, Any]
Finish = Literal["stop", "tool_calls", "length", "refusal"]
TurnKind = Literal["user", "call", "result", "other"]

QUESTION_CHARACTERS = 60
BYTES_PER_TOKEN = 4
SAMPLE_CITIES = ("Paris", "Oslo", "Quito", "Lagos")
MARKER = re.compile(r"\[\[script:([a-z0-9-]+)\]\]")
DEFAULT_TEXT = "é☂😀 answer $nonce to: $question"


class UnknownScriptError(ValueError):
    """The marker in the last user message names no row of `SCRIPTS`."""


class OfferedTool(NamedTuple):
    """A tool in the request: its name and the JSON schema of its arguments (empty when it gave none)."""

    name: str
    parameters: Mapping[str, Any]


class Turn(NamedTuple):
    """One element of the conversation so far, reduced to what a script needs."""

    kind: TurnKind
    text: str = ""


class Conversation(NamedTuple):
    """A request, reduced to what a script needs.

    `round_number` counts the finished rounds of tool use since the last user message. `cacheable_prefix` is the part of the
    prompt that a provider would cache ("" for none), `prompt_bytes` the size of the whole prompt.
    """

    model: str
    question: str
    tools: tuple[OfferedTool, ...]
    round_number: int
    cacheable_prefix: str
    prompt_bytes: int


class PlannedCall(NamedTuple):
    """One tool call that the answer asks for."""

    name: str
    arguments: JsonObject


class Usage(NamedTuple):
    """Token counts of one exchange: bytes divided by `BYTES_PER_TOKEN`, plausible and nothing more."""

    prompt: int
    cache_read: int
    cache_write: int
    completion: int
    reasoning: int


class Answer(NamedTuple):
    """The neutral form of one answer; `nonce` is 8 random hex characters that no replay could guess."""

    nonce: str
    text: str
    calls: tuple[PlannedCall, ...]
    finish: Finish
    thinking: str
    usage: Usage


@dataclass(frozen=True)
class Script:
    """One row of the script table.

    `tool_rounds[i]` is the number of parallel calls asked for in round i; an empty tuple never calls a tool. `text` follows the
    last round; it may hold `$nonce`, `$question` (its first 60 characters) and `$echo` (the whole question). With `in_turn` the texts
    there are given one after another instead, and begin again.
    """

    name: str
    description: str
    tool_rounds: tuple[int, ...] = (2,)
    text: str = DEFAULT_TEXT
    finish: Finish = "stop"
    thinking: str = ""
    in_turn: tuple[str, ...] = ()


SCRIPTS: tuple[Script, ...] = (
    Script("default", "two parallel tool calls when tools are offered, then an answer"),
    Script("no-tools", "an answer at once, even when tools are offered", tool_rounds=()),
    Script("one-tool", "one tool call, then an answer", tool_rounds=(1,)),
    Script("three-turns", "three rounds with one tool call each, then an answer", tool_rounds=(1, 1, 1)),
    Script("four-parallel", "four parallel tool calls, then an answer", tool_rounds=(4,)),
    Script("two-then-one", "two parallel tool calls, one more, then an answer", tool_rounds=(2, 1)),
    Script("echo", "the whole question comes back", tool_rounds=(), text="é☂😀 $nonce: $echo"),
    Script("long", "an answer of 200 words", tool_rounds=(), text="é☂😀 $nonce " + "many words follow, " * 66 + "end"),
    Script("json", "an answer that is a JSON object", tool_rounds=(), text='{"nonce": "$nonce", "umbrella": "☂"}'),
    Script("empty", "an answer with no text at all", tool_rounds=(), text=""),
    Script("length", "an answer cut at the token limit", tool_rounds=(), finish="length"),
    Script("refusal", "the model declines", tool_rounds=(), text="I can't help with that. ($nonce)", finish="refusal"),
    Script("in-turn", "two equal answers, then another one, and so on", tool_rounds=(), in_turn=("keep it", "keep  it", "refund it")),
    Script("thinking", "a reasoning part before the answer", tool_rounds=(), thinking="é☂😀 weighing $nonce before answering"),
)
_SCRIPT_BY_NAME = {script.name: script for script in SCRIPTS}


def chosen_script(question: str) -> Script:
    """The script that the question's marker names, or `default`.

    Raises UnknownScriptError, so that a misspelt marker is an error in the test and not another story.
    """
    marker = MARKER.search(question)
    if marker is None:
        return _SCRIPT_BY_NAME["default"]
    try:
        return _SCRIPT_BY_NAME[marker[1]]
    except KeyError:
        raise UnknownScriptError(f"no script named {marker[1]!r}; there are: {', '.join(_SCRIPT_BY_NAME)}") from None


def conversation_from_turns(
    model: str, turns: Sequence[Turn], tools: Sequence[OfferedTool], *, cacheable_prefix: str, prompt_bytes: int
) -> Conversation:
    """Reduce turns to a Conversation: a run of consecutive `call` turns after the last user turn is one round of tool use."""
    last_user = max((index for index, turn in enumerate(turns) if turn.kind == "user"), default=-1)
    question = turns[last_user].text if last_user >= 0 else ""
    rounds = 0
    previous: TurnKind = "user"
    for turn in turns[last_user + 1 :]:
        rounds += turn.kind == "call" and previous != "call"
        previous = turn.kind
    return Conversation(model, question, tuple(tools), rounds, cacheable_prefix, prompt_bytes)


def sample_value(name: str, schema: Mapping[str, Any], index: int, nonce: str) -> Any:
    """A value that fits a JSON schema's `type` or `enum`, different for each `index`; `$ref` and formats are not resolved."""
    if schema.get("enum"):
        return schema["enum"][index % len(schema["enum"])]
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            return sample_value(name, schema[union][0], index, nonce)
    kind = str(schema.get("type", "string")).lower()
    if kind == "object":
        properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
        wanted = schema.get("required", list(properties))
        return {key: sample_value(key, properties.get(key, {}), index, nonce) for key in wanted}
    if kind == "array":
        return [sample_value(name, schema.get("items", {}), index, nonce)]
    simple: dict[str, Any] = {"integer": index + 1, "number": index + 0.5, "boolean": index % 2 == 0, "null": None}
    if kind in simple:
        return simple[kind]
    return SAMPLE_CITIES[index % len(SAMPLE_CITIES)] if name in {"city", "location"} else f"{name}-{nonce}"


def token_count(size_bytes: int) -> int:
    """Tokens for a number of bytes, at least 1."""
    return max(1, -(-size_bytes // BYTES_PER_TOKEN))


def _planned_calls(script: Script, conversation: Conversation, nonce: str) -> tuple[PlannedCall, ...]:
    if not conversation.tools or conversation.round_number >= len(script.tool_rounds):
        return ()
    asked_before = sum(script.tool_rounds[: conversation.round_number])
    calls = []
    for index in range(asked_before, asked_before + script.tool_rounds[conversation.round_number]):
        tool = conversation.tools[index % len(conversation.tools)]
        schema = {"type": "object", **tool.parameters, "enum": None}
        calls.append(PlannedCall(tool.name, sample_value(tool.name, schema, index, nonce)))
    return tuple(calls)


def plan_answer(conversation: Conversation, *, prefix_was_seen: bool, turn: int = 0) -> Answer:
    """Follow the chosen script for one request. `prefix_was_seen` tells whether the provider's prompt cache holds the prefix, `turn` how
    many answers were given before.

    Raises UnknownScriptError.
    """
    script = chosen_script(conversation.question)
    nonce = secrets.token_hex(4)
    calls = _planned_calls(script, conversation, nonce)
    words = {"nonce": nonce, "question": conversation.question[:QUESTION_CHARACTERS], "echo": conversation.question}
    chosen = script.in_turn[turn % len(script.in_turn)] if script.in_turn else script.text
    text = "" if calls else Template(chosen).substitute(words)
    thinking = Template(script.thinking).substitute(words)
    prefix_tokens = token_count(len(conversation.cacheable_prefix.encode())) if conversation.cacheable_prefix else 0
    usage = Usage(
        prompt=token_count(conversation.prompt_bytes),
        cache_read=prefix_tokens if prefix_was_seen else 0,
        cache_write=0 if prefix_was_seen else prefix_tokens,
        completion=token_count(len(text.encode()) + sum(len(repr(call)) for call in calls)),
        reasoning=token_count(len(thinking.encode())) if thinking else 0,
    )
    return Answer(nonce, text, calls, "tool_calls" if calls else script.finish, thinking, usage)


def text_pieces(text: str, *, words_each: int = 1) -> list[str]:
    """Cut a text into the deltas of a stream; joined, they are the text."""
    words = re.findall(r"\s*\S+|\s+$", text)
    return ["".join(words[start : start + words_each]) for start in range(0, len(words), words_each)]
