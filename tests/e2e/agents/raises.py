"""One question, then an exception that nobody catches: traceback on stderr, exit code 1."""

import os

import openai


class NotConvincedError(Exception):
    """The answer did not convince."""


def main() -> None:
    """Ask, print, raise."""
    with openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0) as client:
        answer = client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": "convince me"}])
    print("answer", answer.choices[0].message.content, flush=True)
    raise NotConvincedError(f"not convinced by {answer.choices[0].message.content}")


if __name__ == "__main__":
    main()
