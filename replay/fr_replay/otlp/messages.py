"""Conversations of spans as messages of OpenAI's chat API, the shape in which calls without an exchange are kept.

Each convention has a reader; what a reader does not know of a message's parts stays in it as it was sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .flattened import items_under
from .signals import Happening, Signal

__all__ = ["chat_tools", "input_messages", "json_in", "output_choices"]

Message = dict[str, Any]
Attributes = Mapping[str, Any]

_MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "developer": "developer"}


def json_in(value: Any) -> Any:
    """The JSON value that an attribute is, or holds as text; text that is none stays text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, strict=False)
    except (ValueError, RecursionError):
        return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# -- both sides


def input_messages(attributes: Attributes, events: Sequence[Happening], logs: Sequence[Signal]) -> list[Message] | None:
    """What was sent to the model; None where nothing says it."""
    found = _parts_messages(json_in(attributes.get("gen_ai.input.messages")))
    found = found or [_openinference(item) for item in items_under(attributes, "llm.input_messages")]
    found = found or [_traceloop(item) for item in items_under(attributes, "gen_ai.prompt")]
    found = found or _messages_of_events(logs)
    found = found or _plain_prompts(attributes, events)
    system = json_in(attributes.get("gen_ai.system_instructions"))
    if system:
        instructions = _parts_messages([{"role": "system", "parts": system if isinstance(system, list) else [_text_part(system)]}])
        found = [*instructions, *(found or [])]
    return found or None


def output_choices(attributes: Attributes, events: Sequence[Happening], logs: Sequence[Signal]) -> list[Message] | None:
    """What the model answered, as the chat API's ``choices``; None where nothing says it."""
    made = _parts_choices(json_in(attributes.get("gen_ai.output.messages")))
    made = made or [{"message": _openinference(item)} for item in items_under(attributes, "llm.output_messages")]
    made = made or [_traceloop_choice(item) for item in items_under(attributes, "gen_ai.completion")]
    made = made or [_choice_of_body(log) for log in logs if log.name == "gen_ai.choice"]
    made = made or _plain_completions(attributes, events)
    return [{"index": number, **choice} for number, choice in enumerate(made)] or None


# -- GenAI conventions: messages with parts


def _text_part(text: Any) -> dict[str, Any]:
    return {"type": "text", "content": _text(text)}


def _parts_messages(value: Any) -> list[Message]:
    if isinstance(value, str) and value:
        return [{"role": "user", "content": value}]
    return [made for item in _listed(value) for made in _of_parts(item)]


def _parts_choices(value: Any) -> list[Message]:
    choices: list[Message] = []
    for item in [{"role": "assistant", "content": value}] if isinstance(value, str) and value else _listed(value):
        if isinstance(item, dict) and isinstance(item.get("message"), dict):
            # The chat API's own choices, as some put them there.
            choices.append(dict(item))
            continue
        finish = item.get("finish_reason") if isinstance(item, dict) else None
        for message in _of_parts(item):
            message.pop("finish_reason", None)
            choices.append({"message": message, **({"finish_reason": finish} if finish is not None else {})})
    return choices


def _of_parts(item: Any) -> list[Message]:
    """The chat messages of one message with parts: results of tools are messages of their own there."""
    if not isinstance(item, dict):
        return [{"role": "user", "content": _text(item)}]
    if not isinstance(item.get("parts"), list):
        return [dict(item)]
    role = str(item.get("role") or "user")
    made: Message = {"role": _ROLES.get(role, role)}
    made |= {name: value for name, value in item.items() if name not in ("role", "parts", "finish_reason")}
    content: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    results: list[Message] = []
    thoughts: list[str] = []
    for part in item["parts"]:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and "content" in part:
            content.append({**{k: v for k, v in part.items() if k != "content"}, "text": _text(part["content"])})
        elif kind == "reasoning" and isinstance(part.get("content"), str):
            thoughts.append(part["content"])
        elif kind == "tool_call":
            calls.append(_call(part.get("id"), part.get("name"), part.get("arguments")))
        elif kind == "tool_call_response":
            answer = part.get("response", part.get("result"))
            results.append({"role": "tool", "tool_call_id": part.get("id"), "content": _text(answer)})
        else:
            content.append(part if isinstance(part, dict) else {"type": "text", "text": _text(part)})
    if thoughts:
        made["reasoning_content"] = "\n".join(thoughts)
    if calls:
        made["tool_calls"] = calls
    made["content"] = content[0]["text"] if len(content) == 1 and content[0].keys() == {"type", "text"} else content or None
    alone = results and not content and not calls and not thoughts
    return results if alone else [made, *results]


def _call(call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    written = "" if arguments is None else _text(arguments)
    made = {"id": call_id, "type": "function", "function": {"name": _text(name or "unknown"), "arguments": written}}
    return {key: value for key, value in made.items() if value is not None}


# -- OpenInference and OpenLLMetry: flattened


def _openinference(item: Any) -> Message:
    message = item.get("message") if isinstance(item, dict) else None
    if not isinstance(message, dict):
        return {"role": "user", "content": _text(item)}
    role = str(message.get("role") or "user")
    made: Message = {"role": _ROLES.get(role, role), "content": message.get("content")}
    contents = [inner.get("message_content", inner) if isinstance(inner, dict) else inner for inner in _listed(message.get("contents"))]
    if contents:
        only_text = all(isinstance(part, dict) and part.keys() == {"type", "text"} and part["type"] == "text" for part in contents)
        made["content"] = contents[0]["text"] if only_text and len(contents) == 1 else contents
    calls = [call.get("tool_call", call) for call in _listed(message.get("tool_calls")) if isinstance(call, dict)]
    functions = [(call, call.get("function") if isinstance(call.get("function"), dict) else {}) for call in calls]
    if functions:
        made["tool_calls"] = [_call(call.get("id"), function.get("name"), function.get("arguments")) for call, function in functions]
    elif message.get("function_call_name") is not None:
        made["tool_calls"] = [_call(None, message["function_call_name"], message.get("function_call_arguments_json"))]
    known = ("role", "content", "contents", "tool_calls", "function_call_name", "function_call_arguments_json")
    return {**made, **{name: value for name, value in message.items() if name not in known}}


def _traceloop(item: Any) -> Message:
    if not isinstance(item, dict):
        return {"role": "user", "content": _text(item)}
    role = str(item.get("role") or "user")
    made: Message = {"role": _ROLES.get(role, role), "content": item.get("content")}
    calls = [call for call in _listed(item.get("tool_calls")) if isinstance(call, dict)]
    if calls:
        made["tool_calls"] = [_call(call.get("id"), call.get("name"), call.get("arguments")) for call in calls]
    known = ("role", "content", "tool_calls", "finish_reason")
    return {**made, **{name: value for name, value in item.items() if name not in known}}


def _traceloop_choice(item: Any) -> Message:
    message = _traceloop(item)
    if isinstance(item, dict):
        message["role"] = str(item.get("role") or "assistant")
        if item.get("finish_reason") is not None:
            return {"message": message, "finish_reason": item["finish_reason"]}
    return {"message": message}


# -- events, and the oldest attributes


def _messages_of_events(logs: Sequence[Signal]) -> list[Message]:
    made = []
    for log in logs:
        role = _MESSAGE_EVENTS.get(log.name)
        if role is None:
            continue
        body = json_in(log.body)
        message: Message = {"role": role, **(body if isinstance(body, dict) else {"content": body})}
        if role == "tool" and "id" in message:
            message["tool_call_id"] = message.pop("id")
        made.append(message)
    return made


def _choice_of_body(log: Signal) -> Message:
    body = json_in(log.body)
    choice = dict(body) if isinstance(body, dict) else {"message": {"content": body}}
    choice.pop("index", None)
    message = choice.get("message")
    inner = dict(message) if isinstance(message, dict) else {"content": message}
    # Some put the calls beside the message.
    if "tool_calls" in choice:
        inner.setdefault("tool_calls", choice.pop("tool_calls"))
    return {**choice, "message": {"role": "assistant", **inner}}


def _named(attributes: Attributes, events: Sequence[Happening], name: str, event: str) -> Any:
    found = attributes.get(name)
    return found if found is not None else next((e.attributes[name] for e in events if e.name == event and name in e.attributes), None)


def _plain_prompts(attributes: Attributes, events: Sequence[Happening]) -> list[Message]:
    found = json_in(_named(attributes, events, "gen_ai.prompt", "gen_ai.content.prompt"))
    if found is not None:
        return _parts_messages(found if isinstance(found, list) else [found] if isinstance(found, dict) else _text(found))
    texts = [item.get("prompt") for item in items_under(attributes, "llm.prompts") if isinstance(item, dict)]
    return [{"role": "user", "content": text.get("text") if isinstance(text, dict) else text} for text in texts]


def _plain_completions(attributes: Attributes, events: Sequence[Happening]) -> list[Message]:
    found = json_in(_named(attributes, events, "gen_ai.completion", "gen_ai.content.completion"))
    if found is not None:
        return _parts_choices(found if isinstance(found, list) else [found] if isinstance(found, dict) else _text(found))
    texts = [item.get("completion") for item in items_under(attributes, "llm.choices") if isinstance(item, dict)]
    return [{"message": {"role": "assistant", "content": text.get("text") if isinstance(text, dict) else text}} for text in texts]


# -- tools


def chat_tools(attributes: Attributes) -> list[dict[str, Any]]:
    """The tools that the model was offered, as the chat API has them."""
    given = _listed(json_in(attributes.get("gen_ai.tool.definitions")))
    if not given:
        flat = [item.get("tool") for item in items_under(attributes, "llm.tools") if isinstance(item, dict)]
        given = [json_in(tool.get("json_schema")) for tool in flat if isinstance(tool, dict)]
    if not given:
        given = [
            {**item, "parameters": json_in(item.get("parameters"))}
            for item in items_under(attributes, "llm.request.functions")
            if isinstance(item, dict)
        ]
    return [_chat_tool(tool) for tool in given if isinstance(tool, dict)]


def _chat_tool(tool: dict[str, Any]) -> dict[str, Any]:
    if "function" in tool or "name" not in tool or tool.get("type", "function") != "function":
        return tool
    return {"type": "function", "function": {name: value for name, value in tool.items() if name != "type" and value is not None}}
