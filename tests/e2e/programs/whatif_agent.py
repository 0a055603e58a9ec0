"""Asks for the weather with a tool until the model answers; then says what the tool did, and how long that took."""

import json
import os
import time
from pathlib import Path
from typing import Any

import openai

import fr_recorder as fr

WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
}
SCRIPT = os.environ.get("FR_TEST_SCRIPT", "three-turns")


@fr.tool(side_effect="write")
def weather(city: str) -> str:
    """Leaves a mark wherever it runs."""
    with Path("ran").open("a") as file:
        file.write(f"{city}\n")
    return f"mild in {city}"


def main() -> None:
    """Rounds of tools until there is an answer."""
    client = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", max_retries=0)
    messages: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"[[script:{SCRIPT}]] weather?"}]
    started = time.time()
    while True:
        message = client.chat.completions.create(model="gpt-4o", temperature=0.5, messages=messages, tools=[WEATHER]).choices[0].message
        messages.append(message.to_dict())
        if not message.tool_calls:
            print("answer", message.content)
            break
        for call in message.tool_calls:
            assert call.type == "function"
            result = weather(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
            print("tool", result)
    assert 0 <= time.time() - started < 60


if __name__ == "__main__":
    main()
