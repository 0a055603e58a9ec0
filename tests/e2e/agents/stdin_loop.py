"""A chat over stdin: every line is a question in one growing conversation, until the end of input or `bye`."""

import os
import sys
from typing import Any

import openai

CLIENT = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0)


def main() -> None:
    """The last question is read with input(), the others from the file object."""
    messages: list[Any] = [{"role": "system", "content": "You chat."}]
    for line in sys.stdin:
        question = line.strip()
        if question == "bye":
            break
        messages.append({"role": "user", "content": question})
        answer = CLIENT.chat.completions.create(model="gpt-x", messages=messages).choices[0].message.content
        messages.append({"role": "assistant", "content": answer})
        print("you:", question)
        print("model:", answer, flush=True)
    print("turns", len(messages) // 2)


if __name__ == "__main__":
    main()
