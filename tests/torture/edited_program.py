"""The program that the mutations edit: an agent with tools, six model calls and two tool calls in a fixed order.

Each line is an edit's target; `mutations.py` refers to its text, so every text that is edited stands here once.
"""

import json
import os

import httpx2

import fr_recorder as fr

URL = os.environ["FR_TEST_UPSTREAM"] + "/v1/chat/completions"
MODEL = "gpt-torture"
TEMPERATURE = 0.25
LIMIT = 400
SYSTEM = "You are the night clerk of a small hotel. Answer briefly, and never promise a room that is not free."
NAMES = ["find_room", "book_room", "wake_guest", "call_taxi"]
SCHEMAS = [{"type": "object", "properties": {"number": {"type": "integer"}, "note": {"type": "string"}}} for _ in NAMES]
TOOLS = [{"type": "function", "function": {"name": n, "parameters": s}} for n, s in zip(NAMES, SCHEMAS, strict=True)]
QUESTIONS = [
    "Is there a room with a view of the harbour tonight?",
    "What does the room with two beds cost with breakfast?",
    "Please wake me at half past five, knock twice.",
    "Can the taxi to the station wait until the rain stops?",
]
EXTRA = {"seed": 11, "user": "guest-7"}
HEADERS = {"openai-organization": "org-night"}


@fr.tool(side_effect="read")
def find_room(number: int, note: str) -> str:
    """A tool whose result does not depend on the model."""
    return f"room {number}: {note}"


@fr.tool(side_effect="write")
def book_room(number: int, nights: int) -> str:
    """Another."""
    return f"booked {number} for {nights}"


def ask(messages, tools=None):
    """One model call."""
    body = {"model": MODEL, "temperature": TEMPERATURE, "max_tokens": LIMIT, "messages": messages, **EXTRA}
    if tools:
        body["tools"] = tools
    answer = httpx2.post(URL, json=body, headers=HEADERS).json()
    return answer["choices"][0]["message"]["content"] or "(tools)"


history = [{"role": "system", "content": SYSTEM}]
history.append({"role": "user", "content": QUESTIONS[0]})
history.append({"role": "assistant", "content": ask(history, TOOLS)})  # step 1
history.append({"role": "user", "content": find_room(12, note="harbour side")})
history.append({"role": "user", "content": QUESTIONS[1]})
history.append({"role": "assistant", "content": ask(history)})  # step 2
history.append({"role": "user", "content": QUESTIONS[2]})
history.append({"role": "assistant", "content": ask(history, TOOLS)})  # step 3
history.append({"role": "user", "content": book_room(12, nights=2)})
first = ask([{"role": "user", "content": "Summarise the night."}])  # step 4
second = ask([{"role": "user", "content": "List what is still to do."}])  # step 5
history.append({"role": "user", "content": QUESTIONS[3] + json.dumps([len(first) > 0, len(second) > 0])})
history.append({"role": "assistant", "content": ask(history)})  # step 6
print(history[-1]["content"])
