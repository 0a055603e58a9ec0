"""A tool result of 50 MB by HTTP, printed as hashes, and a large prompt made from its head."""

import hashlib
import os

import httpx2
import openai

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
SIZE_BYTES = 50_000_000


def main() -> None:
    """Fetch it whole, then in pieces, then ask about 200 kB of it."""
    answer = httpx2.get(f"{UPSTREAM}/tool/big?bytes={SIZE_BYTES}", timeout=60)
    digest = hashlib.sha256(answer.content).hexdigest()
    print("whole", len(answer.content), digest, digest == answer.headers["x-content-sha256"])
    streamed = hashlib.sha256()
    with httpx2.stream("GET", f"{UPSTREAM}/with/encoding=gzip/tool/big?bytes=5000000", timeout=60) as pieces:
        for piece in pieces.iter_bytes():
            streamed.update(piece)
        print("pieces", streamed.hexdigest() == pieces.headers["x-content-sha256"], streamed.hexdigest())
    with openai.OpenAI(base_url=UPSTREAM + "/v1", api_key="sk-test", max_retries=0) as client:
        head = answer.text[:200_000]
        said = client.chat.completions.create(
            model="gpt-x", messages=[{"role": "user", "content": head}, {"role": "user", "content": "What is it?"}]
        )
    print("asked", said.choices[0].message.content, said.usage and said.usage.prompt_tokens)


if __name__ == "__main__":
    main()
