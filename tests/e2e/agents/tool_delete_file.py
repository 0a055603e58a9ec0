"""An agent that reads a file and deletes it because the model says so: `python tool_delete_file.py PATH`.

In replay the file must stay: the deletion is served from the record, and its body does not run.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai

import fr_recorder as fr

CLIENT = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0)


@fr.tool(side_effect="read")
def read_file(path: str) -> str:
    """The text of the file."""
    return Path(path).read_text(encoding="utf-8")


@fr.tool(side_effect="irreversible")
def delete_file(path: str) -> str:
    """Delete the file."""
    os.unlink(path)
    return f"deleted {path}"


TOOLS: dict[str, Callable[[str], str]] = {"read_file": read_file, "delete_file": delete_file}


def schema_of(name: str) -> dict[str, Any]:
    """The tool as the model sees it; it has no arguments, since there is one file only."""
    parameters = {"type": "object", "properties": {}, "required": []}
    return {"type": "function", "function": {"name": name, "description": TOOLS[name].__doc__, "parameters": parameters}}


def main(path: str) -> None:
    """Do what the model asks for until it answers."""
    tools: Any = [schema_of(name) for name in TOOLS]
    messages: list[Any] = [{"role": "system", "content": "You tidy up."}, {"role": "user", "content": "Read the file, then delete it."}]
    while True:
        message = CLIENT.chat.completions.create(model="gpt-x", messages=messages, tools=tools).choices[0].message
        messages.append(message.to_dict())
        for call in message.tool_calls or []:
            assert call.type == "function"
            result = TOOLS[call.function.name](path)
            print(call.function.name, result)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        if not message.tool_calls:
            break
    print("model", message.content)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: tool_delete_file.py PATH")
    main(sys.argv[1])
