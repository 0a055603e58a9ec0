"""Five questions; the program kills itself with SIGKILL right after the third answer."""

import os
import signal

import openai

CLIENT = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0)


def main() -> None:
    """Print each answer, flushed, before the next question."""
    for number in range(1, 6):
        answer = CLIENT.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": f"question {number}"}])
        print(number, answer.choices[0].message.content, flush=True)
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
