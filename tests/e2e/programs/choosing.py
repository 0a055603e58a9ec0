"""Asks for decisions that come in turn, a tool call plain and streamed, a refusal, and one about a redacted person."""

import os
from typing import Any

import httpx

BASE = os.environ["FR_TEST_UPSTREAM"]
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
}


def ask(client: httpx.Client, text: str, path: str = "", **more: Any) -> int:
    """One question; returns the status."""
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **more}
    return client.post(f"{BASE}{path}/v1/chat/completions", json=body).status_code


with httpx.Client(headers={"authorization": "Bearer sk-planted-000"}) as client:
    print(ask(client, "[[script:in-turn]] what now?"))
    print(ask(client, "[[script:one-tool]] weather?", tools=[WEATHER]))
    print(ask(client, "[[script:one-tool]] weather?", tools=[WEATHER], stream=True, stream_options={"include_usage": True}))
    print(ask(client, "[[script:refusal]] do it"))
    print(ask(client, "[[script:echo]] write to ann@example.org"))
    print(ask(client, "busy?", path="/fault/429"))
