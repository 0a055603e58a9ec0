"""Rules that change a model request on its way: other model, other parameters, another system prompt, another message. Pure.

A rule holds for every request from a step on, since a program builds its prompt anew each time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from fr_schema.errors import BadInput
from fr_schema.providers import classify

__all__ = ["PLACES", "Place", "Rewritten", "Rule", "RuleFailed", "parse_rule", "rewrite", "system_rule"]

SYSTEM = "system"
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_MODEL_IN_PATH = re.compile(r"(/(?:models|model|deployments)/)([^/:?]+)")
_SYSTEM_ROLES = ("system", "developer")


class RuleFailed(Exception):
    """A rule cannot be applied to a request; the text says why."""


class Rule(NamedTuple):
    """One rule: what ``--set`` or ``--system`` said.

    Attributes:
        name: the path as written: ``model``, ``temperature``, ``messages[0].content``.
        value: the JSON value to be put there.
    """

    name: str
    value: Any


class Place(NamedTuple):
    """One row: where an API keeps what most call by one name."""

    flavor: str
    name: str
    path: str


PLACES = (
    Place("gemini", "temperature", "generationConfig.temperature"),
    Place("gemini", "top_p", "generationConfig.topP"),
    Place("gemini", "seed", "generationConfig.seed"),
    Place("gemini", "max_tokens", "generationConfig.maxOutputTokens"),
    Place("bedrock.converse", "temperature", "inferenceConfig.temperature"),
    Place("bedrock.converse", "top_p", "inferenceConfig.topP"),
    Place("bedrock.converse", "max_tokens", "inferenceConfig.maxTokens"),
    Place("ollama.chat", "temperature", "options.temperature"),
    Place("ollama.chat", "top_p", "options.top_p"),
    Place("ollama.chat", "seed", "options.seed"),
    Place("openai.responses", "max_tokens", "max_output_tokens"),
    Place("openai.responses", SYSTEM, "instructions"),
    Place("anthropic.messages", SYSTEM, "system"),
    Place("gemini", SYSTEM, "systemInstruction"),
    Place("bedrock.converse", SYSTEM, "system"),
)
"""What is not here is taken as a path of the request's JSON; a system prompt then as the first message."""

_SYSTEM_SHAPES: dict[str, Any] = {
    "gemini": lambda text: {"parts": [{"text": text}]},
    "bedrock.converse": lambda text: [{"text": text}],
}
"""How an API writes a system prompt, where that is not the text itself."""


class Rewritten(NamedTuple):
    """A request with the rules in it; ``changed`` names those that made a difference."""

    url: str
    body: bytes
    changed: list[str]


def parse_rule(text: str) -> Rule:
    """``PATH=VALUE``: the value as JSON, or, where it is none, as text. Raises BadInput."""
    name, equals, written = text.partition("=")
    if not equals or not name or "".join(found[0] for found in _STEP.finditer(name)) != name:
        raise BadInput(f"--set {text} is no PATH=VALUE", hint="such as --set temperature=0 or --set 'messages[0].content=Hello'")
    try:
        return Rule(name, json.loads(written))
    except ValueError:
        return Rule(name, written)


def system_rule(text: str) -> Rule:
    """``--system TEXT`` as a rule."""
    return Rule(SYSTEM, text)


def rewrite(method: str, url: str, body: bytes, rules: Sequence[Rule]) -> Rewritten:
    """Apply rules to a model request. Raises RuleFailed; a body that no rule changes stays as it is, byte for byte."""
    endpoint = classify(method, url)
    flavor = endpoint.api_flavor if endpoint is not None else ""
    try:
        value = json.loads(body, strict=False)
    except (ValueError, RecursionError):
        raise RuleFailed("the request is no JSON, so no rule can be applied to it") from None
    if not isinstance(value, dict):
        raise RuleFailed("the request is no JSON object, so no rule can be applied to it")
    before, new_url = json.dumps(value), url
    changed = []
    for rule in rules:
        if rule.name == "model" and "model" not in value and _MODEL_IN_PATH.search(url):
            new_url = _MODEL_IN_PATH.sub(lambda found, model=rule.value: f"{found[1]}{model}", new_url, count=1)  # type: ignore[misc]
            changed += [rule.name] if new_url != url else []
            continue
        _apply(value, flavor, rule)
        after = json.dumps(value)
        changed += [rule.name] if after != before else []
        before = after
    kept = not changed or (changed == ["model"] and new_url != url)
    return Rewritten(new_url, body if kept else json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"), changed)


def _apply(value: dict[str, Any], flavor: str, rule: Rule) -> None:
    place = next((row.path for row in PLACES if (row.flavor, row.name) == (flavor, rule.name)), None)
    if rule.name == SYSTEM:
        shape = _SYSTEM_SHAPES.get(flavor)
        if place is None and isinstance(value.get("messages"), list):
            _put_system_message(value["messages"], rule.value)
            return
        if place is None:
            raise RuleFailed("it is not known where a request of this API has its system prompt; --set PATH=VALUE names a place")
        _put(value, _path(place), shape(rule.value) if shape else rule.value, rule.name)
        return
    _put(value, _path(place or rule.name), rule.value, rule.name)


def _put_system_message(messages: list[Any], text: Any) -> None:
    """In the place of the first system message, or before all others."""
    for message in messages:
        if isinstance(message, dict) and message.get("role") in _SYSTEM_ROLES:
            message["content"] = text
            return
    messages.insert(0, {"role": "system", "content": text})


def _path(text: str) -> list[str | int]:
    return [int(found[2]) if found[2] is not None else found[1] for found in _STEP.finditer(text)]


def _put(value: Any, path: Sequence[str | int], new: Any, name: str) -> None:
    """Put a value at a path; objects on the way are made, elements of lists must be there."""
    *way, last = path
    for step in way:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.setdefault(step, {})
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            raise RuleFailed(f"the request has nothing at {name}")
    in_object = isinstance(value, dict) and isinstance(last, str)
    in_list = isinstance(value, list) and isinstance(last, int) and last < len(value)
    if not (in_object or in_list):
        raise RuleFailed(f"the request has nothing at {name}")
    value[last] = new
