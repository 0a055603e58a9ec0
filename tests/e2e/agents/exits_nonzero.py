"""One question, words on both outputs, then exit code 3."""

import os
import sys

import openai


def main() -> int:
    """Ask, print, fail."""
    with openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0) as client:
        answer = client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": "hi"}])
    print("answer", answer.choices[0].message.content)
    print("the answer was not good enough", file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main())
