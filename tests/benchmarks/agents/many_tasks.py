"""An agent on the openai SDK for the replay measure: tasks of ten turns each, requests of 12 KB growing to 28 KB.

    OPENAI_BASE_URL=... python many_tasks.py CALLS

Prints the nonce of every answer, so two runs that print the same got the same answers.
"""

import sys

from openai import OpenAI

SYSTEM = "You are a careful assistant of an airline. " * 285
TURNS = 10


def main() -> None:
    """Work through the tasks."""
    client = OpenAI(max_retries=0)
    messages: list[dict[str, str]] = []
    for call in range(int(sys.argv[1])):
        if call % TURNS == 0:
            messages = [{"role": "system", "content": SYSTEM}]
        messages.append({"role": "user", "content": f"ask-{call:06d} what about it?"})
        answer = client.chat.completions.create(model="gpt-4o", messages=messages, temperature=0.2)  # type: ignore[arg-type]
        said = answer.choices[0].message.content or ""
        print(said[:26], flush=True)
        messages.append({"role": "assistant", "content": said})


main()
