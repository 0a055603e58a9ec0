"""Puts planted secrets wherever an agent may have them. ``planted.json`` beside the working folder's program names them by channel.

The texts of a channel hold one secret of every kind; ``named`` holds values that only their name gives away.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

import fr_recorder as fr

PLANTED = json.loads(Path("planted.json").read_text(encoding="utf-8"))
TEXT: dict[str, str] = PLANTED["text"]
NAMED: dict[str, str] = PLANTED["named"]
SERVER = os.environ["FR_TEST_UPSTREAM"]
CHAT = SERVER + "/v1/chat/completions"


class RefusedError(Exception):
    """An exception with state of its own."""


@fr.tool(side_effect="read")
def take(note: str, **more: Any) -> str:
    """Arguments and a text."""
    return TEXT["tool result"]


@fr.tool(side_effect="write")
def give(kind: str) -> Any:
    """Results of other forms."""
    return {
        "object": {"client_secret": NAMED["result field"], "nested": [{"note": TEXT["tool object"]}, ("tuple", TEXT["tool tuple"])]},
        "bytes": TEXT["tool bytes"].encode(),
        "keys": {f"see {line}": 1 for line in TEXT["tool keys"].splitlines()},
        "bytes inside": {"data": TEXT["bytes inside"].encode()},
    }[kind]


@fr.tool(side_effect="read")
def items() -> Iterator[str]:
    """A generator."""
    yield TEXT["tool item"]


@fr.tool(side_effect="irreversible")
def fails() -> None:
    """Raises with a secret in the message, in an attribute, in a note and in the cause."""
    error = RefusedError(TEXT["exception"])
    error.password = NAMED["exception attribute"]  # type: ignore[attr-defined]
    error.add_note(TEXT["exception note"])
    try:
        raise ValueError(TEXT["exception cause"])
    except ValueError as cause:
        raise error from cause


def tools() -> None:
    """Every way of a tool."""
    take(TEXT["tool argument"], password=NAMED["argument"], options={"api_key": NAMED["argument field"], "list": (TEXT["argument tuple"],)})
    for kind in ("object", "bytes", "keys", "bytes inside"):
        give(kind)
    print(len(list(items())))
    try:
        fails()
    except RefusedError as error:
        print("refused", len(error.__notes__))


def chat(client: httpx2.Client, *messages: Any, **params: Any) -> httpx2.Response:
    """A model call with a key in its headers."""
    headers = {"authorization": f"Bearer {NAMED['bearer']}", "x-api-key": NAMED["key header"], "cookie": f"session={NAMED['cookie']}"}
    headers["x-note"] = TEXT["request header"]
    body = {"messages": list(messages), "model": "gpt-x", **params}
    return client.post(CHAT, json=body, headers=headers)


def models(client: httpx2.Client) -> None:
    """Prompts, schemas, answers whole and streamed, and a conversation that goes on with them."""
    properties = {"note": {"type": "string", "description": TEXT["tool schema"], "default": TEXT["schema default"]}}
    schema = {"type": "function", "function": {"name": "take", "parameters": {"type": "object", "properties": properties}}}
    system = {"role": "system", "content": TEXT["system prompt"]}
    user = {"role": "user", "content": [{"type": "text", "text": TEXT["prompt"]}]}
    answer = chat(client, system, user, {"role": "user", "content": "whole"}, tools=[schema]).json()["choices"][0]["message"]
    print("answered", answer["content"] is not None)
    call = {"id": "c", "type": "function", "function": {"name": "take", "arguments": json.dumps({"note": TEXT["call arguments"]})}}
    history = [system, user, answer, {"role": "assistant", "content": None, "tool_calls": [call]}]
    history.append(
        {"role": "tool", "tool_call_id": "c", "content": json.dumps({"token": NAMED["tool message"], "text": TEXT["tool message"]})}
    )
    streamed = ""
    with client.stream("POST", CHAT, json={"messages": [*history, {"role": "user", "content": "streamed"}], "stream": True}) as events:
        for line in events.iter_lines():
            if line.startswith("data: {"):
                streamed += json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
    chat(client, *history, {"role": "assistant", "content": streamed}, {"role": "user", "content": "refused"})
    print(streamed.splitlines()[0])


def bodies(client: httpx2.Client) -> None:
    """What else goes over HTTP."""
    auth = f"{SERVER.replace('://', '://svc:' + NAMED['url password'] + '@')}/text"
    client.get(auth, params={"api_key": NAMED["query"], "note": TEXT["query text"]})
    client.post(SERVER + "/text", data={"password": NAMED["form field"], "note": TEXT["form text"]})
    client.post(
        SERVER + "/text", data={"secret": NAMED["multipart field"], "note": TEXT["multipart text"]}, files={"file": ("a.txt", TEXT["file"])}
    )
    client.post(SERVER + "/text", content=TEXT["upload"].encode(), headers={"content-type": "application/octet-stream"})
    client.post(SERVER + "/text", content="".join(json.dumps({"line": line}) + "\n" for line in TEXT["ndjson"].splitlines()))
    for path in ("/gzip", "/json", "/status"):
        client.get(SERVER + path)
    try:
        client.get("http://127.0.0.1:1/", params={"token": NAMED["unanswered query"]})
    except httpx2.ConnectError:
        print("refused")


def library() -> None:
    """Labels, decisions and calls by hand."""
    labels = {"session": TEXT["session"], "user": NAMED["user"], "task": TEXT["task"], "tenant": TEXT["tenant"], "agent": TEXT["agent"]}
    with fr.trace(TEXT["trace name"], tags={"note": TEXT["tag"], TEXT["tag name"]: "x"}, **labels):
        fr.decision(TEXT["decision label"], why=TEXT["decision"], password=NAMED["decision field"])
        with fr.llm_call(
            provider="acme", model="m", system=TEXT["manual system"], messages=[{"role": "user", "content": TEXT["manual"]}]
        ) as call:
            call.run(lambda: TEXT["manual result"])
            call.respond(TEXT["manual answer"], raw={"access_token": NAMED["manual field"]})
    try:
        with fr.trace("failing"):
            raise LookupError(TEXT["span exception"])
    except LookupError:
        print("looked up")


def main() -> None:
    """Everything, then a request on which the server looks at what is on disk."""
    print(TEXT["stdout"])
    print(len(sys.stdin.read()) > 0, file=sys.stderr)
    tools()
    with httpx2.Client(timeout=30) as client:
        models(client)
        bodies(client)
        library()
        fr.flush()
        print(client.get(SERVER + "/look").text)


if __name__ == "__main__":
    main()
